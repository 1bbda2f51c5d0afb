// OwnRows: the rows of its namespace that a plugin's process knows during one call: those that were
// sent along, those that it asked for, and those that it wrote. One thread.
//
// Nobody but the plugin changes its namespace while one of its calls runs, so what is known stays
// true. Texts lie in an arena until clear(): a row that was lent to the plugin never moves.
#pragma once

#include <optional>
#include <unordered_map>
#include <vector>

#include "kernel/base/bytes.hpp"
#include "kernel/manifest/values.hpp"

namespace blockd::isolation {

class OwnRows {
 public:
  struct Row {
    BytesView value;
    bool present = false;
    std::uint64_t expected = 0;  // the bit of a row that was sent along
  };

  explicit OwnRows(ValueArena& arena) : arena_(arena) {}

  const Row* find(BytesView key) {
    const auto it = rows_.find(key);
    if (it == rows_.end()) return nullptr;
    used_ |= it->second.expected;
    return &it->second;
  }
  // What the state holds.
  const Row& learn(BytesView key, std::optional<BytesView> value, std::uint64_t expected) {
    return rows_[arena_.copy(key)] = row_of(value, expected);
  }
  // What the plugin puts (or, without a value, erases).
  void write(BytesView key, std::optional<BytesView> value) {
    ++changes_;
    auto it = rows_.find(key);
    if (it == rows_.end()) {
      it = rows_.emplace(arena_.copy(key), Row{}).first;
      undo_.push_back({it->first, std::nullopt});
    } else {
      undo_.push_back({it->first, it->second});
    }
    it->second = row_of(value, it->second.expected);
  }
  std::size_t mark() const { return undo_.size(); }
  void back_to(std::size_t mark) {
    ++changes_;
    for (; undo_.size() > mark; undo_.pop_back()) {
      const Undo& last = undo_.back();
      if (last.before) {
        rows_[last.key] = *last.before;
      } else {
        rows_.erase(last.key);
      }
    }
  }
  // Grows with every write and every way back: whoever walks over rows looks again.
  std::uint64_t changes() const { return changes_; }
  std::uint64_t used() const { return used_; }
  void forget() {
    rows_.clear();
    undo_.clear();
    ++changes_;
  }
  void clear() {
    forget();
    used_ = 0;
  }

 private:
  struct Undo {
    BytesView key;
    std::optional<Row> before;
  };
  Row row_of(std::optional<BytesView> value, std::uint64_t expected) {
    return {value ? arena_.copy(*value) : BytesView(), value.has_value(), expected};
  }

  ValueArena& arena_;
  std::unordered_map<BytesView, Row> rows_;
  std::vector<Undo> undo_;
  std::uint64_t changes_ = 0, used_ = 0;
};

}  // namespace blockd::isolation
