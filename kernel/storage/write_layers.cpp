#include "kernel/storage/write_layers.hpp"

#include <algorithm>
#include <bit>
#include <string_view>

namespace blockd::internal {
namespace {

constexpr std::size_t kFilterBitsPerRow = 16;
constexpr std::size_t kWordBits = 64;

bool by_key(const Layer::Row& a, const Layer::Row& b) { return a.write->key < b.write->key; }

}  // namespace

std::uint64_t Layer::hash_of(BytesView key) { return std::hash<std::string_view>()(key); }

// Rows come nearly sorted: those of a block by namespace and key, then a few of the chain's own.
Layer::Layer(Batch batch) {
  rows_.reserve(batch->size());
  for (const KvWrite& write : *batch) {
    rows_.push_back({&write, hash_of(write.key)});
    bytes_ += write.key.size() + (write.value ? write.value->size() : 0);
  }
  batches_.push_back(std::move(batch));
  const auto unsorted = std::is_sorted_until(rows_.begin(), rows_.end(), by_key);
  if (unsorted != rows_.end()) {
    std::stable_sort(unsorted, rows_.end(), by_key);
    std::inplace_merge(rows_.begin(), unsorted, rows_.end(), by_key);
  }
  // Of equal keys the last one is the newest.
  auto out = rows_.begin();
  for (auto at = rows_.begin(); at != rows_.end(); ++at) {
    if (out != rows_.begin() && std::prev(out)->write->key == at->write->key) --out;
    *out++ = *at;
  }
  rows_.erase(out, rows_.end());
  build_filter();
}

Layer::Layer(const Layer& older, const Layer& newer)
    : batches_(older.batches_), bytes_(older.bytes_ + newer.bytes_) {
  batches_.insert(batches_.end(), newer.batches_.begin(), newer.batches_.end());
  rows_.reserve(older.rows_.size() + newer.rows_.size());
  auto from = older.rows_.begin();
  for (const Row& row : newer.rows_) {
    while (from != older.rows_.end() && from->write->key < row.write->key) rows_.push_back(*from++);
    if (from != older.rows_.end() && from->write->key == row.write->key) ++from;
    rows_.push_back(row);
  }
  rows_.insert(rows_.end(), from, older.rows_.end());
  build_filter();
}

void Layer::build_filter() {
  const std::size_t words = std::bit_ceil(rows_.size() * kFilterBitsPerRow / kWordBits + 1);
  filter_.assign(words, 0);
  for (const Row& row : rows_) {
    for (const std::uint64_t bit : {row.hash, row.hash >> 32})
      filter_[bit / kWordBits % words] |= 1ull << bit % kWordBits;
  }
}

const KvWrite* Layer::find(BytesView key, std::uint64_t hash) const {
  for (const std::uint64_t bit : {hash, hash >> 32}) {
    if ((filter_[bit / kWordBits % filter_.size()] >> bit % kWordBits & 1) == 0) return nullptr;
  }
  const auto at =
      std::lower_bound(rows_.begin(), rows_.end(), key,
                       [](const Row& row, BytesView k) { return BytesView(row.write->key) < k; });
  return at != rows_.end() && at->write->key == key ? at->write : nullptr;
}

// Runs that follow each other are merged in pairs, so a row is moved as often as the number of
// layers has binary digits. Of equal keys the older one comes first.
std::vector<const KvWrite*> newest_rows(std::span<const std::shared_ptr<const Layer>> layers) {
  std::vector<const KvWrite*> rows;
  std::vector<std::ptrdiff_t> ends{0};
  for (const auto& layer : layers) {
    for (const Layer::Row& row : layer->rows()) rows.push_back(row.write);
    ends.push_back(static_cast<std::ptrdiff_t>(rows.size()));
  }
  const auto before = [](const KvWrite* a, const KvWrite* b) { return a->key < b->key; };
  while (ends.size() > 2) {
    std::vector<std::ptrdiff_t> merged{0};
    for (std::size_t i = 0; i + 1 < ends.size(); i += 2) {
      const std::size_t last = std::min(i + 2, ends.size() - 1);
      std::inplace_merge(rows.begin() + ends[i], rows.begin() + ends[i + 1],
                         rows.begin() + ends[last], before);
      merged.push_back(ends[last]);
    }
    ends = std::move(merged);
  }
  const auto same = [](const KvWrite* a, const KvWrite* b) { return a->key == b->key; };
  rows.erase(rows.begin(), std::unique(rows.rbegin(), rows.rend(), same).base());
  return rows;
}

namespace {

// The rows of all layers behind `bound` in one direction, each key once: the newest.
class Merge {
 public:
  Merge(const LayeredReader::Layers& layers, bool up, BytesView prefix, BytesView bound) : up_(up) {
    for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer) {
      const std::vector<Layer::Row>& rows = (*layer)->rows();
      const auto place = [&](const auto& in_front) {
        return std::partition_point(rows.begin(), rows.end(), [&](const Layer::Row& row) {
          return in_front(BytesView(row.write->key));
        });
      };
      auto first = place([&](BytesView key) { return key < prefix; });
      auto last = place([&](BytesView key) { return key < prefix || key.starts_with(prefix); });
      if (!bound.empty() && up)
        first = std::max(first, place([&](BytesView key) { return key <= bound; }));
      if (!bound.empty() && !up)
        last = std::min(last, place([&](BytesView key) { return key < bound; }));
      if (first < last) sources_.push_back({&*first, &*first + (last - first)});
    }
    find_next();
  }
  bool in_front(BytesView a, BytesView b) const { return up_ ? a < b : a > b; }
  // Null at the end.
  const KvWrite* peek() const { return next_; }
  void pass(BytesView key) {
    for (Source& source : sources_) {
      if (source.first == source.last || head_of(source)->key != key) continue;
      if (up_) ++source.first;
      if (!up_) --source.last;
    }
    find_next();
  }

 private:
  struct Source {
    const Layer::Row *first, *last;
  };
  const KvWrite* head_of(const Source& source) const {
    return up_ ? source.first->write : (source.last - 1)->write;
  }
  void find_next() {
    next_ = nullptr;  // of equal keys the first, whose layer is the newest
    for (const Source& source : sources_) {
      if (source.first == source.last) continue;
      const KvWrite* head = head_of(source);
      if (next_ == nullptr || in_front(head->key, next_->key)) next_ = head;
    }
  }
  const bool up_;
  std::vector<Source> sources_;  // newest first
  const KvWrite* next_ = nullptr;
};

Status unreadable() {
  return Status(Code::kUnavailable, "the store is being opened again after the disk was full",
                "ask again");
}

}  // namespace

const KvWrite* LayeredReader::find(BytesView key, std::uint64_t hash) const {
  for (auto layer = layers_.rbegin(); layer != layers_.rend(); ++layer) {
    if (const KvWrite* write = (*layer)->find(key, hash)) return write;
  }
  return nullptr;
}

Status LayeredReader::get(BytesView key, std::optional<Bytes>* value) const {
  const std::uint64_t hash = Layer::hash_of(key);
  if (is_nowhere(hash)) {
    value->reset();
    return {};
  }
  if (const KvWrite* write = find(key, hash)) {
    *value = write->value;
    return {};
  }
  return base_ ? base_->get(key, value) : unreadable();
}

Status LayeredReader::lend(BytesView key, Bytes* scratch, std::optional<BytesView>* value) const {
  const std::uint64_t hash = Layer::hash_of(key);
  if (is_nowhere(hash)) {
    value->reset();
    return {};
  }
  if (const KvWrite* write = find(key, hash)) {
    *value = write->value ? std::optional<BytesView>(*write->value) : std::nullopt;
    return {};
  }
  return base_ ? base_->lend(key, scratch, value) : unreadable();
}

Status LayeredReader::walk(bool up, BytesView prefix, BytesView bound, std::size_t limit,
                           const RowVisitor& visit) const {
  if (!base_) return unreadable();
  Merge rows(layers_, up, prefix, bound);
  if (rows.peek() == nullptr) {
    return up ? base_->scan(prefix, bound, limit, visit)
              : base_->scan_back(prefix, bound, limit, visit);
  }
  bool going = limit > 0;
  const auto show = [&](BytesView key, BytesView value) {
    going = visit(key, value) && --limit > 0;
  };
  const auto take = [&](const KvWrite& write) {
    rows.pass(write.key);
    if (write.value) show(write.key, *write.value);
  };
  const RowVisitor merge = [&](BytesView key, BytesView value) {
    const KvWrite* next = rows.peek();
    for (; going && next != nullptr && rows.in_front(next->key, key); next = rows.peek())
      take(*next);
    if (!going) return false;
    if (next != nullptr && next->key == key) {
      take(*next);
    } else {
      show(key, value);
    }
    return going;
  };
  if (going) {
    TB_TRY(up ? base_->scan(prefix, bound, SIZE_MAX, merge)
              : base_->scan_back(prefix, bound, SIZE_MAX, merge));
  }
  for (const KvWrite* next = rows.peek(); going && next != nullptr; next = rows.peek()) take(*next);
  return {};
}

}  // namespace blockd::internal
