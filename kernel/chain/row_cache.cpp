#include "kernel/chain/row_cache.hpp"

#include <new>

#include "kernel/base/crypto.hpp"

namespace blockd {
namespace {

std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
  U128 product = static_cast<U128>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

std::uint64_t load(const char* p, std::size_t n) {
  std::uint64_t v = 0;
  std::memcpy(&v, p, n);
  return v;
}

std::uint64_t make_seed() {
  std::uint64_t seed = 0;
  random_bytes(&seed, sizeof seed);
  return seed | 1;
}

}  // namespace

std::uint64_t key_hash(BytesView key) {
  static const std::uint64_t kSeed = make_seed();
  constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15ull;
  std::uint64_t h = kSeed ^ key.size();
  const char* p = key.data();
  std::size_t n = key.size();
  for (; n >= 16; n -= 16, p += 16) h = fold(load(p, 8) ^ kOdd ^ kSeed, load(p + 8, 8) ^ h);
  if (n > 8) {
    h = fold(load(p, 8) ^ kOdd ^ kSeed, h);
    n -= 8;
    p += 8;
  }
  // The last bytes; in a key of eight and more some of them for the second time.
  const std::uint64_t last = key.size() >= 8 ? load(p + n - 8, 8) : load(p, n);
  return fold(last ^ h ^ kSeed, kOdd);
}

std::size_t RowCache::slot_of(BytesView key, std::uint64_t hash) const {
  std::size_t mask = table_.size() - 1;
  std::size_t i = hash & mask;
  while (table_[i].row != nullptr && (table_[i].hash != hash || table_[i].row->key() != key))
    i = (i + 1) & mask;
  return i;
}

bool RowCache::find(BytesView key, std::uint64_t hash, std::optional<BytesView>* value) {
  if (table_.empty()) return false;
  Row* row = table_[slot_of(key, hash)].row.get();
  if (row == nullptr) return false;
  row->used = true;
  if (row->present) {
    *value = BytesView(row->data() + row->key_size, row->value_size);
  } else {
    value->reset();
  }
  return true;
}

RowCache::RowPtr RowCache::make_row(BytesView key, std::optional<BytesView> value) {
  std::size_t size = value ? value->size() : 0;
  std::size_t capacity = (size + 31) & ~std::size_t{31};
  RowPtr row(static_cast<Row*>(::operator new(sizeof(Row) + key.size() + capacity)));
  row->key_size = static_cast<std::uint32_t>(key.size());
  row->value_size = static_cast<std::uint32_t>(size);
  row->capacity = static_cast<std::uint32_t>(capacity);
  row->present = value.has_value();
  row->used = true;
  std::memcpy(row->data(), key.data(), key.size());
  if (size != 0) std::memcpy(row->data() + key.size(), value->data(), size);
  return row;
}

void RowCache::written(BytesView key, std::uint64_t hash, std::optional<BytesView> value) {
  if (table_.empty()) return;
  const std::size_t slot = slot_of(key, hash);
  const Row* row = table_[slot].row.get();
  if (row == nullptr) return;
  if (value && !row->present) return erase_slot(slot);
  put(key, hash, value);
}

void RowCache::put(BytesView key, std::uint64_t hash, std::optional<BytesView> value) {
  if (max_rows_ == 0) return;
  if (table_.empty()) table_.resize(1024);
  std::size_t slot = slot_of(key, hash);
  Row* row = table_[slot].row.get();
  bool too_large = value && value->size() > kMaxValue;
  if (row != nullptr) {
    if (too_large) return erase_slot(slot);
    std::size_t size = value ? value->size() : 0;
    if (size <= row->capacity) {
      if (size != 0) std::memcpy(row->data() + row->key_size, value->data(), size);
      row->value_size = static_cast<std::uint32_t>(size);
      row->present = value.has_value();
      return;
    }
    bytes_ -= row->key_size + row->capacity;
    table_[slot].row = make_row(key, value);
    bytes_ += table_[slot].row->key_size + table_[slot].row->capacity;
    return;
  }
  if (too_large || count_ >= 2 * max_rows_ || bytes_ >= 2 * max_rows_ * kBytesPerRow) return;
  if ((count_ + 1) * 2 > table_.size()) {
    grow();
    slot = slot_of(key, hash);
  }
  table_[slot] = {hash, make_row(key, value)};
  bytes_ += table_[slot].row->key_size + table_[slot].row->capacity;
  ++count_;
}

void RowCache::grow() {
  std::vector<Slot> old(table_.size() * 2);
  old.swap(table_);
  std::size_t mask = table_.size() - 1;
  for (Slot& slot : old) {
    if (slot.row == nullptr) continue;
    std::size_t i = slot.hash & mask;
    while (table_[i].row != nullptr) i = (i + 1) & mask;
    table_[i] = std::move(slot);
  }
}

// Removal from open addressing: rows behind the hole move up, so that every probe still meets its
// row.
void RowCache::erase_slot(std::size_t slot) {
  bytes_ -= table_[slot].row->key_size + table_[slot].row->capacity;
  --count_;
  table_[slot].row.reset();
  std::size_t mask = table_.size() - 1;
  for (std::size_t i = (slot + 1) & mask; table_[i].row != nullptr; i = (i + 1) & mask) {
    std::size_t home = table_[i].hash & mask;
    if (((i - home) & mask) >= ((i - slot) & mask)) {
      table_[slot] = std::move(table_[i]);
      slot = i;
    }
  }
}

void RowCache::trim() {
  if (table_.empty()) return;
  std::size_t steps = 2 * table_.size();
  while ((count_ > max_rows_ || bytes_ > max_rows_ * kBytesPerRow) && steps-- > 0) {
    hand_ = (hand_ + 1) & (table_.size() - 1);
    Row* row = table_[hand_].row.get();
    if (row == nullptr) continue;
    if (row->used) {
      row->used = false;
    } else {
      erase_slot(hand_);
    }
  }
}

void RowCache::clear() {
  table_.clear();
  count_ = bytes_ = hand_ = 0;
}

}  // namespace blockd
