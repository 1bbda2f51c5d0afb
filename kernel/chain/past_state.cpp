#include "kernel/chain/past_state.hpp"

#include <algorithm>

#include "kernel/chain/block_codec.hpp"

namespace blockd {

PastState::PastState(const KvReader& head) : head_(head) {}

Status PastState::check_size() const {
  if (rows_.bytes() <= kMaxPreviewBytes) return {};
  return Status(Code::kLimit,
                "the preview touches more rows than fit into " +
                    std::to_string(kMaxPreviewBytes >> 20) + " MiB of memory",
                "preview fewer epochs");
}

Status PastState::learn(BytesView block_bytes) {
  Bytes key;
  TB_TRY(visit_deltas(block_bytes, [&](std::uint32_t, const DeltaView& row) {
    key.assign("s/").append(row.space).append("/").append(row.key);
    rows_.put_if_unknown(key, row.before);
  }));
  return check_size();
}

Status PastState::apply(std::span<const Overlay::Change> changes) {
  rows_.apply(changes);
  cache_.trim();
  return check_size();
}

Status PastState::differences(std::vector<Overlay::Change>* out, std::deque<Bytes>* rows) const {
  out->clear();
  Status status;
  Bytes scratch;
  rows_.visit([&](BytesView key, std::optional<BytesView> now) {
    std::optional<BytesView> head;
    if (status.ok()) status = head_.lend(key, &scratch, &head);
    if (!status.ok() || head == now) return;
    if (head) head = rows->emplace_back(*head);
    out->push_back({key, key_hash(key), head, now});
  });
  std::sort(out->begin(), out->end(), [](const Overlay::Change& a, const Overlay::Change& b) {
    return split_key(a.key) < split_key(b.key);
  });
  return status;
}

Status PastState::lend(BytesView key, Bytes* scratch, std::optional<BytesView>* value) const {
  if (rows_.lookup(key, value)) return {};
  const std::uint64_t hash = key_hash(key);
  if (cache_.find(key, hash, value)) return {};
  TB_TRY(head_.lend(key, scratch, value));
  cache_.put(key, hash, *value);
  return {};
}

Status PastState::get(BytesView key, std::optional<Bytes>* value) const {
  Bytes scratch;
  std::optional<BytesView> row;
  TB_TRY(lend(key, &scratch, &row));
  value->reset();
  if (row) value->emplace(*row);
  return {};
}

// --- scans ---

// Rows of the head as they come, with our own in between.
class PastState::Merge {
 public:
  Merge(const PastState& state, BytesView prefix, BytesView bound, std::size_t limit,
        const RowVisitor& visit, bool back)
      : state_(state),
        own_(state.rows_, prefix, bound, back),
        left_(limit),
        visit_(visit),
        back_(back) {}

  // False: enough.
  bool take(BytesView key, BytesView value) {
    if (!give_own(&key)) return false;
    std::optional<BytesView> mine;
    if (state_.rows_.lookup(key, &mine)) {
      if (all_known_) known_to_.assign(key);
      return true;  // our own row, if there is one, is the next of ours
    }
    all_known_ = false;
    return give(key, value);
  }
  // What is left of our own when the head has no more.
  void finish() {
    if (stopped_) return;
    at_end_ = true;
    give_own(nullptr);
  }
  // How far the head had nothing but what is known here; empty: not at all.
  const Bytes& known_to() const { return known_to_; }
  bool known_to_end() const { return at_end_ && all_known_; }

 private:
  bool give(BytesView key, BytesView value) {
    stopped_ = !visit_(key, value) || --left_ == 0;
    return !stopped_;
  }
  // Our own rows in front of `until`; null: all.
  bool give_own(const BytesView* until) {
    for (; own_.valid(); own_.next()) {
      if (until != nullptr && (back_ ? own_.key() <= *until : own_.key() >= *until)) break;
      if (!give(own_.key(), own_.value())) return false;
    }
    return true;
  }

  const PastState& state_;
  ReplayState::Walk own_;
  std::size_t left_;
  const RowVisitor& visit_;
  const bool back_;
  bool stopped_ = false, all_known_ = true, at_end_ = false;
  Bytes known_to_;
};

// The stretch in which a scan begins behind `after`; empty: at the beginning of the prefix.
PastState::Stretch* PastState::stretch_at(BytesView prefix, BytesView after) const {
  for (Stretch& stretch : stretches_) {
    if (stretch.prefix != prefix) continue;
    const bool begun = after.empty() ? stretch.with_from : after >= stretch.from;
    if (begun && (stretch.to_end || after <= stretch.to)) return &stretch;
  }
  return nullptr;
}

void PastState::note_stretch(Stretch* known, BytesView prefix, BytesView after,
                             Stretch&& found) const {
  if (known != nullptr) {
    known->to = std::move(found.to);
    known->to_end = found.to_end;
    return;
  }
  found.prefix = prefix;
  found.from = after;
  found.with_from = after.empty();
  if (stretches_.size() < kMaxStretches) {
    stretches_.push_back(std::move(found));
  } else {
    stretches_[next_stretch_++ % kMaxStretches] = std::move(found);
  }
}

Status PastState::scan(BytesView prefix, BytesView after, std::size_t limit,
                       const RowVisitor& visit) const {
  if (limit == 0) return {};
  if (after < prefix) after = {};
  Merge merge(*this, prefix, after, limit, visit, false);
  Stretch* const known = stretch_at(prefix, after);
  if (known == nullptr || !known->to_end) {
    const Bytes from(known == nullptr ? after : BytesView(known->to));
    TB_TRY(head_.scan(prefix, from, SIZE_MAX,
                      [&merge](BytesView key, BytesView value) { return merge.take(key, value); }));
  }
  merge.finish();
  // A visitor may have scanned itself, and moved what we found.
  if (!merge.known_to().empty() || merge.known_to_end()) {
    note_stretch(stretch_at(prefix, after), prefix, after,
                 {{}, {}, merge.known_to(), false, merge.known_to_end()});
  }
  return {};
}

Status PastState::scan_back(BytesView prefix, BytesView before, std::size_t limit,
                            const RowVisitor& visit) const {
  if (limit == 0) return {};
  Merge merge(*this, prefix, before, limit, visit, true);
  TB_TRY(head_.scan_back(prefix, before, SIZE_MAX, [&merge](BytesView key, BytesView value) {
    return merge.take(key, value);
  }));
  merge.finish();
  return {};
}

}  // namespace blockd
