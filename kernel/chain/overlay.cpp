#include "kernel/chain/overlay.hpp"

#include <algorithm>
#include <limits>
#include <new>
#include <span>

#include "kernel/chain/replay_state.hpp"

namespace blockd {
namespace {

constexpr std::size_t kMaxIndexes = 8;  // of a prefix each; further scans share one a namespace
constexpr std::size_t kFirstSlots = 64, kKeptSlots = 1u << 17;

std::uint32_t tag_of(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> 32); }

}  // namespace

std::string space_prefix(std::string_view space) {
  std::string out = "s/";
  return out.append(space).append("/");
}

std::pair<BytesView, BytesView> split_key(BytesView full) {
  if (full.size() < 3 || full.substr(0, 2) != "s/") return {BytesView(), full};
  std::size_t slash = full.find('/', 2);
  if (slash == BytesView::npos) return {BytesView(), full};
  return {full.substr(2, slash - 2), full.substr(slash + 1)};
}

char* Arena::allocate(std::size_t n) {
  n = (n + 7) & ~std::size_t{7};
  while (chunk_ < chunks_.size()) {
    if (chunks_[chunk_].size - used_ >= n) {
      char* out = chunks_[chunk_].data.get() + used_;
      used_ += n;
      return out;
    }
    if (chunk_ + 1 < chunks_.size() && chunks_[chunk_ + 1].size < n) {
      chunks_.resize(chunk_ + 1);  // what follows is unused and too small for this one
    }
    ++chunk_;
    used_ = 0;
  }
  std::size_t size = std::max(n, kChunkBytes);
  chunks_.push_back({std::make_unique_for_overwrite<char[]>(size), size});
  used_ = n;
  return chunks_.back().data.get();
}

BytesView Arena::copy(BytesView bytes) {
  if (bytes.empty()) return {};
  char* out = allocate(bytes.size());
  std::memcpy(out, bytes.data(), bytes.size());
  return {out, bytes.size()};
}

void Arena::rewind(Mark mark) {
  chunk_ = mark.chunk;
  used_ = mark.used;
  std::size_t kept = 0;
  for (std::size_t i = chunk_ + 1; i < chunks_.size(); ++i) {
    kept += chunks_[i].size;
    if (kept > kKeptBytes) {
      chunks_.resize(i);
      break;
    }
  }
}

void Overlay::reset(const KvReader* base, RowCache* cache) {
  base_ = base;
  replayed_ = cache == nullptr ? dynamic_cast<const ReplayState*>(base) : nullptr;
  cache_ = cache;
  if (!entries_.empty()) std::fill(table_.begin(), table_.end(), Slot());
  if (table_.size() > kKeptSlots) table_.clear();
  entries_.clear();
  undo_.clear();
  touched_.clear();
  indexes_.clear();
  step_ = 1;
  ++shape_;
  arena_.rewind({});
}

Overlay::Entry* Overlay::lookup(BytesView key, std::uint64_t hash) const {
  if (entries_.empty()) return nullptr;
  const std::size_t mask = table_.size() - 1;
  for (std::size_t i = hash & mask; table_[i].place != 0; i = (i + 1) & mask) {
    if (table_[i].tag != tag_of(hash)) continue;
    Entry* const entry = entries_[table_[i].place - 1];
    if (entry->hash == hash && entry->key == key) return entry;
  }
  return nullptr;
}

void Overlay::place(std::size_t number) {
  const std::uint64_t hash = entries_[number]->hash;
  const std::size_t mask = table_.size() - 1;
  std::size_t i = hash & mask;
  while (table_[i].place != 0) i = (i + 1) & mask;
  table_[i] = {tag_of(hash), static_cast<std::uint32_t>(number + 1)};
}

void Overlay::grow() {
  table_.assign(std::max(kFirstSlots, table_.size() * 2), Slot());
  for (std::size_t i = 0; i < entries_.size(); ++i) place(i);
}

void Overlay::insert(Entry* entry) {
  if ((entries_.size() + 1) * 4 > table_.size() * 3) grow();
  entries_.push_back(entry);
  place(entries_.size() - 1);
  ++shape_;
  for (auto& [prefix, index] : indexes_) {
    if (entry->key.starts_with(prefix)) index.insert(entry);
  }
}

// What was made since a savepoint is taken back in the reverse order. No other entry was placed
// behind the newest one, so its slot is just emptied.
void Overlay::remove(const Entry* entry) {
  TB_ASSERT(entries_.back() == entry);
  for (auto& [prefix, index] : indexes_) {
    if (entry->key.starts_with(prefix)) index.erase(entries_.back());
  }
  const std::size_t mask = table_.size() - 1;
  std::size_t i = entry->hash & mask;
  while (table_[i].place != entries_.size()) i = (i + 1) & mask;
  table_[i] = Slot();
  entries_.pop_back();
  ++shape_;
}

Overlay::Value Overlay::borrow(std::optional<BytesView> value) {
  if (!value) return {};
  return {value->data(), static_cast<std::uint32_t>(value->size()), true};
}

Overlay::Value Overlay::keep(std::optional<BytesView> value) {
  if (!value) return {};
  return borrow(arena_.copy(*value));
}

Status Overlay::read_base(BytesView key, std::uint64_t hash, std::string* scratch,
                          std::optional<BytesView>* value, bool asked) const {
  if (replayed_ != nullptr) {
    *value = replayed_->find(key, hash);
    return {};
  }
  if (cache_ != nullptr && cache_->find(key, hash, value)) return {};
  TB_TRY(base_->lend(key, scratch, value));
  if (cache_ != nullptr && (asked || *value)) cache_->put(key, hash, *value);
  return {};
}

Status Overlay::change(BytesView key, std::optional<BytesView> value) {
  std::uint64_t hash = key_hash(key);
  Entry* entry = lookup(key, hash);
  bool created = entry == nullptr;
  if (created) {
    std::string scratch;
    std::optional<BytesView> base;
    TB_TRY(read_base(key, hash, &scratch, &base, false));  // a new row will not be absent for long
    entry = new (arena_.allocate(sizeof(Entry))) Entry;
    entry->hash = hash;
    entry->key = arena_.copy(key);
    entry->base = entry->before_step = entry->now =
        replayed_ != nullptr ? borrow(base) : keep(base);
    insert(entry);
  }
  undo_.push_back({entry, entry->before_step, entry->now, entry->step, created});
  if (entry->step != step_) {
    entry->step = step_;
    entry->before_step = entry->now;
    touched_.push_back(entry);
  }
  entry->now = keep(value);
  return {};
}

void Overlay::rollback(const Savepoint& to) {
  TB_ASSERT(to.undo <= undo_.size() && to.touched <= touched_.size());
  while (undo_.size() > to.undo) {
    const Undo& undo = undo_.back();
    if (undo.created) {
      remove(undo.entry);
    } else {
      undo.entry->before_step = undo.before_step;
      undo.entry->now = undo.now;
      undo.entry->step = undo.step;
    }
    undo_.pop_back();
  }
  touched_.resize(to.touched);
  arena_.rewind(to.arena);
}

void Overlay::begin_step() {
  ++step_;
  touched_.clear();
  undo_.clear();
}

void Overlay::begin_part() {
  ++step_;
  touched_.clear();
}

void Overlay::step_changes(std::vector<Change>* out) const {
  out->clear();
  for (const Entry* entry : touched_) {
    Change change{entry->key, entry->hash, entry->before_step.view(), entry->now.view()};
    if (change.before != change.after) out->push_back(change);
  }
}

namespace {

// A change with the eight bytes of its key that are looked at.
struct Place {
  std::uint64_t word;
  std::size_t index;
};

std::uint64_t word_at(BytesView key, std::size_t from) {
  std::uint64_t word = 0;
  if (from < key.size())
    std::memcpy(&word, key.data() + from, std::min(key.size() - from, sizeof word));
  return __builtin_bswap64(word);
}

std::size_t common_bytes(BytesView a, BytesView b, std::size_t from) {
  const std::size_t end = std::min(a.size(), b.size());
  while (from < end && a[from] == b[from]) ++from;
  return from;
}

// Sorts keys that are the same in front of `from`. Those of one kind have much in common, which is
// passed over once and not compared again and again. `keys` is by Place::index.
void sort_places(std::span<Place> places, const std::vector<BytesView>& keys, std::size_t from) {
  constexpr std::size_t kFew = 8;
  for (Place& place : places) place.word = word_at(keys[place.index], from);
  std::sort(places.begin(), places.end(),
            [](const Place& a, const Place& b) { return a.word < b.word; });
  from += sizeof(std::uint64_t);
  for (std::size_t begin = 0, end = 0; begin < places.size(); begin = end) {
    std::size_t shared = SIZE_MAX;
    for (end = begin + 1; end < places.size() && places[end].word == places[begin].word; ++end) {
      const BytesView first = keys[places[begin].index];
      shared = std::min(shared,
                        common_bytes(first, keys[places[end].index], std::min(from, first.size())));
    }
    if (end - begin == 1) continue;
    const std::span<Place> same = places.subspan(begin, end - begin);
    // A key that ends here has zeros for bytes that it does not have.
    const bool whole = std::all_of(same.begin(), same.end(), [&](const Place& place) {
      return keys[place.index].size() >= from;
    });
    if (whole && same.size() > kFew) {
      sort_places(same, keys, shared);
    } else {
      std::sort(same.begin(), same.end(),
                [&](const Place& a, const Place& b) { return keys[a.index] < keys[b.index]; });
    }
  }
}

// By (namespace, key): not the order of the full keys, where "a-b/" sorts before "a/".
void sort_by_space(std::vector<Overlay::Change>* changes) {
  std::vector<BytesView> spaces, keys;
  std::vector<std::vector<Place>> places;  // of each namespace
  keys.reserve(changes->size());
  for (const Overlay::Change& change : *changes) {
    auto [space, key] = split_key(change.key);
    std::size_t at = 0;
    while (at < spaces.size() && spaces[at] != space) ++at;
    if (at == spaces.size()) {
      spaces.push_back(space);
      places.emplace_back();
    }
    places[at].push_back({0, keys.size()});
    keys.push_back(key);
  }
  std::vector<std::size_t> order(spaces.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return spaces[a] < spaces[b]; });
  std::vector<Overlay::Change> sorted;
  sorted.reserve(changes->size());
  for (const std::size_t space : order) {
    sort_places(places[space], keys, 0);
    for (const Place& place : places[space]) sorted.push_back((*changes)[place.index]);
  }
  changes->swap(sorted);
}

}  // namespace

void Overlay::net_changes(std::vector<Change>* out) const {
  out->clear();
  for (const Entry* entry : entries_) {
    Change change{entry->key, entry->hash, entry->base.view(), entry->now.view()};
    if (change.before != change.after) out->push_back(change);
  }
  sort_by_space(out);
}

Status Overlay::get(BytesView key, std::optional<Bytes>* value) const {
  std::string scratch;
  std::optional<BytesView> row;
  TB_TRY(lend(key, &scratch, &row));
  value->reset();
  if (row) value->emplace(*row);
  return {};
}

Status Overlay::lend(BytesView key, Bytes* scratch, std::optional<BytesView>* value) const {
  const std::uint64_t hash = key_hash(key);
  if (const Entry* entry = lookup(key, hash)) {
    *value = entry->now.view();
    return {};
  }
  return read_base(key, hash, scratch, value);
}

Overlay::Index& Overlay::index_of(BytesView prefix) const {
  for (auto& [name, index] : indexes_) {
    if (prefix.starts_with(name)) return index;
  }
  if (indexes_.size() >= kMaxIndexes) {
    const std::size_t slash = prefix.size() < 2 ? BytesView::npos : prefix.find('/', 2);
    if (slash != BytesView::npos) prefix = prefix.substr(0, slash + 1);
  }
  Index& index = indexes_.emplace_back(std::string(prefix), Index()).second;
  std::vector<Entry*> found;
  for (Entry* entry : entries_) {
    if (entry->key.starts_with(prefix)) found.push_back(entry);
  }
  std::sort(found.begin(), found.end(), ByKey());
  for (Entry* entry : found) index.insert(index.end(), entry);
  return index;
}

// The next changed key in the direction of a scan. A visitor may add or take back entries, so the
// position is looked up again whenever the shape of the overlay has changed.
class Overlay::Cursor {
 public:
  Cursor(const Overlay& overlay, BytesView prefix, BytesView bound, bool back)
      : overlay_(overlay), prefix_(prefix), last_(bound), started_(!bound.empty()), back_(back) {}

  const Entry* peek() {
    if (overlay_.entries_.empty()) return nullptr;
    if (shape_ != overlay_.shape_) {
      Index& index = overlay_.index_of(prefix_);
      shape_ = overlay_.shape_;
      entry_ = back_ ? seek_back(index) : seek(index);
    }
    return entry_;
  }
  // Everything up to `key` has been delivered.
  void pass(BytesView key) {
    last_.assign(key);
    started_ = true;
    if (shape_ == overlay_.shape_ && (entry_ == nullptr || entry_->key != key)) return;
    shape_ = kUnknown;
  }

 private:
  static constexpr std::uint64_t kUnknown = std::numeric_limits<std::uint64_t>::max();

  const Entry* seek(Index& index) const {
    auto it = started_ && BytesView(last_) >= prefix_ ? index.upper_bound(BytesView(last_))
                                                      : index.lower_bound(prefix_);
    return it != index.end() && (*it)->key.starts_with(prefix_) ? *it : nullptr;
  }
  const Entry* seek_back(Index& index) const {
    auto it = index.end();
    if (started_) {
      it = index.lower_bound(BytesView(last_));
    } else {
      std::string end(prefix_);
      while (!end.empty() && static_cast<unsigned char>(end.back()) == 0xff) end.pop_back();
      if (!end.empty()) {
        end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
        it = index.lower_bound(BytesView(end));
      }
    }
    // Rows above the prefix may stand between (`before` may lie behind them).
    while (it != index.begin()) {
      --it;
      if ((*it)->key.starts_with(prefix_)) return *it;
      if (BytesView((*it)->key) < prefix_) return nullptr;
    }
    return nullptr;
  }

  const Overlay& overlay_;
  BytesView prefix_;
  std::string last_;
  bool started_, back_;
  std::uint64_t shape_ = kUnknown;
  const Entry* entry_ = nullptr;
};

namespace {
constexpr std::size_t kAllRows = std::numeric_limits<std::size_t>::max();
}

Status Overlay::scan(BytesView prefix, BytesView after, std::size_t limit,
                     const RowVisitor& visit) const {
  if (limit == 0) return {};
  Cursor cursor(*this, prefix, after, false);
  std::size_t given = 0;
  bool stopped = false;
  // Delivers changed rows in front of `until` (all when null). False: the visitor has had enough.
  auto drain = [&](const BytesView* until) {
    for (const Entry* e = cursor.peek(); e != nullptr && (until == nullptr || e->key < *until);
         e = cursor.peek()) {
      std::string key(e->key);
      if (e->now.present && (!visit(key, *e->now.view()) || ++given == limit)) return false;
      cursor.pass(key);
    }
    return true;
  };
  Status status = base_->scan(prefix, after, kAllRows, [&](BytesView key, BytesView value) {
    stopped = !drain(&key);
    if (stopped) return false;
    const Entry* same = cursor.peek();
    if (same != nullptr && same->key == key)
      return true;  // drained as a changed row before the next one
    stopped = !visit(key, value) || ++given == limit;
    if (!stopped) cursor.pass(key);
    return !stopped;
  });
  if (status.ok() && !stopped) drain(nullptr);
  return status;
}

Status Overlay::scan_back(BytesView prefix, BytesView before, std::size_t limit,
                          const RowVisitor& visit) const {
  if (limit == 0) return {};
  Cursor cursor(*this, prefix, before, true);
  std::size_t given = 0;
  bool stopped = false;
  auto drain = [&](const BytesView* until) {
    for (const Entry* e = cursor.peek(); e != nullptr && (until == nullptr || e->key > *until);
         e = cursor.peek()) {
      std::string key(e->key);
      if (e->now.present && (!visit(key, *e->now.view()) || ++given == limit)) return false;
      cursor.pass(key);
    }
    return true;
  };
  Status status = base_->scan_back(prefix, before, kAllRows, [&](BytesView key, BytesView value) {
    stopped = !drain(&key);
    if (stopped) return false;
    const Entry* same = cursor.peek();
    if (same != nullptr && same->key == key) return true;
    stopped = !visit(key, value) || ++given == limit;
    if (!stopped) cursor.pass(key);
    return !stopped;
  });
  if (status.ok() && !stopped) drain(nullptr);
  return status;
}

}  // namespace blockd
