#include <sys/stat.h>

#include "kernel/base/address.hpp"
#include "kernel/base/crypto.hpp"
#include "kernel/base/file.hpp"
#include "kernel/base/hex.hpp"
#include "kernel/chain/command.hpp"
#include "kernel/programs/cli/tests/cli_fixture.hpp"

namespace blockd::cli {
namespace {

// Address of the key with seed 32 x 01, from the guide's worked example.
const std::string kAliceSeed = "0101010101010101010101010101010101010101010101010101010101010101";
const std::string kAlice = "tb1qm97tgjht8p63qy6568aq5fgytc6ue8cynzap2tr5thczc8j8w9s8np6z0";
const std::string kBob = "tb1rppd3pnuevhgy82wkdk9ptvyg2c7zy3df39h0t6df4gnnnj7z62qvjg739";

class WalletTest : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    crypto_init();
    ASSERT_TRUE(write_file_atomic(home.file("alice.hex"), kAliceSeed + "\n", 0600).ok());
    password = "correct horse";
    node.on("node.status", json::object{{"chain_id", "dev"}});
    node.on("account.nonce", json::object{{"account", kAlice}, {"nonce", 4}, {"next", 5}});
  }
  Answer import_alice() {
    return run({"wallet", "import", home.file("alice.hex"), "--key-id", "alice", "--kdf-mem-mib",
                "8", "--kdf-ops", "1"});
  }
  // The command inside a sent envelope; its signatures hold.
  CommandPtr sent_command(const std::string& method) {
    const auto asked = node.asked(method);
    if (asked.empty()) return nullptr;
    json::object envelope = asked.back().params;
    envelope.erase("_tx");
    ParsedCommand parsed = parse_envelope(json::value(envelope), asked.back().body);
    EXPECT_FALSE(parsed.refusal) << parsed.refusal->message;
    if (parsed.command) {
      EXPECT_FALSE(verify_signatures(*parsed.command));
    }
    return parsed.command;
  }
};

TEST_F(WalletTest, imports_lists_and_shows_sealed_keys) {
  const Answer imported = import_alice();
  ASSERT_EQ(imported.code, 0) << imported.err;
  EXPECT_EQ(parse_json(imported.out)->at("address").as_string(), kAlice);
  const std::string file = home.file(".the_block/keys/alice.pem");
  struct stat info {};
  ASSERT_EQ(::stat(file.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_EQ(read_file(file)->find(kAliceSeed), std::string::npos);
  EXPECT_EQ(run({"wallet", "list", "--format", "table"}).out,
            "KEY ID  ADDRESS\nalice   " + kAlice + "\n");
  EXPECT_EQ(parse_json(run({"wallet", "show", "alice"}).out)->at("public_key").as_string(),
            "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c");
  EXPECT_EQ(import_alice().code, 1) << "a second key of that name must not overwrite the first";
  EXPECT_EQ(run({"wallet", "show", "../alice"}).code, 2);
}

TEST_F(WalletTest, makes_keys_that_open_again) {
  ASSERT_TRUE(write_file_atomic(home.file("pw"), "s3cret\n", 0600).ok());
  password.clear();
  const Answer made = run({"wallet", "new", "bob", "--password-file", home.file("pw"),
                           "--kdf-mem-mib", "8", "--kdf-ops", "1"});
  ASSERT_EQ(made.code, 0) << made.err;
  const std::string address(parse_json(made.out)->at("address").as_string());
  environment["TB_WALLET_PASSWORD_FILE"] = home.file("pw");
  const Answer signed_text = run({"wallet", "sign", "hello", "--key-id", "bob"});
  ASSERT_EQ(signed_text.code, 0) << signed_text.err;
  const json::value body = *parse_json(signed_text.out);
  EXPECT_EQ(body.at("address").as_string(), address);
  EXPECT_TRUE(ed25519_verify(*array_from_hex<32>(body.at("public_key").as_string()),
                             *from_hex(body.at("signed").as_string()),
                             *array_from_hex<64>(body.at("signature").as_string())));
  ASSERT_TRUE(write_file_atomic(home.file("pw"), "wrong\n", 0600).ok());
  const Answer wrong = run({"wallet", "sign", "hello", "--key-id", "bob"});
  EXPECT_EQ(wrong.code, 1);
  EXPECT_NE(wrong.err.find("wrong password or damaged key file"), std::string::npos);
}

TEST_F(WalletTest, without_a_terminal_a_password_file_is_asked_for) {
  password.clear();
  const Answer answer = run({"wallet", "new", "bob"});
  EXPECT_EQ(answer.code, 2);
  EXPECT_NE(answer.err.find("--password-file"), std::string::npos);
}

TEST_F(WalletTest, signs_commands_of_any_plugin_byte_for_byte) {
  node.on("market.buy", json::object{{"ok", true}});
  const Answer answer =
      run({"market", "buy", "apples", "250", "--key", home.file("alice.hex"), "--memo", "first"});
  ASSERT_EQ(answer.code, 0) << answer.err;
  const CommandPtr command = sent_command("market.buy");
  ASSERT_TRUE(command);
  EXPECT_EQ(command->from, kAlice);
  EXPECT_EQ(command->nonce, 5u);
  EXPECT_EQ(command->chain, "dev");
  EXPECT_EQ(command->memo, "first");
  EXPECT_EQ(*canonical_json(command->params), R"({"amount":250,"item":"apples"})");
  EXPECT_EQ(*canonical_json(node.asked("market.buy").back().params.at("_tx")),
            R"({"wait":"committed"})");
  node.on("command.check", json::object{{"admissible", true}});
  EXPECT_EQ(run({"market", "buy", "apples", "1", "--key", home.file("alice.hex"), "--dry-run",
                 "--nonce", "9"})
                .code,
            0);
  EXPECT_EQ(node.asked("market.buy").size(), 1u);
  EXPECT_EQ(sent_command("command.check")->nonce, 9u);
}

TEST_F(WalletTest, fees_below_the_floor_have_four_outcomes) {
  ASSERT_EQ(import_alice().code, 0);
  node.on("mempool.stats", json::object{{"size", 1}, {"fee_floor", 2}});
  node.on("mempool.qos_event", json::object{{"status", "ok"}});
  node.on("ledger.transfer", json::object{{"height", 7}});
  const std::vector<std::string> send = {"wallet", "send",     "--from", "alice", "--to",
                                         kBob,     "--amount", "250",    "--json"};
  const auto with = [&](std::vector<std::string> more) {
    std::vector<std::string> all(send);
    all.insert(all.end(), more.begin(), more.end());
    return run(all);
  };
  Answer answer = with({});
  EXPECT_EQ(answer.code, 1);
  EXPECT_EQ(parse_json(answer.out)->at("status").as_string(), "needs_confirmation");
  EXPECT_TRUE(node.asked("ledger.transfer").empty());
  EXPECT_EQ(with({"--force", "--auto-bump"}).code, 2);

  answer = with({"--force", "--fee", "3"});
  EXPECT_EQ(answer.code, 0) << answer.err;
  EXPECT_EQ(sent_command("ledger.transfer")->fee, 3u);
  EXPECT_EQ(node.asked("mempool.qos_event").back().params.at("event").as_string(), "override");

  answer = with({"--auto-bump"});
  EXPECT_EQ(answer.code, 0) << answer.err;
  const CommandPtr bumped = sent_command("ledger.transfer");
  EXPECT_GE(bumped->fee, 2 * bumped->envelope.size());
  EXPECT_EQ(parse_json(answer.out)->at("effective_fee").as_int64(),
            static_cast<std::int64_t>(bumped->fee));
  EXPECT_EQ(node.asked("mempool.qos_event").back().params.at("event").as_string(), "warning");

  answer = with({"--fee", "100000"});
  EXPECT_EQ(answer.code, 0) << answer.err;
  EXPECT_EQ(node.asked("mempool.qos_event").size(), 2u);
  EXPECT_EQ(with({"--fee", "100000", "--amount", "0"}).code, 2);
}

TEST_F(WalletTest, shows_the_balances_of_all_keys) {
  ASSERT_EQ(import_alice().code, 0);
  node.on("balance", json::object{{"amount", 1000}});
  EXPECT_EQ(run({"wallet", "balances", "--format", "table"}).out,
            "KEY ID  ADDRESS" + std::string(kAlice.size() - 7, ' ') + "  AMOUNT\nalice   " +
                kAlice + "    1000\n");
  EXPECT_EQ(sent("balance"), "{\"address\":\"" + kAlice + "\"}");
}

TEST_F(WalletTest, submits_envelopes_whose_file_has_any_layout) {
  CommandDraft draft;
  draft.chain = "dev";
  draft.method = "market.buy";
  draft.nonce = 1;
  draft.params = json::object{{"item", "x"}};
  const SigningKey key = *SigningKey::from_hex(kAliceSeed);
  const CommandPtr command = *sign_command(draft, key);
  const json::value envelope = *parse_json(command->envelope);
  const std::string loose = "{\n \"signatures\": " + json::serialize(envelope.at("signatures")) +
                            ",\n \"command\": " + json::serialize(envelope.at("command")) + "\n}";
  ASSERT_TRUE(write_file_atomic(home.file("tx.json"), loose).ok());
  node.on("command.submit", json::object{{"status", "ok"}});
  const Answer answer = run({"tx", "submit", home.file("tx.json")});
  ASSERT_EQ(answer.code, 0) << answer.err;
  EXPECT_EQ(sent_command("command.submit")->id, command->id);
  node.on("command.check", json::object{{"admissible", false}, {"error", "nonce_gap"}});
  EXPECT_EQ(run({"tx", "check", home.file("tx.json")}).code, 1);
  EXPECT_EQ(run({"tx", "submit", "{\"command\":{}}"}).code, 2);
}

// The worked example of the guide.
TEST_F(WalletTest, signs_the_token_of_the_guide) {
  const Answer answer = run({"token", "sign", "--role", "operator", "--ttl", "3600", "--sub", "ci",
                             "--chain-id", "dev", "--issued-at", "1700000000", "--id",
                             "00112233445566aa", "--key", home.file("alice.hex")});
  ASSERT_EQ(answer.code, 0) << answer.err;
  EXPECT_EQ(
      answer.out,
      "tbt1."
      "eyJhdWQiOiJkZXYiLCJleHAiOjE3MDAwMDM2MDAsImlhdCI6MTcwMDAwMDAwMCwiaWQiOiIwMDExMjIzMzQ0NTU2NmFh"
      "Iiwicm9sZSI6Im9wZXJhdG9yIiwic3ViIjoiY2kifQ."
      "Xft7P8v2oaW536xU-eAuFefEj36F2GDo0EDQ9lMQBZR0tKy1M7-DzEDpdA1r7U0iT5rQqZFe7IeMAF2Sz4S6Ag\n");
}

TEST_F(WalletTest, keygen_writes_a_pair_once) {
  const Answer made = run({"keygen", "--output", home.file("keys")});
  ASSERT_EQ(made.code, 0) << made.err;
  const std::string public_key(parse_json(made.out)->at("public_key").as_string());
  EXPECT_EQ(*read_file(home.file("keys/node.pub")), public_key + "\n");
  auto key = load_node_key(home.file("keys/node.key"), false);
  ASSERT_TRUE(key.ok()) << key.status().to_string();
  EXPECT_EQ(to_hex(key->public_key()), public_key);
  EXPECT_EQ(run({"keygen", "--output", home.file("keys")}).code, 1);
}

}  // namespace
}  // namespace blockd::cli
