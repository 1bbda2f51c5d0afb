// Status: how a handler, a service call or a host function ended. [any]
//
// A small value over tb_status that must be looked at. It carries no text: what went wrong was told
// to fail() of the ctx, view or call at hand, which returns the failed status to pass on:
//
//   if (amount > balance) return ctx.fail(kTooPoor, "the account holds less");
//   if (auto s = debit(ctx, amount); !s) return s;
//   return tb::ok();
#pragma once

#include <string_view>

#include "tb/types.h"

namespace tb {

class [[nodiscard]] Status {
 public:
  constexpr Status() = default;  // ok
  constexpr explicit Status(tb_status code) : code_(code) {}

  constexpr bool ok() const { return code_ >= 0; }
  constexpr bool failed() const { return code_ == TB_FAILED; }
  // Trouble of the host: return at once, nothing the handler does counts any more.
  constexpr bool aborted() const { return code_ == TB_ABORTED; }
  constexpr tb_status code() const { return code_; }
  constexpr explicit operator bool() const { return ok(); }
  // For the rare place where the outcome really does not matter.
  constexpr void ignore() const {}
  friend constexpr bool operator==(Status, Status) = default;

 private:
  tb_status code_ = TB_OK;
};

constexpr Status ok() { return Status(); }

// An error that the plugin declares with Method::error() and raises with fail(). Keep them as
// constants of a header: `inline constexpr tb::Error kTooMany{-40001, "TooManyGreetings"};`
struct Error {
  std::int32_t code = 0;
  std::string_view name;
};

// What the SDK itself reports: the plugin misbehaved (an exception, a row that does not decode, a
// failure without a reason), or arguments that do not fit their declaration.
inline constexpr Error kInternalError{-32603, "internal_plugin_error"};
inline constexpr std::int32_t kInvalidParamsCode = -32602;

}  // namespace tb
