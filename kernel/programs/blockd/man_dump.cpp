#include "kernel/programs/blockd/man_dump.hpp"

#include <boost/json/serialize.hpp>
#include <map>

#include "kernel/config/kernel_keys.hpp"
#include "kernel/manifest/man_page.hpp"
#include "kernel/programs/blockd/dump.hpp"
#include "kernel/programs/blockd/flags.hpp"
#include "kernel/programs/blockd/plugin_config.hpp"

namespace blockd {
namespace {

constexpr const char* kVersion = "blockd " TB_VERSION;

struct UsageRow {
  const char *line, *help;
};
constexpr UsageRow kVerbs[] = {
    {"blockd run [FLAGS]", "start the node (`blockd run --help` lists the flags)"},
    {"blockd call METHOD [PARAMS] --data-dir DIR [FLAGS]",
     "one query on the data of a node that does not run"},
    {"blockd --print-openrpc [--out FILE] LIBRARY…",
     "the OpenRPC document of the kernel and these plugins"},
    {"blockd --print-reference [--dir DIR] LIBRARY…", "their reference pages in Markdown"},
    {"blockd --print-manifests [--out FILE] LIBRARY…", "their manifests as JSON"},
    {"blockd --print-man [--dir DIR] LIBRARY…", "the manual pages blockd(8) and blockd.yaml(5)"},
    {"blockd --version", "the version of this program"}};

constexpr UsageRow kSignals[] = {
    {"SIGTERM, SIGINT", "Stop: no new requests, those in flight are answered, stores are closed."},
    {"SIGHUP", "Read the configuration again; all of it is taken over, or none."},
    {"SIGUSR1", "Open the log file again under its name, after a rotation from outside."}};

constexpr UsageRow kExits[] = {
    {"0", "Stopped when asked."},
    {"1", "The node could not start or go on; the last lines on standard error say why."},
    {"2", "The command line or the configuration is wrong."},
    {"3", "This executable is no approved release, and approval is enforced."}};

constexpr UsageRow kFiles[] = {
    {"/etc/the-block/node.yaml", "Configuration of the service."},
    {"/etc/the-block/node.env", "Variables of the service: secrets; mode 0600 of root."},
    {"/var/lib/the-block", "Data of the service: chain, state, keys, configuration history."},
    {"/usr/share/the-block/config/profiles", "What a kind of network sets."},
    {"/usr/lib/the-block/plugins", "The plugins that ship with the node."}};

template <std::size_t kCount>
void put_rows(ManPage& page, const char* heading, const UsageRow (&rows)[kCount]) {
  page.section(heading);
  for (const UsageRow& row : rows) page.entry(row.line, row.help);
}

std::string node_page(const ConfigSchema& schema) {
  ManPage page("blockd", 8, kVersion, TB_RELEASE_DATE, "node of The Block");
  page.section("SYNOPSIS");
  for (const UsageRow& row : kVerbs) page.command(row.line);
  page.section("DESCRIPTION");
  page.paragraph(
      "blockd runs one node: an ordered log of commands, the plugins that execute them, and the "
      "listeners that answer JSON-RPC, REST, WebSockets and /metrics. contract-cli(1) speaks with "
      "it; the service unit is the-block.service.");
  page.section("VERBS");
  for (const UsageRow& row : kVerbs) page.entry(row.line, row.help);
  page.section("FLAGS OF RUN");
  page.paragraph("Each flag wins over the variable and the file; the key is named in brackets.");
  for (const NodeFlagRow& row : node_flag_rows(schema)) page.entry(row.flag, row.help);
  page.section("ENVIRONMENT");
  page.paragraph(
      "Every configuration key has a variable, TB_ and the name in capitals unless blockd.yaml(5) "
      "names another. TB_CONFIG names the configuration file.");
  put_rows(page, "SIGNALS", kSignals);
  put_rows(page, "EXIT STATUS", kExits);
  put_rows(page, "FILES", kFiles);
  page.section("SEE ALSO");
  page.paragraph("contract-cli(1), blockd.yaml(5), systemctl(1)");
  return page.text();
}

std::string listed(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

std::string facts_of(const ConfigKey& key) {
  std::string out = std::string(config_type_name(key.type));
  if (!key.unit.empty()) out += " in " + key.unit;
  // "a text" says no more than the type.
  if (const std::string range = key.expected(); !range.starts_with("a ")) out += "; " + range;
  out += key.default_value.is_null() ? "; no default"
                                     : "; default " + json::serialize(key.default_value);
  out += "\nvariable " + listed(key.variables());
  if (!key.flag.empty()) out += "; flag " + key.flag;
  if (!key.aliases.empty()) out += "; also " + listed(key.aliases);
  if (key.secret) out += "; secret";
  return out + "; reload " + std::string(reload_kind_name(key.reload));
}

std::string config_man_page(const ConfigSchema& schema) {
  ManPage page("blockd.yaml", 5, kVersion, TB_RELEASE_DATE, "configuration of a node of The Block");
  page.section("DESCRIPTION");
  page.paragraph(
      "A YAML mapping of sections; the service reads /etc/the-block/node.yaml. A value comes from "
      "a "
      "flag, else from the variable, else from the file .env beside this one, this file, the "
      "profile (chain.profile), the default. contract-cli config show prints each value with its "
      "source, contract-cli config check FILE names file, line and key of a mistake.");
  page.paragraph(
      "Reload: yes = a saved change counts at once; no = at the next start; genesis = read once, "
      "when the chain is made.");
  std::map<std::string, std::vector<const ConfigKey*>> groups;
  for (const auto& [name, key] : schema.keys()) {
    const std::size_t dot = name.find('.');
    groups[dot == std::string::npos ? "" : name.substr(0, dot)].push_back(&key);
  }
  page.section("KEYS");
  for (const auto& [group, keys] : groups) {
    page.subsection(group.empty() ? "the process" : group);
    for (const ConfigKey* key : keys) {
      page.entry(key->name, key->help);
      page.more(facts_of(*key));
    }
  }
  page.section("SEE ALSO");
  page.paragraph("blockd(8), contract-cli(1)");
  return page.text();
}

}  // namespace

const char* blockd_usage() {
  static const std::string text = [] {
    constexpr std::size_t kColumn = 44;
    std::string out;
    for (const UsageRow& row : kVerbs) {
      std::string line = (out.empty() ? "usage: " : "       ") + std::string(row.line);
      if (line.size() < kColumn) line.resize(kColumn, ' ');
      out += line + "   " + row.help + "\n";
    }
    return out;
  }();
  return text.c_str();
}

int print_man(const std::string& program, const std::vector<std::string>& words) {
  Result<DumpRequest> request = read_dump_request(program, words, "--dir");
  if (!request.ok()) return refuse_dump(request.status());
  auto schema = make_schema(request->plugins);
  if (!schema.ok()) return refuse_dump(schema.status());
  const std::pair<const char*, std::string> pages[] = {
      {"blockd.8", node_page(**schema)}, {"blockd.yaml.5", config_man_page(**schema)}};
  for (const auto& [name, text] : pages) {
    const Status written = write_dump(request->out.empty() ? "" : request->out + "/" + name, text);
    if (!written.ok()) return refuse_dump(written);
  }
  return 0;
}

}  // namespace blockd
