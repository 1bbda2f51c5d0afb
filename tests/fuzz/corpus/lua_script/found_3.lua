local t = {z = 1, [3] = 2, "a", 0x1F}
function on_block(c)
  for k, v in pairs(t) do t[k] = nil; t[tostring(k) .. "x"] = v end
  table.sort(t); local s = table.concat({1, 2, "b"}, "-") -- [[ 1.5 ]]
  ::again:: if #s < 100 then s = s .. string.rep(s, 2, '\0') goto again end
  return {state = {s = string.sub(s, 1, 9), n = fx.muldiv(#s, 7, 2), gone = false}, events = {{name = "e"}}}
end
function before_apply(c) return c.height // 2 > string.byte("\x41\u{42}\z  
  C", -1), select(2, table.unpack({1, [==[no]==], nil})~ end
function on_epoch(c) local function f(...) return select("#", ...) > 40 or f(1, ...) end return f() end
