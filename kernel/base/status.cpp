#include "kernel/base/status.hpp"

#include <atomic>

namespace blockd {

struct Status::Rep {
  Code code;
  std::string message;
  std::string hint;
  std::atomic<std::uint32_t> owners{1};
};

namespace {

const std::string& nothing() {
  static const std::string kNothing;
  return kNothing;
}

}  // namespace

Status::Status(Code code, std::string message, std::string hint)
    : rep_(new Rep{code, std::move(message), std::move(hint)}) {
  TB_ASSERT(code != Code::kOk);
}

void Status::hold(Rep* rep) noexcept { rep->owners.fetch_add(1, std::memory_order_relaxed); }

void Status::let_go(Rep* rep) noexcept {
  if (rep->owners.fetch_sub(1, std::memory_order_acq_rel) == 1) delete rep;
}

Code Status::code() const { return ok() ? Code::kOk : rep_->code; }
const std::string& Status::message() const { return ok() ? nothing() : rep_->message; }
const std::string& Status::hint() const { return ok() ? nothing() : rep_->hint; }

std::string Status::to_string() const {
  if (ok()) return "ok";
  std::string out(code_name(rep_->code));
  out.append(": ").append(rep_->message);
  if (!rep_->hint.empty()) out.append("\n  ").append(rep_->hint);
  return out;
}

Status Status::seen_from(std::string_view where) const {
  return Status(rep_->code, std::string(where) + ": " + rep_->message, rep_->hint);
}

}  // namespace blockd
