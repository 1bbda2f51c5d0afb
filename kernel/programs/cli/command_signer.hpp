// CommandSigner: who signs a command here: a key of the wallet, a session key in its account's
// place, or remote signers. One thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernel/base/crypto.hpp"
#include "kernel/base/json.hpp"
#include "kernel/chain/command.hpp"
#include "kernel/programs/cli/world.hpp"

namespace blockd::cli {

struct SignedPart {
  PublicKey key{};
  Signature signature{};
  std::string where;  // URL of a remote signer
};

class CommandSigner {
 public:
  virtual ~CommandSigner() = default;
  // The account that the command is of.
  virtual Result<std::string> address() = 0;
  // Members that say who signs: `signers` and `threshold` of a group, `session`.
  virtual Status add_members(json::object* command) = 0;
  // Signatures over `id`; `command` is the canonical JSON that it was made of. May be asked again.
  virtual Result<std::vector<SignedPart>> sign(const Hash& id, const std::string& command) = 0;
};

std::unique_ptr<CommandSigner> signer_of_key(SigningKey key);
// `key` is a session key of `owner`.
std::unique_ptr<CommandSigner> signer_of_session(SigningKey key, std::string owner);
// What the flags say: --key-id, --key, or --remote-signer. Errors: kInvalid (none, more than one).
Result<std::unique_ptr<CommandSigner>> signer_of_flags(Session& session);

// The envelope of `draft`. Errors: those of the signer, kInvalid.
Result<CommandPtr> sign_draft(const CommandDraft& draft, std::uint8_t pct, CommandSigner& signer);

// The envelope of a command that is canonical JSON already, signed by one key. Errors: kInvalid.
Result<CommandPtr> sign_canonical(const std::string& command, const SigningKey& key);

}  // namespace blockd::cli
