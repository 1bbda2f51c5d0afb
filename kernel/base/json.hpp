// JSON at the kernel's border: strict parsing, and the canonical form that is signed and hashed.
// The value type is Boost.JSON's; plugins never see it.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/string.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "kernel/base/bytes.hpp"
#include "kernel/base/status.hpp"

namespace blockd {

namespace json = boost::json;

inline constexpr std::uint64_t kMaxSafeInteger = (1ull << 53) - 1;
inline constexpr int kMaxJsonDepth = 64;

// Parses one JSON text. Refuses (kInvalid, message with the byte offset): syntax errors, a repeated
// member, invalid UTF-8, a lone surrogate, more than `max_depth` levels, trailing bytes. Numbers
// are kept as they are: an integer that fits i64/u64 as such, all else (fractions, exponents, -0,
// larger integers) as double, so that the check against the manifest can name the field. Memory is
// taken from `storage` (pass a monotonic_resource on hot paths).
Result<json::value> parse_json(std::string_view text, int max_depth = kMaxJsonDepth,
                               json::storage_ptr storage = {});

// RFC 8785 restricted to objects, arrays, strings, booleans, null and integers of at most 2^53-1 in
// magnitude: members sorted by UTF-16 code units, shortest escapes, no blanks. Appends to `out`.
// Errors: kInvalid for a number outside that set.
Status append_canonical(const json::value& value, std::string& out);
Result<std::string> canonical_json(const json::value& value);
// Appends `text` as a JSON string with the canonical (shortest) escapes, quotes included.
void append_json_string(std::string& out, std::string_view text);
// Appends an unsigned integer as answers print it: a number up to 2^53-1, else a decimal string.
void append_json_u64(std::string& out, std::uint64_t value);
void append_json_u128(std::string& out, U128 value);
std::string u128_to_string(U128 value);
// Decimal digits only, no sign, no leading zero (but "0"). nullopt otherwise or on overflow.
std::optional<std::uint64_t> parse_u64(std::string_view digits);
std::optional<U128> parse_u128(std::string_view digits);

// The name in `names` that is nearest to `word` by edit distance, if the distance is at most a
// third of its length + 1.
template <class Names>
std::optional<std::string> nearest_name(std::string_view word, const Names& names);
std::size_t edit_distance(std::string_view a, std::string_view b);

template <class Names>
std::optional<std::string> nearest_name(std::string_view word, const Names& names) {
  std::optional<std::string> best;
  std::size_t best_distance = word.size() / 3 + 2;
  for (const auto& name : names) {
    std::size_t d = edit_distance(word, name);
    if (d < best_distance) {
      best_distance = d;
      best = std::string(name);
    }
  }
  return best;
}

}  // namespace blockd
