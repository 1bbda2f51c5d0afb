#include "tests/fuzz/targets.hpp"

#include "kernel/base/json.hpp"
#include "kernel/chain/block.hpp"
#include "kernel/chain/chain.hpp"
#include "kernel/config/yaml_file.hpp"
#include "kernel/host/library.hpp"
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

constexpr Target kTargets[] = {{"json", &json},         {"envelope", &envelope}, {"yaml", &yaml},
                               {"manifest", &manifest}, {"genesis", &genesis},   {"elf", &elf},
                               {"block", &block}};

}  // namespace

std::span<const Target> targets() { return kTargets; }

}  // namespace blockd::fuzz
