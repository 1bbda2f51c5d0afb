// maintenance repair, migrate, resync: on the data directory of a node that does not run.
#include <filesystem>
#include <ostream>

#include "kernel/base/hex.hpp"
#include "kernel/chain/store/log_front.hpp"
#include "kernel/chain/store/log_views.hpp"
#include "kernel/chain/store/prune.hpp"
#include "kernel/programs/cli/output.hpp"
#include "kernel/programs/cli/stopped_node.hpp"
#include "kernel/storage/data_schema.hpp"
#include "kernel/storage/space_guard.hpp"

namespace blockd::cli {
namespace {

namespace fs = std::filesystem;

struct RepairPlan {
  std::vector<std::string> set_aside;  // directories that are made again
  std::vector<std::string> copies;     // files that the node may cut
  std::vector<std::string> advice;     // what cannot be repaired here
  std::vector<std::string> lost;       // committed blocks that the log lacks: it goes on without
};

// A view or a state is made again as a whole; the log is the truth and is only cut where a write
// was torn.
RepairPlan plan_repair(const StoppedNode& node, const StoreCheckReport& report) {
  RepairPlan plan;
  bool views = false, state = false, log = false;
  for (const StoreFinding& one : report.findings) {
    if (one.type == FindingClass::kMinor) {
      views = true;
    } else if (one.what.starts_with("mmr:")) {
      views = true;
      plan.lost.push_back(one.what);
    } else if (one.what.starts_with("state:")) {
      state = true;
    } else {
      log = true;
      plan.advice.push_back((one.height ? "height " + std::to_string(*one.height) + ": " : "") +
                            one.what);
    }
  }
  if (views) plan.set_aside = {node.data_dir() + "/index"};
  // As long as the log is damaged nobody can say which blocks are lost; the MMR will.
  if (views && (!log || plan.lost.empty()))
    plan.set_aside.insert(plan.set_aside.begin(), node.data_dir() + "/mmr");
  if (state) plan.set_aside.push_back(node.state_dir());
  if (!log) return plan;
  std::move(plan.lost.begin(), plan.lost.end(), std::back_inserter(plan.advice));
  plan.lost.clear();
  std::string newest;
  for (const auto& entry : fs::directory_iterator(node.data_dir() + "/chain")) {
    const std::string path = entry.path();
    if (path.ends_with(".seg")) newest = std::max(newest, path);
    if (path.ends_with("/log-ahead")) plan.copies.push_back(path);  // may hold the newest blocks
  }
  if (!newest.empty()) plan.copies.push_back(newest);
  return plan;
}

Status keep_backup(const RepairPlan& plan, const std::string& backup, std::ostream& out) {
  std::error_code error;
  fs::create_directories(backup, error);
  for (const std::string& file : plan.copies) {
    const fs::path to = fs::path(backup) / fs::path(file).filename();
    if (!error) fs::copy_file(file, to, error);
    if (!error) out << "copied " << file << " to " << to.string() << '\n';
  }
  for (const std::string& dir : plan.set_aside) {
    if (!fs::exists(dir)) continue;
    const fs::path to = fs::path(backup) / fs::path(dir).filename();
    if (!error) fs::rename(dir, to, error);
    if (!error) out << "moved " << dir << " to " << to.string() << '\n';
  }
  if (error) return Status(Code::kIo, backup + ": " + error.message());
  return {};
}

// The node's own code makes again what is missing, as at a start: from the newest snapshot that
// verifies and the log behind it, or from the log alone.
Status make_again(Session& session, StoppedNode& node, const LocalArgs& args) {
  std::vector<std::string> words = {"call", "storage.stats", "{}", "--data-dir", node.data_dir()};
  if (args.has("--config")) words.insert(words.end(), {"--config", args.get("--config")});
  if (args.has("--state")) words.insert(words.end(), {"--db-path", node.state_dir()});
  node.unlock();
  Result<ChildRun> child = run_blockd(session.world, std::move(words));
  TB_TRY(node.lock_again());
  if (!child.ok()) return child.status();
  if (child->exit_code == 0) return {};
  return Status(Code::kDenied, "the node could not open what is left",
                "blockd has said why, above; restore a snapshot or a backup, or copy the damaged "
                "segment from another node");
}

int run_maintenance_repair(Session& session, const LocalArgs& args) {
  std::ostream& out = session.world.out;
  Result<StoppedNode> node = StoppedNode::lock(session.world, args);
  if (!node.ok()) return session.fail(node.status());
  Result<StoreCheckReport> report = node->check({});
  if (!report.ok()) return session.fail(report.status());
  if (report->count() == 0) {
    out << "nothing to repair: blocks=" << report->blocks << " findings=0\n";
    return kExitOk;
  }
  const RepairPlan plan = plan_repair(*node, *report);
  for (const StoreFinding& one : report->findings)
    out << "finding " << finding_class_name(one.type)
        << " height=" << (one.height ? std::to_string(*one.height) : "null")
        << " what=" << escape_controls(one.what) << '\n';
  if (args.has("--dry-run")) {
    for (const std::string& dir : plan.set_aside) out << "would make again " << dir << '\n';
    for (const std::string& text : plan.lost)
      out << "would go on without blocks, unless their segments are put back: "
          << escape_controls(text) << '\n';
    for (const std::string& text : plan.advice)
      out << "cannot repair from this node alone: " << escape_controls(text) << '\n';
    return kExitRefused;
  }
  const std::string backup =
      node->data_dir() + "/repair-backup-" + std::to_string(session.world.clock.unix_ms() / 1000);
  Status status = keep_backup(plan, backup, out);
  for (const std::string& text : plan.lost)
    out << "goes on without blocks: " << escape_controls(text) << '\n';
  if (status.ok()) status = make_again(session, *node, args);
  if (!status.ok()) return session.fail(status);
  Result<StoreCheckReport> again = node->check({});
  if (!again.ok()) return session.fail(again.status());
  for (const StoreFinding& one : again->findings)
    out << "left " << finding_class_name(one.type)
        << " height=" << (one.height ? std::to_string(*one.height) : "null")
        << " what=" << escape_controls(one.what) << '\n';
  if (again->count() != 0)
    out << "copy the damaged file from another node of this chain or from a backup, or restore a "
           "snapshot\n";
  out << "repaired: blocks=" << again->blocks << " findings=" << again->count() << '\n';
  return again->count() == 0 ? kExitOk : kExitRefused;
}

// ---- migrate

// A chain that began behind a snapshot has blocks in front of its log; its state knows of them.
Result<LogFront> front_of(const StoppedNode& node, const BlockLog& log) {
  if (log.first_pruned() == 0) return LogFront{};
  Result<std::unique_ptr<KvStore>> state = open_leveldb(node.state_dir(), {});
  if (!state.ok()) return state.status();
  return log_front(log, **state);
}

// Schema 2 has the views of the log beside it. They are written behind the log in batches that
// carry how far they are, so a second run goes on where a killed one stopped.
Status make_views(const StoppedNode& node, std::ostream& out) {
  const std::string& data = node.data_dir();
  std::string cut;
  Result<std::unique_ptr<BlockLog>> log = BlockLog::open(system_disk(), data + "/chain", {}, &cut);
  if (!log.ok()) return log.status();
  Result<LogFront> front = front_of(node, **log);
  if (!front.ok()) return front.status();
  LogViewsOptions options;
  options.base_blocks = front->blocks;
  options.base_peaks = std::move(front->peaks);
  options.mmr_dir = data + "/mmr";
  options.index_dir = data + "/index";
  options.log = log->get();
  options.note = [&out](std::string line) { out << line << '\n' << std::flush; };
  Result<std::unique_ptr<LogViews>> views = LogViews::open(std::move(options));
  if (!views.ok()) return views.status();
  TB_TRY((*views)->mmr().flush());
  TB_TRY((*views)->index().flush());
  out << "mmr and index: " << (*views)->leaves() << " blocks\n";
  return {};
}

Status check_room(const StoppedNode& node) {
  const std::uint64_t largest =
      std::max(directory_bytes(node.data_dir() + "/chain"), directory_bytes(node.state_dir()));
  std::error_code error;
  const fs::space_info space = fs::space(node.data_dir(), error);
  if (error) return Status(Code::kIo, node.data_dir() + ": " + error.message());
  if (space.available >= largest) return {};
  return Status(Code::kNoSpace,
                "the file system of " + node.data_dir() + " has " +
                    std::to_string(space.available) + " bytes left, the largest store has " +
                    std::to_string(largest),
                "make room; nothing was changed");
}

int run_migrate(Session& session, const LocalArgs& args) {
  std::ostream& out = session.world.out;
  Result<StoppedNode> node = StoppedNode::lock(session.world, args);
  if (!node.ok()) return session.fail(node.status());
  Result<std::uint32_t> schema = read_data_schema(node->data_dir());
  if (!schema.ok()) return session.fail(schema.status());
  if (*schema == 0)
    return session.fail(Status(Code::kNotFound, node->data_dir() + " holds no chain",
                               "--data-dir names the data directory of a node that has run"));
  if (*schema > kDataSchema)
    return session.fail(Status(Code::kDenied,
                               node->data_dir() + " has data of schema " + std::to_string(*schema) +
                                   ", this program knows up to " + std::to_string(kDataSchema),
                               "use the program that wrote them, or restore a backup"));
  if (*schema == kDataSchema) {
    out << "schema is current (" << kDataSchema << ")\n";
    return kExitOk;
  }
  if (Status room = check_room(*node); !room.ok()) return session.fail(room);
  out << (args.has("--dry-run") ? "would migrate" : "migrating") << " schema " << *schema << " to "
      << kDataSchema << ": make mmr and index from the log\n"
      << std::flush;
  if (args.has("--dry-run")) return kExitOk;
  Status status = make_views(*node, out);
  if (status.ok()) status = write_data_schema(node->data_dir());
  if (!status.ok()) return session.fail(status);
  out << "schema is now " << kDataSchema << '\n';
  return kExitOk;
}

// ---- resync

// Whether some other validator could give the blocks back.
Result<bool> is_alone(const StoppedNode& node) {
  Result<Bytes> text = read_file(node.data_dir() + "/genesis.json");
  if (!text.ok()) return text.status();
  Result<Genesis> genesis = Genesis::parse(*text);
  if (!genesis.ok()) return genesis.status();
  return genesis->validators.size() <= 1;
}

int run_resync(Session& session, const LocalArgs& args) {
  Result<StoppedNode> node = StoppedNode::lock(session.world, args);
  if (!node.ok()) return session.fail(node.status());
  Result<bool> alone = is_alone(*node);
  if (!alone.ok()) return session.fail(alone.status());
  if (*alone && !args.has("--force"))
    return session.fail(Status(
        Code::kDenied, "this chain has one validator: nobody else could give its blocks back",
        "restore a snapshot or a backup instead; --force removes the chain for ever"));
  for (const std::string& dir : {node->data_dir() + "/chain", node->data_dir() + "/mmr",
                                 node->data_dir() + "/index", node->state_dir()}) {
    if (!fs::exists(dir)) continue;
    std::error_code error;
    fs::remove_all(dir, error);
    if (error) return session.fail(Status(Code::kIo, dir + ": " + error.message()));
    session.world.out << "removed " << dir << '\n';
  }
  session.world.out << "keys, genesis and configuration are kept\n";
  return kExitOk;
}

}  // namespace

std::vector<LocalVerb> repair_verbs() {
  const LocalFlag data{"--data-dir", "DIR", "Data directory of the node (TB_DATA_DIR, node-data)"};
  const LocalFlag state{"--state", "DIR", "Its state, where storage.state_dir says another place"};
  const LocalFlag config{"--config", "FILE", "Configuration of that node, for its plugins"};
  return {
      {"maintenance repair",
       "",
       "Make again what a stopped node can make again: state, MMR, index; exit code 0 if all is "
       "clean then",
       {{"--dry-run", "", "Name the damage and what would be done"},
        {"--no-fetch", "", "Take nothing from other nodes; this build never does"},
        data,
        state,
        config},
       0,
       0,
       run_maintenance_repair,
       {{"contract-cli maintenance repair --data-dir node-data --dry-run",
         "says what is damaged and what would be made again"}},
       {"moloch maintenance repair"}},
      {"migrate",
       "",
       "Bring the files of a stopped node to the schema of this program",
       {{"--dry-run", "", "Say what would be done"}, data, state},
       0,
       0,
       run_migrate,
       {{"contract-cli migrate --data-dir node-data", "a second run changes nothing"}},
       {"moloch migrate"}},
      {"resync",
       "",
       "Remove chain, state, MMR and index of a stopped node, so that it takes them from others",
       {{"--force", "", "Also where nobody else has them"}, data, state},
       0,
       0,
       run_resync,
       {{"contract-cli resync --data-dir node-data", "keys and configuration stay"}},
       {"moloch resync"}}};
}

}  // namespace blockd::cli
