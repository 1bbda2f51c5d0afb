// One libFuzzer program per target: TB_FUZZ_TARGET names it.
#include <cstdint>
#include <cstdlib>

#include "kernel/base/crypto.hpp"
#include "tests/fuzz/targets.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto* target = [] {
    blockd::crypto_init();
    for (const auto& candidate : blockd::fuzz::targets()) {
      if (candidate.name == TB_FUZZ_TARGET) return &candidate;
    }
    std::abort();
  }();
  target->run({reinterpret_cast<const char*>(data), size});
  return 0;
}
