// ReplayState: rows while blocks are executed again, in memory: all of the state in a replay, what
// a window of blocks has touched in a preview.
//
// A hash table of rows, because nearly all that a replay does is read and write single keys. An
// order exists for those prefixes only that somebody has scanned: it is made at the first scan and
// kept from then on, so rows that nobody walks through are never sorted. Nothing is ever taken
// back, there are no snapshots. Memory: the rows, 40 bytes for each of them, 8 more for each prefix
// that has them in order (at most kMaxOrders prefixes; further scans share one order of the whole
// namespace).
//
// One thread at a time. What lend() and visitors get stays valid until the next put().
#pragma once

#include <deque>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kernel/chain/overlay.hpp"
#include "kernel/chain/row_cache.hpp"
#include "kernel/chain/row_memory.hpp"
#include "kernel/storage/kv_store.hpp"

namespace blockd {

class ReplayState final : public KvReader {
 public:
  static constexpr std::size_t kMaxOrders = 64;
  enum class Absent { kForget, kRemember };

  // kRemember: keys whose row was erased stay known, for one who stands on another state.
  explicit ReplayState(Absent absent = Absent::kForget) : remembers_(absent == Absent::kRemember) {}
  ReplayState(const ReplayState&) = delete;
  ReplayState& operator=(const ReplayState&) = delete;

  // Writes a row; nullopt erases it.
  void put(BytesView key, std::optional<BytesView> value) { put(key, key_hash(key), value); }
  // Writes a row unless its key is known.
  void put_if_unknown(BytesView key, std::optional<BytesView> value);
  // Writes what a block has changed; the places of the next rows are fetched meanwhile.
  void apply(std::span<const Overlay::Change> changes);
  static constexpr std::size_t kFetched = 16;
  // Whether this state has each of those rows, as they are; at most kFetched of them. The processor
  // fetches them all at once, so that waiting for one is waiting for all.
  bool holds(std::span<const std::pair<Bytes, Bytes>> rows) const;
  // The value of `key`, borrowed; nullopt when there is none.
  std::optional<BytesView> find(BytesView key) const { return find(key, key_hash(key)); }
  std::optional<BytesView> find(BytesView key, std::uint64_t hash) const;
  // False: the key is not known. True: `*value` is its row, or nullopt for one that was erased.
  bool lookup(BytesView key, std::optional<BytesView>* value) const;
  std::uint64_t rows() const { return count_ - absent_; }
  // Memory of rows and table.
  std::uint64_t bytes() const { return memory_.bytes() + table_.size() * sizeof(Slot); }
  // state_root of moloch spec 6.16 over these rows, without an order that would have to be kept.
  Hash root() const;
  // Every known key, in no order.
  void visit(const std::function<void(BytesView key, std::optional<BytesView>)>& visitor) const;

  Status get(BytesView key, std::optional<Bytes>* value) const override;
  Status lend(BytesView key, Bytes* scratch, std::optional<BytesView>* value) const override;
  Status scan(BytesView prefix, BytesView after, std::size_t limit,
              const RowVisitor& visit) const override;
  Status scan_back(BytesView prefix, BytesView before, std::size_t limit,
                   const RowVisitor& visit) const override;
  class Walk;

 private:
  friend class RowsAhead;
  // Key and value stand behind the struct, the value with room to grow.
  struct Row {
    std::uint32_t key_size, value_size, capacity : 31, present : 1;
    char* data() { return reinterpret_cast<char*>(this + 1); }
    BytesView key() { return {data(), key_size}; }
    BytesView value() { return {data() + key_size, value_size}; }
    std::size_t bytes() const { return sizeof(Row) + key_size + capacity; }
  };
  // Half of the key's hash, which also says where a slot belongs, and the row's place.
  struct Slot {
    std::uint32_t hash = 0;
    RowMemory::Place row = 0;  // 0: none
  };
  // Rows below one prefix in pages of bounded size: an insertion moves one page at most.
  struct Order {
    using Page = std::vector<Row*>;
    struct Place {
      std::size_t page, row;
    };
    std::string prefix;
    std::vector<Page> pages;  // none of them empty

    bool covers(BytesView key) const;
    void build(std::vector<Row*> sorted);
    void insert(Row* row);
    void replace(Row* old, Row* row);
    void erase(Row* row);
    // The first row whose key is >= `key` (> `key` when `behind`); page == pages.size(): none.
    Place seek(BytesView key, bool behind) const;
    // Behind the last row below `below`, or at `bound` if that comes first.
    Place end_of(BytesView below, BytesView bound) const;
  };
  static constexpr std::size_t kPageRows = 512;

  void put(BytesView key, std::uint64_t hash, std::optional<BytesView> value);
  RowMemory::Place make_row(BytesView key, std::optional<BytesView> value);
  Row* row_at(RowMemory::Place place) const { return reinterpret_cast<Row*>(memory_.at(place)); }
  // Null: the slot is empty.
  Row* row_of(const Slot& slot) const { return slot.row == 0 ? nullptr : row_at(slot.row); }
  static std::uint32_t half(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> 32); }
  std::size_t home(std::uint64_t hash) const { return half(hash) & (table_.size() - 1); }
  void fetch_place(std::uint64_t hash) const { __builtin_prefetch(&table_[home(hash)]); }
  void fetch_row(std::uint64_t hash) const;
  std::size_t slot_of(BytesView key, std::uint64_t hash) const;
  void add(std::size_t slot, BytesView key, std::uint64_t hash, std::optional<BytesView> value);
  void erase(std::size_t slot);
  void close_hole(std::size_t slot);
  void enter_orders(Row* row);
  void leave_orders(Row* row);
  void grow();
  const Order& order_for(BytesView prefix) const;

  const bool remembers_;
  RowMemory memory_;
  using Table = std::vector<Slot, HugePageAllocator<Slot>>;
  Table table_;  // open addressing, power of two, at most three quarters full
  std::size_t count_ = 0, absent_ = 0;
  mutable std::deque<Order> orders_;
};

// The rows that the commands of a block will touch, as the deltas of the logged block name them:
// the processor fetches those of a command while the ones before it are executed. A hint only.
class RowsAhead {
 public:
  explicit RowsAhead(const ReplayState& state) : state_(state) {}
  void begin(BytesView block_bytes);
  // REQUIRES: called with 0, 1, 2... after begin().
  void before(std::size_t command) const;

 private:
  // Places in the table are fetched that many commands ahead, the rows half of it.
  static constexpr std::size_t kAhead = 8;
  static constexpr std::size_t kMaxHinted = 512;  // bytes of a key, with its namespace
  std::span<const std::uint64_t> rows_of(std::size_t step) const;
  void fetch_places(std::size_t step) const;
  const ReplayState& state_;
  std::vector<std::uint64_t> hashes_;
  std::vector<std::size_t> ends_;  // in hashes_, a step each
};

// The rows below a prefix one after another, as scan() and scan_back() have them.
// REQUIRES: nothing is put meanwhile.
class ReplayState::Walk {
 public:
  // Begins behind `bound` (in front of it when `back`); empty: at the end of the prefix.
  Walk(const ReplayState& state, BytesView prefix, BytesView bound, bool back);
  bool valid() const { return row_ != nullptr; }
  BytesView key() const { return row_->key(); }
  BytesView value() const { return row_->value(); }
  void next();

 private:
  void look();
  const Order& order_;
  const BytesView prefix_;
  const bool back_;
  Order::Place at_;  // of the row; behind it when `back`
  Row* row_ = nullptr;
};

}  // namespace blockd
