// The same for tests, with GoogleTest.
#pragma once

#include <gtest/gtest.h>

#include "cmake/precompiled/kernel.hpp"
