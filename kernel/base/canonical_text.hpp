// CanonicalText: reads canonical JSON without building a tree, for texts that are mostly plain.
//
// It is a fast path and nothing else. What it accepts is canonical (no blanks, members in order and
// once, shortest numbers) and means what parse_json() would say; what it does not know (an escape,
// a byte above 7E, a number beyond 2^53-1, a fault of any kind) it answers with false, and its
// caller starts again with parse_json(), which has the words. After a false the reader is done for.
// Views are borrowed from the text. [any]
#pragma once

#include <cstdint>

#include "kernel/base/bytes.hpp"

namespace blockd {

class CanonicalText {
 public:
  explicit CanonicalText(BytesView text) : at_(text.data()), end_(at_ + text.size()) {}

  const char* position() const { return at_; }
  bool done() const { return at_ == end_; }
  bool take(char c) {
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }
  bool take(std::string_view literal) {
    if (!BytesView(at_, static_cast<std::size_t>(end_ - at_)).starts_with(literal)) return false;
    at_ += literal.size();
    return true;
  }

  // A string of plain ASCII without escapes.
  bool text(std::string_view* out);
  // An integer from 0 to 2^53-1.
  bool number(std::uint64_t* out);
  // Any value; `depth` is how many levels are open around it.
  bool skip(int depth);
  // An object of a text that is known to be canonical: only its end is looked for, and that all is
  // plain up to there.
  bool skip_known_object();

  // The members of an object: construct it on a reader that stands in front of '{', then call
  // next() until the name is null; values are read in between.
  class Members {
   public:
    explicit Members(CanonicalText& in) : in_(in), good_(in.take('{')) {}
    // False: not canonical. True with `name->data() == nullptr`: that was the last one, and the
    // reader is behind '}'.
    bool next(std::string_view* name);
    // For who expects the member `name`, which needs no escapes: true, as next(), if it comes next.
    // Else nothing is read; next() tells what does.
    bool next_is(std::string_view name);

   private:
    CanonicalText& in_;
    std::string_view last_;
    bool good_, first_ = true;
  };

 private:
  const char* at_;
  const char* end_;
};

}  // namespace blockd
