// Face: what this node keeps of governance's events: the history of parameters, of dependency
// policies and settlement changes, the provenance log; and the files of them for people and
// auditors (spec 3.1, 5.5, 9.2). It changes no state.
//
// on_event and on_commit never overlap; queries run beside them and read the local store only.
//
//   h/<seq>            ParamRow        k/<len><key>/<seq>  nothing: rows by key, 512 each
//   s/<proposal>       SettlementChange, the newest 256
//   p/<seq>            EntryRow
//   at                 Place: events up to (height, index) are in
#pragma once

#include <atomic>
#include <map>
#include <mutex>

#include "plugins/governance/handles.hpp"

namespace governance {

inline constexpr std::uint64_t kHistoryPerKey = 512;  // PARAM_HISTORY_LIMIT
inline constexpr std::uint64_t kSettlementsKept = 256;

struct ParamRow {
  static constexpr std::uint8_t kLayout = 1;
  std::uint64_t seq = 0;
  std::string key;
  std::uint64_t proposal_id = 0, epoch = 0, height = 0, time = 0, old_value = 0, new_value = 0,
                voted_value = 0;
  std::string event, actor;
  std::optional<std::string> script;
};
BOOST_DESCRIBE_STRUCT(ParamRow, (),
                      (seq, key, proposal_id, epoch, height, time, old_value, new_value,
                       voted_value, event, actor, script))

struct EntryRow {
  static constexpr std::uint8_t kLayout = 1;
  std::string hash, entry;  // canonical JSON
  std::optional<std::string> snapshot;
};
BOOST_DESCRIBE_STRUCT(EntryRow, (), (hash, entry, snapshot))

struct Place {
  static constexpr std::uint8_t kLayout = 1;
  std::uint64_t height = 0, from_height = 0;
  std::uint32_t index = 0;
};
BOOST_DESCRIBE_STRUCT(Place, (), (height, from_height, index))

struct HistoryParams {
  std::optional<std::string_view> key;
  std::optional<std::uint64_t> since_epoch, cursor;
  std::uint64_t limit = 50;
};
BOOST_DESCRIBE_STRUCT(HistoryParams, (), (key, since_epoch, cursor, limit))

struct DiffParams {
  std::optional<std::uint64_t> epoch;
};
BOOST_DESCRIBE_STRUCT(DiffParams, (), (epoch))

struct EntriesParams {
  std::optional<std::uint64_t> cursor, id;
  std::uint64_t limit = 50;
};
BOOST_DESCRIBE_STRUCT(EntriesParams, (), (cursor, id, limit))

struct ExportParams {
  std::optional<std::string_view> out;
};
BOOST_DESCRIBE_STRUCT(ExportParams, (), (out))

class Face {
 public:
  explicit Face(tb::Host host);

  tb::Status param_history(tb::View& view, const HistoryParams& in, tb::Out& out);
  tb::Status param_diff(tb::View& view, const DiffParams& in, tb::Out& out);
  tb::Status policy_history(tb::View& view, tb::Out& out);
  tb::Status settlement_history(tb::View& view, tb::Out& out);
  tb::Status provenance(tb::View& view, const EntriesParams& in, tb::Out& out);
  tb::Status verify(tb::View& view, tb::Out& out);
  tb::Status export_provenance(tb::LocalCall& call, const ExportParams& in, tb::Out& out);

  tb::Status http_settlements(tb::View& view, const tb::HttpRequest& request, tb::HttpReply& reply);

  tb::Status on_event(const tb::ChainEvent& event);
  void on_commit(tb::View& view);
  void on_reply(std::uint64_t cookie, const tb::Reply& reply);
  void write_later();  // timer: what a commit left unwritten

 private:
  // Values at the start of an epoch of the keys that changed since; nullopt for one whose history
  // does not reach back so far.
  using Values = std::map<std::string, std::optional<std::uint64_t>>;
  // The newest applied first. Errors: those of the local store.
  tb::Status settlement_records(std::vector<SettlementChange>* records);
  tb::Status values_before(std::uint64_t first_height, Values* out);
  void take_param(const tb::Value& data);
  void take_settlement(const tb::Value& data);
  void take_entry(const tb::Value& data);
  void write_files();
  void look_at_own_build(tb::View& view);
  void ask_own_build();
  void look_at_scripts(tb::View& view);  // once, when the face starts
  std::string provenance_text();
  bool file_holds(std::uint64_t entries);
  std::string provenance_path() const;
  bool write_file(const std::string& path, const std::string& text);
  bool write_history(const std::string& name, const std::string& text);
  void complete_copies();

  tb::Host host_;
  std::atomic<bool> provenance_changed_{false}, history_changed_{false};
  // Only on_event, on_commit and on_reply touch these. The first commit after a start looks, too.
  bool releases_changed_ = true, build_asked_ = false, copies_complete_ = false;
  std::string build_;      // that this node runs; empty until it had to be known
  std::mutex file_mutex_;  // files are written and compared by one at a time
  std::mutex activated_mutex_;
  std::optional<std::uint64_t> activated_epoch_;  // whose file of values is to be written
  std::string values_;                            // of that file
};

void describe_face(tb::Plugin& p);

}  // namespace governance
