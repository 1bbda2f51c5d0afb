// node show-address and node sign-tx: a key of the wallet as scripts ask for it. Neither needs a
// node.
#include <ostream>

#include "kernel/base/address.hpp"
#include "kernel/base/file.hpp"
#include "kernel/programs/cli/catalogue.hpp"
#include "kernel/programs/cli/command_signer.hpp"
#include "kernel/programs/cli/keys.hpp"
#include "kernel/programs/cli/output.hpp"

namespace blockd::cli {
namespace {

constexpr std::size_t kMaxKeystoreBytes = 64u << 10;

int show_address(Session& session, const LocalArgs& args) {
  const Result<std::string> path = keystore_path(session.world, args.words[0]);
  if (!path.ok()) return session.fail(path.status());
  const Result<Bytes> text = read_file(*path, kMaxKeystoreBytes);
  if (!text.ok()) return session.fail(text.status());
  const Result<KeystoreInfo> info = inspect_keystore(*text);
  if (!info.ok()) return session.fail(info.status().in(*path));
  return print_result(session, json::string(address_of(info->public_key)));
}

// The members of a draft that a command must have, and what stands there.
Status check_member(const json::object& command, const char* name, json::kind kind,
                    const char* expected) {
  const json::value* member = command.if_contains(name);
  const bool number = kind == json::kind::uint64;
  if (member && (number ? member->is_number() : member->kind() == kind)) return {};
  return Status(
      Code::kInvalid,
      std::string("the command's `") + name + "` is " + (member ? "of the wrong type" : "missing"),
      std::string("expected ") + expected);
}

Status check_draft(const json::object& command) {
  TB_TRY(check_member(command, "chain", json::kind::string, "the id of the chain"));
  TB_TRY(check_member(command, "nonce", json::kind::uint64,
                      "the account's next nonce: `contract-cli node nonce ADDRESS` tells it"));
  TB_TRY(check_member(command, "method", json::kind::string, "the name of a command"));
  return check_member(command, "params", json::kind::object, "its params, {} when there are none");
}

// The bytes that are signed are the canonical ones of what was given, nothing is filled in but the
// account.
Result<std::string> sign_command(json::object command, SigningKey key) {
  TB_TRY(check_draft(command));
  const std::string address = address_of(key.public_key());
  const json::value* from = command.if_contains("from");
  if (from && *from != json::value(address) && !command.contains("session"))
    return Status(Code::kDenied, "the command is of another account than the key's, " + address,
                  "leave out `from`, or sign with the key of that account");
  if (!from) command["from"] = address;
  const Result<std::string> text = canonical_json(command);
  if (!text.ok()) return text.status();
  const Result<CommandPtr> sealed = sign_canonical(*text, key);
  if (!sealed.ok()) return sealed.status();
  return std::string((*sealed)->envelope);
}

int sign_tx(Session& session, const LocalArgs& args) {
  session.options.key_id = args.words[0];
  session.options.password_file = args.get("--password-file");
  Result<json::value> draft = read_json_argument(session.world, args.words[1]);
  if (!draft.ok()) return session.fail(draft.status());
  const json::object* command = draft->if_object();
  if (!command)
    return session.fail(Status(Code::kInvalid, "the command is no JSON object",
                               R"(such as {"chain":"dev","nonce":1,"method":…,"params":{}})"));
  Result<SigningKey> key = signing_key(session);
  if (!key.ok()) return session.fail(key.status());
  const Result<std::string> envelope = sign_command(*command, *std::move(key));
  if (!envelope.ok()) return session.fail(envelope.status());
  session.world.out << *envelope << '\n';
  return kExitOk;
}

}  // namespace

std::vector<LocalVerb> node_key_verbs() {
  return {{"node show-address",
           "<key_id>",
           "Print the address of a key of the wallet, and nothing else",
           {},
           1,
           1,
           show_address},
          {"node sign-tx",
           "<key_id> <tx_json>",
           "Sign a command with a key of the wallet, and print the envelope",
           {{"--password-file", "FILE", "Holds the password of the key; else it is asked for"}},
           2,
           2,
           sign_tx,
           {{"contract-cli node sign-tx alice transfer.json > envelope.json",
             "Needs no node; `contract-cli tx submit envelope.json` sends it"}}}};
}

}  // namespace blockd::cli
