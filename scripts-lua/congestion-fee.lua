-- congestion-fee: the fee that is called comfortable follows the load of the blocks.
--
-- `on_block` adds up the commands of the epoch in the script's store; `on_epoch` compares the mean
-- of a block with a target and moves `consumer_fee_comfort_p90_microunits`, which the script owns,
-- by at most an eighth: up under load, down when blocks are half empty. In between it stays.

hook = {
  name = "congestion-fee",
  version = "1.0.0",
  on = {"on_block", "on_epoch"},
  owns = {"consumer_fee_comfort_p90_microunits"},
  priority = 10,
}

local key = "consumer_fee_comfort_p90_microunits"
local target = 200 -- commands in a block

function on_block(c)
  if c.commands == 0 then
    return -- writes nothing in an empty block
  end
  return {state = {commands = (state.get("commands") or 0) + c.commands}}
end

function on_epoch(c)
  local spec = params.spec(key)
  if not spec then
    return
  end
  local mean = (state.get("commands") or 0) // c.epoch_blocks
  local fee = spec.value
  if mean > target then
    fee = fee + math.max(fx.muldiv(fee, math.min(mean - target, target), 8 * target), 1)
  elseif mean < target // 2 then
    fee = fee - fee // 8
  end
  local result = {state = {commands = 0}, params = {}}
  fee = fx.clamp(fee, spec.min, spec.max)
  if fee ~= spec.value then
    result.params[key] = fee
  end
  return result
end
