#include "kernel/chain/migration.hpp"

#include <algorithm>

#include "kernel/base/hex.hpp"
#include "kernel/base/json.hpp"
#include "kernel/chain/chain_impl.hpp"
#include "kernel/chain/kernel_rows.hpp"

namespace blockd {
namespace {

constexpr std::size_t kMaxMigrations = 4096;  // one a plugin

Status damaged_migration(std::string_view id) {
  return Status(Code::kCorrupt, "the kernel's row 'migrate/" + std::string(id) + "' cannot be read",
                "run `contract-cli storage repair`, or restore a snapshot");
}

std::uint64_t number_member(const json::object& object, std::string_view member) {
  const json::value* v = object.if_contains(member);
  if (v == nullptr) return 0;
  if (const auto* i = v->if_int64()) return static_cast<std::uint64_t>(*i);
  const auto* u = v->if_uint64();
  return u == nullptr ? 0 : *u;
}

// The first step of a trial's block that was refused and belongs to `id`.
std::string refusal_in(const std::vector<Step>& steps, std::string_view id) {
  for (const Step& step : steps) {
    if (step.plugin == id && step.outcome != Outcome::kApplied &&
        (step.kind == StepKind::kRoster || step.kind == StepKind::kMigrate))
      return step.name + ": " + step.text;
  }
  return {};
}

}  // namespace

std::string MigrationProgress::to_row() const {
  std::string out = "{\"cursor\":\"" + to_hex(cursor) + "\"";
  if (!error.empty()) {
    out.append(",\"error\":");
    append_json_string(out, error);
  }
  out.append(",\"from\":").append(std::to_string(from));
  out.append(",\"rows\":").append(std::to_string(rows));
  return out.append(",\"steps\":").append(std::to_string(steps)).append("}");
}

Result<MigrationProgress> MigrationProgress::parse(std::string_view id, std::string_view row) {
  Result<json::value> value = parse_json(row);
  const json::object* object = value.ok() ? value->if_object() : nullptr;
  const json::value* at = object == nullptr ? nullptr : object->if_contains("cursor");
  if (at == nullptr || !at->is_string()) return damaged_migration(id);
  Result<Bytes> cursor = from_hex(std::string_view(at->get_string()));
  if (!cursor.ok()) return damaged_migration(id);
  MigrationProgress out;
  out.id = id;
  out.cursor = *std::move(cursor);
  out.from = static_cast<std::uint32_t>(number_member(*object, "from"));
  out.rows = number_member(*object, "rows");
  out.steps = number_member(*object, "steps");
  if (const json::value* why = object->if_contains("error"); why != nullptr && why->is_string())
    out.error = why->get_string();
  return out;
}

Result<std::vector<MigrationProgress>> migrations_under_way(const KvReader& state) {
  std::vector<MigrationProgress> out;
  Status bad;
  TB_TRY(state.scan(kMigrateRows, {}, kMaxMigrations, [&](BytesView key, BytesView value) {
    Result<MigrationProgress> one =
        MigrationProgress::parse(key.substr(kMigrateRows.size()), value);
    if (one.ok()) {
      out.push_back(*std::move(one));
    } else {
      bad = one.status();
    }
    return bad.ok();
  }));
  if (!bad.ok()) return bad;
  return out;
}

// The blocks that would follow the head, without commands, on an overlay that nobody else sees: the
// switch as the log would have it, then one step of the migration a block.
Result<SwitchTrial> ChainImpl::try_switch(const Machine& candidate, const RosterEntry& entry,
                                          std::uint64_t max_ms) const {
  const StateViewPtr head = view();
  VerifyCache cache;
  Executor executor(
      options_.genesis,
      [&](const RosterEntry& wanted) -> Result<Machine> {
        const bool its = wanted.id == entry.id && wanted.sm == entry.sm &&
                         wanted.consensus_hash == entry.consensus_hash;
        return its ? Result<Machine>(candidate) : provide(wanted);
      },
      &cache, options_.imports);
  Overlay ahead;
  ahead.reset(head->state.get(), nullptr);
  ahead.begin_step();
  TB_TRY(ahead.put(std::string(kSwitchRows) + entry.id,
                   waiting_switch_row(entry, head->height + 1, "active")));
  SwitchTrial trial;
  BlockInput input;
  input.machines = head->machines;
  input.time_ms = head->time_ms;
  input.previous = head->head_hash;
  input.collect = true;
  const std::string row_key = std::string(kMigrateRows) + entry.id;
  const std::uint64_t begun = options_.clock->monotonic_us();
  std::uint64_t bytes = 0;
  for (input.height = head->height + 1;; ++input.height) {
    BlockOutput output;
    TB_TRY(executor.execute(ahead, nullptr, input, &output).in("trial"));
    ++trial.blocks;
    trial.rows += output.migrated_rows;
    for (const Overlay::Change& change : executor.changes()) {
      bytes += change.key.size() + (change.after ? change.after->size() : 0);
      TB_TRY(change.after ? ahead.put(change.key, *change.after) : ahead.erase(change.key));
    }
    trial.micros = options_.clock->monotonic_us() - begun;
    trial.error = refusal_in(output.steps, entry.id);
    if (!trial.error.empty()) break;
    trial.steps += output.migration_steps;
    std::optional<Bytes> left;
    TB_TRY(ahead.get(row_key, &left));
    if (!left) {
      trial.complete = true;
      break;
    }
    if (bytes > kMaxTrialBytes || trial.micros > max_ms * 1000) {
      trial.error = "the trial was ended after " + std::to_string(trial.rows) +
                    " rows: it may use 512 MiB and " + std::to_string(max_ms) + " ms";
      break;
    }
    input.machines = output.machines;
    input.params = output.params;
    input.scripts = output.scripts;
  }
  return trial;
}

}  // namespace blockd
