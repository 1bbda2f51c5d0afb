// storage repair --data: the data directory of a node that does not run. What is damaged is named
// and set aside, never thrown away; the next start makes the state again, from a snapshot or the
// log. Where neither could, the state stays where it is.
#include <filesystem>
#include <ostream>

#include "kernel/base/file.hpp"
#include "kernel/base/hex.hpp"
#include "kernel/chain/repair.hpp"
#include "kernel/chain/store/lost_blocks.hpp"
#include "kernel/programs/cli/catalogue.hpp"
#include "kernel/programs/cli/output.hpp"
#include "kernel/snapshot/state_source.hpp"

namespace blockd::cli {
namespace {

struct RepairPlaces {
  std::string log, state, snapshots, genesis, mmr, index;
};

struct StoreDir {
  std::unique_ptr<KvStore> store;  // null: not there, or not to be opened
  std::string damage;              // why it cannot be opened
};

StoreDir open_store(const std::string& dir) {
  StoreDir out;
  if (!std::filesystem::exists(dir)) return out;
  LevelDbOptions options;
  options.create_if_missing = false;
  Result<std::unique_ptr<KvStore>> store = open_leveldb(dir, options);
  if (store.ok()) {
    out.store = *std::move(store);
  } else {
    out.damage = store.status().message();
  }
  return out;
}

// `<dir>.before-<n>`, the first number that is free.
Status set_aside(const std::string& dir, const std::string& source,
                 std::vector<std::string>* done) {
  if (!std::filesystem::exists(dir)) return {};
  std::error_code error;
  for (unsigned n = 1; n < 10'000; ++n) {
    const std::string to = dir + ".before-" + std::to_string(n);
    if (std::filesystem::exists(to)) continue;
    std::filesystem::rename(dir, to, error);
    if (error) return Status(Code::kIo, dir + ": cannot be set aside: " + error.message());
    done->push_back("set aside " + dir + " as " + to + "; the next start makes it again from " +
                    source);
    return {};
  }
  return Status(Code::kLimit, dir + ": 9,999 earlier ones stand beside it", "remove some of them");
}

json::value height_or_null(const std::optional<std::uint64_t>& height) {
  return height ? json::value(*height) : json::value(nullptr);
}

// A damaged state is to be made again; what the next start will make it from.
struct WayBack {
  std::string source;  // empty: there is none, and `advice` says what is needed
  std::string advice;
};

Result<WayBack> way_back(const RepairPlaces& places, const RepairReport& report) {
  Result<Bytes> text = read_file(places.genesis);
  if (!text.ok()) return text.status();
  Result<Genesis> genesis = Genesis::parse(*text);
  if (!genesis.ok()) return genesis.status().in(places.genesis);
  std::vector<std::string> passed_over;
  Result<StateSource> source =
      find_state_source(places.snapshots, *genesis,
                        {report.head.value_or(0), report.first.value_or(0)}, &passed_over);
  if (source.ok()) return WayBack{source->text, ""};
  std::string advice = source.status().message() + "; " + source.status().hint();
  for (const std::string& why : passed_over) advice += "; " + why;
  return WayBack{"", advice};
}

struct Outcome {
  RepairReport report;
  WayBack back;
  std::string lost;  // blocks that the log lacks, as the MMR tells; empty: none
  bool ok() const { return report.ok() && lost.empty(); }
};

json::object to_json(const Outcome& outcome, bool dry_run) {
  const RepairReport& report = outcome.report;
  json::array done;
  for (const std::string& line : report.done) done.emplace_back(line);
  json::value damage = nullptr;
  if (report.damage) {
    damage = json::object{{"file", report.damage->file},
                          {"offset", report.damage->offset},
                          {"height", height_or_null(report.damage->height)},
                          {"what", report.damage->what},
                          {"tail", report.damage->tail}};
  }
  return {{"ok", outcome.ok()},
          {"dry_run", dry_run},
          {"segments", report.segments},
          {"records", report.records},
          {"blocks", report.blocks},
          {"bytes", report.bytes},
          {"first", height_or_null(report.first)},
          {"head", height_or_null(report.head)},
          {"head_hash", report.head ? to_hex(report.head_hash) : ""},
          {"damage", std::move(damage)},
          {"lost", outcome.lost},
          {"state", report.state},
          {"state_source", outcome.back.source},
          {"advice", outcome.back.advice},
          {"done", std::move(done)}};
}

// Committed blocks behind the last whole one of the log. With damage in the middle nobody can say.
Result<std::string> lost_blocks(const RepairPlaces& places, const RepairReport& report) {
  const StoreDir mmr = open_store(places.mmr);
  if (!mmr.store || !report.head || (report.damage && !report.damage->tail)) return std::string();
  Result<std::uint64_t> count = blocks_beyond(*mmr.store, *report.head, report.head_hash);
  if (!count.ok()) return count.status();
  if (*count == 0) return std::string();
  return blocks_behind(*report.head, *count) + ", which " + places.mmr + " has";
}

Result<Outcome> check(const RepairPlaces& places) {
  StoreDir state = open_store(places.state);
  Result<RepairReport> report = check_log(system_disk(), places.log, state.store.get());
  if (!report.ok()) return report.status();
  if (!state.damage.empty()) report->state = state.damage;
  Result<std::string> lost = lost_blocks(places, *report);
  if (!lost.ok()) return lost.status();
  Outcome out{*std::move(report), {}, *std::move(lost)};
  if (!out.lost.empty()) {
    out.back.advice =
        "put the newest segments of the log back from a copy; the repair sets mmr and index aside, "
        "and the chain goes on without " +
        out.lost;
  }
  if (out.report.state.empty()) return out;
  Result<WayBack> back = way_back(places, out.report);
  if (!back.ok()) return back.status();
  if (!back->advice.empty()) out.back.advice = std::move(back->advice);
  out.back.source = std::move(back->source);
  return out;
}

// The log first, then what the state says to the log that is left.
Result<Outcome> repair(const RepairPlaces& places) {
  Result<RepairReport> cut = repair_log(system_disk(), places.log, nullptr);
  if (!cut.ok()) return cut.status();
  Result<Outcome> out = check(places);
  if (!out.ok()) return out.status();
  RepairReport& report = out->report;
  report.done = cut->done;
  if (!report.state.empty() && !out->back.source.empty()) {
    TB_TRY(set_aside(places.state, out->back.source, &report.done));
    report.state.clear();
  }
  if (!out->lost.empty() && report.state.empty()) {
    for (const std::string& dir : {places.mmr, places.index})
      TB_TRY(set_aside(dir, "the log", &report.done));
    report.done.push_back("the chain goes on without " + std::exchange(out->lost, {}));
    out->back.advice.clear();
  }
  return out;
}

int run_repair(Session& session, const LocalArgs& args) {
  const std::string data = args.get("--data");
  if (data.empty())
    return session.fail(Status(Code::kInvalid, "--data: which data directory?",
                               "usage: contract-cli storage repair --data DIR [--dry-run]"));
  const RepairPlaces places{data + "/chain",
                            args.get("--state", data + "/state"),
                            args.get("--snapshots", data + "/snapshots"),
                            args.get("--genesis", data + "/genesis.json"),
                            data + "/mmr",
                            data + "/index"};
  Result<DirectoryLock> lock = DirectoryLock::acquire(data);
  if (!lock.ok()) {
    const bool busy = lock.status().code() == Code::kBusy;
    return session.fail(
        Status(busy ? Code::kDenied : Code::kNotFound, lock.status().message(),
               busy ? "stop the node first" : "--data names the directory of a node"));
  }
  const bool dry_run = args.has("--dry-run");
  Result<Outcome> out = dry_run ? check(places) : repair(places);
  if (!out.ok()) return session.fail(out.status());
  Result<std::string> text = format_result(session, to_json(*out, dry_run), {"", {}, "", true});
  if (!text.ok()) return session.fail(text.status());
  session.world.out << *text;
  return out->ok() ? kExitOk : kExitRefused;
}

}  // namespace

std::vector<LocalVerb> storage_verbs() {
  return {{"storage repair",
           "",
           "Check the log and the state of a node that does not run; set damage aside",
           {{"--data", "DIR", "Data directory of the node"},
            {"--state", "DIR", "Its state, where storage.state_dir says another place"},
            {"--snapshots", "DIR", "Its snapshots, where snapshot_dir says another place"},
            {"--genesis", "FILE", "Its genesis, where chain.genesis_file says another place"},
            {"--dry-run", "", "Name the damage and change nothing; exit code 1 if there is some"}},
           0,
           0,
           run_repair,
           {{"contract-cli storage repair --data node-data --dry-run",
             "Says up to which block the log is whole"}},
           {"moloch storage repair"}}};
}

}  // namespace blockd::cli
