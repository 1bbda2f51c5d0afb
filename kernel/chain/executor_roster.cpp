// The first steps of a block: switches of the roster, migrations; and block 0
// (node-and-cli spec 5.16, moloch spec 6.17).
#include <algorithm>

#include "kernel/base/hex.hpp"
#include "kernel/base/json.hpp"
#include "kernel/chain/executor.hpp"
#include "kernel/chain/kernel_rows.hpp"

namespace blockd {
namespace {

constexpr std::int32_t kCodePluginRefused = -34008;
constexpr std::size_t kMaxRosterRows = 4096;

std::string text_of(const json::object& object, std::string_view member) {
  const json::value* v = object.if_contains(member);
  return v != nullptr && v->is_string() ? std::string(v->get_string()) : std::string();
}

std::uint64_t number_of(const json::object& object, std::string_view member) {
  const json::value* v = object.if_contains(member);
  if (v == nullptr) return 0;
  if (const auto* i = v->if_int64()) return static_cast<std::uint64_t>(*i);
  const auto* u = v->if_uint64();
  return u == nullptr ? 0 : *u;
}

std::string kernel_key(std::string_view prefix, std::string_view id) {
  return std::string(prefix).append(id);
}

Status damaged(std::string_view row) {
  return Status(Code::kCorrupt, "the kernel's row '" + std::string(row) + "' cannot be read",
                "run `contract-cli storage repair`, or restore a snapshot");
}

}  // namespace

std::string waiting_switch_row(const RosterEntry& entry, std::uint64_t first_height,
                               std::string_view status) {
  json::object row{{"consensus_hash", to_hex(entry.consensus_hash)},
                   {"first_height", first_height},
                   {"id", entry.id},
                   {"schema", entry.schema},
                   {"sm", entry.sm},
                   {"status", status}};
  Result<std::string> text = canonical_json(row);
  TB_ASSERT(text.ok());
  return *std::move(text);
}

Result<std::vector<std::pair<std::string, std::string>>> Executor::rows_below(
    BytesView prefix) const {
  std::vector<std::pair<std::string, std::string>> rows;
  Status status = overlay_.scan(prefix, {}, kMaxRosterRows, [&](BytesView key, BytesView value) {
    rows.emplace_back(key.substr(prefix.size()), value);
    return true;
  });
  if (!status.ok()) return status;
  return rows;
}

Status Executor::roster_steps() {
  auto rows = rows_below(kSwitchRows);
  if (!rows.ok()) return rows.status();
  for (const auto& [id, text] : *rows) {
    Result<json::value> value = parse_json(text);
    const json::object* object = value.ok() ? value->if_object() : nullptr;
    if (object == nullptr) return damaged("switch/" + id);
    Switch change;
    change.first_height = number_of(*object, "first_height");
    if (change.first_height > in_->height) continue;
    change.entry.id = id;
    change.entry.sm = static_cast<std::uint32_t>(number_of(*object, "sm"));
    change.entry.schema = static_cast<std::uint32_t>(number_of(*object, "schema"));
    change.entry.since = in_->height;
    std::string status = text_of(*object, "status");
    change.removed = status == "removed";
    if (status == "suspended") change.entry.status = RosterStatus::kSuspended;
    Result<Hash> hash = array_from_hex<32>(text_of(*object, "consensus_hash"));
    if (!hash.ok()) return damaged("switch/" + id);
    change.entry.consensus_hash = *hash;
    TB_TRY(switch_plugin(change));
  }
  return {};
}

// One switch is one step. A failure that every node meets alike leaves the roster as it was.
Status Executor::switch_plugin(const Switch& change) {
  overlay_.begin_step();
  TB_TRY(overlay_.erase(kernel_key(kSwitchRows, change.entry.id)));
  const Overlay::Savepoint before = overlay_.savepoint();
  std::shared_ptr<const MachineSet> old = out_->machines;
  Status refused;
  TB_TRY(apply_switch(change, old->roster(), &refused));
  Step step;
  step.kind = StepKind::kRoster;
  step.plugin = change.entry.id;
  if (!refused.ok()) {
    overlay_.rollback(before);
    scope_block(old);
    step.outcome = Outcome::kRejected;
    step.code = kCodePluginRefused;
    step.name = "switch_refused";
    step.text = refused.message();
  }
  keep_step(std::move(step), nullptr);
  return {};
}

Status Executor::apply_switch(const Switch& change, std::vector<RosterEntry> roster,
                              Status* refused) {
  const std::string& id = change.entry.id;
  auto at =
      std::find_if(roster.begin(), roster.end(), [&](const RosterEntry& e) { return e.id == id; });
  std::optional<RosterEntry> previous;
  if (at != roster.end()) {
    previous = *at;
    roster.erase(at);
  }
  if (!change.removed) roster.push_back(change.entry);
  std::sort(roster.begin(), roster.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  Result<std::shared_ptr<const MachineSet>> set = resolve(roster, in_->height);
  if (!set.ok()) {
    if (set.status().code() != Code::kInvalid) return set.status();  // trouble of this node
    *refused = set.status();
    return {};
  }
  if (change.removed) {
    TB_TRY(overlay_.erase(kernel_key(kPluginRows, id)));
    TB_TRY(overlay_.erase(kernel_key(kMigrateRows, id)));
  } else {
    TB_TRY(put_row(kernel_key(kPluginRows, id), roster_row(change.entry)));
  }
  scope_block(*set);
  const BoundMachine* machine = out_->machines->find(id);
  if (change.removed || machine == nullptr) return {};
  TB_TRY(write_param_defaults(*machine->machine.manifest));
  if (!previous || previous->schema == change.entry.schema) return {};
  Step step;
  MigrationProgress begun;
  begun.id = id;
  begun.from = previous->schema;
  TB_TRY(migrate_once(*machine, begun, &step));
  if (step.outcome != Outcome::kApplied)
    *refused =
        Status(Code::kInvalid, "its first migration step failed: " + step.name + ": " + step.text);
  return {};
}

// Parameters that are new get their default; values that governance has set stay, moved to the
// nearest that the plugin takes.
Status Executor::write_param_defaults(const Manifest& manifest) {
  for (const ParamSpec& param : manifest.params) {
    std::string key = kernel_key(kParamRows, param.key), scratch;
    std::optional<BytesView> row;
    TB_TRY(overlay_.find(key, &scratch, &row));
    const std::uint64_t value =
        row ? std::clamp(read_u64_row(row), param.min, param.max) : param.default_value;
    if (!row || value != read_u64_row(row)) TB_TRY(put_row(std::move(key), u64_row(value)));
  }
  return {};
}

Status Executor::migrate_steps() {
  auto rows = rows_below(kMigrateRows);
  if (!rows.ok()) return rows.status();
  for (const auto& [id, text] : *rows) {
    const BoundMachine* machine = out_->machines->find(id);
    if (machine == nullptr || machine->roster.since == in_->height)
      continue;  // suspended, or just begun
    Result<MigrationProgress> at = MigrationProgress::parse(id, text);
    if (!at.ok()) return at.status();
    overlay_.begin_step();
    Step step;
    TB_TRY(migrate_once(*machine, *at, &step));
    if (step.outcome != Outcome::kApplied) {
      // The chain goes on without the plugin, from the next block.
      at->error = (step.name + ": " + step.text).substr(0, kMaxMigrationError);
      TB_TRY(put_row(kernel_key(kMigrateRows, id), at->to_row()));
      TB_TRY(put_row(kernel_key(kSwitchRows, id),
                     waiting_switch_row(machine->roster, in_->height + 1, "suspended")));
    }
    keep_step(std::move(step), nullptr);
  }
  return {};
}

Status Executor::migrate_once(const BoundMachine& machine, MigrationProgress at, Step* step) {
  std::optional<Bytes> next;
  run_.start(StepKind::kMigrate, &machine, nullptr,
             trusted(StepKind::kMigrate, machine.roster.id, 0));
  tb_status status = run_.run_migrate(at.from, at.cursor, kMigrateRowsPerBlock, &next);
  if (run_.poisoned()) {
    return Status(Code::kAborted, "block " + std::to_string(in_->height) + ", migration of " +
                                      machine.roster.id + ": " + run_.poison());
  }
  run_.finish(status, step);
  if (step->outcome != Outcome::kApplied) return {};
  overlay_.step_changes(&step_changes_);
  const std::string own = space_prefix(machine.roster.id);
  const auto rows = static_cast<std::uint64_t>(
      std::count_if(step_changes_.begin(), step_changes_.end(),
                    [&](const Overlay::Change& change) { return change.key.starts_with(own); }));
  out_->migrated_rows += rows;
  out_->migration_steps += 1;
  std::string key = kernel_key(kMigrateRows, machine.roster.id);
  if (!next || next->empty()) return overlay_.erase(key);
  at.cursor = *std::move(next);
  at.rows += rows;
  at.steps += 1;
  at.error.clear();
  return put_row(std::move(key), at.to_row());
}

Status Executor::execute_genesis(const KvReader& base, std::shared_ptr<const MachineSet> machines,
                                 BlockOutput* output) {
  BlockInput input;
  input.machines = std::move(machines);
  input.collect = true;
  input.time_ms = genesis_.timestamp_ms;
  input.previous = genesis_.hash();
  TB_TRY(begin_block(base, nullptr, input, output));
  overlay_.begin_step();
  TB_TRY(put_row("s/chain/authority", genesis_.authority));
  TB_TRY(put_row("s/chain/kernel_sm", u64_row(genesis_.kernel_sm)));
  std::string validators = "[";
  for (const Genesis::Validator& v : genesis_.validators) {
    if (validators.size() > 1) validators.push_back(',');
    validators.append("{\"name\":");
    append_json_string(validators, v.name);
    validators.append(",\"power\":").append(std::to_string(v.power)).append(",\"public_key\":\"");
    validators.append(to_hex(v.key)).append("\"}");
  }
  TB_TRY(put_row("s/chain/validators", validators + "]"));
  for (const auto& [account, role] : genesis_.roles)
    TB_TRY(put_row(kernel_key(kRoleRows, account), role));
  for (const RosterEntry& entry : out_->machines->roster()) {
    TB_TRY(put_row(kernel_key(kPluginRows, entry.id), roster_row(entry)));
  }
  for (const BoundMachine& m : out_->machines->machines())
    TB_TRY(write_param_defaults(*m.machine.manifest));
  TB_TRY(write_genesis_params());
  Step own;
  own.kind = StepKind::kRoster;
  own.plugin = kChainSpace;
  keep_step(std::move(own), nullptr);
  TB_TRY(use_params());
  std::vector<tb_value> alloc;
  for (const auto& [account, amount] : genesis_.alloc) {
    tb_value& value = alloc.emplace_back();
    value.name = to_str(account);
    value.type = TB_TYPE_U64;
    value.num = amount;
  }
  for (const BoundMachine& m : out_->machines->machines()) TB_TRY(genesis_step(m, alloc));
  overlay_.net_changes(&changes_);
  WriteSetRoot writes;
  for (const Overlay::Change& change : changes_) {
    auto [space, key] = split_key(change.key);
    writes.add(space, key, change.after);
  }
  out_->write_set_root = writes.finish();
  return {};
}

// A namespace that is imported is as its mirror has it: its plugin writes no beginning of its own.
Status Executor::genesis_step(const BoundMachine& machine, const std::vector<tb_value>& alloc) {
  const std::string& id = machine.roster.id;
  overlay_.begin_step();
  for (const NamespaceImport& import : genesis_.imports) {
    if (import.space != id) continue;
    Step step;
    step.kind = StepKind::kMigrate;
    step.plugin = id;
    TB_TRY(import_rows(import, machine, &step).in("genesis: imports." + id));
    if (step.outcome != Outcome::kApplied)
      return Status(Code::kInvalid, "genesis: imports." + id + ": " + step.name + ": " + step.text,
                    "take the import out of the genesis, or put back a mirror that fits");
    keep_step(std::move(step), nullptr);
    return {};
  }
  run_.start(StepKind::kRoster, &machine, nullptr, nullptr);
  tb_status status = run_.run_genesis(alloc.data(), static_cast<std::uint32_t>(alloc.size()));
  Step step;
  if (!run_.poisoned()) run_.finish(status, &step);
  if (run_.poisoned() || step.outcome != Outcome::kApplied) {
    return Status(Code::kInvalid,
                  "genesis of plugin " + id + ": " + (run_.poisoned() ? run_.poison() : step.text),
                  "change the genesis, or leave the plugin out");
  }
  keep_step(std::move(step), nullptr);
  return {};
}

Status Executor::write_genesis_params() {
  for (const auto& [key, value] : genesis_.params) {
    const ParamSpec* spec = nullptr;
    for (const BoundMachine& m : out_->machines->machines()) {
      for (const ParamSpec& param : m.machine.manifest->params) {
        if (param.key == key) spec = &param;
      }
    }
    if (spec == nullptr)
      return Status(Code::kInvalid,
                    "genesis: params." + key + ": no plugin of the roster has this parameter");
    if (value < spec->min || value > spec->max) {
      return Status(Code::kInvalid, "genesis: params." + key + ": " + std::to_string(value) +
                                        " is outside " + std::to_string(spec->min) + ".." +
                                        std::to_string(spec->max));
    }
    TB_TRY(put_row(kernel_key(kParamRows, key), u64_row(value)));
  }
  return {};
}

}  // namespace blockd
