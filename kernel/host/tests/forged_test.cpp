// Messages that a hostile library writes into the memory that it shares with the node: every kind,
// with each of its fields malformed, in a command, a query and a call of the face. The node ends
// the process, counts it, and goes on. Beside each stands the same message unharmed: it is taken,
// or the check would see nothing.
#include <cstddef>
#include <functional>

#include "kernel/base/hex.hpp"
#include "kernel/host/isolation/mailbox.hpp"
#include "kernel/host/isolation/wire.hpp"
#include "kernel/host/tests/host_fixture.hpp"

namespace blockd {
namespace {

using isolation::kLaneBytes;
using isolation::Op;
using isolation::put_text;

enum class What : std::uint8_t {
  kNumber,  // every value of it is a legal thing to say
  kText,    // a length and as many bytes
  kStream,  // a text that is what a writer was told
  kCount,   // of the fields behind it
  kPlace,   // of something that has to be there
};
struct FieldOf {
  What what;
  Bytes bytes;
};
struct Message {
  Op op;
  std::vector<FieldOf> fields;
  bool told = false;  // waits for a question behind it
  Bytes front = {};   // operations in front of it
};

Bytes number32(std::uint32_t n) {
  Bytes out;
  put_u32(out, n);
  return out;
}
FieldOf u8(std::uint8_t n) { return {What::kNumber, Bytes(1, static_cast<char>(n))}; }
FieldOf u32(std::uint32_t n) { return {What::kNumber, number32(n)}; }
FieldOf u64(std::uint64_t n) {
  FieldOf out{What::kNumber, {}};
  put_u64(out.bytes, n);
  return out;
}
FieldOf count(std::uint32_t n) { return {What::kCount, number32(n)}; }
FieldOf place(std::uint32_t n) { return {What::kPlace, number32(n)}; }
FieldOf text(BytesView t) {
  FieldOf out{What::kText, {}};
  put_text(out.bytes, t);
  return out;
}
FieldOf value(std::uint64_t n) {
  FieldOf out{What::kNumber, {}};
  tb_value v{};
  v.type = TB_TYPE_U64;
  v.num = n;
  isolation::put_value(out.bytes, v);
  return out;
}
FieldOf stream() {
  FieldOf out{What::kStream, {}};
  Bytes told;
  isolation::StreamOut writer(told);
  writer.api->put_u64(&writer, to_str("n"), 1);
  put_text(out.bytes, BytesView(told));
  return out;
}

Bytes op_bytes(Op op) { return Bytes(1, static_cast<char>(op)); }

Bytes whole(const Message& m) {
  Bytes out = m.front + op_bytes(m.op);
  for (const FieldOf& field : m.fields) out += field.bytes;
  if (m.told) out += op_bytes(Op::kFlush);
  return out;
}

// The message up to field `at`, and something else in its place.
Bytes with(const Message& m, std::size_t at, BytesView instead) {
  Bytes out = m.front + op_bytes(m.op);
  for (std::size_t i = 0; i < at; ++i) out += m.fields[i].bytes;
  return out.append(instead);
}

std::vector<Bytes> malformed(const Message& m) {
  std::vector<Bytes> out;
  for (std::size_t i = 0; i < m.fields.size(); ++i) {
    const FieldOf& field = m.fields[i];
    out.push_back(with(m, i, BytesView(field.bytes).substr(0, field.bytes.size() / 2)));
    if (field.what == What::kNumber) continue;
    Bytes lie = number32(UINT32_MAX) + field.bytes.substr(4);
    for (std::size_t k = i + 1; k < m.fields.size(); ++k) lie += m.fields[k].bytes;
    out.push_back(with(m, i, lie));
    if (field.what == What::kStream) {
      for (const Bytes& told : {Bytes("\x63"), field.bytes.substr(4, 7)}) {
        Bytes damaged;
        put_text(damaged, BytesView(told));
        for (std::size_t k = i + 1; k < m.fields.size(); ++k) damaged += m.fields[k].bytes;
        out.push_back(with(m, i, damaged + (m.told ? op_bytes(Op::kFlush) : Bytes())));
      }
    }
    if (field.what != What::kText) continue;
    const auto one_more = static_cast<std::uint32_t>(field.bytes.size() - 4 + 1);
    if (i + 1 == m.fields.size())
      out.push_back(with(m, i, number32(one_more) + field.bytes.substr(4)));
  }
  // A question with something behind it that is no guess.
  if (!m.told && m.op < Op::kGuess) out.push_back(whole(m) + op_bytes(Op::kPendingWork));
  return out;
}

class ForgedTest : public HostTest {
 protected:
  using Send = std::function<std::string(const std::string& how)>;

  void SetUp() override {
    HostTest::SetUp();
    load_ = {{"wild", "wild"}};
    isolated_ = {"wild"};
    restart();
    must_run();
  }
  std::string in_command(const std::string& how) {
    const CommandResult result = command("wild.boom", {{"how", how}});
    return result.refusal ? result.refusal->name : "taken";
  }
  std::string in_call(const char* method, const std::string& how) {
    tb_value param{};
    param.type = TB_TYPE_STR;
    param.str = to_str(how);
    return ask(method, {param});
  }
  Send command_sender() {
    return [this](const std::string& how) { return in_command(how); };
  }
  Send sender(const char* method) {
    return [this, method](const std::string& how) { return in_call(method, how); };
  }
  std::uint64_t deaths(const std::string& reason) {
    return metrics_.find("plugin_child_crashes_total")->counter({"wild", reason})->value();
  }

  static std::string how(BytesView message, std::string_view size = "-", int more = 0) {
    using isolation::Lane;
    return "forge:" + std::to_string(offsetof(Lane, bytes)) + ":" +
           std::to_string(offsetof(Lane, more)) + ":" + std::to_string(offsetof(Lane, data)) + ":" +
           std::string(size) + ":" + std::to_string(more) + ":" + to_hex(message);
  }
  // The process ends for `reason`, whoever called is told, and the next one is served.
  void expect_end(const Send& send, const std::string& message, const std::string& reason) {
    const std::uint64_t protocol = deaths("protocol"), crash = deaths("crash");
    const std::string answer = send(message);
    SCOPED_TRACE(message.substr(0, 200) + ": " + answer.substr(0, 200) + "; " +
                 row("wild").process.last_trouble);
    EXPECT_NE(answer.find("plugin_crashed"), std::string::npos);
    EXPECT_EQ(deaths("protocol") - protocol, reason == "protocol" ? 1u : 0u);
    EXPECT_EQ(deaths("crash") - crash, reason == "crash" ? 1u : 0u);
    if (++sent_ % 16 == 0) expect_service();
  }
  void expect_service() {
    const CommandResult next = command("wild.mix", {{"n", 7}});
    ASSERT_FALSE(next.refusal) << next.refusal->message;
    EXPECT_EQ(next.outcome, Outcome::kApplied);
  }
  // The process crashes when its message is taken.
  void try_all(const Send& send, const std::vector<Message>& messages) {
    for (const Message& m : messages) {
      SCOPED_TRACE("operation " + std::to_string(static_cast<int>(m.op)));
      expect_end(send, how(whole(m)), "crash");
      for (const Bytes& wrong : malformed(m)) expect_end(send, how(wrong), "protocol");
    }
    expect_service();
    const ReplayReport report = chain_->replay(false, nullptr);
    EXPECT_TRUE(report.ok) << report.difference;
  }

  std::uint64_t sent_ = 0;
};

std::vector<Message> of_view() {
  return {
      {Op::kCount, {u32(1), u32(1)}, true},
      {Op::kUse, {place(0)}, true},
      {Op::kFlush, {}},
      {Op::kGet, {text("sum")}},
      {Op::kGetMany, {count(2), text("sum"), text("begun")}},
      {Op::kScan, {u8(0), text("row/"), text(""), place(10)}},
      {Op::kParam, {u32(0)}},
      {Op::kRoles, {text("somebody")}},
      {Op::kCall, {u8(1), u32(0), u32(0), count(1), value(5)}},
  };
}

std::vector<Message> of_ctx() {
  return {
      {Op::kPut, {text("key"), text("value")}, true},
      {Op::kErase, {text("key")}, true},
      {Op::kEmit, {u32(0), stream()}, true},
      {Op::kRecord, {u32(0), stream()}, true},
      {Op::kMetric, {u32(0), u64(1), count(1), text("kind")}, true},
      {Op::kFail, {u32(7), text("name"), text("words"), u8(1), stream()}, true},
      {Op::kPendingWork, {}, true},
      {Op::kLog, {u32(1), text("words")}, true},
      {Op::kAttemptEnd, {u32(0)}, true, op_bytes(Op::kAttempt)},
      {Op::kCharge, {}},
      {Op::kVerify, {text("key"), text("message"), text("signature")}},
      {Op::kRowsLeft, {}},
  };
}

std::vector<Message> of_host() {
  return {
      {Op::kHostLog, {u32(1), text("words")}, true},
      {Op::kHostMetric, {u32(0), u64(1), count(1), text("kind")}, true},
      {Op::kUnixMs, {}},
      {Op::kConfig, {u32(0)}},
      {Op::kPublish, {u32(0), stream()}},
      {Op::kView, {}},
      {Op::kHostCall, {text("wild.query"), stream(), u32(10)}},
      {Op::kPost, {text("wild.query"), stream(), u64(1)}},
      {Op::kFetch,
       {u32(1), u64(1), text("GET"), text("nowhere"), count(1), value(1), text(""), u64(1)}},
      {Op::kStoreGet, {text("key")}},
      {Op::kStoreScan, {u8(0), text("k"), text(""), u32(10)}},
      {Op::kStorePut, {text("key"), text("value")}},
      {Op::kStoreErase, {text("key")}},
      {Op::kFileWrite, {u32(3), text("nowhere"), text("words")}},
      {Op::kFileRead, {u64(0), u64(10), text("nowhere")}},
      {Op::kFileList, {text("nowhere")}},
      {Op::kFileRemove, {text("nowhere")}},
  };
}

std::vector<Message> of_opened_view() { return {{Op::kViewEnd, {u32(0)}}}; }

std::vector<Message> joined(std::vector<Message> list, const std::vector<Message>& more) {
  list.insert(list.end(), more.begin(), more.end());
  return list;
}

TEST_F(ForgedTest, every_message_of_a_command_with_each_field_malformed) {
  try_all(command_sender(), joined(of_view(), of_ctx()));
}

TEST_F(ForgedTest, every_message_of_a_query_with_each_field_malformed) {
  try_all(sender("wild.forge_view"), joined(of_view(), of_host()));
}

TEST_F(ForgedTest, every_message_of_a_face_with_each_field_malformed) {
  try_all(sender("wild.forge_host"), joined(of_opened_view(), of_host()));
}

TEST_F(ForgedTest, what_is_none_or_is_not_for_the_call) {
  const auto expect_refused = [&](const Send& send, const std::vector<Message>& foreign) {
    for (const Message& m : foreign) expect_end(send, how(whole(m)), "protocol");
    for (const int none : {0, 15, 63, 119, 121, 127, 131, 255})
      expect_end(send, how(Bytes(1, static_cast<char>(none))), "protocol");
    // Ends of what was not begun, and what was begun and is left open.
    expect_end(send, how(op_bytes(Op::kAttemptEnd) + number32(0)), "protocol");
    expect_end(send, how(op_bytes(Op::kReturn)), "protocol");
    expect_end(send, how(op_bytes(Op::kReturn) + number32(0) + number32(0)), "protocol");
    expect_end(send, how({}), "protocol");  // a message without a question
  };
  expect_refused(command_sender(), of_host());
  expect_refused(sender("wild.forge_view"), joined(of_ctx(), of_opened_view()));
  expect_refused(sender("wild.forge_host"), of_ctx());
  // Attempts inside each other without end, and a return from the middle of one.
  Bytes nested;
  for (std::size_t i = 0; i <= isolation::kMaxNesting; ++i) nested += op_bytes(Op::kAttempt);
  expect_end(command_sender(), how(nested + op_bytes(Op::kFlush)), "protocol");
  Bytes inside = op_bytes(Op::kAttempt) + op_bytes(Op::kReturn) + number32(0);
  put_u64(inside, 0);
  expect_end(command_sender(), how(inside), "protocol");
  expect_service();
}

TEST_F(ForgedTest, ends_of_calls_with_each_field_malformed) {
  Bytes ended = op_bytes(Op::kReturn) + number32(0);
  put_u64(ended, 0);
  const Bytes nothing = number32(0);
  for (const Send& send : {command_sender(), sender("wild.forge_view")}) {
    expect_end(send, how(op_bytes(Op::kThrew)), "protocol");
    expect_end(send, how(op_bytes(Op::kThrew) + number32(9) + "eight.. "), "protocol");
    expect_end(send, how(ended), "protocol");
    expect_end(send, how(ended + nothing), "protocol");
    expect_end(send, how(ended + nothing + nothing + "x"), "protocol");
    expect_end(send, how(ended + number32(UINT32_MAX) + nothing), "protocol");
    expect_end(send, how(ended + number32(1) + "\x63" + nothing), "protocol");
    expect_end(send, how(ended + nothing + number32(1) + "\x63"), "protocol");
  }
  // In the middle of a view that the face opened.
  expect_end(sender("wild.forge_host"), how(ended + nothing + nothing), "protocol");
  expect_service();
}

TEST_F(ForgedTest, a_guess_that_cannot_be) {
  const Bytes question = op_bytes(Op::kFlush) + op_bytes(Op::kGuess);
  Bytes right = question, wrong = question;
  put_text(right, number32(0));
  put_text(wrong, number32(1));
  const Send send = command_sender();
  expect_end(send, how(right + op_bytes(Op::kFlush)), "crash");  // it holds, and is asked on
  expect_end(send, how(wrong), "crash");                         // it is told what is right
  expect_end(send, how(right), "protocol");
  expect_end(send, how(question + number32(UINT32_MAX)), "protocol");
  expect_end(send, how(question + number32(4)), "protocol");
  expect_end(send, how(op_bytes(Op::kGuess) + right.substr(2)), "protocol");
  for (const char* method : {"wild.forge_view", "wild.forge_host"})  // a face does not guess
    expect_end(sender(method), how(right + op_bytes(Op::kFlush)), "protocol");
  expect_service();
}

TEST_F(ForgedTest, sizes_that_are_lies) {
  for (const Send& send :
       {command_sender(), sender("wild.forge_view"), sender("wild.forge_host")}) {
    for (const std::string& size : {std::to_string(kLaneBytes + 1), std::to_string(UINT32_MAX)}) {
      expect_end(send, how(op_bytes(Op::kFlush), size), "protocol");
      expect_end(send, how(op_bytes(Op::kFlush), size, 1), "protocol");
    }
    // Part after part without end.
    expect_end(send, how(op_bytes(Op::kFlush), std::to_string(kLaneBytes), 2), "protocol");
  }
  expect_service();
}

// Each list claims as many values as bytes that are left could hold: together they would take
// many times the message, were they not held against one bound.
TEST_F(ForgedTest, lists_in_lists_take_no_more_memory_than_their_bytes_could_hold) {
  Bytes call = op_bytes(Op::kCall) + Bytes(1, '\1') + number32(0) + number32(0) + number32(1);
  for (int depth = 0; depth < 60; ++depth) {
    call.push_back(static_cast<char>(TB_TYPE_LIST));
    call += number32(0) + number32(10'000);
  }
  expect_end(command_sender(), how(call + Bytes(60'000, '\0')), "protocol");
  expect_service();
}

}  // namespace
}  // namespace blockd
