#include "kernel/base/json.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "kernel/base/blake3.hpp"
#include "kernel/base/crypto.hpp"
#include "kernel/base/hex.hpp"

namespace blockd {
namespace {

std::string canonical(std::string_view text) {
  Result<json::value> value = parse_json(text);
  if (!value.ok()) return value.status().to_string();
  Result<std::string> out = canonical_json(*value);
  return out.ok() ? *out : out.status().to_string();
}

// node-and-cli spec 6.12.
constexpr char kCommand[] =
    R"({"chain":"dev","fee":1000,"from":"tb1qm97tgjht8p63qy6568aq5fgytc6ue8cynzap2tr5thczc8j8w9s8np6z0",)"
    R"("memo":"first","method":"ledger.transfer","nonce":1,)"
    R"("params":{"amount":250,"to":"tb1rppd3pnuevhgy82wkdk9ptvyg2c7zy3df39h0t6df4gnnnj7z62qvjg739"}})";

TEST(Json, worked_command_of_the_spec) {
  const std::string bytes = canonical(R"({ "method": "ledger.transfer", "chain": "dev", "nonce": 1,
      "from": "tb1qm97tgjht8p63qy6568aq5fgytc6ue8cynzap2tr5thczc8j8w9s8np6z0",
      "params": { "to": "tb1rppd3pnuevhgy82wkdk9ptvyg2c7zy3df39h0t6df4gnnnj7z62qvjg739", "amount": 250 },
      "fee": 1000, "memo": "first" })");
  EXPECT_EQ(bytes, kCommand);
  EXPECT_EQ(bytes.size(), 242u);
  const Hash id = blake3({"tb/command/v1", bytes});
  EXPECT_EQ(to_hex(id), "543f34ea455201790dba394715b05f7e2e383c3ee9f4d7bba527f9129188c9e2");
  std::array<std::uint8_t, 32> seed;
  seed.fill(1);
  const SigningKey key = SigningKey::from_seed(seed);
  const Signature signature = key.sign(view(id));
  EXPECT_EQ(to_hex(signature),
            "d08e11e121c7e9e1c60b1f2e3478be9fb9792b34d54f1326b25b61c8b62accba"
            "9b011542e9bf629765ffb5e59f63c794623ec6863ae1505f186d4c3ec009a509");
  const std::string envelope =
      canonical(R"({"signatures":[{"sig":")" + to_hex(signature) + R"(","key":")" +
                to_hex(key.public_key()) + R"("}],"command":)" + bytes + "}");
  EXPECT_EQ(envelope.size(), 481u);
}

TEST(Json, a_string_amount_is_another_command) {
  std::string text = kCommand;
  text.replace(text.find("250"), 3, "\"250\"");
  EXPECT_EQ(to_hex(blake3({"tb/command/v1", canonical(text)})),
            "a83013a5ed0438a3f9e5152c17da70baf8de20d0bf3cd9d63bb103eb3ebf299e");
}

TEST(Json, members_sort_by_utf16_code_units) {
  // RFC 8785 section 3.2.3: the emoji's surrogates come before U+FB33, although its code point is
  // larger.
  EXPECT_EQ(canonical("{\"\\u20ac\":1,\"\\r\":2,\"\\ufb33\":3,\"1\":4,\"\\ud83d\\ude00\":5,"
                      "\"\\u0080\":6,\"\\u00f6\":7}"),
            "{\"\\r\":2,\"1\":4,\"\xC2\x80\":6,\"\xC3\xB6\":7,\"\xE2\x82\xAC\":1,"
            "\"\xF0\x9F\x98\x80\":5,\"\xEF\xAC\xB3\":3}");
  EXPECT_EQ(canonical(R"({"b":1,"a":{"z":[],"ab":{},"a":null}})"),
            R"({"a":{"a":null,"ab":{},"z":[]},"b":1})");
}

TEST(Json, many_members_sort_as_few) {
  std::string in = "{", out = "{";
  for (int i = 99; i >= 10; --i) in += "\"k" + std::to_string(i) + "\":0" + (i == 10 ? "}" : ",");
  for (int i = 10; i <= 99; ++i) out += "\"k" + std::to_string(i) + "\":0" + (i == 99 ? "}" : ",");
  EXPECT_EQ(canonical(in), out);
}

TEST(Json, shortest_escapes) {
  EXPECT_EQ(canonical(R"("\u0008\u0009\u000a\u000c\u000d\u0022\u005c\/\u0000\u001f\u007f\u00e9")"),
            "\"\\b\\t\\n\\f\\r\\\"\\\\/\\u0000\\u001f\x7f\xC3\xA9\"");
}

TEST(Json, integers_up_to_2_to_53_minus_1) {
  EXPECT_EQ(canonical("9007199254740991"), "9007199254740991");
  EXPECT_EQ(canonical("-9007199254740991"), "-9007199254740991");
  EXPECT_EQ(canonical("0"), "0");
  for (const char* bad :
       {"9007199254740992", "-9007199254740992", "18446744073709551615", "1.0", "250.0", "1e3",
        "-0", "-0.0", "1e400", "123456789012345678901234567890"}) {
    Result<json::value> value = parse_json(bad);
    if (!value.ok()) continue;  // a number beyond every double
    EXPECT_EQ(canonical_json(*value).status().code(), Code::kInvalid) << bad;
  }
}

TEST(Json, numbers_are_kept_as_they_are) {
  EXPECT_TRUE(parse_json("9223372036854775807")->is_int64());
  EXPECT_TRUE(parse_json("9223372036854775808")->is_uint64());
  EXPECT_TRUE(parse_json("18446744073709551615")->is_uint64());
  EXPECT_TRUE(parse_json("18446744073709551616")->is_double());
  EXPECT_TRUE(parse_json("-9223372036854775808")->is_int64());
  EXPECT_TRUE(parse_json("-9223372036854775809")->is_double());
  EXPECT_TRUE(parse_json("-0")->is_double());
  EXPECT_TRUE(parse_json("1.0")->is_double());
  EXPECT_TRUE(parse_json("1e3")->is_double());
}

TEST(Json, malformed_texts_are_refused) {
  const std::string_view bad[] = {"",
                                  " ",
                                  "{",
                                  "[1,]",
                                  "{\"a\":1,}",
                                  "{\"a\"}",
                                  "01",
                                  "+1",
                                  ".5",
                                  "1.",
                                  "nul",
                                  "'a'",
                                  "\"a",
                                  "\"\n\"",
                                  "[1] x",
                                  "1 2",
                                  "{}{}",
                                  "\"\xFF\"",
                                  "\"\xC0\x80\"",
                                  "\"\xED\xA0\x80\"",
                                  "\"\xF4\x90\x80\x80\"",
                                  "\"\xE2\x82\"",
                                  "\"\\ud800\"",
                                  "\"\\udc00\"",
                                  "\"\\ud800\\u0041\"",
                                  "\"\\x41\"",
                                  "// c\n1",
                                  "NaN",
                                  "Infinity",
                                  "\xEF\xBB\xBF{}"};
  for (std::string_view text : bad) {
    Result<json::value> value = parse_json(text);
    EXPECT_EQ(value.status().code(), Code::kInvalid) << text;
    EXPECT_NE(value.status().message().find("at byte"), std::string::npos) << text;
  }
  EXPECT_TRUE(parse_json(" \t\r\n{} \t\r\n").ok());
}

TEST(Json, a_repeated_member_is_refused_at_any_depth) {
  EXPECT_EQ(parse_json(R"({"a":1,"b":2,"a":3})").status().code(), Code::kInvalid);
  EXPECT_NE(parse_json(R"([{"x":{"nonce":1,"nonce":1}}])")
                .status()
                .message()
                .find("\"nonce\" is repeated"),
            std::string::npos);
  // The same name written with an escape, and the same name in another object.
  EXPECT_FALSE(parse_json(R"({"abc":1,"\u0061bc":2})").ok());
  EXPECT_FALSE(parse_json(R"({"\u0061":1,"\u0061":2})").ok());
  EXPECT_TRUE(parse_json(R"({"a":{"a":{"a":1}},"b":{"a":2},"\u0063":3})").ok());
  std::string many = "{";
  for (int i = 0; i < 40; ++i) many += "\"k" + std::to_string(i) + "\":{\"k1\":0},";
  EXPECT_TRUE(parse_json(many + "\"k40\":0}").ok());
  EXPECT_FALSE(parse_json(many + "\"k17\":0}").ok());
}

TEST(Json, long_names_and_strings_survive) {
  const std::string name(5000, 'n');
  const std::string value = "\\u00e9" + std::string(9000, 'v') + "\\n";
  EXPECT_EQ(canonical("{\"\\u0061" + name + "\":\"" + value + "\"}"),
            "{\"a" + name + "\":\"\xC3\xA9" + std::string(9000, 'v') + "\\n\"}");
  EXPECT_FALSE(parse_json("{\"\\u0061" + name + "\":1,\"a" + name + "\":2}").ok());
}

TEST(Json, at_most_64_levels) {
  auto nested = [](std::size_t n) { return std::string(n, '[') + std::string(n, ']'); };
  EXPECT_TRUE(parse_json(nested(64)).ok());
  EXPECT_FALSE(parse_json(nested(65)).ok());
  EXPECT_EQ(canonical(nested(64)), nested(64));
  EXPECT_FALSE(parse_json(nested(100000)).ok());
  EXPECT_TRUE(parse_json(nested(3), 3).ok());
  EXPECT_FALSE(parse_json(nested(4), 3).ok());
}

TEST(Json, canonical_text_is_a_fixed_point) {
  for (std::string_view text :
       {R"({"a":[1,-5,true,false,null,"x\\y"],"b":{}})", "\"\xF0\x9F\x98\x80\""}) {
    EXPECT_EQ(canonical(text), text);
  }
}

TEST(Json, large_unsigned_integers_print_as_strings) {
  std::string out;
  append_json_u64(out, kMaxSafeInteger);
  append_json_u64(out, kMaxSafeInteger + 1);
  append_json_u64(out, std::numeric_limits<std::uint64_t>::max());
  append_json_u128(out, 7);
  append_json_u128(out, ~U128{0});
  EXPECT_EQ(out,
            "9007199254740991\"9007199254740992\"\"18446744073709551615\"7"
            "\"340282366920938463463374607431768211455\"");
}

TEST(Json, decimal_strings) {
  EXPECT_EQ(parse_u64("0"), 0u);
  EXPECT_EQ(parse_u64("18446744073709551615"), std::numeric_limits<std::uint64_t>::max());
  for (const char* bad : {"", "00", "01", "-1", "+1", " 1", "1 ", "1e3", "18446744073709551616",
                          "99999999999999999999"}) {
    EXPECT_EQ(parse_u64(bad), std::nullopt) << bad;
  }
  EXPECT_TRUE(parse_u128("340282366920938463463374607431768211455") == ~U128{0});
  EXPECT_FALSE(parse_u128("340282366920938463463374607431768211456").has_value());
}

TEST(Json, nearest_name) {
  const std::string_view names[] = {"nonce", "method", "params"};
  EXPECT_EQ(nearest_name("nonse", names), "nonce");
  EXPECT_EQ(nearest_name("metod", names), "method");
  EXPECT_EQ(nearest_name("zzzzz", names), std::nullopt);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
}

}  // namespace
}  // namespace blockd
