// Making blocks, and reading them.
#include "kernel/chain/chain.hpp"

#include <algorithm>

#include "kernel/chain/chain_impl.hpp"
#include "kernel/chain/kernel_rows.hpp"

namespace blockd {
namespace {

// The block that would follow a committed view.
BlockScope next_block_scope(const StateView& view, std::uint64_t time_ms) {
  BlockScope scope;
  scope.machines = view.machines.get();
  scope.height = view.height + 1;
  scope.time_ms = time_ms;
  scope.epoch_length = view.epoch_length;
  scope.epoch = scope.height / scope.epoch_length;
  scope.last_of_epoch = (scope.height + 1) % scope.epoch_length == 0;
  scope.seed = block_seed(view.head_hash, scope.height);
  return scope;
}

}  // namespace

Header ChainImpl::make_header(const BlockInput& input, const BlockOutput& output) const {
  Header h;
  h.height = input.height;
  h.previous = input.previous;
  h.time_ms = input.time_ms;
  h.proposer = input.proposer;
  h.epoch = input.height / options_.genesis.epoch_length;
  h.command_root = output.command_root;
  h.receipt_root = output.receipt_root;
  h.write_set_root = output.write_set_root;
  h.roster_hash = output.machines->roster_hash();
  h.validators_hash = validators_hash_;
  h.macro = input.macro;
  return h;
}

Result<Chain::Produced> ChainImpl::produce(const std::vector<CommandPtr>& commands) {
  if (options_.validator_key == nullptr)
    return Status(Code::kDenied, "this node has no validator key, so it makes no blocks");
  if (io_failed_)
    return Status(Code::kIo,
                  "an earlier write of this chain failed, and what the disk holds is unknown",
                  "check the disk and start the node again");
  const std::uint64_t begun_us = options_.clock->monotonic_us();
  if (Status status = wait_for_room(); !status.ok()) {
    set_stalled(status);
    return status;
  }
  const std::uint64_t waited_us = options_.clock->monotonic_us() - begun_us;
  if (behind_) TB_TRY(finish_commit());
  if (machines_ == nullptr) {
    Status still = load_machines();
    if (!still.ok()) return still;
    if (machines_ == nullptr) return stalled();
  }
  BlockInput input;
  input.height = head_ + 1;
  input.time_ms = std::max(head_time_ms_, options_.clock->unix_ms());
  input.previous = head_hash_;
  input.proposer = options_.validator_key->public_key();
  input.machines = machines_;
  input.params = params_;
  input.scripts = scripts_;
  input.commands = &commands;
  input.producing = true;
  input.collect = true;
  input.peaks = [this](std::uint64_t) -> Result<MmrPeaks> { return mmr_; };
  if (Status status = take_macro_root(&input); !status.ok()) {
    set_stalled(status);
    return status;
  }
  BlockOutput output;
  output.step_bytes = std::move(step_room_);
  output.delta_bytes = std::move(delta_room_);
  if (Status status = executor_.execute(*state_, &rows_, input, &output); !status.ok()) {
    set_stalled(status);
    return status;
  }
  const std::uint64_t executed_us = options_.clock->monotonic_us();
  Header header = make_header(input, output);
  header.mmr_root = mmr_.root();
  const Hash hash = header.hash();
  std::shared_ptr<BlockRecord> record = make_record(input, output, hash, header);
  const std::uint64_t prepared_us = options_.clock->monotonic_us();
  std::uint64_t log_bytes = 0;
  if (Status status = write_log(*record, output, input.time_ms, &log_bytes); !status.ok()) {
    set_stalled(status);
    return status;
  }
  Produced produced;
  produced.log_us = waited_us + options_.clock->monotonic_us() - prepared_us;
  produced.block = record;
  produced.left_out = std::move(output.left_out);
  produced.poisoned = std::move(output.poisoned);
  produced.poison_names = std::move(output.poison_names);
  produced.poison_texts = std::move(output.poison_texts);
  produced.step_of = std::move(output.step_of);
  produced.pending_work = output.pending_work;
  // From here on the block is in the log, whatever happens to the state behind it.
  head_ = input.height;
  head_time_ms_ = input.time_ms;
  head_hash_ = hash;
  machines_ = output.machines;
  params_ = output.params;
  scripts_ = output.scripts;
  mmr_.append(hash);
  behind_ = Appended{state_writes(input.height, hash),
                     record,
                     output.machines,
                     output.params,
                     output.scripts,
                     std::move(output.effects),
                     hash,
                     log_bytes,
                     output.delta_bytes.size(),
                     output.macro_point,
                     nullptr};
  keep_room(output);
  set_stalled(finish_commit());
  produced.pending_work = produced.pending_work || macro_.point() != nullptr;
  produced.commit_us = waited_us + options_.clock->monotonic_us() - executed_us;
  return produced;
}

std::shared_ptr<BlockRecord> ChainImpl::make_record(const BlockInput& input, BlockOutput& output,
                                                    const Hash& hash, const Header& header) const {
  auto record = std::make_shared<BlockRecord>();
  const Genesis& genesis = options_.genesis;
  const SigningKey& key = *options_.validator_key;
  record->header = header;
  Signature proposal = key.sign(proposal_bytes(genesis.chain_id, input.height, hash));
  record->proposer_signature = Bytes(blockd::view(proposal));
  if (genesis.validators.size() == 1 && genesis.validators[0].key == key.public_key()) {
    record->certificate =
        solo_certificate(key.sign(vote_bytes(genesis.chain_id, input.height, hash)));
  }
  record->receipts_commitment = output.receipts_commitment;
  record->commands = std::move(output.commands);
  record->steps = std::move(output.steps);
  return record;
}

// The next block writes where this one did: memory that is new to the process costs more than what
// is put there. What a very large block took goes back.
void ChainImpl::keep_room(BlockOutput& output) {
  constexpr std::size_t kKeptRoom = 4u << 20;
  if (output.step_bytes.capacity() <= kKeptRoom) step_room_ = std::move(output.step_bytes);
  if (output.delta_bytes.capacity() <= kKeptRoom) delta_room_ = std::move(output.delta_bytes);
}

std::shared_ptr<const ActiveScripts> ChainImpl::find_scripts(const StateView& view) const {
  Overlay overlay;
  StepRun run(overlay);
  overlay.reset(view.state.get(), nullptr);
  run.begin_block(next_block_scope(view, view.time_ms), &verify_cache_, nullptr, false);
  run.set_params(view.params);
  auto scripts = ask_active_scripts(run, overlay);
  return scripts.ok() ? *std::move(scripts) : nullptr;  // the next block meets the trouble itself
}

void ChainImpl::set_stalled(Status why) {
  std::lock_guard lock(mutex_);
  stalled_ = std::move(why);
}

StateViewPtr ChainImpl::view() const {
  std::lock_guard lock(mutex_);
  return view_;
}

Status ChainImpl::stalled() const {
  std::lock_guard lock(mutex_);
  return stalled_;
}

DryRun ChainImpl::dry_run(const StateViewPtr& view, const Command& command) const {
  for (int tries = 1;; ++tries) {
    bool bystander = false;
    DryRun out = dry_run_once(view, command, &bystander);
    if (!bystander || tries == kChildTries) return out;
  }
}

DryRun ChainImpl::dry_run_once(const StateViewPtr& view, const Command& command,
                               bool* bystander) const {
  struct Tools {
    Overlay overlay;
    StepRun run{overlay};
    CommandStep command{run, overlay};
  };
  static thread_local Tools tools;
  tools.overlay.reset(view->state.get(), nullptr);
  BlockScope scope = next_block_scope(*view, std::max(view->time_ms, options_.clock->unix_ms()));
  scope.imports = options_.imports;
  tools.run.begin_block(scope, &verify_cache_, nullptr, true);
  tools.run.set_params(view->params);
  Step step;
  Status status = tools.command.prepare(*view->machines, command, 0, view->scripts.get());
  if (status.ok() && (tools.command.around() & ActiveScripts::kBefore) != 0)
    tools.command.before(*view->scripts, view->height + 1, &step);
  step = Step();
  if (status.ok() && !tools.run.poisoned()) tools.command.run(nullptr, &step);
  DryRun out;
  if (!status.ok() || tools.run.poisoned()) {
    out.outcome = Outcome::kRejected;
    out.code = kCodePlugin;
    out.name = status.ok() ? tools.run.poison_name() : "internal_plugin_error";
    out.text = status.ok() ? tools.run.poison() : status.message();
    *bystander = tools.run.poisoned() && tools.run.poison_kind() == StepRun::Poison::kBystander;
    return out;
  }
  out.outcome = step.outcome;
  out.code = step.code;
  out.name = std::move(step.name);
  out.text = std::move(step.text);
  out.error_data = std::move(step.error_data);
  out.result = std::move(step.result);
  for (const Effects::Metric& m : tools.run.refusal_effects().metrics)
    out.metrics.push_back({m.plugin, m.metric, m.labels, m.value});
  for (const Effects::Line& line : tools.run.refusal_effects().lines)
    out.lines.push_back({line.plugin, line.level, line.text});
  return out;
}

void ChainImpl::report_refusal(const DryRun& refused) const {
  if (options_.effects == nullptr) return;
  for (const DryRun::Metric& m : refused.metrics)
    options_.effects->metric(*m.plugin, m.metric, m.labels, m.value);
  if (refused.lines.empty()) return;
  const std::uint64_t height = view()->height;
  for (const DryRun::Line& line : refused.lines)
    options_.effects->log(*line.plugin, line.level, line.text, height);
}

Result<std::uint64_t> ChainImpl::nonce(const StateViewPtr& view, std::string_view account) const {
  std::optional<Bytes> row;
  Bytes key(kNonceRows);
  TB_TRY(view->state->get(key.append(account), &row));
  return read_u64_row(row ? std::optional<BytesView>(*row) : std::nullopt);
}

Result<Header> ChainImpl::header(std::uint64_t height) const {
  const bool pruned = height < log_->first().value_or(0);
  Result<Bytes> bytes = log_->read(pruned ? LogRecordType::kPruned : LogRecordType::kBlock, height);
  if (!bytes.ok()) return bytes.status();
  Result<BlockRecord> block = decode_block_front(*bytes);
  if (!block.ok()) return block.status().in("height " + std::to_string(height));
  return block->header;
}

Result<std::shared_ptr<const BlockRecord>> ChainImpl::block(std::uint64_t height) const {
  Result<Bytes> bytes = log_->read(LogRecordType::kBlock, height);
  if (!bytes.ok()) return bytes.status();
  Result<Bytes> batch_bytes = log_->read(LogRecordType::kBatch, height);
  if (!batch_bytes.ok()) return batch_bytes.status();
  Result<BlockRecord> block = decode_block(*bytes, false);
  if (!block.ok()) return block.status().in("height " + std::to_string(height));
  Result<Batch> batch = decode_batch(*batch_bytes);
  if (!batch.ok()) return batch.status().in("height " + std::to_string(height));
  block->commands = std::move(batch->commands);
  return std::make_shared<const BlockRecord>(*std::move(block));
}

Result<std::uint64_t> ChainImpl::height_of(const Hash& hash) const {
  std::lock_guard lock(mutex_);
  auto it = heights_.find(hash);
  if (it == heights_.end()) return Status(Code::kNotFound, "no block has this hash");
  return it->second;
}

Result<Hash> ChainImpl::state_root(const StateViewPtr& view) const { return root_of(*view->state); }

struct ViewContext::Impl {
  StateViewPtr view;
  Overlay overlay;
  StepRun run{overlay};
  tb_view* abi = nullptr;
};

ViewContext::ViewContext(StateViewPtr view, std::shared_ptr<const Manifest> manifest)
    : impl_(std::make_unique<Impl>()) {
  BlockScope scope;
  scope.machines = view->machines.get();
  scope.height = view->height;
  scope.time_ms = view->time_ms;
  scope.epoch = view->epoch;
  scope.epoch_length = view->epoch_length;
  scope.last_of_epoch = (view->height + 1) % view->epoch_length == 0;
  scope.seed = block_seed(view->head_hash, view->height);
  impl_->overlay.reset(view->state.get(), nullptr);
  impl_->run.begin_block(scope, nullptr, nullptr, true);
  impl_->run.set_params(view->params);
  impl_->view = std::move(view);
  impl_->abi = impl_->run.open_view(std::move(manifest));
}

ViewContext::~ViewContext() = default;
tb_view* ViewContext::view() { return impl_->abi; }

}  // namespace blockd
