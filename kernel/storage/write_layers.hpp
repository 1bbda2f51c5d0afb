// What a write-behind store holds in memory: layers of rows above a snapshot of the engine. All of
// it is immutable, so a reader keeps what it began with. Only this folder includes this.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "kernel/storage/key_filter.hpp"
#include "kernel/storage/kv_store.hpp"

namespace blockd::internal {

using Batch = std::shared_ptr<const std::vector<KvWrite>>;

// The rows of one or several batches that follow each other: by key, each key once, the last write.
// A filter says of most keys that are not there so at the cost of two bits.
class Layer {
 public:
  struct Row {
    const KvWrite* write;
    std::uint64_t hash;
  };
  static std::uint64_t hash_of(BytesView key);

  explicit Layer(Batch batch);
  Layer(const Layer& older, const Layer& newer);

  // The write of `key`; null when the layer has none.
  const KvWrite* find(BytesView key, std::uint64_t hash) const;
  const std::vector<Row>& rows() const { return rows_; }
  std::size_t bytes() const { return bytes_; }  // of keys and values, also those overwritten

 private:
  void build_filter();
  std::vector<Batch> batches_;  // own the rows
  std::vector<Row> rows_;
  std::vector<std::uint64_t> filter_;  // a power of two
  std::size_t bytes_ = 0;
};

// The rows of layers that follow each other, oldest first: by key, each key once, the newest.
std::vector<const KvWrite*> newest_rows(std::span<const std::shared_ptr<const Layer>> layers);

// The engine as it was, and what was written since. `base` null: the engine cannot be read.
// `filter` (may be null) knows every key that the engine held then; what it does not know is looked
// up nowhere.
class LayeredReader final : public KvReader {
 public:
  using Layers = std::vector<std::shared_ptr<const Layer>>;  // oldest first
  LayeredReader(std::shared_ptr<const KvReader> base, Layers layers,
                std::shared_ptr<const KeyFilter> filter = nullptr)
      : base_(std::move(base)), layers_(std::move(layers)), filter_(std::move(filter)) {}

  const std::shared_ptr<const KvReader>& base() const { return base_; }
  const Layers& layers() const { return layers_; }
  bool has_filter() const { return filter_ != nullptr; }

  Status get(BytesView key, std::optional<Bytes>* value) const override;
  Status lend(BytesView key, Bytes* scratch, std::optional<BytesView>* value) const override;
  Status scan(BytesView prefix, BytesView after, std::size_t limit,
              const RowVisitor& visit) const override {
    return walk(true, prefix, after, limit, visit);
  }
  Status scan_back(BytesView prefix, BytesView before, std::size_t limit,
                   const RowVisitor& visit) const override {
    return walk(false, prefix, before, limit, visit);
  }

 private:
  const KvWrite* find(BytesView key, std::uint64_t hash) const;
  bool is_nowhere(std::uint64_t hash) const {
    return filter_ != nullptr && base_ != nullptr && !filter_->may_hold(hash);
  }
  Status walk(bool up, BytesView prefix, BytesView bound, std::size_t limit,
              const RowVisitor& visit) const;
  const std::shared_ptr<const KvReader> base_;
  const Layers layers_;
  const std::shared_ptr<const KeyFilter> filter_;
};

}  // namespace blockd::internal
