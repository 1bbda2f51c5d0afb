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

// Words that may follow each path, and flags of each verb, with what they are.
using Table = std::map<std::string, std::map<std::string, std::string>>;
struct Tables {
  Table words, flags;
};

// A description between single quotes of any shell; what it cannot hold is left out.
std::string safe_text(const std::string& text) {
  constexpr std::size_t kMostBytes = 100;
  constexpr std::string_view kAllowedMarks = " .,;/()<>=+_-";
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (plain || kAllowedMarks.find(c) != std::string_view::npos) out.push_back(c);
    if (out.size() == kMostBytes) break;
  }
  return out;
}

void put_path(const std::string& path, const Verb& verb, Tables* out) {
  std::istringstream in(path);
  std::string before;
  for (std::string word; in >> word;) {
    if (!is_safe(word)) return;
    const std::string longer = before + (before.empty() ? "" : " ") + word;
    std::string& shown = out->words[before][word];
    if (longer == path) shown = safe_text(verb.summary());
    before = longer;
  }
  for (const FlagView& flag : flags_of(verb)) {
    if (is_safe(flag.flag)) out->flags[before][flag.flag] = safe_text(flag.help);
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

std::string bash_table(const std::string& function, const Table& table) {
  std::string out = function + "() {\n  case \"$1\" in\n";
  for (const auto& [path, words] : table) {
    std::string names;
    for (const auto& [word, text] : words) names += (names.empty() ? "" : " ") + word;
    out += "    \"" + path + "\") echo \"" + names + "\" ;;\n";
  }
  return out + "  esac\n}\n";
}

std::string bash_script(const Tables& tables) {
  return bash_table("_contract_cli_words", tables.words) +
         bash_table("_contract_cli_flags", tables.flags) +
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

std::string zsh_table(const std::string& function, const Table& table) {
  std::string out = function + "() {\n  case \"$1\" in\n";
  for (const auto& [path, words] : table) {
    out += "    '" + path + "') reply=(";
    for (const auto& [word, text] : words)
      out += " '" + word + (text.empty() ? "" : ":" + text) + "'";
    out += " ) ;;\n";
  }
  return out + "  esac\n}\n";
}

// Not bash's functions by bashcompinit: zsh's own show what each word means.
std::string zsh_script(const Tables& tables) {
  return "#compdef contract-cli tb-cli contract\n" +
         zsh_table("_contract_cli_words", tables.words) +
         zsh_table("_contract_cli_flags", tables.flags) +
         R"zsh(_contract_cli() {
  local line="" next="" word
  local -a reply
  for word in "${(@)words[2,CURRENT-1]}"; do
    [[ $word == -* ]] && continue
    next="${line:+$line }$word"
    reply=()
    _contract_cli_words "$next"
    _contract_cli_flags "$next"
    (( $#reply )) || break
    line=$next
  done
  reply=()
  if [[ $PREFIX == -* ]]; then
    _contract_cli_flags "$line"
    _describe -o 'flag' reply
  else
    _contract_cli_words "$line"
    if (( $#reply )); then _describe 'verb' reply; else _files; fi
  fi
}
# Found in fpath this file is the function itself; sourced it only registers.
if [[ $funcstack[1] == _contract-cli ]]; then
  _contract_cli "$@"
else
  compdef _contract_cli contract-cli tb-cli contract
fi
)zsh";
}

std::string fish_table(const std::string& function, const Table& table) {
  std::string out = "function " + function + "\n    switch \"$argv[1]\"\n";
  for (const auto& [path, words] : table) {
    out += "        case '" + path + "'\n            printf '%s\\n'";
    for (const auto& [word, text] : words)
      out += " '" + word + (text.empty() ? "" : "\t" + text) + "'";
    out += "\n";
  }
  return out + "    end\nend\n";
}

std::string fish_script(const Tables& tables) {
  return fish_table("__contract_cli_words", tables.words) +
         fish_table("__contract_cli_flags", tables.flags) +
         R"fish(function __contract_cli
    set -l line ''
    for word in (commandline -opc)[2..-1]
        string match -q -- '-*' $word; and continue
        set -l next (string trim -- "$line $word")
        test -n "$(__contract_cli_words $next)$(__contract_cli_flags $next)"; or break
        set line $next
    end
    set -l typed (commandline -ct)
    if string match -q -- '-*' $typed
        __contract_cli_flags $line
    else
        set -l found (__contract_cli_words $line)
        if test -n "$found"
            printf '%s\n' $found
        else
            __fish_complete_path $typed
        end
    end
end
for program in contract-cli tb-cli contract
    complete -c $program -f -a '(__contract_cli)'
end
)fish";
}

}  // namespace

Result<std::string> completion_script(const Catalogue& catalogue, const std::string& shell) {
  const Tables tables = tables_of(catalogue);
  if (shell == "bash") return bash_script(tables);
  if (shell == "zsh") return zsh_script(tables);
  if (shell == "fish") return fish_script(tables);
  return Status(Code::kInvalid, "--shell: expected bash, zsh or fish, found '" + shell + "'");
}

}  // namespace blockd::cli
