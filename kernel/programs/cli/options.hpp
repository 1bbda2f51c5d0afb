// The flags that every verb knows (node-and-cli spec 14.1). A verb's own flag of the same name
// wins.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kernel/base/status.hpp"

namespace blockd::cli {

enum class Format : std::uint8_t { kAuto, kJson, kText, kTable, kYaml, kIds };

struct Options {
  std::string url, token, admin_token;  // empty: from the surroundings
  std::optional<std::uint32_t> timeout_ms;
  Format format = Format::kAuto;
  bool pretty = false, quiet = false, help = false, all = false;

  // Of verbs that send a command.
  std::string key_id, key_file, password_file, lane, memo;
  std::string signer_cert, signer_key, signer_ca;  // TLS toward remote signers
  std::vector<std::string> remote_signers;
  std::optional<std::uint64_t> nonce, fee, wait_secs, threshold, pct;
  bool dry_run = false, no_wait = false;

  // True if contract-cli signs, not the node.
  bool signs() const { return !key_id.empty() || !key_file.empty() || !remote_signers.empty(); }
};

struct GlobalFlag {
  const char* name;   // "--url"
  const char* value;  // "URL"; null: takes none
  const char* help;
  bool command_only;  // belongs to verbs that send a command
};
std::span<const GlobalFlag> global_flags();
// nullptr: no such flag.
const GlobalFlag* find_global_flag(std::string_view name);

// Sets what `flag` means. Errors: kInvalid "--timeout: expected seconds, found 'x'".
Status set_global_flag(const GlobalFlag& flag, const std::string& value, Options* options);

// "--a=b" -> {"--a", "b"}; underscores in the name become hyphens.
struct FlagWord {
  std::string name;
  std::optional<std::string> value;
};
FlagWord split_flag(const std::string& word);
bool is_flag(const std::string& word);

}  // namespace blockd::cli
