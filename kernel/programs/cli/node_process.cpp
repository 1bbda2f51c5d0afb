// node start, stop, restart: the node as a background process of this machine.
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <ostream>
#include <thread>

#include "kernel/base/file.hpp"
#include "kernel/config/config_loader.hpp"
#include "kernel/config/kernel_keys.hpp"
#include "kernel/net/http_client.hpp"
#include "kernel/programs/blockd/places.hpp"
#include "kernel/programs/cli/catalogue.hpp"

namespace blockd::cli {
namespace {

constexpr std::uint64_t kReadyMs = 30'000;
constexpr std::uint32_t kPollMs = 100;
constexpr std::size_t kTailLines = 20;
constexpr std::uint64_t kTailBytes = 64u << 10;

// What start, stop and restart must know of the node's configuration.
struct Place {
  std::string data_dir, log_file, rpc, metrics, socket;
  bool tls = false;  // on the listener `rpc`
};

std::string first_of(const std::vector<std::string>& list) {
  return list.empty() ? "off" : list[0];
}

// Reads the configuration as blockd will: file, environment and the flags that the schema knows.
// Flags that only blockd knows are its own to judge.
Result<Place> read_place(Session& session, const std::vector<std::string>& words) {
  auto schema = std::make_shared<ConfigSchema>();
  add_kernel_keys(*schema);
  ConfigInputs inputs;
  inputs.file = default_config_file(session.world.environment, session.world.program_dir);
  inputs.file_required = session.world.environment.contains("TB_CONFIG");
  inputs.environment = session.world.environment;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const FlagWord flag = split_flag(words[i]);
    const std::string value = flag.value ? *flag.value : i + 1 < words.size() ? words[i + 1] : "";
    if (flag.name == "--config") {
      inputs.file = value;
      inputs.file_required = true;
    }
    const std::string name = flag.name == "--rpc" ? "--rpc-addr" : flag.name;
    for (const auto& [key, spec] : schema->keys()) {
      if (spec.flag.empty() || spec.flag != name) continue;
      const bool bare = spec.type == ConfigType::kBool && !flag.value;
      inputs.flags.emplace_back(key, bare ? "true" : value);
    }
  }
  inputs.profile_dirs = profile_dirs_of(inputs.file, session.world.program_dir);
  const ConfigLoad loaded = load_config(std::move(schema), inputs);
  if (!loaded.ok()) return loaded.status();
  const Config& config = *loaded.config;
  return Place{config.text("data_dir"),
               config.text("log.file"),
               first_of(config.list("listeners.rpc")),
               first_of(config.list("listeners.metrics")),
               config.text("rpc.socket"),
               !config.text("tls.rpc.cert").empty()};
}

std::string last_lines(const std::string& path) {
  Result<Bytes> text = read_file(path, 1ull << 32);
  if (!text.ok()) return {};
  std::string tail = text->size() > kTailBytes ? text->substr(text->size() - kTailBytes) : *text;
  std::size_t at = tail.size();
  for (std::size_t lines = 0; at > 0; --at) {
    if (tail[at - 1] == '\n' && at != tail.size() && ++lines == kTailLines) break;
  }
  return tail.substr(at);
}

// A pid file may outlive its process, and the number may then be another's: look who it is. The
// file of a running node may have been replaced and renamed by a newer build; its name as a process
// stays. A process that has ended but was not waited for has no file.
bool is_node(std::uint64_t pid) {
  std::error_code error;
  const auto program =
      std::filesystem::read_symlink("/proc/" + std::to_string(pid) + "/exe", error);
  if (error) return false;
  if (program.filename().string().starts_with("blockd")) return true;
  const Result<Bytes> name = read_file("/proc/" + std::to_string(pid) + "/comm", 64);
  return name.ok() && *name == "blockd\n";
}

std::optional<pid_t> running_pid(const Place& place) {
  Result<Bytes> text = read_file(place.data_dir + "/node.pid", 64);
  if (!text.ok()) return std::nullopt;
  const auto pid = parse_u64(text->substr(0, text->find_first_not_of("0123456789")));
  if (!pid || *pid < 2 || *pid > 0x7fffffff || !is_node(*pid)) return std::nullopt;
  return static_cast<pid_t>(*pid);
}

Result<pid_t> spawn(Session& session, const std::vector<std::string>& words,
                    const std::string& output) {
  const std::string program = session.world.program_dir + "/blockd";
  if (!file_exists(program))
    return Status(Code::kNotFound, program + " is missing", "blockd lies beside contract-cli");
  std::vector<std::string> args = {program, "run", "--foreground"};
  args.insert(args.end(), words.begin(), words.end());
  std::vector<char*> argv, envp;
  std::vector<std::string> variables;
  for (std::string& arg : args) argv.push_back(arg.data());
  argv.push_back(nullptr);
  for (const auto& [name, value] : session.world.environment)
    variables.push_back(name + "=" + value);
  for (std::string& variable : variables) envp.push_back(variable.data());
  envp.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, 1, output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  posix_spawn_file_actions_adddup2(&files, 1, 2);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
  pid_t pid = 0;
  const int error =
      ::posix_spawn(&pid, program.c_str(), &files, &attributes, argv.data(), envp.data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  if (error != 0) {
    errno = error;
    return errno_status(program);
  }
  return pid;
}

// 127.0.0.1 for a node that listens everywhere.
std::string reachable(const std::string& address) {
  if (address.starts_with("0.0.0.0:")) return "127.0.0.1" + address.substr(7);
  if (address.starts_with("[::]:")) return "[::1]" + address.substr(4);
  return address;
}

// The local socket knows no TLS and asks for no certificate; a path with a colon is no URL.
bool answers(HttpClient& http, const Place& place) {
  const bool local =
      !place.socket.empty() && place.socket != "off" && place.socket.find(':') == std::string::npos;
  const std::string origin = local ? "unix:" + place.socket + ":"
                                   : (place.tls ? "https://" : "http://") + reachable(place.rpc);
  Result<HttpClientResponse> response = http.get(origin + "/readyz");
  return response.ok() && response->status == 200;
}

int fail_start(Session& session, const Place& place, const std::string& output,
               const std::string& why) {
  std::string lines = last_lines(output);
  if (lines.empty()) lines = last_lines(place.log_file);
  session.world.err << lines << (lines.empty() || lines.ends_with('\n') ? "" : "\n");
  return session.fail(Status(Code::kAborted, "the node did not start: " + why,
                             "output: " + output + "\nlog: " + place.log_file));
}

int start(Session& session, const LocalArgs& args) {
  Result<Place> place = read_place(session, args.words);
  if (!place.ok()) return session.fail(place.status());
  if (std::find(args.words.begin(), args.words.end(), "--foreground") != args.words.end()) {
    const std::string program = session.world.program_dir + "/blockd";
    std::vector<std::string> words = {program, "run"};
    words.insert(words.end(), args.words.begin(), args.words.end());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    session.world.out << std::flush;
    ::execv(program.c_str(), argv.data());
    return session.fail(errno_status(program));
  }
  if (const auto pid = running_pid(*place)) {
    return session.fail(
        Status(Code::kExists,
               "data directory in use by pid " + std::to_string(*pid) + ": " + place->data_dir,
               "stop it with `contract-cli node stop`"));
  }
  const std::string output =
      (place->log_file == "off" ? place->data_dir + "/node.log" : place->log_file) + ".start";
  if (const auto folder = std::filesystem::path(output).parent_path(); !folder.empty()) {
    if (Status made = make_directories(folder.string()); !made.ok()) return session.fail(made);
  }
  Result<pid_t> pid = spawn(session, args.words, output);
  if (!pid.ok()) return session.fail(pid.status());
  HttpClientOptions options;
  options.timeout_ms = 2000;
  options.tls.insecure =
      true;  // no more is asked than whether the node that was just started is up
  HttpClient http(options);
  const std::uint64_t deadline = session.world.clock.monotonic_us() + kReadyMs * 1000;
  while (session.world.clock.monotonic_us() < deadline) {
    int state = 0;
    if (::waitpid(*pid, &state, WNOHANG) == *pid) {
      return fail_start(session, *place, output,
                        WIFEXITED(state) ? "exit code " + std::to_string(WEXITSTATUS(state))
                                         : "signal " + std::to_string(WTERMSIG(state)));
    }
    if (answers(http, *place)) {
      session.world.out << "started pid=" << *pid << " rpc=" << place->rpc
                        << " metrics=" << place->metrics << '\n';
      return kExitOk;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(kPollMs));
  }
  return fail_start(session, *place, output,
                    "not ready within 30 s; pid " + std::to_string(*pid) + " still runs");
}

// Sends SIGTERM and waits until the process is gone.
Status stop_process(Session& session, pid_t pid, std::uint64_t timeout_secs) {
  if (::kill(pid, SIGTERM) != 0) return errno_status("pid " + std::to_string(pid));
  const std::uint64_t deadline = session.world.clock.monotonic_us() + timeout_secs * 1'000'000;
  while (is_node(static_cast<std::uint64_t>(pid))) {
    if (session.world.clock.monotonic_us() > deadline) {
      return Status(
          Code::kTimeout,
          "pid " + std::to_string(pid) + " still runs after " + std::to_string(timeout_secs) + " s",
          "look into its log, or wait longer with --timeout SECS");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(kPollMs));
  }
  return {};
}

Result<std::uint64_t> take_timeout(std::vector<std::string>* words) {
  for (std::size_t i = 0; i < words->size(); ++i) {
    const FlagWord flag = split_flag((*words)[i]);
    if (flag.name != "--timeout") continue;
    const std::size_t count = flag.value || i + 1 == words->size() ? 1 : 2;
    const auto secs = parse_u64(flag.value ? *flag.value : count == 2 ? (*words)[i + 1] : "");
    if (!secs || *secs > 86'400) return Status(Code::kInvalid, "--timeout: expected seconds");
    words->erase(words->begin() + static_cast<std::ptrdiff_t>(i),
                 words->begin() + static_cast<std::ptrdiff_t>(i + count));
    return *secs;
  }
  return std::uint64_t{30};
}

int stop_node(Session& session, std::vector<std::string> words, bool must_run) {
  Result<std::uint64_t> timeout = take_timeout(&words);
  if (!timeout.ok()) return session.fail(timeout.status());
  Result<Place> place = read_place(session, words);
  if (!place.ok()) return session.fail(place.status());
  const auto pid = running_pid(*place);
  if (!pid) {
    if (!must_run) return kExitOk;
    return session.fail(Status(Code::kNotFound, "no node runs on " + place->data_dir,
                               "--data-dir names another one"));
  }
  if (Status stopped = stop_process(session, *pid, *timeout); !stopped.ok()) {
    session.fail(stopped);
    return kExitRefused;
  }
  session.world.out << "stopped pid=" << *pid << '\n';
  return kExitOk;
}

int stop(Session& session, const LocalArgs& args) { return stop_node(session, args.words, true); }

int restart(Session& session, const LocalArgs& args) {
  LocalArgs rest = args;
  if (const int code = stop_node(session, rest.words, false); code != kExitOk) return code;
  if (Result<std::uint64_t> timeout = take_timeout(&rest.words); !timeout.ok())
    return session.fail(timeout.status());
  return start(session, rest);
}

// The flags of the node itself come from its schema, so that help and completion know them.
std::vector<LocalFlag> start_flags() {
  ConfigSchema schema;
  add_kernel_keys(schema);
  std::vector<LocalFlag> out = {{"--config", "FILE", "Configuration file (config/node.yaml)"},
                                {"--foreground", "", "Stay in the foreground, for a service unit"},
                                {"--plugins", "LIST", "Load only these plugins"},
                                {"--no-plugin", "ID", "Leave a plugin out"}};
  for (const auto& [key, spec] : schema.keys()) {
    if (!spec.flag.empty())
      out.push_back({spec.flag, spec.type == ConfigType::kBool ? "" : "VALUE", spec.help});
  }
  for (const char* name : {"--gateway-http", "--range-boost", "--mobile-cache"})
    out.push_back({name, "", "Load the plugin of this name"});
  return out;
}

}  // namespace

std::vector<LocalVerb> node_verbs() {
  const std::vector<LocalFlag> flags = start_flags();
  const std::vector<LocalFlag> stop_flags = {
      {"--timeout", "SECS", "How long to wait until it is gone (30)"},
      {"--data-dir", "DIR", "Data directory of the node"},
      {"--config", "FILE", "Its configuration file"}};
  return {{"node start",
           "",
           "Start a node in the background and wait until it is ready",
           flags,
           0,
           0,
           start,
           {{"contract-cli node start --config config/node.yaml",
             "Prints started pid=… rpc=… metrics=…"}},
           {"node run"},
           false,
           true},
          {"node stop",
           "",
           "Stop the node of this data directory",
           stop_flags,
           0,
           0,
           stop,
           {},
           {},
           false,
           true},
          {"node restart",
           "",
           "Stop the node if it runs, then start it",
           flags,
           0,
           0,
           restart,
           {},
           {},
           false,
           true}};
}

}  // namespace blockd::cli
