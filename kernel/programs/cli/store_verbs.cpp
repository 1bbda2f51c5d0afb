// maintenance verify|compact|prune|repair: on the node that runs, as a job that is watched and can
// be stopped; with --data-dir on the directory of one that does not.
#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <ostream>
#include <thread>

#include "kernel/base/file.hpp"
#include "kernel/chain/store/store_check.hpp"
#include "kernel/programs/cli/catalogue.hpp"
#include "kernel/programs/cli/node_client.hpp"
#include "kernel/programs/cli/output.hpp"
#include "kernel/programs/cli/stopped_node.hpp"
#include "kernel/storage/space_guard.hpp"

namespace blockd::cli {
namespace {

constexpr std::uint32_t kJobTimeoutMs = 60'000;  // of one question, not of the job
constexpr auto kProgressStep = std::chrono::milliseconds(200);
constexpr int kProgressEvery = 5;  // steps: a line a second
std::atomic<bool> asked_to_stop{false};

void listen_for_stop() {
  std::signal(SIGINT, [](int) { asked_to_stop.store(true); });
}

std::string member_text(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr) return "";
  return value->is_string() ? std::string(value->get_string()) : json_text(*value, false);
}

std::uint64_t member_number(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  boost::system::error_code wrong;
  const auto number = value ? value->to_number<std::uint64_t>(wrong) : 0;
  return wrong ? 0 : number;
}

void show_progress(Session& session, std::uint64_t done, std::uint64_t total) {
  if (session.options.quiet) return;
  session.world.err << "progress " << done << "/" << total << '\n' << std::flush;
}

// Starts the job, tells its progress every second, and asks it to end on Ctrl-C.
Result<json::object> run_job(Session& session, const std::string& method, json::object params) {
  listen_for_stop();
  NodeClient client(session);
  params["background"] = true;
  const std::uint32_t timeout = session.options.timeout_ms.value_or(kJobTimeoutMs);
  Result<json::value> answer = client.call(method, params, "", timeout);
  bool told = false;
  for (int step = 1;; ++step) {
    if (!answer.ok()) return answer.status();
    const json::object* job = answer->if_object();
    if (!job) return Status(Code::kCorrupt, "the answer of " + method + " is no object");
    if (member_text(*job, "state") != "running") return *job;
    if (asked_to_stop.load() && !told) {
      told = true;
      session.world.err << "stopping after the present range\n" << std::flush;
      Result<json::value> asked = client.call(
          "maintenance.cancel", json::object{{"job", member_number(*job, "job")}}, "", timeout);
      if (!asked.ok()) return asked.status();
    }
    if (step % kProgressEvery == 0)
      show_progress(session, member_number(*job, "done"), member_number(*job, "total"));
    std::this_thread::sleep_for(kProgressStep);
    answer = client.call("maintenance.job", json::object{{"job", member_number(*job, "job")}}, "",
                         timeout);
  }
}

bool wants_text(const Session& session) {
  return !session.wants_json() &&
         (session.world.out_is_terminal || session.options.format == Format::kText);
}

// A job that failed, or was stopped.
int failed_job(Session& session, const json::object& job) {
  const std::string state = member_text(job, "state");
  if (state == "cancelled") {
    session.world.err << "stopped: what was done so far stays\n";
    return kExitRefused;
  }
  return session.fail(Status(Code::kDenied, member_text(job, "error"), member_text(job, "hint")));
}

// ---- verify

int tell_findings(Session& session, const json::object& report) {
  if (wants_text(session)) {
    const json::value* findings = report.if_contains("findings");
    for (const json::value& one :
         findings && findings->is_array() ? findings->get_array() : json::array()) {
      const json::object& finding = one.get_object();
      session.world.out << "finding " << member_text(finding, "class")
                        << " height=" << member_text(finding, "height")
                        << " what=" << escape_controls(member_text(finding, "what")) << '\n';
    }
    if (report.contains("difference"))
      session.world.out << "finding major what="
                        << escape_controls(member_text(report, "difference")) << '\n';
    session.world.out << "verified blocks=" << member_text(report, "blocks")
                      << " events=" << member_text(report, "events")
                      << " findings=" << member_text(report, "findings_count") << '\n';
  } else if (const int code = print_result(session, report); code != kExitOk) {
    return code;
  }
  const auto code = static_cast<int>(member_number(report, "exit_code"));
  if (code != 0) return code;
  return report.contains("difference") ? kExitMajor : kExitOk;
}

Result<std::uint64_t> height_flag(const LocalArgs& args, const std::string& flag) {
  const auto number = parse_u64(args.get(flag));
  if (number) return *number;
  return Status(Code::kInvalid, flag + ": expected a height, found '" + args.get(flag) + "'");
}

int verify_stopped(Session& session, const LocalArgs& args) {
  Result<StoppedNode> node = StoppedNode::lock(session.world, args);
  if (!node.ok()) return session.fail(node.status());
  StoreCheckInput input;
  input.fast = args.has("--fast");
  for (const char* flag : {"--from-height", "--to-height"}) {
    if (!args.has(flag)) continue;
    Result<std::uint64_t> height = height_flag(args, flag);
    if (!height.ok()) return session.fail(height.status());
    if (std::string_view(flag) == "--from-height") {
      input.from_height = *height;
    } else {
      input.to_height = *height;
    }
  }
  listen_for_stop();
  input.progress = [](std::uint64_t) { return !asked_to_stop.load(); };
  Result<StoreCheckReport> report = node->check(std::move(input));
  if (!report.ok()) return session.fail(report.status());
  return tell_findings(session, report_json(*report));
}

int run_verify(Session& session, const LocalArgs& args) {
  if (names_directory(args)) return verify_stopped(session, args);
  json::object params{{"fast", args.has("--fast")}, {"signatures", args.has("--signatures")}};
  for (auto [flag, name] :
       {std::pair{"--from-height", "from_height"}, {"--to-height", "to_height"}}) {
    if (!args.has(flag)) continue;
    Result<std::uint64_t> height = height_flag(args, flag);
    if (!height.ok()) return session.fail(height.status());
    params[name] = *height;
  }
  Result<json::object> job = run_job(session, "maintenance.verify", std::move(params));
  if (!job.ok()) return session.fail(job.status());
  if (member_text(*job, "state") != "done") return failed_job(session, *job);
  return tell_findings(session, *job);
}

// ---- compact

int tell_compaction(Session& session, const json::object& report) {
  if (!wants_text(session)) return print_result(session, report);
  const json::value* stores = report.if_contains("stores");
  for (const json::value& one :
       stores && stores->is_array() ? stores->get_array() : json::array()) {
    const json::object& store = one.get_object();
    session.world.out << member_text(store, "store") << ": " << member_text(store, "bytes_before")
                      << " bytes before, " << member_text(store, "bytes_after") << " after\n";
  }
  return kExitOk;
}

int compact_stopped(Session& session, const LocalArgs& args) {
  Result<StoppedNode> node = StoppedNode::lock(session.world, args);
  if (!node.ok()) return session.fail(node.status());
  listen_for_stop();
  json::array rows;
  const std::string which = args.get("--store");
  for (const auto& [name, dir] : {std::pair{std::string("chain"), node->state_dir()},
                                  {"mmr", node->data_dir() + "/mmr"},
                                  {"index", node->data_dir() + "/index"}}) {
    if ((!which.empty() && which != name) || !std::filesystem::exists(dir)) continue;
    const std::uint64_t before = directory_bytes(dir);
    Result<std::unique_ptr<KvStore>> store = open_leveldb(dir, {});
    if (!store.ok()) return session.fail(store.status());
    Status status = (*store)->compact([&](std::size_t done, std::size_t total) {
      show_progress(session, done, total);
      return !asked_to_stop.load();
    });
    if (!status.ok()) return session.fail(status);
    store->reset();
    rows.push_back(json::object{
        {"store", name}, {"bytes_before", before}, {"bytes_after", directory_bytes(dir)}});
  }
  return tell_compaction(session, json::object{{"stores", std::move(rows)}});
}

int run_compact(Session& session, const LocalArgs& args) {
  const std::string store = args.get("--store");
  if (!store.empty() && store != "chain" && store != "mmr" && store != "index")
    return session.fail(Status(Code::kInvalid, "--store: expected chain, mmr or index"));
  if (names_directory(args)) return compact_stopped(session, args);
  json::object params;
  if (!store.empty()) params["store"] = store;
  Result<json::object> job = run_job(session, "maintenance.compact", std::move(params));
  if (!job.ok()) return session.fail(job.status());
  if (member_text(*job, "state") != "done") return failed_job(session, *job);
  return tell_compaction(session, *job);
}

// ---- prune

int run_prune(Session& session, const LocalArgs& args) {
  if (!args.has("--before-height"))
    return session.fail(Status(Code::kInvalid, "--before-height is missing",
                               "usage: contract-cli maintenance prune --before-height H"));
  Result<std::uint64_t> height = height_flag(args, "--before-height");
  if (!height.ok()) return session.fail(height.status());
  Result<json::object> job =
      run_job(session, "maintenance.prune",
              {{"before_height", *height}, {"dry_run", args.has("--dry-run")}});
  if (!job.ok()) return session.fail(job.status());
  if (member_text(*job, "state") != "done") return failed_job(session, *job);
  if (!wants_text(session)) return print_result(session, *job);
  session.world.out << (args.has("--dry-run") ? "would prune" : "pruned")
                    << " blocks=" << member_text(*job, "blocks")
                    << " events=" << member_text(*job, "events")
                    << " bytes=" << member_text(*job, "bytes")
                    << " pruned_below=" << member_text(*job, "pruned_below") << '\n';
  return kExitOk;
}

}  // namespace

std::vector<LocalVerb> maintenance_verbs() {
  const LocalFlag data{"--data-dir", "DIR", "Data directory of a node that does not run"};
  const LocalFlag state{"--state", "DIR", "Its state, where storage.state_dir says another place"};
  return {
      {"maintenance verify",
       "",
       "Read log, state, MMR and index block by block and name what is wrong; exit code 0 clean, 1 "
       "minor, 4 body, 5 major",
       {{"--from-height", "H", "First block"},
        {"--to-height", "H", "Last block"},
        {"--fast", "", "No signatures, no index, nothing executed"},
        {"--signatures", "", "Check the signatures of commands again too"},
        data,
        state},
       0,
       0,
       run_verify,
       {{"contract-cli maintenance verify", "of the running node, and executes its log again"},
        {"contract-cli maintenance verify --data-dir node-data", "of a stopped one"}},
       {"moloch maintenance verify"}},
      {"maintenance compact",
       "",
       "Compact the stores, range by range; Ctrl-C stops after the present one",
       {{"--store", "NAME", "chain, mmr or index; all when absent"}, data, state},
       0,
       0,
       run_compact,
       {{"contract-cli maintenance compact --store chain", "prints bytes before and after"}},
       {"moloch maintenance compact"}},
      {"maintenance prune",
       "",
       "Remove the bodies of old blocks; headers, certificates and receipts stay",
       {{"--before-height", "H", "Blocks below this height"},
        {"--dry-run", "", "Count, and change nothing"}},
       0,
       0,
       run_prune,
       {{"contract-cli maintenance prune --before-height 100000 --dry-run",
         "says what would be freed"}},
       {"moloch maintenance prune"}}};
}

}  // namespace blockd::cli
