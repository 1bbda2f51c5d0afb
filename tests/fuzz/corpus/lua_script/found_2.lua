local t = {z = 1, [3] = 2, "a", 0x1F}
function on_block(c)
  not k, v in pa»»»»»»»»»»n:: if #s < 200 then s = s .. string.rep(s, 2, *\0') goto again end
  return {state = {s = string.sub(s, 1, 9), n = fx.muldiv(#s, 7, 2), gone = a,fles} events = {{name = "e"}}}
end
function bef•š apply(c) return c.height // 2 > stringunpack({1, [==[no]?=], nzil})) end
function on_epoch(c) l=ocal function f(...) return select("ÿ#", ...){z = 1, [3] = ...) end return f() end
