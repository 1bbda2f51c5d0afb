// The plugin on the test kit's chain, with a market that emits through receipts/1.
#include <gtest/gtest.h>
#include <tb/library.hpp>
#include <tb/sdk.hpp>
#include <tb/testkit.hpp>

#include "plugins/receipts/rules/digests.hpp"

extern "C" const tb_plugin* tb_plugin_entry(const tb_host_info* host);

namespace {

// A market whose command emits `count` receipts of a provider, numbered from `first`.
struct EnergyDraft {
  std::string_view type = "energy";
  std::string contract_id;
  std::string_view provider;
  std::uint64_t energy_units = 0, price = 0;
  tb::Hash proof_hash;
};
BOOST_DESCRIBE_STRUCT(EnergyDraft, (),
                      (type, contract_id, provider, energy_units, price, proof_hash))
struct EmitArgs {
  EnergyDraft receipt;
  std::string_view auth;
};
BOOST_DESCRIBE_STRUCT(EmitArgs, (), (receipt, auth))
constexpr tb::Function<EmitArgs> kEmit{tb::Service{0}, 0};

struct SettleParams {
  std::string_view provider;
  std::uint64_t first = 0, count = 1, price = 5;
};
BOOST_DESCRIBE_STRUCT(SettleParams, (), (provider, first, count, price))

tb::Status settle(tb::Ctx& ctx, const SettleParams& in, tb::Out&) {
  for (std::uint64_t i = 0; i < in.count; ++i) {
    EnergyDraft draft;
    draft.contract_id = tb::cat("energy:", in.first + i);
    draft.provider = in.provider;
    draft.energy_units = 7;
    draft.price = in.price;
    draft.proof_hash.bytes[0] = 1;
    const auto done = ctx.call(kEmit, {draft, "ledger"});
    if (!done) return ctx.fail(done);
  }
  return tb::ok();
}

struct StorageDraft {
  std::string_view type = "storage", contract_id = "c1", provider = "nobody";
  std::uint64_t bytes = 10, price = 10, provider_escrow = 10, signature_nonce = 1;
  tb::Blob provider_signature{std::string(64, 's')};
};
BOOST_DESCRIBE_STRUCT(StorageDraft, (),
                      (type, contract_id, provider, bytes, price, provider_escrow, signature_nonce,
                       provider_signature))
struct ForgeArgs {
  StorageDraft receipt;
  std::string_view auth;
};
BOOST_DESCRIBE_STRUCT(ForgeArgs, (), (receipt, auth))
constexpr tb::Function<ForgeArgs> kForge{tb::Service{0}, 0};

tb::Status forge(tb::Ctx& ctx, tb::Out&) {
  const auto done = ctx.call(kForge, {StorageDraft{}, "plugin"});
  return done ? tb::ok() : ctx.fail(done);
}

void describe_market(tb::Plugin& p) {
  p.id("market").version("1.0.0").sm(1).schema(1);
  p.requires_service(tb::Service{0}, "receipts/1").function(kEmit, "emit_receipt");
  p.command("market.forge", &forge).role("open");
  p.command("market.settle", &settle)
      .role("open")
      .error(-34100, "schema_mismatch")
      .error(-34104, "duplicate_detection")
      .field("first")
      .defaulted()
      .field("count")
      .defaulted()
      .field("price")
      .defaulted();
}

class Receipts : public ::testing::Test {
 protected:
  void SetUp() override {
    chain_.add(&tb_plugin_entry);
    chain_.add(&tb::detail::Library<&describe_market>::entry);
    chain_.set_role("boss", true, true);
    chain_.start();
  }
  tb::Ran settle(std::string_view provider, std::uint64_t first, std::uint64_t count) {
    return chain_.run("market.settle", tb::cat(R"({"provider":")", provider, R"(","first":)", first,
                                               R"(,"count":)", count, "}"));
  }
  bool answers(std::string_view method, std::string_view params, std::string_view part) {
    last_ = chain_.query(method, params).json;
    return last_.find(part) != std::string::npos;
  }
  // Params with a storage receipt that `signer` signed.
  std::string storage_claim(std::uint64_t nonce, std::string_view signer) {
    receipts::Receipt receipt(receipts::Type::kStorage);
    receipt.set_bytes("contract_id", "c1");
    receipt.set_bytes("provider", "prov");
    for (const char* name : {"bytes", "price", "provider_escrow"}) receipt.set_number(name, 10);
    receipt.set_number("block_height", 0);
    receipt.set_number("signature_nonce", nonce);
    receipt.set_bytes("provider_signature", "");
    const std::string claim(receipts::claim_digest(receipt)->view());
    return tb::cat(R"({"receipt":{"type":"storage","contract_id":"c1",)",
                   R"("provider":"prov","bytes":10,"price":10,"provider_escrow":10,)",
                   R"("signature_nonce":)", nonce, R"(,"provider_signature":")",
                   tb::to_hex(chain_.sign(signer, claim)), R"("}})");
  }
  tb::Ran submit(std::uint64_t nonce, std::string_view signer) {
    return chain_.run("receipts.submit", storage_claim(nonce, signer),
                      {.from = "boss", .admin = true});
  }
  tb::Ran register_provider() {
    return chain_.run("receipts.register_provider",
                      tb::cat(R"({"provider_id":"prov","verifying_key_hex":")",
                              tb::to_hex(chain_.public_key("prov")),
                              R"(","source":{"kind":"governance","proposal_id":"1"}})"),
                      {.from = "boss", .admin = true});
  }
  tb::TestChain chain_;
  std::string last_;
};

TEST_F(Receipts, a_settlement_is_in_the_block_of_its_command) {
  ASSERT_TRUE(settle("p1", 1, 2).ok());
  EXPECT_TRUE(answers("receipts.stats", R"({"market":"energy"})", R"("emitted_total":2)")) << last_;
  EXPECT_TRUE(answers("receipts.stats", R"({"market":"energy"})", R"("settled_total":10)"));
  EXPECT_TRUE(answers("receipts.list", R"({"market":"energy"})", R"("contract_id":"energy:2")"))
      << last_;
  EXPECT_TRUE(answers("receipts.list", R"({"market":"storage"})", R"("receipts":[])"));
  EXPECT_TRUE(answers("receipts.get", R"({"height":1,"index":1})", R"("contract_id":"energy:2")"));
  EXPECT_EQ(chain_.metric("receipt_emitted_total", {"energy"}), 2);
  EXPECT_EQ(chain_.events("receipts.sealed").size(), 1u);
  EXPECT_EQ(chain_.replay_check(), "");
}

TEST_F(Receipts, a_block_without_receipts_commits_to_nothing) {
  chain_.advance();
  EXPECT_TRUE(answers("receipts.header", R"({"height":1})",
                      "5bf623df58af64673c7568070bc1bfdf38e2b66f34f350b7732198387e33edec"))
      << last_;
  EXPECT_NE(last_.find(R"("header":null)"), std::string::npos);
}

TEST_F(Receipts, a_rolled_back_command_leaves_no_receipt) {
  EXPECT_FALSE(chain_.run("market.settle", R"({"provider":"p1","price":0})").ok());
  EXPECT_TRUE(answers("receipts.stats", R"({"market":"energy"})", R"("emitted_total":0)"));
  EXPECT_TRUE(answers("receipts.pending", "{}", R"("energy":0)"));
}

TEST_F(Receipts, the_second_of_two_equal_receipts_in_a_block_is_refused) {
  const auto ran = chain_.block({{"market.settle", R"({"provider":"p1","first":3})"},
                                 {"market.settle", R"({"provider":"p1","first":3})"}});
  EXPECT_TRUE(ran[0].ok());
  EXPECT_EQ(ran[1].error_name, "duplicate_detection");
}

TEST_F(Receipts, a_flood_of_one_provider_waits_while_others_are_placed) {
  const auto ran = chain_.block({{"market.settle", R"({"provider":"p1","first":0,"count":200})"},
                                 {"market.settle", R"({"provider":"p2","first":900})"}});
  ASSERT_TRUE(ran[0].ok()) << ran[0].error_text;
  EXPECT_TRUE(answers("receipts.header", R"({"height":1})", R"("receipts":65)")) << last_;
  EXPECT_TRUE(answers("receipts.pending", "{}", R"("energy":136)"));
  EXPECT_EQ(chain_.metric("receipt_drain_depth"), 136);
  chain_.advance(3);
  EXPECT_TRUE(answers("receipts.header", R"({"height":4})", R"("receipts":8)")) << last_;
  EXPECT_EQ(chain_.metric("receipt_drain_depth"), 8);
  chain_.advance();
  EXPECT_EQ(chain_.metric("receipt_drain_depth"), 0);
  EXPECT_EQ(chain_.metric("pending_receipts_energy"), 0);
  EXPECT_TRUE(
      answers("receipts.get", R"({"height":4,"index":7})", R"("contract_id":"energy:199")"));
  EXPECT_EQ(chain_.replay_check(), "");
}

TEST_F(Receipts, a_page_leads_on_to_the_rest) {
  ASSERT_TRUE(settle("p1", 1, 3).ok());
  ASSERT_TRUE(settle("p1", 4, 1).ok());
  EXPECT_TRUE(answers("receipts.list", R"({"limit":2})", R"("next_cursor":"1-1")")) << last_;
  EXPECT_TRUE(answers("receipts.list", R"({"limit":2,"cursor":"1-1"})", R"("energy:3")")) << last_;
  EXPECT_NE(last_.find(R"("energy:4")"), std::string::npos);
  EXPECT_TRUE(answers("receipts.list", R"({"cursor":"2-0"})", R"("receipts":[])")) << last_;
}

TEST_F(Receipts, a_signed_claim_is_used_once_even_after_the_window) {
  ASSERT_TRUE(register_provider().ok());
  EXPECT_EQ(submit(1, "stranger").error_name, "signature_invalid");
  const tb::Ran first = submit(1, "prov");
  ASSERT_TRUE(first.ok()) << first.error_text;
  EXPECT_EQ(submit(1, "prov").error_name, "replayed_nonce");
  chain_.advance(150);
  EXPECT_EQ(submit(1, "prov").error_name, "replayed_nonce");
  EXPECT_TRUE(submit(2, "prov").ok());
}

TEST_F(Receipts, a_rotated_key_counts_from_its_block_on) {
  EXPECT_EQ(submit(1, "prov").error_name, "unknown_provider");
  ASSERT_TRUE(register_provider().ok());
  EXPECT_EQ(register_provider().error_name, "provider_exists");
  const tb::Ran rotated = chain_.run("receipts.rotate_provider",
                                     tb::cat(R"({"provider_id":"prov","new_key_hex":")",
                                             tb::to_hex(chain_.public_key("new")), R"("})"),
                                     {.from = "boss", .admin = true});
  ASSERT_TRUE(rotated.ok()) << rotated.error_text;
  EXPECT_EQ(submit(1, "prov").error_name, "signature_invalid");
  EXPECT_TRUE(submit(1, "new").ok());
  EXPECT_TRUE(answers("receipts.provider", R"({"provider_id":"prov","at_block":2})",
                      tb::cat(R"("active_key":")", tb::to_hex(chain_.public_key("prov")))))
      << last_;
}

TEST_F(Receipts, the_routes_answer_as_the_queries) {
  ASSERT_TRUE(settle("p1", 1, 2).ok());
  const auto [status, body] = chain_.http("GET", "/receipts?market=energy&limit=1");
  EXPECT_EQ(status, 200u);
  EXPECT_NE(body.find(R"("next_cursor":"1-0")"), std::string::npos) << body;
  EXPECT_NE(chain_.http("GET", "/receipts/provider/p1").second.find("energy:2"), std::string::npos);
  EXPECT_NE(chain_.http("GET", "/receipts/domain/energy:1").second.find(R"("index":0)"),
            std::string::npos);
  EXPECT_EQ(chain_.http("GET", "/receipts/" + std::string(64, 'a')).first, 404u);
  EXPECT_EQ(chain_.http("GET", "/receipts?limit=501").first, 400u);
  EXPECT_EQ(chain_.http("GET", "/receipts/header/1").first, 200u);
}

TEST_F(Receipts, validation_passes_over_all_that_was_sealed) {
  ASSERT_TRUE(register_provider().ok());
  ASSERT_TRUE(submit(1, "prov").ok());
  ASSERT_TRUE(settle("p1", 0, 200).ok());
  chain_.advance(5);
  EXPECT_TRUE(
      answers("receipts.validate", R"({"from_block":-57})",
              R"("from":0,"to":8,"blocks":9,"receipts":201,"ok":true,"success_ppm":1000000)"))
      << last_;
  EXPECT_TRUE(answers("receipts.validate", R"({"from_block":2,"to_block":2})", R"("receipts":1,)"));
  EXPECT_TRUE(
      answers("receipts.validate", R"({"from_block":0,"market":"energy"})", R"("receipts":200,)"));
  EXPECT_EQ(chain_.query("receipts.validate", R"({"from_block":9})").error_name, "invalid_params");
  EXPECT_EQ(chain_.metric("receipt_validation_errors_total", {"header_mismatch"}), 0);
}

TEST_F(Receipts, validation_judges_a_block_by_the_parameters_of_its_time) {
  ASSERT_TRUE(settle("p1", 0, 64).ok());
  ASSERT_TRUE(chain_.set_param("receipt_max_per_provider_per_shard", 1));
  ASSERT_TRUE(chain_.set_param("receipt_blob_da_window_secs", 5));
  chain_.advance(2);
  EXPECT_TRUE(answers("receipts.validate", R"({"from_block":0})", R"("ok":true)")) << last_;
}

TEST_F(Receipts, an_audit_adds_findings_and_stays_ok) {
  ASSERT_TRUE(settle("p1", 1, 2).ok());
  EXPECT_TRUE(answers("receipts.validate", R"({"from_block":0,"audit":true})",
                      R"("by_finding":{"stake_linked_identity":2})"))
      << last_;
  EXPECT_NE(last_.find(R"("ok":true)"), std::string::npos);
  EXPECT_NE(last_.find(R"("severity":"critical")"), std::string::npos);
}

// A receipt of auth `plugin` with a signature that nobody made: what only validation can find.
TEST_F(Receipts, a_flaw_is_counted_once_until_the_state_is_reset) {
  ASSERT_TRUE(chain_.run("market.forge", "{}").ok());
  const auto counted = [&](std::string_view reason) {
    return chain_.metric("receipt_validation_errors_total", {reason});
  };
  const std::string_view error =
      R"("by_reason":{"unknown_provider":1},"errors":[{"height":1,"index":0,)";
  for (int run = 0; run < 2; ++run) {
    EXPECT_TRUE(answers("receipts.validate", R"({"from_block":0})", error)) << last_;
    EXPECT_NE(last_.find(R"("ok":false,"success_ppm":0)"), std::string::npos) << last_;
    EXPECT_EQ(counted("unknown_provider"), 1);
  }
  EXPECT_TRUE(answers("receipts.stats", R"({"market":"storage"})", R"("unknown_provider":1)"));
  EXPECT_TRUE(answers("receipts.stats", R"({"market":"energy"})", R"("unknown_provider":0)"));
  EXPECT_TRUE(
      answers("receipts.reset_validation_state", "{}", R"({"status":"reset","cleared_entries":1})"))
      << last_;
  EXPECT_TRUE(answers("receipts.stats", R"({"market":"storage"})", R"("unknown_provider":0)"));
  EXPECT_TRUE(answers("receipts.validate", R"({"from_block":0})", error));
  EXPECT_EQ(counted("unknown_provider"), 2);
}

TEST_F(Receipts, a_check_answers_as_submission_would_and_records_nothing) {
  const std::string unsigned_claim =
      R"({"receipt":{"type":"storage","contract_id":"c1","provider":"prov","bytes":10,"price":10,)"
      R"("provider_escrow":10,"signature_nonce":1,"provider_signature":""}})";
  EXPECT_EQ(chain_.query("receipts.check", unsigned_claim).error_name, "signature_invalid");
  ASSERT_TRUE(register_provider().ok());
  EXPECT_EQ(chain_.query("receipts.check", storage_claim(1, "stranger")).error_name,
            "signature_invalid");
  EXPECT_TRUE(answers("receipts.check", storage_claim(1, "prov"), R"("ok":true)")) << last_;
  EXPECT_NE(last_.find(R"("verify_units":10)"), std::string::npos) << last_;
  ASSERT_TRUE(submit(1, "prov").ok());
  EXPECT_EQ(chain_.query("receipts.check", storage_claim(1, "prov")).error_name, "replayed_nonce");
  EXPECT_EQ(chain_.metric("receipt_validation_errors_total", {"signature_invalid"}), 0);
  EXPECT_EQ(chain_.metric("receipt_validation_errors_total", {"replayed_nonce"}), 0);
}

TEST_F(Receipts, the_timer_samples_what_is_stored_and_counts_keys) {
  ASSERT_TRUE(register_provider().ok());
  ASSERT_TRUE(settle("p1", 0, 64).ok());
  chain_.run_timer("receipts", "receipts.refresh");
  EXPECT_EQ(chain_.metric("receipt_da_sample_success_total"), 4);
  EXPECT_EQ(chain_.metric("receipt_provider_keys", {"governance"}), 1);
  EXPECT_EQ(chain_.metric("receipt_da_sample_failure_total"), 0);
}

TEST_F(Receipts, only_an_admin_submits) {
  EXPECT_FALSE(
      chain_.run("receipts.submit", R"({"receipt":{"type":"energy"}})", {.from = "eve"}).ok());
}

}  // namespace
