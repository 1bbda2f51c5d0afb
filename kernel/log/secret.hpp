// Secret: a text that prints as "***". Tokens, passwords and seeds travel in this type, so that a
// log line, a test failure or an error text cannot show one by accident; only reveal() gives the
// text. [any]
#pragma once

#include <ostream>
#include <string>
#include <string_view>
#include <utility>

namespace blockd {

inline constexpr std::string_view kSecretMask = "***";

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}
  const std::string& reveal() const { return text_; }
  bool empty() const { return text_.empty(); }

 private:
  std::string text_;
};

inline std::ostream& operator<<(std::ostream& out, const Secret&) { return out << kSecretMask; }

}  // namespace blockd
