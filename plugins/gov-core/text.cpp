#include "plugins/gov-core/text.hpp"

#include <algorithm>
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

// Letters that are put in, left out or replaced.
std::size_t letters_apart(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t i = 0; i < row.size(); ++i) row[i] = i;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
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

std::string nearest_name(std::string_view word, const std::vector<std::string>& names) {
  std::string best;
  std::size_t most = word.size() / 3 + 2;
  for (const std::string& name : names) {
    const std::size_t apart = letters_apart(word, name);
    if (apart >= most) continue;
    most = apart;
    best = name;
  }
  return best;
}

}  // namespace gov
