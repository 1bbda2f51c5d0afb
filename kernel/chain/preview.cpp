#include "kernel/chain/preview.hpp"

#include "kernel/chain/chain_impl.hpp"
#include "kernel/chain/kernel_rows.hpp"
#include "kernel/chain/past_state.hpp"
#include "kernel/chain/preview_compare.hpp"

namespace blockd {
namespace {

BlockScope scope_of(const Header& header, const MachineSet& machines, std::uint64_t epoch_length) {
  BlockScope scope;
  scope.machines = &machines;
  scope.height = header.height;
  scope.time_ms = header.time_ms;
  scope.epoch_length = epoch_length;
  scope.epoch = header.height / epoch_length;
  scope.last_of_epoch = (header.height + 1) % epoch_length == 0;
  scope.seed = block_seed(header.previous, header.height);
  scope.proposer = header.proposer;
  scope.receipts = machines.provider_of("receipts/1");
  return scope;
}

std::optional<std::uint64_t> number_member(const tb_value& record, std::string_view name) {
  for (std::uint32_t i = 0; record.type == TB_TYPE_RECORD && i < record.count; ++i) {
    const tb_value& member = record.items[i];
    if (to_view(member.name) == name && member.type == TB_TYPE_U64) return member.num;
  }
  return std::nullopt;
}

// One key that is to have another value.
struct Wanted {
  std::string key;
  std::uint64_t value = 0, min = 0, max = 0;
};

Status unknown_param(std::string_view key) {
  return Status(Code::kInvalid, "unknown_param: no parameter '" + std::string(key) + "'",
                "see `contract-cli gov params list`");
}

// A key of a plugin, else one that governance vouches for.
Status find_param(StepRun& run, const MachineSet& machines, std::string_view key, Wanted* wanted) {
  if (const MachineSet::ParamRef param = machines.find_param(key); param.machine != nullptr) {
    wanted->key = param.spec->key;
    wanted->min = param.spec->min;
    wanted->max = param.spec->max;
    return {};
  }
  const MachineSet::FunctionRef spec = machines.find_function("params/1", "spec");
  if (spec.machine == nullptr) return unknown_param(key);
  run.start(StepKind::kParams, spec.machine, nullptr, nullptr);
  ValueArena arena;
  ValueOut out(arena);
  const std::vector<tb_value> args = named_args(spec, {text_value("key", key)});
  const tb_status status =
      run.ask_inside(spec, args.data(), static_cast<std::uint32_t>(args.size()), out.out());
  if (run.poisoned()) return Status(Code::kAborted, run.poison());
  if (status != TB_OK) return unknown_param(key);
  const tb_value& answer = *out.finish();
  const auto min = number_member(answer, "min"), max = number_member(answer, "max");
  if (!min || !max) return unknown_param(key);
  for (std::uint32_t i = 0; i < answer.count; ++i) {
    const tb_value& member = answer.items[i];
    if (to_view(member.name) == "key" && member.type == TB_TYPE_STR)
      wanted->key = to_view(member.str);
  }
  wanted->min = *min;
  wanted->max = *max;
  return {};
}

// The preview of one request, in the order in which it happens.
class Preview {
 public:
  struct Parts {
    const BlockLog* log;
    const Genesis* genesis;
    const Clock* clock;
    StateViewPtr head;
    std::uint64_t first_height;
    Executor::Provide provide;
    ImportSource* imports;
    std::function<Result<std::vector<RosterEntry>>(const KvReader&)> read_roster;
    std::function<Result<MmrPeaks>(std::uint64_t)> peaks;
  };
  Preview(Parts parts, const PreviewRequest& request, const PreviewWatcher& watch)
      : parts_(std::move(parts)),
        request_(request),
        watch_(watch),
        executor_(*parts_.genesis, parts_.provide, &cache_, parts_.imports),
        past_(*parts_.head->state),
        comparison_(request) {}

  Result<PreviewReport> run() {
    TB_TRY(check_request());
    find_window();
    TB_TRY(go_back());
    TB_TRY(change_world());
    const std::uint64_t begun = parts_.clock->monotonic_us();
    for (std::uint64_t h = first_; h <= parts_.head->height; ++h) TB_TRY(one_block(h));
    const std::uint64_t took = parts_.clock->monotonic_us() - begun;
    if (rows_differ_) {
      std::vector<Overlay::Change> changes;
      std::deque<Bytes> rows;
      TB_TRY(past_.differences(&changes, &rows));
      comparison_.add_rows(changes);
    }
    PreviewReport report = comparison_.finish();
    report.from = first_;
    report.to = parts_.head->height;
    if (took > 0) report.commands_per_second = report.commands * 1'000'000 / took;
    return report;
  }

 private:
  Status check_request() const {
    if (request_.params.size() > kMaxPreviewParams)
      return Status(Code::kInvalid, "at most 64 parameters in one preview");
    if (request_.observe.size() > kMaxPreviewObserved)
      return Status(Code::kInvalid, "at most 16 observed events in one preview");
    if (parts_.head->height == 0) return Status(Code::kInvalid, "the chain has no block yet");
    return {};
  }

  void find_window() {
    const std::uint64_t length = parts_.genesis->epoch_length;
    const std::uint64_t open = (parts_.head->height + 1) / length;
    const std::uint64_t wanted = request_.epochs >= open ? 0 : (open - request_.epochs) * length;
    first_ = std::max({wanted, parts_.first_height, std::uint64_t{1}});
    progress_.total_blocks = parts_.head->height - first_ + 1;
  }

  Status keep_going() const {
    if (watch_ == nullptr || watch_(progress_)) return {};
    return Status(Code::kAborted, "the preview was stopped");
  }

  Status go_back() {
    for (std::uint64_t h = first_; h <= parts_.head->height; ++h) {
      TB_TRY(keep_going());
      Result<Bytes> block = parts_.log->read(LogRecordType::kBlock, h);
      if (!block.ok()) return block.status();
      TB_TRY(past_.learn(*block));
    }
    Result<std::vector<RosterEntry>> roster = parts_.read_roster(past_);
    if (!roster.ok()) return roster.status();
    Result<std::shared_ptr<const MachineSet>> machines = executor_.resolve(*roster, first_);
    if (!machines.ok()) return machines.status();
    input_.machines = *std::move(machines);
    return {};
  }

  // Values wait for the first block, whose step of parameters asks the plugins as ever; the script
  // is there as if it had been voted in.
  Status change_world() {
    if (request_.params.empty() && request_.script.empty()) return {};
    Result<Bytes> block = parts_.log->read(LogRecordType::kBlock, first_);
    if (!block.ok()) return block.status();
    const Result<BlockRecord> front = decode_block_front(*block);
    if (!front.ok()) return front.status();
    Overlay world;
    world.reset(&past_, nullptr);
    StepRun run(world);
    run.begin_block(scope_of(front->header, *input_.machines, parts_.genesis->epoch_length),
                    &cache_, nullptr, true);
    auto values = read_params(past_, *input_.machines);
    if (!values.ok()) return values.status();
    run.set_params(*values);
    if (!request_.script.empty()) TB_TRY(install_script(world, run));
    for (const auto& [key, value] : request_.params) {
      Wanted wanted;
      TB_TRY(find_param(run, *input_.machines, key, &wanted));
      wanted.value = value;
      if (value < wanted.min || value > wanted.max) {
        return Status(Code::kInvalid, "out_of_bounds: " + wanted.key + ": " +
                                          std::to_string(value) + " is outside " +
                                          std::to_string(wanted.min) + ".." +
                                          std::to_string(wanted.max));
      }
      wanted_.push_back(std::move(wanted));
    }
    world.begin_step();
    for (const Wanted& wanted : wanted_)
      TB_TRY(world.put(std::string(kWaitingRows) + wanted.key, u64_row(wanted.value)));
    std::vector<Overlay::Change> changes;
    world.net_changes(&changes);
    rows_differ_ = true;
    return past_.apply(changes);
  }

  Status install_script(Overlay& world, StepRun& run) {
    const MachineSet::FunctionRef install = input_.machines->find_function("scripts/1", "install");
    if (install.machine == nullptr)
      return Status(Code::kInvalid, "no plugin of this chain runs voted scripts");
    world.begin_step();
    run.start(StepKind::kLua, install.machine, nullptr, nullptr);
    const std::vector<tb_value> args = named_args(install, {text_value("source", request_.script)});
    const tb_status status = run.run_service(install.service, install.function, args.data(),
                                             static_cast<std::uint32_t>(args.size()), nullptr);
    if (run.poisoned()) return Status(Code::kAborted, run.poison());
    Step step;
    run.finish(status, &step);
    if (step.outcome == Outcome::kApplied) return {};
    return Status(Code::kInvalid, "the script is refused: " + step.name + ": " + step.text);
  }

  Status one_block(std::uint64_t height) {
    TB_TRY(keep_going());
    Result<Bytes> bytes = parts_.log->read(LogRecordType::kBlock, height);
    if (!bytes.ok()) return bytes.status();
    Result<BlockRecord> front = decode_block_front(*bytes);
    if (!front.ok()) return front.status();
    Result<Bytes> batch_bytes = parts_.log->read(LogRecordType::kBatch, height);
    if (!batch_bytes.ok()) return batch_bytes.status();
    Result<Batch> batch = decode_batch(*batch_bytes, false);
    if (!batch.ok()) return batch.status();
    Result<std::vector<FalseChecks>> checks = decode_false_checks(*bytes);
    if (!checks.ok()) return checks.status();
    const Header& header = front->header;
    input_.height = height;
    input_.time_ms = header.time_ms;
    input_.previous = header.previous;
    input_.proposer = header.proposer;
    input_.commands = &batch->commands;
    input_.trusted = &*checks;
    input_.macro = header.macro;
    input_.peaks = parts_.peaks;
    input_.changed_world = true;
    input_.hash_commands = false;  // they are those of the log
    const bool refusals_wanted = height == first_ && !wanted_.empty();
    input_.collect = differed_ || refusals_wanted;
    BlockOutput output;
    TB_TRY(execute(height, &output));
    differed_ = output.receipt_root != header.receipt_root;
    if (differed_ && !input_.collect) {
      input_.collect = true;
      TB_TRY(execute(height, &output));
    }
    rows_differ_ = rows_differ_ || output.write_set_root != header.write_set_root;
    TB_TRY(past_.apply(executor_.changes()));
    if (refusals_wanted) TB_TRY(check_in_force(output));
    comparison_.add_commands(batch->commands);
    if (differed_) {
      const Result<BlockRecord> logged = decode_block(*bytes, false);
      if (!logged.ok()) return logged.status();
      comparison_.add_block(height, batch->commands, logged->steps, output.steps);
    }
    input_.machines = std::move(output.machines);
    input_.params = std::move(output.params);
    input_.scripts = std::move(output.scripts);
    ++progress_.blocks;
    progress_.commands += batch->commands.size();
    return {};
  }

  Status execute(std::uint64_t height, BlockOutput* output) {
    return executor_.execute(past_, nullptr, input_, output)
        .in("preview, height " + std::to_string(height));
  }

  // What the plugins refused does not become a preview of something else.
  Status check_in_force(const BlockOutput& output) {
    for (const Wanted& wanted : wanted_) {
      std::optional<Bytes> row;
      TB_TRY(past_.get(std::string(kParamRows) + wanted.key, &row));
      if (row && read_u64_row(BytesView(*row)) == wanted.value) continue;
      std::string why = wanted.key + " does not come into force with " +
                        std::to_string(wanted.value) + " in block " + std::to_string(first_);
      for (const Step& step : output.steps) {
        if (step.kind == StepKind::kParams && step.outcome != Outcome::kApplied)
          why += "; " + step.plugin + ": " + step.name + ": " + step.text;
      }
      return Status(Code::kInvalid, std::move(why));
    }
    return {};
  }

  Parts parts_;
  const PreviewRequest& request_;
  const PreviewWatcher& watch_;
  VerifyCache cache_;
  Executor executor_;
  PastState past_;
  PreviewComparison comparison_;
  std::uint64_t first_ = 0;
  std::vector<Wanted> wanted_;
  BlockInput input_;
  bool differed_ = false;
  // Whether any block changed other rows than the log says; as long as none did, the state is the
  // logged one.
  bool rows_differ_ = false;
  PreviewProgress progress_;
};

}  // namespace

Result<PreviewReport> ChainImpl::preview(const PreviewRequest& request,
                                         const PreviewWatcher& watch) const {
  Preview::Parts parts;
  parts.log = log_.get();
  parts.genesis = &options_.genesis;
  parts.clock = options_.clock;
  parts.head = view();
  parts.first_height = first_height();
  parts.provide = [this](const RosterEntry& entry) { return provide(entry); };
  parts.imports = options_.imports;
  parts.read_roster = [this](const KvReader& state) { return read_roster(state); };
  parts.peaks = [this](std::uint64_t height) { return peaks_below(height); };
  return Preview(std::move(parts), request, watch).run();
}

}  // namespace blockd
