// Out: writes results, events, records and error data into a tb_out of the host. [any]
//
// A writer starts inside a record. A handler either writes members one by one or a whole described
// struct at once:
//
//   out.put("height", ctx.block().height);
//   out.write(Settled{...});  // its members, in declared order
//   out.list("credits", [&](tb::Out& list) { list.element(credit); });
//   out.value(count);  // the result is that single value; before anything else
//
// An empty std::optional is left out of a record and is null in a list.
#pragma once

#include "tb/detail/check.hpp"

namespace tb {

class Out {
 public:
  explicit Out(tb_out* raw) : raw_(raw) {}

  tb_out* raw() const { return raw_; }

  // A member of any type of values.hpp.
  template <class T>
  void put(std::string_view name, const T& value);
  void put(std::string_view name, const char* text) { put(name, std::string_view(text)); }

  // All members of a described struct, into the record at hand.
  template <detail::Described T>
  void write(const T& record) {
    detail::for_each_member(record,
                            [&](std::string_view name, const auto& member) { put(name, member); });
  }
  // The same, by name: for events and records, whose canonical form has them in that order.
  template <detail::Described T>
  void write_sorted(const T& record) {
    detail::for_each_member_sorted(
        record, [&](std::string_view name, const auto& member) { put(name, member); });
  }
  // The result as a list or a single value. REQUIRES: nothing was written yet.
  template <class T>
  void value(const T& value) {
    put(std::string_view(), value);
  }
  // An element of the list at hand.
  template <class T>
  void element(const T& value) {
    if constexpr (detail::IsOptional<T>::value) {
      value.has_value() ? element(*value) : null({});
    } else {
      put(std::string_view(), value);
    }
  }

  void null(std::string_view name) { raw_->api->put_null(raw_, to_str(name)); }
  // value / 10^decimals, printed with that many decimals; for display only, refused in events and
  // records.
  void scaled(std::string_view name, std::int64_t value, std::uint32_t decimals) {
    raw_->api->put_scaled(raw_, to_str(name), value, decimals);
  }
  template <class Fn>
  void record(std::string_view name, Fn&& fill) {
    raw_->api->begin_record(raw_, to_str(name));
    fill(*this);
    raw_->api->end(raw_);
  }
  template <class Fn>
  void list(std::string_view name, Fn&& fill) {
    raw_->api->begin_list(raw_, to_str(name));
    fill(*this);
    raw_->api->end(raw_);
  }

 private:
  tb_out* raw_;
};

template <class T>
void Out::put(std::string_view name, const T& value) {
  using namespace detail;
  const tb_out_api& api = *raw_->api;
  const tb_str at = to_str(name);
  if constexpr (std::is_same_v<T, bool>) {
    api.put_bool(raw_, at, value ? 1u : 0u);
  } else if constexpr (Unsigned<T>) {
    api.put_u64(raw_, at, value);
  } else if constexpr (Signed<T> || std::is_same_v<T, std::int32_t>) {
    api.put_i64(raw_, at, value);
  } else if constexpr (std::is_same_v<T, U128>) {
    api.put_u128(raw_, at, static_cast<std::uint64_t>(value),
                 static_cast<std::uint64_t>(value >> 64));
  } else if constexpr (std::is_convertible_v<const T&, std::string_view>) {
    api.put_str(raw_, at, to_str(value));
  } else if constexpr (std::is_same_v<T, Address>) {
    api.put_str(raw_, at, to_str(value.text));
  } else if constexpr (std::is_same_v<T, Bytes> || std::is_same_v<T, Blob>) {
    api.put_bytes(raw_, at, to_str(value.data));
  } else if constexpr (std::is_same_v<T, Hash>) {
    api.put_bytes(raw_, at, to_str(value.view()));
  } else if constexpr (std::is_same_v<T, Value>) {
    value.raw() == nullptr ? api.put_null(raw_, at) : api.put_value(raw_, at, value.raw());
  } else if constexpr (IsOptional<T>::value) {
    if (value.has_value()) put(name, *value);
  } else if constexpr (IsVector<T>::value) {
    list(name, [&](Out& out) {
      for (const auto& element : value)
        out.element(static_cast<const typename T::value_type&>(element));
    });
  } else if constexpr (Described<T>) {
    record(name, [&](Out& out) { out.write(value); });
  } else {
    static_cast<void>(checked_member<Out, T>());  // refuses it, with what to write instead
  }
}

}  // namespace tb
