#include "kernel/programs/cli/manual.hpp"

#include "kernel/manifest/man_page.hpp"
#include "kernel/programs/cli/help.hpp"
#include "kernel/programs/cli/params.hpp"

namespace blockd::cli {
namespace {

struct ManualRow {
  const char *tag, *text;
};

constexpr ManualRow kExitRows[] = {
    {"0", "Done."},
    {"1", "Refused by the node, or what was checked does not hold."},
    {"2", "Wrong use: an unknown verb or flag, a value of the wrong type."},
    {"3", "The node cannot be reached, or did not answer in time."}};

constexpr ManualRow kVariableRows[] = {
    {"TB_RPC_ENDPOINT", "The node, as --url names it."},
    {"TB_RPC_SOCKET",
     "Its local socket, and no other way to a node; unset: rpc.sock in TB_DATA_DIR (node-data) "
     "when "
     "it is this user's, else http://localhost:26658."},
    {"TB_RPC_AUTH_TOKEN", "Bearer token for calls over the network."},
    {"TB_RPC_TIMEOUT_MS", "How long to wait for an answer."},
    {"TB_RPC_TLS_CA, TB_RPC_TLS_CERT, TB_RPC_TLS_KEY",
     "Who vouches for the node; own certificate and key."},
    {"TB_HOME", "The folder that holds .the_block, with the wallet ($HOME)."},
    {"TB_WALLET_PASSWORD_FILE", "Holds the password of the wallet's keys."},
    {"TB_CONFIG", "The node's configuration, for verbs that read it."}};

constexpr ManualRow kFileRows[] = {
    {"~/.cache/the-block", "The node's description as last seen, for help while it is away."},
    {"~/.the_block", "The wallet."},
    {"/usr/share/the-block/openrpc.json", "The verbs of the plugins that ship with the node."}};

template <std::size_t kCount>
void put_rows(ManPage& page, const char* heading, const ManualRow (&rows)[kCount]) {
  page.section(heading);
  for (const ManualRow& row : rows) page.entry(row.tag, row.text);
}

std::string with_value(const std::string& flag, const std::string& value) {
  return value.empty() ? flag : flag + " " + value;
}

void put_global_flags(ManPage& page, bool command_only) {
  for (const GlobalFlag& flag : global_flags()) {
    if (flag.command_only == command_only)
      page.entry(with_value(flag.name, flag.value ? flag.value : ""), flag.help);
  }
}

// Flags that are explained once for all verbs.
bool is_everywhere(const FlagView& flag) {
  const GlobalFlag* global = find_global_flag(flag.flag);
  return global && flag.help == global->help;
}

void put_examples(ManPage& page, const Verb& verb) {
  for (const auto& [line, shows] : verb.node ? verb.node->examples : verb.local->examples)
    page.more("Example: " + line + (shows.empty() ? "" : "\n" + shows));
}

void put_verb(ManPage& page, const Verb& verb) {
  page.entry(verb.node ? usage_line(*verb.node) : usage_line(*verb.local), verb.summary());
  if (verb.node && !verb.node->help.empty()) page.more(verb.node->help);
  std::string aliases;
  for (const std::string& alias : verb.node ? verb.node->aliases : verb.local->aliases)
    aliases += (aliases.empty() ? "Also: " : ", ") + alias;
  if (!aliases.empty()) page.more(aliases);
  std::vector<FlagView> own = flags_of(verb);
  std::erase_if(own, is_everywhere);
  if (!own.empty()) page.indent();
  for (const FlagView& flag : own) page.entry(with_value(flag.flag, flag.value), flag.help);
  if (!own.empty()) page.outdent();
  put_examples(page, verb);
}

// The word that a verb stands under; verbs of one word stand together.
std::string group_of(const std::string& path) {
  const std::size_t space = path.find(' ');
  return space == std::string::npos ? "general" : path.substr(0, space);
}

void put_verbs(ManPage& page, const Catalogue& catalogue) {
  std::map<std::string, std::vector<Verb>> groups;
  for (const Verb& verb : catalogue.all()) groups[group_of(verb.path())].push_back(verb);
  page.section("VERBS");
  for (const auto& [name, verbs] : groups) {
    page.subsection(name);
    for (const Verb& verb : verbs) put_verb(page, verb);
  }
}

}  // namespace

std::string manual_page(const Catalogue& catalogue) {
  ManPage page("contract-cli", 1, "blockd " TB_VERSION, TB_RELEASE_DATE,
               "command line of a node of The Block");
  page.section("SYNOPSIS");
  page.command("contract-cli VERB… [ARGUMENTS] [FLAGS]");
  page.command("contract-cli help [--all] [VERB…]");
  page.section("DESCRIPTION");
  page.paragraph(
      "Asks a running node, sends it commands, and does what can be done without one: keys, "
      "signatures, configuration, stores. Most verbs come from the node's plugins; a node with "
      "other plugins than the shipped ones has other verbs, which contract-cli help lists. "
      "tb-cli and contract are names of the same program.");
  page.section("FLAGS OF EVERY VERB");
  put_global_flags(page, false);
  page.section("FLAGS OF COMMANDS");
  page.paragraph("For verbs that send a command to the chain.");
  put_global_flags(page, true);
  put_rows(page, "EXIT STATUS", kExitRows);
  put_rows(page, "ENVIRONMENT", kVariableRows);
  put_rows(page, "FILES", kFileRows);
  put_verbs(page, catalogue);
  page.section("SEE ALSO");
  page.paragraph("blockd(8), blockd.yaml(5)");
  return page.text();
}

}  // namespace blockd::cli
