// Overlay: everything a block (or a dry run) has written so far, on top of a store that it never
// changes.
//
// A hash table of the touched keys, each with its value before the block, before the step and now;
// an undo journal, so that a savepoint costs three numbers and going back costs what was written
// since; all bytes in one arena that goes back with it. Reads that miss go to the row cache, then
// to the store. An Overlay is a KvReader itself, so one can stand on another (rehearsal). Keys are
// those of the store: `s/<namespace>/<key>`.
//
// One thread at a time. A view handed to a visitor stays valid through later puts, until rollback()
// or reset() passes the savepoint that precedes it. Cost: a get or put of a touched key about 60
// ns; a first put of a key is a read of the layer below plus 100 ns.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "kernel/base/bytes.hpp"
#include "kernel/base/status.hpp"
#include "kernel/chain/row_cache.hpp"
#include "kernel/storage/kv_store.hpp"

namespace blockd {

// Bytes that are given back together: chunks, filled one after another, with marks to return to.
class Arena {
 public:
  struct Mark {
    std::size_t chunk = 0, used = 0;
  };
  char* allocate(std::size_t n);
  BytesView copy(BytesView bytes);
  Mark mark() const { return {chunk_, used_}; }
  void rewind(Mark mark);  // keeps at most kKeptBytes of unused chunks

 private:
  struct Chunk {
    std::unique_ptr<char[]> data;
    std::size_t size = 0;
  };
  static constexpr std::size_t kChunkBytes = 256u << 10;
  static constexpr std::size_t kKeptBytes = 32u << 20;
  std::vector<Chunk> chunks_;
  std::size_t chunk_ = 0, used_ = 0;
};

class ReplayState;

class Overlay : public KvReader {
 public:
  // A changed key, with its full name.
  struct Change {
    BytesView key;
    std::uint64_t hash;  // key_hash(key)
    std::optional<BytesView> before, after;
  };
  struct Savepoint {
    std::size_t undo = 0, touched = 0;
    Arena::Mark arena;
  };

  Overlay() = default;
  Overlay(const Overlay&) = delete;
  Overlay& operator=(const Overlay&) = delete;

  // Forgets everything and stands on `base` from now on; `cache` (may be null) must describe the
  // same state as `base`.
  void reset(const KvReader* base, RowCache* cache);

  // The value of `key`, borrowed. `*scratch` may be used to hold it. Errors of the store.
  Status find(BytesView key, std::string* scratch, std::optional<BytesView>* value) const {
    return lend(key, scratch, value);
  }
  Status put(BytesView key, BytesView value) { return change(key, value); }
  Status erase(BytesView key) { return change(key, std::nullopt); }

  Savepoint savepoint() const { return {undo_.size(), touched_.size(), arena_.mark()}; }
  void rollback(const Savepoint& to);
  // What is written from here on belongs to a new step.
  void begin_step();
  // The same, but the way back to a savepoint of the step before stays open, if nothing had been
  // written since that step began: both can be taken back together.
  void begin_part();
  // Net changes of the current step, in the order in which the keys were first touched. Borrowed
  // until the next rollback or reset.
  void step_changes(std::vector<Change>* out) const;
  // Net changes since reset(), by (namespace, key).
  void net_changes(std::vector<Change>* out) const;

  // KvReader: base and changes, merged. Visitors may put, erase, and roll back what they did
  // themselves.
  Status get(BytesView key, std::optional<Bytes>* value) const override;
  Status lend(BytesView key, Bytes* scratch, std::optional<BytesView>* value) const override;
  Status scan(BytesView prefix, BytesView after, std::size_t limit,
              const RowVisitor& visit) const override;
  Status scan_back(BytesView prefix, BytesView before, std::size_t limit,
                   const RowVisitor& visit) const override;

 private:
  struct Value {
    const char* data = nullptr;
    std::uint32_t size = 0;
    bool present = false;
    std::optional<BytesView> view() const {
      return present ? std::optional<BytesView>(BytesView(data, size)) : std::nullopt;
    }
  };
  struct Entry {
    std::uint64_t hash = 0;
    BytesView key;
    Value base, before_step, now;
    std::uint64_t step = 0;
  };
  struct Undo {
    Entry* entry;
    Value before_step, now;
    std::uint64_t step;
    bool created;
  };
  struct ByKey {
    using is_transparent = void;
    bool operator()(const Entry* a, const Entry* b) const { return a->key < b->key; }
    bool operator()(const Entry* a, BytesView b) const { return a->key < b; }
    bool operator()(BytesView a, const Entry* b) const { return a < b->key; }
  };
  using Index = std::set<Entry*, ByKey>;
  // Eight bytes, so that the table of a large block stays near the processor. Half of the hash
  // tells nearly every other entry apart without a look at it.
  struct Slot {
    std::uint32_t tag = 0;
    std::uint32_t place = 0;  // in entries_, counted from one; 0: empty
  };
  class Cursor;

  Status change(BytesView key, std::optional<BytesView> value);
  // `asked`: by a reader, for whom it is remembered if the row is absent.
  Status read_base(BytesView key, std::uint64_t hash, std::string* scratch,
                   std::optional<BytesView>* value, bool asked = true) const;
  Entry* lookup(BytesView key, std::uint64_t hash) const;
  void insert(Entry* entry);
  void grow();
  void place(std::size_t number);
  void remove(const Entry* entry);
  static Value borrow(std::optional<BytesView> value);
  Value keep(std::optional<BytesView> value);
  // A sorted index of the changed keys below `prefix`, or of more; built at its first scan and kept
  // up from then on.
  Index& index_of(BytesView prefix) const;

  const KvReader* base_ = nullptr;
  const ReplayState* replayed_ = nullptr;  // base_, where it is one: its rows stay where they are
  RowCache* cache_ = nullptr;
  std::vector<Slot> table_;      // open addressing, power of two; filled in the order of entries_
  std::vector<Entry*> entries_;  // in the order in which they were made
  std::vector<Undo> undo_;
  std::vector<Entry*> touched_;
  std::uint64_t step_ = 1;
  Arena arena_;
  mutable std::vector<std::pair<std::string, Index>> indexes_;  // by prefix
  mutable std::uint64_t shape_ = 0;                             // counts entries made and removed
};

// `s/<namespace>/`
std::string space_prefix(std::string_view space);
inline std::size_t space_prefix_size(std::string_view space) { return space.size() + 3; }
// Splits a full key; {"", key} when it is none of a namespace.
std::pair<BytesView, BytesView> split_key(BytesView full);

}  // namespace blockd
