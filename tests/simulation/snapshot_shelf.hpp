// SnapshotShelf: the snapshots of a simulated node, real files made by the node's own code, in a
// folder of their own.
//
// A snapshot is made in the steps in which a node makes it: the pages of a macro point, the footer
// and the name with the block that commits it, the note beside it, the manifest. Fate may end the
// process before each of them; crash() then leaves in the folder what such a death leaves: a
// temporary file with any beginning of its bytes, a snapshot without its note, the manifest of the
// one before. Of what is unfinished nothing may be left after the next start. [one thread]
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "kernel/snapshot/create.hpp"
#include "tests/simulation/faulty_media.hpp"

namespace blockd::sim {

class SnapshotShelf {
 public:
  // `dir` exists and is empty.
  SnapshotShelf(std::string dir, Fate& fate) : dir_(std::move(dir)), fate_(fate) {}

  bool under_way() const { return draft_ != nullptr; }
  Status begin(const MacroPoint& point, const std::string& chain_id);
  // Ends the snapshot under way if `block` commits its point; true: it has its name now.
  Result<bool> end(const BlockRecord& block);
  void stop() { draft_.reset(); }  // a clean stop gives up what is under way
  // What the death of the process leaves of the step it came in. Once after each death.
  void crash(std::mt19937_64& random, bool power_cut);

  // Height of the newest that has its name.
  std::optional<std::uint64_t> newest() const { return newest_; }
  // As a node begins: nothing unfinished is left, and the newest verifies and is told to `holds`.
  Status check(const Genesis& genesis, const std::function<Status(const SnapshotInfo&)>& holds);
  // The rows of the newest at or below `head` as a state store has them, by way of a real one.
  // kAborted when the process dies meanwhile.
  Result<std::map<Bytes, Bytes>> restore(const Genesis& genesis, std::uint64_t head);

 private:
  enum class Cut : std::uint8_t { kNowhere, kBeforeNote, kBeforeManifest };
  std::string manifest() const { return dir_ + "/manifest.json"; }
  Status half_restored(const std::string& place) const;

  const std::string dir_;
  Fate& fate_;
  std::unique_ptr<SnapshotDraft> draft_;  // its pages are written, its block is not there yet
  std::optional<std::uint64_t> newest_;
  Cut cut_ = Cut::kNowhere;
  std::string manifest_before_;
  bool changed_ = false;  // since the last check
};

}  // namespace blockd::sim
