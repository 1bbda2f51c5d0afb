// Expected: which rows and parameters a call will read, learnt from the calls before.
//
// A key that a call asked for is a pattern: its text with the call's own arguments and the sender's
// account cut out. A pattern that was asked for twice is kept, and from then on each call of the
// same kind gets the rows of all patterns, filled with its arguments, sent along. Patterns that are
// of no use several times in a row are forgotten.
// Guessing wrong costs a read and some bytes, never another result. Any thread.
#pragma once

#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "kernel/host/isolation/protocol.hpp"
#include "kernel/manifest/values.hpp"

namespace blockd::isolation {

// What of a call its keys are made from.
struct CallShape {
  Entry entry = Entry::kApply;
  std::uint32_t service = 0, index = 0;  // method, or function of a service
  const tb_value* args = nullptr;
  std::uint32_t count = 0;
  BytesView account;
};

class Expected {
 public:
  struct Guess {
    std::vector<Bytes> keys;  // bit i of what was of use is keys[i]
    std::vector<std::uint32_t> params;
    std::uint64_t version = 0;
  };
  void guess(const CallShape& call, Guess* out);
  void missed_row(const CallShape& call, BytesView key);
  void missed_param(const CallShape& call, std::uint32_t index);
  void used(const CallShape& call, const Guess& guess, std::uint64_t bits);

 private:
  // How a text stands in a key: as it is, behind a byte with its length, or as the bytes whose hex
  // digits it is.
  enum class Form : std::uint8_t { kFramed, kHex, kPlain };
  struct Part {
    std::int32_t arg = kLiteral;  // kLiteral, kAccount, or the place of an argument
    Form form = Form::kPlain;
    Bytes text;
    friend bool operator==(const Part&, const Part&) = default;
  };
  static constexpr std::int32_t kLiteral = -1, kAccount = -2;
  struct Pattern {
    std::vector<Part> parts;
    std::uint32_t useless = 0;
  };
  struct Kind {
    std::vector<Pattern> patterns;
    std::vector<std::vector<Part>> candidates;  // asked for once
    std::size_t oldest = 0;                     // of them
    std::vector<std::uint32_t> params;
    std::uint64_t version = 0;  // grows when a pattern goes
  };
  static bool form_of_text(BytesView from, Form form, Bytes* text);
  static bool form_of(const tb_value& value, Form form, Bytes* text);
  static std::uint64_t kind_of(const CallShape& call);
  static std::vector<Part> cut(const CallShape& call, BytesView key);
  static bool fill(const CallShape& call, const Pattern& pattern, Bytes* key);

  std::mutex mutex_;
  std::unordered_map<std::uint64_t, Kind> kinds_;
};

}  // namespace blockd::isolation
