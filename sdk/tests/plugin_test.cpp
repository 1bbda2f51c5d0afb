// The declaration and the dispatch: the manifest of a sample plugin, mistakes of a declaration, and
// what crosses the ABI.
#include <gtest/gtest.h>

#include "fakes.hpp"

namespace {

using fakes::named;
using fakes::number;

inline constexpr tb::Error kPoor{-40010, "Poor"};
inline constexpr tb::Param kLimit{0};
inline constexpr tb::Counter kPaid{0};
inline constexpr tb::Histogram kSize{1};
inline constexpr tb::Config<std::uint64_t> kWarn{0};
inline constexpr tb::Service kLedger{0};

struct Who {
  std::string_view account;
};
BOOST_DESCRIBE_STRUCT(Who, (), (account))
struct Balance {
  std::uint64_t balance = 0;
};
BOOST_DESCRIBE_STRUCT(Balance, (), (balance))
inline constexpr tb::Function<Who, Balance> kBalance{kLedger, 0};
inline constexpr tb::Function<Who> kTouch{kLedger, 1};

struct Part {
  std::uint32_t share = 0;
};
BOOST_DESCRIBE_STRUCT(Part, (), (share))
struct PayParams {
  std::string_view to;
  std::uint64_t amount = 0;
  bool queue = false;
  std::optional<tb::Hash> memo;
  std::vector<Part> parts;
};
BOOST_DESCRIBE_STRUCT(PayParams, (), (to, amount, queue, memo, parts))

struct Paid {
  std::string_view to;
  std::uint64_t amount = 0;
};
BOOST_DESCRIBE_STRUCT(Paid, (), (to, amount))
inline constexpr tb::Event<Paid> kPaidEvent{0};
inline constexpr tb::Record<Paid> kReceipt{0};

struct Memory {
  std::uint64_t value = 0;
};
BOOST_DESCRIBE_STRUCT(Memory, (), (value))

// What `pay` does is told by `to`.
tb::Status pay(tb::Ctx& ctx, const PayParams& in, tb::Out& out) {
  if (in.to == "throw") throw std::runtime_error("boom");
  if (in.to == "throw-int") throw 7;
  if (in.to == "no-memory") throw std::bad_alloc();
  if (in.to == "silent") return tb::Status(TB_FAILED);
  if (in.to == "poor") {
    return ctx.fail(kPoor, tb::cat("needs ", in.amount),
                    [&](tb::Out& data) { data.put("needs", in.amount); });
  }
  if (in.to == "throw-in-data")
    return ctx.fail(kPoor, "x", [](tb::Out&) { throw std::runtime_error("in data"); });
  if (in.to == "throw-in-read") {
    ctx.put("k", "v");
    ctx.read("k", [](std::string_view) { throw std::runtime_error("in read"); });
  }
  if (in.to == "bad-row") {
    ctx.put("row", "not a row");
    return ctx.load<Memory>("row") ? tb::ok() : tb::ok();
  }
  if (in.to == "attempt") {
    const tb::Status tried = ctx.attempt([&] {
      ctx.put("inside", "1");
      return ctx.fail(kPoor, "not this way");
    });
    out.put("tried", tried.ok());
    return tb::ok();
  }
  if (in.to == "charge") {
    const tb::Status failed = ctx.fail(kPoor, "forged");
    if (auto charged = ctx.charge(); !charged) return charged;
    ctx.put("penalty", "1");
    return failed;
  }
  ctx.store("last", Memory{in.amount});
  ctx.emit(kPaidEvent, {in.to, in.amount});
  ctx.record(kReceipt, {in.to, in.amount});
  ctx.add(kPaid, 1, {in.to, "eur"});
  ctx.observe(kSize, 12);
  out.put("limit", ctx.param(kLimit));
  out.put("by", ctx.account());
  return tb::ok();
}

tb::Status use_ledger(tb::Ctx& ctx, const Who& in, tb::Out& out) {
  const auto answer = ctx.call(kBalance, {in.account});
  if (answer.absent) {
    out.put("absent", true);
    return tb::ok();
  }
  if (!answer) return ctx.fail(answer);
  if (auto touched = ctx.ask(kTouch, {in.account}); !touched) return ctx.fail(touched);
  out.write(*answer);
  return tb::ok();
}

tb::Status forgetful(tb::Ctx& ctx, tb::Out&) {
  ctx.get("anything");
  return tb::ok();
}

tb::Status listing(tb::View& view, const Who& in, tb::Out& out) {
  if (in.account == "none")
    return view.fail(kPoor, "no such account", [](tb::Out& data) { data.put("hint", "h"); });
  out.list("rows", [&](tb::Out& rows) {
    view.scan("row/", {}, 10, [&](std::string_view key, std::string_view) {
      rows.element(key);
      return key != "row/2";
    });
  });
  return tb::ok();
}

tb::Status total(tb::View& view, std::string_view caller, const Who&, tb::Out& out) {
  if (caller == "stranger") return view.fail(kPoor, "who are you");
  out.put("total", view.height());
  return tb::ok();
}

struct Face {
  explicit Face(tb::Host given) : host(given) {}
  tb::Status echo(tb::View&, const Who& in, tb::Out& out) const {
    out.put("account", in.account);
    return tb::ok();
  }
  tb::Status refuse(tb::LocalCall& call, const Who&, tb::Out&) { return call.fail(kPoor, "never"); }
  tb::Status greet(tb::View& view, const tb::HttpRequest& request, tb::HttpReply& reply) {
    if (request.path("name") == "throw") throw std::runtime_error("route");
    if (request.path("name") == "none") {
      reply.status(404);
      return view.fail(kPoor, "nobody");
    }
    reply.json().put("hello", request.path("name"));
    return tb::ok();
  }
  void tick() { throw std::runtime_error("tick"); }
  tb::Host host;
};

void describe(tb::Plugin& p) {
  p.id("pay")
      .version("1.2.0")
      .sm(2, 1)
      .schema(1)
      .summary("Pays \"people\"")
      .invalid_params_name("InvalidParams");
  p.escrow_prefix("pay").follow("ledger.moved");
  p.rate_class("pay").config("per_sec");
  p.unauthorized(-40001, "NoKey", "say who").rate_limited(-40002, "TooFast").window_config("rps");
  p.role("payer").within("admin").token_env("PAY_TOKEN").token_config("token").key("admin");
  p.command("pay.send", &pay)
      .role("admin")
      .summary("Pay")
      .alias("send")
      .rate_class("pay")
      .error(kPoor, "too little")
      .field("to")
      .min(1)
      .max(32)
      .help("who")
      .alias("recipient")
      .field("amount")
      .unit("ct")
      .min(1)
      .field("queue")
      .defaulted()
      .field("parts")
      .max(4)
      .field("parts.share")
      .max(100)
      .cli("pay send")
      .alias("pay transfer")
      .positional("to")
      .flag("queue", "--later")
      .file_field("parts")
      .example("contract-cli pay send ada", "pays");
  p.command("pay.ledger", &use_ledger).role("operator").result<Balance>();
  p.command("pay.forgetful", &forgetful).role("operator");
  p.query("pay.list", &listing)
      .cli("pay list")
      .list("rows")
      .columns({"a", "b"})
      .id_field("a")
      .ok_member("fine")
      .say("{a} of {b}")
      .now_field("account")
      .given("account", "self")
      .document();
  p.query("pay.echo", &Face::echo);
  p.local("pay.refuse", &Face::refuse);
  p.event(kPaidEvent, "pay.paid").help("Paid").field("amount").unit("ct");
  p.record(kReceipt, "payment");
  p.counter(kPaid, "paid_total")
      .labels({"to", "currency"})
      .preset({"bank", "eur"})
      .help("Payments")
      .alias("old_total");
  p.histogram(kSize, "paid_size").buckets({0.5, 1, 2.5}).scale(1000);
  p.param(kLimit, "pay_limit", 5, 1, 10).unit("ct").timelock(3);
  p.config(kWarn, "warn_secs", 600).max(900).env("PAY_WARN");
  p.requires_service(kLedger, "ledger/1")
      .optional()
      .function(kBalance, "balance")
      .function(kTouch, "touch");
  p.provides("pay/1").function("total", &total).help("sum").error(kPoor);
  p.face<Face>().timer("tick", 1000, &Face::tick);
  p.route("GET", "/hello/:name", &Face::greet).role("read");
  p.alert("PayStalled").expr("x > 1").for_duration("5m").severity("page").runbook("pay#stalled");
  p.panel("Pay", "Paid", "rate(paid_total[5m])").unit("ops").thresholds({1, 5});
}

TEST(Declaration, gives_the_manifest_at_its_end_and_keeps_the_handlers) {
  tb::Plugin p;
  describe(p);
  const std::string manifest = p.manifest();
  const std::size_t methods = p.handlers().methods.size();
  EXPECT_EQ(p.finish(), manifest);
  EXPECT_EQ(p.manifest(), "null") << "the tree is gone";
  EXPECT_EQ(p.handlers().methods.size(), methods);
  EXPECT_EQ(p.handlers().invalid_params_name, "InvalidParams");
}

TEST(Declaration, writes_the_manifest) {
  tb::Plugin p;
  describe(p);
  ASSERT_EQ(p.problem(), "");
  EXPECT_EQ(
      p.manifest(),
      R"({"id":"pay","version":"1.2.0","sm":2,"sm_min":1,"schema":1,"summary":"Pays \"people\"","invalid_params_name":"InvalidParams",)"
      R"("escrow_prefixes":["pay"],"follows":["ledger.moved"],"rate_classes":[{"name":"pay","config":"per_sec"}],)"
      R"("unauthorized":{"code":-40001,"name":"NoKey","help":"say who"},"rate_limited":{"code":-40002,"name":"TooFast"},)"
      R"("window_config":"rps","roles":[{"name":"payer","within":"admin","token_env":"PAY_TOKEN","token_config":"token","key":"admin"}],)"
      R"("methods":[{"name":"pay.send","kind":"command","params":[)"
      R"({"name":"to","type":"string","min":1,"max":32,"help":"who","aliases":["recipient"]},)"
      R"({"name":"amount","type":"u64","unit":"ct","min":1},{"name":"queue","type":"bool","default":false},)"
      R"({"name":"memo","type":"hash","optional":true},)"
      R"({"name":"parts","type":"list","items":{"type":"record","fields":[{"name":"share","type":"u32","max":100}]},"max":4}],)"
      R"("role":"admin","summary":"Pay","aliases":["send"],"rate_class":"pay",)"
      R"("errors":[{"code":-40010,"name":"Poor","help":"too little"}],)"
      R"("cli":{"path":"pay send","aliases":["pay transfer"],"positionals":["to"],"flags":{"queue":"--later"},"file_fields":["parts"]},)"
      R"("examples":[["contract-cli pay send ada","pays"]]},)"
      R"({"name":"pay.ledger","kind":"command","params":[{"name":"account","type":"string"}],"role":"operator",)"
      R"("result":[{"name":"balance","type":"u64"}]},)"
      R"({"name":"pay.forgetful","kind":"command","params":[],"role":"operator"},)"
      R"({"name":"pay.list","kind":"query","params":[{"name":"account","type":"string"}],)"
      R"("cli":{"path":"pay list","list":"rows","columns":["a","b"],"id_field":"a","ok_member":"fine","say":"{a} of {b}","now_field":"account","given":{"account":"self"},"format":"json"}},)"
      R"({"name":"pay.echo","kind":"query","params":[{"name":"account","type":"string"}]},)"
      R"({"name":"pay.refuse","kind":"local","params":[{"name":"account","type":"string"}]}],)"
      R"("events":[{"topic":"pay.paid","fields":[{"name":"to","type":"string"},{"name":"amount","type":"u64","unit":"ct"}],"help":"Paid"}],)"
      R"("records":[{"kind":"payment","fields":[{"name":"to","type":"string"},{"name":"amount","type":"u64"}]}],)"
      R"("metrics":[{"name":"paid_total","type":"counter","labels":["to","currency"],"preset":[["bank","eur"]],"help":"Payments","aliases":["old_total"]},)"
      R"({"name":"paid_size","type":"histogram","buckets":[0.5,1,2.5],"scale":1000}],)"
      R"("params":[{"key":"pay_limit","default":5,"min":1,"max":10,"unit":"ct","timelock_epochs":3}],)"
      R"("config":[{"key":"warn_secs","type":"u64","default":600,"max":900,"env":"PAY_WARN"}],)"
      R"("requires":[{"name":"ledger/1","optional":true,"functions":["balance","touch"]}],)"
      R"("provides":[{"name":"pay/1","functions":[{"name":"total","read":true,"params":[{"name":"account","type":"string"}],)"
      R"("help":"sum","errors":[{"code":-40010,"name":"Poor"}]}]}],)"
      R"("timers":[{"name":"tick","interval_ms":1000}],)"
      R"("http":[{"method":"GET","path":"/hello/:name","role":"read"}],)"
      R"("alerts":[{"name":"PayStalled","expr":"x > 1","for":"5m","severity":"page","runbook":"pay#stalled"}],)"
      R"j("panels":[{"row":"Pay","title":"Paid","expr":"rate(paid_total[5m])","unit":"ops","thresholds":[1,5]}]})j");
}

// The first mistake of a declaration that begins well.
std::string problem_of(void (*declare)(tb::Plugin&)) {
  tb::Plugin p;
  p.id("x").version("1.0.0").sm(1).schema(1);
  declare(p);
  return p.problem();
}

TEST(Declaration, finds_a_handle_at_another_place) {
  EXPECT_EQ(problem_of([](tb::Plugin& p) {
              p.histogram(kSize, "paid_size");
              p.counter(kPaid, "paid_total");
            }),
            "metrics: 'paid_size' is declared at place 0 but its handle says 1; number the handles "
            "in the order of the "
            "declarations");
  EXPECT_EQ(problem_of([](tb::Plugin& p) {
              p.requires_service(kLedger, "ledger/1").function(kTouch, "touch");
            }),
            "required function 'touch' is declared at place 0 but its handle says 1; number the "
            "handles in the order "
            "of the declarations");
}

TEST(Declaration, finds_what_does_not_fit) {
  EXPECT_EQ(problem_of([](tb::Plugin& p) { p.query("x.q", &listing).field("acount"); }),
            "'x.q': field 'acount' is not a described member");
  EXPECT_EQ(problem_of([](tb::Plugin& p) { p.query("x.q", &listing).min(1); }),
            "'x.q': min() needs a field() before it");
  EXPECT_EQ(problem_of([](tb::Plugin& p) { p.query("x.q", &Face::echo); }),
            "handlers are members of a class that face<...>() does not name");
  EXPECT_EQ(problem_of([](tb::Plugin& p) { p.sm(1, 2); }), "the oldest sm() is above the newest");
  EXPECT_EQ(problem_of([](tb::Plugin& p) { p.sm(0, 0).command("x.c", &pay); }),
            "commands, hooks and services need a state machine version: sm(1)");
  EXPECT_EQ(problem_of([](tb::Plugin& p) { p.query("x.q", &listing).list("rows"); }),
            "'x.q': cli(path) comes before what it shows");
}

const tb_plugin& library() { return *tb::detail::Library<&describe>::entry(nullptr); }

void describe_wrong(tb::Plugin& p) { p.id("wrong"); }

TEST(Library, does_not_load_with_a_mistake) {
  testing::internal::CaptureStderr();
  EXPECT_EQ(tb::detail::Library<&describe_wrong>::entry(nullptr), nullptr);
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "error[plugin_declaration]: id() and version() are missing\n");
}

TEST(Library, fills_the_tables_that_are_declared) {
  EXPECT_EQ(library().abi_major, TB_ABI_MAJOR);
  EXPECT_EQ(library().machine->sm, 2u);
  EXPECT_EQ(library().machine->sm_min, 1u);
  EXPECT_EQ(library().machine->begin, nullptr);
  EXPECT_NE(library().machine->serve, nullptr);
  EXPECT_NE(library().face->on_timer, nullptr);
  EXPECT_EQ(library().face->on_event, nullptr);
}

class Dispatch : public testing::Test {
 protected:
  tb_status send(std::string_view to, std::uint64_t amount = 3) {
    tb_value flag{};
    flag.type = TB_TYPE_BOOL;
    const std::vector<tb_value> params = {fakes::text(to), number(amount), flag, tb_value{},
                                          fakes::tree(TB_TYPE_LIST, {})};
    return library().machine->apply(step.ctx(), 0, params.data(), 5, result.out());
  }
  fakes::Step step;
  fakes::TextOut result, error;
};

TEST_F(Dispatch, params_come_from_the_blocks_table_where_the_host_gives_one) {
  const std::uint64_t table[] = {8};
  step.params[0] = 9;  // what param() answers
  step.block.params = table;
  step.block.param_count = 1;
  EXPECT_EQ(send("ada"), TB_OK);
  EXPECT_EQ(result.text(), "limit:8,by:'tb1caller'");
}

TEST_F(Dispatch, params_are_asked_for_where_the_table_is_too_short_or_unknown_to_the_host) {
  const std::uint64_t table[] = {8};
  step.params[0] = 9;
  step.block.params = table;  // with a count of zero
  EXPECT_EQ(send("ada"), TB_OK);
  EXPECT_EQ(result.text(), "limit:9,by:'tb1caller'");
  step.block.param_count = 1;
  step.block.size = offsetof(tb_block, params);  // a host of before
  fakes::TextOut again;
  tb_value flag{};
  flag.type = TB_TYPE_BOOL;
  const std::vector<tb_value> params = {fakes::text("ada"), number(3), flag, tb_value{},
                                        fakes::tree(TB_TYPE_LIST, {})};
  EXPECT_EQ(library().machine->apply(step.ctx(), 0, params.data(), 5, again.out()), TB_OK);
  EXPECT_EQ(again.text(), "limit:9,by:'tb1caller'");
}

TEST_F(Dispatch, runs_a_command_and_its_effects) {
  step.params[0] = 9;
  EXPECT_EQ(send("ada"), TB_OK);
  EXPECT_EQ(result.text(), "limit:9,by:'tb1caller'");
  EXPECT_EQ(step.events,  // members by name, as their canonical form has them
            (std::vector<std::string>{"0 amount:3,to:'ada'", "record 0 amount:3,to:'ada'"}));
  EXPECT_EQ(step.metrics, (std::vector<std::string>{"0 ada eur = 1", "1 = 12"}));
  EXPECT_EQ(step.state["last"], std::string("\x01\x03\0\0\0\0\0\0\0", 9));
}

TEST_F(Dispatch, tells_errors_with_their_data) {
  EXPECT_EQ(send("poor"), TB_FAILED);
  EXPECT_EQ(step.failure, "-40010 Poor needs 3 {needs:3}");
}

TEST_F(Dispatch, catches_exceptions_and_names_them) {
  EXPECT_EQ(send("throw"), TB_FAILED);
  EXPECT_EQ(step.failure, "-32603 internal_plugin_error boom {}");
  EXPECT_EQ(send("throw-int"), TB_FAILED);
  EXPECT_EQ(step.failure, "-32603 internal_plugin_error an exception of unknown type {}");
  EXPECT_EQ(send("throw-in-read"), TB_FAILED);
  EXPECT_EQ(step.failure, "-32603 internal_plugin_error in read {}");
  EXPECT_EQ(send("throw-in-data"), TB_FAILED);
  EXPECT_EQ(step.failure, "-32603 internal_plugin_error in data {}");
  EXPECT_EQ(send("bad-row"), TB_FAILED);
  EXPECT_EQ(step.failure,
            "-32603 internal_plugin_error the row 'row' does not decode: it has "
            "layout 110 and is read as layout 1; rows that no migration has reached yet must "
            "be read too (row_layout) {}");
}

TEST_F(Dispatch, lack_of_memory_is_trouble_of_the_host_and_no_outcome) {
  EXPECT_EQ(send("no-memory"), TB_ABORTED);
  EXPECT_EQ(step.failure, "");
}

TEST_F(Dispatch, gives_a_reason_to_a_failure_without_one) {
  EXPECT_EQ(send("silent"), TB_FAILED);
  EXPECT_EQ(step.failure, "-32603 internal_plugin_error a handler failed without fail() {}");
}

TEST_F(Dispatch, attempt_takes_back_and_goes_on) {
  EXPECT_EQ(send("attempt"), TB_OK);
  EXPECT_EQ(result.text(), "tried:false");
  EXPECT_FALSE(step.state.contains("inside"));
}

TEST_F(Dispatch, charge_keeps_what_comes_after) {
  EXPECT_EQ(send("charge"), TB_FAILED);
  EXPECT_TRUE(step.charged);
  EXPECT_TRUE(step.state.contains("penalty"));
}

TEST_F(Dispatch, an_abort_wins_over_what_the_handler_says) {
  step.abort = true;
  EXPECT_EQ(library().machine->apply(step.ctx(), 2, nullptr, 0, result.out()), TB_ABORTED);
}

TEST_F(Dispatch, refuses_params_that_do_not_fit_the_declaration) {
  const tb_value wrong = number(1);
  EXPECT_EQ(library().machine->apply(step.ctx(), 1, &wrong, 1, result.out()), TB_FAILED);
  EXPECT_EQ(step.failure, "-32602 InvalidParams 'account' is missing or of another type {}");
  EXPECT_EQ(library().machine->apply(step.ctx(), 99, nullptr, 0, result.out()), TB_E_UNSUPPORTED);
  EXPECT_EQ(library().machine->apply(step.ctx(), 3, nullptr, 0, result.out()),
            TB_E_UNSUPPORTED);  // a query
}

TEST_F(Dispatch, calls_services_with_typed_arguments) {
  const tb_value account = fakes::text("tb1ada");
  EXPECT_EQ(library().machine->apply(step.ctx(), 1, &account, 1, result.out()), TB_OK);
  EXPECT_EQ(result.text(), "balance:42");
  EXPECT_EQ(step.called, "ask 0.1 account:'tb1ada'");
}

TEST_F(Dispatch, passes_on_how_a_service_refused) {
  const tb_value account = fakes::text("tb1ada");
  step.service_status = TB_FAILED;
  EXPECT_EQ(library().machine->apply(step.ctx(), 1, &account, 1, result.out()), TB_FAILED);
  EXPECT_EQ(step.failure, "-32010 insufficient_funds holds 3, needs 4 {}");
}

TEST_F(Dispatch, an_absent_optional_service_is_an_answer) {
  const tb_value account = fakes::text("tb1ada");
  step.service_status = TB_E_UNSUPPORTED;
  EXPECT_EQ(library().machine->apply(step.ctx(), 1, &account, 1, result.out()), TB_OK);
  EXPECT_EQ(result.text(), "absent:true");
}

TEST_F(Dispatch, a_limit_of_the_step_cannot_be_swallowed) {
  const tb_value account = fakes::text("tb1ada");
  step.service_status = TB_E_LIMIT;
  EXPECT_EQ(library().machine->apply(step.ctx(), 1, &account, 1, result.out()), TB_E_LIMIT);
}

TEST_F(Dispatch, answers_read_functions_on_views_and_in_steps) {
  const tb_value account = fakes::text("x");
  const auto& machine = *library().machine;
  EXPECT_EQ(machine.answer(step.read_only(), 0, 0, tb::to_str("ledger"), &account, 1, result.out(),
                           error.out()),
            TB_OK);
  EXPECT_EQ(result.text(), "total:7");
  EXPECT_EQ(machine.answer(step.read_only(), 0, 0, tb::to_str("stranger"), &account, 1,
                           result.out(), error.out()),
            TB_FAILED);
  EXPECT_EQ(error.text(), "code:-40010,name:'Poor',text:'who are you'");
  EXPECT_EQ(machine.serve(step.ctx(), 0, 0, tb::to_str("stranger"), &account, 1, result.out()),
            TB_FAILED);
  EXPECT_EQ(step.failure, "-40010 Poor who are you {}");
  EXPECT_EQ(machine.serve(step.ctx(), 0, 1, tb::to_str("ledger"), &account, 1, result.out()),
            TB_E_UNSUPPORTED);
}

// A host that only logs.
struct LoggingHost : tb_host {
  LoggingHost() {
    table.log = [](tb_host* host, std::uint32_t, tb_str text) {
      static_cast<LoggingHost*>(host)->logged = tb::to_view(text);
    };
    this->api = &table;
  }
  tb_host_api table{};
  std::string logged;
};

TEST_F(Dispatch, runs_queries_and_locals_on_the_face) {
  LoggingHost host;
  const tb_face& face = *library().face;
  void* instance = nullptr;
  ASSERT_EQ(face.create(&host, &instance), TB_OK);
  step.state = {{"row/1", ""}, {"row/2", ""}, {"row/3", ""}};
  tb_value account = fakes::text("ada");
  EXPECT_EQ(face.query(instance, step.read_only(), 4, &account, 1, result.out(), error.out()),
            TB_OK);
  EXPECT_EQ(result.text(), "account:'ada'");
  fakes::TextOut rows;
  EXPECT_EQ(face.query(instance, step.read_only(), 3, &account, 1, rows.out(), error.out()), TB_OK);
  EXPECT_EQ(rows.text(), "rows:['row/1','row/2']");
  EXPECT_EQ(face.local(instance, 5, &account, 1, result.out(), error.out()), TB_FAILED);
  EXPECT_EQ(error.text(), "code:-40010,name:'Poor',text:'never'");
  account = fakes::text("none");
  fakes::TextOut refused;
  EXPECT_EQ(face.query(instance, step.read_only(), 3, &account, 1, rows.out(), refused.out()),
            TB_FAILED);
  EXPECT_EQ(refused.text(), "code:-40010,name:'Poor',text:'no such account',hint:'h'");
  face.on_timer(instance, 0);
  EXPECT_EQ(host.logged, "tick");
  face.destroy(instance);
}

// What route 0 answers to /hello/<name>: "status body".
std::string hello(void* instance, fakes::Step& step, std::string_view name) {
  const tb_value path = named("name", fakes::text(name));
  tb_http_request request{};
  request.size = sizeof(request);
  request.path = &path;
  request.path_count = 1;
  fakes::TextOut body;
  tb_http_reply reply{};
  reply.size = sizeof(reply);
  reply.status = 200;
  reply.json = body.out();
  const tb_status status = library().face->http(instance, step.read_only(), &request, &reply);
  return std::to_string(status) + " " + std::to_string(reply.status) + " " + body.text();
}

TEST_F(Dispatch, answers_routes_and_their_failures) {
  LoggingHost host;
  void* instance = nullptr;
  ASSERT_EQ(library().face->create(&host, &instance), TB_OK);
  EXPECT_EQ(hello(instance, step, "ada"), "0 200 hello:'ada'");
  EXPECT_EQ(hello(instance, step, "none"), "-1 404 code:-40010,name:'Poor',text:'nobody'");
  EXPECT_EQ(hello(instance, step, "throw"),
            "-1 500 code:-32603,name:'internal_plugin_error',text:'route'");
  library().face->destroy(instance);
}

}  // namespace
