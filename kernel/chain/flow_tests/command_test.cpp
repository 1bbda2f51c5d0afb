// Expectations: the table of node-and-cli spec 3.2 and the worked example of 6.12.
#include "kernel/chain/command.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "kernel/base/address.hpp"
#include "kernel/base/hex.hpp"

namespace blockd {
namespace {

SigningKey key_of(std::uint8_t byte) {
  std::array<std::uint8_t, 32> seed;
  seed.fill(byte);
  return SigningKey::from_seed(seed);
}

constexpr char kCanonical[] =
    R"({"chain":"dev","fee":1000,"from":"tb1qm97tgjht8p63qy6568aq5fgytc6ue8cynzap2tr5thczc8j8w9s8np6z0",)"
    R"("memo":"first","method":"ledger.transfer","nonce":1,"params":{"amount":250,)"
    R"("to":"tb1rppd3pnuevhgy82wkdk9ptvyg2c7zy3df39h0t6df4gnnnj7z62qvjg739"}})";
constexpr char kId[] = "543f34ea455201790dba394715b05f7e2e383c3ee9f4d7bba527f9129188c9e2";
constexpr char kKey[] = "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c";
constexpr char kSig[] =
    "d08e11e121c7e9e1c60b1f2e3478be9fb9792b34d54f1326b25b61c8b62accba"
    "9b011542e9bf629765ffb5e59f63c794623ec6863ae1505f186d4c3ec009a509";

std::string envelope_of(std::string_view command, std::string_view key = kKey,
                        std::string_view sig = kSig) {
  return R"({"command":)" + std::string(command) + R"(,"signatures":[{"key":")" + std::string(key) +
         R"(","sig":")" + std::string(sig) + R"("}]})";
}

std::string replaced(std::string text, std::string_view what, std::string_view by) {
  std::size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return text.replace(at, what.size(), by);
}

// Signs canonical command bytes with several keys; the envelope is canonical.
std::string signed_by(const std::string& command, const std::vector<const SigningKey*>& keys) {
  ParsedCommand unsigned_one = parse_envelope(envelope_of(command));
  EXPECT_FALSE(unsigned_one.refusal) << (unsigned_one.refusal ? unsigned_one.refusal->message : "");
  std::vector<const SigningKey*> sorted = keys;
  std::sort(sorted.begin(), sorted.end(),
            [](const auto* a, const auto* b) { return a->public_key() < b->public_key(); });
  std::string out = R"({"command":)" + command + R"(,"signatures":[)";
  for (const SigningKey* key : sorted) {
    if (key != sorted.front()) out += ',';
    out += R"({"key":")" + to_hex(key->public_key()) + R"(","sig":")" +
           to_hex(key->sign(view(unsigned_one.command->id))) + R"("})";
  }
  return out + "]}";
}

Refusal refusal_of(std::string envelope) {
  ParsedCommand parsed = parse_envelope(std::move(envelope));
  EXPECT_EQ(parsed.command, nullptr);
  return parsed.refusal.value_or(Refusal{});
}

void expect_field(std::string envelope, std::string_view field) {
  Refusal refusal = refusal_of(envelope);
  EXPECT_EQ(refusal.code, -32602) << envelope;
  EXPECT_EQ(refusal.name, "invalid_params") << envelope;
  EXPECT_EQ(refusal.field, field) << envelope;
}

TEST(Command, worked_example_byte_for_byte) {
  ParsedCommand parsed = parse_envelope(envelope_of(kCanonical));
  ASSERT_FALSE(parsed.refusal) << parsed.refusal->message;
  const Command& command = *parsed.command;
  EXPECT_EQ(command.envelope.size(), 481u);
  EXPECT_EQ(command.signed_bytes, kCanonical);
  EXPECT_EQ(command.signed_bytes.size(), 242u);
  EXPECT_EQ(to_hex(command.id), kId);
  EXPECT_EQ(command.chain, "dev");
  EXPECT_EQ(command.method, "ledger.transfer");
  EXPECT_EQ(command.memo, "first");
  EXPECT_EQ(command.nonce, 1u);
  EXPECT_EQ(command.fee, 1000u);
  EXPECT_EQ(command.pct, 100);
  EXPECT_FALSE(command.lane);
  EXPECT_FALSE(command.expires_at_ms);
  EXPECT_EQ(command.params.at("amount").to_number<int>(), 250);
  EXPECT_TRUE(command.cosigners.empty());
  EXPECT_FALSE(verify_signatures(command));
}

// Commands of a log need no tree of their params; those that are not plain bring one.
TEST(Command, a_batch_of_the_log_parses_as_single_envelopes_do) {
  const std::vector<std::string> commands = {
      std::string(kCanonical), replaced(kCanonical, "first", "fi\\nrst"),
      replaced(kCanonical, ":250", ":\"250\""),
      replaced(kCanonical, "\"nonce\":1", "\"nonce\":\"1\"")};
  std::vector<Bytes> envelopes;
  for (const std::string& command : commands) envelopes.push_back(envelope_of(command));
  std::vector<CommandPtr> parsed;
  ASSERT_FALSE(parse_envelopes(envelopes, &parsed, false));
  ASSERT_EQ(parsed.size(), commands.size());
  for (std::size_t i = 0; i < parsed.size(); ++i) {
    const ParsedCommand one = parse_envelope(envelopes[i]);
    ASSERT_FALSE(one.refusal) << one.refusal->message;
    const Command &a = *parsed[i], &b = *one.command;
    EXPECT_EQ(a.envelope, b.envelope);
    EXPECT_EQ(a.signed_bytes, commands[i]);
    EXPECT_EQ(to_hex(a.id), to_hex(b.id));
    EXPECT_EQ(a.chain, b.chain);
    EXPECT_EQ(a.from, b.from);
    EXPECT_EQ(a.method, b.method);
    EXPECT_EQ(a.memo, b.memo);
    EXPECT_EQ(a.nonce, b.nonce);
    EXPECT_EQ(a.fee, b.fee);
    EXPECT_EQ(a.params_text, b.params_text);
    ASSERT_EQ(a.signatures.size(), b.signatures.size());
    EXPECT_EQ(a.signatures[0].key, b.signatures[0].key);
    EXPECT_EQ(a.signatures[0].sig, b.signatures[0].sig);
    EXPECT_TRUE(b.params.is_object());
    EXPECT_EQ(a.params.is_object(), a.params_text.empty());
    if (b.params_text.empty()) continue;
    EXPECT_EQ(*canonical_json(b.params), b.params_text);
  }
  EXPECT_TRUE(parsed[1]->params_text.empty());
}

TEST(Command, sign_command_makes_the_worked_example) {
  CommandDraft draft;
  draft.chain = "dev";
  draft.method = "ledger.transfer";
  draft.memo = "first";
  draft.nonce = 1;
  draft.fee = 1000;
  draft.params = {{"to", "tb1rppd3pnuevhgy82wkdk9ptvyg2c7zy3df39h0t6df4gnnnj7z62qvjg739"},
                  {"amount", 250}};
  Result<CommandPtr> made = sign_command(draft, key_of(1));
  ASSERT_TRUE(made.ok()) << made.status().to_string();
  EXPECT_EQ((*made)->envelope, envelope_of(kCanonical));
}

TEST(Command, sign_command_writes_every_member_of_a_draft) {
  CommandDraft draft;
  draft.chain = "dev";
  draft.method = "ledger.transfer";
  draft.nonce = (1ull << 53) + 1;
  draft.lane = Lane::kIndustrial;
  draft.expires_at_ms = 99;
  Result<CommandPtr> made = sign_command(draft, key_of(2));
  ASSERT_TRUE(made.ok()) << made.status().to_string();
  EXPECT_EQ((*made)->nonce, (1ull << 53) + 1);
  EXPECT_EQ((*made)->lane, Lane::kIndustrial);
  EXPECT_EQ((*made)->expires_at_ms, 99u);
  EXPECT_FALSE(verify_signatures(**made));
  draft.params = {{"x", 0.5}};
  EXPECT_EQ(sign_command(draft, key_of(2)).status().code(), Code::kInvalid);
  draft.params = nullptr;
  draft.nonce = 0;
  EXPECT_EQ(sign_command(draft, key_of(2)).status().code(), Code::kInvalid);
}

TEST(Command, a_decimal_string_is_another_command) {
  ParsedCommand parsed = parse_envelope(envelope_of(replaced(kCanonical, ":250", ":\"250\"")));
  ASSERT_FALSE(parsed.refusal);
  EXPECT_EQ(to_hex(parsed.command->id),
            "a83013a5ed0438a3f9e5152c17da70baf8de20d0bf3cd9d63bb103eb3ebf299e");
  EXPECT_EQ(verify_signatures(*parsed.command)->name, "bad_signature");
}

TEST(Command, numbers_without_a_canonical_form_name_their_field) {
  for (const char* number :
       {"1.0", "1e3", "250.0", "-0", "9007199254740992", "18446744073709551616"}) {
    expect_field(envelope_of(replaced(kCanonical, "250", number)), "amount");
    expect_field(
        envelope_of(replaced(kCanonical, "\"fee\":1000", std::string("\"fee\":") + number)),
        "command.fee");
  }
  EXPECT_FALSE(
      parse_envelope(envelope_of(replaced(kCanonical, "250", "9007199254740991"))).refusal);
}

TEST(Command, text_that_is_no_json_is_a_parse_error) {
  std::string deep(70, '[');
  deep += std::string(70, ']');
  for (const std::string& text :
       {std::string(), std::string("{"),
        envelope_of(replaced(kCanonical, "\"nonce\":1", "\"nonce\":1,\"nonce\":1")),
        envelope_of(replaced(kCanonical, "first", "\xff")),
        envelope_of(replaced(kCanonical, "first", "\\ud800")),
        envelope_of(replaced(kCanonical, "250", deep)),
        envelope_of(replaced(kCanonical, "250", "0250")), envelope_of(kCanonical) + " x"}) {
    Refusal refusal = refusal_of(text);
    EXPECT_EQ(refusal.code, -32700) << text;
    EXPECT_EQ(refusal.name, "parse_error");
  }
}

TEST(Command, other_bytes_than_the_canonical_ones_are_refused) {
  for (const std::string& text :
       {envelope_of(replaced(kCanonical, ",\"nonce\"", ", \"nonce\"")),
        envelope_of(replaced(kCanonical, "\"chain\":\"dev\",\"fee\":1000",
                             "\"fee\":1000,\"chain\":\"dev\"")),
        envelope_of(replaced(kCanonical, "first", "\\u0066irst")), envelope_of(kCanonical) + "\n",
        replaced(envelope_of(kCanonical), "\"key\"", " \"key\"")}) {
    Refusal refusal = refusal_of(text);
    EXPECT_EQ(refusal.code, -32602) << text;
    EXPECT_EQ(refusal.name, "not_canonical") << text;
  }
}

TEST(Command, required_members_must_be_there) {
  for (const char* name : {"chain", "from", "nonce", "method", "params"}) {
    json::value value = *parse_json(envelope_of(kCanonical));
    value.as_object()["command"].as_object().erase(name);
    expect_field(*canonical_json(value), std::string("command.") + name);
  }
}

TEST(Command, members_of_the_wrong_kind_or_range_name_their_field) {
  struct Case {
    const char *member, *value, *field;
  };
  const std::string long_memo = "\"" + std::string(1025, 'm') + "\"";
  for (const Case& c : std::initializer_list<Case>{
           {"chain", "7", "command.chain"},
           {"chain", "\"\"", "command.chain"},
           {"from", "\"alice\"", "command.from"},
           {"from", "\"tb1qm97tgjht8p63qy6568aq5fgytc6ue8cynzap2tr5thczc8j8w9s8np6z1\"",
            "command.from"},
           {"nonce", "0", "command.nonce"},
           {"nonce", "-1", "command.nonce"},
           {"nonce", "\"18446744073709551616\"", "command.nonce"},
           {"nonce", "\"01\"", "command.nonce"},
           {"nonce", "null", "command.nonce"},
           {"method", "true", "command.method"},
           {"params", "[]", "command.params"},
           {"lane", "\"service\"", "command.lane"},
           {"lane", "0", "command.lane"},
           {"fee", "-1", "command.fee"},
           {"pct", "\"x\"", "command.pct"},
           {"expires_at_ms", "{}", "command.expires_at_ms"},
           {"memo", long_memo.c_str(), "command.memo"},
           {"signers", "[]", "command.signers"},
           {"threshold", "1", "command.signers"},
           {"session", "\"00\"", "command.session"}}) {
    json::value value = *parse_json(envelope_of(kCanonical));
    value.as_object()["command"].as_object()[c.member] = *parse_json(c.value);
    expect_field(*canonical_json(value), c.field);
  }
}

TEST(Command, an_unknown_member_tells_the_nearest) {
  std::string text = envelope_of(replaced(kCanonical, "\"params\"", "\"nonse\":1,\"params\""));
  expect_field(text, "command.nonse");
  EXPECT_EQ(refusal_of(text).nearest, "nonce");
  // Unknown members come last: the wrong known one is told.
  expect_field(replaced(text, "\"nonce\":1", "\"nonce\":0"), "command.nonce");
}

TEST(Command, values_that_admission_refuses_are_kept) {
  std::string text = envelope_of(replaced(replaced(kCanonical, ":1000", ":\"9223372036854775808\""),
                                          "\"params\"", "\"params\""));
  EXPECT_EQ(parse_envelope(text).command->fee, 1ull << 63);
  json::value value = *parse_json(envelope_of(kCanonical));
  value.as_object()["command"].as_object()["pct"] = 1000;
  EXPECT_EQ(parse_envelope(*canonical_json(value)).command->pct, 255);
}

TEST(Command, signatures_of_the_wrong_form_name_their_place) {
  const std::string good = envelope_of(kCanonical);
  auto with = [&](std::string_view list) {
    return R"({"command":)" + std::string(kCanonical) + R"(,"signatures":)" + std::string(list) +
           "}";
  };
  const std::string one = R"({"key":")" + std::string(kKey) + R"(","sig":")" + kSig + "\"}";
  expect_field(with("{}"), "signatures");
  expect_field(with("[]"), "signatures");
  expect_field(with("[1]"), "signatures[0]");
  expect_field(with("[" + one + "," + one + "]"), "signatures[1].key");
  expect_field(with("[" + replaced(one, kSig, "00") + "]"), "signatures[0].sig");
  expect_field(with("[" + replaced(one, "8a88", "8A88") + "]"), "signatures[0].key");
  expect_field(with("[" + replaced(one, "\"sig\":", "\"s\":1,\"sig\":") + "]"), "signatures[0]");
  std::string seventeen = "[";
  for (int i = 0; i < 17; ++i) seventeen += (i ? "," : "") + one;
  expect_field(with(seventeen + "]"), "signatures");
  expect_field(R"({"command":)" + std::string(kCanonical) + "}", "signatures");
  expect_field(replaced(good, "\"signatures\"", "\"extra\":1,\"signatures\""), "extra");
  expect_field("[]", "");
}

TEST(Command, a_wrong_signature_refuses_the_whole) {
  ParsedCommand parsed = parse_envelope(replaced(envelope_of(kCanonical), "d08e", "d08f"));
  ASSERT_FALSE(parsed.refusal);
  std::optional<Refusal> refusal = verify_signatures(*parsed.command);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->code, -34010);
  EXPECT_EQ(refusal->name, "bad_signature");
  EXPECT_EQ(refusal->admission_code, 5);
}

TEST(Command, another_key_than_the_accounts_is_not_enough) {
  SigningKey second = key_of(2);
  ParsedCommand parsed = parse_envelope(signed_by(kCanonical, {&second}));
  EXPECT_EQ(verify_signatures(*parsed.command)->name, "bad_signature");
}

TEST(Command, further_signatures_are_cosigners) {
  SigningKey first = key_of(1), second = key_of(2);
  ParsedCommand parsed = parse_envelope(signed_by(kCanonical, {&first, &second}));
  ASSERT_FALSE(parsed.refusal);
  EXPECT_FALSE(verify_signatures(*parsed.command));
  EXPECT_EQ(parsed.command->cosigners, std::vector<std::string>{address_of(second.public_key())});
}

TEST(Command, an_account_written_in_capitals_is_the_same_account) {
  std::string upper = kCanonical;
  std::size_t at = upper.find("tb1qm");
  std::transform(upper.begin() + static_cast<long>(at), upper.begin() + static_cast<long>(at) + 61,
                 upper.begin() + static_cast<long>(at),
                 [](char c) { return static_cast<char>(std::toupper(c)); });
  SigningKey first = key_of(1);
  ParsedCommand parsed = parse_envelope(signed_by(upper, {&first}));
  EXPECT_EQ(parsed.command->from, address_of(first.public_key()));
  EXPECT_FALSE(verify_signatures(*parsed.command));
}

class GroupCommand : public testing::Test {
 protected:
  // 2 of 3, the address of spec 6.11.
  std::string command(std::string_view threshold = "2") {
    std::vector<std::string> keys = {to_hex(a.public_key()), to_hex(b.public_key()),
                                     to_hex(c.public_key())};
    std::sort(keys.begin(), keys.end());
    return R"({"chain":"dev","from":"tb105ks6qsrqgk3ayec3rfvv6g273xqs2fkn08symmhw342vgdcxm2qz6ltjn","method":"m.x",)"
           R"("nonce":1,"params":{},"signers":[")" +
           keys[0] + "\",\"" + keys[1] + "\",\"" + keys[2] + R"("],"threshold":)" +
           std::string(threshold) + "}";
  }
  SigningKey a = key_of(1), b = key_of(2), c = key_of(3), stranger = key_of(9);
};

TEST_F(GroupCommand, threshold_of_keys_is_enough) {
  ParsedCommand parsed = parse_envelope(signed_by(command(), {&a, &c, &stranger}));
  ASSERT_FALSE(parsed.refusal) << parsed.refusal->message;
  EXPECT_EQ(parsed.command->threshold, 2);
  EXPECT_EQ(parsed.command->signers.size(), 3u);
  EXPECT_FALSE(verify_signatures(*parsed.command));
  EXPECT_EQ(parsed.command->cosigners, std::vector<std::string>{address_of(stranger.public_key())});
}

TEST_F(GroupCommand, fewer_keys_are_pending_signatures) {
  ParsedCommand parsed = parse_envelope(signed_by(command(), {&b, &stranger}));
  std::optional<Refusal> refusal = verify_signatures(*parsed.command);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->name, "pending_signatures");
  EXPECT_EQ(refusal->admission_code, 17);
}

TEST_F(GroupCommand, the_account_must_be_of_exactly_this_group) {
  expect_field(envelope_of(command("1")), "command.from");
  expect_field(envelope_of(command("4")), "command.threshold");
  expect_field(envelope_of(command("0")), "command.threshold");
  std::string no_threshold = replaced(command(), ",\"threshold\":2", "");
  expect_field(envelope_of(no_threshold), "command.threshold");
  std::string swapped = command();
  std::size_t first = swapped.find("[\"") + 2;
  std::string key = swapped.substr(first, 64);
  swapped.replace(first, 64, swapped.substr(first + 67, 64));
  swapped.replace(first + 67, 64, key);
  expect_field(envelope_of(swapped), "command.signers[1]");
}

TEST(Command, a_session_key_signs_instead_of_the_account) {
  SigningKey session = key_of(5), owner = key_of(1);
  std::string command = kCanonical;
  command.insert(command.size() - 1, ",\"session\":\"" + to_hex(session.public_key()) + "\"");
  ParsedCommand parsed = parse_envelope(signed_by(command, {&session}));
  ASSERT_FALSE(parsed.refusal) << parsed.refusal->message;
  EXPECT_EQ(parsed.command->session, to_hex(session.public_key()));
  EXPECT_FALSE(verify_signatures(*parsed.command));
  ParsedCommand by_owner = parse_envelope(signed_by(command, {&owner}));
  EXPECT_EQ(verify_signatures(*by_owner.command)->name, "bad_signature");
}

TEST(Command, from_a_request_the_signed_bytes_must_stand_in_the_body) {
  const std::string envelope = envelope_of(kCanonical);
  const std::string with_tx =
      replaced(envelope, ",\"signatures\"", ",\"_tx\":{\"wait\":\"none\"}, \"signatures\"");
  ParsedCommand parsed = parse_envelope(*parse_json(with_tx), "{\"params\": " + with_tx + "}");
  ASSERT_FALSE(parsed.refusal) << parsed.refusal->message;
  EXPECT_EQ(parsed.command->envelope, envelope);
  const std::string blanks = replaced(envelope, ",\"nonce\"", ", \"nonce\"");
  EXPECT_EQ(parse_envelope(*parse_json(blanks), blanks).refusal->name, "not_canonical");
  const std::string fraction = replaced(envelope, "250", "250.5");
  EXPECT_EQ(parse_envelope(*parse_json(fraction), fraction).refusal->field, "amount");
}

TEST(Command, an_envelope_above_the_bound_is_refused) {
  Refusal refusal = refusal_of(std::string(kMaxEnvelopeBytes + 1, ' '));
  EXPECT_EQ(refusal.code, -32602);
  EXPECT_EQ(refusal_of(std::string(kMaxEnvelopeBytes, ' ')).code, -32700);
}

}  // namespace
}  // namespace blockd
