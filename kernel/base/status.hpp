// Status and Result<T>: how every fallible function of the kernel answers.
//
// A Status says what failed, where and why in `message()`, and what to do next in `hint()`. It is a
// value: copy it, keep it, return it from any thread. An ok Status costs one pointer.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "kernel/base/assert.hpp"

namespace blockd {

enum class Code : unsigned char {
  kOk = 0,
  kNotFound,  // no such key, file, block, method
  kInvalid,   // the input is wrong; trying again cannot help
  kExists,    // already there
  kDenied,    // the caller may not
  kBusy,      // try again later
  kTimeout,
  kLimit,        // a written-down bound was reached
  kUnavailable,  // not ready, not reachable, not loaded
  kCorrupt,      // stored data does not verify
  kNoSpace,      // ENOSPC or a configured limit of a store
  kIo,           // the operating system refused; after a failed fsync never try again
  kAborted,      // trouble of this host, never an outcome
  kInternal,     // a defect of ours
};

// The word for `code`, such as "not_found". Static storage.
constexpr std::string_view code_name(Code code) {
  constexpr std::string_view kNames[] = {
      "ok",    "not_found",   "invalid", "exists",   "denied",   "busy",    "timeout",
      "limit", "unavailable", "corrupt", "no_space", "io_error", "aborted", "internal"};
  return kNames[static_cast<unsigned char>(code)];
}

// Failing is rare and being ok is not: all that a failure needs stands in status.cpp, away from the
// code that runs with every command.
class [[nodiscard]] Status {
 public:
  Status() = default;  // ok
  [[gnu::cold]] Status(Code code, std::string message, std::string hint = {});
  Status(const Status& other) noexcept : rep_(other.rep_) {
    if (rep_ != nullptr) [[unlikely]]
      hold(rep_);
  }
  Status(Status&& other) noexcept : rep_(std::exchange(other.rep_, nullptr)) {}
  Status& operator=(Status other) noexcept {
    std::swap(rep_, other.rep_);
    return *this;
  }
  ~Status() {
    if (rep_ != nullptr) [[unlikely]]
      let_go(rep_);
  }

  bool ok() const { return rep_ == nullptr; }
  Code code() const;
  const std::string& message() const;
  const std::string& hint() const;

  // "config/node.yaml:17: rpc.port: expected 1..65535" (and the hint on a line of its own).
  std::string to_string() const;
  // The same failure seen from one level up: "<where>: <message>".
  Status in(std::string_view where) const { return ok() ? Status() : seen_from(where); }

 private:
  struct Rep;
  [[gnu::cold]] static void hold(Rep* rep) noexcept;
  [[gnu::cold]] static void let_go(Rep* rep) noexcept;
  [[gnu::cold]] Status seen_from(std::string_view where) const;
  Rep* rep_ = nullptr;  // counts its owners
};

// Either a T or the Status that explains why there is none.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}         // NOLINT(google-explicit-constructor)
  Result(Status status) : status_(std::move(status)) {  // NOLINT(google-explicit-constructor)
    TB_ASSERT(!status_.ok());
  }

  bool ok() const { return value_.has_value(); }
  explicit operator bool() const { return ok(); }
  const Status& status() const { return status_; }

  // REQUIRES: ok().
  T& operator*() & { return check(), *value_; }
  const T& operator*() const& { return check(), *value_; }
  T&& operator*() && { return check(), std::move(*value_); }
  T* operator->() { return check(), &*value_; }
  const T* operator->() const { return check(), &*value_; }

 private:
  void check() const { TB_ASSERT(value_.has_value()); }
  Status status_;
  std::optional<T> value_;
};

}  // namespace blockd

// Returns from the enclosing function when `expr` (a Status) is not ok.
#define TB_TRY(expr)                                                         \
  do {                                                                       \
    if (::blockd::Status tb_status_ = (expr); !tb_status_.ok()) [[unlikely]] \
      return tb_status_;                                                     \
  } while (0)
