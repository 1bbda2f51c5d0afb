// A PromQL expression as a tree, for the evaluator that works where no Prometheus is: the part of
// the language that rules of manifests use. What Prometheus also knows (group_left, @, negative
// offsets, label_replace …) is refused by name instead of being computed wrongly.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/status.hpp"

namespace blockd {

inline constexpr std::size_t kMaxExpressionDepth = 64;

struct LabelMatcher {
  std::string label, value;
  bool negative = false;
  std::optional<std::regex> pattern;  // =~ and !~: of the whole value

  bool matches(const std::string& text) const;
};

enum class ExprKind : std::uint8_t {
  kNumber,
  kString,
  kSelect,     // name and matchers
  kRange,      // of[range]
  kSubquery,   // of[range:step]
  kOffset,     // of offset by
  kCall,       // name(args)
  kAggregate,  // name by|without (labels) (of)
  kBinary,     // left name right
};

struct Expr {
  ExprKind kind = ExprKind::kNumber;
  double number = 0;
  std::string name;  // series, function, operator, or the text
  std::vector<LabelMatcher> matchers;
  std::int64_t range_ms = 0, step_ms = 0, offset_ms = 0;  // step 0: the default one
  std::vector<std::string> labels;                        // of by, without, on, ignoring
  bool keeps = false;        // the labels are those of by and on, not of without and ignoring
  bool is_matching = false;  // on or ignoring was given
  bool is_bool = false;
  std::vector<std::unique_ptr<Expr>> parts;  // operands in order; of the others their argument
};

// Errors: kInvalid with expression, character and what was expected.
Result<std::unique_ptr<Expr>> parse_expression(std::string_view text);

}  // namespace blockd
