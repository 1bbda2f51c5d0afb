#include "kernel/programs/cli/stopped_node.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>

namespace blockd::cli {
namespace {

constexpr std::size_t kMaxChildBytes = 64u << 20;

// A store for reading; what is wrong is told in `*damage`.
std::unique_ptr<KvStore> open_for_check(const std::string& dir, std::string* damage) {
  Result<std::unique_ptr<KvStore>> store = open_leveldb(dir, {});
  if (store.ok()) return *std::move(store);
  *damage = store.status().message();
  return nullptr;
}

}  // namespace

bool names_directory(const LocalArgs& args) { return args.has("--data-dir"); }

Result<StoppedNode> StoppedNode::lock(const World& world, const LocalArgs& args) {
  std::string data = args.get("--data-dir", world.variable("TB_DATA_DIR"));
  if (data.empty()) data = "node-data";
  if (!std::filesystem::is_directory(data))
    return Status(Code::kNotFound, data + " is no directory",
                  "--data-dir names the data directory of a node");
  StoppedNode node(data, args.get("--state", data + "/state"));
  TB_TRY(node.lock_again());
  return node;
}

Status StoppedNode::lock_again() {
  Result<DirectoryLock> lock = DirectoryLock::acquire(data_);
  if (!lock.ok()) {
    const bool busy = lock.status().code() == Code::kBusy;
    return Status(busy ? Code::kDenied : lock.status().code(), lock.status().message(),
                  busy ? "stop the node first" : lock.status().hint());
  }
  lock_ = *std::move(lock);
  return {};
}

Result<StoreCheckReport> StoppedNode::check(StoreCheckInput input) const {
  input.disk = &system_disk();
  input.log_dir = data_ + "/chain";
  std::optional<Genesis> genesis;
  std::vector<StoreFinding> found;
  Result<Bytes> text = read_file(data_ + "/genesis.json");
  Result<Genesis> parsed = text.ok() ? Genesis::parse(*text) : Result<Genesis>(text.status());
  if (parsed.ok()) {
    genesis = *std::move(parsed);
    input.genesis = &*genesis;
  } else {
    found.push_back(
        {FindingClass::kMajor, std::nullopt, "genesis.json: " + parsed.status().message()});
  }
  std::unique_ptr<KvStore> state = open_for_check(state_, &input.state_damage);
  input.state = state.get();
  std::unique_ptr<KvStore> views[2];
  const char* const names[2] = {"mmr", "index"};
  for (int i = 0; i < 2; ++i) {
    std::string damage;
    views[i] = open_for_check(data_ + "/" + names[i], &damage);
    if (!damage.empty())
      found.push_back({FindingClass::kMinor, std::nullopt, std::string(names[i]) + ": " + damage});
  }
  input.mmr = views[0].get();
  input.index = views[1].get();
  Result<StoreCheckReport> report = check_store(input);
  if (!report.ok()) return report;
  for (StoreFinding& one : found) {
    ++(one.type == FindingClass::kMinor ? report->minor : report->major);
    report->findings.push_back(std::move(one));
  }
  return report;
}

json::object report_json(const StoreCheckReport& report) {
  json::array findings;
  for (const StoreFinding& one : report.findings) {
    findings.push_back(
        json::object{{"class", finding_class_name(one.type)},
                     {"height", one.height ? json::value(*one.height) : json::value(nullptr)},
                     {"what", one.what}});
  }
  json::object out;
  out["ok"] = report.count() == 0;
  out["blocks"] = report.blocks;
  out["pruned"] = report.pruned;
  out["events"] = report.events;
  out["commands"] = report.commands;
  out["first"] = report.first ? json::value(*report.first) : json::value(nullptr);
  out["head"] = report.head ? json::value(*report.head) : json::value(nullptr);
  out["findings_count"] = report.count();
  out["exit_code"] = report.exit_code();
  out["findings"] = std::move(findings);
  if (report.stopped) out["stopped"] = true;
  return out;
}

Result<ChildRun> run_blockd(const World& world, std::vector<std::string> args) {
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
  ChildRun child;
  std::array<char, 65536> buffer;
  ssize_t got = 0;
  while (error == 0 && (got = ::read(ends[0], buffer.data(), buffer.size())) != 0) {
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 || child.output.size() > kMaxChildBytes) break;
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

}  // namespace blockd::cli
