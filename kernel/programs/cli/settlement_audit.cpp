// settlement audit: over RPC, or on the data directory of a node that does not run, by that node's
// own code (`blockd call`). Also the program `settlement_audit`.
#include <ostream>

#include "kernel/base/file.hpp"
#include "kernel/programs/cli/catalogue.hpp"
#include "kernel/programs/cli/node_client.hpp"
#include "kernel/programs/cli/output.hpp"
#include "kernel/programs/cli/stopped_node.hpp"

namespace blockd::cli {
namespace {

constexpr const char* kMethod = "settlement.audit";
constexpr const char* kAuditPlugin = "treasury";
constexpr std::uint32_t kTimeoutMs = 600'000;  // the whole log is read

// A flag, else the variable of the guide.
Status epoch_param(const World& world, const LocalArgs& args, const std::string& flag,
                   const char* variable, const char* name, json::object* params) {
  const std::string text = args.get(flag, world.variable(variable));
  if (text.empty()) return {};
  const auto epoch = parse_u64(text);
  if (!epoch || *epoch > kMaxSafeInteger) {
    return Status(Code::kInvalid, (args.has(flag) ? flag : std::string(variable)) +
                                      ": expected an epoch, found '" + text + "'");
  }
  (*params)[name] = *epoch;
  return {};
}

// What `blockd call` printed, as a call over RPC would have answered.
Result<json::value> call_offline(Session& session, const LocalArgs& args,
                                 const json::object& params) {
  std::vector<std::string> words = {"call", kMethod, json_text(params, false), "--data-dir",
                                    args.get("--data")};
  if (args.has("--config")) words.insert(words.end(), {"--config", args.get("--config")});
  Result<ChildRun> child = run_blockd(session.world, std::move(words));
  if (!child.ok()) return child.status();
  Result<json::value> answer = parse_json(child->output);
  json::object* object = answer.ok() ? answer->if_object() : nullptr;
  if (object == nullptr) {
    return Status(child->exit_code == kExitUsage ? Code::kInvalid : Code::kDenied,
                  "the data in " + args.get("--data") + " could not be opened",
                  "blockd has said why, above; a node that runs is asked without --data");
  }
  const json::value* error = object->if_contains("error");
  if (error == nullptr || !error->is_object()) return answer;
  const json::object& told = error->get_object();
  RpcError refused;
  const json::value *message = told.if_contains("message"), *data = told.if_contains("data");
  if (message && message->is_string()) refused.message = message->get_string();
  if (data && data->is_object()) refused.data = data->get_object();
  const json::value* name = refused.data.if_contains("name");
  refused.name = name && name->is_string() ? std::string(name->get_string()) : "internal";
  session.refused = std::move(refused);
  return Status(Code::kAborted, session.refused->message);
}

int run_audit(Session& session, const LocalArgs& args) {
  json::object params;
  Status status =
      epoch_param(session.world, args, "--from-epoch", "STARTING_EPOCH", "from_epoch", &params);
  if (status.ok())
    status = epoch_param(session.world, args, "--to-epoch", "ENDING_EPOCH", "to_epoch", &params);
  if (!status.ok()) return session.fail(status);
  NodeClient client(session);
  Result<json::value> answer = args.has("--data")
                                   ? call_offline(session, args, params)
                                   : client.call(kMethod, params, kAuditPlugin,
                                                 session.options.timeout_ms.value_or(kTimeoutMs));
  if (!answer.ok()) return session.fail(answer.status());
  const json::object* object = answer->if_object();
  const json::value* ok = object ? object->if_contains("ok") : nullptr;
  const json::value* report = object ? object->if_contains("report") : nullptr;
  if (!ok || !ok->is_bool() || !report || !report->is_string())
    return session.fail(Status(Code::kCorrupt, "the answer of settlement.audit has no report"));
  if (session.options.format == Format::kAuto || session.options.format == Format::kText) {
    if (!session.options.quiet) session.world.out << std::string_view(report->get_string()) << '\n';
  } else {
    Result<std::string> text = format_result(session, *answer, {"findings", {}, "", false});
    if (!text.ok()) return session.fail(text.status());
    session.world.out << *text;
  }
  return ok->get_bool() ? kExitOk : kExitRefused;
}

}  // namespace

std::vector<LocalVerb> audit_verbs() {
  return {
      {"settlement audit",
       "",
       "Replay the ledger from the log and compare treasury, accounts and disbursements with it",
       {{"--from-epoch", "N", "First epoch of the figures (0; or STARTING_EPOCH)"},
        {"--to-epoch", "N", "Last epoch of the figures (the newest; or ENDING_EPOCH)"},
        {"--data", "DIR", "Data directory of a node that does not run, in place of a node"},
        {"--config", "FILE", "With --data: the configuration of that node"}},
       0,
       0,
       run_audit,
       {{"contract-cli settlement audit", "prints the report; exit code 1 if it does not hold"},
        {"contract-cli settlement audit --data node-data", "the same, of a stopped node"}},
       {"gov treasury audit", "governance treasury audit", "audit settlement"}}};
}

}  // namespace blockd::cli
