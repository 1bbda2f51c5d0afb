// ReplayState: the whole state while a replay builds it again, in memory.
//
// A hash table of rows, because nearly all that a replay does is read and write single keys. An
// order exists for those prefixes only that somebody has scanned: it is made at the first scan and
// kept from then on, so rows that nobody walks through are never sorted. Nothing is ever taken
// back, there are no snapshots. Memory: the rows, 90 bytes for each of them, 8 more for each prefix
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
#include "kernel/storage/kv_store.hpp"

namespace blockd {

class ReplayState final : public KvReader {
 public:
  static constexpr std::size_t kMaxOrders = 64;

  ReplayState() = default;
  ~ReplayState() override;
  ReplayState(const ReplayState&) = delete;
  ReplayState& operator=(const ReplayState&) = delete;

  // Writes a row; nullopt erases it.
  void put(BytesView key, std::optional<BytesView> value) { put(key, key_hash(key), value); }
  // Writes what a block has changed; the places of the next rows are fetched meanwhile.
  void apply(std::span<const Overlay::Change> changes);
  // The value of `key`, borrowed; nullopt when there is none.
  std::optional<BytesView> find(BytesView key) const;
  std::uint64_t rows() const { return count_; }

  Status get(BytesView key, std::optional<Bytes>* value) const override;
  Status lend(BytesView key, Bytes* scratch, std::optional<BytesView>* value) const override;
  Status scan(BytesView prefix, BytesView after, std::size_t limit,
              const RowVisitor& visit) const override;
  Status scan_back(BytesView prefix, BytesView before, std::size_t limit,
                   const RowVisitor& visit) const override;

 private:
  // Key and value stand behind the struct, the value with room to grow.
  struct Row {
    std::uint32_t key_size, value_size, capacity;
    char* data() { return reinterpret_cast<char*>(this + 1); }
    BytesView key() { return {data(), key_size}; }
    BytesView value() { return {data() + key_size, value_size}; }
  };
  struct Slot {
    std::uint64_t hash = 0;
    Row* row = nullptr;
  };
  // Rows below one prefix in pages of bounded size: an insertion moves one page at most.
  struct Order {
    using Page = std::vector<Row*>;
    struct Place {
      std::size_t page, row;
    };
    std::string prefix;
    std::vector<Page> pages;  // none of them empty

    void build(std::vector<Row*> sorted);
    void insert(Row* row);
    void replace(Row* old, Row* row);
    void erase(Row* row);
    // The first row whose key is >= `key` (> `key` when `behind`); page == pages.size(): none.
    Place seek(BytesView key, bool behind) const;
  };
  static constexpr std::size_t kPageRows = 512;

  void put(BytesView key, std::uint64_t hash, std::optional<BytesView> value);
  static Row* make_row(BytesView key, BytesView value);
  std::size_t slot_of(BytesView key, std::uint64_t hash) const;
  void add(std::size_t slot, BytesView key, std::uint64_t hash, BytesView value);
  void erase_slot(std::size_t slot);
  void grow();
  const Order& order_for(BytesView prefix) const;

  std::vector<Slot> table_;  // open addressing, power of two
  std::size_t count_ = 0;
  mutable std::deque<Order> orders_;
};

}  // namespace blockd
