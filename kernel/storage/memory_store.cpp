// KvStore in memory: a balanced tree whose nodes never change. A write copies the path from the
// root to each row that it touches (about 20 nodes in a million rows), so a snapshot is the present
// root and costs nothing.
#include <algorithm>
#include <mutex>

#include "kernel/storage/kv_store.hpp"

namespace blockd {
namespace {

struct Row {
  Bytes key;
  Bytes value;
};
struct Node;
using NodePtr = std::shared_ptr<const Node>;
using RowPtr = std::shared_ptr<const Row>;

// AVL tree with slack: the heights of two siblings differ by at most two.
struct Node {
  RowPtr row;
  NodePtr left, right;
  int height;
};

int height(const NodePtr& node) { return node ? node->height : 0; }

NodePtr make(RowPtr row, NodePtr left, NodePtr right) {
  const int h = std::max(height(left), height(right)) + 1;
  return std::make_shared<const Node>(Node{std::move(row), std::move(left), std::move(right), h});
}

// As make(), for subtrees whose heights differ by at most three.
NodePtr balance(const RowPtr& row, const NodePtr& left, const NodePtr& right) {
  if (height(left) > height(right) + 2) {
    if (height(left->left) >= height(left->right)) {
      return make(left->row, left->left, make(row, left->right, right));
    }
    const NodePtr& middle = left->right;
    return make(middle->row, make(left->row, left->left, middle->left),
                make(row, middle->right, right));
  }
  if (height(right) > height(left) + 2) {
    if (height(right->right) >= height(right->left)) {
      return make(right->row, make(row, left, right->left), right->right);
    }
    const NodePtr& middle = right->left;
    return make(middle->row, make(row, left, middle->left),
                make(right->row, middle->right, right->right));
  }
  return make(row, left, right);
}

NodePtr insert(const NodePtr& node, const RowPtr& row) {
  if (!node) return make(row, nullptr, nullptr);
  const int order = row->key.compare(node->row->key);
  if (order == 0) return make(row, node->left, node->right);
  if (order < 0) return balance(node->row, insert(node->left, row), node->right);
  return balance(node->row, node->left, insert(node->right, row));
}

NodePtr without_first(const NodePtr& node) {
  if (!node->left) return node->right;
  return balance(node->row, without_first(node->left), node->right);
}

// The key is there.
NodePtr erase(const NodePtr& node, BytesView key) {
  const int order = key.compare(node->row->key);
  if (order < 0) return balance(node->row, erase(node->left, key), node->right);
  if (order > 0) return balance(node->row, node->left, erase(node->right, key));
  if (!node->left) return node->right;
  if (!node->right) return node->left;
  const Node* first = node->right.get();
  while (first->left) first = first->left.get();
  return balance(first->row, node->left, without_first(node->right));
}

const Row* find(const Node* node, BytesView key) {
  while (node != nullptr) {
    const int order = key.compare(node->row->key);
    if (order == 0) return node->row.get();
    node = (order < 0 ? node->left : node->right).get();
  }
  return nullptr;
}

// Rows of a page in one direction. walk() answers false when the page has ended.
struct Page {
  BytesView prefix, bound;
  std::size_t left;
  const RowVisitor& visit;

  bool show(const Row& row) { return left-- != 0 && visit(row.key, row.value) && left != 0; }

  bool walk_up(const Node* node) {
    if (node == nullptr) return true;
    const BytesView key = node->row->key;
    const bool started = key >= prefix && (bound.empty() || key > bound);
    if (started) {
      if (!walk_up(node->left.get())) return false;
      if (!key.starts_with(prefix) || !show(*node->row)) return false;
    }
    return walk_up(node->right.get());
  }

  bool walk_down(const Node* node) {
    if (node == nullptr) return true;
    const BytesView key = node->row->key;
    const bool started =
        (key < prefix || key.starts_with(prefix)) && (bound.empty() || key < bound);
    if (started) {
      if (!walk_down(node->right.get())) return false;
      if (!key.starts_with(prefix) || !show(*node->row)) return false;
    }
    return walk_down(node->left.get());
  }
};

class Snapshot final : public KvReader {
 public:
  explicit Snapshot(NodePtr root) : root_(std::move(root)) {}

  Status get(BytesView key, std::optional<Bytes>* value) const override {
    value->reset();
    if (const Row* row = find(root_.get(), key)) *value = row->value;
    return {};
  }
  Status scan(BytesView prefix, BytesView after, std::size_t limit,
              const RowVisitor& visit) const override {
    if (limit != 0) Page{prefix, after, limit, visit}.walk_up(root_.get());
    return {};
  }
  Status scan_back(BytesView prefix, BytesView before, std::size_t limit,
                   const RowVisitor& visit) const override {
    if (limit != 0) Page{prefix, before, limit, visit}.walk_down(root_.get());
    return {};
  }

 private:
  NodePtr root_;
};

class MemoryStore final : public KvStore {
 public:
  Status get(BytesView key, std::optional<Bytes>* value) const override {
    return Snapshot(root()).get(key, value);
  }
  Status scan(BytesView prefix, BytesView after, std::size_t limit,
              const RowVisitor& visit) const override {
    return Snapshot(root()).scan(prefix, after, limit, visit);
  }
  Status scan_back(BytesView prefix, BytesView before, std::size_t limit,
                   const RowVisitor& visit) const override {
    return Snapshot(root()).scan_back(prefix, before, limit, visit);
  }

  Status write(std::span<const KvWrite> batch, bool) override {
    NodePtr next = root();
    std::uint64_t bytes = approximate_bytes();
    for (const KvWrite& one : batch) {
      if (const Row* old = find(next.get(), one.key)) {
        bytes -= old->key.size() + old->value.size();
        if (!one.value) next = erase(next, one.key);
      }
      if (!one.value) continue;
      next = insert(next, std::make_shared<const Row>(Row{one.key, *one.value}));
      bytes += one.key.size() + one.value->size();
    }
    std::lock_guard lock(mutex_);
    root_.swap(next);  // the old root is let go of outside the lock
    bytes_ = bytes;
    return {};
  }
  std::shared_ptr<const KvReader> snapshot() const override {
    return std::make_shared<Snapshot>(root());
  }
  Status flush() override { return {}; }
  bool holds() const override { return true; }
  std::uint64_t approximate_bytes() const override {
    std::lock_guard lock(mutex_);
    return bytes_;
  }

 private:
  NodePtr root() const {
    std::lock_guard lock(mutex_);
    return root_;
  }
  mutable std::mutex mutex_;  // guards the two below, for a moment only
  NodePtr root_;
  std::uint64_t bytes_ = 0;
};

}  // namespace

std::unique_ptr<KvStore> open_memory() { return std::make_unique<MemoryStore>(); }

}  // namespace blockd
