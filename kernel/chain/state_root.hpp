// The whole state in one order, its root, and what a file of it needs to know beforehand.
//
// The order is that of the state root (moloch spec 6.16): namespaces by id, rows by key. It is not
// that of the store's keys, where "a-b/" sorts before "a/". [any thread that may read `state`]
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "kernel/chain/block_codec.hpp"
#include "kernel/storage/kv_store.hpp"

namespace blockd {

// Ids of all namespaces that hold a key, ascending. Errors of the store.
Result<std::vector<std::string>> state_spaces(const KvReader& state);

// All rows in order. Keys are full. Errors of the store.
using StateVisitor = std::function<void(BytesView space, BytesView key, BytesView value)>;
Status visit_state(const KvReader& state, const StateVisitor& visit);
// state_root of moloch spec 6.16.
Result<Hash> root_of(const KvReader& state);

// Cuts a run of entries into pages: a page ends in front of the entry that would make it longer
// than kPageBytes, and at the end of a namespace.
inline constexpr std::size_t kStatePageBytes = 1u << 20;
inline constexpr std::size_t kStateEntryBytes = 11;  // of an entry beside key and value
class PageCutter {
 public:
  // Whether an entry of `size` bytes begins a new page.
  bool add(std::size_t size) {
    const bool begins = used_ == 0 || used_ + size > kStatePageBytes;
    pages_ += begins ? 1 : 0;
    used_ = begins ? size : used_ + size;
    return begins;
  }
  void end_space() { used_ = 0; }
  std::uint64_t pages() const { return pages_; }

 private:
  std::uint64_t pages_ = 0;
  std::size_t used_ = 0;
};

struct NamespaceSummary {
  std::string id;
  std::uint64_t entries = 0, pages = 0, bytes = 0;  // bytes: of the entries in their pages
  Hash root{};
};

// Namespace roots and the state root over entries that come in order. One thread.
class StateSummaryBuilder {
 public:
  // REQUIRES: ids ascend. Ends the namespace before.
  void begin(std::string_view id);
  void add(BytesView key, BytesView value);
  void finish();  // ends the last one
  // REQUIRES: finish() has been called.
  const std::vector<NamespaceSummary>& namespaces() const { return spaces_; }

 private:
  void end();
  std::vector<NamespaceSummary> spaces_;
  MerkleStream rows_;
  PageCutter cutter_;
};

// state_root from the roots of the namespaces; those without entries do not count.
Hash state_root_of(const std::vector<NamespaceSummary>& spaces);

// Walks all of `state`. `go_on` is asked every few thousand rows. Errors of the store; kAborted.
Result<std::vector<NamespaceSummary>> summarize_state(const KvReader& state,
                                                      const std::function<bool()>& go_on);

}  // namespace blockd
