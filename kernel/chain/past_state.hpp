// PastState: the state in front of some of the newest blocks, and what becomes of it when they are
// executed in another way.
//
// It stands on the state of the head. First learn() is told each block of the window, oldest first:
// the oldest delta of a key says what the key held before. From then on a key that the window
// touches is found here and every other one in the head, so nothing is written twice and the head
// is asked for no row that the log has told. Then apply() takes what each executed block changed.
//
// A scan merges both. Rows that the window made lie in the head and not here, sometimes a hundred
// thousand in a row; a stretch of the head in which every row is known here is remembered, so that
// it is walked through once (at most kMaxStretches). Rows of the head that were read are kept in a
// bounded cache. Memory: at most kMaxPreviewBytes for rows and as much as a RowCache takes.
//
// One thread at a time. What lend() and visitors get stays valid until the next learn() or apply().
#pragma once

#include <span>
#include <vector>

#include "kernel/chain/preview.hpp"
#include "kernel/chain/replay_state.hpp"

namespace blockd {

class PastState final : public KvReader {
 public:
  static constexpr std::size_t kMaxStretches = 64;
  static constexpr std::size_t kCachedRows = 1u << 16;

  // `head` must outlive this.
  explicit PastState(const KvReader& head);

  // The deltas of a block. REQUIRES: blocks come in ascending order, before any apply(). Errors:
  // kCorrupt, kLimit (more rows than may be held).
  Status learn(BytesView block_bytes);
  // Errors: kLimit.
  Status apply(std::span<const Overlay::Change> changes);
  // Keys whose rows are not those of the head, by (namespace, key), each with the head's row and
  // the one here. Borrowed until the next apply(), those of the head from `*rows`. Errors of the
  // head.
  Status differences(std::vector<Overlay::Change>* out, std::deque<Bytes>* rows) const;

  Status get(BytesView key, std::optional<Bytes>* value) const override;
  Status lend(BytesView key, Bytes* scratch, std::optional<BytesView>* value) const override;
  Status scan(BytesView prefix, BytesView after, std::size_t limit,
              const RowVisitor& visit) const override;
  Status scan_back(BytesView prefix, BytesView before, std::size_t limit,
                   const RowVisitor& visit) const override;

 private:
  class Merge;
  // All rows of the head below `prefix` that lie behind `from` (or at it) and not behind `to` are
  // known here.
  struct Stretch {
    Bytes prefix, from, to;
    bool with_from = false;
    bool to_end = false;  // of the prefix
  };
  Status check_size() const;
  Stretch* stretch_at(BytesView prefix, BytesView after) const;
  void note_stretch(Stretch* known, BytesView prefix, BytesView after, Stretch&& found) const;

  const KvReader& head_;
  ReplayState rows_{ReplayState::Absent::kRemember};
  mutable RowCache cache_{kCachedRows};
  mutable std::vector<Stretch> stretches_;
  mutable std::size_t next_stretch_ = 0;  // which one gives way
};

}  // namespace blockd
