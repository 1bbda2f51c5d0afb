// Catalogue: all verbs of this program, those of the node's description and the local ones, under
// one roof for dispatch, help and completion.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "kernel/programs/cli/document.hpp"
#include "kernel/programs/cli/local_tool.hpp"

namespace blockd::cli {

struct LocalFlag {
  std::string name, value, help;  // "--out", "FILE" (empty: none), "Where to write"
};

// What a local verb was given.
struct LocalArgs {
  std::vector<std::string> words;
  std::map<std::string, std::vector<std::string>> flags;
  bool has(const std::string& flag) const { return flags.contains(flag); }
  // The last value; `otherwise` if the flag was not given.
  std::string get(const std::string& flag, const std::string& otherwise = {}) const;
};

class Catalogue;
struct LocalVerb {
  std::string path, positionals, summary;  // "wallet show", "<key_id>", "…"
  std::vector<LocalFlag> flags;
  std::size_t min_words = 0, max_words = 0;
  std::function<int(Session&, const LocalArgs&)> run;
  std::vector<std::pair<std::string, std::string>> examples = {};
  std::vector<std::string> aliases = {};
  bool sends = false;  // knows the flags of commands: --key-id, --fee, …
  bool raw = false;    // flags are not checked here; `words` is all that follows the path
  std::string only_with =
      {};  // this flag must be given, else the node's verb of the same path is meant
};

struct Verb {
  const CliNode* node = nullptr;
  const LocalVerb* local = nullptr;
  explicit operator bool() const { return node || local; }
  const std::string& path() const { return node ? node->path : local->path; }
  const std::string& summary() const { return node ? node->summary : local->summary; }
};

class Catalogue {
 public:
  Catalogue();  // the local verbs alone
  void set_tree(CliTree tree) { tree_ = std::move(tree); }
  const CliTree& tree() const { return tree_; }
  const std::vector<LocalVerb>& locals() const { return locals_; }

  // The verb with the longest path at the front of `words`; a local one wins unless its `only_with`
  // is missing in `all`.
  Verb find(const std::vector<std::string>& words, const std::vector<std::string>& all,
            std::size_t* used) const;
  std::vector<std::string> next_words(const std::vector<std::string>& words) const;
  std::optional<std::string> nearest(const std::vector<std::string>& words) const;
  // Every verb once, sorted by path.
  std::vector<Verb> all() const;

 private:
  const LocalVerb* find_local(const std::vector<std::string>& words,
                              const std::vector<std::string>& all, std::size_t* used) const;
  Verb find_as_said(const std::vector<std::string>& words, const std::vector<std::string>& all,
                    std::size_t* used) const;
  std::set<std::string> next_words_as_said(const std::vector<std::string>& words) const;

  std::vector<LocalVerb> locals_;
  CliTree tree_;
};

// Parses what follows the path of a local verb; global flags go to session.options. Errors:
// kInvalid.
Result<LocalArgs> parse_local(Session& session, const LocalVerb& verb,
                              const std::vector<std::string>& words);
std::string usage_line(const LocalVerb& verb);

// The local verbs, by topic.
std::vector<LocalVerb> wallet_verbs();
std::vector<LocalVerb> wallet_send_verbs();
std::vector<LocalVerb> signer_verbs();
std::vector<LocalVerb> node_verbs();
std::vector<LocalVerb> config_verbs();
std::vector<LocalVerb> plugin_verbs();
std::vector<LocalVerb> transaction_verbs();
std::vector<LocalVerb> misc_verbs();
std::vector<LocalVerb> storage_verbs();
std::vector<LocalVerb> maintenance_verbs();
std::vector<LocalVerb> repair_verbs();
std::vector<LocalVerb> script_verbs();
std::vector<LocalVerb> audit_verbs();
std::vector<LocalVerb> governance_verbs();
std::vector<LocalVerb> release_verbs();
std::vector<LocalVerb> snapshot_verbs();
std::vector<LocalVerb> backup_verbs();
std::vector<LocalVerb> checkpoint_verbs();
std::vector<LocalVerb> log_verbs();
std::vector<LocalVerb> top_verbs();
std::vector<LocalVerb> telemetry_verbs();
std::vector<LocalVerb> tls_verbs();
std::vector<LocalVerb> state_verbs();
std::vector<LocalVerb> import_toml_verbs();
std::vector<LocalVerb> node_key_verbs();
std::vector<LocalVerb> doctor_verbs();

}  // namespace blockd::cli
