// monitor render, lint, test, install-prometheus: what people watch a node with, made from the
// manifests.
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <ostream>
#include <sstream>

#include "kernel/base/file.hpp"
#include "kernel/monitoring/lint.hpp"
#include "kernel/monitoring/preview.hpp"
#include "kernel/monitoring/render.hpp"
#include "kernel/monitoring/rule_test.hpp"
#include "kernel/programs/cli/monitor_files.hpp"
#include "kernel/programs/cli/monitor_verbs.hpp"

extern char** environ;

namespace blockd::cli {
namespace {

namespace fs = std::filesystem;
using Files = std::map<std::string, std::string>;

constexpr std::size_t kShownFindings = 20;
constexpr std::uint64_t kMaxLintedBytes = 16ull << 20;
constexpr const char* kMadeFolders[] = {"grafana", "prometheus", "alertmanager"};

std::optional<std::string> text_of_file(const std::string& path) {
  if (!file_exists(path)) return std::nullopt;
  Result<Bytes> text = read_file(path, kMaxLintedBytes);
  return text.ok() ? std::optional<std::string>(*std::move(text)) : std::nullopt;
}

// "file:12: have … want …": the first line that differs.
std::string difference(const std::string& path, const std::string& have, const std::string& want) {
  std::istringstream is(have), should(want);
  std::string a, b;
  for (int line = 1;; ++line) {
    const bool more_a = static_cast<bool>(std::getline(is, a));
    const bool more_b = static_cast<bool>(std::getline(should, b));
    if (!more_a) a = "(end)";
    if (!more_b) b = "(end)";
    if (a != b || !more_a)
      return path + ":" + std::to_string(line) + ": have " + a.substr(0, 120) + " want " +
             b.substr(0, 120);
  }
}

// Names of files in the made folders of the tree, as paths below it.
std::vector<std::string> files_below(const std::string& dir) {
  std::vector<std::string> out;
  std::error_code error;
  for (const char* folder : kMadeFolders) {
    for (fs::recursive_directory_iterator at(dir + "/" + folder, error), end; !error && at != end;
         at.increment(error)) {
      if (!at->is_directory(error)) out.push_back(fs::relative(at->path(), dir, error).string());
    }
  }
  return out;
}

// What stands in the tree and is not what would be made.
std::vector<std::string> stale_files(const std::string& dir, const Files& files, bool links) {
  std::vector<std::string> out;
  for (const auto& [path, text] : files) {
    const auto have = text_of_file(dir + "/" + path);
    if (!have)
      out.push_back(path + ": is missing");
    else if (*have != text)
      out.push_back(difference(path, *have, text));
  }
  for (const std::string& path : files_below(dir)) {
    if (!files.contains(path) && !is_by_hand(path))
      out.push_back(path + ": nothing declares it, and it is not one of those written by hand");
  }
  if (!links) return out;
  for (const auto& [name, target] : guide_links(files)) {
    const std::string path = dir + "/../" + name;
    std::error_code error;
    if (!fs::is_symlink(path, error) ||
        fs::read_symlink(path, error).string() != relative_link(name, target))
      out.push_back(name + ": is not a link to " + target);
  }
  return out;
}

Status write_files(const std::string& dir, const Files& files) {
  for (const auto& [path, text] : files) {
    const std::string full = dir + "/" + path;
    TB_TRY(make_directories(fs::path(full).parent_path().string(), 0755));
    if (text_of_file(full) != text) TB_TRY(write_file_atomic(full, text, 0644));
  }
  std::error_code error;
  for (const std::string& path : files_below(dir)) {
    if (!files.contains(path) && !is_by_hand(path)) fs::remove(dir + "/" + path, error);
    if (error) return Status(Code::kIo, dir + "/" + path + ": " + error.message());
  }
  return {};
}

Status write_links(const std::string& dir, const Files& files) {
  for (const auto& [name, target] : guide_links(files)) {
    const std::string path = dir + "/../" + name, wanted = relative_link(name, target);
    std::error_code error;
    if (fs::is_symlink(path, error) && fs::read_symlink(path, error).string() == wanted) continue;
    TB_TRY(make_directories(fs::path(path).parent_path().string(), 0755));
    fs::remove(path, error);
    fs::create_symlink(wanted, path, error);
    if (error) return Status(Code::kIo, path + ": " + error.message());
  }
  return {};
}

// One scrape of the node, or why there is none.
Preview scrape(Session& session) {
  Preview out;
  out.source = metrics_endpoint(session);
  Result<std::string> text = read_metrics(out.source);
  if (text.ok())
    out.text = *std::move(text);
  else
    out.error = text.status().message();
  return out;
}

int print_findings(Session& session, const std::vector<std::string>& findings) {
  for (std::size_t i = 0; i < std::min(findings.size(), kShownFindings); ++i)
    session.world.err << findings[i] << "\n";
  if (findings.size() > kShownFindings)
    session.world.err << "… " << findings.size() - kShownFindings << " more\n";
  return findings.empty() ? kExitOk : kExitRefused;
}

int render(Session& session, const LocalArgs& args) {
  Result<MonitoringTree> tree = find_monitoring_tree(session);
  if (!tree.ok()) return session.fail(tree.status());
  Result<MonitoringModel> model = read_monitoring_model(session, args, *tree);
  if (!model.ok()) return session.fail(model.status());
  const Files files = monitoring_files(*model, tree->catalogue_text);
  const std::string dir = args.get("--out", tree->dir);
  const bool links = !args.has("--out");
  if (args.has("--check")) {
    const int code = print_findings(session, stale_files(dir, files, links));
    if (code == kExitOk) session.world.out << files.size() << " files are current\n";
    if (code != kExitOk) session.world.err << "make them: contract-cli monitor render\n";
    return code;
  }
  if (args.has("--summary")) {
    session.world.out << preview_summary(*model, scrape(session));
    return kExitOk;
  }
  Status done = write_files(dir, files);
  if (done.ok() && links) done = write_links(dir, files);
  if (done.ok() && args.has("--html")) {
    const std::string page = args.get("--html") + "/index.html";
    done = make_directories(args.get("--html"), 0755);
    if (done.ok()) done = write_file_atomic(page, preview_page(*model, scrape(session)), 0644);
    if (done.ok()) session.world.out << "wrote " << page << "\n";
  }
  if (!done.ok()) return session.fail(done);
  session.world.out << "wrote " << files.size() << " files below " << dir << "\n";
  return kExitOk;
}

// Rules of a file: of `groups:` in YAML.
std::vector<std::string> lint_rules(const std::string& path, const std::string& text,
                                    const MonitoringModel& model) {
  Result<json::value> document = yaml_to_json(path, text);
  if (!document.ok()) return {document.status().message()};
  const json::object* root = document->if_object();
  const json::value* groups = root != nullptr ? root->if_contains("groups") : nullptr;
  if (groups == nullptr || !groups->is_array()) return {path + ": has no groups of rules"};
  std::vector<std::string> out;
  const auto word = [](const json::object& rule, const char* member) {
    const json::value* value = rule.if_contains(member);
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
  };
  for (const json::value& group : groups->get_array()) {
    const json::object* one = group.if_object();
    const json::value* rules = one != nullptr ? one->if_contains("rules") : nullptr;
    if (rules == nullptr || !rules->is_array()) continue;
    for (const json::value& entry : rules->get_array()) {
      if (!entry.is_object()) continue;
      const json::object& rule = entry.get_object();
      const std::string alert = word(rule, "alert");
      for (std::string& finding : lint_rule(path,
                                            {alert.empty() ? word(rule, "record") : alert,
                                             word(rule, "expr"), word(rule, "for")},
                                            model))
        out.push_back(std::move(finding));
    }
  }
  return out;
}

int lint(Session& session, const LocalArgs& args) {
  Result<MonitoringTree> tree = find_monitoring_tree(session);
  if (!tree.ok()) return session.fail(tree.status());
  Result<MonitoringModel> model = read_monitoring_model(session, args, *tree);
  if (!model.ok()) return session.fail(model.status());
  std::vector<std::string> paths = args.words;
  if (paths.empty()) {
    for (const std::string& path : files_below(tree->dir)) {
      if (path.ends_with(".json") || path.ends_with(".rules.yml"))
        paths.push_back(tree->dir + "/" + path);
    }
  }
  std::vector<std::string> findings;
  for (const std::string& path : paths) {
    Result<std::string> text = read_text(session.world, path);
    if (!text.ok()) return session.fail(text.status());
    std::vector<std::string> found;
    if (path.ends_with(".json")) {
      Result<json::value> document = parse_json(*text);
      found = document.ok() ? lint_dashboard(path, *document, *model)
                            : std::vector{path + ": " + document.status().message()};
    } else {
      found = lint_rules(path, *text, *model);
    }
    findings.insert(findings.end(), found.begin(), found.end());
  }
  if (findings.empty()) session.world.out << paths.size() << " files, nothing found\n";
  return print_findings(session, findings);
}

// Runs a program of the system with our streams. Errors: kNotFound when it is not installed.
Result<int> run_program(std::vector<std::string> words) {
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_t pid = 0;
  const int error = ::posix_spawnp(&pid, argv[0], nullptr, nullptr, argv.data(), environ);
  if (error == ENOENT)
    return Status(Code::kNotFound, words[0] + " is not installed", "apt-get install prometheus");
  if (error != 0) {
    errno = error;
    return errno_status(words[0]);
  }
  int state = 0;
  while (::waitpid(pid, &state, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(state) ? WEXITSTATUS(state) : 1;
}

// The evaluator of this program on a file of rule tests.
int test_here(Session& session, const std::string& file) {
  const auto yaml_of = [&](const std::string& path) -> Result<json::value> {
    Result<std::string> text = read_text(session.world, path);
    if (!text.ok()) return text.status();
    return yaml_to_json(path, *text);
  };
  Result<json::value> document = yaml_of(file);
  if (!document.ok()) return session.fail(document.status());
  const fs::path folder = fs::path(file).parent_path();
  Result<RuleTestReport> report = run_rule_tests(
      *document, [&](const std::string& name) { return yaml_of((folder / name).string()); });
  if (!report.ok()) return session.fail(report.status().in(file));
  session.world.out << report->tests << " tests, " << report->checks << " checks, "
                    << report->failures.size() << " failed\n";
  return print_findings(session, report->failures);
}

int test(Session& session, const LocalArgs& args) {
  std::string file = args.words.empty() ? "" : args.words[0];
  if (file.empty()) {
    Result<MonitoringTree> tree = find_monitoring_tree(session);
    if (!tree.ok()) return session.fail(tree.status());
    file = tree->dir + "/prometheus/alert.test.yaml";
  }
  if (args.has("--built-in")) return test_here(session, file);
  session.world.out.flush();
  Result<int> code = run_program({"promtool", "test", "rules", file});
  if (!code.ok() && code.status().code() == Code::kNotFound) {
    session.world.err << code.status().message() << "; its tests are run here\n";
    return test_here(session, file);
  }
  if (!code.ok()) return session.fail(code.status());
  return *code == 0 ? kExitOk : kExitRefused;
}

// The files that a Prometheus of its own needs, side by side.
int install_prometheus(Session& session, const LocalArgs& args) {
  if (!args.has("--dir"))
    return session.fail(Status(Code::kInvalid, "--dir DIR is missing", "say where they go"));
  Result<MonitoringTree> tree = find_monitoring_tree(session);
  if (!tree.ok()) return session.fail(tree.status());
  Result<MonitoringModel> model = read_monitoring_model(session, args, *tree);
  if (!model.ok()) return session.fail(model.status());
  const Files files = monitoring_files(*model, tree->catalogue_text);
  const std::string dir = args.get("--dir");
  Status done = make_directories(dir, 0755);
  for (const char* name :
       {"prometheus.yml", "alert.rules.yml", "recording.rules.yml", "targets.yaml"}) {
    const bool kept = std::string_view(name) == "targets.yaml" && file_exists(dir + "/" + name);
    if (done.ok() && !kept)
      done = write_file_atomic(dir + "/" + name, files.at(std::string("prometheus/") + name), 0644);
  }
  const auto routes = text_of_file(tree->dir + "/alertmanager/alertmanager.yaml");
  if (done.ok() && routes) done = write_file_atomic(dir + "/alertmanager.yml", *routes, 0644);
  if (!done.ok()) return session.fail(done);
  session.world.out << "wrote the configuration of Prometheus and Alertmanager to " << dir << "\n"
                    << std::flush;
  Result<int> code = run_program({"promtool", "check", "config", dir + "/prometheus.yml"});
  if (!code.ok()) {
    session.world.err << "not checked: " << code.status().message() << "\n";
    return kExitOk;
  }
  return *code == 0 ? kExitOk : kExitRefused;
}

const std::vector<LocalFlag> kSources = {
    {"--from", "plugins|rpc", "Manifests of the libraries, or of the node that runs"},
    {"--plugins", "LIST", "Only these plugins, divided by commas"},
    {"--library", "FILE", "One more library; may be repeated"},
    {"--epoch-seconds", "N", "Length of an epoch; 120 unless given"},
    {"--treasury-min-balance", "N", "Below it an alert fires; 0 leaves that alert out"},
    {"--runbook-base", "URL", "Start of the links to runbooks"}};

std::vector<LocalFlag> with_sources(std::vector<LocalFlag> flags) {
  flags.insert(flags.end(), kSources.begin(), kSources.end());
  return flags;
}

}  // namespace

std::vector<LocalVerb> monitor_verbs() {
  return {native_verb(kSources),
          {"monitor render",
           "",
           "Make dashboards, rules and lists from the manifests",
           with_sources({{"--out", "DIR", "Where to write; the dashboards folder unless given"},
                         {"--html", "DIR", "Also a page with the present values"},
                         {"--check", "", "Write nothing; exit 1 if a file is not current"},
                         {"--summary", "", "Print a line a row instead"}}),
           0,
           0,
           render,
           {{"contract-cli monitor render --check", "whether the committed files are current"},
            {"contract-cli monitor render --from rpc --out /tmp/boards",
             "for the plugins of the node that runs"}},
           {"dashboards build"}},
          {"monitor lint",
           "[FILE…]",
           "Look for faults that Grafana and Prometheus take without a word",
           kSources,
           0,
           1000,
           lint,
           {{"contract-cli monitor lint", "all that are shipped"}}},
          {"monitor test",
           "[FILE]",
           "Run the unit tests of the alerts, with promtool where it is installed",
           {{"--built-in", "", "With the evaluator of this program"}},
           0,
           1,
           test,
           {{"contract-cli monitor test", "every alert, firing and silent"}}},
          {"monitor install-prometheus",
           "",
           "Write what a Prometheus and an Alertmanager need into a folder",
           with_sources({{"--dir", "DIR", "Where to; targets.yaml stays if it is there"}}),
           0,
           0,
           install_prometheus,
           {{"contract-cli monitor install-prometheus --dir /etc/prometheus",
             "on a machine of its own"}}}};
}

}  // namespace blockd::cli
