// doctor: looks at the machine and the configuration as an operator would, and says what to do.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#include <ostream>

#include "kernel/base/file.hpp"
#include "kernel/config/config_loader.hpp"
#include "kernel/config/kernel_keys.hpp"
#include "kernel/host/library.hpp"
#include "kernel/programs/blockd/places.hpp"
#include "kernel/programs/cli/catalogue.hpp"
#include "kernel/programs/cli/node_client.hpp"
#include "kernel/programs/cli/output.hpp"

namespace blockd::cli {
namespace {

constexpr std::uint64_t kMinFreeBytes = 1ull << 30;
constexpr std::uint64_t kMinOpenFiles = 4096;
constexpr std::uint64_t kMaxClockErrorUs = 1'000'000;

enum class Mark { kOk, kWarn, kBad };
constexpr const char* kMarks[] = {"ok", "warning", "error"};

struct Finding {
  Mark mark;
  std::string what, found, next;
};
using Findings = std::vector<Finding>;

Result<ConfigLoad> read_configuration(Session& session, const std::string& file) {
  auto schema = std::make_shared<ConfigSchema>();
  add_kernel_keys(*schema);
  ConfigInputs inputs;
  inputs.file = file.empty()
                    ? default_config_file(session.world.environment, session.world.program_dir)
                    : file;
  inputs.file_required = !file.empty() || session.world.environment.contains("TB_CONFIG");
  for (const auto& [name, value] : session.world.environment) {
    if (name.starts_with("TB_")) inputs.environment.emplace(name, value);
  }
  inputs.profile_dirs = profile_dirs_of(inputs.file, session.world.program_dir);
  ConfigLoad loaded = load_config(std::move(schema), inputs);
  if (!loaded.ok()) return loaded.status();
  return loaded;
}

void look_at_clock(Findings& out) {
  timex state{};
  const int code = ::adjtimex(&state);
  if (code < 0) {
    out.push_back({Mark::kWarn, "clock", "the kernel does not say whether it is set", ""});
  } else if (code == TIME_ERROR || static_cast<std::uint64_t>(state.maxerror) > kMaxClockErrorUs) {
    out.push_back({Mark::kWarn, "clock",
                   "not kept right by a time service (largest error " +
                       std::to_string(state.maxerror / 1000) + " ms)",
                   "start one: systemctl enable --now systemd-timesyncd (or chrony); blocks carry "
                   "this clock's time"});
  } else {
    out.push_back(
        {Mark::kOk, "clock", "right to " + std::to_string(state.maxerror / 1000) + " ms", ""});
  }
}

void look_at_limits(Findings& out) {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  const bool low = files.rlim_max < kMinOpenFiles;
  out.push_back({low ? Mark::kWarn : Mark::kOk, "open files",
                 "at most " + std::to_string(files.rlim_max),
                 low ? "raise LimitNOFILE in the unit, or ulimit -n, to 65536" : ""});
}

void look_at_folder(const std::string& path, Findings& out) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) {
    out.push_back(
        {Mark::kOk, "data directory", path + " does not exist yet: the first start makes it", ""});
    return;
  }
  if (!S_ISDIR(info.st_mode)) {
    out.push_back({Mark::kBad, "data directory", path + " is not a folder",
                   "set data_dir (TB_DATA_DIR) to a folder"});
    return;
  }
  if (::access(path.c_str(), R_OK | W_OK | X_OK) != 0) {
    out.push_back(
        {Mark::kBad, "data directory", path + " cannot be written by this user",
         "run as the node's user, or chown -R " + std::to_string(::getuid()) + " " + path});
  } else if ((info.st_mode & 0077) != 0) {
    out.push_back(
        {Mark::kWarn, "data directory", path + " can be entered by others", "chmod 700 " + path});
  } else {
    out.push_back({Mark::kOk, "data directory", path, ""});
  }
  struct statvfs disk {};
  if (::statvfs(path.c_str(), &disk) != 0) return;
  const std::uint64_t free = static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize;
  out.push_back(
      {free < kMinFreeBytes ? Mark::kWarn : Mark::kOk, "disk",
       std::to_string(free >> 20) + " MiB free",
       free < kMinFreeBytes
           ? "make room, or prune: contract-cli maintenance prune --before-height H --dry-run"
           : ""});
}

void look_at_keys(const std::string& data_dir, Findings& out) {
  for (const char* name : {"operator.key", "admin.key", "oracle.key"}) {
    const std::string path = data_dir + "/keys/" + name;
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) continue;
    const bool open = (info.st_mode & 0077) != 0;
    out.push_back({open ? Mark::kBad : Mark::kOk, "key",
                   path + (open ? " can be read by others" : ""),
                   open ? "chmod 600 " + path + " and think of changing the key" : ""});
  }
}

// Whether this machine lets the node listen there; "" for yes.
std::string refused_port(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  const auto port =
      parse_u64(colon == std::string::npos ? "" : std::string_view(address).substr(colon + 1));
  if (!port || *port > 65535) return "not an address";
  if (*port == 0) return "";
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(*port));
  const std::string host = address.substr(0, colon);
  if (::inet_pton(AF_INET, host.c_str(), &to.sin_addr) != 1)
    return "";  // IPv6 or a name: the node says
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return "";
  const int on = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const bool bound = ::bind(socket, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
  const std::string why = bound ? "" : errno_status(address).message();
  ::close(socket);
  return why;
}

void look_at_ports(const Config& config, bool node_runs, Findings& out) {
  for (const char* name : {"rpc", "metrics", "status"}) {
    const std::string key = std::string("listeners.") + name;
    for (const std::string& address : config.list(key)) {
      if (address == "off" || address.empty() || address.starts_with("unix:")) continue;
      const std::string why = node_runs ? "" : refused_port(address);
      out.push_back({why.empty() ? Mark::kOk : Mark::kBad, key, why.empty() ? address : why,
                     why.empty() ? "" : "find who holds it: ss -ltnp; or set another address"});
    }
  }
}

void look_at_plugins(Session& session, const Config& config, Findings& out) {
  for (const PluginLoad& wanted : plugins_to_load(config)) {
    if (!wanted.enabled) continue;
    const std::string file = plugin_file(config, session.world.program_dir, wanted);
    const bool there = file_exists(file);
    out.push_back({there ? Mark::kOk : Mark::kBad, "plugin " + wanted.id,
                   there ? file : file + " is missing",
                   there ? "" : "put the library there, or name its file in plugins.load"});
  }
  const bool enforced = config.text("plugins.signatures") == "enforce";
  const std::string signers = config.text("plugins.signers_file");
  if (enforced && (signers.empty() || !file_exists(signers))) {
    out.push_back(
        {Mark::kBad, "plugins.signatures",
         "enforce, but " +
             (signers.empty() ? "no plugins.signers_file is set" : signers + " is missing"),
         "without signers only isolated plugins load; install config/release_signers.txt"});
  } else {
    out.push_back({Mark::kOk, "plugins.signatures", config.text("plugins.signatures"), ""});
  }
}

// True if the node answered.
bool look_at_node(Session& session, Findings& out) {
  NodeClient client(session);
  Result<json::value> status = client.call("node.status", json::object{}, {}, 3000);
  if (!status.ok()) {
    out.push_back({Mark::kWarn, "node", "does not answer at " + client.endpoint(),
                   "contract-cli node start"});
    return false;
  }
  const json::object* object = status->if_object();
  const json::value* version = object ? object->if_contains("version") : nullptr;
  const std::string theirs =
      version && version->is_string() ? std::string(version->get_string()) : "unknown";
  out.push_back({theirs == TB_VERSION ? Mark::kOk : Mark::kWarn, "node",
                 "version " + theirs + " answers at " + client.endpoint(),
                 theirs == TB_VERSION ? ""
                                      : "this program is version " TB_VERSION
                                        ": use the one of the node's release"});
  Result<json::value> plugins = client.call("plugin.list", json::object{}, {}, 3000);
  if (!plugins.ok() || !plugins->is_array()) return true;
  for (const json::value& row : plugins->get_array()) {
    const json::object* plugin = row.if_object();
    const json::value* error = plugin ? plugin->if_contains("error") : nullptr;
    if (!error || !error->is_string() || error->get_string().empty()) continue;
    out.push_back({Mark::kBad, "plugin " + std::string(plugin->at("id").as_string()),
                   escape_controls(std::string_view(error->get_string())),
                   "contract-cli plugin info " + std::string(plugin->at("id").as_string())});
  }
  return true;
}

int report(Session& session, const Findings& findings) {
  std::size_t bad = 0, warned = 0;
  json::array rows;
  for (const Finding& one : findings) {
    bad += one.mark == Mark::kBad;
    warned += one.mark == Mark::kWarn;
    const char* mark = kMarks[static_cast<std::size_t>(one.mark)];
    rows.push_back(json::object{
        {"state", mark}, {"what", one.what}, {"found", one.found}, {"next", one.next}});
    if (session.options.format == Format::kJson) continue;
    session.world.out << mark << std::string(9 - std::string_view(mark).size(), ' ') << one.what
                      << ": " << one.found << '\n';
    if (!one.next.empty()) session.world.out << "         " << one.next << '\n';
  }
  if (session.options.format == Format::kJson) {
    Result<std::string> text = format_result(
        session, json::object{{"errors", bad}, {"warnings", warned}, {"findings", std::move(rows)}},
        {"", {}, "", true});
    if (!text.ok()) return session.fail(text.status());
    session.world.out << *text;
  } else {
    session.world.out << bad << " errors, " << warned << " warnings\n";
  }
  return bad ? kExitRefused : kExitOk;
}

int doctor(Session& session, const LocalArgs& args) {
  Findings findings;
  look_at_clock(findings);
  look_at_limits(findings);
  const bool runs = look_at_node(session, findings);
  Result<ConfigLoad> loaded = read_configuration(session, args.get("--config"));
  if (!loaded.ok()) {
    findings.push_back({Mark::kBad, "configuration", loaded.status().message(),
                        "contract-cli config check says more"});
    return report(session, findings);
  }
  const Config& config = *loaded->config;
  findings.push_back({Mark::kOk, "configuration", "reads well", ""});
  look_at_folder(config.text("data_dir"), findings);
  look_at_keys(config.text("data_dir"), findings);
  look_at_ports(config, runs, findings);
  look_at_plugins(session, config, findings);
  return report(session, findings);
}

}  // namespace

std::vector<LocalVerb> doctor_verbs() {
  return {{"doctor",
           "",
           "Look at clock, limits, disk, keys, ports, plugins and the node, and say what to do",
           {{"--config", "FILE", "The node's configuration (where blockd looks for it)"}},
           0,
           0,
           doctor,
           {{"contract-cli doctor",
             "Exit code 1 if something must be done before the node can run well"}}}};
}

}  // namespace blockd::cli
