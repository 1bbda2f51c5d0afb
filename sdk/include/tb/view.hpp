// View: read-only state of one height, as queries see it and as a step has made it so far.
// [machine] [face]
//
// A view is valid until the call that received it returns; do not keep it. Reads cannot fail in a
// way that a handler has to treat: absent is std::nullopt or false, and trouble of the host is
// remembered here and returned to the host by the SDK whatever the handler answers (`aborted()` is
// for long loops that want to stop early).
//
// get() copies, read() lends the bytes to a callback without a copy, load<T>() decodes a row of
// codec.hpp.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>

#include "tb/codec.hpp"
#include "tb/decode.hpp"
#include "tb/detail/tree.hpp"
#include "tb/handles.hpp"
#include "tb/key.hpp"
#include "tb/machine.h"
#include "tb/out.hpp"
#include "tb/status.hpp"

namespace tb {

// For functions and methods without parameters or without a result that matters.
struct NoArgs {};
BOOST_DESCRIBE_STRUCT(NoArgs, (), ())

// How a service answered.
template <class Result>
struct Answer {
  Status status;
  Result value{};
  bool absent = false;  // an optional service whose plugin is not in the roster
  std::int32_t code = 0;
  std::string name, text;  // of the error, when status.failed()

  bool ok() const { return status.ok(); }
  explicit operator bool() const { return ok(); }
  const Result* operator->() const { return &value; }
  const Result& operator*() const { return value; }
  Error error() const { return {code, name}; }
};

class View {
 public:
  // `error` is where fail() writes in a query; NULL where nothing can be refused.
  explicit View(tb_view* raw, tb_out* error = nullptr) : raw_(raw), error_(error) {}
  View(const View&) = delete;
  View& operator=(const View&) = delete;

  tb_view* raw() const { return raw_; }
  const tb_block& block() const { return *raw_->block; }
  std::uint64_t height() const { return raw_->block->height; }
  std::uint64_t epoch() const { return raw_->block->epoch; }
  std::uint64_t time_ms() const { return raw_->block->time_ms; }
  std::uint64_t time_s() const { return raw_->block->time_ms / 1000; }
  bool last_of_epoch() const { return (raw_->block->flags & TB_BLOCK_LAST_OF_EPOCH) != 0; }

  // Lends the value of `key` to fn(std::string_view); false if there is none.
  template <class Fn>
  bool read(std::string_view key, Fn&& fn) {
    Borrow<Fn> borrow{&fn, nullptr};
    const tb_sink sink{&borrow, [](void* user, tb_str value) {
                         auto& to = *static_cast<Borrow<Fn>*>(user);
                         shield(to.error, [&] { (*to.fn)(to_view(value)); });
                       }};
    const tb_status status = note(raw_->api->get(raw_, to_str(key), &sink));
    rethrow(borrow.error);
    return status == TB_OK;
  }
  bool get(std::string_view key, std::string* value) {
    return read(key, [&](std::string_view bytes) { value->assign(bytes); });
  }
  std::optional<std::string> get(std::string_view key) {
    std::optional<std::string> value;
    read(key, [&](std::string_view bytes) { value.emplace(bytes); });
    return value;
  }
  bool has(std::string_view key) {
    return read(key, [](std::string_view) {});
  }
  // Decodes the row at `key`. A row that is there and does not decode fails the step: the state is
  // damaged, or the plugin reads another layout than it wrote.
  template <class T>
  std::optional<T> load(std::string_view key) {
    static_assert(!detail::borrows<T>(),
                  "the loaded row would point into bytes that are gone: give it std::string and "
                  "tb::Blob members in place of std::string_view and tb::Bytes, or use read()");
    std::optional<T> value;
    if constexpr (detail::checked<T>()) {
      read(key, [&](std::string_view bytes) {
        if (!tb::decode_row(bytes, value.emplace()))
          throw std::runtime_error("the row '" + printable(key) + "' " + detail::why_not<T>(bytes));
      });
    }
    return value;
  }

  // Calls fn(key, value) for up to `limit` rows with `prefix` and key > `after`, ascending. fn may
  // return false to stop. Returns the number of rows delivered.
  template <class Fn>
  std::uint32_t scan(std::string_view prefix, std::string_view after, std::uint32_t limit,
                     Fn&& fn) {
    return walk(raw_->api->scan, prefix, after, limit, fn);
  }
  // The same, descending, key < `before`; an empty `before` starts at the last.
  template <class Fn>
  std::uint32_t scan_back(std::string_view prefix, std::string_view before, std::uint32_t limit,
                          Fn&& fn) {
    return walk(raw_->api->scan_back, prefix, before, limit, fn);
  }
  // Calls fn(key, value) for those of `keys` that exist, in their order.
  template <class Fn>
  void get_many(std::span<const std::string_view> keys, Fn&& fn) {
    std::vector<tb_str> raw_keys;
    raw_keys.reserve(keys.size());
    for (std::string_view key : keys) raw_keys.push_back(to_str(key));
    Rows<Fn> rows{&fn, 0, nullptr};
    const tb_row_sink sink = rows.sink();
    note(raw_->api->get_many(raw_, raw_keys.data(), static_cast<std::uint32_t>(raw_keys.size()),
                             &sink));
    rethrow(rows.error);
  }

  // The values in force of all governance parameters of this plugin, by their place in the
  // manifest; empty where the host tells them one by one only.
  std::span<const std::uint64_t> params() const {
    const tb_block& in = *raw_->block;
    const bool has_table = in.size >= offsetof(tb_block, param_count) + sizeof in.param_count;
    return has_table ? std::span(in.params, in.param_count) : std::span<const std::uint64_t>();
  }
  // The value in force of a governance parameter.
  std::uint64_t param(Param param) {
    if (const auto all = params(); param.index < all.size()) return all[param.index];
    std::uint64_t value = 0;
    note(raw_->api->param(raw_, param.index, &value));
    return value;
  }
  // The roles (TB_ROLE_*) of an account.
  std::uint32_t roles(std::string_view account) {
    std::uint32_t roles = 0;
    note(raw_->api->roles(raw_, to_str(account), &roles));
    return roles;
  }

  // Asks a function of kind "read" of a required service.
  template <class Args, class Result>
  Answer<Result> ask(Function<Args, Result> function, const std::type_identity_t<Args>& args) {
    return invoke<Result>(
        args, [&](std::span<const tb_value> values, tb_out* result, tb_out* error) {
          return raw_->api->ask(raw_, function.service.index, function.index, values.data(),
                                static_cast<std::uint32_t>(values.size()), result, error);
        });
  }

  // The error of this call, to be returned: `return view.fail(kUnknown, "no such provider")`.
  // `data(tb::Out&)` writes members of the error object's `data`.
  Status fail(Error error, std::string_view text) {
    return fail_raw(error, text, nullptr, nullptr);
  }
  template <class Fn>
  Status fail(Error error, std::string_view text, Fn&& data) {
    Borrow<Fn> borrow{&data, nullptr};
    const Status failed = fail_raw(
        error, text,
        [](void* user, tb_out* raw) {
          auto& to = *static_cast<Borrow<Fn>*>(user);
          Out out(raw);
          shield(to.error, [&] { (*to.fn)(out); });
        },
        &borrow);
    rethrow(borrow.error);
    return failed;
  }
  Status fail(std::int32_t code, std::string_view name, std::string_view text) {
    return fail({code, name}, text);
  }
  template <class Fn>
  Status fail(std::int32_t code, std::string_view name, std::string_view text, Fn&& data) {
    return fail(Error{code, name}, text, data);
  }
  // Passes on how a service refused.
  template <class Result>
  Status fail(const Answer<Result>& answer) {
    if (answer.status.aborted()) return answer.status;
    if (answer.name.empty()) return fail(kInternalError, "a service failed without a reason");
    return fail(answer.error(), answer.text);
  }

  bool aborted() const { return stuck_ != TB_OK; }

  // For the SDK's own dispatch: what the host has to hear when the handler returns `status`.
  tb_status settle(Status status) {
    if (stuck_ != TB_OK) return stuck_;
    if (status.failed() && !told_)
      return fail(kInternalError, "a handler failed without fail()").code();
    return status.code();
  }

 protected:
  View(tb_ctx* ctx, tb_view* raw) : raw_(raw), ctx_(ctx) {}

  // Remembers trouble of the host: TB_ABORTED above all, else the first contract or limit error.
  tb_status note(tb_status status) {
    if (status < TB_FAILED && status != TB_E_UNSUPPORTED && stuck_ != TB_ABORTED &&
        (stuck_ == TB_OK || status == TB_ABORTED)) {
      stuck_ = status;
    }
    return status;
  }

  // No exception may cross the host's frames between a sink and the handler: it waits here and is
  // thrown again.
  template <class Body>
  static void shield(std::exception_ptr& error, Body&& body) {
    if (error) return;
    try {
      body();
    } catch (...) {
      error = std::current_exception();
    }
  }
  static void rethrow(const std::exception_ptr& error) {
    if (error) std::rethrow_exception(error);
  }

  template <class Result, class Args, class Call>
  Answer<Result> invoke(const Args& args, Call&& call) {
    detail::Tree arguments, result, error;
    Answer<Result> answer;
    const tb_status status = note(call(arguments.args(args), result.out(), error.out()));
    answer.status = Status(status);
    answer.absent = status == TB_E_UNSUPPORTED;
    if (status == TB_OK) {
      take_result(*result.finish(), answer.value);
    } else {
      take_error(*error.finish(), answer);
    }
    return answer;
  }

 private:
  template <class Fn>
  struct Borrow {
    std::remove_reference_t<Fn>* fn;
    std::exception_ptr error;
  };
  template <class Fn>
  struct Rows {
    std::remove_reference_t<Fn>* fn;
    std::uint32_t count;
    std::exception_ptr error;

    std::uint32_t deliver(tb_str key, tb_str value) {
      bool more = true;
      shield(error, [&] {
        ++count;
        if constexpr (std::is_same_v<decltype((*fn)(to_view(key), to_view(value))), bool>) {
          more = (*fn)(to_view(key), to_view(value));
        } else {
          (*fn)(to_view(key), to_view(value));
        }
      });
      return more && !error ? 1 : 0;
    }
    tb_row_sink sink() {
      return {this, [](void* user, tb_str key, tb_str value) {
                return static_cast<Rows*>(user)->deliver(key, value);
              }};
    }
  };

  template <class Scan, class Fn>
  std::uint32_t walk(Scan rows_of, std::string_view prefix, std::string_view from,
                     std::uint32_t limit, Fn& fn) {
    Rows<Fn> rows{&fn, 0, nullptr};
    const tb_row_sink sink = rows.sink();
    note(rows_of(raw_, to_str(prefix), to_str(from), limit, &sink));
    rethrow(rows.error);
    return rows.count;
  }

  template <class Result>
  static void take_result(const tb_value& value, Result& result) {
    if constexpr (!std::is_same_v<Result, NoArgs>) {
      static_assert(!detail::borrows<Result>(), "a service's result must own what it holds");
      std::string problem;
      if (!decode(value, result, &problem))
        throw std::runtime_error("a service's result has no proper " + problem);
    }
  }
  template <class Result>
  static void take_error(const tb_value& value, Answer<Result>& answer) {
    const Value error(&value);
    answer.code = static_cast<std::int32_t>(error["code"].i64());
    answer.name = error["name"].text();
    answer.text = error["text"].text();
  }

  Status fail_raw(Error error, std::string_view text, tb_fill data, void* user);
  static std::string printable(std::string_view key);

  tb_view* raw_;
  tb_out* error_ = nullptr;
  tb_ctx* ctx_ = nullptr;
  tb_status stuck_ = TB_OK;
  bool told_ = false;
};

inline Status View::fail_raw(Error error, std::string_view text, tb_fill data, void* user) {
  told_ = true;
  if (ctx_ != nullptr) {
    return Status(
        note(ctx_->api->fail(ctx_, error.code, to_str(error.name), to_str(text), data, user)));
  }
  if (error_ != nullptr) {
    Out out(error_);
    out.put("code", error.code);
    out.put("name", error.name);
    out.put("text", text);
    if (data != nullptr) data(user, error_);
  }
  return Status(TB_FAILED);
}

inline std::string View::printable(std::string_view key) {
  std::string text;
  for (char c : key.substr(0, 64)) text += c >= 32 && c < 127 ? c : '.';
  return text;
}

}  // namespace tb
