// The YAML of config files as a plain tree with line numbers; the only door to yaml-cpp.
//
// A subset of YAML 1.2: one document, UTF-8; tags, anchors, aliases and repeated keys are errors.
// Scalars stay text here and get their type from the schema, so that `off` or `007` is what the
// operator wrote.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernel/base/status.hpp"

namespace blockd {

inline constexpr std::size_t kMaxConfigFileBytes = 1 << 20;
inline constexpr int kMaxYamlDepth = 32;

struct YamlNode {
  enum class Kind : unsigned char { kNull, kScalar, kList, kMap };
  // Made, copied and ended in the .cpp: a vector of pairs of this type can only be there, where the
  // type is complete.
  YamlNode();
  YamlNode(const YamlNode&);
  YamlNode(YamlNode&&) noexcept;
  YamlNode& operator=(const YamlNode&);
  YamlNode& operator=(YamlNode&&) noexcept;
  ~YamlNode();

  Kind kind = Kind::kNull;
  int line = 0;                                           // 1-based
  bool quoted = false;                                    // of a scalar
  std::string text;                                       // of a scalar
  std::vector<YamlNode> items;                            // of a list
  std::vector<std::pair<std::string, YamlNode>> members;  // of a mapping, in order of the file
};

// One fault of a file; parsing stops at the first, since what follows it is guesswork.
struct YamlFault {
  int line = 0;
  std::string text;
};

// The root is a mapping or null (an empty file). False with `fault` set otherwise.
bool parse_yaml(std::string_view text, YamlNode& root, YamlFault& fault);

}  // namespace blockd
