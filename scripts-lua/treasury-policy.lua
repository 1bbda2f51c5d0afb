-- treasury-policy: how the treasury is fed follows what it spends.
--
-- The script owns `treasury_percent`, the share of each block reward that goes to the treasury, and
-- sets it once an epoch:
--   * spent more than `spend_cap` in the epoch that ends: nothing comes in for the next one, and an
--     event tells everybody;
--   * below the floor of the reserve: one step up, to `highest` at most;
--   * above its ceiling: one step down.
-- No script can stand in front of the commands of governance itself, so it does not stop a voted
-- disbursement; it decides how much there is to vote on.
--
-- `last` in its store is the balance at the end of the epoch before.

hook = {
  name = "treasury-policy",
  version = "1.0.0",
  on = {"on_epoch"},
  owns = {"treasury_percent"},
}

local floor, ceiling = 1000000, 10000000 -- of the reserve
local spend_cap = 2000000                -- in one epoch
local step, highest = 1, 10              -- percent

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
