// Imports: the rows of a mirror in an empty namespace, as one of the first steps of a block or as a
// step of the genesis (import.hpp).
#include "kernel/base/hex.hpp"
#include "kernel/base/json.hpp"
#include "kernel/chain/executor.hpp"
#include "kernel/chain/kernel_rows.hpp"

namespace blockd {
namespace {

constexpr std::int32_t kCodeImportRefused = -34008;

void refuse_import(Step* step, std::string_view name, std::string text) {
  step->outcome = Outcome::kRejected;
  step->code = kCodeImportRefused;
  step->name = name;
  step->text = std::move(text);
}

Event imported_event(const NamespaceRows& rows) {
  Result<std::string> data = canonical_json(
      json::object{{"height", rows.height}, {"namespace", rows.space}, {"rows", rows.rows.size()}});
  TB_ASSERT(data.ok());
  return {"chain.namespace_imported", *std::move(data)};
}

}  // namespace

Status Executor::import_steps() {
  auto rows = rows_below(kImportingRows);
  if (!rows.ok()) return rows.status();
  for (const auto& [space, text] : *rows) {
    // Rows of a plugin that is not in force wait for it.
    if (out_->machines->find(space) == nullptr) continue;
    Result<NamespaceImport> import = parse_importing_row(space, text);
    if (!import.ok()) return import.status();
    TB_TRY(import_namespace(*import));
  }
  return {};
}

// One import is one step. What every node meets alike is told in the step; a file that this node
// lacks keeps it in front of the block.
Status Executor::import_namespace(const NamespaceImport& import) {
  overlay_.begin_step();
  TB_TRY(overlay_.erase(std::string(kImportingRows) + import.space));
  const Overlay::Savepoint before = overlay_.savepoint();
  Step step;
  step.kind = StepKind::kMigrate;
  step.plugin = import.space;
  const std::shared_ptr<const MachineSet> machines = out_->machines;
  const BoundMachine& machine = *machines->find(import.space);
  TB_TRY(import_rows(import, machine, &step));
  if (step.outcome != Outcome::kApplied) {
    overlay_.rollback(before);
    if (machine.roster.since == in_->height) TB_TRY(suspend_newcomer(machine.roster));
  }
  keep_step(std::move(step), nullptr);
  if (out_->machines == machines) return {};
  TB_TRY(use_scripts());
  return use_params();
}

// A plugin that was to begin with these rows does not begin without them: it is suspended before
// any of its hooks, so that its namespace stays empty and takes the rows later. Who comes in this
// very block and cannot do without it waits with it. Where an older one needs it from this block
// on, its suspension waits in the log, as one that an operator sends.
Status Executor::suspend_newcomer(const RosterEntry& entry) {
  const std::vector<RosterEntry> now = out_->machines->roster();
  std::vector<RosterEntry> alone = now, together = now;
  for (RosterEntry& one : alone)
    if (one.id == entry.id) one.status = RosterStatus::kSuspended;
  for (RosterEntry& one : together)
    if (one.since == in_->height && in_->machines->find(one.id) == nullptr)
      one.status = RosterStatus::kSuspended;
  for (const std::vector<RosterEntry>& roster : {alone, together}) {
    Result<std::shared_ptr<const MachineSet>> set = resolve(roster, in_->height);
    if (!set.ok() && set.status().code() == Code::kInvalid) continue;
    if (!set.ok()) return set.status();
    for (std::size_t i = 0; i < roster.size(); ++i) {
      if (roster[i].status != now[i].status)
        TB_TRY(put_row(std::string(kPluginRows) + roster[i].id, roster_row(roster[i])));
    }
    scope_block(*std::move(set));
    return {};
  }
  return put_row(std::string(kSwitchRows) + entry.id,
                 waiting_switch_row(entry, in_->height + 1, "suspended"));
}

Status Executor::import_rows(const NamespaceImport& import, const BoundMachine& machine,
                             Step* step) {
  Result<bool> empty = run_.is_empty_space(import.space);
  if (!empty.ok()) return empty.status();
  if (!*empty) {
    refuse_import(step, "namespace_not_empty", "an import never replaces rows");
    return {};
  }
  Result<std::shared_ptr<const NamespaceRows>> rows = run_.find_import(import.blake3);
  if (!rows.ok()) return rows.status();
  const NamespaceRows& file = **rows;
  if (file.space != import.space || file.height != import.height ||
      file.schema != machine.roster.schema) {
    refuse_import(step, "mirror_differs",
                  "the file holds namespace '" + file.space + "' of height " +
                      std::to_string(file.height) + " in schema " + std::to_string(file.schema) +
                      "; the plugin has schema " + std::to_string(machine.roster.schema));
    return {};
  }
  TB_TRY(run_.write_import(file));
  TB_TRY(put_row(std::string(kImportRows) + import.space, import_row(in_->height, import)));
  TB_TRY(tell_of_import(import, machine, step));
  if (step->outcome == Outcome::kApplied) step->events.push_back(imported_event(file));
  return {};
}

// The machine makes the rows its own: heights in them are those of the chain that they are from.
Status Executor::tell_of_import(const NamespaceImport& import, const BoundMachine& machine,
                                Step* refused) {
  if (machine.machine.table->migrate_step == nullptr) return {};
  std::optional<Bytes> cursor = u64_row(import.height), next;
  for (std::uint32_t calls = 0; cursor && !cursor->empty(); ++calls) {
    if (calls == kMaxImportCalls) {
      refuse_import(refused, "import_endless", "the plugin does not come to an end with the rows");
      return {};
    }
    run_.start(StepKind::kMigrate, &machine, nullptr, nullptr);
    const tb_status status =
        run_.run_migrate(machine.roster.schema, *cursor, kMigrateRowsPerBlock, &next);
    if (run_.poisoned())
      return Status(Code::kAborted, "block " + std::to_string(in_->height) + ", import of " +
                                        import.space + ": " + run_.poison());
    Step told;
    run_.finish(status, &told);
    if (told.outcome != Outcome::kApplied) {
      refuse_import(refused, told.name, told.text);
      return {};
    }
    cursor = std::move(next);
    next.reset();
  }
  return {};
}

}  // namespace blockd
