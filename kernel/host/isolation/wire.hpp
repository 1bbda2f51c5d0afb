// Values and writers as bytes, for both sides of a lane.
//
// Reading never trusts the bytes: counts are compared with what is left, depth and size are
// bounded, and after the first thing that does not fit the Reader's ok() is false and values are
// empty. What is read borrows its texts from the input.
#pragma once

#include <vector>

#include "kernel/base/bytes.hpp"
#include "kernel/host/isolation/protocol.hpp"
#include "kernel/manifest/values.hpp"
#include "tb/machine.h"

namespace blockd::isolation {

inline void put_text(Bytes& out, BytesView text) {
  put_u32(out, static_cast<std::uint32_t>(text.size()));
  out.append(text);
}
inline void put_text(Bytes& out, tb_str text) { put_text(out, to_view(text)); }
inline void put_op(Bytes& out, Op op) { put_u8(out, static_cast<std::uint8_t>(op)); }
inline void put_status(Bytes& out, tb_status status) {
  put_u32(out, static_cast<std::uint32_t>(status));
}
inline BytesView text_of(Reader& in) { return in.take(in.u32()); }
inline tb_status status_of(Reader& in) { return static_cast<tb_status>(in.u32()); }

void put_value(Bytes& out, const tb_value& value);
void put_values(Bytes& out, const tb_value* values, std::uint32_t count);
// False when the input is not a value: the Reader is of no use any more.
bool read_value(Reader& in, ValueArena& arena, tb_value* value);
bool read_values(Reader& in, ValueArena& arena, const tb_value** values, std::uint32_t* count);

void put_block(Bytes& out, const tb_block& block);
bool read_block(Reader& in, tb_block* block);
void put_caller(Bytes& out, const tb_caller& caller);
// `cosigners` holds what the caller points to.
bool read_caller(Reader& in, tb_caller* caller, std::vector<tb_str>* cosigners);

// A tb_out that keeps what it is told as a stream (protocol.hpp, Put). Beyond kMaxStream it keeps
// nothing more: whatever the stream is played into has refused it long before.
class StreamOut : public tb_out {
 public:
  explicit StreamOut(Bytes& bytes);
  bool empty() const { return bytes_.size() == first_; }

 private:
  friend struct StreamOutApi;
  Bytes& bytes_;
  std::size_t first_;
};
// Tells `out` what the stream holds. False: the stream is damaged; `out` has heard its beginning.
bool play_stream(BytesView stream, tb_out* out);

// A stream from the child on its way into a function that may ask for it (tb_fill), or may not.
struct Played {
  BytesView stream;
  bool asked = false, good = true;
  static void fill(void* user, tb_out* out);  // user is a Played
  // When the function has returned: whether the stream is one.
  bool whole();
};

}  // namespace blockd::isolation
