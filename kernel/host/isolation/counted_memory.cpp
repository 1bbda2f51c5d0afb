#include "kernel/host/isolation/counted_memory.hpp"

#include <atomic>
#include <cstddef>
#include <new>

// What the runtimes offer; sanitizer/allocator_interface.h is not there with every compiler.
extern "C" {
int __sanitizer_install_malloc_and_free_hooks(void (*allocated)(const volatile void*, std::size_t),
                                              void (*freed)(const volatile void*));
std::size_t __sanitizer_get_allocated_size(const volatile void*);
}

namespace blockd::isolation {
namespace {

// Below zero when more is given back than was taken since counting began.
std::atomic<std::int64_t> counted_bytes{0};
std::int64_t counted_limit = 0;
std::atomic<bool> counted_beyond{false};

void count_allocated(const volatile void*, std::size_t bytes) {
  const std::int64_t now =
      counted_bytes.fetch_add(static_cast<std::int64_t>(bytes)) + static_cast<std::int64_t>(bytes);
  // Making an exception allocates, too.
  if (now > counted_limit && !counted_beyond.exchange(true)) throw std::bad_alloc();
}

void count_freed(const volatile void* memory) {
  if (memory == nullptr) return;
  const std::size_t bytes = __sanitizer_get_allocated_size(memory);
  counted_bytes.fetch_sub(static_cast<std::int64_t>(bytes));
}

}  // namespace

Status count_memory(std::uint64_t bytes) {
  counted_limit = static_cast<std::int64_t>(bytes);
  if (__sanitizer_install_malloc_and_free_hooks(count_allocated, count_freed) == 0)
    return Status(Code::kInternal,
                  "memory limit of a plugin's process: the sanitizer takes no more hooks");
  return {};
}

}  // namespace blockd::isolation
