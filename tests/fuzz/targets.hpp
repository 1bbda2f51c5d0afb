// The parsers that outsiders can reach, as fuzz targets: each takes any bytes, and aborts if a
// promise of the parser is broken.
//
// libFuzzer programs (preset `fuzz`) and the ctest of every build call the same functions.
#pragma once

#include <span>
#include <string_view>

namespace blockd::fuzz {

struct Target {
  std::string_view name;  // also the folder of its corpus
  void (*run)(std::string_view input);
};
std::span<const Target> targets();

}  // namespace blockd::fuzz
