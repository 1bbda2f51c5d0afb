#include "kernel/chain/replay_state.hpp"

#include <algorithm>
#include <new>

namespace blockd {

ReplayState::~ReplayState() {
  for (const Slot& slot : table_) ::operator delete(slot.row);
}

ReplayState::Row* ReplayState::make_row(BytesView key, BytesView value) {
  const std::size_t capacity = (value.size() + 15) & ~std::size_t{15};
  Row* row = static_cast<Row*>(::operator new(sizeof(Row) + key.size() + capacity));
  row->key_size = static_cast<std::uint32_t>(key.size());
  row->value_size = static_cast<std::uint32_t>(value.size());
  row->capacity = static_cast<std::uint32_t>(capacity);
  std::memcpy(row->data(), key.data(), key.size());
  if (!value.empty()) std::memcpy(row->data() + key.size(), value.data(), value.size());
  return row;
}

std::size_t ReplayState::slot_of(BytesView key, std::uint64_t hash) const {
  const std::size_t mask = table_.size() - 1;
  std::size_t i = hash & mask;
  while (table_[i].row != nullptr && (table_[i].hash != hash || table_[i].row->key() != key))
    i = (i + 1) & mask;
  return i;
}

std::optional<BytesView> ReplayState::find(BytesView key) const {
  if (table_.empty()) return std::nullopt;
  Row* row = table_[slot_of(key, key_hash(key))].row;
  return row == nullptr ? std::nullopt : std::optional(row->value());
}

void ReplayState::apply(std::span<const Overlay::Change> changes) {
  constexpr std::size_t kAhead = 16;
  if (table_.empty()) table_.resize(1024);
  std::uint64_t hashes[kAhead];
  for (std::size_t i = 0; i < changes.size(); i += kAhead) {
    const std::size_t n = std::min(kAhead, changes.size() - i);
    for (std::size_t k = 0; k < n; ++k) {
      hashes[k] = key_hash(changes[i + k].key);
      __builtin_prefetch(&table_[hashes[k] & (table_.size() - 1)]);
    }
    for (std::size_t k = 0; k < n; ++k) put(changes[i + k].key, hashes[k], changes[i + k].after);
  }
}

void ReplayState::put(BytesView key, std::uint64_t hash, std::optional<BytesView> value) {
  if (table_.empty()) table_.resize(1024);
  const std::size_t slot = slot_of(key, hash);
  Row* row = table_[slot].row;
  if (!value) {
    if (row != nullptr) erase_slot(slot);
    return;
  }
  if (row == nullptr) return add(slot, key, hash, *value);
  if (value->size() <= row->capacity) {
    if (!value->empty()) std::memmove(row->data() + row->key_size, value->data(), value->size());
    row->value_size = static_cast<std::uint32_t>(value->size());
    return;
  }
  Row* larger = make_row(key, *value);
  for (Order& order : orders_) {
    if (key.starts_with(order.prefix)) order.replace(row, larger);
  }
  table_[slot].row = larger;
  ::operator delete(row);
}

void ReplayState::add(std::size_t slot, BytesView key, std::uint64_t hash, BytesView value) {
  if ((count_ + 1) * 2 > table_.size()) {
    grow();
    slot = slot_of(key, hash);
  }
  table_[slot] = {hash, make_row(key, value)};
  ++count_;
  for (Order& order : orders_) {
    if (key.starts_with(order.prefix)) order.insert(table_[slot].row);
  }
}

void ReplayState::grow() {
  std::vector<Slot> old(table_.size() * 2);
  old.swap(table_);
  const std::size_t mask = table_.size() - 1;
  for (const Slot& slot : old) {
    if (slot.row == nullptr) continue;
    std::size_t i = slot.hash & mask;
    while (table_[i].row != nullptr) i = (i + 1) & mask;
    table_[i] = slot;
  }
}

// Rows behind the hole move up, so that every probe still meets its row.
void ReplayState::erase_slot(std::size_t slot) {
  Row* row = table_[slot].row;
  for (Order& order : orders_) {
    if (row->key().starts_with(order.prefix)) order.erase(row);
  }
  ::operator delete(row);
  --count_;
  const std::size_t mask = table_.size() - 1;
  table_[slot] = Slot();
  for (std::size_t i = (slot + 1) & mask; table_[i].row != nullptr; i = (i + 1) & mask) {
    const std::size_t home = table_[i].hash & mask;
    if (((i - home) & mask) < ((i - slot) & mask)) continue;
    table_[slot] = table_[i];
    table_[i] = Slot();
    slot = i;
  }
}

Status ReplayState::get(BytesView key, std::optional<Bytes>* value) const {
  value->reset();
  if (const std::optional<BytesView> row = find(key)) value->emplace(*row);
  return {};
}

Status ReplayState::lend(BytesView key, Bytes*, std::optional<BytesView>* value) const {
  *value = find(key);
  return {};
}

// --- order ---

void ReplayState::Order::build(std::vector<Row*> sorted) {
  constexpr std::size_t kFilled = kPageRows / 2;
  for (std::size_t i = 0; i < sorted.size(); i += kFilled) {
    const auto begin = sorted.begin() + static_cast<std::ptrdiff_t>(i);
    const auto end = begin + static_cast<std::ptrdiff_t>(std::min(kFilled, sorted.size() - i));
    pages.emplace_back(begin, end);
  }
}

ReplayState::Order::Place ReplayState::Order::seek(BytesView key, bool behind) const {
  auto in_front = [&](Row* row) { return behind ? row->key() <= key : row->key() < key; };
  const auto page = std::partition_point(pages.begin(), pages.end(),
                                         [&](const Page& p) { return in_front(p.back()); });
  const auto at = static_cast<std::size_t>(page - pages.begin());
  if (page == pages.end()) return {at, 0};
  const auto row = std::partition_point(page->begin(), page->end(), in_front);
  return {at, static_cast<std::size_t>(row - page->begin())};
}

void ReplayState::Order::insert(Row* row) {
  Place at = seek(row->key(), false);
  if (at.page == pages.size()) {
    if (pages.empty()) pages.emplace_back();
    at.page = pages.size() - 1;
    at.row = pages.back().size();
  }
  Page& page = pages[at.page];
  page.insert(page.begin() + static_cast<std::ptrdiff_t>(at.row), row);
  if (page.size() <= kPageRows) return;
  // Keys that come in order fill a page and go on in the next one; others share the rows.
  const bool at_end = at.page + 1 == pages.size() && at.row + 1 == page.size();
  const auto middle = page.end() - static_cast<std::ptrdiff_t>(at_end ? 1 : page.size() / 2);
  Page next(middle, page.end());
  page.erase(middle, page.end());
  pages.insert(pages.begin() + static_cast<std::ptrdiff_t>(at.page) + 1, std::move(next));
}

void ReplayState::Order::replace(Row* old, Row* row) {
  const Place at = seek(old->key(), false);
  pages[at.page][at.row] = row;
}

void ReplayState::Order::erase(Row* row) {
  const Place at = seek(row->key(), false);
  Page& page = pages[at.page];
  page.erase(page.begin() + static_cast<std::ptrdiff_t>(at.row));
  if (page.empty()) pages.erase(pages.begin() + static_cast<std::ptrdiff_t>(at.page));
}

// The order of `prefix` or of a shorter one that it begins with.
const ReplayState::Order& ReplayState::order_for(BytesView prefix) const {
  for (const Order& order : orders_) {
    if (prefix.starts_with(order.prefix)) return order;
  }
  // Nothing is removed here: a visitor may scan while its own scan goes on.
  if (orders_.size() >= kMaxOrders) {
    const std::size_t slash = prefix.size() < 2 ? BytesView::npos : prefix.find('/', 2);
    prefix = slash == BytesView::npos ? BytesView() : prefix.substr(0, slash + 1);
  }
  std::vector<Row*> rows;
  for (const Slot& slot : table_) {
    if (slot.row != nullptr && slot.row->key().starts_with(prefix)) rows.push_back(slot.row);
  }
  std::sort(rows.begin(), rows.end(), [](Row* a, Row* b) { return a->key() < b->key(); });
  Order& order = orders_.emplace_back();
  order.prefix = prefix;
  order.build(std::move(rows));
  return order;
}

Status ReplayState::scan(BytesView prefix, BytesView after, std::size_t limit,
                         const RowVisitor& visit) const {
  const Order& order = order_for(prefix);
  Order::Place at =
      !after.empty() && after >= prefix ? order.seek(after, true) : order.seek(prefix, false);
  for (; limit > 0 && at.page < order.pages.size(); --limit) {
    Row* row = order.pages[at.page][at.row];
    if (!row->key().starts_with(prefix) || !visit(row->key(), row->value())) break;
    if (++at.row == order.pages[at.page].size()) at = {at.page + 1, 0};
  }
  return {};
}

Status ReplayState::scan_back(BytesView prefix, BytesView before, std::size_t limit,
                              const RowVisitor& visit) const {
  const Order& order = order_for(prefix);
  // The first row behind the page: `before`, or the end of the prefix if that comes first.
  Order::Place at{order.pages.size(), 0};
  Bytes end(prefix);
  while (!end.empty() && end.back() == '\xFF') end.pop_back();
  if (!end.empty()) {
    end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
    at = order.seek(end, false);
  }
  if (!before.empty() && (end.empty() || before < BytesView(end))) at = order.seek(before, false);
  for (; limit > 0; --limit) {
    if (at.row == 0) {
      if (at.page == 0) break;
      at = {at.page - 1, order.pages[at.page - 1].size()};
    }
    Row* row = order.pages[at.page][--at.row];
    if (!row->key().starts_with(prefix) || !visit(row->key(), row->value())) break;
  }
  return {};
}

}  // namespace blockd
