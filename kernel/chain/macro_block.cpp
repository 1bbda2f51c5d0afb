#include "kernel/chain/macro_block.hpp"

#include <chrono>

#include "kernel/base/background.hpp"
#include "kernel/base/clock.hpp"
#include "kernel/chain/chain_impl.hpp"
#include "kernel/chain/executor.hpp"
#include "kernel/chain/kernel_rows.hpp"

namespace blockd {
namespace {

constexpr std::uint8_t kMacroRowVersion = 1;
constexpr int kMacroNice = 19;
// The walk over a very large state goes on without rests, so that the root is there in time.
constexpr std::uint64_t kRestingUs = kMacroDeadlineMs * 1000 / 4;

Status damaged_macro_row() {
  return Status(Code::kCorrupt, "the kernel's row 'macro' cannot be read",
                "run `contract-cli storage repair`, or restore a snapshot");
}

}  // namespace

Bytes MacroRow::encode() const {
  Bytes out;
  put_u8(out, kMacroRowVersion);
  put_u64(out, point);
  put_u64(out, time_ms);
  put_u64(out, macro_height);
  out.append(view(genesis));
  peaks.append_to(out);
  return out;
}

Result<MacroRow> MacroRow::decode(BytesView row) {
  Reader in(row);
  if (in.u8() != kMacroRowVersion) return damaged_macro_row();
  MacroRow out;
  out.point = in.u64();
  out.time_ms = in.u64();
  out.macro_height = in.u64();
  out.genesis = in.array<32>();
  if (!MmrPeaks::read(in, &out.peaks) || !in.done() || out.peaks.size() != out.point)
    return damaged_macro_row();
  return out;
}

Result<MacroRow> read_macro_row(const KvReader& state) {
  std::optional<Bytes> row;
  TB_TRY(state.get(kMacroRow, &row));
  if (!row) return MacroRow();
  return MacroRow::decode(*row);
}

bool MacroPoint::done() const {
  std::lock_guard lock(mutex_);
  return done_;
}

void MacroPoint::wait() const {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return done_; });
}

bool MacroPoint::wait_ms(std::uint64_t ms) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::milliseconds(ms), [this] { return done_; });
}

void MacroPoint::compute(BackgroundPace* pace) {
  const std::uint64_t begun = system_clock().monotonic_us();
  Result<std::vector<NamespaceSummary>> spaces = summarize_state(*state, [&] {
    if (pace != nullptr && system_clock().monotonic_us() - begun < kRestingUs) pace->rest();
    return !stopped_.load();
  });
  std::lock_guard lock(mutex_);
  if (spaces.ok()) {
    namespaces_ = *std::move(spaces);
    root_ = state_root_of(namespaces_);
  } else {
    status_ = spaces.status().in("state root after block " + std::to_string(height));
  }
  done_ = true;
  changed_.notify_all();
}

void MacroWork::start(std::shared_ptr<MacroPoint> point) {
  stop();
  {
    std::lock_guard lock(mutex_);
    point_ = point;
  }
  if (!in_background_) {
    point->compute(nullptr);
    if (on_ready_) on_ready_();
    return;
  }
  thread_ = std::thread([this, point = std::move(point)] {
    work_in_background(kMacroNice);
    BackgroundPace pace;
    point->compute(&pace);
    if (on_ready_) on_ready_();
  });
}

void MacroWork::stop() {
  std::shared_ptr<MacroPoint> point;
  {
    std::lock_guard lock(mutex_);
    point = std::move(point_);
    point_ = nullptr;
  }
  if (point) point->stop();
  if (thread_.joinable()) thread_.join();
}

void MacroWork::committed() {
  {
    std::lock_guard lock(mutex_);
    point_ = nullptr;
  }
  if (thread_.joinable()) thread_.join();
}

std::shared_ptr<const MacroPoint> MacroWork::point() const {
  std::lock_guard lock(mutex_);
  return point_;
}

// The step of the kernel's own machine at the end of a block: a point that the block's header
// commits, then a new one. Without either it writes nothing.
Status Executor::macro_step() {
  const std::uint64_t height = in_->height;
  const bool scheduled = height % genesis_.macro_interval_blocks == 0;
  std::string scratch;
  std::optional<BytesView> asked;
  TB_TRY(overlay_.find(kMacroAskedRow, &scratch, &asked));
  const bool wanted = asked.has_value();
  if (!in_->macro && !scheduled && !wanted) return {};
  Result<MacroRow> read = read_macro_row(overlay_);
  if (!read.ok()) return read.status();
  MacroRow row = *std::move(read);
  overlay_.begin_step();
  if (wanted) TB_TRY(overlay_.erase(kMacroAskedRow));
  if (in_->macro) {
    if (row.waits() && row.point == in_->macro->state_height) {
      row.macro_height = height;
      TB_TRY(put_row(std::string(kMacroRow), row.encode()));
    } else if (!in_->changed_world) {
      return Status(Code::kInvalid, "block " + std::to_string(height) +
                                        ": its header commits the state after block " +
                                        std::to_string(in_->macro->state_height) +
                                        ", which is no macro point that waits");
    }
  }
  const std::uint64_t last = row.point == 0 ? genesis_.timestamp_ms : row.time_ms;
  bool due = scheduled && !row.waits();
  if (due && !wanted) {
    std::uint64_t secs = 0;
    TB_TRY(macro_spacing(&secs));
    due = in_->time_ms >= last + secs * 1000;
  }
  if ((due || wanted) && !row.waits() && in_->peaks != nullptr) {
    row.point = height;
    row.time_ms = in_->time_ms;
    row.macro_height = 0;
    row.genesis = genesis_.hash();
    Result<MmrPeaks> peaks = in_->peaks(height);
    if (!peaks.ok()) return peaks.status();
    row.peaks = *peaks;
    TB_TRY(put_row(std::string(kMacroRow), row.encode()));
    out_->macro_point = true;
  }
  Step step;
  step.kind = StepKind::kEnd;
  step.plugin = kChainSpace;
  keep_step(std::move(step), nullptr);
  return {};
}

Status Executor::macro_spacing(std::uint64_t* secs) {
  std::string key(kParamRows), scratch;
  key.append(kMacroSpacingKey);
  std::optional<BytesView> row;
  TB_TRY(overlay_.find(key, &scratch, &row));
  *secs = row ? read_u64_row(row) : kMacroSpacingSecs;
  return {};
}

}  // namespace blockd
