// settlement audit: over RPC, or on the data directory of a node that does not run, by that node's
// own code (`blockd call`). Also the program `settlement_audit`.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <ostream>

#include "kernel/base/file.hpp"
#include "kernel/programs/cli/catalogue.hpp"
#include "kernel/programs/cli/node_client.hpp"
#include "kernel/programs/cli/output.hpp"

namespace blockd::cli {
namespace {

constexpr const char* kMethod = "settlement.audit";
constexpr const char* kPlugin = "treasury";
constexpr std::uint32_t kTimeoutMs = 600'000;  // the whole log is read
constexpr std::size_t kMaxAnswerBytes = 64u << 20;

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

struct Child {
  int exit_code = -1;
  std::string output;
};

// Runs blockd and keeps what it prints; its errors go to ours.
Result<Child> run_blockd(const World& world, std::vector<std::string> args) {
  args.insert(args.begin(), world.program_dir + "/blockd");
  if (!file_exists(args[0]))
    return Status(Code::kNotFound, args[0] + " is missing", "blockd lies beside contract-cli");
  std::vector<char*> argv, envp;
  std::vector<std::string> variables;
  for (std::string& arg : args) argv.push_back(arg.data());
  argv.push_back(nullptr);
  for (const auto& [name, value] : world.environment) variables.push_back(name + "=" + value);
  for (std::string& variable : variables) envp.push_back(variable.data());
  envp.push_back(nullptr);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return errno_status("pipe");
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, ends[1], 1);
  pid_t pid = 0;
  const int error = ::posix_spawn(&pid, argv[0], &files, nullptr, argv.data(), envp.data());
  posix_spawn_file_actions_destroy(&files);
  ::close(ends[1]);
  Child child;
  std::array<char, 65536> buffer;
  ssize_t got = 0;
  while (error == 0 && (got = ::read(ends[0], buffer.data(), buffer.size())) != 0) {
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 || child.output.size() > kMaxAnswerBytes) break;
    child.output.append(buffer.data(), static_cast<std::size_t>(got));
  }
  ::close(ends[0]);
  if (error != 0) {
    errno = error;
    return errno_status(args[0]);
  }
  int state = 0;
  while (::waitpid(pid, &state, 0) < 0 && errno == EINTR) {
  }
  child.exit_code = WIFEXITED(state) ? WEXITSTATUS(state) : -1;
  return child;
}

// What `blockd call` printed, as a call over RPC would have answered.
Result<json::value> call_offline(Session& session, const LocalArgs& args,
                                 const json::object& params) {
  std::vector<std::string> words = {"call", kMethod, json_text(params, false), "--data-dir",
                                    args.get("--data")};
  if (args.has("--config")) words.insert(words.end(), {"--config", args.get("--config")});
  Result<Child> child = run_blockd(session.world, std::move(words));
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
  Result<json::value> answer =
      args.has("--data")
          ? call_offline(session, args, params)
          : client.call(kMethod, params, kPlugin, session.options.timeout_ms.value_or(kTimeoutMs));
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
