// Values at the border between JSON and the ABI: request params -> tb_value[], tb_out -> JSON text.
// JSON exists only in the kernel; this is where it ends.
#pragma once

#include <memory>
#include <memory_resource>
#include <string>
#include <vector>

#include "kernel/manifest/manifest.hpp"
#include "tb/types.h"

namespace blockd {

inline tb_str to_str(BytesView v) { return tb_str{v.data(), v.size()}; }
inline BytesView to_view(tb_str s) { return {s.ptr, s.ptr ? static_cast<std::size_t>(s.len) : 0}; }

// What is wrong with a request's params, as a client is told: -32602 with data.field and, for an
// unknown field, data.nearest.
struct ParamError {
  std::string field;                           // path: "keys[2].public_key_hex"
  std::string message;                         // "expected u64 up to 2^64-1, found a fraction"
  std::string found, expected, nearest, hint;  // empty: not told
};

// Owns the memory of decoded values (a monotonic arena). Reusable with clear(). One thread at a
// time.
class ValueArena {
 public:
  ValueArena();
  ~ValueArena();
  ValueArena(const ValueArena&) = delete;
  ValueArena& operator=(const ValueArena&) = delete;
  void clear();
  void* allocate(std::size_t bytes, std::size_t align);
  BytesView copy(BytesView text);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Decodes `params` (an object; an array in the order of the fields; or null for none) by the
// declared fields, in declared order: aliases resolved, defaults filled in, decimal strings for
// integers accepted, ranges and choices checked, unknown members refused last. On success `*out`
// has fields.size() values that live as long as `arena` and `params`. nullopt error = success.
std::optional<ParamError> decode_params(const std::vector<Field>& fields, const json::value& params,
                                        ValueArena& arena, std::vector<tb_value>* out);

// The fast path of decode_params() for the canonical text of an object: true only if
// decode_params() would succeed on its tree, and then with the same values, which are borrowed from
// `text`. False for whatever is unusual or wrong (lists, records, escapes, a bad value): parse and
// decode it then.
bool decode_plain_params(const std::vector<Field>& fields, BytesView text, ValueArena& arena,
                         std::vector<tb_value>* out);

// One value by one field, as decode_params does for each: for config values, defaults and service
// arguments. `out->name` is the field's name. What is wrong is told relative to the field ("" or
// "[2].key").
std::optional<ParamError> decode_field(const Field& field, const json::value& value,
                                       ValueArena& arena, tb_value* out);

// value / 10^decimals with that many decimals: scaled_text(-5, 2) is "-0.05".
std::string scaled_text(std::int64_t value, std::uint32_t decimals);

// A tb_out that writes compact JSON text, members in the order in which they are put, or canonical
// JSON (members sorted, no put_scaled) for what is hashed. Integers above 2^53-1 become decimal
// strings. Bounded: `max_bytes`, 64 levels; beyond, or after a misuse (end without begin, invalid
// UTF-8, missing name in a record), `error()` says so and finish() is empty.
class JsonOut {
 public:
  explicit JsonOut(bool canonical = false, std::size_t max_bytes = 16u << 20);
  ~JsonOut();
  JsonOut(const JsonOut&) = delete;
  JsonOut& operator=(const JsonOut&) = delete;
  tb_out* out();
  // The text; "{}" when nothing was put. Closes what is open.
  std::string finish();
  // The same, borrowed until the next call of any function.
  BytesView finish_view();
  // As if new, but with the memory of the last text.
  void reset();
  bool empty() const;  // nothing was put
  const std::string& error() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// A tb_out that keeps the tree as tb_values (for faces that read results, events and replies).
class ValueOut {
 public:
  explicit ValueOut(ValueArena& arena);
  ~ValueOut();
  ValueOut(const ValueOut&) = delete;
  ValueOut& operator=(const ValueOut&) = delete;
  tb_out* out();
  const tb_value* finish();  // never null; lives as long as the arena; an empty record when nothing
                             // was put or after an error
  // What was misused, as JsonOut tells it, or that more than 1,000,000 values or 64 MiB of text
  // were put; empty if nothing was.
  const std::string& error() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// JSON -> tb_value tree without a schema (events, replies, request bodies) and back. Texts are
// borrowed from `value`. Integers become U64, or I64 when negative; a number with a fraction
// becomes its text, since the ABI has integers only. Bytes were hex text in JSON and stay text.
const tb_value* to_value(const json::value& value, ValueArena& arena);
void write_value(tb_out* out, BytesView name, const tb_value& value);
void write_json(tb_out* out, BytesView name, const json::value& value);

}  // namespace blockd
