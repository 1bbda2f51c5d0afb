// The fast reader against the parser and the printer: whatever it accepts is canonical and parses.
#include "kernel/base/canonical_text.hpp"

#include <gtest/gtest.h>

#include <random>

#include "kernel/base/json.hpp"

namespace blockd {
namespace {

bool accepts(std::string_view text) {
  CanonicalText in(text);
  return in.skip(0) && in.done();
}

bool is_canonical(const std::string& text) {
  Result<json::value> value = parse_json(text);
  if (!value.ok()) return false;
  Result<std::string> printed = canonical_json(*value);
  return printed.ok() && *printed == text;
}

TEST(CanonicalText, accepts_plain_canonical_texts) {
  for (const char* text :
       {"{}", "[]", "0", "-1", "9007199254740991", "-9007199254740991", "true", "null", "\"\"",
        R"({"a":1,"b":{"c":[1,2,{}]},"c":"0123456789abcdef0123"})", R"({"":0,"a":false})"}) {
    EXPECT_TRUE(accepts(text)) << text;
    EXPECT_TRUE(is_canonical(text)) << text;
  }
}

// Objects of all lengths around sixteen, with brackets and quotes inside and behind.
TEST(CanonicalText, finds_the_end_of_a_known_object) {
  for (std::size_t length = 0; length < 40; ++length) {
    const std::string text(length, 'x');
    for (const std::string& object :
         {"{\"a\":\"" + text + "\"}", "{\"" + text + "\":[1,{\"b\":[]}]}",
          "{\"a\":\"]}" + text + "[{\"}", "{\"" + text + "\":{},\"z\":{}}", std::string("{}")}) {
      for (const char* behind : {"", ",\"b\":{}}", "}]\n\\\xff", "\"{"}) {
        const std::string whole = object + behind;
        CanonicalText in(whole);
        ASSERT_TRUE(in.skip_known_object()) << whole;
        ASSERT_EQ(in.position(), whole.data() + object.size()) << whole;
      }
      for (std::size_t end = 0; end < object.size(); ++end) {
        CanonicalText cut(std::string_view(object).substr(0, end));
        ASSERT_FALSE(cut.skip_known_object()) << object << " " << end;
      }
    }
    for (const char* strange : {"\\n", "\xc3\xa4", "\n"}) {
      for (std::size_t at = 0; at <= length; ++at) {
        const std::string other =
            "{\"a\":\"" + text.substr(0, at) + strange + text.substr(at) + "\"}";
        CanonicalText in(other);
        ASSERT_FALSE(in.skip_known_object()) << other;
      }
    }
  }
  CanonicalText list("[]");
  EXPECT_FALSE(list.skip_known_object());
}

TEST(CanonicalText, leaves_everything_else_to_the_parser) {
  for (const char* text : {"",
                           " {}",
                           "{} ",
                           "{\"a\": 1}",
                           R"({"b":1,"a":2})",
                           R"({"a":1,"a":2})",
                           "01",
                           "-0",
                           "+1",
                           "1.0",
                           "1e3",
                           "9007199254740992",
                           "99999999999999999999999",
                           "{\"a\":1,}",
                           "[1,]",
                           "[,1]",
                           "{,\"a\":1}",
                           "{\"a\"}",
                           "\"a",
                           "\"\\u0041\"",
                           "\"\\n\"",
                           "\"\x1f\"",
                           "\"\xc3\xa4\"",
                           "nul",
                           "tru",
                           "[1",
                           "{\"a\":1",
                           "-",
                           "1-",
                           "\"a\"b"}) {
    EXPECT_FALSE(accepts(text)) << text;
  }
  EXPECT_TRUE(accepts(std::string(64, '[') + std::string(64, ']')));
  EXPECT_FALSE(accepts(std::string(65, '[') + std::string(65, ']')));
}

// Random edits of a canonical text: the reader never accepts what the parser and the printer would
// not.
TEST(CanonicalText, accepts_nothing_that_is_not_canonical) {
  const std::string good =
      R"({"a":[1,20,{"k":"some text of more than eight bytes"}],"b":-5,"c":null,"d":{"x":"","y":true}})";
  const std::string alphabet = "{}[]\",:\\0123456789-.eabtfnu \x1f\x7f\xc3";
  std::mt19937_64 random(3);
  int accepted = 0;
  for (int i = 0; i < 50'000; ++i) {
    std::string text = good;
    for (std::uint64_t edits = 1 + random() % 3; edits > 0; --edits) {
      const std::size_t at = random() % text.size();
      const char c = alphabet[random() % alphabet.size()];
      if (random() % 3 == 0) {
        text.erase(at, 1);
      } else if (random() % 2 == 0) {
        text.insert(at, 1, c);
      } else {
        text[at] = c;
      }
    }
    if (!accepts(text)) continue;
    ++accepted;
    ASSERT_TRUE(is_canonical(text)) << text;
  }
  EXPECT_GT(accepted, 1000);
}

}  // namespace
}  // namespace blockd
