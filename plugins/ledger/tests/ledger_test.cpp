// The ledger on the test kit's chain.
#include <gtest/gtest.h>
#include <tb/library.hpp>
#include <tb/sdk.hpp>
#include <tb/testkit.hpp>

extern "C" const tb_plugin* tb_plugin_entry(const tb_host_info* host);

namespace {

// A plugin that moves money with whatever names it is given.
struct MoveParams {
  std::string_view kind, from, to;
  std::uint64_t amount = 0;
  bool consented = false;
};
BOOST_DESCRIBE_STRUCT(MoveParams, (), (kind, from, to, amount, consented))
struct MoveArgs {
  std::string_view from, to;
  std::uint64_t amount = 0;
  std::string_view memo;
  bool consented = false;
};
BOOST_DESCRIBE_STRUCT(MoveArgs, (), (from, to, amount, memo, consented))
struct PayoutArgs {
  std::string_view escrow, to;
  std::uint64_t amount = 0;
  std::string_view memo;
};
BOOST_DESCRIBE_STRUCT(PayoutArgs, (), (escrow, to, amount, memo))
constexpr tb::Service kLedger{0};
constexpr tb::Function<MoveArgs> kTransfer{kLedger, 0}, kHold{kLedger, 1};
constexpr tb::Function<PayoutArgs> kRelease{kLedger, 2}, kCapture{kLedger, 3};

tb::Status move(tb::Ctx& ctx, const MoveParams& in, tb::Out&) {
  const MoveArgs args{in.from, in.to, in.amount, "test", in.consented};
  const PayoutArgs payout{in.from, in.to, in.amount, "test"};
  const auto done = in.kind == "transfer"  ? ctx.call(kTransfer, args)
                    : in.kind == "hold"    ? ctx.call(kHold, args)
                    : in.kind == "release" ? ctx.call(kRelease, payout)
                                           : ctx.call(kCapture, payout);
  return done ? tb::ok() : ctx.fail(done);
}

void describe_energy(tb::Plugin& p) {
  p.id("energy").version("1.0.0").sm(1).schema(1);
  p.requires_service(kLedger, "ledger/1")
      .function(kTransfer, "transfer")
      .function(kHold, "hold")
      .function(kRelease, "release")
      .function(kCapture, "capture");
  p.command("energy.move", &move)
      .role("open")
      .error(-34021, "insufficient_funds")
      .error(-34022, "unknown_account")
      .error(-34024, "not_allowed");
}

class Ledger : public ::testing::Test {
 protected:
  void SetUp() override {
    chain_.add(&tb_plugin_entry);
    chain_.add(&tb::detail::Library<&describe_energy>::entry);
    chain_.allocate("alice", 1000);
    chain_.allocate("energy:stakes", 7);
    chain_.start();
  }
  tb::Ran transfer(std::string_view from, const std::string& to, std::uint64_t amount) {
    return chain_.run("ledger.transfer",
                      R"({"to":")" + to + R"(","amount":)" + std::to_string(amount) + "}",
                      {.from = from});
  }
  std::string balance(std::string_view account) {
    return chain_.query("balance", R"({"address":")" + chain_.account(account) + R"("})").json;
  }
  // The name of the error, or nothing.
  std::string moved(std::string_view kind, const std::string& from, const std::string& to,
                    std::uint64_t amount, std::string_view sender, bool consented = false) {
    const tb::Ran ran =
        chain_.run("energy.move",
                   tb::cat(R"({"kind":")", kind, R"(","from":")", from, R"(","to":")", to,
                           R"(","amount":)", amount, R"(,"consented":)", consented, "}"),
                   {.from = sender});
    return ran.error_name;
  }
  void expect_sound() {
    EXPECT_NE(chain_.query("ledger.check", "{}").json.find(R"("ok":true)"), std::string::npos)
        << chain_.query("ledger.check", "{}").json;
    EXPECT_EQ(chain_.replay_check(), "");
  }
  tb::TestChain chain_;
};

TEST_F(Ledger, a_transfer_moves_money_and_conserves_it) {
  const tb::Ran done = transfer("alice", chain_.account("bob"), 250);
  ASSERT_TRUE(done.ok()) << done.error_text;
  EXPECT_EQ(balance("alice"), R"({"amount":750,"balance":750})");
  EXPECT_EQ(balance("bob"), R"({"amount":250,"balance":250})");
  ASSERT_EQ(chain_.events("ledger.moved").size(), 1u);
  EXPECT_EQ(chain_.records("ledger.transfer").size(), 1u);
  expect_sound();
}

TEST_F(Ledger, a_sender_without_money_is_refused_and_nothing_moves) {
  const tb::Ran poor = transfer("alice", chain_.account("bob"), 1001);
  EXPECT_EQ(poor.error_name, "insufficient_funds");
  EXPECT_EQ(poor.error_code, -34021);
  EXPECT_EQ(transfer("nobody", chain_.account("bob"), 1).error_name, "unknown_account");
  EXPECT_EQ(balance("bob"), R"({"amount":0,"balance":0})");
  expect_sound();
}

TEST_F(Ledger, receivers_are_addresses_or_system_accounts_that_are_no_escrow) {
  EXPECT_EQ(transfer("alice", "energy:stakes", 5).error_name, "not_allowed");
  EXPECT_EQ(transfer("alice", "nowhere", 5).error_code, -32602);
  std::string mistyped = chain_.account("bob");
  mistyped.back() = mistyped.back() == 'q' ? 'p' : 'q';
  EXPECT_EQ(transfer("alice", mistyped, 5).error_code, -32602);
  expect_sound();
}

TEST_F(Ledger, both_spellings_of_the_amount_debit_one_balance) {
  const std::string bob = chain_.account("bob");
  EXPECT_TRUE(chain_
                  .run("ledger.transfer",
                       R"({"to":")" + bob + R"(","amount_consumer":30,"amount_industrial":12})",
                       {.from = "alice"})
                  .ok());
  EXPECT_EQ(balance("bob"), R"({"amount":42,"balance":42})");
  EXPECT_EQ(chain_
                .run("ledger.transfer", R"({"to":")" + bob + R"(","amount":1,"amount_consumer":1})",
                     {.from = "alice"})
                .error_code,
            -32602);
  EXPECT_EQ(
      chain_.run("ledger.transfer", R"({"to":")" + bob + R"("})", {.from = "alice"}).error_code,
      -32602);
}

TEST_F(Ledger, a_transfer_to_oneself_changes_nothing) {
  EXPECT_TRUE(transfer("alice", chain_.account("alice"), 1000).ok());
  EXPECT_EQ(balance("alice"), R"({"amount":1000,"balance":1000})");
  expect_sound();
}

TEST_F(Ledger, sessions_live_a_day_at_most_and_can_be_closed) {
  const std::string key(64, 'a');
  const auto open = [&](std::uint64_t life_ms) {
    return chain_.run("ledger.open_session",
                      R"({"session_pk":")" + key + R"(","limit":10,"expires_at_ms":)" +
                          std::to_string(chain_.time_ms() + life_ms) + "}",
                      {.from = "alice"});
  };
  EXPECT_EQ(open(25ull * 3600 * 1000).error_code, -32602);
  EXPECT_EQ(open(0).error_code, -32602);
  EXPECT_TRUE(open(3600 * 1000).ok());
  const std::string close = R"({"session_pk":")" + key + R"("})";
  EXPECT_TRUE(chain_.run("ledger.close_session", close, {.from = "alice"}).ok());
  EXPECT_EQ(chain_.run("ledger.close_session", close, {.from = "alice"}).error_name,
            "unknown_session");
}

TEST_F(Ledger, opening_and_closing_a_session_cost_their_fee) {
  const std::string key(64, 'b');
  const auto open = [&](std::uint64_t fee) {
    return chain_.run("ledger.open_session",
                      R"({"session_pk":")" + key + R"(","expires_at_ms":)" +
                          std::to_string(chain_.time_ms() + 60'000) + "}",
                      {.from = "alice", .fee = fee, .lane = "consumer"});
  };
  EXPECT_EQ(open(1001).error_name, "insufficient_funds");
  EXPECT_TRUE(open(600).ok());
  EXPECT_EQ(balance("alice"), R"({"amount":400,"balance":400})");
  EXPECT_TRUE(chain_
                  .run("ledger.close_session", R"({"session_pk":")" + key + R"("})",
                       {.from = "alice", .fee = 400, .lane = "consumer"})
                  .ok());
  EXPECT_EQ(balance("alice"), R"({"amount":0,"balance":0})");
  expect_sound();
}

TEST_F(Ledger, an_account_says_whose_escrow_it_is) {
  EXPECT_EQ(chain_.query("ledger.account", R"({"account":"energy:stakes"})").json,
            R"({"account":"energy:stakes","exists":true,"amount":7,"balance":7,"escrow":true,)"
            R"("owner":"energy","sessions":[]})");
  EXPECT_EQ(chain_.query("ledger.inspect", R"({"account":"treasury_account_id"})").json,
            R"({"account":"treasury","exists":false,"amount":0,"balance":0,"escrow":true,)"
            R"("owner":"treasury","sessions":[]})");
}

TEST_F(Ledger, a_plugin_holds_releases_and_captures_in_its_own_escrow) {
  const std::string alice = chain_.account("alice"), bob = chain_.account("bob");
  EXPECT_EQ(moved("hold", alice, "energy:stakes", 100, "alice"), "");
  EXPECT_EQ(moved("release", "energy:stakes", alice, 40, "bob"), "");
  EXPECT_EQ(moved("capture", "energy:stakes", bob, 67, "bob"), "");
  EXPECT_EQ(moved("capture", "energy:stakes", bob, 1, "bob"), "insufficient_funds");
  EXPECT_EQ(balance("alice"), R"({"amount":940,"balance":940})");
  EXPECT_EQ(balance("bob"), R"({"amount":67,"balance":67})");
  expect_sound();
}

TEST_F(Ledger, a_plugin_takes_nothing_without_consent_nor_from_foreign_escrows) {
  const std::string alice = chain_.account("alice"), bob = chain_.account("bob");
  EXPECT_EQ(moved("transfer", alice, bob, 5, "bob"), "not_allowed");
  EXPECT_EQ(moved("transfer", alice, bob, 5, "bob", true), "");
  EXPECT_EQ(moved("hold", alice, "storage:contracts", 5, "alice"), "not_allowed");
  EXPECT_EQ(moved("capture", "storage:contracts", bob, 5, "bob"), "not_allowed");
  EXPECT_EQ(moved("transfer", "treasury", bob, 5, "bob", true), "not_allowed");
  EXPECT_EQ(moved("transfer", alice, bob, 0, "bob", true), "");
  expect_sound();
}

}  // namespace
