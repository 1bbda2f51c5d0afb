-- price-guard: no energy parameter that moves prices or stakes may jump.
--
-- A proposal names the value that its authors want in the end. This script lets each activation go
-- only part of the way: at most a quarter of the value in force, and never less than the smallest
-- step given here, so that a value near zero can move at all. Who wants to go further votes again.
-- What the house voted stays in the history as `voted_value`.
--
-- A change that would switch slashing on from nothing is refused: that needs its own debate.

hook = {
  name = "price-guard",
  version = "1.0.0",
  on = {"on_param_change"},
  keys = {
    "energy_min_stake",
    "energy_slashing_rate_bps",
    "energy_treasury_fee_bps",
    "energy_jurisdiction_fee_bps",
    "energy_congestion_sensitivity_ppm",
  },
}

-- The smallest step that is always allowed, in the unit of the parameter.
local smallest_step = {
  energy_min_stake = 100,
  energy_slashing_rate_bps = 25,
  energy_treasury_fee_bps = 25,
  energy_jurisdiction_fee_bps = 25,
  energy_congestion_sensitivity_ppm = 10000,
}

function on_param_change(c)
  if c.kind == "rollback" then
    return true -- the way back is always open
  end
  if c.key == "energy_slashing_rate_bps" and c.old == 0 and c.new > 500 then
    return false, "slashing begins with at most 500 bps"
  end
  local step = math.max(c.old // 4, smallest_step[c.key])
  return fx.clamp(fx.clamp(c.new, c.old - step, c.old + step), c.min, c.max)
end
