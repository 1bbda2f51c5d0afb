// Lua's own headers, for the .cpp files of this folder only.
#pragma once

extern "C" {
#include <lua.h>
}

static_assert(LUA_VERSION_NUM == 504, "Lua 5.4 is part of the consensus rules");
