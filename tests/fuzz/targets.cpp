#include "tests/fuzz/targets.hpp"

#include "kernel/base/json.hpp"
#include "kernel/chain/block.hpp"
#include "kernel/chain/chain.hpp"
#include "kernel/config/yaml_file.hpp"
#include "kernel/host/library.hpp"
#include "kernel/lua/script.hpp"
#include "kernel/manifest/manifest.hpp"

namespace blockd::fuzz {
namespace {

// What canonical JSON prints, it reads back and prints again in the same bytes.
void json(std::string_view input) {
  const auto value = parse_json(input);
  if (!value.ok()) return;
  const auto printed = canonical_json(*value);
  if (!printed.ok()) return;
  const auto again = parse_json(*printed);
  TB_ASSERT(again.ok());
  const auto printed_again = canonical_json(*again);
  TB_ASSERT(printed_again.ok() && *printed_again == *printed);
}

// A command is taken from the log only in its canonical bytes, and from a request only when these
// stand in the request.
void envelope(std::string_view input) {
  const ParsedCommand logged = parse_envelope(Bytes(input));
  TB_ASSERT((logged.command == nullptr) == logged.refusal.has_value());
  if (logged.command != nullptr) TB_ASSERT(logged.command->envelope == input);
  const auto value = parse_json(input);
  if (!value.ok()) return;
  const ParsedCommand sent = parse_envelope(*value, input);
  TB_ASSERT((sent.command == nullptr) == sent.refusal.has_value());
  if (sent.command == nullptr) return;
  TB_ASSERT(input.find(sent.command->signed_bytes) != std::string_view::npos);
  const ParsedCommand back = parse_envelope(Bytes(sent.command->envelope));
  TB_ASSERT(back.command != nullptr && back.command->id == sent.command->id);
}

void yaml(std::string_view input) {
  YamlNode root;
  YamlFault fault;
  if (!parse_yaml(input, root, fault)) TB_ASSERT(!fault.text.empty());
}

// A manifest that is taken is the same after a round through its own text.
void manifest(std::string_view input) {
  const auto parsed = Manifest::parse(input);
  if (!parsed.ok()) return;
  const auto text = canonical_json((*parsed)->source);
  if (!text.ok()) return;  // numbers beyond 2^53 have no canonical form
  const auto again = Manifest::parse(*text);
  TB_ASSERT(again.ok() && (*again)->hash == (*parsed)->hash);
}

void genesis(std::string_view input) {
  const auto parsed = Genesis::parse(input);
  if (!parsed.ok()) return;
  const auto again = Genesis::parse(parsed->to_json());
  TB_ASSERT(again.ok() && again->hash() == parsed->hash());
}

void elf(std::string_view input) {
  const Status status = check_elf(input);
  TB_ASSERT(status.ok() || !status.message().empty());
}

// Records of the log, as a peer or a damaged disk may give them.
void block(std::string_view input) {
  for (const bool deltas : {false, true}) {
    const auto decoded = decode_block(input, deltas);
    TB_ASSERT(decoded.ok() || decoded.status().code() == Code::kCorrupt);
  }
  const auto batch = decode_batch(input);
  TB_ASSERT(batch.ok() || batch.status().code() == Code::kCorrupt);
  const auto header = Header::decode(input);
  if (header.ok()) TB_ASSERT(header->encode() == input);
}

// Any text compiles to the same end twice, and its functions answer, cost and take the same from
// two objects, within the budget and the cap.
void lua_script(std::string_view input) {
  constexpr std::uint64_t kBudget = 20'000, kOnePayment = 1u << 20;
  lua::Answer compiled[2];
  const std::unique_ptr<lua::Script> scripts[2] = {lua::Script::compile(input, &compiled[0]),
                                                   lua::Script::compile(input, &compiled[1])};
  TB_ASSERT((scripts[0] == nullptr) == (scripts[1] == nullptr));
  TB_ASSERT(compiled[0].fault == compiled[1].fault && compiled[0].text == compiled[1].text);
  TB_ASSERT(compiled[0].ok() == (scripts[0] != nullptr));
  if (scripts[0] == nullptr) return TB_ASSERT(!compiled[0].text.empty());
  const json::object argument{{"height", 7}, {"method", "a.b"}, {"old", 1},   {"new", 2},
                              {"min", 0},    {"max", 9},        {"epoch", 3}, {"kind", "activate"}};
  for (const std::string_view event : lua::kEvents) {
    if (!scripts[0]->has(event)) continue;
    lua::Answer a = scripts[0]->call(event, argument, kBudget, lua::Reads{});
    const lua::Answer b = scripts[1]->call(event, argument, kBudget, lua::Reads{});
    TB_ASSERT(a.fault == b.fault && a.text == b.text && a.first == b.first);
    TB_ASSERT(a.instructions == b.instructions && a.memory == b.memory);
    TB_ASSERT(a.instructions <= kBudget + kOnePayment && a.memory <= lua::kMaxMemory);
    lua::read_verdict(event, &a);
    lua::read_hook_result(event, &a);
  }
}

constexpr Target kTargets[] = {{"json", &json},         {"envelope", &envelope},    {"yaml", &yaml},
                               {"manifest", &manifest}, {"genesis", &genesis},      {"elf", &elf},
                               {"block", &block},       {"lua_script", &lua_script}};

}  // namespace

std::span<const Target> targets() { return kTargets; }

}  // namespace blockd::fuzz
