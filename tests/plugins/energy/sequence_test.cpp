// The golden vectors of every kind, replayed as the vectors tool does it: only what is expected is
// compared.
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <fstream>

#include "tests/plugins/energy/vectors.hpp"

namespace energy {
namespace {

namespace json = boost::json;

// Integers may be printed as decimal strings above 2^53-1.
bool same_number(const json::value& want, const json::value& got) {
  const std::string a = want.is_string() ? std::string(want.as_string()) : json::serialize(want);
  const std::string b = got.is_string() ? std::string(got.as_string()) : json::serialize(got);
  return a == b;
}

// The first place at which `got` differs from what is expected; empty if there is none.
std::string difference(const json::value& want, const json::value& got, const std::string& at) {
  const std::string here =
      at + ": expected " + json::serialize(want) + ", found " + json::serialize(got);
  if (want.is_object()) {
    if (!got.is_object()) return here;
    for (const auto& [name, value] : want.as_object()) {
      const json::value* found = got.as_object().if_contains(name);
      if (found == nullptr)
        return at + "." + std::string(name) + ": missing in " + json::serialize(got);
      if (auto text = difference(value, *found, at + "." + std::string(name)); !text.empty())
        return text;
    }
    return {};
  }
  if (want.is_array()) {
    if (!got.is_array() || got.as_array().size() != want.as_array().size()) return here;
    for (std::size_t i = 0; i < want.as_array().size(); ++i) {
      if (auto text =
              difference(want.as_array()[i], got.as_array()[i], at + "[" + std::to_string(i) + "]");
          !text.empty())
        return text;
    }
    return {};
  }
  return want == got || same_number(want, got) ? std::string() : here;
}

class EnergyReplay : public testing::TestWithParam<const char*> {};

TEST_P(EnergyReplay, gives_what_the_golden_vectors_expect) {
  std::ifstream in(std::string(TB_SOURCE_DIR) + "/tests/vectors/energy/" + GetParam() + ".jsonl");
  std::size_t cases = 0;
  for (std::string line; std::getline(in, line);) {
    const json::object vector = json::parse(line).as_object();
    SCOPED_TRACE(std::string(vector.at("name").as_string()));
    ++cases;
    const std::string got =
        replay_energy_case(vector.at("kind").as_string(), json::serialize(vector.at("input")));
    EXPECT_EQ(difference(vector.at("expected"), json::parse(got), ""), "");
  }
  EXPECT_GE(cases, 7u);
}

INSTANTIATE_TEST_SUITE_P(All, EnergyReplay,
                         testing::Values("sign", "verify", "fee", "reputation", "sequences"));

}  // namespace
}  // namespace energy
