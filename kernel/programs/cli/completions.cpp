#include "kernel/programs/cli/completions.hpp"

#include <algorithm>
#include <set>
#include <sstream>

#include "kernel/programs/cli/help.hpp"

namespace blockd::cli {
namespace {

bool is_safe(const std::string& word) {
  return !word.empty() &&
         word.find_first_not_of(
             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") ==
             std::string::npos;
}

// Words that may follow each path, and flags of each verb.
struct Tables {
  std::map<std::string, std::set<std::string>> words, flags;
};

void put_path(const std::string& path, const Verb& verb, Tables* out) {
  std::istringstream in(path);
  std::string before;
  for (std::string word; in >> word;) {
    if (!is_safe(word)) return;
    out->words[before].insert(word);
    before += (before.empty() ? "" : " ") + word;
  }
  for (const FlagView& flag : flags_of(verb)) {
    if (is_safe(flag.flag)) out->flags[before].insert(flag.flag);
  }
}

Tables tables_of(const Catalogue& catalogue) {
  Tables out;
  for (const Verb& verb : catalogue.all()) {
    put_path(verb.path(), verb, &out);
    for (const std::string& alias : verb.node ? verb.node->aliases : verb.local->aliases)
      put_path(alias, verb, &out);
  }
  return out;
}

std::string joined(const std::set<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

std::string shell_table(const std::string& function,
                        const std::map<std::string, std::set<std::string>>& table) {
  std::string out = function + "() {\n  case \"$1\" in\n";
  for (const auto& [path, words] : table)
    out += "    \"" + path + "\") echo \"" + joined(words) + "\" ;;\n";
  return out + "  esac\n}\n";
}

std::string bash_script(const Tables& tables) {
  return shell_table("_contract_cli_words", tables.words) +
         shell_table("_contract_cli_flags", tables.flags) +
         R"bash(_contract_cli() {
  local cur="${COMP_WORDS[COMP_CWORD]}" path="" next="" i
  for ((i = 1; i < COMP_CWORD; i++)); do
    [[ "${COMP_WORDS[i]}" == -* ]] && continue
    next="${path:+$path }${COMP_WORDS[i]}"
    [[ -n "$(_contract_cli_words "$next")$(_contract_cli_flags "$next")" ]] || break
    path="$next"
  done
  if [[ "$cur" == -* ]]; then
    COMPREPLY=($(compgen -W "$(_contract_cli_flags "$path")" -- "$cur"))
  else
    COMPREPLY=($(compgen -W "$(_contract_cli_words "$path")" -- "$cur"))
    [[ ${#COMPREPLY[@]} -eq 0 ]] && COMPREPLY=($(compgen -f -- "$cur"))
  fi
}
complete -F _contract_cli contract-cli tb-cli contract
)bash";
}

std::string fish_script(const Tables& tables) {
  std::string out = R"fish(function __contract_cli_path
    set -l path
    for word in (commandline -opc)[2..-1]
        string match -q -- '-*' $word; or set -a path $word
    end
    string join ' ' -- $path
end
)fish";
  const auto put = [&](const std::string& path, const std::string& what) {
    for (const char* program : {"contract-cli", "tb-cli", "contract"}) {
      out += std::string("complete -c ") + program +
             " -n 'test (__contract_cli_path | string collect -a) = \"" + path + "\"' " + what +
             "\n";
    }
  };
  for (const auto& [path, words] : tables.words) put(path, "-f -a '" + joined(words) + "'");
  for (const auto& [path, flags] : tables.flags) {
    for (const std::string& flag : flags) {
      if (flag.starts_with("--")) put(path, "-l " + flag.substr(2));
    }
  }
  return out;
}

}  // namespace

Result<std::string> completion_script(const Catalogue& catalogue, const std::string& shell) {
  const Tables tables = tables_of(catalogue);
  if (shell == "bash") return bash_script(tables);
  // zsh runs bash's functions when asked to.
  if (shell == "zsh")
    return "#compdef contract-cli tb-cli contract\nautoload -U +X bashcompinit && bashcompinit\n" +
           bash_script(tables);
  if (shell == "fish") return fish_script(tables);
  return Status(Code::kInvalid, "--shell: expected bash, zsh or fish, found '" + shell + "'");
}

}  // namespace blockd::cli
