// Executing blocks again: the audit from genesis, and the rehearsal of another build.
#include <algorithm>
#include <array>

#include "kernel/base/hex.hpp"
#include "kernel/chain/batch_window.hpp"
#include "kernel/chain/chain_impl.hpp"
#include "kernel/chain/kernel_rows.hpp"
#include "kernel/chain/replay_state.hpp"

namespace blockd {
namespace {

constexpr std::size_t kShownBytes = 64;

std::string shown(const std::optional<Bytes>& value) {
  if (!value) return "absent";
  BytesView part = BytesView(*value).substr(0, kShownBytes);
  const bool printable =
      std::all_of(part.begin(), part.end(), [](char c) { return c >= ' ' && c <= '~'; });
  std::string out = printable ? "\"" + std::string(part) + "\"" : "0x" + to_hex(part);
  return part.size() < value->size() ? out + "..." : out;
}

std::string shown_key(const DeltaRow& row) {
  const bool printable =
      std::all_of(row.key.begin(), row.key.end(), [](char c) { return c >= ' ' && c <= '~'; });
  return row.space + ":" + (printable ? row.key : "0x" + to_hex(row.key));
}

std::string step_label(const Step& step) {
  if (step.kind == StepKind::kCommand) return "command " + std::to_string(step.command);
  return std::string(step_kind_name(step.kind)) + " of " + step.plugin;
}

std::string logged_outcome_text(const Step& step) {
  return std::string(outcome_name(step.outcome)) +
         (step.name.empty() ? "" : " (" + step.name + ")");
}

std::string row_difference(const Step& a, const Step& b) {
  auto find = [](const Step& step, const DeltaRow& row) -> const DeltaRow* {
    for (const DeltaRow& other : step.delta) {
      if (other.space == row.space && other.key == row.key) return &other;
    }
    return nullptr;
  };
  for (const DeltaRow& row : a.delta) {
    const DeltaRow* other = find(b, row);
    if (other == nullptr)
      return "key " + shown_key(row) + ": logged " + shown(row.after) + ", replayed not written";
    if (other->after != row.after)
      return "key " + shown_key(row) + ": logged " + shown(row.after) + ", replayed " +
             shown(other->after);
  }
  for (const DeltaRow& row : b.delta) {
    if (find(a, row) == nullptr)
      return "key " + shown_key(row) + ": logged not written, replayed " + shown(row.after);
  }
  return {};
}

std::string list_difference(const Step& a, const Step& b) {
  for (std::size_t i = 0; i < std::max(a.events.size(), b.events.size()); ++i) {
    const std::string left =
        i < a.events.size() ? a.events[i].topic + " " + a.events[i].data : "none";
    const std::string right =
        i < b.events.size() ? b.events[i].topic + " " + b.events[i].data : "none";
    if (left != right)
      return "event " + std::to_string(i) + ": logged " + left + ", replayed " + right;
  }
  for (std::size_t i = 0; i < std::max(a.records.size(), b.records.size()); ++i) {
    const std::string left =
        i < a.records.size() ? a.records[i].kind + " " + a.records[i].data : "none";
    const std::string right =
        i < b.records.size() ? b.records[i].kind + " " + b.records[i].data : "none";
    if (left != right)
      return "record " + std::to_string(i) + ": logged " + left + ", replayed " + right;
  }
  return {};
}

std::string step_difference(const Step& a, const Step& b) {
  if (a.kind != b.kind || a.plugin != b.plugin || a.command != b.command)
    return "logged " + step_label(a) + ", replayed " + step_label(b);
  if (a.outcome != b.outcome || a.code != b.code || a.name != b.name) {
    return step_label(a) + ": logged " + logged_outcome_text(a) + ", replayed " +
           logged_outcome_text(b);
  }
  std::string inner = row_difference(a, b);
  if (inner.empty()) inner = list_difference(a, b);
  return inner.empty() ? inner : step_label(a) + ", " + inner;
}

// What `executor` has just done, in the form of a logged block.
Result<BlockRecord> as_record(const BlockOutput& output) {
  BlockRecord front;
  front.header.macro.reset();
  return decode_block(join_block(front, static_cast<std::uint32_t>(output.steps.size()),
                                 output.step_bytes, output.delta_bytes),
                      true);
}

// Whether the rows of a walk are those of a state.
class RowComparison {
 public:
  explicit RowComparison(const ReplayState& state) : state_(state) {}
  void add(BytesView key, BytesView value) {
    rows_[count_].first.assign(key);
    rows_[count_].second.assign(value);
    if (++count_ == rows_.size()) look_up();
  }
  bool finish() {
    look_up();
    return same_;
  }

 private:
  void look_up() {
    same_ = same_ && state_.holds(std::span(rows_).first(count_));
    count_ = 0;
  }
  const ReplayState& state_;
  std::array<std::pair<Bytes, Bytes>, ReplayState::kFetched> rows_;
  std::size_t count_ = 0;
  bool same_ = true;
};

Status check_signatures(const Command& command, std::size_t index) {
  const std::optional<Refusal> refusal = verify_signatures(command);
  return refusal
             ? Status(Code::kCorrupt, "command " + std::to_string(index) + ": " + refusal->message)
             : Status();
}

std::string header_difference(const Header& a, const Header& b) {
  if (a.previous != b.previous) return "previous hash";
  if (a.command_root != b.command_root) return "command_root";
  if (a.roster_hash != b.roster_hash) return "roster_hash";
  if (a.write_set_root != b.write_set_root) return "write_set_root";
  if (a.receipt_root != b.receipt_root) return "receipt_root";
  if (a.mmr_root != b.mmr_root) return "mmr_root";
  if (a.validators_hash != b.validators_hash) return "validators_hash";
  return "header";
}

}  // namespace

Status take_back(BytesView block_bytes, Overlay* past) {
  std::vector<DeltaView> rows;
  TB_TRY(visit_deltas(block_bytes,
                      [&rows](std::uint32_t, const DeltaView& row) { rows.push_back(row); }));
  past->begin_step();
  for (auto row = rows.rbegin(); row != rows.rend(); ++row) {
    Bytes key = space_prefix(row->space);
    key.append(row->key);
    TB_TRY(row->before ? past->put(key, *row->before) : past->erase(key));
  }
  return {};
}

std::string first_difference(const BlockRecord& logged, const BlockRecord& replayed) {
  for (std::size_t i = 0; i < std::max(logged.steps.size(), replayed.steps.size()); ++i) {
    if (i >= logged.steps.size())
      return step_label(replayed.steps[i]) + ": not in the log, replayed " +
             logged_outcome_text(replayed.steps[i]);
    if (i >= replayed.steps.size())
      return step_label(logged.steps[i]) + ": logged " + logged_outcome_text(logged.steps[i]) +
             ", not replayed";
    std::string text = step_difference(logged.steps[i], replayed.steps[i]);
    if (!text.empty()) return text;
  }
  return {};
}

std::string ChainImpl::difference(std::uint64_t height, const Header& logged,
                                  const Header& replayed, BytesView logged_block,
                                  Executor& executor, const KvReader& base,
                                  BlockInput input) const {
  std::string text = "height " + std::to_string(height) + ": ";
  Result<BlockRecord> from_log = decode_block(logged_block, true);
  BlockOutput output;
  input.collect = true;
  if (from_log.ok() && executor.execute(base, nullptr, input, &output).ok()) {
    Result<BlockRecord> again = as_record(output);
    std::string detail = again.ok() ? first_difference(*from_log, *again) : std::string();
    if (!detail.empty()) return "height " + std::to_string(height) + ", " + detail;
  }
  return text + header_difference(logged, replayed) + " differs, the steps do not";
}

ReplayReport ChainImpl::replay(bool verify_signatures,
                               const std::function<bool(std::uint64_t)>& progress) const {
  ReplayReport report;
  const StateViewPtr head = view();
  auto stop = [&report](std::string why) {
    report.difference = std::move(why);
    return report;
  };
  if (first_height() != 0)
    return stop("the log begins at height " + std::to_string(first_height()) +
                ": a replay needs all of it");
  ReplayState state;
  RowsAhead ahead(state);
  BatchWindow batch;
  Bytes block_bytes, batch_bytes;
  VerifyCache cache;
  Executor executor(
      options_.genesis, [this](const RosterEntry& entry) { return provide(entry); }, &cache,
      options_.imports);
  MmrPeaks mmr;
  Hash previous{}, point_root{};
  std::shared_ptr<const MachineSet> machines;
  std::shared_ptr<const ParamValues> params;
  std::shared_ptr<const ActiveScripts> scripts;
  for (std::uint64_t h = 0; h <= head->height; ++h) {
    const std::string where = "height " + std::to_string(h) + ": ";
    if (Status read = log_->read_into(LogRecordType::kBlock, h, &block_bytes); !read.ok())
      return stop(where + read.message());
    Result<BlockRecord> front = decode_block_front(block_bytes);
    if (!front.ok()) return stop(where + front.status().message());
    BlockInput input;
    BlockOutput output;
    Status status;
    std::vector<FalseChecks> checks;
    if (h == 0) {
      Result<std::shared_ptr<const MachineSet>> first =
          executor.resolve(options_.genesis.plugins, 0);
      status = first.ok() ? executor.execute_genesis(state, *first, &output) : first.status();
      if (status.ok() && output.write_set_root != front->header.write_set_root)
        return stop(where + "write_set_root of the genesis differs");
    } else {
      if (Status read = log_->read_into(LogRecordType::kBatch, h, &batch_bytes); !read.ok())
        return stop(where + read.message());
      if (Status begun = batch.begin(batch_bytes); !begun.ok())
        return stop(where + begun.message());
      input.height = h;
      input.time_ms = batch.time_ms();
      input.previous = previous;
      input.proposer = front->header.proposer;
      input.machines = machines;
      input.params = params;
      input.scripts = scripts;
      input.commands = &batch.commands();
      input.keep_commands = false;
      input.macro = front->header.macro;
      input.peaks = [&mmr](std::uint64_t) -> Result<MmrPeaks> { return mmr; };
      ahead.begin(block_bytes);
      input.before_command = [&](std::size_t command) -> Status {
        ahead.before(command);
        TB_TRY(batch.before(command));
        return verify_signatures ? check_signatures(*batch.commands()[command], command) : Status();
      };
      if (!verify_signatures) {
        Result<std::vector<FalseChecks>> logged = decode_false_checks(block_bytes);
        if (!logged.ok()) return stop(where + logged.status().message());
        checks = *std::move(logged);
        input.trusted = &checks;
      }
      status = executor.execute(state, nullptr, input, &output);
    }
    if (!status.ok()) return stop(where + status.message());
    if (h != 0) {
      Header header = make_header(input, output);
      header.mmr_root = mmr.root();
      if (header.macro && header.macro->state_root != point_root)
        return stop(where + "state_root after block " + std::to_string(header.macro->state_height) +
                    " differs: logged " + to_hex(header.macro->state_root) + ", replayed " +
                    to_hex(point_root));
      if (header.hash() != front->header.hash()) {
        return stop(difference(h, front->header, header, block_bytes, executor, state, input));
      }
    }
    previous = front->header.hash();
    mmr.append(previous);
    machines = output.machines;
    params = output.params;
    scripts = output.scripts;
    report.to = h;
    report.commands += h == 0 ? 0 : batch.commands().size();
    state.apply(executor.changes());
    if (output.macro_point) point_root = state.root();
    if (progress != nullptr && !progress(h)) return stop("stopped at height " + std::to_string(h));
  }
  // Two states have one root exactly if they have the same rows: one walk over the store answers
  // for both.
  StateRoot live;
  std::uint64_t rows = 0;
  RowComparison same(state);
  const Status walked =
      visit_state(*head->state, [&](BytesView space, BytesView key, BytesView value) {
        live.add(space, key.substr(space_prefix_size(space)), value);
        same.add(key, value);
        ++rows;
      });
  if (!walked.ok()) return stop("the state cannot be read: " + walked.message());
  report.state_root = live.finish();
  if (!same.finish() || rows != state.rows()) {
    const Hash live_root = report.state_root;
    report.state_root = state.root();
    return stop("every block is as logged, but the state store holds another state: root " +
                to_hex(live_root) + ", replayed " + to_hex(report.state_root));
  }
  report.ok = true;
  return report;
}

Status ChainImpl::rehearse(const Machine& candidate, std::uint64_t blocks, std::uint64_t max_ms) {
  const StateViewPtr head = view();
  const std::string& id = candidate.manifest->id;
  Result<std::vector<RosterEntry>> roster = read_roster(*head->state);
  if (!roster.ok()) return roster.status();
  Executor executor(
      options_.genesis,
      [&](const RosterEntry& entry) -> Result<Machine> {
        return entry.id == id ? Result<Machine>(candidate) : provide(entry);
      },
      &verify_cache_, options_.imports);
  Result<std::shared_ptr<const MachineSet>> machines = executor.resolve(*roster, head->height);
  if (!machines.ok()) return machines.status();

  // Back through the deltas to the state in front of the first block, as long as the roster was the
  // same.
  Overlay past;
  past.reset(head->state.get(), nullptr);
  std::vector<std::pair<Bytes, BlockRecord>> logged;  // newest first
  for (std::uint64_t h = head->height; h > 0 && logged.size() < blocks && h > first_height(); --h) {
    Result<Bytes> bytes = log_->read(LogRecordType::kBlock, h);
    if (!bytes.ok()) return bytes.status();
    Result<BlockRecord> block = decode_block(*bytes, true);
    if (!block.ok()) return block.status();
    if (block->header.roster_hash != (*machines)->roster_hash()) break;
    if (std::any_of(block->steps.begin(), block->steps.end(),
                    [](const Step& s) { return s.kind == StepKind::kRoster; }))
      break;
    TB_TRY(take_back(*bytes, &past));
    logged.emplace_back(*std::move(bytes), *std::move(block));
  }
  const std::uint64_t until = options_.clock->monotonic_us() + max_ms * 1000;
  for (auto it = logged.rbegin(); it != logged.rend(); ++it) {
    const Header& header = it->second.header;
    Result<Bytes> batch_bytes = log_->read(LogRecordType::kBatch, header.height);
    if (!batch_bytes.ok()) return batch_bytes.status();
    Result<Batch> batch = decode_batch(*batch_bytes, false);
    if (!batch.ok()) return batch.status();
    BlockInput input;
    input.height = header.height;
    input.time_ms = header.time_ms;
    input.previous = header.previous;
    input.proposer = header.proposer;
    input.machines = *machines;
    input.commands = &batch->commands;
    input.collect = true;
    input.macro = header.macro;
    input.peaks = [this](std::uint64_t height) { return peaks_below(height); };
    Result<std::vector<FalseChecks>> checks = decode_false_checks(it->first);
    if (!checks.ok()) return checks.status();
    input.trusted = &*checks;
    BlockOutput output;
    TB_TRY(executor.execute(past, nullptr, input, &output).in("rehearsal"));
    Result<BlockRecord> again = as_record(output);
    if (!again.ok()) return again.status();
    std::string text = first_difference(it->second, *again);
    if (text.empty() && output.receipts_commitment != it->second.receipts_commitment)
      text = "the commitment to its receipts differs";
    if (!text.empty()) {
      return Status(
          Code::kInvalid,
          "rehearsal of " + id + ": height " + std::to_string(header.height) + ", " + text,
          "a build that computes anything else needs a higher sm: use `contract-cli plugin "
          "upgrade`");
    }
    for (const Overlay::Change& change : executor.changes()) {
      TB_TRY(change.after ? past.put(change.key, *change.after) : past.erase(change.key));
    }
    if (options_.clock->monotonic_us() > until) break;
  }
  return {};
}

}  // namespace blockd
