// Envelopes from files: submit and check what another program signed.
#include <ostream>

#include "kernel/programs/cli/catalogue.hpp"
#include "kernel/programs/cli/output.hpp"
#include "kernel/programs/cli/submit.hpp"

namespace blockd::cli {
namespace {

int print_command(Session& session, const Result<json::value>& value) {
  if (!value.ok()) return session.fail(value.status());
  return print_result(session, *value, {"", {}, "command_id", false});
}

// The canonical bytes of the envelope: blanks and order in the file do not matter, the signature
// covers these.
Result<CommandPtr> read_envelope(Session& session, const std::string& file) {
  Result<json::value> value = read_json_argument(session.world, file);
  if (!value.ok()) return value.status();
  Result<std::string> bytes = canonical_json(*value);
  if (!bytes.ok()) return bytes.status().in(file);
  ParsedCommand parsed = parse_envelope(*std::move(bytes));
  if (!parsed.refusal) return parsed.command;
  return Status(Code::kInvalid, file + ": " + parsed.refusal->message,
                "expected {\"command\":{…},\"signatures\":[{\"key\",\"sig\"}]}");
}

int submit(Session& session, const LocalArgs& args) {
  Result<CommandPtr> command = read_envelope(session, args.words[0]);
  if (!command.ok()) return session.fail(command.status());
  NodeClient client(session);
  return print_command(session,
                       send_envelope(session, client, "command.submit", (*command)->envelope, {}));
}

int check_transaction(Session& session, const LocalArgs& args) {
  Result<CommandPtr> command = read_envelope(session, args.words[0]);
  if (!command.ok()) return session.fail(command.status());
  NodeClient client(session);
  Result<json::value> answer = client.call("command.check", (*command)->envelope);
  const int code = print_command(session, answer);
  const json::object* object = answer.ok() ? answer->if_object() : nullptr;
  const json::value* admissible = object ? object->if_contains("admissible") : nullptr;
  return code == kExitOk && admissible && admissible->is_bool() && !admissible->get_bool()
             ? kExitRefused
             : code;
}

}  // namespace

std::vector<LocalVerb> transaction_verbs() {
  return {{"tx submit",
           "<file>",
           "Send a signed command from a file",
           {},
           1,
           1,
           submit,
           {{"contract-cli tx submit envelope.json", "Waits until it is in a block"}},
           {},
           true},
          {"tx check",
           "<file>",
           "Ask the node whether it would take a signed command",
           {},
           1,
           1,
           check_transaction}};
}

}  // namespace blockd::cli
