#include "plugins/treasury/tests/world.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "plugins/treasury/state.hpp"
#include "tb/library.hpp"
#include "tb/sdk.hpp"

extern "C" const tb_plugin* tb_plugin_entry(const tb_host_info* host);

namespace treasury {
namespace {

// Governance as the treasury sees it: members without history, and provenance as events.
struct Member {
  std::uint64_t operators = 0, builders = 0;
};
BOOST_DESCRIBE_STRUCT(Member, (), (operators, builders))
struct MemberParams {
  std::string account;
  std::uint64_t operators = 0, builders = 0;
};
BOOST_DESCRIBE_STRUCT(MemberParams, (), (account, operators, builders))
struct AccountArgs {
  std::string_view account;
};
BOOST_DESCRIBE_STRUCT(AccountArgs, (), (account))
struct WeightArgs {
  std::string_view account, house;
  std::uint64_t height = 0;
};
BOOST_DESCRIBE_STRUCT(WeightArgs, (), (account, house, height))
struct HeightArgs {
  std::uint64_t height = 0;
};
BOOST_DESCRIBE_STRUCT(HeightArgs, (), (height))
struct ProvenanceArgs {
  std::string_view kind;
  std::optional<std::uint64_t> disbursement_id;
  std::optional<std::string> from_state, to_state;
  std::optional<std::uint64_t> amount;
  std::optional<std::string> destination, reason, tx_hash, subject;
  tb::Value data;
};
BOOST_DESCRIBE_STRUCT(ProvenanceArgs, (),
                      (kind, disbursement_id, from_state, to_state, amount, destination, reason,
                       tx_hash, subject, data))
struct Noted {
  std::uint64_t id = 0;
  std::optional<std::string> from_state, to_state, reason, tx_hash;
  bool snapshot = false;
};
BOOST_DESCRIBE_STRUCT(Noted, (), (id, from_state, to_state, reason, tx_hash, snapshot))
constexpr tb::Event<Noted> kNoted{0};

Member totals_of(tb::View& view) { return view.load<Member>("totals").value_or(Member{}); }

tb::Status set_member(tb::Ctx& ctx, const MemberParams& in, tb::Out&) {
  const std::string key = "member/" + in.account;
  const Member before = ctx.load<Member>(key).value_or(Member{});
  Member totals = totals_of(ctx);
  totals.operators += in.operators - before.operators;
  totals.builders += in.builders - before.builders;
  ctx.store(key, Member{in.operators, in.builders});
  ctx.store("totals", totals);
  return tb::ok();
}
tb::Status role(tb::View&, std::string_view, const AccountArgs&, tb::Out& out) {
  out.put("role", "none");
  return tb::ok();
}
tb::Status weight(tb::View& view, std::string_view, const WeightArgs& in, tb::Out& out) {
  const auto member = view.load<Member>("member/" + std::string(in.account)).value_or(Member{});
  out.put("weight", in.house == "operators" ? member.operators : member.builders);
  return tb::ok();
}
tb::Status totals(tb::View& view, std::string_view, const HeightArgs&, tb::Out& out) {
  out.write(totals_of(view));
  return tb::ok();
}
tb::Status provenance(tb::Ctx& ctx, std::string_view, const ProvenanceArgs& in, tb::Out& out) {
  ctx.emit(kNoted, {in.disbursement_id.value_or(0), in.from_state, in.to_state, in.reason,
                    in.tx_hash, in.data.raw() != nullptr && in.data.raw()->type == TB_TYPE_RECORD});
  out.put("seq", std::uint64_t{1});
  out.put("hash", tb::Hash{});
  return tb::ok();
}
struct PaymentArgs {
  std::uint64_t id = 0;
  std::string_view destination;
  std::uint64_t amount = 0;
  std::string_view memo, proposer;
  std::uint64_t scheduled_epoch = 0, balance = 0, paid_in_epoch = 0, paid_to_destination = 0;
};
BOOST_DESCRIBE_STRUCT(PaymentArgs, (),
                      (id, destination, amount, memo, proposer, scheduled_epoch, balance,
                       paid_in_epoch, paid_to_destination))
tb::Status payment(tb::Ctx&, std::string_view, const PaymentArgs&, tb::Out& out) {
  out.put("refused", false);
  out.put("reason", std::string_view());
  out.put("name", std::string_view());
  return tb::ok();
}
void describe_governance(tb::Plugin& p) {
  p.id("governance").version("1.0.0").sm(1).schema(1);
  p.command("governance.set_member", &set_member).role("open");
  tb::ServiceEntry& roles = p.provides("roles/1");
  roles.function("role", &role);
  roles.function("weight", &weight);
  roles.function("totals", &totals);
  tb::ServiceEntry& gov = p.provides("gov/1");
  gov.function("provenance", &provenance);
  gov.function("payment", &payment);
  p.event(kNoted, "test.noted");
}

// A market that pays in what its caller has.
struct AccrueArgs {
  std::string_view source, from;
  std::uint64_t amount = 0;
};
BOOST_DESCRIBE_STRUCT(AccrueArgs, (), (source, from, amount))
struct EpochArgs {
  std::uint64_t epoch = 0;
};
BOOST_DESCRIBE_STRUCT(EpochArgs, (), (epoch))
struct Amount {
  std::uint64_t amount = 0;
};
BOOST_DESCRIBE_STRUCT(Amount, (), (amount))
struct MoveArgs {
  std::string_view from, to;
  std::uint64_t amount = 0;
  std::string_view memo;
  bool consented = false;
};
BOOST_DESCRIBE_STRUCT(MoveArgs, (), (from, to, amount, memo, consented))
constexpr tb::Function<AccrueArgs> kAccrue{tb::Service{0}, 0};
constexpr tb::Function<EpochArgs, Amount> kInflow{tb::Service{0}, 1};
constexpr tb::Function<MoveArgs> kTransfer{tb::Service{1}, 0};

tb::Status pay_in(tb::Ctx& ctx, const AccrueArgs& in, tb::Out& out) {
  const auto done =
      ctx.call(kAccrue, {in.source, in.from == "me" ? ctx.account() : in.from, in.amount});
  if (!done) return ctx.fail(done);
  const auto inflow = ctx.call(kInflow, {ctx.epoch()});
  if (!inflow) return ctx.fail(inflow);
  out.put("inflow", inflow->amount);
  return tb::ok();
}
// Past the service, as a market does that was written before it.
tb::Status push(tb::Ctx& ctx, const AccrueArgs& in, tb::Out&) {
  const auto done = ctx.call(kTransfer, {ctx.account(), "treasury", in.amount, "fee", true});
  return done ? tb::ok() : ctx.fail(done);
}
void describe_market(tb::Plugin& p) {
  p.id("market").version("1.0.0").sm(1).schema(1);
  p.requires_service(tb::Service{0}, "treasury/1")
      .function(kAccrue, "accrue")
      .function(kInflow, "inflow");
  p.requires_service(tb::Service{1}, "ledger/1").function(kTransfer, "transfer");
  p.command("market.pay_in", &pay_in)
      .role("open")
      .error(-32602, "invalid_params")
      .error(-32095, "insufficient_funds");
  p.command("market.push", &push).role("open");
}

// The node's own methods that the executor asks for: the "envelope" names the execution, and
// handing it in runs it.
struct SignParams {
  std::string method;
  tb::Value params;
  std::optional<std::uint64_t> nonce;
};
BOOST_DESCRIBE_STRUCT(SignParams, (), (method, params, nonce))
struct SubmitParams {
  std::string tx;
};
BOOST_DESCRIBE_STRUCT(SubmitParams, (), (tx))

tb::Status sign(tb::LocalCall&, const SignParams& in, tb::Out& out) {
  out.put("envelope", tb::cat(in.params["id"].u64(), ":", in.params["nonce"].u64(), ":",
                              in.params["holder"].text()));
  out.put("hash", std::string(64, 'a'));
  out.put("nonce", in.nonce.value_or(1));
  return tb::ok();
}
// As the node answers: a refusal is a result, too.
tb::Status submit_tx(tb::LocalCall& call, const SubmitParams& in, tb::Out& out) {
  const std::size_t first = in.tx.find(':'), second = in.tx.find(':', first + 1);
  call.host()
      .call(
          "gov.treasury.execute_disbursement",
          [&](tb::Out& params) {
            params.put("id", static_cast<std::uint64_t>(std::stoull(in.tx)));
            params.put("nonce", static_cast<std::uint64_t>(std::stoull(in.tx.substr(first + 1))));
            params.put("holder", in.tx.substr(second + 1));
          },
          1000,
          [&](const tb::Reply& reply) {
            out.put("status", std::string_view(reply.ok ? "ok" : "error"));
            if (reply.ok) return;
            out.put("error", reply.value["data"]["name"].text());
            out.put("code", reply.value["code"].i64());
            out.put("message", reply.value["message"].text());
          })
      .ignore();
  return tb::ok();
}
struct StatusParams {
  std::string id;
};
BOOST_DESCRIBE_STRUCT(StatusParams, (), (id))
tb::Status tx_status(tb::LocalCall&, const StatusParams&, tb::Out& out) {
  out.put("state", std::string_view("final"));
  out.put("outcome", std::string_view("applied"));
  return tb::ok();
}
void describe_node(tb::Plugin& p) {
  p.id("command").version("1.0.0").method_prefix("submit_tx").method_prefix("tx");
  p.local("tx.status", &tx_status).role("open");
  p.local("command.sign", &sign).role("open");
  p.local("submit_tx", &submit_tx).role("open");
}

std::uint64_t number(const json::value& value) {
  if (value.is_string()) return std::stoull(std::string(value.get_string()));
  return value.to_number<std::uint64_t>();
}

}  // namespace

std::string payload_json(const Draft& d, const std::string& destination) {
  const json::object payload{
      {"proposal",
       {{"title", "Grants"},
        {"summary", "Fund grants"},
        {"deps", json::parse(d.deps)},
        {"quorum", {{"operators_ppm", d.quorum_ppm}, {"builders_ppm", d.quorum_ppm}}},
        {"vote_window_epochs", d.vote_window},
        {"timelock_epochs", d.timelock},
        {"rollback_window_epochs", d.rollback_window}}},
      {"disbursement",
       {{"destination", destination},
        {"amount", d.amount},
        {"memo", d.memo},
        {"scheduled_epoch", d.scheduled_epoch},
        {"expected_receipts", json::parse(d.receipts)}}}};
  return json::serialize(payload);
}

World::World(const WorldOptions& options)
    : epoch_length_(options.epoch_length),
      chain_({.epoch_length = options.epoch_length, .execute_twice = options.execute_twice}) {
  chain_.add_library(TB_BINARY_DIR "/plugins/ledger.so");
  chain_.add(&tb::detail::Library<&describe_governance>::entry);
  chain_.add(&tb::detail::Library<&describe_market>::entry);
  chain_.add(&tb::detail::Library<&describe_node>::entry);
  chain_.add(tb_plugin_entry);
  chain_.allocate("treasury", options.funds);
  chain_.allocate("operator", 10'000'000);
  chain_.set_role("operator", true, false);
  chain_.set_role("executor_b", true, false);
  chain_.set_genesis_param("treasury_max_open_disbursements", options.max_open);
  chain_.set_genesis_param("treasury_max_open_per_proposer", options.max_open_per_proposer);
  chain_.start();
  set_member("operator", 1, 1);
}

void World::set_member(std::string_view name, std::uint64_t operators, std::uint64_t builders) {
  const json::object params{
      {"account", chain_.account(name)}, {"operators", operators}, {"builders", builders}};
  const tb::Ran ran = run("governance.set_member", json::serialize(params));
  EXPECT_TRUE(ran.ok()) << ran.error_text;
}

tb::Ran World::run(std::string_view method, const std::string& params, const tb::Sender& sender) {
  tb::Ran ran = chain_.run(method, params, sender);
  check();
  return ran;
}

tb::Ran World::submit(const Draft& draft, std::string_view from) {
  return run("gov.treasury.submit_disbursement", payload_json(draft, payee()),
             {.from = from, .roles = {"operator"}});
}

tb::Ran World::vote(std::uint64_t id, std::string_view choice, std::string_view from) {
  return run("gov.treasury.vote", json::serialize(json::object{{"id", id}, {"choice", choice}}),
             {.from = from, .roles = {"operator"}});
}

tb::Ran World::acquire(std::string_view holder, std::string_view from) {
  return run("gov.treasury.lease_acquire",
             json::serialize(json::object{{"holder", holder}, {"ttl_secs", 60}}),
             {.from = from, .roles = {"treasury.executor"}});
}

tb::Ran World::execute(std::uint64_t id, std::uint64_t nonce, std::string_view holder,
                       std::string_view from) {
  return run("gov.treasury.execute_disbursement",
             json::serialize(json::object{{"id", id}, {"nonce", nonce}, {"holder", holder}}),
             {.from = from, .roles = {"treasury.executor"}});
}

tb::Ran World::rollback(std::uint64_t id, std::string_view reason) {
  return run("gov.treasury.rollback_disbursement",
             json::serialize(json::object{{"id", id}, {"reason", reason}}),
             {.roles = {"operator"}});
}

void World::finish_epoch() {
  chain_.finish_epoch();
  check();
}

void World::go_to_last_block() {
  while ((chain_.height() + 2) % epoch_length_ != 0) chain_.advance();
}

std::uint64_t World::timelocked(const Draft& draft) {
  const tb::Ran submitted = submit(draft);
  EXPECT_TRUE(submitted.ok()) << submitted.error_name << " " << submitted.error_text;
  const std::uint64_t id = number(json::parse(submitted.json).at("id"));
  finish_epoch();
  EXPECT_TRUE(vote(id, "yes").ok());
  for (int i = 0; i < 50 && state(id) != "timelocked"; ++i) finish_epoch();
  return id;
}

json::value World::query(std::string_view method, const std::string& params) {
  const tb::Ran ran = chain_.query(method, params);
  EXPECT_TRUE(ran.ok()) << method << ": " << ran.error_name << " " << ran.error_text;
  return ran.ok() ? json::parse(ran.json) : json::value();
}

json::value World::record(std::uint64_t id) {
  return query("gov.treasury.show", "{\"id\":" + std::to_string(id) + "}");
}

std::string World::state(std::uint64_t id) {
  return std::string(record(id).at("status").at("state").as_string());
}

std::uint64_t World::balance() { return number(query("gov.treasury.balance").at("balance")); }

std::uint64_t World::held(const std::string& account) {
  return number(query("ledger.account", "{\"account\":\"" + account + "\"}").at("balance"));
}

std::vector<json::value> World::rows() {
  std::vector<json::value> found;
  for (const tb::Emitted& event : chain_.events("treasury.balance"))
    found.push_back(json::parse(event.json));
  return found;
}

void World::check() {
  const auto all = [&](std::string_view prefix) { return chain_.rows("treasury", prefix); };
  const Balance balance = tb::row_as<Balance>(all(kBalanceKey).at(0).second);
  std::uint64_t gathered = 0, escrowed = 0;
  for (const auto& [key, value] : all(kAccruals)) gathered += tb::row_as<Accrual>(value).amount;
  for (const auto& [key, value] : all(kEscrowed)) {
    escrowed += tb::row_as<Escrowed>(value).amount;
    const std::uint64_t id = tb::Key::read_u64(key, kEscrowed.size());
    const auto progress = tb::row_as<Progress>(all(progress_key(id)).at(0).second);
    EXPECT_EQ(progress.at(), gov::State::kExecuted) << id;
  }
  std::uint64_t newest = 0;
  for (const auto& [key, value] : all(kNewestRowKey))
    newest = tb::row_as<BalanceRow>(value).balance;
  EXPECT_EQ(balance.amount, newest + gathered);
  EXPECT_EQ(balance.pending, escrowed);
  EXPECT_EQ(balance.amount, held("treasury"));
  EXPECT_EQ(escrowed, held("treasury/pending"));
  std::uint64_t before = 0;
  for (const json::value& row : rows()) {
    const auto delta = row.at("delta").to_number<std::int64_t>();
    EXPECT_EQ(number(row.at("balance")), before + static_cast<std::uint64_t>(delta));
    before = number(row.at("balance"));
  }
}

}  // namespace treasury
