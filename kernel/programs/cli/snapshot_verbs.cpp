// snapshots create, verify, restore, and list of a directory: files that hold the whole state, made
// by a node and read without one.
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <ostream>
#include <thread>

#include <boost/json/serialize.hpp>

#include "kernel/base/file.hpp"
#include "kernel/base/hex.hpp"
#include "kernel/programs/cli/catalogue.hpp"
#include "kernel/programs/cli/new_chain.hpp"
#include "kernel/programs/cli/node_client.hpp"
#include "kernel/programs/cli/output.hpp"
#include "kernel/programs/cli/stopped_node.hpp"
#include "kernel/snapshot/mirror_restore.hpp"
#include "kernel/snapshot/snapshot.hpp"

namespace blockd::cli {
namespace {

namespace fs = std::filesystem;
constexpr std::uint32_t kSnapshotPollMs = 100;
constexpr std::uint64_t kMaxGenesisFile = 64u << 20;

// ---- create

std::string state_of(const json::value& job) {
  const json::object* object = job.if_object();
  const json::value* state = object ? object->if_contains("state") : nullptr;
  return state != nullptr && state->is_string() ? std::string(state->get_string()) : std::string();
}

bool still_runs(const std::string& state) {
  return state != "done" && state != "failed" && state != "cancelled";
}

std::string text_member(const json::value& job, const char* name) {
  const json::object* object = job.if_object();
  const json::value* member = object ? object->if_contains(name) : nullptr;
  return member != nullptr && member->is_string() ? std::string(member->get_string())
                                                  : std::string();
}

int create_verb(Session& session, const LocalArgs& args) {
  json::object params{{"wait", false}};
  // The node may stand in another directory.
  if (args.has("--path")) params["path"] = fs::absolute(args.get("--path")).string();
  const std::string space = args.get("--namespace", args.get("--store"));
  if (!space.empty()) params["namespace"] = space;
  const std::string base = args.get("--incremental-from", args.get("--base"));
  if (!base.empty()) params["base"] = fs::absolute(base).string();
  NodeClient client(session);
  Result<json::value> job = client.call("snapshots.create", params);
  if (!job.ok())
    return session.refused ? session.fail(*session.refused) : session.fail(job.status());
  const json::value* number = job->if_object() ? job->get_object().if_contains("job") : nullptr;
  if (number == nullptr)
    return session.fail(Status(Code::kCorrupt, "the answer of snapshots.create has no job"));
  const json::object question{{"job", *number}};
  std::string shown;
  while (still_runs(state_of(*job))) {
    const std::string note = text_member(*job, "note");
    if (!note.empty() && note != shown) session.world.err << note << std::endl;
    shown = note;
    std::this_thread::sleep_for(std::chrono::milliseconds(kSnapshotPollMs));
    job = client.call("snapshots.status", question);
    if (!job.ok())
      return session.refused ? session.fail(*session.refused) : session.fail(job.status());
  }
  if (state_of(*job) != "done") {
    const std::string why = text_member(*job, "error");
    return session.fail(Status(Code::kAborted,
                               why.empty() ? "the snapshot was " + state_of(*job) : why,
                               text_member(*job, "hint")));
  }
  return print_result(session, *job, {"", {}, "path", false});
}

// ---- who vouches

struct Vouched {
  std::optional<Genesis> genesis;
  std::string genesis_text, by;
  SnapshotTrust trust;
};

Status take_genesis(std::string text, std::string by, Vouched* out) {
  Result<Genesis> genesis = Genesis::parse(text);
  if (!genesis.ok()) return genesis.status().in(by);
  out->genesis = *std::move(genesis);
  out->genesis_text = std::move(text);
  out->by = std::move(by);
  return {};
}

Status read_genesis(const std::string& path, Vouched* out) {
  Result<Bytes> text = read_file(path, kMaxGenesisFile);
  if (!text.ok()) return text.status();
  return take_genesis(*std::move(text), path, out);
}

Status ask_node(Session& session, Vouched* out) {
  NodeClient client(session);
  Result<json::value> answer = client.call("block.genesis", json::object{});
  if (!answer.ok()) {
    return Status(Code::kInvalid,
                  "nobody vouches for this snapshot: no genesis beside it, and no node answers",
                  "give --trust GENESIS_FILE, --data-dir DIR, --trust-root HEX, or --rpc URL");
  }
  return take_genesis(json::serialize(*answer), client.endpoint(), out);
}

// In this order: what is named by hand, the genesis of the directory that the file lies in, a node.
Status find_trust(Session& session, const LocalArgs& args, const std::string& file, Vouched* out) {
  if (args.has("--trust-root")) {
    Result<Hash> root = array_from_hex<32>(args.get("--trust-root"));
    if (!root.ok()) return root.status().in("--trust-root");
    out->trust.state_root = *root;
    out->by = "--trust-root";
  }
  const std::string near =
      (fs::path(file).parent_path() / ".." / "genesis.json").lexically_normal().string();
  const std::string of_data = args.get("--data-dir") + "/genesis.json";
  Status status;
  if (args.has("--trust")) {
    status = read_genesis(args.get("--trust"), out);
  } else if (args.has("--data-dir") && file_exists(of_data)) {
    status = read_genesis(of_data, out);
  } else if (out->trust.state_root) {
    return {};
  } else if (file_exists(near)) {
    status = read_genesis(near, out);
  } else {
    status = ask_node(session, out);
  }
  if (out->genesis) out->trust.genesis = &*out->genesis;
  return status;
}

// ---- verify

Result<std::vector<std::string>> files_of(const std::vector<std::string>& words) {
  if (words.size() == 1) return snapshot_chain(words[0]);  // its base is looked for beside it
  return words;
}

json::object info_json(const SnapshotInfo& info) {
  json::array stores;
  for (const SnapshotNamespace& space : info.namespaces) {
    if (space.included) stores.push_back(json::value(space.id));
  }
  return {{"path", info.path},
          {"chain", info.chain_id},
          {"height", info.height},
          {"macro_height", info.macro_height},
          {"block_hash", to_hex(info.block_hash)},
          {"state_root", to_hex(info.state_root)},
          {"base_height", info.base_height ? json::value(*info.base_height) : json::value(nullptr)},
          {"entries", info.entries},
          {"bytes", info.bytes},
          {"blake3", to_hex(info.blake3)},
          {"stores", std::move(stores)}};
}

int verify_verb(Session& session, const LocalArgs& args) {
  Vouched vouched;
  Status status = find_trust(session, args, args.words.back(), &vouched);
  if (!status.ok()) return session.fail(status);
  const Result<std::vector<std::string>> files = files_of(args.words);
  if (!files.ok()) return session.fail(files.status());
  const Result<SnapshotInfo> info = verify_snapshot(*files, vouched.trust);
  if (!info.ok()) return session.fail(info.status());
  json::object out = info_json(*info);
  out["ok"] = true;
  out["vouched_by"] = vouched.by;
  return print_result(session, out, {"", {}, "path", false});
}

int list_directory(Session& session, const std::string& dir) {
  std::vector<std::string> problems;
  json::array out;
  for (const SnapshotInfo& info : list_snapshots(dir, &problems)) {
    const std::optional<SnapshotNote> note = read_snapshot_note(info.path);
    out.push_back(
        json::object{{"height", info.height},
                     {"path", info.path},
                     {"bytes", info.bytes},
                     {"blake3", note ? json::value(note->blake3) : json::value(nullptr)},
                     {"created_at", note ? json::value(note->created_at) : json::value(nullptr)}});
  }
  for (const std::string& problem : problems) session.world.err << "warning: " << problem << '\n';
  return print_result(session, out,
                      {"", {"height", "path", "bytes", "blake3", "created_at"}, "path", true});
}

int list_verb(Session& session, const LocalArgs& args) {
  return list_directory(session, args.get("--path"));
}

// ---- restore

// The directories of a node that belong to its present state; keys, genesis and snapshots stay.
std::vector<std::string> old_places(const LocalArgs& args, const std::string& state_dir) {
  const std::string data = args.get("--data-dir");
  std::vector<std::string> out{state_dir};
  if (args.has("--keep-log")) return out;
  for (const char* name : {"/chain", "/mempool", "/stores", "/imports", "/index", "/mmr"})
    out.push_back(data + name);
  return out;
}

bool holds_something(const std::string& place) {
  std::error_code error;
  return fs::exists(place, error) &&
         !(fs::is_directory(place, error) && fs::is_empty(place, error));
}

Status make_room(const LocalArgs& args, const std::vector<std::string>& places,
                 std::uint64_t now_secs, json::array* moved) {
  for (const std::string& place : places) {
    if (!holds_something(place)) continue;
    if (!args.has("--force")) {
      return Status(Code::kExists, place + " is not empty",
                    "give --force to move it away first (nothing is deleted)");
    }
    const std::string to = place + ".before-" + std::to_string(now_secs);
    std::error_code error;
    if (fs::exists(to, error))
      return Status(Code::kExists, to + " is there already", "try again in a second");
    fs::rename(place, to, error);
    if (error) return Status(Code::kIo, "cannot move " + place + ": " + error.message());
    moved->push_back(json::value(to));
  }
  return {};
}

// ---- one namespace from its mirror

Result<Mirror> mirror_of(const LocalArgs& args) {
  const std::string space = args.get("--namespace"), from = args.get("--from");
  if (!args.has("--from"))
    return Status(Code::kInvalid, "--from is missing: where does the mirror of " + space + " lie?",
                  "usage: contract-cli snapshots restore --namespace NAME --from DIR --data-dir D");
  Result<std::optional<Mirror>> mirror = load_mirror(from);
  if (!mirror.ok()) return mirror.status();
  if (!*mirror)
    return Status(Code::kNotFound, from + " holds no mirror",
                  "`contract-cli snapshots mirror " + space + "` of a node that runs writes one");
  if ((*mirror)->state.space != space)
    return Status(Code::kInvalid,
                  "the mirror in " + from + " is of namespace '" + (*mirror)->state.space + "'",
                  "give that as --namespace, or the folder of " + space + " as --from");
  return **std::move(mirror);
}

Status may_take_mirror(const LocalArgs& args, const std::optional<NewChain>& chain) {
  if (!chain)
    return Status(Code::kDenied,
                  "the rows of a mirror are not those that the chain of the snapshot agreed on",
                  "give --staging (or --chain-id NEW): then they are the beginning of another "
                  "chain");
  if (chain->genesis.validators.size() != 1)
    return Status(Code::kDenied,
                  "import needs the same data on every node, and " +
                      args.get("--chain-id", "the chain") + " has " +
                      std::to_string(chain->genesis.validators.size()) + " validators",
                  "give --staging: then the keys of this directory are its only validator");
  return {};
}

// On the state that is there nothing but what it holds already may be put.
Result<json::object> hold_against_state(Session& session, const LocalArgs& args) {
  Result<StoppedNode> node = StoppedNode::lock(session.world, args);
  if (!node.ok()) return node.status();
  Result<Mirror> mirror = mirror_of(args);
  if (!mirror.ok()) return mirror.status();
  if (wants_new_chain(args))
    return Status(Code::kInvalid, "another chain begins with a snapshot, and none is named",
                  "contract-cli snapshots restore SNAPSHOT --namespace NAME --from DIR --data-dir "
                  "NEW --staging");
  Result<std::unique_ptr<KvStore>> state = open_leveldb(node->state_dir(), {});
  if (!state.ok()) return state.status();
  Result<MirrorRoots> roots = roots_with_mirror(**state, *mirror);
  if (!roots.ok()) return roots.status();
  if (roots->stored != roots->resulting)
    return Status(Code::kDenied,
                  "with the mirror of height " + std::to_string(mirror->state.height) +
                      " the state would have root " + to_hex(roots->resulting) + ", not " +
                      to_hex(roots->stored) + "; nothing was changed",
                  "take it into a chain of its own: snapshots restore SNAPSHOT --namespace " +
                      mirror->state.space + " --from DIR --data-dir NEW --staging");
  return json::object{{"namespace", mirror->state.space},
                      {"height", mirror->state.height},
                      {"state_root", to_hex(roots->stored)},
                      {"rows", mirror->state.rows.size()},
                      {"ok", true}};
}

// A room is made only when the files are known to be good.
Result<json::object> restore_files(Session& session, const LocalArgs& args) {
  const std::string data = args.get("--data-dir"), state_dir = args.get("--state", data + "/state");
  TB_TRY(make_directories(data, 0750));
  Result<DirectoryLock> lock = DirectoryLock::acquire(data);
  if (!lock.ok())
    return lock.status().code() == Code::kBusy
               ? Status(Code::kDenied, lock.status().message(), "stop the node first")
               : lock.status();
  Vouched vouched;
  TB_TRY(find_trust(session, args, args.words.back(), &vouched));
  Result<std::vector<std::string>> files = files_of(args.words);
  if (!files.ok()) return files.status();
  std::optional<NewChain> chain;
  if (wants_new_chain(args)) {
    Result<NewChain> planned = plan_new_chain(args, vouched.trust.genesis, data);
    if (!planned.ok()) return planned.status();
    chain = *std::move(planned);
  }
  std::optional<Mirror> mirror;
  if (args.has("--namespace")) {
    Result<Mirror> read = mirror_of(args);
    if (!read.ok()) return read.status();
    TB_TRY(may_take_mirror(args, chain));
    mirror = *std::move(read);
  }
  std::vector<std::string> places = old_places(args, state_dir);
  if (!args.has("--force")) {
    json::array none;
    TB_TRY(make_room(args, places, 0, &none));
  }
  // Beside its place: what was there stays until the new state is whole and checked.
  const std::string made = state_dir + ".from-snapshot";
  std::error_code ignored;  // of a restore that was interrupted
  fs::remove_all(made, ignored);
  Result<SnapshotInfo> info = restore_snapshot(*files, vouched.trust, made);
  if (!info.ok()) return info.status();
  if (mirror) TB_TRY(begin_with_mirror(made, *mirror));
  if (chain) {
    TB_TRY(begin_new_chain(made, *chain));
    if (args.has("--force")) places.push_back(data + "/genesis.json");
  }
  json::array moved;
  TB_TRY(make_room(args, places, session.world.clock.unix_ms() / 1000, &moved));
  if (mirror) TB_TRY(ImportFiles(data + "/imports").keep(*mirror));
  std::error_code error;
  fs::remove(state_dir, ignored);  // an empty one
  fs::rename(made, state_dir, error);
  if (error) return Status(Code::kIo, "cannot move " + made + " to its place: " + error.message());
  const std::string genesis = data + "/genesis.json";
  if (chain) {
    TB_TRY(write_file_atomic(genesis, chain->genesis.to_json() + "\n"));
  } else if (!vouched.genesis_text.empty() && !file_exists(genesis)) {
    TB_TRY(write_file_atomic(genesis, vouched.genesis_text));
  }
  json::object out = info_json(*info);
  if (mirror) out["namespace"] = mirror->state.space;
  if (chain) out["new_chain"] = chain->genesis.chain_id;
  out["ok"] = true;
  out["state_dir"] = state_dir;
  out["vouched_by"] = vouched.by;
  out["moved_away"] = std::move(moved);
  return out;
}

int restore_verb(Session& session, const LocalArgs& args) {
  if (!args.has("--data-dir")) {
    return session.fail(Status(Code::kInvalid, "--data-dir is missing",
                               "usage: contract-cli snapshots restore FILE… --data-dir DIR"));
  }
  if (args.words.empty() && !args.has("--namespace"))
    return session.fail(Status(Code::kInvalid, "no snapshot is named",
                               "usage: contract-cli snapshots restore FILE… --data-dir DIR"));
  Result<json::object> out =
      args.words.empty() ? hold_against_state(session, args) : restore_files(session, args);
  if (!out.ok()) return session.fail(out.status());
  return print_result(session, *out, {"", {}, "path", false});
}

// ---- the older verbs, by data directory

std::string snapshots_of(const LocalArgs& args) {
  return args.get("--db-path", args.words[0] + "/snapshots");
}

int old_create(Session& session, const LocalArgs& args) {
  session.options.url = "unix:" + args.words[0] + "/rpc.sock";
  LocalArgs own;
  if (args.has("--db-path")) own.flags["--path"] = {args.get("--db-path")};
  return create_verb(session, own);
}

int old_list(Session& session, const LocalArgs& args) {
  return list_directory(session, snapshots_of(args));
}

int old_apply(Session& session, const LocalArgs& args) {
  LocalArgs own;
  own.flags["--data-dir"] = {args.words[0]};
  if (args.has("--force")) own.flags["--force"] = {""};
  const std::vector<SnapshotInfo> all = list_snapshots(snapshots_of(args));
  const auto newest =
      std::find_if(all.begin(), all.end(), [](const SnapshotInfo& info) { return info.whole(); });
  if (newest == all.end())
    return session.fail(
        Status(Code::kNotFound, snapshots_of(args) + " holds no snapshot of a whole state"));
  own.words = {newest->path};
  return restore_verb(session, own);
}

const std::vector<LocalFlag> kTrustFlags = {
    {"--trust", "FILE", "Genesis of the chain, whose validators must have signed"},
    {"--trust-root", "HEX", "State root, known from elsewhere"},
    {"--data-dir", "DIR", "Data directory whose genesis.json vouches"}};

std::vector<LocalFlag> with_trust(std::vector<LocalFlag> flags) {
  flags.insert(flags.end(), kTrustFlags.begin(), kTrustFlags.end());
  return flags;
}

}  // namespace

std::vector<LocalVerb> snapshot_verbs() {
  return {
      {"snapshots create",
       "",
       "Have the node write a snapshot, and wait for it",
       {{"--path", "DIR", "Where to (the node's snapshot_dir)"},
        {"--namespace", "NAME", "This namespace only"},
        {"--store", "NAME", "The same"},
        {"--incremental-from", "FILE", "Only what changed since this snapshot"},
        {"--base", "FILE", "The same"}},
       0,
       0,
       create_verb,
       {{"contract-cli snapshots create", "Prints path, height, state root and BLAKE3"},
        {"contract-cli snapshots create --path /backup --incremental-from "
         "/backup/snapshot-0000001024.tbs",
         "What changed since then"}}},
      {"snapshots verify",
       "<file>…",
       "Check pages, roots and certificate of a snapshot; exit code 1 names what does not hold",
       kTrustFlags,
       1,
       kMaxSnapshotFiles,
       verify_verb,
       {{"contract-cli snapshots verify node-data/snapshots/snapshot-0000001024.tbs",
         "Trusts the genesis.json of node-data"}}},
      {"snapshots restore",
       "[<file>…]",
       "Make the state of a node that does not run from a snapshot; its increments follow it",
       with_trust({{"--force", "", "Move what is there to <name>.before-<unix> first"},
                   {"--chain-id", "NEW", "Begin another chain from the state, at its height"},
                   {"--staging", "",
                    "The same, with the keys of this directory as its validator and operator"},
                   {"--keep-log", "", "Keep the block log: the node follows it from there"},
                   {"--namespace", "NAME",
                    "Rows of this plugin from its mirror: of another chain that begins with them; "
                    "without FILE, whether they are those of the state"},
                   {"--from", "DIR", "Folder of that mirror"},
                   {"--state", "DIR", "Its state, where storage.state_dir says another place"}}),
       0,
       kMaxSnapshotFiles,
       restore_verb,
       {{"contract-cli snapshots restore snapshot-0000001024.tbs --data-dir node-data --trust "
         "genesis.json",
         "The node goes on from that height"},
        {"contract-cli snapshots restore snapshot-0000001024.tbs --data-dir staging --trust "
         "genesis.json --staging",
         "A chain of its own for a rehearsal, without any key of production"},
        {"contract-cli snapshots restore snapshot-0000001024.tbs --namespace energy --from "
         "/backup/energy_market --data-dir staging --trust genesis.json --staging",
         "The same, with the market of another copy"}}},
      {"snapshots list",
       "",
       "Snapshots of a directory, the newest first",
       {{"--path", "DIR", "The directory"}},
       0,
       0,
       list_verb,
       {{"contract-cli snapshots list --path /backup", "Without a node"}},
       {},
       false,
       false,
       "--path"},
      {"snapshot create",
       "<data_dir>",
       "As snapshots create, of the node that runs on the directory",
       {{"--db-path", "DIR", "Where to (<data_dir>/snapshots)"}},
       1,
       1,
       old_create},
      {"snapshot apply",
       "<data_dir>",
       "As snapshots restore, of the newest snapshot of the directory",
       {{"--db-path", "DIR", "Where it lies (<data_dir>/snapshots)"},
        {"--force", "", "Move what is there to <name>.before-<unix> first"}},
       1,
       1,
       old_apply},
      {"snapshot list",
       "<data_dir>",
       "As snapshots list, of a data directory",
       {{"--db-path", "DIR", "Where they lie (<data_dir>/snapshots)"}},
       1,
       1,
       old_list},
  };
}

}  // namespace blockd::cli
