// Random damage to good input, from a fixed seed: whatever comes, there is an answer and no crash.
#include <gtest/gtest.h>

#include <random>

#include "kernel/manifest/cli_tree.hpp"
#include "kernel/manifest/openrpc.hpp"
#include "kernel/manifest/reference.hpp"
#include "kernel/manifest/values.hpp"
#include "samples.hpp"

namespace blockd {
namespace {

using Random = std::mt19937_64;

std::size_t below(Random& random, std::size_t n) { return static_cast<std::size_t>(random() % n); }

json::value odd_value(Random& random) {
  switch (below(random, 14)) {
    case 0:
      return nullptr;
    case 1:
      return true;
    case 2:
      return -1;
    case 3:
      return 0;
    case 4:
      return 1.5;
    case 5:
      return -0.0;
    case 6:
      return ~std::uint64_t{0};
    case 7:
      return INT64_MIN;
    case 8:
      return "";
    case 9:
      return "18446744073709551616";
    case 10:
      return json::string(64, 'a');
    case 11:
      return json::array{1, "x", nullptr};
    case 12:
      return json::object{{"name", "x"}, {"type", "list"}};
    default:
      return "counter.add";
  }
}

// Replaces, removes, doubles or renames something somewhere below `value`.
void damage(json::value& value, Random& random) {
  if (below(random, 8) != 0) {
    if (value.is_array() && !value.get_array().empty()) {
      return damage(value.get_array()[below(random, value.get_array().size())], random);
    }
    if (value.is_object() && !value.get_object().empty()) {
      return damage((value.get_object().begin() +
                     static_cast<std::ptrdiff_t>(below(random, value.get_object().size())))
                        ->value(),
                    random);
    }
  }
  if (value.is_array() && !value.get_array().empty() && below(random, 2) == 0) {
    json::array& list = value.get_array();
    const json::value copy = list[below(random, list.size())];
    if (below(random, 2) == 0)
      list.push_back(copy);
    else
      list.erase(list.begin() + static_cast<std::ptrdiff_t>(below(random, list.size())));
  } else if (value.is_object() && !value.get_object().empty() && below(random, 2) == 0) {
    json::object& object = value.get_object();
    const auto at = object.begin() + static_cast<std::ptrdiff_t>(below(random, object.size()));
    const std::string key(at->key());
    if (below(random, 2) == 0)
      object.erase(key);
    else
      object[key + "s"] = odd_value(random);
  } else {
    value = odd_value(random);
  }
}

TEST(Mutation, damaged_manifests_are_read_or_refused_with_words) {
  Random random(20240601);
  const json::value good = samples::documented_json();
  int accepted = 0;
  for (int i = 0; i < 3000; ++i) {
    json::value value = good;
    for (std::size_t n = 1 + below(random, 3); n > 0; --n) damage(value, random);
    auto manifest = samples::parse(value);
    if (!manifest.ok()) {
      EXPECT_FALSE(manifest.status().message().empty());
      continue;
    }
    ++accepted;
    EXPECT_FALSE(reference_markdown(**manifest).empty());
    auto tree = parse_cli_tree(openrpc_document({*manifest}, {}));
    EXPECT_TRUE(tree.ok()) << tree.status().to_string();
  }
  EXPECT_GT(accepted, 100);
  EXPECT_LT(accepted, 2900);
}

TEST(Mutation, damaged_text_never_breaks_the_parser) {
  Random random(7);
  const std::string good = samples::documented();
  for (int i = 0; i < 2000; ++i) {
    std::string text = good;
    for (std::size_t n = 1 + below(random, 4); n > 0; --n)
      text[below(random, text.size())] = static_cast<char>(random() & 0xff);
    if (below(random, 4) == 0) text.resize(below(random, text.size()));
    const auto manifest = Manifest::parse(text);
    EXPECT_TRUE(manifest.ok() || !manifest.status().message().empty());
  }
}

Field random_field(Random& random, int depth) {
  Field out;
  out.name = "f" + std::to_string(below(random, 4));
  out.type = static_cast<FieldType>(below(random, depth > 2 ? 11 : 14));
  out.required = below(random, 2) == 0;
  if (below(random, 3) == 0) out.min = below(random, 4);
  if (below(random, 3) == 0) out.max = 4 + below(random, 300);
  if (below(random, 4) == 0) out.aliases = {"g" + std::to_string(below(random, 4))};
  if (out.type == FieldType::kString && below(random, 3) == 0) out.choices = {"a", "counter.add"};
  if (out.type == FieldType::kList) out.fields = {random_field(random, depth + 1)};
  if (out.type == FieldType::kRecord)
    out.fields = {random_field(random, depth + 1), random_field(random, depth + 1)};
  return out;
}

json::value random_value(Random& random, int depth) {
  const std::size_t pick = below(random, depth > 3 ? 4 : 8);
  if (pick < 4) return odd_value(random);
  if (pick < 6) {
    json::array list;
    for (std::size_t n = below(random, 4); n > 0; --n)
      list.push_back(random_value(random, depth + 1));
    return list;
  }
  json::object object;
  for (std::size_t n = below(random, 4); n > 0; --n) {
    object[(below(random, 5) == 0 ? "g" : "f") + std::to_string(below(random, 4))] =
        random_value(random, depth + 1);
  }
  return object;
}

TEST(Mutation, random_params_against_random_fields_decode_or_name_what_is_wrong) {
  Random random(99);
  ValueArena arena;
  std::vector<tb_value> values;
  int decoded = 0;
  for (int i = 0; i < 50'000; ++i) {
    std::vector<Field> fields;
    for (std::size_t n = below(random, 4); n > 0; --n) fields.push_back(random_field(random, 0));
    const json::value params = random_value(random, 0);
    arena.clear();
    if (const auto error = decode_params(fields, params, arena, &values)) {
      EXPECT_FALSE(error->message.empty());
      continue;
    }
    ++decoded;
    ASSERT_EQ(values.size(), fields.size());
    JsonOut out;
    for (const tb_value& value : values) write_value(out.out(), to_view(value.name), value);
    EXPECT_TRUE(out.error().empty()) << out.error();
  }
  EXPECT_GT(decoded, 1000);
}

// Two writers of the same form, written apart.
TEST(Mutation, canonical_text_of_a_tree_is_that_of_base) {
  Random random(5);
  for (int i = 0; i < 20'000; ++i) {
    const json::value value = random_value(random, 0);
    if (!value.is_object()) continue;
    const Result<std::string> expected = canonical_json(value);
    if (!expected.ok()) continue;
    JsonOut out(true);
    for (const auto& member : value.get_object())
      write_json(out.out(), member.key(), member.value());
    EXPECT_EQ(out.finish(), *expected);
  }
}

}  // namespace
}  // namespace blockd
