-- treasury-policy: what may leave the treasury in an epoch, and how it is fed.
--
-- At the gate `treasury` it is asked before each execution of a voted disbursement:
--   * one destination gets at most `per_destination` in an epoch, or what `caps` says of it;
--   * all together get at most `per_epoch`.
-- What it refuses stays timelocked; the executor asks again, and the next epoch pays it. It cannot
-- refuse votes, rollbacks, or its own end: those pass no gate.
--
-- The script owns `treasury_percent`, the share of each block reward that goes to the treasury, and
-- sets it once an epoch:
--   * spent more than `spend_cap` in the epoch that ends: nothing comes in for the next one, and an
--     event tells everybody;
--   * below the floor of the reserve: one step up, to `highest` at most;
--   * above its ceiling: one step down.
--
-- `last` in its store is the balance at the end of the epoch before.

hook = {
  name = "treasury-policy",
  version = "1.1.0",
  on = {"on_epoch", "on_gate"},
  owns = {"treasury_percent"},
}

local per_destination, per_epoch = 500000, 2000000 -- of one epoch
local caps = {}                                    -- caps["tb1…"] = 1000000

local floor, ceiling = 1000000, 10000000 -- of the reserve
local spend_cap = 2000000                -- in one epoch
local step, highest = 1, 10              -- percent

function on_gate(c)
  if c.gate ~= "treasury" then
    return
  end
  local cap = caps[c.destination] or per_destination
  if c.paid_to_destination + c.amount > cap then
    return false, string.format("%s has had %d of %d in epoch %d, and %d is asked for",
      c.destination, c.paid_to_destination, cap, c.epoch, c.amount)
  end
  if c.paid_in_epoch + c.amount > per_epoch then
    return false, string.format("epoch %d has spent %d of %d, and %d is asked for",
      c.epoch, c.paid_in_epoch, per_epoch, c.amount)
  end
end

function on_epoch(c)
  local balance = treasury.balance()
  local percent = params.get("treasury_percent")
  if not balance or not percent then
    return -- no treasury on this chain
  end
  local spent = math.max((state.get("last") or balance) - balance, 0)
  local result = {state = {last = balance}, params = {}, events = {}}

  local wanted = percent
  if spent > spend_cap then
    wanted = 0
    result.events[1] = {name = "overspent", data = {epoch = c.epoch, spent = spent, cap = spend_cap}}
  elseif balance < floor then
    wanted = math.min(percent + step, highest)
  elseif balance > ceiling then
    wanted = math.max(percent - step, 0)
  end
  if wanted ~= percent then
    result.params.treasury_percent = wanted
  end
  return result
end
