#include "kernel/chain/replay_state.hpp"

#include <algorithm>
#include <array>
#include <new>

#include "kernel/chain/block_codec.hpp"

namespace blockd {
namespace {

constexpr std::uint32_t kMaxCapacity = (1u << 31) - 1;

}  // namespace

RowMemory::Place ReplayState::make_row(BytesView key, std::optional<BytesView> value) {
  const std::size_t size = value ? value->size() : 0;
  const std::size_t used = sizeof(Row) + key.size() + size;
  // Memory comes in steps: what is left of the last one is room to grow.
  const std::size_t whole = (used + RowMemory::kStep - 1) / RowMemory::kStep * RowMemory::kStep;
  const RowMemory::Place place = memory_.take(whole);
  Row* row = new (memory_.at(place)) Row;
  row->key_size = static_cast<std::uint32_t>(key.size());
  row->value_size = static_cast<std::uint32_t>(size);
  row->capacity = static_cast<std::uint32_t>(size + whole - used) & kMaxCapacity;
  row->present = value.has_value();
  std::memcpy(row->data(), key.data(), key.size());
  if (size != 0) std::memcpy(row->data() + key.size(), value->data(), size);
  return place;
}

std::size_t ReplayState::slot_of(BytesView key, std::uint64_t hash) const {
  const std::size_t mask = table_.size() - 1;
  std::size_t i = home(hash);
  while (table_[i].row != 0 &&
         (table_[i].hash != half(hash) || row_at(table_[i].row)->key() != key))
    i = (i + 1) & mask;
  return i;
}

bool ReplayState::lookup(BytesView key, std::optional<BytesView>* value) const {
  Row* row = table_.empty() ? nullptr : row_of(table_[slot_of(key, key_hash(key))]);
  if (row == nullptr) return false;
  value->reset();
  if (row->present) value->emplace(row->value());
  return true;
}

std::optional<BytesView> ReplayState::find(BytesView key, std::uint64_t hash) const {
  Row* row = table_.empty() ? nullptr : row_of(table_[slot_of(key, hash)]);
  return row != nullptr && row->present ? std::optional<BytesView>(row->value()) : std::nullopt;
}

void ReplayState::visit(
    const std::function<void(BytesView key, std::optional<BytesView>)>& visitor) const {
  for (const Slot& slot : table_) {
    Row* row = row_of(slot);
    if (row == nullptr) continue;
    visitor(row->key(), row->present ? std::optional<BytesView>(row->value()) : std::nullopt);
  }
}

Hash ReplayState::root() const {
  std::vector<std::pair<std::pair<BytesView, BytesView>, BytesView>> rows;
  rows.reserve(static_cast<std::size_t>(count_ - absent_));
  for (const Slot& slot : table_) {
    Row* row = row_of(slot);
    if (row != nullptr && row->present) rows.emplace_back(split_key(row->key()), row->value());
  }
  std::sort(rows.begin(), rows.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  StateRoot root;
  for (const auto& [key, value] : rows) {
    if (!key.first.empty()) root.add(key.first, key.second, value);
  }
  return root.finish();
}

// REQUIRES: its place was fetched.
void ReplayState::fetch_row(std::uint64_t hash) const {
  constexpr std::size_t kLine = 64, kLines = 4;  // what most rows have
  const Slot& slot = table_[home(hash)];
  if (slot.hash != half(hash) || slot.row == 0) return;
  const char* row = memory_.at(slot.row);
  for (std::size_t line = 0; line < kLines; ++line) __builtin_prefetch(row + line * kLine);
}

bool ReplayState::holds(std::span<const std::pair<Bytes, Bytes>> rows) const {
  if (table_.empty()) return rows.empty();
  std::array<std::uint64_t, kFetched> hashes;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    hashes[i] = key_hash(rows[i].first);
    fetch_place(hashes[i]);
  }
  for (std::size_t i = 0; i < rows.size(); ++i) fetch_row(hashes[i]);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    Row* row = row_of(table_[slot_of(rows[i].first, hashes[i])]);
    if (row == nullptr || !row->present || row->value() != rows[i].second) return false;
  }
  return true;
}

// Steps of hooks stand among those of commands, so that a command may meet the rows of a neighbour.
void RowsAhead::begin(BytesView block_bytes) {
  hashes_.clear();
  ends_.clear();
  std::array<char, kMaxHinted> key;
  BytesView space;  // of the row before; those of one mostly follow each other
  std::size_t prefix = 0;
  const Status status = visit_deltas(block_bytes, [&](std::uint32_t step, const DeltaView& row) {
    if (row.space.size() + row.key.size() + 3 > key.size()) return;  // no hint for such a one
    if (row.space != space || prefix == 0) {
      const std::string text = space_prefix(space = row.space);
      std::memcpy(key.data(), text.data(), prefix = text.size());
    }
    std::memcpy(key.data() + prefix, row.key.data(), row.key.size());
    ends_.resize(step, hashes_.size());  // of the steps in front of this one
    hashes_.push_back(key_hash({key.data(), prefix + row.key.size()}));
  });
  if (!status.ok()) hashes_.clear();  // damage is told by who needs the rows
  ends_.push_back(hashes_.size());
  if (!status.ok()) ends_.clear();
}

std::span<const std::uint64_t> RowsAhead::rows_of(std::size_t step) const {
  if (step >= ends_.size()) return {};
  const std::size_t begin = step == 0 ? 0 : ends_[step - 1];
  return std::span(hashes_).subspan(begin, ends_[step] - begin);
}

void RowsAhead::fetch_places(std::size_t step) const {
  for (const std::uint64_t hash : rows_of(step)) state_.fetch_place(hash);
}

void RowsAhead::before(std::size_t command) const {
  if (state_.table_.empty()) return;
  for (std::size_t step = command == 0 ? 0 : kAhead; step <= kAhead; ++step)
    fetch_places(command + step);
  for (std::size_t step = command == 0 ? 0 : kAhead / 2; step <= kAhead / 2; ++step)
    for (const std::uint64_t hash : rows_of(command + step)) state_.fetch_row(hash);
}

// A row's place in the table is fetched long before its turn, and the row itself in between.
void ReplayState::apply(std::span<const Overlay::Change> changes) {
  constexpr std::size_t kPlaceAhead = 32, kRowAhead = 16;
  if (table_.empty()) table_.resize(1024);
  const std::size_t n = changes.size();
  for (std::size_t i = 0; i < std::min(kPlaceAhead, n); ++i) fetch_place(changes[i].hash);
  for (std::size_t i = 0; i < n; ++i) {
    if (i + kPlaceAhead < n) fetch_place(changes[i + kPlaceAhead].hash);
    if (i + kRowAhead < n) fetch_row(changes[i + kRowAhead].hash);
    put(changes[i].key, changes[i].hash, changes[i].after);
  }
}

void ReplayState::put_if_unknown(BytesView key, std::optional<BytesView> value) {
  if (table_.empty()) table_.resize(1024);
  const std::uint64_t hash = key_hash(key);
  const std::size_t slot = slot_of(key, hash);
  if (table_[slot].row == 0 && (value || remembers_)) add(slot, key, hash, value);
}

void ReplayState::put(BytesView key, std::uint64_t hash, std::optional<BytesView> value) {
  if (table_.empty()) table_.resize(1024);
  const std::size_t slot = slot_of(key, hash);
  const RowMemory::Place place = table_[slot].row;
  if (place == 0) {
    if (value || remembers_) add(slot, key, hash, value);
    return;
  }
  Row* row = row_at(place);
  if (!value) return erase(slot);
  if (value->size() <= row->capacity) {
    if (!value->empty()) std::memmove(row->data() + row->key_size, value->data(), value->size());
    row->value_size = static_cast<std::uint32_t>(value->size());
    if (row->present) return;
    row->present = true;
    --absent_;
    return enter_orders(row);
  }
  table_[slot].row = make_row(key, value);
  Row* larger = row_at(table_[slot].row);
  if (row->present) {
    for (Order& order : orders_) {
      if (order.covers(key)) order.replace(row, larger);
    }
  } else {
    --absent_;
    enter_orders(larger);
  }
  memory_.give(place, row->bytes());
}

void ReplayState::add(std::size_t slot, BytesView key, std::uint64_t hash,
                      std::optional<BytesView> value) {
  if ((count_ + 1) * 4 > table_.size() * 3) {
    grow();
    slot = slot_of(key, hash);
  }
  table_[slot] = {half(hash), make_row(key, value)};
  ++count_;
  if (value) {
    enter_orders(row_at(table_[slot].row));
  } else {
    ++absent_;
  }
}

void ReplayState::enter_orders(Row* row) {
  for (Order& order : orders_) {
    if (order.covers(row->key())) order.insert(row);
  }
}

void ReplayState::leave_orders(Row* row) {
  for (Order& order : orders_) {
    if (order.covers(row->key())) order.erase(row);
  }
}

void ReplayState::grow() {
  Table old(table_.size() * 2);
  old.swap(table_);
  const std::size_t mask = table_.size() - 1;
  for (const Slot& slot : old) {
    if (slot.row == 0) continue;
    std::size_t i = slot.hash & mask;
    while (table_[i].row != 0) i = (i + 1) & mask;
    table_[i] = slot;
  }
}

void ReplayState::erase(std::size_t slot) {
  Row* row = row_at(table_[slot].row);
  if (!row->present) return;
  leave_orders(row);
  if (remembers_) {
    row->present = false;
    ++absent_;
    return;
  }
  memory_.give(table_[slot].row, row->bytes());
  --count_;
  close_hole(slot);
}

// Rows behind the hole move up, so that every probe still meets its row.
void ReplayState::close_hole(std::size_t slot) {
  const std::size_t mask = table_.size() - 1;
  table_[slot] = Slot();
  for (std::size_t i = (slot + 1) & mask; table_[i].row != 0; i = (i + 1) & mask) {
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

// Keys of one namespace differ where a prefix ends, so its last eight bytes are looked at first.
bool ReplayState::Order::covers(BytesView key) const {
  const std::size_t n = prefix.size();
  if (key.size() < n) return false;
  std::uint64_t a = 0, b = 0;
  if (n < sizeof a) return key.starts_with(prefix);
  std::memcpy(&a, key.data() + n - sizeof a, sizeof a);
  std::memcpy(&b, prefix.data() + n - sizeof b, sizeof b);
  return a == b && key.starts_with(prefix);
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
    Row* row = row_of(slot);
    if (row != nullptr && row->present && row->key().starts_with(prefix)) rows.push_back(row);
  }
  std::sort(rows.begin(), rows.end(), [](Row* a, Row* b) { return a->key() < b->key(); });
  Order& order = orders_.emplace_back();
  order.prefix = prefix;
  order.build(std::move(rows));
  return order;
}

ReplayState::Walk::Walk(const ReplayState& state, BytesView prefix, BytesView bound, bool back)
    : order_(state.order_for(prefix)), prefix_(prefix), back_(back) {
  const bool behind = !back && !bound.empty() && bound >= prefix;
  at_ = back ? order_.end_of(prefix, bound) : order_.seek(behind ? bound : prefix, behind);
  look();
}

// Behind the last row below `prefix`, or at `bound` if that comes first.
ReplayState::Order::Place ReplayState::Order::end_of(BytesView below, BytesView bound) const {
  Bytes end(below);
  while (!end.empty() && end.back() == '\xFF') end.pop_back();
  if (!end.empty()) end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  if (!bound.empty() && (end.empty() || bound < BytesView(end))) return seek(bound, false);
  return end.empty() ? Place{pages.size(), 0} : seek(end, false);
}

// Finds the row at the place.
void ReplayState::Walk::look() {
  row_ = nullptr;
  Order::Place at = at_;
  if (back_) {
    if (at.row == 0) {
      if (at.page == 0) return;
      at = {at.page - 1, order_.pages[at.page - 1].size()};
    }
    --at.row;
  } else if (at.page == order_.pages.size()) {
    return;
  }
  Row* row = order_.pages[at.page][at.row];
  if (row->key().starts_with(prefix_)) row_ = row;
}

void ReplayState::Walk::next() {
  if (back_) {
    if (at_.row == 0) at_ = {at_.page - 1, order_.pages[at_.page - 1].size()};
    --at_.row;
  } else if (++at_.row == order_.pages[at_.page].size()) {
    at_ = {at_.page + 1, 0};
  }
  look();
}

Status ReplayState::scan(BytesView prefix, BytesView after, std::size_t limit,
                         const RowVisitor& visit) const {
  for (Walk walk(*this, prefix, after, false); limit > 0 && walk.valid(); walk.next(), --limit) {
    if (!visit(walk.key(), walk.value())) break;
  }
  return {};
}

Status ReplayState::scan_back(BytesView prefix, BytesView before, std::size_t limit,
                              const RowVisitor& visit) const {
  for (Walk walk(*this, prefix, before, true); limit > 0 && walk.valid(); walk.next(), --limit) {
    if (!visit(walk.key(), walk.value())) break;
  }
  return {};
}

}  // namespace blockd
