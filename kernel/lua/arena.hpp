// Arena: the memory of one Lua state, a block of address space that is filled from the front.
//
// Nothing is ever given back inside a call, so what a call takes is a pure function of what it
// does. keep_image() remembers the state as it is now; restore() brings it back with one copy.
//
// Two things of Lua would differ from node to node and show in memory and in `#t`: the seed of its
// string hashes, which it takes from the clock, and hashes of tables by their address. So the seed
// is written by us when the state is built, and every arena begins at a multiple of 4 GiB, because
// Lua hashes only the low 32 bits of an address.
//
// One instruction of the VM may compare two long strings or walk a chain of colliding keys. The
// arena sees what the call has made and says in weight() how much more an instruction may cost.
//
// Thread: one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "kernel/base/status.hpp"

struct lua_State;

namespace blockd::lua {

inline constexpr std::size_t kMaxString = 65'536;            // bytes of any string in a script
inline constexpr std::size_t kMaxCompileMemory = 32u << 20;  // bytes to translate a text

class Arena {
 public:
  // Errors: kNoSpace when the address space is refused.
  static Result<std::unique_ptr<Arena>> create();
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // Empties the arena and builds a Lua state in it, its collector stopped. Null when `limit` bytes
  // do not suffice. The state needs no lua_close.
  lua_State* build(std::uint32_t seed, std::size_t limit);

  // From now on restore() comes back to this point, and a call may take kMaxMemory bytes from here.
  void keep_image();
  void restore();

  std::size_t used() const { return top_ - image_.size(); }  // since the image
  std::size_t image_size() const { return image_.size(); }
  bool exhausted() const { return exhausted_; }
  bool string_too_long() const { return string_too_long_; }
  // The line of the text at which a call asked for too much; 0: none ran.
  int exhausted_line() const { return exhausted_line_; }

  // A string with a zero byte is about: Lua then compares strings byte by byte.
  void note_zero_byte() { shape_.zero_bytes = true; }
  // How many instructions one access to a table counts as, at least 1: one more for each 256 slots
  // of the largest table and for each 1,024 short strings.
  std::uint64_t access_weight() const;
  // How many one instruction of the VM counts as: that, and one more for each 1,024 bytes of the
  // longest string (16 if it may have a zero byte) and for each 512 slots of the stack.
  std::uint64_t weight() const;

 private:
  explicit Arena(char* base) : base_(base) {}
  static void* allocate(void* arena, void* block, std::size_t old_size, std::size_t new_size);
  void* grow(char* block, std::size_t old_size, std::size_t new_size);
  void* refuse();
  void look_at_new(std::size_t kind, std::size_t size);
  void plant_seed();

  // What the script has made, as far as it matters for weight().
  struct Shape {
    std::size_t table_slots = 0, short_strings = 0, longest_string = 0, stack_slots = 0;
    const char *stack = nullptr, *newest = nullptr;  // blocks: the stack, the last that was taken
    std::size_t newest_size = 0;
    bool zero_bytes = false;
  };

  char* base_;
  std::size_t top_ = 0, limit_ = 0;
  std::uint32_t seed_ = 0;
  int blocks_ = 0;  // taken since build(), up to 2
  std::size_t state_size_ = 0;
  bool exhausted_ = false, string_too_long_ = false;
  int exhausted_line_ = 0;
  lua_State* state_ = nullptr;
  Shape shape_, image_shape_;
  std::string image_;
};

}  // namespace blockd::lua
