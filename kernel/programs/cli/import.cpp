#include "kernel/programs/cli/import.hpp"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <chrono>
#include <ostream>
#include <set>
#include <thread>

#include "kernel/base/hex.hpp"
#include "kernel/programs/cli/import_progress.hpp"
#include "kernel/programs/cli/import_rows.hpp"
#include "kernel/programs/cli/output.hpp"
#include "kernel/programs/cli/submit.hpp"

namespace blockd::cli {
namespace {

constexpr std::uint64_t kSaveUs = 1'000'000, kDrawUs = 100'000;
constexpr std::uint64_t kPauseMs = 200, kMaxPauseMs = 2000;
constexpr std::size_t kBarCells = 30;
constexpr std::uint32_t kMinWaitMs = 30'000;  // for a batch: the node ends each call before

std::string word(const json::object& params, const char* name, const std::string& otherwise) {
  const json::value* value = params.if_contains(name);
  return value && value->is_string() ? std::string(value->get_string()) : otherwise;
}

bool truth(const json::object& params, const char* name) {
  const json::value* value = params.if_contains(name);
  return value && value->is_bool() && value->get_bool();
}

// The node will answer otherwise in a moment; the row itself may be good.
bool is_passing(const RpcError& error) {
  static const std::set<std::string> kWords = {"timeout",      "busy",          "not_ready",
                                               "disk_full",    "rate_limited",  "banned",
                                               "mempool_full", "pending_limit", "plugin_missing"};
  return kWords.contains(error.name) || error.data.contains("retry_after_ms");
}

// No row would fare better.
bool is_final_for_all(const RpcError& error) {
  return error.code == -34000 || error.code == -34003 || error.code == -32601 ||
         error.name == "Unauthorized" || error.name == "plugin_disabled";
}

std::uint64_t pause_of(const RpcError& error) {
  const json::value* wait = error.data.if_contains("retry_after_ms");
  if (wait && wait->is_int64() && wait->get_int64() > 0)
    return std::min<std::uint64_t>(static_cast<std::uint64_t>(wait->get_int64()), kMaxPauseMs);
  return kPauseMs;
}

class Import {
 public:
  Import(Session& session, const CliNode& verb, const json::object& params)
      : session_(session),
        verb_(verb),
        client_(session),
        path_(word(params, "file", "")),
        report_(word(params, "report", path_ + ".rejected")),
        restart_(truth(params, "restart")),
        draws_(session.world.out_is_terminal && !session.options.quiet),
        tells_(truth(params, "progress") && !session.options.quiet) {}

  int run() {
    Status status = go();
    if (draws_ && drawn_us_ != 0) session_.world.err << '\n';
    if (status.ok()) return finish();
    // What was done is kept even when the rest cannot be.
    if (progress_) {
      const Status saved = progress_->save();
      if (!saved.ok()) session_.world.err << "progress: " << saved.to_string() << '\n';
      session_.world.err << "stopped behind line " << progress_->state.line
                         << "; the same command line goes on from there\n";
    }
    return session_.fail(status);
  }

 private:
  Status go() {
    const Options& options = session_.options;
    if (options.dry_run || options.no_wait || options.nonce)
      return Status(Code::kInvalid,
                    "an import waits for each row: --dry-run, --no-wait and --nonce do not go "
                    "with it");
    Result<RowFile> rows = RowFile::open(session_.world, verb_, path_);
    if (!rows.ok()) return rows.status();
    rows_.emplace(*std::move(rows));
    ImportState fresh;
    fresh.method = verb_.method;
    TB_TRY(find_chain(&fresh.chain));
    Result<ImportProgress> progress =
        ImportProgress::open(path_ + ".import", report_, fresh, restart_);
    if (!progress.ok()) return progress.status();
    progress_.emplace(*std::move(progress));
    from_line_ = progress_->state.line;
    maybe_sent_ = progress_->state.ahead;
    rows_at_start_ = progress_->state.count.rows();
    if (from_line_ > 0)
      TB_TRY(rows_->skip_to(progress_->state.offset, from_line_, progress_->state.prefix));
    saved_us_ = started_us_ = now_us();
    return send_all();
  }

  // The rows of one chain are not those of another with the same name.
  Status find_chain(std::string* hash) {
    Result<json::value> genesis = client_.call("block.genesis", json::object{});
    if (!genesis.ok()) return genesis.status();
    Result<std::string> text = canonical_json(*genesis);
    if (!text.ok()) return text.status().in("genesis");
    *hash = to_hex(blake3(*text));
    return {};
  }

  Status send_all() {
    bool end = false;
    while (!end) {
      std::vector<Row> batch;
      TB_TRY(next_batch(&batch, &end));
      if (batch.empty()) break;
      if (batch.back().line > progress_->state.ahead) TB_TRY(allow_ahead(batch.back().line));
      const std::uint64_t line = batch.back().line, offset = batch.back().end;
      const Hash prefix = prefix_;
      line_rows_ = batch.size();
      TB_TRY(settle(std::move(batch)));
      progress_->state.line = line;
      progress_->state.offset = offset;
      progress_->state.prefix = prefix;
      unsaved_rows_ += line_rows_;
      if (unsaved_rows_ >= kImportSaveRows || now_us() - saved_us_ > kSaveUs) TB_TRY(save());
      show(false);
    }
    progress_->state.ahead = progress_->state.line;
    show(true);
    return progress_->save();
  }

  // The next rows in the order of the file, up to one whose key is among them already.
  Status next_batch(std::vector<Row>* batch, bool* end) {
    const std::size_t most = session_.options.signs() ? 1 : kImportBatch;
    std::set<std::string> keys;
    while (batch->size() < most) {
      if (!held_) {
        const Hash before = rows_->prefix();
        Result<std::optional<Row>> row = rows_->next();
        if (!row.ok()) return row.status();
        if (!*row) {
          *end = true;
          return {};
        }
        prefix_before_held_ = before;
        held_ = **std::move(row);
      }
      if (!keys.insert(key_of(*held_)).second) {
        prefix_ = prefix_before_held_;
        return {};
      }
      batch->push_back(*std::move(held_));
      held_.reset();
      prefix_ = rows_->prefix();
    }
    return {};
  }

  // A row that cannot be sent is in nobody's way.
  std::string key_of(const Row& row) const {
    const json::value* value = row.problem.ok() && !verb_.imports.by.empty()
                                   ? row.params.if_contains(verb_.imports.by)
                                   : nullptr;
    return value ? json::serialize(*value) : "line " + std::to_string(row.line);
  }

  // Before anything behind `ahead` is sent, the progress says that it may have been.
  Status allow_ahead(std::uint64_t line) {
    progress_->state.ahead = line + kImportAheadLines;
    return save();
  }

  Status save() {
    unsaved_rows_ = 0;
    saved_us_ = now_us();
    return progress_->save();
  }

  // Sends the rows until each has an answer that counts.
  Status settle(std::vector<Row> rows) {
    std::erase_if(rows, [this](const Row& row) {
      if (row.problem.ok()) return false;
      keep(note_refused(row, RpcError{0, "invalid_row", row.problem.message(), {}}));
      return true;
    });
    int tries = 0;
    while (!rows.empty() && trouble_.ok()) {
      const std::size_t before = rows.size();
      pause_ms_ = 0;
      TB_TRY(session_.options.signs() ? send_signed(&rows) : send_batch(&rows));
      if (rows.empty()) break;
      tries = rows.size() < before ? 0 : tries + 1;
      if (tries == kImportTries)
        return Status(Code::kTimeout, "the node did not take line " + std::to_string(rows[0].line) +
                                          " in " + std::to_string(kImportTries) +
                                          " tries: " + last_reason_);
      std::this_thread::sleep_for(std::chrono::milliseconds(std::max(pause_ms_, kPauseMs)));
    }
    return trouble_;
  }

  Status send_batch(std::vector<Row>* rows) {
    std::vector<json::object> params;
    for (const Row& row : *rows) {
      params.push_back(row.params);
      if (json::object tx = tx_member(session_.options); !tx.empty())
        params.back()["_tx"] = std::move(tx);
    }
    Result<json::array> answers =
        client_.batch(verb_.method, params, verb_.plugin,
                      std::max(session_.options.timeout_ms.value_or(0), kMinWaitMs));
    if (!answers.ok()) return passing(answers.status(), rows);
    std::vector<Row> left;
    for (std::size_t i = 0; i < rows->size(); ++i) {
      Row& row = (*rows)[i];
      const json::object* answer = (*answers)[i].if_object();
      const json::value* error = answer ? answer->if_contains("error") : nullptr;
      std::optional<RpcError> refused;
      if (error && error->is_object()) refused = rpc_error_of(error->get_object());
      TB_TRY(take(row, refused, &left));
    }
    *rows = std::move(left);
    return {};
  }

  Status send_signed(std::vector<Row>* rows) {
    Result<json::value> answer = call_verb(session_, verb_, rows->front().params);
    if (!answer.ok() && answer.status().code() != Code::kAborted)
      return passing(answer.status(), rows);
    std::vector<Row> left;
    TB_TRY(take(rows->front(), answer.ok() ? std::nullopt : session_.refused, &left));
    *rows = std::move(left);
    return {};
  }

  // The request itself failed: the node is away, or refuses all of it. Rows may have been taken.
  Status passing(const Status& status, std::vector<Row>* rows) {
    const bool away =
        status.code() == Code::kUnavailable || status.code() == Code::kTimeout ||
        (status.code() == Code::kAborted && session_.refused && is_passing(*session_.refused));
    if (!away) return status;
    last_reason_ = status.message();
    for (const Row& row : *rows) maybe_sent_ = std::max(maybe_sent_, row.line);
    pause_ms_ = kPauseMs;
    return {};
  }

  Status take(Row& row, const std::optional<RpcError>& refused, std::vector<Row>* left) {
    if (!refused) {
      ++progress_->state.count.accepted;
      return {};
    }
    if (is_final_for_all(*refused)) {
      session_.refused = refused;
      return Status(Code::kAborted, refused->message);
    }
    if (is_passing(*refused)) {
      last_reason_ = refused->message;
      pause_ms_ = std::max(pause_ms_, pause_of(*refused));
      maybe_sent_ = std::max(maybe_sent_, row.line);
      left->push_back(std::move(row));
      return {};
    }
    const auto& known = verb_.imports.known;
    if (row.line <= maybe_sent_ &&
        std::find(known.begin(), known.end(), refused->name) != known.end()) {
      ++progress_->state.count.already;
      return {};
    }
    return note_refused(row, *refused);
  }

  Status note_refused(const Row& row, const RpcError& error) {
    return progress_->reject(json::object{{"line", row.line},
                                          {"name", error.name},
                                          {"code", error.code},
                                          {"message", error.message},
                                          {"row", row.text}});
  }

  void keep(const Status& status) {
    if (trouble_.ok()) trouble_ = status;
  }

  std::uint64_t now_us() const { return session_.world.clock.monotonic_us(); }

  // "energy import  [#########·····]  52 %  line 1040, 3 refused, 310 rows/s"
  void show(bool last) {
    if (!draws_ && !tells_) return;
    const std::uint64_t now = now_us();
    if (!last && now - drawn_us_ < (draws_ ? kDrawUs : kSaveUs)) return;
    drawn_us_ = std::max<std::uint64_t>(now, 1);
    const ImportState& s = progress_->state;
    const std::uint64_t size = std::max<std::uint64_t>(rows_->size(), 1);
    const std::uint64_t percent = last ? 100 : std::min<std::uint64_t>(s.offset * 100 / size, 100);
    const std::size_t full = static_cast<std::size_t>(percent) * kBarCells / 100;
    const std::uint64_t done = s.count.rows() - rows_at_start_;
    const std::uint64_t spent = std::max<std::uint64_t>(now - started_us_, 1);
    session_.world.err << (draws_ ? "\r" : "") << verb_.path << "  [" << std::string(full, '#')
                       << std::string(kBarCells - full, '.') << "] " << percent << " %  line "
                       << s.line << ", " << s.count.rejected << " refused, "
                       << done * 1'000'000 / spent << " rows/s" << (draws_ ? "   " : "\n")
                       << std::flush;
  }

  int finish() {
    const ImportState& s = progress_->state;
    const json::object out = {{"file", path_},
                              {"from_line", from_line_ + 1},
                              {"to_line", s.line},
                              {"rows", s.count.rows()},
                              {"accepted", s.count.accepted},
                              {"already", s.count.already},
                              {"rejected", s.count.rejected},
                              {"report", report_}};
    Result<std::string> text = format_result(
        session_, out,
        {"",
         {},
         "",
         false,
         "{accepted} rows accepted, {already} were there already, {rejected} refused; refused rows "
         "are listed in {report}"});
    if (!text.ok()) return session_.fail(text.status());
    session_.world.out << *text;
    return s.count.rejected == 0 ? kExitOk : kExitRefused;
  }

  Session& session_;
  const CliNode& verb_;
  NodeClient client_;
  const std::string path_, report_;
  const bool restart_, draws_, tells_;
  std::optional<RowFile> rows_;
  std::optional<ImportProgress> progress_;
  std::optional<Row> held_;  // read, but its key is in the batch
  Hash prefix_{}, prefix_before_held_{};
  std::uint64_t from_line_ = 0, maybe_sent_ = 0, rows_at_start_ = 0;
  std::uint64_t started_us_ = 0, saved_us_ = 0, drawn_us_ = 0, pause_ms_ = 0;
  std::uint64_t unsaved_rows_ = 0;
  std::size_t line_rows_ = 0;  // of the batch in work
  std::string last_reason_;
  Status trouble_;
};

}  // namespace

int run_import(Session& session, const CliNode& verb, const json::object& params) {
  return Import(session, verb, params).run();
}

}  // namespace blockd::cli
