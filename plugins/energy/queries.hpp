#pragma once
#include <tb/sdk.hpp>
namespace energy { inline void describe_queries(tb::Plugin&) {} }
