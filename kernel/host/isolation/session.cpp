// The loop of a call, and the operations on ctx and view. Those on the host: session_host.cpp.
#include "kernel/host/isolation/session.hpp"

#include "kernel/chain/foreign.hpp"

namespace blockd::isolation {

Session::Session(ChildProcess& process, std::size_t lane, const Manifest& manifest,
                 CallTarget target, Expected* expected, const CallShape* shape)
    : lane_number_(lane),
      process_(process),
      box_(process.lane(lane), Mailbox::Side::kNode, &process.gone(), process.spins(lane)),
      manifest_(manifest),
      host_(target.host),
      expected_(expected),
      shape_(shape) {
  box_.reset();
  targets_.push_back(target);
}

Session::End Session::damaged(std::string_view what) {
  process_.end(lane_number_, "protocol",
               "it broke the protocol of isolated plugins: " + std::string(what));
  end_ = End::kLost;
  over_ = true;
  return end_;
}

Session::End Session::call(BytesView message, std::uint64_t budget_us) {
  budget_us_ = budget_us;
  const std::uint64_t limit_ms = budget_us / 1000;
  process_.lane(lane_number_).guessed = 0;
  Mailbox::Got got = box_.send(message, &budget_us_);
  asked_ = false;
  if (got == Mailbox::Got::kMessage) got = box_.receive(&message_, &budget_us_);
  if (got == Mailbox::Got::kMessage) {
    in_ = Reader(message_);
    (void)run(Until::kEnd);
  } else {
    text_.clear();
    over_ = true;
    if (got == Mailbox::Got::kDamage) damaged("a message that is too long");
    if (got == Mailbox::Got::kLate) {
      process_.end(lane_number_, "hang",
                   "it did not answer within " + std::to_string(limit_ms) + " ms");
    }
  }
  return end_;
}

// Sends the answer and takes what comes then.
bool Session::next_message() {
  if (!asked_) return damaged("a message without a question"), false;
  asked_ = false;
  ++questions_;
  learn_missed();
  Mailbox::Got got = box_.send(answer_, &budget_us_);
  if (got == Mailbox::Got::kMessage) got = box_.receive(&message_, &budget_us_);
  if (got == Mailbox::Got::kMessage) {
    in_ = Reader(message_);
    return true;
  }
  over_ = true;
  end_ = End::kLost;
  if (got == Mailbox::Got::kDamage) damaged("a message that is too long");
  if (got == Mailbox::Got::kLate)
    process_.end(lane_number_, "hang", "it did not answer within the time of a step");
  return false;
}

// What the child took for the answer stands behind its question, and what it did upon that behind
// it.
void Session::compare_guess() {
  const bool guesses = static_cast<Op>(in_.u8()) == Op::kGuess && host_ == nullptr;
  const BytesView guess = text_of(in_);
  if (!guesses || !in_.ok()) {
    damaged("an operation behind a question");
    return;
  }
  if (guess == answer_) {
    asked_ = false;
    ++questions_;
    missed_rows_.clear();
    missed_param_.reset();
    return;
  }
  Bytes again;
  put_u32(again, kAgain);
  put_u32(again, questions_);
  answer_.insert(0, again);
  in_ = Reader({});
}

// A row that had to be asked for may be sent along the next time.
void Session::learn_missed() {
  if (expected_ != nullptr) {
    for (const Bytes& key : missed_rows_) expected_->missed_row(*shape_, key);
    if (missed_param_) expected_->missed_param(*shape_, *missed_param_);
  }
  missed_rows_.clear();
  missed_param_.reset();
}

tb_status Session::run(Until until) {
  if (++nesting_ > kMaxNesting) damaged("attempts inside each other without end");
  tb_status status = TB_ABORTED;
  while (!over_) {
    if (in_.ok() && in_.rest().empty()) {
      if (!next_message()) break;
      continue;
    }
    if (asked_) {
      compare_guess();
      continue;
    }
    const Op op = static_cast<Op>(in_.u8());
    if (step(op, until, &status)) break;
  }
  --nesting_;
  return over_ && until != Until::kEnd ? TB_ABORTED : status;
}

// True: this level has ended.
bool Session::step(Op op, Until until, tb_status* status) {
  if (op == Op::kAttemptEnd || op == Op::kViewEnd) {
    *status = status_of(in_);
    const Until found = op == Op::kAttemptEnd ? Until::kAttemptEnd : Until::kViewEnd;
    if (!in_.ok() || found != until) damaged("an end of what was not begun");
    return true;
  }
  if (op == Op::kReturn || op == Op::kThrew || op == Op::kNoMemory)
    return finish(op == Op::kReturn  ? End::kReturned
                  : op == Op::kThrew ? End::kThrew
                                     : End::kNoMemory);
  if (op == Op::kFlush) {
    answer(view() != nullptr && host_ == nullptr ? foreign::ready(view()) : TB_OK);
  } else if (op == Op::kUse) {
    const std::uint32_t wanted = in_.u32();
    if (wanted >= targets_.size()) return damaged("a view that is not open"), true;
    current_ = wanted;
  } else if (!told_of_ctx(op) && !told_of_host(op) && !question_of_view(op) &&
             !question_of_ctx(op) && !question_of_host(op) && !question_of_store(op) &&
             !question_of_files(op)) {
    damaged("an operation that is none, or is not for this call");
  }
  if (!over_ && !in_.ok()) damaged("an operation that is cut short");
  return over_;
}

bool Session::finish(End end) {
  if (end == End::kReturned) {
    status_ = status_of(in_);
    used_ = in_.u64();
    results_ = Reader(in_.rest());
    // An exception may leave open levels; a return may not.
    if (!in_.ok() || nesting_ != 1) return damaged("an end inside of an attempt"), true;
  }
  if (end == End::kThrew) {
    text_ = Bytes(text_of(in_).substr(0, 4096));
    if (!in_.ok()) return damaged("an exception that is cut short"), true;
  }
  end_ = end;
  over_ = true;
  if (end == End::kNoMemory)
    process_.end(lane_number_, "memory",
                 "it wanted more memory than the " + std::to_string(process_.limits().memory_mb) +
                     " MiB it may have (memory_mb in plugins.load, or plugins.child_memory_mb)");
  return true;
}

bool Session::answer(tb_status status) {
  answer_.clear();
  put_status(answer_, status);
  asked_ = true;
  return true;
}

// Always true: the operation is known.
bool Session::whole(Played& said) {
  if (in_.ok() && !said.whole()) damaged("a stream that cannot be read");
  return true;
}

bool Session::labels(std::vector<tb_str>* out) {
  const std::uint32_t n = in_.u32();
  if (!in_.ok() || n > 64) return false;
  for (std::uint32_t i = 0; i < n; ++i) out->push_back(to_str(text_of(in_)));
  return in_.ok();
}

bool Session::told_of_ctx(Op op) {
  if (op == Op::kCount) {
    const std::uint32_t reads = in_.u32(), rows = in_.u32();
    if (view() == nullptr || !in_.ok()) return false;
    foreign::count(view(), reads, rows);
    return true;
  }
  if (op > Op::kAttempt) return false;
  tb_ctx* c = ctx();
  if (c == nullptr) return false;
  const tb_ctx_api& api = *c->api;
  switch (op) {
    case Op::kPut: {
      const tb_str key = to_str(text_of(in_)), value = to_str(text_of(in_));
      if (in_.ok()) api.put(c, key, value);
      return true;
    }
    case Op::kErase: {
      const tb_str key = to_str(text_of(in_));
      if (in_.ok()) api.erase(c, key);
      return true;
    }
    case Op::kEmit:
    case Op::kRecord: {
      const std::uint32_t index = in_.u32();
      Played said{text_of(in_)};
      if (in_.ok()) (op == Op::kEmit ? api.emit : api.record)(c, index, Played::fill, &said);
      return whole(said);
    }
    case Op::kMetric: {
      const std::uint32_t metric = in_.u32();
      const std::uint64_t value = in_.u64();
      std::vector<tb_str> texts;
      if (!labels(&texts)) return false;
      api.metric(c, metric, texts.data(), static_cast<std::uint32_t>(texts.size()),
                 static_cast<std::int64_t>(value));
      return true;
    }
    case Op::kFail: {
      const auto code = static_cast<std::int32_t>(in_.u32());
      const tb_str name = to_str(text_of(in_)), text = to_str(text_of(in_));
      const bool has_data = in_.u8() != 0;
      Played said{text_of(in_)};
      if (in_.ok()) api.fail(c, code, name, text, has_data ? Played::fill : nullptr, &said);
      return whole(said);
    }
    case Op::kPendingWork:
      api.pending_work(c);
      return true;
    case Op::kLog: {
      const std::uint32_t level = in_.u32();
      const tb_str text = to_str(text_of(in_));
      if (in_.ok()) api.log(c, level, text);
      return true;
    }
    case Op::kAttempt:
      attempt();
      return true;
    default:
      return false;
  }
}

void Session::attempt() {
  struct Body {
    Session* self;
    bool ran;
  } body{this, false};
  tb_ctx* c = ctx();
  const auto inside = [](void* user, tb_ctx*) {
    Body& b = *static_cast<Body*>(user);
    b.ran = true;
    return b.self->run(Until::kAttemptEnd);
  };
  c->api->attempt(c, inside, &body);
  // A step beyond its limits tries nothing more, but the child has made the attempt already.
  if (!body.ran) (void)run(Until::kAttemptEnd);
}

void Session::get() {
  const BytesView key = text_of(in_);
  if (!in_.ok()) return;
  std::optional<Bytes> value;
  const tb_sink sink{&value, [](void* user, tb_str text) {
                       static_cast<std::optional<Bytes>*>(user)->emplace(to_view(text));
                     }};
  const tb_status status = view()->api->get(view(), to_str(key), &sink);
  answer(status == TB_NOT_FOUND ? TB_OK : status);
  put_u8(answer_, value ? 1 : 0);
  put_text(answer_, BytesView(value ? *value : Bytes()));
  missed_rows_.emplace_back(key);
}

void Session::get_many() {
  const std::uint32_t n = in_.u32();
  Bytes rows, scratch;
  tb_status status = TB_OK;
  for (std::uint32_t i = 0; i < n && in_.ok(); ++i) {
    const BytesView key = text_of(in_);
    if (!in_.ok()) return;
    if (status != TB_OK) continue;
    std::optional<BytesView> value;
    status = foreign::peek(view(), key, &scratch, &value);
    put_u8(rows, value ? 1 : 0);
    put_text(rows, value.value_or(BytesView()));
    missed_rows_.emplace_back(key);
    if (rows.size() > kMaxMessage / 2) {
      damaged("a question for more rows than a message holds");
      return;
    }
  }
  answer(status);
  answer_.append(rows);
}

void Session::scan() {
  const bool back = in_.u8() != 0;
  const BytesView prefix = text_of(in_), bound = text_of(in_);
  const std::uint32_t limit = in_.u32();
  if (!in_.ok()) return;
  if (prefix.size() > kMaxKeyBytes || bound.size() > 2 * kMaxKeyBytes || limit > kMaxPageRows) {
    damaged("a scan beyond its bounds");
    return;
  }
  Bytes rows;
  std::uint32_t n = 0;
  bool more = false;
  const tb_status status =
      foreign::peek_scan(view(), prefix, bound, limit, back, [&](BytesView key, BytesView value) {
        put_text(rows, key);
        put_text(rows, value);
        ++n;
        more = rows.size() >= kMaxPageBytes || n == limit;
        return !more;
      });
  answer(status);
  put_u8(answer_, more ? 1 : 0);
  put_u32(answer_, n);
  answer_.append(rows);
}

bool Session::question_of_view(Op op) {
  if (op < Op::kGet || op > Op::kCall || view() == nullptr) return false;
  tb_view* v = view();
  switch (op) {
    case Op::kGet:
      return get(), true;
    case Op::kGetMany:
      return get_many(), true;
    case Op::kScan:
      return scan(), true;
    case Op::kParam: {
      const std::uint32_t index = in_.u32();
      std::uint64_t value = 0;
      answer(v->api->param(v, index, &value));
      put_u64(answer_, value);
      missed_param_ = index;
      return true;
    }
    case Op::kRoles: {
      const tb_str account = to_str(text_of(in_));
      std::uint32_t roles = 0;
      answer(in_.ok() ? v->api->roles(v, account, &roles) : TB_E_INVALID);
      put_u32(answer_, roles);
      return true;
    }
    case Op::kCall:
      return call_service(), true;
    default:
      return false;
  }
}

void Session::call_service() {
  const bool asks = in_.u8() != 0;
  const std::uint32_t slot = in_.u32(), function = in_.u32();
  ValueArena arena;
  const tb_value* args = nullptr;
  std::uint32_t count = 0;
  if (!read_values(in_, arena, &args, &count) || (!asks && ctx() == nullptr)) {
    damaged("a service call that cannot be read");
    return;
  }
  Bytes results, errors;
  StreamOut result(results), error(errors);
  tb_view* v = view();
  tb_ctx* c = ctx();
  const tb_status status = asks ? v->api->ask(v, slot, function, args, count, &result, &error)
                                : c->api->call(c, slot, function, args, count, &result, &error);
  answer(status);
  put_text(answer_, BytesView(results));
  put_text(answer_, BytesView(errors));
}

bool Session::question_of_ctx(Op op) {
  tb_ctx* c = ctx();
  if (c == nullptr || op < Op::kCharge || op > Op::kRowsLeft) return false;
  switch (op) {
    case Op::kCharge:
      return answer(c->api->charge(c));
    case Op::kVerify: {
      const tb_str key = to_str(text_of(in_)), message = to_str(text_of(in_)),
                   signature = to_str(text_of(in_));
      return answer(in_.ok() ? c->api->verify(c, key, message, signature) : TB_E_INVALID);
    }
    default:
      answer(TB_OK);
      put_u64(answer_, c->api->rows_left(c));
      return true;
  }
}

}  // namespace blockd::isolation
