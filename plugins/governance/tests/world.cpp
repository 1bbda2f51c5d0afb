#include "plugins/governance/tests/world.hpp"

#include <stdlib.h>

#include <filesystem>

namespace governance::test {
namespace {

constexpr tb::Param kFee{0};

struct TradeParams {
  std::uint64_t amount = 0;
};
BOOST_DESCRIBE_STRUCT(TradeParams, (), (amount))

tb::Status trade(tb::Ctx& ctx, const TradeParams& in, tb::Out& out) {
  ctx.put("traded", tb::cat(in.amount));
  out.put("fee", ctx.param(kFee));
  return tb::ok();
}

tb::Status check(tb::Ctx& ctx, const tb::ParamChanges& changes) {
  if (changes.value(ctx, kFee) == 13) return ctx.fail(-40001, "unlucky", "13 is refused");
  return tb::ok();
}

tb::Status changed(tb::Ctx& ctx, const tb::ParamChanges& changes) {
  if (changes.value(ctx, kFee) == 666) return ctx.fail(-40001, "unlucky", "666 cannot be used");
  return tb::ok();
}

}  // namespace

void describe_market(tb::Plugin& p) {
  p.id("market").version("1.0.0").sm(1).schema(1);
  p.command("market.trade", &trade).role("open");
  p.param(kFee, "market_fee", 10, 0, 1000).unit("bps").timelock(2);
  p.check_params(&check).params_changed(&changed);
}

World::World() : chain({.epoch_length = 5}) {}

void World::SetUp() {
  chain.add(&tb_plugin_entry);
  chain.add(&tb::detail::Library<&describe_market>::entry);
  std::string pattern = testing::TempDir() + "governance.XXXXXX";
  ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
  directory = pattern;
  chain.set_config("governance", "directory", json::serialize(json::value(directory)));
  chain.set_config("governance", "db_path", json::serialize(json::value(directory + "/mirror")));
  chain.set_role("bob", true, false);
  chain.set_role("carol", true, false);
  prepare();
  chain.start();
}

void World::TearDown() {
  EXPECT_EQ(chain.replay_check(), "");
  std::filesystem::remove_all(directory);
}

tb::Ran World::run(std::string_view method, const json::value& params, std::string_view from) {
  return chain.run(method, json::serialize(params), {.from = from});
}
tb::Ran World::run_admin(std::string_view method, const json::value& params) {
  return chain.run(method, json::serialize(params), {.from = "admin", .admin = true});
}

json::value World::ask(std::string_view method, const json::value& params) {
  chain.deliver();
  const tb::Ran ran = chain.query(method, json::serialize(params));
  EXPECT_TRUE(ran.ok()) << method << ": " << ran.error_name << ": " << ran.error_text;
  return ran.ok() ? json::parse(ran.json) : json::object();
}

std::uint64_t id_of(const tb::Ran& ran) {
  EXPECT_TRUE(ran.ok()) << ran.error_name << ": " << ran.error_text;
  return ran.ok() ? json::parse(ran.json).at("id").to_number<std::uint64_t>() : 0;
}

std::uint64_t World::propose(std::string_view key, std::uint64_t value) {
  return id_of(run("gov.propose", {{"key", key}, {"new_value", value}, {"vote_window", 1}}));
}

void World::vote(std::uint64_t id, std::string_view choice, std::string_view from) {
  const tb::Ran ran = run("gov.vote", {{"id", id}, {"choice", choice}}, from);
  EXPECT_TRUE(ran.ok()) << ran.error_name << ": " << ran.error_text;
}

std::string World::status(std::uint64_t id) {
  return std::string(ask("gov.proposal", {{"id", id}}).at("status").as_string());
}

std::uint64_t World::value(std::string_view key) {
  return ask("gov.param", {{"key", key}}).at("value").to_number<std::uint64_t>();
}

void World::go_to(std::uint64_t height) {
  ASSERT_LE(chain.height(), height);
  if (chain.height() < height) chain.advance(height - chain.height());
}

std::uint64_t World::enact(std::string_view key, std::uint64_t value) {
  const std::uint64_t id = propose(key, value);
  vote(id);
  const std::uint64_t deadline =
      ask("gov.proposal", {{"id", id}}).at("vote_deadline_epoch").to_number<std::uint64_t>();
  go_to_epoch(deadline + 2);
  return id;
}

std::uint64_t World::install(std::string_view source) {
  const std::uint64_t id =
      id_of(run("gov.propose_script", {{"source", source}, {"vote_window", 1}}));
  vote(id);
  const std::uint64_t deadline =
      ask("gov.proposal", {{"id", id}}).at("vote_deadline_epoch").to_number<std::uint64_t>();
  go_to_epoch(deadline + 2);
  EXPECT_EQ(status(id), "activated") << json::serialize(ask("gov.proposal", {{"id", id}}));
  return id;
}

}  // namespace governance::test
