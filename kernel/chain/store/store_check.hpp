// What `contract-cli maintenance verify` does: reads the stores of a node block by block and names
// what is wrong, without changing a byte and without executing anything.
//
// For each block: checksums, header hash and link, time, proposer, certificate, command and receipt
// roots, write-set root of the deltas, MMR root; nodes of the mmr and entries of the index, if
// these are given; and at the end, when the log reaches back to block 0, the whole state against
// the sum of all deltas (a multiset hash: memory does not grow with the state). Pruned blocks are
// checked as far as they go. Files are read on their own handles, so a node may run: it is then
// asked up to a height that is committed. [any thread]
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "kernel/base/mmr.hpp"
#include "kernel/chain/chain.hpp"
#include "kernel/storage/disk.hpp"
#include "kernel/storage/kv_store.hpp"

namespace blockd {

inline constexpr std::size_t kMaxFindings = 1000;  // listed; all are counted

enum class FindingClass : std::uint8_t {
  kMinor,  // mmr, index: made again from the log
  kBody,   // commands of a block: can be copied from another node
  kMajor,  // a block, a header, a certificate, or the state
};
std::string_view finding_class_name(FindingClass value);

struct StoreFinding {
  FindingClass type = FindingClass::kMajor;
  std::optional<std::uint64_t> height;
  std::string what;
};

struct StoreCheckInput {
  Disk* disk = nullptr;
  std::string log_dir;
  const Genesis* genesis = nullptr;  // null: links only, no certificates
  const KvReader* state = nullptr;   // may be null: what is wrong with it is told in
  std::string state_damage;          // this, if it could not be opened
  const KvReader* mmr = nullptr;     // may be null: not looked at
  const KvReader* index = nullptr;   // may be null: not looked at
  std::uint64_t from_height = 0;
  std::optional<std::uint64_t> to_height;              // the head when absent
  bool fast = false;                                   // no signatures, no index
  std::function<bool(std::uint64_t height)> progress;  // false stops; may be null
};

struct StoreCheckReport {
  std::uint64_t blocks = 0, commands = 0, events = 0, pruned = 0;
  std::optional<std::uint64_t> first, head;
  std::optional<Hash> state_sum;  // that of the deltas, when the state was compared with it
  std::uint64_t minor = 0, body = 0, major = 0;
  std::vector<StoreFinding> findings;  // at most kMaxFindings
  bool stopped = false;
  std::uint64_t count() const { return minor + body + major; }
  int exit_code() const { return major ? 5 : body ? 4 : minor ? 1 : 0; }
};

// Errors: kNotFound (no log there), kIo. Damage is in the report.
Result<StoreCheckReport> check_store(const StoreCheckInput& input);

}  // namespace blockd
