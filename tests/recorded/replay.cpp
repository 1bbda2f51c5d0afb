#include "tests/recorded/replay.hpp"

#include <zlib.h>

#include "kernel/base/file.hpp"
#include "kernel/base/hex.hpp"
#include "kernel/chain/executor.hpp"
#include "kernel/chain/replay_state.hpp"

namespace blockd::recorded {
namespace {

// One chain while it is executed again.
class Replay {
 public:
  Replay(Genesis genesis, support::PluginImages& plugins)
      : genesis_(std::move(genesis)),
        executor_(
            genesis_, [&plugins](const RosterEntry& entry) { return plugins.find(entry); },
            &cache_) {}

  Status genesis_block(const Header& recorded) {
    Result<std::shared_ptr<const MachineSet>> machines = executor_.resolve(genesis_.plugins, 0);
    if (!machines.ok()) return machines.status();
    BlockOutput output;
    TB_TRY(executor_.execute_genesis(state_, *machines, &output));
    if (output.write_set_root != recorded.write_set_root)
      return Status(Code::kInvalid, "write_set_root of the genesis differs");
    keep(std::move(output));
    return {};
  }

  Status block(const Header& recorded, const std::vector<CommandPtr>& commands,
               const std::vector<std::string>& ends) {
    BlockInput input;
    input.height = recorded.height;
    input.time_ms = recorded.time_ms;
    input.previous = recorded.previous;
    input.proposer = recorded.proposer;
    input.machines = machines_;
    input.params = params_;
    input.scripts = scripts_;
    input.commands = &commands;
    input.collect = true;
    BlockOutput output;
    TB_TRY(executor_.execute(state_, nullptr, input, &output));
    const std::string differs = difference(recorded, output);
    if (!differs.empty())
      return Status(Code::kInvalid, differs + " differs" + first_end(commands, ends, output));
    keep(std::move(output));
    return {};
  }

 private:
  static std::string difference(const Header& recorded, const BlockOutput& output) {
    if (recorded.command_root != output.command_root) return "command_root";
    if (recorded.receipt_root != output.receipt_root) return "receipt_root";
    if (recorded.write_set_root != output.write_set_root) return "write_set_root";
    if (recorded.roster_hash != output.machines->roster_hash()) return "roster_hash";
    return {};
  }

  static std::string first_end(const std::vector<CommandPtr>& commands,
                               const std::vector<std::string>& ends, const BlockOutput& output) {
    std::size_t i = 0;
    for (const Step& step : output.steps) {
      if (step.kind != StepKind::kCommand || i >= ends.size()) continue;
      const std::string now =
          std::string(outcome_name(step.outcome)) + (step.name.empty() ? "" : " " + step.name);
      if (now != ends[i])
        return "; command " + std::to_string(i) + " " + commands[step.command]->method +
               ": recorded " + ends[i] + ", now " + now;
      ++i;
    }
    return "; every command ended as recorded";
  }

  void keep(BlockOutput output) {
    machines_ = output.machines;
    params_ = output.params;
    scripts_ = output.scripts;
    state_.apply(executor_.changes());
  }

  Genesis genesis_;
  VerifyCache cache_;
  ReplayState state_;
  Executor executor_;
  std::shared_ptr<const MachineSet> machines_;
  std::shared_ptr<const ParamValues> params_;
  std::shared_ptr<const ActiveScripts> scripts_;
};

Result<Header> header_in(const json::object& line) {
  const json::value* text = line.if_contains("header");
  if (text == nullptr || !text->is_string()) return Status(Code::kCorrupt, "a line without header");
  Result<Bytes> bytes = from_hex(text->get_string());
  return bytes.ok() ? Header::decode(*bytes) : Result<Header>(bytes.status());
}

Result<std::vector<CommandPtr>> commands_in(const json::object& line) {
  std::vector<CommandPtr> out;
  const json::value* list = line.if_contains("commands");
  if (list == nullptr || !list->is_array())
    return Status(Code::kCorrupt, "a block without commands");
  for (const json::value& envelope : list->get_array()) {
    Result<std::string> text = canonical_json(envelope);
    if (!text.ok()) return text.status();
    ParsedCommand parsed = parse_envelope(*std::move(text));
    if (parsed.command == nullptr) return Status(Code::kCorrupt, parsed.refusal->message);
    out.push_back(parsed.command);
  }
  return out;
}

std::vector<std::string> ends_in(const json::object& line) {
  std::vector<std::string> out;
  const json::value* list = line.if_contains("ends");
  if (list == nullptr || !list->is_array()) return out;
  for (const json::value& end : list->get_array()) {
    if (end.is_string()) out.emplace_back(end.get_string());
  }
  return out;
}

}  // namespace

Result<std::string> read_recording(const std::string& path) {
  gzFile file = gzopen(path.c_str(), "rb");
  if (file == nullptr) return errno_status(path);
  std::string out;
  std::vector<char> part(1u << 20);
  int got = 0;
  while ((got = gzread(file, part.data(), static_cast<unsigned>(part.size()))) > 0 &&
         out.size() <= kMaxFileBytes)
    out.append(part.data(), static_cast<std::size_t>(got));
  const int closed = gzclose(file);
  if (got < 0 || closed != Z_OK) return Status(Code::kCorrupt, path + ": the file is damaged");
  if (out.size() > kMaxFileBytes) return Status(Code::kLimit, path + ": above 256 MiB");
  return out;
}

Result<Tally> replay_recording(const std::string& text, support::PluginImages& plugins) {
  Tally tally;
  std::unique_ptr<Replay> chain;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    Result<json::value> value = parse_json(std::string_view(text).substr(at, end - at));
    at = end + 1;
    if (!value.ok() || !value->is_object())
      return Status(Code::kCorrupt,
                    "a line behind chain " + std::to_string(tally.chains) + " is no JSON object");
    const json::object& line = value->get_object();
    Result<Header> header = header_in(line);
    if (!header.ok()) return header.status();
    const std::string where = "chain " + std::to_string(tally.chains + (chain ? 0 : 1)) +
                              ", height " + std::to_string(header->height);
    if (const json::value* document = line.if_contains("genesis")) {
      Result<std::string> canonical = canonical_json(*document);
      Result<Genesis> genesis = canonical.ok() ? Genesis::parse(*canonical) : canonical.status();
      if (!genesis.ok()) return genesis.status().in(where);
      chain = std::make_unique<Replay>(*std::move(genesis), plugins);
      ++tally.chains;
      TB_TRY(chain->genesis_block(*header).in("chain " + std::to_string(tally.chains)));
      continue;
    }
    if (chain == nullptr) return Status(Code::kCorrupt, "the first line has no genesis");
    Result<std::vector<CommandPtr>> commands = commands_in(line);
    if (!commands.ok()) return commands.status().in(where);
    TB_TRY(chain->block(*header, *commands, ends_in(line)).in(where));
    ++tally.blocks;
    tally.commands += commands->size();
  }
  if (tally.blocks == 0) return Status(Code::kCorrupt, "a recording without blocks");
  return tally;
}

std::vector<std::string> missing_recordings(const std::string& folder,
                                            const support::PluginImages& plugins,
                                            const std::vector<std::string>& names) {
  std::vector<std::string> out;
  for (const std::string& name : names) {
    const support::PluginImages::Image* image = plugins.image(name);
    if (image == nullptr || image->plugin->machine == nullptr) continue;
    for (std::uint32_t sm = image->manifest->sm_min; sm <= image->manifest->sm; ++sm) {
      const std::string wanted = name + "-sm" + std::to_string(sm);
      if (!file_exists(folder + "/" + wanted + ".jsonl.gz")) out.push_back(wanted);
    }
  }
  return out;
}

}  // namespace blockd::recorded
