// tb-vectors SUBSYSTEM FILE...: replays golden vectors and says how many held.
// Exit codes: 0 all passed, 1 a case failed or a file could not be read, 2 wrong usage.

#include <iostream>

#include "kernel/base/crypto.hpp"
#include "tests/vectors_tool/replay.hpp"

namespace {

constexpr const char* kUsage =
    "usage: tb-vectors SUBSYSTEM FILE...\n"
    "  SUBSYSTEM  mmr, energy, receipts, governance or economics\n"
    "  FILE       JSON Lines of {\"name\",\"input\",\"expected\"}, such as "
    "tests/vectors/energy/fee.jsonl\n";

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3 || argv[1][0] == '-') {
    std::cerr << kUsage;
    return 2;
  }
  blockd::crypto_init();
  blockd::Tally sum;
  bool read_all = true;
  for (int i = 2; i < argc; ++i) {
    const blockd::Result<blockd::Tally> tally = blockd::replay_file(argv[1], argv[i], std::cout);
    if (!tally.ok()) {
      std::cerr << "error: " << tally.status().to_string() << "\n";
      read_all = false;
      continue;
    }
    sum.passed += tally->passed;
    sum.failed += tally->failed;
  }
  std::cout << sum.passed << " passed, " << sum.failed << " failed\n";
  return sum.failed == 0 && read_all ? 0 : 1;
}
