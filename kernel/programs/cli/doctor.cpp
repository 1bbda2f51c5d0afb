// doctor: looks at machine, configuration and node as an operator would, and says what to do.
#include "kernel/programs/cli/doctor.hpp"

#include <ostream>

#include "kernel/base/file.hpp"
#include "kernel/config/kernel_keys.hpp"
#include "kernel/programs/blockd/places.hpp"
#include "kernel/programs/cli/catalogue.hpp"
#include "kernel/programs/cli/config_files.hpp"
#include "kernel/programs/cli/node_client.hpp"
#include "kernel/programs/cli/output.hpp"
#include "kernel/programs/cli/plugin_files.hpp"

namespace blockd::cli {
namespace {

constexpr std::uint32_t kNodeTimeoutMs = 3000;
constexpr const char* kMarks[] = {"ok", "warning", "error"};

// The signers whose signatures count, where they matter.
std::vector<PublicKey> look_at_signers(const Config& config, Findings& out) {
  const std::string policy = config.text("plugins.signatures");
  const std::string file = config.text("plugins.signers_file");
  const bool enforced = policy == "enforce";
  const Result<Bytes> text = read_file(file);
  Result<std::vector<PublicKey>> signers =
      text.ok() ? parse_signers(*text) : Result<std::vector<PublicKey>>(text.status());
  if (signers.ok() || !enforced) {
    const std::string count =
        signers.ok() ? "; " + std::to_string(signers->size()) + " signers in " + file : "";
    out.push_back({Mark::kOk, "plugins.signatures", policy + count});
  } else {
    out.push_back({Mark::kBad, "plugins.signatures", "enforce, but " + signers.status().message(),
                   "without signers only isolated plugins load; put release_signers.txt there, or "
                   "set plugins.signers_file"});
  }
  return signers.ok() ? *signers : std::vector<PublicKey>();
}

void look_at_plugins(Session& session, const Config& config, Findings& out) {
  const std::vector<PublicKey> signers = look_at_signers(config, out);
  const std::string policy_text = config.text("plugins.signatures");
  for (const PluginLoad& wanted : plugins_to_load(config)) {
    if (!wanted.enabled) continue;
    const std::string what = "plugin " + wanted.id;
    const std::string file = plugin_file(config, session.world.program_dir, wanted);
    if (!file_exists(file)) {
      out.push_back({Mark::kBad, what, file + " is missing",
                     "put the library there, or name its file in plugins.load"});
      continue;
    }
    // A library in a process of its own needs no signature.
    const SignaturePolicy policy = policy_text == "enforce" && !wanted.isolated
                                       ? SignaturePolicy::kEnforce
                                   : policy_text == "off" ? SignaturePolicy::kOff
                                                          : SignaturePolicy::kWarn;
    const Result<CheckedPlugin> plugin = check_plugin_file(session, file, policy, signers, false);
    if (!plugin.ok()) {
      out.push_back({Mark::kBad, what, plugin.status().message(),
                     "contract-cli plugin check " + file + " says more"});
      continue;
    }
    out.push_back({Mark::kOk, what,
                   "version " + plugin->manifest->version + ", signature " +
                       std::string(signature_state_name(plugin->file.signature)) + ", " + file});
  }
}

std::string named_text(const json::value& of, const char* name) {
  const json::object* object = of.if_object();
  const json::value* value = object ? object->if_contains(name) : nullptr;
  return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

void look_at_loaded_plugins(NodeClient& client, Findings& out) {
  const Result<json::value> plugins =
      client.call("plugin.list", json::object{}, {}, kNodeTimeoutMs);
  if (!plugins.ok() || !plugins->is_array()) return;
  for (const json::value& row : plugins->get_array()) {
    const std::string id = escape_controls(named_text(row, "id"));
    const std::string error = escape_controls(named_text(row, "error"));
    if (!error.empty())
      out.push_back({Mark::kBad, "running plugin " + id, error, "contract-cli plugin info " + id});
  }
}

void look_at_chain_time(Session& session, NodeClient& client, Findings& out) {
  const Result<json::value> block = client.call("block.latest", json::object{}, {}, kNodeTimeoutMs);
  const json::object* object = block.ok() ? block->if_object() : nullptr;
  const json::value* time = object ? object->if_contains("time_ms") : nullptr;
  if (!time) return;
  const auto ms = time->is_uint64()  ? time->get_uint64()
                  : time->is_int64() ? static_cast<std::uint64_t>(time->get_int64())
                                     : 0;
  out.push_back(judge_chain_time(ms, session.world.clock.unix_ms()));
}

void look_at_node(Session& session, Findings& out) {
  NodeClient client(session);
  const Result<json::value> status = client.call("node.status", json::object{}, {}, kNodeTimeoutMs);
  if (!status.ok()) {
    out.push_back({Mark::kWarn, "node", "does not answer at " + client.endpoint(),
                   "contract-cli node start, systemctl start the-block, or --url for another"});
    return;
  }
  const std::string theirs = escape_controls(named_text(*status, "version"));
  const bool same = theirs == TB_VERSION;
  out.push_back(
      {same ? Mark::kOk : Mark::kWarn, "node",
       "version " + theirs + " answers at " + client.endpoint(),
       same ? ""
            : "this program is version " TB_VERSION
              ": use the one of the node's release, or restart the node after an upgrade"});
  look_at_chain_time(session, client, out);
  look_at_loaded_plugins(client, out);
}

// Null if there is none that could be read; the findings say why.
std::shared_ptr<const Config> look_at_configuration(Session& session, const LocalArgs& args,
                                                    Findings& out) {
  const std::string file = args.get("--config");
  const bool named = !file.empty() || session.world.environment.contains("TB_CONFIG");
  const ReadConfig read = read_node_config(session, file, named, args.get("--data-dir"));
  for (const std::string& error : read.load.errors())
    out.push_back({Mark::kBad, "configuration", error, "correct it, or leave the key out"});
  for (const std::string& warning : read.load.warnings())
    out.push_back({Mark::kWarn, "configuration", warning, "contract-cli config check FILE"});
  if (read.load.ok() && read.load.warnings().empty())
    out.push_back({Mark::kOk, "configuration", "reads well"});
  return read.load.config;
}

int report(Session& session, const Findings& findings) {
  std::size_t bad = 0, warned = 0;
  json::array rows;
  for (const Finding& one : findings) {
    bad += one.mark == Mark::kBad;
    warned += one.mark == Mark::kWarn;
    const char* mark = kMarks[static_cast<std::size_t>(one.mark)];
    rows.push_back(json::object{
        {"state", mark}, {"what", one.what}, {"found", one.found}, {"next", one.next}});
    if (session.options.format == Format::kJson) continue;
    session.world.out << mark << std::string(9 - std::string_view(mark).size(), ' ') << one.what
                      << ": " << one.found << '\n';
    if (!one.next.empty()) session.world.out << "         " << one.next << '\n';
  }
  if (session.options.format == Format::kJson) {
    Result<std::string> text = format_result(
        session, json::object{{"errors", bad}, {"warnings", warned}, {"findings", std::move(rows)}},
        {"", {}, "", true});
    if (!text.ok()) return session.fail(text.status());
    session.world.out << *text;
  } else {
    session.world.out << bad << " errors, " << warned << " warnings\n";
  }
  return bad ? kExitRefused : kExitOk;
}

int doctor(Session& session, const LocalArgs& args) {
  Findings findings;
  look_at_clock(findings);
  look_at_limits(findings);
  look_at_node(session, findings);
  if (const auto config = look_at_configuration(session, args, findings)) {
    look_at_files(*config, findings);
    look_at_ports(*config, findings);
    look_at_peers(*config, findings);
    look_at_plugins(session, *config, findings);
  }
  return report(session, findings);
}

}  // namespace

std::vector<LocalVerb> doctor_verbs() {
  return {
      {"doctor",
       "",
       "Look at clock, limits, disk, permissions, ports, peers, plugins and the node, and say what "
       "to do",
       {{"--config", "FILE", "The node's configuration (where blockd looks for it)"},
        {"--data-dir", "DIR", "Its data, where a flag of the service names it"}},
       0,
       0,
       doctor,
       {{"contract-cli doctor",
         "Exit code 1 if something must be done before the node can run well"}}}};
}

}  // namespace blockd::cli
