#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "kernel/base/address.hpp"
#include "kernel/manifest/plain_params.hpp"
#include "kernel/manifest/utf8.hpp"
#include "kernel/manifest/values.hpp"
#include "samples.hpp"

namespace blockd {
namespace {

Field field(std::string name, FieldType type) {
  Field out;
  out.name = std::move(name);
  out.type = type;
  return out;
}

json::value parsed(std::string_view text) {
  Result<json::value> value = parse_json(text);
  EXPECT_TRUE(value.ok()) << value.status().to_string();
  return value.ok() ? *value : json::value(nullptr);
}

struct Decoded {
  ValueArena arena;
  json::value params;
  std::vector<tb_value> values;
  std::optional<ParamError> error;
  Decoded(const std::vector<Field>& fields, std::string_view text) : params(parsed(text)) {
    error = decode_params(fields, params, arena, &values);
  }
};

std::string message_of(const std::vector<Field>& fields, std::string_view text) {
  Decoded d(fields, text);
  return d.error ? d.error->field + ": " + d.error->message : "ok";
}

TEST(Decode, integers_in_range_arrive_as_declared) {
  std::vector<Field> fields = {field("a", FieldType::kU8), field("b", FieldType::kU64),
                               field("c", FieldType::kI64), field("d", FieldType::kU128)};
  Decoded d(
      fields,
      R"({"a":255,"b":"18446744073709551615","c":-9007199254740991,"d":"340282366920938463463374607431768211455"})");
  ASSERT_FALSE(d.error) << d.error->message;
  EXPECT_EQ(d.values[0].num, 255u);
  EXPECT_EQ(d.values[0].type, TB_TYPE_U64);
  EXPECT_EQ(d.values[1].num, 18446744073709551615u);
  EXPECT_EQ(static_cast<std::int64_t>(d.values[2].num), -9007199254740991);
  EXPECT_EQ(d.values[2].type, TB_TYPE_I64);
  EXPECT_EQ(d.values[3].num_hi, 18446744073709551615u);
  EXPECT_EQ(to_view(d.values[3].name), "d");
}

// Whatever the fast path accepts, the slow one accepts with the same values.
void expect_plain(const std::vector<Field>& fields, std::string_view text, bool accepted) {
  ValueArena arena;
  std::vector<tb_value> values;
  ASSERT_EQ(decode_plain_params(fields, text, arena, &values), accepted) << text;
  static PlainParams many;  // has seen the texts of other tests
  for (int turn = 0; turn < 2; ++turn) {
    std::vector<tb_value> again;
    ASSERT_EQ(many.decode(fields, text, arena, &again), accepted) << text;
    for (std::size_t i = 0; accepted && i < again.size(); ++i) {
      EXPECT_EQ(again[i].type, values[i].type) << text;
      EXPECT_EQ(again[i].num, values[i].num) << text;
      EXPECT_EQ(to_view(again[i].str), to_view(values[i].str)) << text;
    }
  }
  if (!accepted) return;
  Decoded slow(fields, text);
  ASSERT_FALSE(slow.error) << text;
  ASSERT_EQ(values.size(), slow.values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const tb_value &a = values[i], &b = slow.values[i];
    EXPECT_EQ(to_view(a.name), to_view(b.name)) << text;
    EXPECT_EQ(a.type, b.type) << text;
    EXPECT_EQ(a.num, b.num) << text;
    EXPECT_EQ(a.num_hi, b.num_hi) << text;
    EXPECT_EQ(to_view(a.str), to_view(b.str)) << text;
  }
}

TEST(DecodePlain, agrees_with_the_tree_and_leaves_the_rest_to_it) {
  std::vector<Field> fields = {field("text", FieldType::kString), field("small", FieldType::kU8),
                               field("number", FieldType::kU64),  field("wide", FieldType::kU128),
                               field("signed", FieldType::kI64),  field("flag", FieldType::kBool),
                               field("hash", FieldType::kHash),   field("bytes", FieldType::kBytes),
                               field("mode", FieldType::kString), field("list", FieldType::kList)};
  for (Field& f : fields) f.required = false;
  fields[0].max = 8;
  fields[2].min = 5;
  fields[3].default_value = json::value("18446744073709551616");
  fields[7].aliases = {"raw"};
  fields[8].choices = {"fast", "slow"};
  fields[9].fields = {field("", FieldType::kU64)};
  const std::string hash = std::string(63, 'a') + "0";
  for (const std::string& text :
       {std::string("{}"), std::string(R"({"number":5,"small":255,"text":"12345678"})"),
        std::string(R"({"flag":true,"mode":"slow","signed":7,"wide":9})"),
        "{\"bytes\":\"0xAb\",\"flag\":false,\"hash\":\"" + hash + "\"}"}) {
    expect_plain(fields, text, true);
  }
  for (const char* text : {R"({"text":"123456789"})", R"({"small":256})",
                           R"({"number":4})",         R"({"number":"5"})",
                           R"({"signed":-1})",        R"({"flag":1})",
                           R"({"hash":"00"})",        R"({"bytes":"abc"})",
                           R"({"bytes":"zz"})",       R"({"raw":"00"})",
                           R"({"mode":"Fast"})",      R"({"list":[1]})",
                           R"({"none":1})",           R"({"text":null})",
                           R"({"text":"a\u0041"})",   R"({ "small":1})",
                           R"({"small":1)",           R"([])",
                           R"({"small":1}x)",         ""}) {
    expect_plain(fields, text, false);
  }
  fields[1].required = true;
  expect_plain(fields, R"({"text":"a"})", false);
  expect_plain(fields, R"({"small":0,"text":"a"})", true);
}

TEST(Decode, integers_that_are_none_are_refused_with_the_field) {
  const std::vector<Field> fields = {field("a", FieldType::kU64)};
  EXPECT_EQ(message_of(fields, R"({"a":1.5})"), "a: expected u64 up to 2^64-1, found a fraction");
  EXPECT_EQ(message_of(fields, R"({"a":1.0})"),
            "a: expected u64 up to 2^64-1, found a number with a fraction or an exponent");
  EXPECT_EQ(message_of(fields, R"({"a":1e3})"),
            "a: expected u64 up to 2^64-1, found a number with a fraction or an exponent");
  EXPECT_EQ(message_of(fields, R"({"a":-0})"), "a: expected u64 up to 2^64-1, found -0");
  EXPECT_EQ(message_of(fields, R"({"a":-1})"), "a: expected u64 up to 2^64-1, found -1");
  EXPECT_EQ(message_of(fields, R"({"a":true})"), "a: expected u64 up to 2^64-1, found true");
  EXPECT_EQ(message_of(fields, R"({"a":null})"), "a: expected u64 up to 2^64-1, found null");
  for (const char* text : {R"({"a":"01"})", R"({"a":""})", R"({"a":"+1"})", R"({"a":" 1"})",
                           R"({"a":"-1"})", R"({"a":"0x1"})", R"({"a":"18446744073709551616"})"}) {
    EXPECT_NE(message_of(fields, text), "ok") << text;
  }
  for (const char* text :
       {R"({"a":9007199254740992})", R"({"a":18446744073709551615})", R"({"a":1e300})"}) {
    Decoded d(fields, text);
    ASSERT_TRUE(d.error) << text;
    EXPECT_EQ(d.error->hint, "send it as a decimal string");
  }
}

TEST(Decode, ranges_hold_at_their_ends) {
  Field f = field("a", FieldType::kU32);
  f.min = 5, f.max = 10;
  EXPECT_EQ(message_of({f}, R"({"a":5})"), "ok");
  EXPECT_EQ(message_of({f}, R"({"a":"10"})"), "ok");
  EXPECT_EQ(message_of({f}, R"({"a":4})"), "a: expected u32 5..10, found 4");
  EXPECT_EQ(message_of({f}, R"({"a":11})"), "a: expected u32 5..10, found 11");
  Field low = field("b", FieldType::kI64);
  EXPECT_EQ(message_of({low}, R"({"b":"-9223372036854775808"})"), "ok");
  EXPECT_NE(message_of({low}, R"({"b":"-9223372036854775809"})"), "ok");
  EXPECT_NE(message_of({low}, R"({"b":"9223372036854775808"})"), "ok");
  EXPECT_NE(message_of({low}, R"({"b":"-0"})"), "ok");
}

TEST(Decode, the_first_bad_field_in_declared_order_is_named_and_unknown_ones_last) {
  const std::vector<Field> fields = {field("kwh_consumed", FieldType::kU64),
                                     field("id", FieldType::kString)};
  EXPECT_EQ(message_of(fields, R"({"kwh_consumd":1,"id":5})"),
            "kwh_consumed: missing, expected u64 up to 2^64-1");
  EXPECT_EQ(message_of(fields, R"({"zzz":1,"id":5,"kwh_consumed":1})"),
            "id: expected text, found 5");
  Decoded d(fields, R"({"kwh_consumd":1,"id":"x","kwh_consumed":1})");
  ASSERT_TRUE(d.error);
  EXPECT_EQ(d.error->field, "kwh_consumd");
  EXPECT_EQ(d.error->nearest, "kwh_consumed");
}

TEST(Decode, aliases_defaults_and_absent_fields) {
  Field a = field("page_size", FieldType::kU32), b = field("buyer", FieldType::kString);
  a.aliases = {"limit"};
  a.required = b.required = false;
  a.default_value = 100;
  Decoded none({a, b}, "null");
  ASSERT_FALSE(none.error);
  EXPECT_EQ(none.values[0].num, 100u);
  EXPECT_EQ(none.values[1].type, TB_TYPE_NONE);
  Decoded alias({a, b}, R"({"limit":7,"buyer":null})");
  ASSERT_FALSE(alias.error);
  EXPECT_EQ(alias.values[0].num, 7u);
  EXPECT_EQ(alias.values[1].type, TB_TYPE_NONE);
  Decoded wrong({a, b}, R"({"limit":-7})");
  ASSERT_TRUE(wrong.error);
  EXPECT_EQ(wrong.error->field, a.name);
  EXPECT_TRUE(wrong.error->message.ends_with("found -7 (sent as 'limit')")) << wrong.error->message;
  EXPECT_EQ(message_of({a, b}, R"({"limit":7,"page_size":7})"),
            "page_size: given twice, as 'page_size' and as 'limit'");
}

TEST(Decode, params_may_be_a_list_in_the_order_of_the_fields) {
  const std::vector<Field> fields = {field("a", FieldType::kU64), field("b", FieldType::kString)};
  Decoded d(fields, R"([5,"x"])");
  ASSERT_FALSE(d.error);
  EXPECT_EQ(to_view(d.values[1].str), "x");
  EXPECT_EQ(message_of(fields, "[5]"), "b: missing, expected text");
  EXPECT_EQ(message_of(fields, R"([5,"x",1])"), "[2]: expected at most 2 params, found 3");
  EXPECT_NE(message_of(fields, "5"), "ok");
}

TEST(Decode, hex_becomes_bytes_and_a_hash_has_32) {
  Field bytes = field("b", FieldType::kBytes), hash = field("h", FieldType::kHash);
  bytes.max = 2;
  Decoded d({bytes}, R"({"b":"0xAbcd"})");
  ASSERT_FALSE(d.error);
  EXPECT_EQ(to_view(d.values[0].str), "\xab\xcd");
  EXPECT_EQ(d.values[0].type, TB_TYPE_BYTES);
  EXPECT_EQ(message_of({bytes}, R"({"b":""})"), "ok");
  EXPECT_EQ(message_of({bytes}, R"({"b":"abc"})"),
            "b: expected hex of at most 2 bytes, found an odd number of hex digits");
  EXPECT_EQ(message_of({bytes}, R"({"b":"zz"})"),
            "b: expected hex of at most 2 bytes, found a character that is no hex digit");
  EXPECT_EQ(message_of({bytes}, R"({"b":"aabbcc"})"),
            "b: expected hex of at most 2 bytes, found 3 bytes");
  const std::string digits(64, 'F');
  EXPECT_EQ(message_of({hash}, "{\"h\":\"" + digits + "\"}"), "ok");
  EXPECT_EQ(message_of({hash}, "{\"h\":\"" + digits + "00\"}"),
            "h: expected 64 hex digits, found 33 bytes");
}

TEST(Decode, texts_by_length_in_bytes_and_by_choice) {
  Field text = field("t", FieldType::kString);
  text.min = 1, text.max = 4;
  EXPECT_EQ(message_of({text}, "{\"t\":\"\u00e9\u00e9\"}"), "ok");
  EXPECT_EQ(message_of({text}, "{\"t\":\"\u00e9\u00e9x\"}"),
            "t: expected text of 1..4 bytes, found 5 bytes");
  Field choice = field("c", FieldType::kString);
  choice.choices = {"Open", "Resolved"};
  EXPECT_NE(message_of({choice}, R"({"c":"open"})"), "ok");
  choice.ignore_case = true;
  Decoded d({choice}, R"({"c":"RESOLVED"})");
  ASSERT_FALSE(d.error);
  EXPECT_EQ(to_view(d.values[0].str), "Resolved");
  Decoded wrong({choice}, R"({"c":"resolve"})");
  ASSERT_TRUE(wrong.error);
  EXPECT_EQ(wrong.error->message, "expected one of Open, Resolved, found another text");
}

TEST(Decode, addresses_are_checked_and_spelled_in_lower_case) {
  PublicKey key{};
  key[0] = 7;
  const std::string address = address_of(key);
  std::string upper = address;
  for (char& c : upper) c = static_cast<char>(std::toupper(c));
  const std::vector<Field> fields = {field("a", FieldType::kAddress)};
  Decoded d(fields, "{\"a\":\"" + upper + "\"}");
  ASSERT_FALSE(d.error);
  EXPECT_EQ(to_view(d.values[0].str), address);
  std::string broken = address;
  broken.back() = broken.back() == 'q' ? 'p' : 'q';
  EXPECT_EQ(message_of(fields, "{\"a\":\"" + broken + "\"}"),
            "a: expected an address tb1..., found text that is not a valid address");
}

TEST(Decode, paths_lead_to_what_is_inside) {
  Field record = field("", FieldType::kRecord), list = field("keys", FieldType::kList);
  record.fields = {field("public_key_hex", FieldType::kHash), field("weight", FieldType::kU8)};
  list.fields = {record};
  list.max = 3;
  const std::string good = "{\"public_key_hex\":\"" + std::string(64, 'a') + "\",\"weight\":3}";
  Decoded d({list}, "{\"keys\":[" + good + "," + good + "]}");
  ASSERT_FALSE(d.error) << d.error->message;
  ASSERT_EQ(d.values[0].count, 2u);
  EXPECT_EQ(d.values[0].items[1].items[1].num, 3u);
  EXPECT_EQ(message_of({list}, "{\"keys\":[" + good + ",{}]}"),
            "keys[1].public_key_hex: missing, expected 64 hex digits");
  EXPECT_EQ(message_of({list}, "{\"keys\":[5]}"), "keys[0]: expected an object, found 5");
  EXPECT_EQ(message_of({list}, "{\"keys\":[1,2,3,4]}"),
            "keys: expected a list of at most 3 entries, found 4 entries");
}

TEST(Decode, any_takes_all_but_fractions) {
  const std::vector<Field> fields = {field("x", FieldType::kAny)};
  Decoded d(fields, R"({"x":{"a":[1,-2,"t",null,true]}})");
  ASSERT_FALSE(d.error);
  JsonOut out;
  write_value(out.out(), "x", d.values[0]);
  EXPECT_EQ(out.finish(), R"({"x":{"a":[1,-2,"t",null,true]}})");
  EXPECT_NE(message_of(fields, R"({"x":[[1.5]]})"), "ok");
}

const tb_out_api& api(tb_out* out) { return *out->api; }

TEST(JsonOut, writes_members_in_the_order_in_which_they_come) {
  JsonOut json;
  tb_out* out = json.out();
  api(out).put_u64(out, to_str("z"), kMaxSafeInteger);
  api(out).put_u64(out, to_str("y"), kMaxSafeInteger + 1);
  api(out).put_i64(out, to_str("n"), INT64_MIN);
  api(out).put_u128(out, to_str("u"), 0, 1);
  api(out).put_scaled(out, to_str("s"), -5, 2);
  api(out).put_bytes(out, to_str("b"), to_str("\x01\xff"));
  api(out).begin_list(out, to_str("l"));
  api(out).put_bool(out, to_str("ignored"), 7);
  api(out).put_null(out, tb_str{});
  api(out).begin_record(out, tb_str{});
  api(out).put_str(out, to_str("q\""), to_str("a\n\u00e9"));
  EXPECT_EQ(json.finish(),
            "{\"z\":9007199254740991,\"y\":\"9007199254740992\",\"n\":\"-9223372036854775808\","
            "\"u\":\"18446744073709551616\",\"s\":-0.05,\"b\":\"01ff\",\"l\":[true,null,{\"q\\\"\":"
            "\"a\\n\u00e9\"}]}");
}

TEST(JsonOut, the_root_may_be_a_list_or_one_value) {
  JsonOut list, value, nothing;
  api(list.out()).begin_list(list.out(), tb_str{});
  api(list.out()).put_u64(list.out(), tb_str{}, 1);
  EXPECT_EQ(list.finish(), "[1]");
  api(value.out()).put_str(value.out(), tb_str{}, to_str("x"));
  EXPECT_EQ(value.finish(), "\"x\"");
  EXPECT_TRUE(nothing.empty());
  EXPECT_EQ(nothing.finish(), "{}");
}

TEST(JsonOut, canonical_sorts_by_utf16_like_the_canonical_form_of_base) {
  JsonOut out(true);
  const json::value tree = parsed(
      "{\"b\":{\"z\":1,\"a\":[{\"y\":1,\"x\":2}]},\"\xf0\x9f\x98\x80\":1,\"\xef\xbc\xa1\":2,\"a\":"
      "\"t\\u0001\",\"\u00e9\":null}");
  for (const auto& member : tree.get_object()) write_json(out.out(), member.key(), member.value());
  Result<std::string> expected = canonical_json(tree);
  ASSERT_TRUE(expected.ok());
  EXPECT_EQ(out.finish(), *expected);
  EXPECT_TRUE(utf16_less("\xf0\x9f\x98\x80", "\xef\xbc\xa1"));
}

// Names that differ early, late, only in their size, or not in their first eight bytes.
TEST(Decode, members_that_come_and_go_are_read_like_those_of_a_first_command) {
  const std::string names[] = {"b", "a", "cc", "c"};  // not in the order of the text
  std::vector<Field> fields;
  for (const std::string& name : names) {
    fields.push_back(field(name, FieldType::kU64));
    fields.back().required = false;
  }
  std::mt19937 random(2);
  for (int turn = 0; turn < 500; ++turn) {
    std::map<std::string, std::uint64_t> present;
    for (const std::string& name : names) {
      if (random() % 2 == 0) present[name] = random() % 1000;
    }
    std::string text;
    for (const auto& [name, number] : present)
      text += (text.empty() ? "\"" : ",\"") + name + "\":" + std::to_string(number);
    expect_plain(fields, "{" + text + "}", true);
    expect_plain(fields, "{" + text + (text.empty() ? "" : ",") + "\"d\":1}", false);  // unknown
    if (present.size() < 2) continue;
    const auto& [first, number] = *present.begin();
    const std::string twice = "\"" + first + "\":" + std::to_string(number);
    expect_plain(fields, "{" + twice + "," + text + "}", false);
    expect_plain(fields, "{" + text + "," + twice + "}", false);
  }
}

TEST(JsonOut, canonical_order_holds_for_names_of_every_size_and_any_order_of_puts) {
  std::vector<std::string> names = {"a",
                                    "ab",
                                    "abc",
                                    "abcd",
                                    "abcde",
                                    "abcdefg",
                                    "abcdefgh",
                                    "abcdefghi",
                                    "abcdefgha",
                                    "b",
                                    "abcdefgx",
                                    "abcdefghijklmnopqr",
                                    "abcdefghijklmnopqs",
                                    "B",
                                    "~",
                                    "\"",
                                    "abcdefgh\"",
                                    "\u00e9"};
  std::mt19937 random(1);
  for (int turn = 0; turn < 200; ++turn) {
    if (turn > 1) std::shuffle(names.begin(), names.end(), random);
    if (turn == 0) std::sort(names.begin(), names.end());
    json::object tree;
    JsonOut out(true);
    for (const std::string& name : names) {
      json::object inner{{name, json::array{1, "x"}}, {"abcdefgh", nullptr}};
      write_json(out.out(), name, inner);
      tree[name] = inner;
    }
    Result<std::string> expected = canonical_json(tree);
    ASSERT_TRUE(expected.ok());
    ASSERT_EQ(out.finish(), *expected) << turn << " " << out.error();
  }
}

TEST(JsonOut, misuse_is_told_and_gives_no_text) {
  const auto error_of = [](bool canonical, auto&& misuse) {
    JsonOut json(canonical, 1000);
    misuse(json.out());
    const std::string text = json.finish();
    EXPECT_EQ(text, "");
    return json.error();
  };
  EXPECT_EQ(error_of(false, [](tb_out* o) { api(o).end(o); }), "end without begin");
  EXPECT_EQ(error_of(false, [](tb_out* o) { api(o).put_null(o, to_str("a")), api(o).end(o); }),
            "end without begin");
  EXPECT_EQ(error_of(false, [](tb_out* o) { api(o).put_str(o, to_str("a"), to_str("\xff")); }),
            "invalid UTF-8");
  EXPECT_EQ(
      error_of(false, [](tb_out* o) { api(o).put_str(o, to_str("a"), to_str("\xed\xa0\x80")); }),
      "invalid UTF-8");
  EXPECT_EQ(
      error_of(false,
               [](tb_out* o) { api(o).put_null(o, to_str("a")), api(o).put_null(o, tb_str{}); }),
      "a member without a name");
  EXPECT_EQ(error_of(false,
                     [](tb_out* o) { api(o).put_null(o, tb_str{}), api(o).put_null(o, tb_str{}); }),
            "put after the end");
  EXPECT_EQ(error_of(true, [](tb_out* o) { api(o).put_scaled(o, to_str("a"), 1, 1); }),
            "put_scaled in what is hashed");
  EXPECT_EQ(
      error_of(true,
               [](tb_out* o) { api(o).put_null(o, to_str("a")), api(o).put_null(o, to_str("a")); }),
      "member 'a' was put twice");
  EXPECT_EQ(error_of(false,
                     [](tb_out* o) {
                       for (int i = 0; i < 70; ++i) api(o).begin_list(o, to_str("l"));
                     }),
            "more than 64 levels");
  const std::string big(1000, 'x');
  EXPECT_EQ(error_of(false, [&](tb_out* o) { api(o).put_str(o, to_str("a"), to_str(big)); }),
            "more than 1000 bytes");
  EXPECT_EQ(error_of(false, [&](tb_out* o) { api(o).put_bytes(o, to_str("a"), to_str(big)); }),
            "more than 1000 bytes");
}

TEST(ValueOut, keeps_the_tree_that_json_says) {
  const std::string_view text = R"({"a":1,"b":[true,null,{"c":"x"}],"d":{},"e":[],"f":-3})";
  ValueArena arena;
  const json::value tree = parsed(text);
  ValueOut values(arena);
  for (const auto& member : tree.get_object())
    write_json(values.out(), member.key(), member.value());
  const tb_value* root = values.finish();
  ASSERT_EQ(root->type, TB_TYPE_RECORD);
  JsonOut json;
  write_value(json.out(), "", *root);
  EXPECT_EQ(json.finish(), text);
  ValueOut nothing(arena);
  EXPECT_EQ(nothing.finish()->type, TB_TYPE_RECORD);
  ValueOut wrong(arena);
  wrong.out()->api->end(wrong.out());
  EXPECT_EQ(wrong.finish()->count, 0u);
  EXPECT_EQ(wrong.error(), "end without begin");
}

TEST(Values, a_tree_that_is_too_deep_or_of_an_unknown_type_is_refused) {
  tb_value self{};
  self.type = TB_TYPE_LIST;
  self.count = 1;
  self.items = &self;
  JsonOut deep;
  write_value(deep.out(), "a", self);
  EXPECT_EQ(deep.finish(), "");
  EXPECT_EQ(deep.error(), "more than 64 levels");
  tb_value odd{};
  odd.type = 99;
  JsonOut unknown;
  write_value(unknown.out(), "a", odd);
  EXPECT_EQ(unknown.finish(), "");
}

TEST(Values, every_byte_at_every_place_is_plain_or_not_as_json_says) {
  for (std::size_t size = 1; size <= 17; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string text(size, '!');
        text[at] = static_cast<char>(byte);
        const bool plain = byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
        ASSERT_EQ(is_plain_ascii(text), plain) << size << " " << at << " " << byte;
      }
    }
  }
  EXPECT_TRUE(is_plain_ascii(""));
}

// The texts that JsonOut copies without looking at each byte are those that need no escapes.
TEST(Values, json_text_of_every_byte_at_every_place_is_as_written_slowly) {
  for (std::size_t size = 1; size <= 35; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      for (int byte = 0; byte < 0x80; ++byte) {
        std::string text(size, 'x');
        text[at] = static_cast<char>(byte);
        std::string expected = "{";
        append_json_string(expected, text);
        expected += ":";
        append_json_string(expected, text);
        JsonOut out(true);
        out.out()->api->put_str(out.out(), to_str(text), to_str(text));
        ASSERT_EQ(out.finish(), expected + "}") << size << " " << at << " " << byte;
      }
    }
  }
}

// Names that differ in their first bytes, in later ones, or in their length.
TEST(Values, canonical_members_are_in_order_however_they_come) {
  const std::vector<std::string> names = {"a",         "a b",       "ab",        "abcdefgh",
                                          "abcdefghi", "abcdefgi",  "abcdefgz1", "abcdefgz2",
                                          "b",         "bbbbbbbbb", "z"};
  std::vector<std::size_t> order(names.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  for (int turn = 0; turn < 500; ++turn) {
    std::next_permutation(order.begin() + (turn % 5), order.end());
    JsonOut out(true);
    std::string expected;
    for (const std::size_t i : order) out.out()->api->put_u64(out.out(), to_str(names[i]), i);
    for (std::size_t i = 0; i < names.size(); ++i)
      expected += (i == 0 ? "{\"" : ",\"") + names[i] + "\":" + std::to_string(i);
    ASSERT_EQ(out.finish(), expected + "}");
  }
}

TEST(Values, a_number_with_a_fraction_becomes_its_text) {
  ValueArena arena;
  const json::value value = parsed("2.5");
  EXPECT_EQ(to_view(to_value(value, arena)->str), "2.5");
}

}  // namespace
}  // namespace blockd
