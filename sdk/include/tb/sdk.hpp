// The Block SDK: everything a plugin in C++20 includes. Start with plugin.hpp (the declaration),
// then ctx.hpp and view.hpp (what handlers do), values.hpp (the types they carry), host.hpp (what a
// face may ask).
#pragma once

#include "tb/codec.hpp"
#include "tb/ctx.hpp"
#include "tb/handles.hpp"
#include "tb/host.hpp"
#include "tb/key.hpp"
#include "tb/library.hpp"
#include "tb/out.hpp"
#include "tb/plugin.hpp"
#include "tb/status.hpp"
#include "tb/text.hpp"
#include "tb/values.hpp"
#include "tb/view.hpp"
