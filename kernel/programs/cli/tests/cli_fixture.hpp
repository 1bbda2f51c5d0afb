// contract-cli against a fake node whose description comes from a manifest, with a home of its own.
#pragma once

#include <sstream>

#include "kernel/manifest/openrpc.hpp"
#include "kernel/programs/cli/cli.hpp"
#include "kernel/programs/cli/tests/fake_node.hpp"

namespace blockd::cli {

inline constexpr const char* kMarketManifest = R"({
  "id": "market", "version": "1.0.0", "summary": "A market for tests", "sm": 1, "schema": 1,
  "methods": [
    {"name": "market.buy", "kind": "command", "role": "operator", "summary": "Buy something",
     "params": [
       {"name": "item", "type": "string", "help": "What to buy"},
       {"name": "amount", "type": "u64", "min": 1, "max": 18446744073709551615, "unit": "pieces", "help": "How many"},
       {"name": "when", "type": "string", "choices": ["now", "later"], "default": "now"},
       {"name": "tags", "type": "list", "items": {"type": "string", "max": 32}, "max": 8, "optional": true},
       {"name": "urgent", "type": "bool", "default": false},
       {"name": "proof", "type": "any", "optional": true},
       {"name": "selector", "type": "any", "optional": true}],
     "errors": [{"code": -40001, "name": "SoldOut", "help": "Nothing is left"}],
     "cli": {"path": "market buy", "aliases": ["market get"], "positionals": ["item", "amount"],
             "file_fields": ["proof"], "say": "{item}: order {order.id} taken\nat {at}"},
     "examples": [["contract-cli market buy apples 3", "Buys three apples"]]},
    {"name": "market.report", "kind": "command", "role": "operator", "summary": "Send a report",
     "params": [{"name": "meter", "type": "string"}, {"name": "kwh", "type": "u64"},
                {"name": "made_at", "type": "u64", "optional": true}],
     "cli": {"path": "market report", "merge_json": ["--report-json"], "now_field": "made_at"}},
    {"name": "market.list", "kind": "query", "summary": "All offers",
     "params": [{"name": "page_size", "type": "u32", "default": 100, "min": 1, "max": 1000},
                {"name": "status", "type": "string", "optional": true}],
     "cli": {"path": "market list", "flags": {"page_size": "--limit"}, "list": "offers",
             "columns": ["item", "price"], "id_field": "item"}},
    {"name": "market.show", "kind": "query", "summary": "One offer",
     "params": [{"name": "item", "type": "string"}, {"name": "token", "type": "string", "optional": true}],
     "cli": {"path": "market offer show", "positionals": ["item"]}},
    {"name": "market.orders", "kind": "query", "summary": "Orders of somebody",
     "params": [{"name": "owner", "type": "string", "default": "everybody"}],
     "cli": {"path": "market orders", "given": {"owner": "me"}}},
    {"name": "market.check", "kind": "local", "summary": "Check the books",
     "cli": {"path": "market check", "ok_member": "ok"}}
  ]})";

class FakeClock : public Clock {
 public:
  std::uint64_t unix_ms() const override { return now_ms; }
  std::uint64_t monotonic_us() const override { return now_ms * 1000; }
  std::uint64_t now_ms = 1'700'000'000'000;
};

struct Answer {
  int code;
  std::string out, err;
};

class CliTest : public ::testing::Test {
 protected:
  void SetUp() override {
    environment = {{"HOME", home.path()}, {"TB_RPC_ENDPOINT", node.url()}};
    auto manifest = Manifest::parse(kMarketManifest);
    ASSERT_TRUE(manifest.ok()) << manifest.status().to_string();
    node.on("rpc.discover", openrpc_document({*manifest}, {}));
  }

  Answer run(std::vector<std::string> args, const std::string& input = {}) {
    std::ostringstream out, err;
    std::istringstream in(input);
    World world{out,
                err,
                in,
                environment,
                terminal,
                terminal,
                home.path(),
                [this](const std::string&) -> Result<std::string> {
                  if (password.empty()) return Status(Code::kUnavailable, "no terminal");
                  return password;
                },
                clock};
    const int code = run_cli(world, args);
    return {code, out.str(), err.str()};
  }
  // The params of the last call of `method`, canonical.
  std::string sent(const std::string& method) {
    const auto asked = node.asked(method);
    return asked.empty() ? "never called" : *canonical_json(asked.back().params);
  }

  test::FakeNode node;
  test::TempHome home;
  FakeClock clock;
  std::map<std::string, std::string> environment;
  std::string password;
  bool terminal = false;
};

}  // namespace blockd::cli
