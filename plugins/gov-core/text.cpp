#include "plugins/gov-core/text.hpp"

#include <charconv>

namespace gov {

namespace {

constexpr std::string_view kSpaces[] = {
    " ",      "\t",     "\n",     "\v",     "\f",     "\r",     "\u0085", "\u00a0", "\u1680",
    "\u2000", "\u2001", "\u2002", "\u2003", "\u2004", "\u2005", "\u2006", "\u2007", "\u2008",
    "\u2009", "\u200a", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000",
};

// Bytes of the space that the text begins with, or ends with; 0 if it is none.
std::size_t space_at(std::string_view text, bool end) {
  for (const std::string_view space : kSpaces) {
    if (end ? text.ends_with(space) : text.starts_with(space)) return space.size();
  }
  return 0;
}

}  // namespace

std::string_view trimmed(std::string_view text) {
  while (const std::size_t bytes = space_at(text, false)) text.remove_prefix(bytes);
  while (const std::size_t bytes = space_at(text, true)) text.remove_suffix(bytes);
  return text;
}

std::optional<std::uint64_t> digits_to_u64(std::string_view text) {
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc() || stopped != end) return std::nullopt;
  return value;  // from_chars takes no sign for unsigned numbers
}

}  // namespace gov
