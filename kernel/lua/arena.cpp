#include "kernel/lua/arena.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "kernel/base/assert.hpp"
#include "kernel/lua/lua_api.hpp"
#include "kernel/lua/script.hpp"

namespace blockd::lua {
namespace {

constexpr std::size_t kAlignedTo = 1ull << 32;
constexpr std::size_t kSpace = kMaxCompileMemory + kMaxMemory;
constexpr std::size_t kKeptPages = 1u
                                   << 20;  // beyond this, memory of a call goes back to the system

// Layout of Lua 5.4.4 on 64-bit machines, checked by plant_seed() and probe_seed().
constexpr std::size_t kSeedAfterAllocator = 96, kStringTable = 48, kNotYetBuilt = 80;
constexpr std::size_t kStringHeader = 24, kHashInHeader = 12;
constexpr std::size_t kNode = 24, kSlot = 16, kShortString = 40;

std::size_t aligned(std::size_t size) { return (size + 7) & ~std::size_t{7}; }

template <class T>
T read_at(const char* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

std::uint32_t string_hash(std::string_view text, std::uint32_t seed) {
  std::uint32_t h = seed ^ static_cast<std::uint32_t>(text.size());
  for (std::size_t i = text.size(); i > 0; --i)
    h ^= (h << 5) + (h >> 2) + static_cast<unsigned char>(text[i - 1]);
  return h;
}

// The planted seed is the one that Lua hashes with.
void probe_seed(lua_State* state, std::uint32_t seed) {
  constexpr std::string_view kProbe = "probe";
  const char* text = lua_pushlstring(state, kProbe.data(), kProbe.size());
  TB_ASSERT(read_at<std::uint32_t>(text - kStringHeader + kHashInHeader) ==
            string_hash(kProbe, seed));
  lua_pop(state, 1);
}

// The line of the innermost function of the text, or 0.
int innermost_line(lua_State* state) {
  constexpr int kLevels = 4;  // above it stand functions of the library only
  lua_Debug about;
  for (int level = 0; level < kLevels && lua_getstack(state, level, &about) != 0; ++level) {
    if (lua_getinfo(state, "l", &about) != 0 && about.currentline > 0) return about.currentline;
  }
  return 0;
}

int panic(lua_State*) {
  TB_ASSERT(false && "an error of Lua outside of a protected call");
  return 0;
}

}  // namespace

Result<std::unique_ptr<Arena>> Arena::create() {
  constexpr std::size_t kReserved = kAlignedTo + kSpace;
  void* all =
      mmap(nullptr, kReserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (all == MAP_FAILED)
    return Status(Code::kNoSpace,
                  "no address space for a Lua state: " + std::string(strerror(errno)),
                  "raise the limit of the process's address space (ulimit -v)");
  char* const begin = static_cast<char*>(all);
  const auto address = reinterpret_cast<std::uintptr_t>(begin);
  const std::size_t head = (kAlignedTo - address % kAlignedTo) % kAlignedTo;
  if (head > 0) munmap(begin, head);
  if (kAlignedTo > head) munmap(begin + head + kSpace, kAlignedTo - head);
  char* const base = begin + head;
  if (mprotect(base, kSpace, PROT_READ | PROT_WRITE) != 0) {
    munmap(base, kSpace);
    return Status(Code::kNoSpace, "no memory for a Lua state: " + std::string(strerror(errno)));
  }
  return std::unique_ptr<Arena>(new Arena(base));
}

Arena::~Arena() { munmap(base_, kSpace); }

lua_State* Arena::build(std::uint32_t seed, std::size_t limit) {
  TB_ASSERT(limit <= kSpace);
  image_.clear();
  top_ = 0;
  limit_ = limit;
  seed_ = seed;
  blocks_ = 0;
  exhausted_ = string_too_long_ = false;
  exhausted_line_ = 0;
  state_ = nullptr;
  shape_ = {};
  lua_State* state = lua_newstate(&Arena::allocate, this);
  if (state == nullptr) return nullptr;
  lua_gc(state, LUA_GCSTOP);
  lua_atpanic(state, panic);
  probe_seed(state, seed);
  return state_ = state;
}

void Arena::keep_image() {
  TB_ASSERT(!exhausted_ && top_ + kMaxMemory <= kSpace);
  image_.assign(base_, top_);
  image_shape_ = shape_;
  limit_ = top_ + kMaxMemory;
  madvise(base_ + (top_ / 4096 + 1) * 4096, kSpace - (top_ / 4096 + 1) * 4096, MADV_DONTNEED);
}

void Arena::restore() {
  if (top_ > image_.size() + kKeptPages) {
    const std::size_t keep = (image_.size() + kKeptPages) & ~std::size_t{4095};
    madvise(base_ + keep, kSpace - keep, MADV_DONTNEED);
  }
  std::memcpy(base_, image_.data(), image_.size());
  top_ = image_.size();
  shape_ = image_shape_;
  exhausted_ = string_too_long_ = false;
  exhausted_line_ = 0;
}

std::uint64_t Arena::access_weight() const {
  return 1 + shape_.table_slots / 256 + shape_.short_strings / 1024;
}

std::uint64_t Arena::weight() const {
  return access_weight() + shape_.longest_string / (shape_.zero_bytes ? 16 : 1024) +
         shape_.stack_slots / 512;
}

void* Arena::allocate(void* arena, void* block, std::size_t old_size, std::size_t new_size) {
  Arena& self = *static_cast<Arena*>(arena);
  if (new_size == 0) {
    // Lua takes a new stack, copies, and gives the old one back.
    if (block != nullptr && block == self.shape_.stack) {
      self.shape_.stack = self.shape_.newest;
      self.shape_.stack_slots = self.shape_.newest_size / kSlot;
    }
    return nullptr;
  }
  if (block == nullptr) {
    if (self.blocks_ == 1) self.plant_seed();
    self.look_at_new(old_size, new_size);  // of a new block it tells the kind
    return self.grow(nullptr, 0, new_size);
  }
  if (new_size <= old_size) return block;
  return self.grow(static_cast<char*>(block), old_size, new_size);
}

void* Arena::grow(char* block, std::size_t old_size, std::size_t new_size) {
  // Once a call has asked for too much it gets no more, or Lua would collect at every request.
  if (exhausted_ || new_size > limit_) return refuse();
  const bool last = block != nullptr && block + aligned(old_size) == base_ + top_;
  const std::size_t more = aligned(new_size) - (last ? aligned(old_size) : 0);
  if (more > limit_ - top_) return refuse();
  char* const place = last ? block : base_ + top_;
  top_ += more;
  if (block != nullptr && !last) std::memcpy(place, block, old_size);
  if (block == nullptr) {
    shape_.newest = place;
    shape_.newest_size = new_size;
    // The first block is the state, the second its stack.
    if (blocks_ < 2 && ++blocks_ == 1) state_size_ = new_size;
    if (blocks_ == 2 && shape_.stack == nullptr) shape_.stack = place;
  }
  return place;
}

// Lua's own error of memory names no line, and when it arrives the stack is unwound; so the line is
// read here, where the script still stands. That takes no memory.
void* Arena::refuse() {
  exhausted_ = true;
  if (exhausted_line_ == 0 && state_ != nullptr) exhausted_line_ = innermost_line(state_);
  return nullptr;
}

void Arena::look_at_new(std::size_t kind, std::size_t size) {
  if (kind == LUA_TSTRING) {
    const std::size_t length = size - kStringHeader - 1;
    if (length > kMaxString) exhausted_ = string_too_long_ = true;
    if (length <= kShortString) ++shape_.short_strings;
    shape_.longest_string = std::max(shape_.longest_string, length);
  } else if (kind == 0 && size % kNode == 0 && std::has_single_bit(size / kNode)) {
    shape_.table_slots = std::max(shape_.table_slots, size / kNode);
  }
}

// Called between the moment when Lua has drawn its seed and the first string.
void Arena::plant_seed() {
  for (std::size_t at = 0; at + kSeedAfterAllocator + 4 <= state_size_; at += 8) {
    if (read_at<lua_Alloc>(base_ + at) != &Arena::allocate) continue;
    if (read_at<void*>(base_ + at + 8) != this) continue;
    TB_ASSERT(read_at<void*>(base_ + at + kStringTable) == nullptr);
    TB_ASSERT(base_[at + kNotYetBuilt + 8] == LUA_TNUMBER);
    std::memcpy(base_ + at + kSeedAfterAllocator, &seed_, sizeof seed_);
    return;
  }
  TB_ASSERT(false && "this Lua keeps its seed elsewhere");
}

}  // namespace blockd::lua
