#include "plugins/governance/face.hpp"

#include <algorithm>
#include <set>
#include <tb/files.hpp>
#include <utility>

#include "plugins/gov-core/params_catalogue.hpp"
#include "plugins/gov-core/provenance.hpp"
#include "plugins/governance/files.hpp"
#include "plugins/governance/own_build.hpp"
#include "plugins/governance/params.hpp"
#include "plugins/governance/provenance.hpp"
#include "plugins/governance/scripts.hpp"
#include "tb/blake3.hpp"

namespace governance {
namespace {

constexpr std::uint64_t kMaxLimit = 200;
constexpr std::uint32_t kScan = 65'536;
constexpr std::uint64_t kWrittenAtOnce = 1000;  // entries of the provenance log
constexpr std::string_view kPlaceKey = "at";
constexpr std::uint64_t kOwnBuildCookie = 1;
constexpr std::string_view kHistory = "/history";

tb::Key by_key(std::string_view key) { return tb::Key("k/").text(key); }

std::optional<std::string> optional_text(const tb::Value& value) {
  return value.absent() ? std::nullopt : std::optional(std::string(value.text()));
}

}  // namespace

Face::Face(tb::Host host) : host_(host) {
  const tb::Status looked = host_.with_view([&](tb::View& view) {
    look_at_scripts(view);
    return tb::ok();
  });
  if (!looked)
    host_.log(TB_LOG_ERROR,
              "the texts of the voted scripts could not be compared with their hashes");
}

tb::Status Face::on_event(const tb::ChainEvent& event) {
  Place place;
  if (const auto row = host_.store_get(kPlaceKey)) {
    place = tb::row_as<Place>(*row);
    if (event.height < place.height || (event.height == place.height && event.index <= place.index))
      return tb::ok();
  } else {
    place.from_height = event.height;
  }
  if (event.topic == "gov.param_changed") take_param(event.data);
  if (event.topic == "gov.energy_settlement") take_settlement(event.data);
  if (event.topic == "gov.provenance") take_entry(event.data);
  if (event.topic == "gov.release") releases_changed_ = true;
  place.height = event.height;
  place.index = event.index;
  return host_.store_put(kPlaceKey, tb::encode_row(place));
}

void Face::take_param(const tb::Value& data) {
  ParamRow row;
  row.seq = data["seq"].u64();
  row.key = data["key"].text();
  row.proposal_id = data["proposal_id"].u64();
  row.epoch = data["epoch"].u64();
  row.height = data["height"].u64();
  row.time = data["time"].u64();
  row.old_value = data["old_value"].u64();
  row.new_value = data["new_value"].u64();
  row.voted_value = data["voted_value"].u64();
  row.event = data["event"].text();
  row.actor = data["actor"].text();
  row.script = optional_text(data["script"]);
  host_.store_put(id_key("h/", row.seq), tb::encode_row(row)).ignore();
  const tb::Key index = by_key(row.key);
  host_.store_put(tb::Key(index).u64(row.seq), {}).ignore();
  // Beyond the limit the oldest row of the key goes.
  std::uint64_t kept = 0, oldest = 0;
  host_
      .store_scan_back(index, {}, kScan,
                       [&](std::string_view key, std::string_view) {
                         oldest = tb::Key::read_u64(key, index.view().size());
                         return ++kept <= kHistoryPerKey;
                       })
      .ignore();
  if (kept > kHistoryPerKey) {
    host_.store_erase(tb::Key(index).u64(oldest)).ignore();
    host_.store_erase(id_key("h/", oldest)).ignore();
  }
  history_changed_ = true;
  const std::lock_guard lock(activated_mutex_);
  if (row.event == "activate") activated_epoch_ = row.epoch;
}

void Face::take_settlement(const tb::Value& data) {
  SettlementChange record;
  if (data.raw() == nullptr || !tb::decode(*data.raw(), record)) return;
  host_.store_put(id_key("s/", record.proposal_id), tb::encode_row(record)).ignore();
  std::uint64_t kept = 0;
  std::string oldest;
  host_
      .store_scan_back("s/", {}, kScan,
                       [&](std::string_view key, std::string_view) {
                         oldest = key;
                         return ++kept <= kSettlementsKept;
                       })
      .ignore();
  if (kept > kSettlementsKept) host_.store_erase(oldest).ignore();
}

void Face::take_entry(const tb::Value& data) {
  const EntryRow row{std::string(data["hash"].text()), std::string(data["entry"].text()),
                     optional_text(data["snapshot"])};
  host_.store_put(id_key("p/", data["seq"].u64()), tb::encode_row(row)).ignore();
  provenance_changed_ = true;
}

tb::Status Face::param_history(tb::View& view, const HistoryParams& in, tb::Out& out) {
  const std::uint64_t limit = in.limit == 0 ? 50 : std::min(in.limit, kMaxLimit);
  const std::string key = in.key ? gov::canonical_key(*in.key) : std::string();
  if (key.size() > 255)
    return view.fail(tb::kInvalidParamsCode, "invalid_params", "key: at most 255 bytes");
  const tb::Key prefix = in.key ? by_key(key) : tb::Key("h/");
  tb::Key before;
  if (in.cursor) before = tb::Key(prefix).u64(*in.cursor);
  std::optional<std::uint64_t> next;
  std::vector<ParamRow> found;
  const tb::Status status =
      host_.store_scan_back(prefix, before, kScan, [&](std::string_view at, std::string_view) {
        const std::uint64_t seq = tb::Key::read_u64(at, prefix.view().size());
        const auto row = host_.store_get(id_key("h/", seq));
        if (!row) return true;
        ParamRow change = tb::row_as<ParamRow>(*row);
        if (in.since_epoch && change.epoch < *in.since_epoch) return false;
        if (found.size() == limit) {
          next = found.back().seq;
          return false;
        }
        found.push_back(std::move(change));
        return true;
      });
  if (!status) return status;
  out.put("changes", found);
  out.put("next_cursor", next);
  return tb::ok();
}

// A value of an activation counts in its own block, any other from the next one on. Rows come
// newest first, so that what a key had before the oldest of them is what stays.
tb::Status Face::values_before(std::uint64_t first_height, Values* out) {
  std::map<std::string, std::uint64_t> rows;
  const tb::Status status =
      host_.store_scan_back("h/", {}, kScan, [&](std::string_view, std::string_view bytes) {
        const ParamRow row = tb::row_as<ParamRow>(bytes);
        if (row.height < first_height && row.height + 1 < first_height) return false;
        const std::uint64_t since = row.event == "activate" ? row.height : row.height + 1;
        if (since > first_height) (*out)[row.key] = row.old_value;
        ++rows[row.key];
        return true;
      });
  for (const auto& [key, count] : rows) {
    if (count >= kHistoryPerKey) (*out)[key] = std::nullopt;
  }
  return status;
}

tb::Status Face::param_diff(tb::View& view, const DiffParams& in, tb::Out& out) {
  Values before;
  if (in.epoch) {
    if (*in.epoch > view.epoch())
      return view.fail(tb::kInvalidParamsCode, "invalid_params",
                       tb::cat("epoch: the chain is in epoch ", view.epoch()));
    if (auto s = values_before(*in.epoch * view.block().epoch_length, &before); !s) return s;
    for (const auto& [key, value] : before) {
      if (!value)
        return view.fail(
            kHistoryTooShort,
            tb::cat("this node keeps ", kHistoryPerKey, " changes of a parameter, and ", key,
                    " had more since epoch ", *in.epoch, "; name a later epoch"));
    }
    out.put("epoch", *in.epoch);
  }
  out.list("params", [&](tb::Out& items) {
    for (const Spec& spec : all_specs(view)) {
      const std::uint64_t value = value_of(view, spec).value;
      const auto changed = before.find(spec.key);
      const std::uint64_t then = changed == before.end() ? value : *changed->second;
      if (in.epoch ? value == then : value == spec.default_value) continue;
      items.record({}, [&](tb::Out& item) {
        item.put("key", spec.key);
        item.put("default", spec.default_value);
        if (in.epoch) item.put("then", then);
        item.put("value", value);
      });
    }
  });
  return tb::ok();
}

tb::Status Face::policy_history(tb::View& view, tb::Out& out) {
  std::vector<PolicyRow> rows = policy_rows(host_);
  out.list("history", [&](tb::Out& list) {
    for (const PolicyRow& row : rows) list.element(row);
  });
  out.put("epoch", view.epoch());
  return tb::ok();
}

tb::Status Face::settlement_records(std::vector<SettlementChange>* records) {
  const tb::Status status =
      host_.store_scan_back("s/", {}, static_cast<std::uint32_t>(kSettlementsKept),
                            [&](std::string_view, std::string_view row) {
                              records->push_back(tb::row_as<SettlementChange>(row));
                              return true;
                            });
  std::stable_sort(records->begin(), records->end(),
                   [](const SettlementChange& a, const SettlementChange& b) {
                     return a.applied_at_epoch > b.applied_at_epoch;
                   });
  return status;
}

namespace {

void put_settlements(const std::vector<SettlementChange>& records, tb::Out& out) {
  out.list({}, [&](tb::Out& list) {
    for (const SettlementChange& record : records) {
      list.record({}, [&](tb::Out& item) {
        item.write(record);
        if (!record.rolled_back_at) item.null("rolled_back_at");
      });
    }
  });
}

constexpr std::string_view kStoreUnreadable =
    "the local store, stores/governance in the data directory, cannot be read; check its disk and "
    "start the node again";

}  // namespace

tb::Status Face::settlement_history(tb::View& view, tb::Out& out) {
  std::vector<SettlementChange> records;
  if (!settlement_records(&records))
    return view.fail(kHistoryReadFailed, std::string(kStoreUnreadable));
  put_settlements(records, out);
  return tb::ok();
}

tb::Status Face::http_settlements(tb::View&, const tb::HttpRequest&, tb::HttpReply& reply) {
  std::vector<SettlementChange> records;
  if (!settlement_records(&records)) {
    reply.status(500).json().put("error", tb::cat("HistoryReadFailed: ", kStoreUnreadable));
    return tb::ok();
  }
  tb::Out out = reply.json();
  put_settlements(records, out);
  return tb::ok();
}

tb::Status Face::provenance(tb::View&, const EntriesParams& in, tb::Out& out) {
  const std::uint64_t limit = in.limit == 0 ? 50 : std::min(in.limit, kMaxLimit);
  const std::string wanted = in.id ? tb::cat(R"("disbursement_id":)", *in.id, ",") : std::string();
  std::optional<std::uint64_t> next;
  std::uint64_t count = 0, last = 0;
  tb::Status status = tb::ok();
  out.list("entries", [&](tb::Out& list) {
    const tb::Key before = in.cursor ? id_key("p/", *in.cursor) : tb::Key();
    status =
        host_.store_scan_back("p/", before, kScan, [&](std::string_view key, std::string_view row) {
          const EntryRow entry = tb::row_as<EntryRow>(row);
          if (!wanted.empty() && entry.entry.find(wanted) == std::string::npos) return true;
          if (count == limit) {
            next = last;
            return false;
          }
          last = tb::Key::read_u64(key, 2);
          ++count;
          list.record({}, [&](tb::Out& item) {
            item.put("seq", last);
            item.put("hash", entry.hash);
            item.put("entry", entry.entry);
            item.put("snapshot", entry.snapshot);
          });
          return true;
        });
  });
  out.put("next_cursor", next);
  return status;
}

// Walks the chain of this node's entries, compares its tip with the state, and the file with both.
tb::Status Face::verify(tb::View& view, tb::Out& out) {
  const auto tip = view.load<ProvenanceTip>(kProvenanceKey);
  std::string problem, previous;
  std::uint64_t count = 0, expected = 0;
  const tb::Status status = host_.store_scan(
      "p/", {}, ~std::uint32_t{0}, [&](std::string_view key, std::string_view row) {
        const EntryRow entry = tb::row_as<EntryRow>(row);
        const std::uint64_t seq = tb::Key::read_u64(key, 2);
        if (problem.empty() && count > 0 && seq != expected)
          problem = tb::cat("entry ", expected, " is missing");
        if (problem.empty() && tb::blake3(entry.entry).hex() != entry.hash)
          problem = tb::cat("entry ", seq, " does not have its hash");
        const std::string link = tb::cat(R"("prev_hash":")", previous, "\"");
        if (problem.empty() && count > 0 && entry.entry.find(link) == std::string::npos)
          problem = tb::cat("entry ", seq, " does not name the one before it");
        previous = entry.hash;
        expected = seq + 1;
        ++count;
        return true;
      });
  if (problem.empty() && tip && (count == 0 || previous != tip->hash))
    problem =
        tb::cat("the tip of the state is entry ", tip->seq, "; this node's list ends elsewhere");
  const bool file_same = provenance_changed_ || file_holds(count);
  if (problem.empty() && !file_same)
    problem = tb::cat(provenance_path(),
                      " is not what the chain says; "
                      "`gov provenance export` writes it again");
  out.put("ok", problem.empty());
  out.put("entries", count);
  out.put("tip_hash", previous.empty() ? std::string(gov::kFirstPrevHash) : previous);
  out.put("problem", problem);
  return status;
}

// A file that a commit is about to write is not looked at.
bool Face::file_holds(std::uint64_t entries) {
  const std::lock_guard lock(file_mutex_);
  const std::string file = read_whole_file(host_, provenance_path());
  return file.empty() ? entries == 0 : file == provenance_text();
}

// `out` is a name beside provenance.json: a caller far away must not choose where a node writes.
tb::Status Face::export_provenance(tb::LocalCall& call, const ExportParams& in, tb::Out& out) {
  std::string target = provenance_path();
  if (in.out) {
    if (in.out->empty() || in.out->size() > 128 || in.out->front() == '.' ||
        in.out->find('/') != std::string_view::npos)
      return call.fail({tb::kInvalidParamsCode, "invalid_params"},
                       tb::cat("out: a file name, written beside ", target));
    target = tb::cat(target.substr(0, target.rfind('/') + 1), *in.out);
  }
  const std::lock_guard lock(file_mutex_);
  const bool written = write_file(target, provenance_text());
  out.put("ok", written);
  out.put("path", target);
  return tb::ok();
}

std::string Face::provenance_path() const {
  const std::string path = host_.config(kProvenancePath);
  return path.empty() ? host_.config(kDirectory) + "/provenance.json" : path;
}

// Each entry as it was hashed, with `hash` and, for executions, the full record as `snapshot`: an
// auditor drops these two, writes the rest as canonical JSON and has what the hash was made of.
std::string Face::provenance_text() {
  std::string entries, tip(gov::kFirstPrevHash);
  host_
      .store_scan("p/", {}, ~std::uint32_t{0},
                  [&](std::string_view, std::string_view bytes) {
                    const EntryRow row = tb::row_as<EntryRow>(bytes);
                    // Members of the entry, less its closing brace, then what is beside it.
                    const std::string_view entry = row.entry;
                    entries +=
                        tb::cat(entries.empty() ? "" : ",\n", entry.substr(0, entry.size() - 1),
                                R"(,"hash":)", gov::json_text(row.hash));
                    if (row.snapshot) entries += tb::cat(R"(,"snapshot":)", *row.snapshot);
                    entries += '}';
                    tip = row.hash;
                    return true;
                  })
      .ignore();
  return tb::cat(R"({"version":1,"tip_hash":")", tip, "\",\"entries\":[\n", entries, "\n]}\n");
}

bool Face::write_file(const std::string& path, const std::string& text) {
  const std::string problem = write_whole_file(host_, path, text);
  if (problem.empty()) return true;
  host_.add(kFileErrors);
  host_.log(TB_LOG_ERROR,
            tb::cat("governance file was not written, and will be tried again: ", problem));
  return false;
}

// Beside the provenance, and in the mirror's folder, so that a copy of that folder is a backup.
bool Face::write_history(const std::string& name, const std::string& text) {
  const bool first = write_file(tb::cat(host_.config(kDirectory), kHistory, "/", name), text);
  return write_file(tb::cat(host_.config(kMirrorFolder), kHistory, "/", name), text) && first;
}

// Once after a start: what the mirror's folder lacks, because it is a new one or was written to by
// nobody yet.
void Face::complete_copies() {
  const std::lock_guard files(file_mutex_);
  const tb::Files node(host_);
  const std::string from = tb::cat(host_.config(kDirectory), kHistory);
  const std::string to = tb::cat(host_.config(kMirrorFolder), kHistory);
  std::set<std::pair<std::string, std::uint64_t>> there;
  std::string problem = node.list(
      to, [&](std::string_view name, std::uint64_t bytes) { there.emplace(name, bytes); });
  std::vector<std::string> missing;
  if (problem.empty()) {
    problem = node.list(from, [&](std::string_view name, std::uint64_t bytes) {
      if (name.ends_with(".json") && !there.contains({std::string(name), bytes}))
        missing.emplace_back(name);
    });
  }
  if (!problem.empty())
    host_.log(TB_LOG_WARN, tb::cat("history files are not compared with their copies: ", problem));
  for (const std::string& name : missing) {
    const std::string text = read_whole_file(host_, tb::cat(from, "/", name));
    if (!text.empty()) write_file(tb::cat(to, "/", name), text);
  }
}

// A failed write is tried again at the next commit: the log of the chain is the source.
void Face::write_files() {
  const std::lock_guard files(file_mutex_);
  if (provenance_changed_.exchange(false) && !write_file(provenance_path(), provenance_text()))
    provenance_changed_ = true;
  if (!history_changed_.exchange(false)) return;
  bool good = write_history("param_changes.json", param_changes_text(host_));
  good = write_history("fee_floor_policy.json", fee_floor_text(host_)) && good;
  good = write_history("dependency_policy.json", policy_text(host_)) && good;
  std::optional<std::uint64_t> epoch;
  std::string values;
  {
    const std::lock_guard lock(activated_mutex_);
    std::swap(epoch, activated_epoch_);
    values = values_;
  }
  if (epoch) good = write_history(tb::cat(*epoch, ".json"), values) && good;
  if (!good) history_changed_ = true;
}

void Face::look_at_own_build(tb::View& view) {
  if (!std::exchange(releases_changed_, false)) return;
  const bool any = has_rolled_back_node(view);
  if (any && build_.empty()) return ask_own_build();
  const bool runs = any && is_rolled_back(view, build_);
  host_.set(kRolledBackRunning, runs ? 1 : 0);
  if (runs)
    host_.log(TB_LOG_ERROR, tb::cat("this node runs the build ", build_,
                                    ", a release that was rolled back; start the one before it"));
}

// The node reads and hashes its own program, which a process of this plugin alone could not; it is
// asked again after the next commit until it has answered.
void Face::ask_own_build() {
  releases_changed_ = true;
  if (build_asked_) return;
  build_asked_ = static_cast<bool>(host_.post(
      "node.provenance", [](tb::Out&) {}, kOwnBuildCookie));
}

void Face::on_reply(std::uint64_t cookie, const tb::Reply& reply) {
  if (cookie != kOwnBuildCookie) return;
  build_asked_ = false;
  if (!reply.ok) {
    host_.log(TB_LOG_WARN, tb::cat("whether this node runs a build that was rolled back is not "
                                   "known yet, node.provenance was refused: ",
                                   reply.value["message"].text()));
    return;
  }
  build_ = reply.value["node"]["blake3"].text();
  host_
      .with_view([this](tb::View& view) {
        look_at_own_build(view);
        return tb::ok();
      })
      .ignore();
}

void Face::look_at_scripts(tb::View& view) {
  const std::vector<DamagedScript> damaged = damaged_scripts(view);
  host_.set(kScriptsDamaged, static_cast<std::int64_t>(damaged.size()));
  for (const DamagedScript& script : damaged)
    host_.log(TB_LOG_ERROR,
              tb::cat("script_hash_mismatch: script ", script.name, " was voted with the hash ",
                      script.voted, ", the stored text has ",
                      script.found.empty() ? "none" : script.found,
                      "; it does not run here. The state of this node is damaged: stop the node, "
                      "move its directory state away and start it: it is made again from the log"));
}

void Face::on_commit(tb::View& view) {
  look_at_own_build(view);
  if (!std::exchange(copies_complete_, true)) complete_copies();
  if (!provenance_changed_ && !history_changed_) return;
  {
    const std::lock_guard lock(activated_mutex_);
    if (activated_epoch_) values_ = values_text(view);
  }
  // The whole log is written at once: a long one not with every block, but by the timer.
  const auto tip = view.load<ProvenanceTip>(kProvenanceKey);
  if (!tip || tip->seq <= kWrittenAtOnce) write_files();
}

void Face::write_later() {
  if (provenance_changed_ || history_changed_) write_files();
}

}  // namespace governance
