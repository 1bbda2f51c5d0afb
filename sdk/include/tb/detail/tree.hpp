// Tree: builds tb_value trees in an arena. Arguments of service calls go out through args(),
// results and errors come in through out(), a tb_out of our own. Internal to the SDK. One thread;
// its values live as long as it does.
//
// Cost: small trees stay in the inline buffer, so that a service call with flat arguments allocates
// nothing.
#pragma once

#include <cstddef>
#include <memory_resource>
#include <string>

#include "tb/detail/traits.hpp"

namespace tb::detail {

class Tree : private tb_out {
 public:
  Tree() {
    this->api = &table();
    open({}, TB_TYPE_RECORD);
  }
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;

  tb_out* out() { return this; }

  // What was written to out(): a record, or the single value put with an empty name. Closes what is
  // open.
  const tb_value* finish() {
    while (depth_ > 1) close();
    if (depth_ == 1) close();
    return &root_;
  }

  // The members of a described struct as values in declared order.
  template <Described T>
  std::span<const tb_value> args(const T& record) {
    tb_value* values = allocate(kMemberCount<T>);
    std::size_t place = 0;
    for_each_member(record, [&](std::string_view name, const auto& member) {
      values[place] = value_of(member);
      values[place++].name = to_str(name);
    });
    return {values, kMemberCount<T>};
  }

 private:
  static constexpr std::uint32_t kMaxDepth = 64;
  struct Frame {
    tb_value head;
    std::pmr::vector<tb_value> items;
    Frame(const tb_value& value, std::pmr::memory_resource* arena) : head(value), items(arena) {}
  };

  static Tree& self(tb_out* out) { return *static_cast<Tree*>(out); }
  static tb_value make(std::uint32_t type) {
    tb_value value{};
    value.type = type;
    return value;
  }
  tb_value* allocate(std::size_t count) {
    return static_cast<tb_value*>(
        arena_.allocate((count == 0 ? 1 : count) * sizeof(tb_value), alignof(tb_value)));
  }
  tb_str copy(tb_str text) {
    if (text.len == 0) return {};
    char* to = static_cast<char*>(arena_.allocate(static_cast<std::size_t>(text.len), 1));
    std::memcpy(to, text.ptr, static_cast<std::size_t>(text.len));
    return {to, text.len};
  }

  template <class T>
  tb_value value_of(const T& from);

  void add(tb_str name, tb_value value) {
    if (depth_ == 0) return;
    Frame& frame = frames_.back();
    if (frame.head.type == TB_TYPE_RECORD) {
      if (depth_ == 1 && name.len == 0) {  // the whole is this value
        frames_.pop_back();
        depth_ = 0;
        root_ = value;
        return;
      }
      value.name = copy(name);
    }
    frame.items.push_back(value);
  }
  void add_text(tb_str name, std::uint32_t type, tb_str text) {
    tb_value value = make(type);
    value.str = copy(text);
    add(name, value);
  }
  void add_number(tb_str name, std::uint32_t type, std::uint64_t lo, std::uint64_t hi) {
    tb_value value = make(type);
    value.num = lo;
    value.num_hi = hi;
    add(name, value);
  }
  void open(tb_str name, std::uint32_t type) {
    if (depth_ >= kMaxDepth) throw std::length_error("a value tree has at most 64 levels");
    tb_value head = make(type);
    head.name = copy(name);
    frames_.emplace_back(head, &arena_);
    ++depth_;
  }
  void close() {
    if (depth_ == 0) return;
    Frame frame = std::move(frames_.back());
    frames_.pop_back();
    --depth_;
    frame.head.count = static_cast<std::uint32_t>(frame.items.size());
    tb_value* items = allocate(frame.items.size());
    std::copy(frame.items.begin(), frame.items.end(), items);
    frame.head.items = items;
    if (depth_ == 0) {
      root_ = frame.head;
    } else {
      const tb_str name = frame.head.name;
      add(name, frame.head);
    }
  }
  tb_value clone(const tb_value& from) {
    tb_value value = from;
    value.name = copy(from.name);
    value.str = copy(from.str);
    if (from.type == TB_TYPE_LIST || from.type == TB_TYPE_RECORD) {
      tb_value* items = allocate(from.count);
      for (std::uint32_t i = 0; i < from.count; ++i) items[i] = clone(from.items[i]);
      value.items = items;
    }
    return value;
  }
  static const tb_out_api& table();

  alignas(std::max_align_t) std::byte buffer_[1024];
  std::pmr::monotonic_buffer_resource arena_{buffer_, sizeof(buffer_)};
  std::pmr::vector<Frame> frames_{&arena_};
  std::uint32_t depth_ = 0;
  tb_value root_{};
};

template <class T>
tb_value Tree::value_of(const T& from) {
  tb_value value{};
  if constexpr (std::is_same_v<T, bool>) {
    value.type = TB_TYPE_BOOL;
    value.num = from ? 1 : 0;
  } else if constexpr (Unsigned<T>) {
    value.type = TB_TYPE_U64;
    value.num = from;
  } else if constexpr (Signed<T>) {
    value.type = TB_TYPE_I64;
    value.num = static_cast<std::uint64_t>(from);
  } else if constexpr (std::is_same_v<T, U128>) {
    value.type = TB_TYPE_U128;
    value.num = static_cast<std::uint64_t>(from);
    value.num_hi = static_cast<std::uint64_t>(from >> 64);
  } else if constexpr (Text<T>) {
    value.type = TB_TYPE_STR;
    value.str = to_str(from);
  } else if constexpr (std::is_same_v<T, Address>) {
    value.type = TB_TYPE_STR;
    value.str = to_str(from.text);
  } else if constexpr (std::is_same_v<T, Bytes> || std::is_same_v<T, Blob>) {
    value.type = TB_TYPE_BYTES;
    value.str = to_str(from.data);
  } else if constexpr (std::is_same_v<T, Hash>) {
    value.type = TB_TYPE_BYTES;
    value.str = to_str(from.view());
  } else if constexpr (std::is_same_v<T, Value>) {
    if (from.raw() != nullptr) value = *from.raw();
  } else if constexpr (IsOptional<T>::value) {
    if (from.has_value()) value = value_of(*from);
  } else if constexpr (IsVector<T>::value) {
    tb_value* items = allocate(from.size());
    std::size_t place = 0;
    for (const auto& element : from)
      items[place++] = value_of(static_cast<const typename T::value_type&>(element));
    value.type = TB_TYPE_LIST;
    value.count = static_cast<std::uint32_t>(from.size());
    value.items = items;
  } else {
    static_assert(Described<T>, "a type that tb/values.hpp does not list");
    const auto items = args(from);
    value.type = TB_TYPE_RECORD;
    value.count = static_cast<std::uint32_t>(items.size());
    value.items = items.data();
  }
  return value;
}

inline const tb_out_api& Tree::table() {
  static constexpr tb_out_api kTable = {
      [](tb_out* out, tb_str name) { self(out).add(name, make(TB_TYPE_NONE)); },
      [](tb_out* out, tb_str name, std::uint32_t value) {
        self(out).add_number(name, TB_TYPE_BOOL, value != 0 ? 1 : 0, 0);
      },
      [](tb_out* out, tb_str name, std::uint64_t value) {
        self(out).add_number(name, TB_TYPE_U64, value, 0);
      },
      [](tb_out* out, tb_str name, std::int64_t value) {
        self(out).add_number(name, TB_TYPE_I64, static_cast<std::uint64_t>(value), 0);
      },
      [](tb_out* out, tb_str name, std::uint64_t lo, std::uint64_t hi) {
        self(out).add_number(name, TB_TYPE_U128, lo, hi);
      },
      [](tb_out* out, tb_str name, std::int64_t value, std::uint32_t) {
        self(out).add_number(name, TB_TYPE_I64, static_cast<std::uint64_t>(value), 0);
      },
      [](tb_out* out, tb_str name, tb_str value) { self(out).add_text(name, TB_TYPE_STR, value); },
      [](tb_out* out, tb_str name, tb_str value) {
        self(out).add_text(name, TB_TYPE_BYTES, value);
      },
      [](tb_out* out, tb_str name, const tb_value* value) {
        self(out).add(name, self(out).clone(*value));
      },
      [](tb_out* out, tb_str name) { self(out).open(name, TB_TYPE_RECORD); },
      [](tb_out* out, tb_str name) { self(out).open(name, TB_TYPE_LIST); },
      [](tb_out* out) { self(out).close(); },
  };
  return kTable;
}

}  // namespace tb::detail
