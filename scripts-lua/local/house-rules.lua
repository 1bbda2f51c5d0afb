-- Rules of one house: what this node takes from its clients, and what it shows of its blocks.
--
--   lua:
--     local: [scripts-lua/local/house-rules.lua]
--
-- A command that is refused here may still come into a block by another node.
hook = {name = "house-rules", version = "1.0.0"}

local largest = 131072 -- bytes of a command in the service lane

function on_admit(c)
  if c.lane == "service" and c.bytes > largest then
    return false, "this node takes " .. largest .. " bytes, " .. c.method .. " has " .. c.bytes
  end
end

function on_commit(b)
  metrics.set("block_commands", b.commands)
  if b.commands >= 5000 then
    log.info("block " .. b.height .. " has " .. b.commands .. " commands")
  end
end
