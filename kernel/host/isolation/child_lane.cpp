// How a lane serves calls.
#include "kernel/host/isolation/child_lane.hpp"

#include <unistd.h>

#include <exception>
#include <new>
#include <optional>

namespace blockd::isolation {
namespace {

constexpr int kExitProtocol = 158;
thread_local ChildLane* lane_here = nullptr;

std::uint64_t hash_on(std::uint64_t hash, BytesView text) {
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return hash;
}

bool says_again(BytesView message) {
  return message.size() >= 4 && Reader(message).u32() == kAgain;
}

}  // namespace

ChildCtx::ChildCtx(ChildLane& owner, bool with_ctx)
    : lane(owner), depth(owner.views++), whole(with_ctx) {
  view.api = child_view_api();
  view.block = &block;
  api = with_ctx ? child_ctx_api() : nullptr;
  caller = with_ctx ? &who : nullptr;
  lane.used_view = depth;
}

ChildCtx::~ChildCtx() {
  --lane.views;
  lane.used_view = lane.views == 0 ? 0 : lane.views - 1;
}

ChildLane::ChildLane(Lane& lane, ChildPlugin& plugin)
    : lane_(lane), plugin_(plugin), box_(lane, Mailbox::Side::kChild, nullptr, nullptr) {}

ChildLane* ChildLane::current() { return lane_here; }

Lane* ChildLane::current_shared() { return lane_here == nullptr ? nullptr : &lane_here->lane_; }

void ChildLane::end() { ::_exit(kExitProtocol); }

Bytes& ChildLane::tell(Op op) {
  if (told_.size() > kMaxTold && op < Op::kFlush) {
    Reader answer{{}};
    put_op(told_, Op::kFlush);
    (void)ask(&answer);  // a step that counts no more is found at the next question
  }
  count_at_ = SIZE_MAX;
  put_op(told_, op);
  return told_;
}

Bytes& ChildLane::tell(ChildCtx& ctx, Op op) {
  if (ctx.depth != used_view) {
    put_u32(tell(Op::kUse), ctx.depth);
    used_view = ctx.depth;
  }
  return tell(op);
}

// Reads follow each other: the newest count grows.
void ChildLane::tell_count(ChildCtx& ctx, std::uint32_t reads, std::uint32_t rows) {
  if (count_at_ == SIZE_MAX || ctx.depth != used_view) {
    Bytes& out = tell(ctx, Op::kCount);
    count_at_ = out.size();
    put_u32(out, reads);
    put_u32(out, rows);
    return;
  }
  std::uint32_t counts[2];
  std::memcpy(counts, told_.data() + count_at_, sizeof counts);
  counts[0] += reads;
  counts[1] += rows;
  std::memcpy(told_.data() + count_at_, counts, sizeof counts);
}

std::uint64_t ChildLane::site(Op op, BytesView what) const {
  const char code = static_cast<char>(op);
  return hash_on(hash_on(kind_, {&code, 1}), what) | 1;
}

tb_status ChildLane::ask(Reader* answer, std::uint64_t site) {
  std::uint64_t for_ever = UINT64_MAX;
  count_at_ = SIZE_MAX;
  if (goes_back_) return unwound(answer);
  if (next_known_ < known_.size()) return known_answer(answer);
  const Bytes* guessed = may_guess_ && site != 0 ? guesses_.find(site) : nullptr;
  if (guessed != nullptr) {
    guess(*guessed, site);
  } else {
    if (box_.send(told_, &for_ever) != Mailbox::Got::kMessage) end();
    told_.clear();
    if (box_.receive(&answer_, &for_ever) != Mailbox::Got::kMessage) end();
    if (may_guess_ && says_again(answer_)) {
      correct(answer_);
      goes_back_ = true;
      return unwound(answer);
    }
    remember(site);
  }
  *answer = Reader(answer_);
  return status_of(*answer);
}

// In a run that is repeated. What was told before a question that was asked has been sent.
tb_status ChildLane::known_answer(Reader* answer) {
  const Known& known = known_[next_known_++];
  if (known.guessed) {
    put_op(told_, Op::kGuess);
    put_text(told_, BytesView(known.answer));
  } else {
    told_.clear();
  }
  answer_ = known.answer;
  *answer = Reader(answer_);
  return status_of(*answer);
}

tb_status ChildLane::unwound(Reader* answer) {
  told_.clear();
  answer_.clear();
  put_status(answer_, TB_ABORTED);
  *answer = Reader(answer_);
  return status_of(*answer);
}

void ChildLane::guess(const Bytes& answer, std::uint64_t site) {
  lane_.guessed.store(1, std::memory_order_relaxed);
  put_op(told_, Op::kGuess);
  put_text(told_, BytesView(answer));
  answer_ = answer;
  known_bytes_ += answer.size();
  known_.push_back({answer, site, true});
  ++next_known_;
}

// An answer of the node says that all guesses before it were right. When the answers of a call are
// more than are kept, it is asked from there on.
void ChildLane::remember(std::uint64_t site) {
  if (!may_guess_) return;
  if (site != 0) guesses_.answered(site, answer_);
  known_bytes_ += answer_.size();
  if (known_bytes_ > kMaxKnown) {
    for (const Known& known : known_) {
      if (known.guessed) guesses_.held(known.site);
    }
    known_.clear();
    next_known_ = 0;
    may_guess_ = false;
    return;
  }
  known_.push_back({answer_, site, false});
  ++next_known_;
}

void ChildLane::correct(BytesView message) {
  Reader in(message);
  (void)in.u32();
  const std::uint32_t place = in.u32();
  if (!in.ok() || place >= known_.size() || !known_[place].guessed) end();
  known_.resize(place + 1);
  Known& known = known_.back();
  known.answer = in.rest();
  known.guessed = false;
  guesses_.failed(known.site, known.answer);
}

tb_status ChildLane::ask(ChildCtx& ctx, Reader* answer, std::uint64_t site) {
  const tb_status status = ask(answer, site);
  if (status == TB_ABORTED || status == TB_E_LIMIT) ctx.dead = status;
  return status;
}

void ChildLane::serve() {
  lane_here = this;
  for (;;) one_call();
}

// The next message is a call, or says that a guess in the call before it was wrong.
void ChildLane::one_call() {
  std::uint64_t for_ever = UINT64_MAX;
  if (box_.receive(&incoming_, &for_ever) != Mailbox::Got::kMessage) end();
  if (says_again(incoming_)) {
    correct(incoming_);
  } else {
    call_.swap(incoming_);
    begin_call();
  }
  do {
    run_call();
  } while (goes_back_);
  if (box_.send(told_, &for_ever) != Mailbox::Got::kMessage) end();
}

void ChildLane::begin_call() {
  for (const Known& known : known_) {
    if (known.guessed) guesses_.held(known.site);
  }
  known_.clear();
  known_bytes_ = 0;
  may_guess_ = false;
}

void ChildLane::run_call() {
  goes_back_ = false;
  next_known_ = 0;
  told_.clear();
  count_at_ = SIZE_MAX;
  views = used_view = 0;
  values_.clear();
  Reader in(call_);
  const auto entry = static_cast<Entry>(in.u8());
  in_face_ = is_face(entry);
  try {
    is_face(entry) ? run_face(entry, in) : run_machine(entry, in);
  } catch (const std::bad_alloc&) {
    put_op(told_, Op::kNoMemory);
  } catch (const std::exception& e) {
    put_text(tell(Op::kThrew), BytesView(e.what()));
  } catch (...) {
    put_text(tell(Op::kThrew), BytesView());
  }
}

void ChildLane::finish_call(tb_status status, std::uint64_t used, BytesView payload) {
  Bytes& out = tell(Op::kReturn);
  put_status(out, status);
  put_u64(out, used);
  out.append(payload);
}

namespace {

void read_changes(Reader& in, std::vector<tb_param_change>* changes) {
  for (std::uint32_t n = in.u32(); n > 0 && in.ok(); --n) {
    tb_param_change change{};
    change.index = in.u32();
    change.old_value = in.u64();
    change.new_value = in.u64();
    changes->push_back(change);
  }
}

void put_sink(void* user, tb_str value) {
  static_cast<std::optional<Bytes>*>(user)->emplace(to_view(value));
}

// The rows and parameters that the node expects to be of use.
void read_expected(Reader& in, ChildCtx& ctx) {
  const std::uint32_t rows = in.u32();
  for (std::uint32_t i = 0; i < rows && in.ok(); ++i) {
    const BytesView key = text_of(in);
    const bool there = in.u8() != 0;
    const BytesView value = text_of(in);
    ctx.rows.learn(key, there ? std::optional(value) : std::nullopt, 1ull << i);
  }
  for (std::uint32_t n = in.u32(); n > 0 && in.ok(); --n) {
    const std::uint32_t index = in.u32();
    ctx.params[index] = in.u64();
  }
}

}  // namespace

void ChildLane::run_machine(Entry entry, Reader& in) {
  const tb_machine& m = *plugin_.plugin->machine;
  ChildCtx ctx(*this, brings_ctx(entry));
  const std::uint8_t flags = in.u8();
  ctx.read_only = (flags & kReadOnly) != 0;
  may_guess_ = (flags & kMayGuess) != 0;
  read_block(in, &ctx.block);
  if (ctx.whole) read_caller(in, &ctx.who, &ctx.cosigners);
  read_expected(in, ctx);
  Bytes results, errors, payload;
  StreamOut result(results), error(errors);
  const tb_value* args = nullptr;
  std::uint32_t count = 0;
  tb_status status = TB_E_UNSUPPORTED;
  const auto index = [&] {  // of a method, a service or a function
    const std::uint32_t at = in.u32();
    kind_ = (kind_ ^ at) * 0x100000001b3u;
    return at;
  };
  kind_ = static_cast<std::uint64_t>(entry) + 0xcbf29ce484222325u;
  switch (entry) {
    case Entry::kGenesis:
      read_values(in, values_, &args, &count);
      status = m.genesis(&ctx, args, count);
      break;
    case Entry::kApply: {
      const std::uint32_t method = index();
      read_values(in, values_, &args, &count);
      status = m.apply(&ctx, method, args, count, &result);
      break;
    }
    case Entry::kBegin:
      status = m.begin(&ctx);
      break;
    case Entry::kEnd:
      status = m.end(&ctx);
      break;
    case Entry::kEpoch:
      status = m.epoch(&ctx);
      break;
    case Entry::kServe:
    case Entry::kAnswer: {
      const std::uint32_t service = index(), function = index();
      const tb_str caller = to_str(text_of(in));
      read_values(in, values_, &args, &count);
      status = entry == Entry::kServe
                   ? m.serve(&ctx, service, function, caller, args, count, &result)
                   : m.answer(&ctx.view, service, function, caller, args, count, &result, &error);
      break;
    }
    case Entry::kCheckParams:
    case Entry::kParamsChanged: {
      std::vector<tb_param_change> changes;
      read_changes(in, &changes);
      const auto n = static_cast<std::uint32_t>(changes.size());
      status = entry == Entry::kCheckParams ? m.check_params(&ctx, changes.data(), n)
                                            : m.params_changed(&ctx, changes.data(), n);
      break;
    }
    case Entry::kMigrate: {
      const std::uint32_t from = in.u32();
      const tb_str cursor = to_str(text_of(in));
      const std::uint32_t rows = in.u32();
      std::optional<Bytes> next;
      const tb_sink sink{&next, put_sink};
      status = m.migrate_step(&ctx, from, cursor, rows, &sink);
      put_u8(payload, next ? 1 : 0);
      put_text(payload, BytesView(next ? *next : Bytes()));
      break;
    }
    default:
      end();
  }
  put_text(payload, BytesView(results));
  put_text(payload, BytesView(errors));
  finish_call(status, ctx.rows.used(), payload);
}

void ChildLane::run_face(Entry entry, Reader& in) {
  const tb_face& f = *plugin_.plugin->face;
  void* instance = plugin_.instance;
  std::optional<ChildCtx> ctx;
  if (brings_view(entry)) {
    ctx.emplace(*this, false);
    read_block(in, &ctx->block);
  }
  Bytes results, errors, payload;
  StreamOut result(results), error(errors);
  const tb_value* args = nullptr;
  std::uint32_t count = 0;
  tb_status status = TB_OK;
  switch (entry) {
    case Entry::kCreate:
      if (f.create != nullptr) status = f.create(&plugin_.host, &plugin_.instance);
      break;
    case Entry::kDestroy:
      if (f.destroy != nullptr) f.destroy(instance);
      break;
    case Entry::kQuery:
    case Entry::kLocal: {
      const std::uint32_t method = in.u32();
      read_values(in, values_, &args, &count);
      status = entry == Entry::kQuery
                   ? f.query(instance, &ctx->view, method, args, count, &result, &error)
                   : f.local(instance, method, args, count, &result, &error);
      break;
    }
    case Entry::kHttp:
      run_http(in, &ctx->view, &payload, &status);
      break;
    case Entry::kConfigChanged:
      f.on_config(instance);
      break;
    case Entry::kTimer:
      f.on_timer(instance, in.u32());
      break;
    case Entry::kReply: {
      const std::uint64_t cookie = in.u64();
      const std::uint32_t ok = in.u32();
      tb_value value{};
      read_value(in, values_, &value);
      f.on_reply(instance, cookie, ok, &value);
      break;
    }
    case Entry::kEvent: {
      tb_event event{};
      event.size = sizeof event;
      event.index = in.u32();
      event.height = in.u64();
      event.time_ms = in.u64();
      event.topic = to_str(text_of(in));
      tb_value value{};
      read_value(in, values_, &value);
      event.data = &value;
      status = f.on_event(instance, &event);
      break;
    }
    case Entry::kCommit:
      f.on_commit(instance, &ctx->view);
      break;
    default:
      end();
  }
  put_text(payload, BytesView(results));
  put_text(payload, BytesView(errors));
  finish_call(status, 0, payload);
}

namespace {

struct FarReply {
  tb_http_reply abi;  // must stay the first member
  bool sent;
  Bytes content_type, body;
};

void send_reply(tb_http_reply* reply, tb_str content_type, tb_str body) {
  auto* r = reinterpret_cast<FarReply*>(reply);
  r->sent = true;
  r->content_type = to_view(content_type);
  r->body = to_view(body);
}

}  // namespace

void ChildLane::run_http(Reader& in, tb_view* view, Bytes* payload, tb_status* status) {
  tb_http_request request{};
  request.size = sizeof request;
  request.route = in.u32();
  read_values(in, values_, &request.path, &request.path_count);
  read_values(in, values_, &request.query, &request.query_count);
  request.body = to_str(text_of(in));
  request.content_type = to_str(text_of(in));
  tb_value json{};
  if (in.u8() != 0 && read_value(in, values_, &json)) request.json = &json;
  Bytes text;
  StreamOut out(text);
  FarReply reply{};
  reply.abi.size = sizeof reply.abi;
  reply.abi.status = 200;
  reply.abi.json = &out;
  reply.abi.send = send_reply;
  *status = plugin_.plugin->face->http(plugin_.instance, view, &request, &reply.abi);
  put_u32(*payload, reply.abi.status);
  put_u8(*payload, reply.sent ? 1 : 0);
  put_text(*payload, BytesView(reply.content_type));
  put_text(*payload, BytesView(reply.body));
  put_text(*payload, BytesView(text));
}

}  // namespace blockd::isolation
