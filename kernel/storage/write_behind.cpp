#include "kernel/storage/write_behind.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <span>
#include <thread>

#include "kernel/base/assert.hpp"
#include "kernel/storage/write_layers.hpp"

namespace blockd {
namespace {

using internal::KeyFilter;
using internal::Layer;
using internal::LayeredReader;

// Beyond a few, layers grow together while they wait, so that reads pass few of them: with
// kMaxLayerBytes and kMaxWaitingBytes at most 16 full ones, kLooseLayers, and of the rest each is
// larger than the next.
constexpr std::size_t kLooseLayers = 12;
constexpr std::size_t kMaxLayerBytes = 4u << 20;
constexpr std::size_t kEngineBatchBytes = 4u << 20;  // of several layers in one write
// The filter of keys is worth its walk once so many reads went in vain, and a quarter as many as
// there may be rows.
constexpr std::uint64_t kReadsInVain = 4096;
constexpr std::uint64_t kLeastRowBytes = 64;  // a guess, to tell rows from bytes
constexpr std::size_t kFilterStep = 8192;     // rows walked between two writes

class WriteBehind final : public KvStore {
 public:
  WriteBehind(std::unique_ptr<KvStore> engine, std::size_t max_waiting_bytes)
      : max_waiting_bytes_(max_waiting_bytes),
        engine_(std::move(engine)),
        now_(std::make_shared<LayeredReader>(engine_->snapshot(), LayeredReader::Layers())),
        thread_([this] { run(); }) {}
  WriteBehind(const WriteBehind&) = delete;
  WriteBehind& operator=(const WriteBehind&) = delete;

  // Writes what waits, unless the engine refuses it.
  ~WriteBehind() override {
    {
      std::lock_guard lock(mutex_);
      stop_ = true;
      changed_.notify_all();
    }
    thread_.join();
  }

  Status get(BytesView key, std::optional<Bytes>* value) const override {
    const std::shared_ptr<const LayeredReader> reader = now();
    TB_TRY(reader->get(key, value));
    if (!*value && !reader->has_filter()) in_vain_.fetch_add(1, std::memory_order_relaxed);
    return {};
  }
  Status scan(BytesView prefix, BytesView after, std::size_t limit,
              const RowVisitor& visit) const override {
    return now()->scan(prefix, after, limit, visit);
  }
  Status scan_back(BytesView prefix, BytesView before, std::size_t limit,
                   const RowVisitor& visit) const override {
    return now()->scan_back(prefix, before, limit, visit);
  }
  std::shared_ptr<const KvReader> snapshot() const override { return now(); }

  Status write(std::span<const KvWrite> batch, bool sync) override {
    TB_TRY(write_shared(std::make_shared<const std::vector<KvWrite>>(batch.begin(), batch.end())));
    return sync ? flush() : Status();
  }
  Status write_shared(std::shared_ptr<const std::vector<KvWrite>> batch) override {
    return take(std::move(batch), false);
  }
  Status write_held(std::shared_ptr<const std::vector<KvWrite>> batch) override {
    TB_ASSERT(!batch->empty());
    return take(std::move(batch), true);
  }
  void release(std::size_t writes) override;
  void refuse_held(const Status& why) override;
  bool holds() const override { return true; }

  Status flush() override {
    struct Answer {
      std::mutex mutex;
      std::condition_variable changed;
      std::optional<Status> status;
    };
    const auto answer = std::make_shared<Answer>();
    flush_then([answer](const Status& status) {
      std::lock_guard lock(answer->mutex);
      answer->status = status;
      answer->changed.notify_all();
    });
    std::unique_lock lock(answer->mutex);
    answer->changed.wait(lock, [&] { return answer->status.has_value(); });
    return *answer->status;
  }
  void flush_then(std::function<void(const Status&)> done) override;
  Status reopen() override;

  std::uint64_t approximate_bytes() const override { return engine_->approximate_bytes(); }
  KvStats stats() const override {
    KvStats out = engine_->stats();
    std::lock_guard lock(mutex_);
    out.memory_bytes += waiting_bytes_;
    return out;
  }
  Status compact(const CompactWatcher& watch) override {
    TB_TRY(flush());
    return engine_->compact(watch);
  }

 private:
  enum class FilterState : std::uint8_t { kNone, kGrowing, kWhole, kGivenUp };
  struct Flush {
    std::uint64_t behind;  // writes that come before it
    std::function<void(const Status&)> done;
  };

  std::shared_ptr<const LayeredReader> now() const {
    std::lock_guard lock(mutex_);
    return now_;
  }
  Status take(std::shared_ptr<const std::vector<KvWrite>> batch, bool held);
  // The engine may have the writes up to this one.
  std::uint64_t released() const {
    return held_writes_.empty() ? taken_ : held_writes_.front() - 1;
  }
  bool has_gathered() const {
    return waiting_bytes_ >= std::min(kGatheredBytes, max_waiting_bytes_) || !flushes_.empty() ||
           stop_;
  }
  bool can_write() const {
    return !now_->layers().empty() && ends_.front() <= released() && has_gathered();
  }
  bool can_flush() const { return !flushes_.empty() && flushes_.front().behind <= written_; }
  void run();
  void write_oldest(std::unique_lock<std::mutex>& lock);
  void flush_first(std::unique_lock<std::mutex>& lock);
  void fail(const Status& status, std::unique_lock<std::mutex>& lock);
  LayeredReader::Layers stacked(std::shared_ptr<const Layer> layer) const;
  // The filter, all REQUIRE that mutex_ is held.
  std::shared_ptr<const KeyFilter> whole_filter() const {
    return filter_state_ == FilterState::kWhole ? filter_ : nullptr;
  }
  bool wants_filter();
  void filter_step(std::unique_lock<std::mutex>& lock);
  void begin_filter();
  void add_to_filter(const Layer& layer);
  void end_filter(FilterState state);
  void show(std::shared_ptr<const KvReader> base, LayeredReader::Layers layers) {
    now_ =
        std::make_shared<const LayeredReader>(std::move(base), std::move(layers), whole_filter());
  }

  const std::size_t max_waiting_bytes_;
  const std::unique_ptr<KvStore> engine_;
  mutable std::mutex mutex_;  // a leaf; guards the rest
  std::condition_variable changed_;
  std::shared_ptr<const LayeredReader> now_;
  std::size_t waiting_bytes_ = 0;
  std::uint64_t taken_ = 0, written_ = 0;  // writes
  std::deque<std::uint64_t> ends_;         // for each layer: taken_ with its newest write
  std::deque<std::uint64_t> held_writes_;  // taken_ of each; bounded by who holds them
  std::size_t busy_layers_ = 0;            // the oldest ones, on their way into the engine
  std::deque<Flush> flushes_;              // bounded by who waits, and one checkpoint
  Status failed_;
  bool working_ = false, paused_ = false, stop_ = false;
  // Keys of the engine as it was when the filter began are added step by step, those of later
  // writes at once.
  FilterState filter_state_ = FilterState::kNone;
  std::shared_ptr<KeyFilter> filter_;
  std::shared_ptr<const KvReader> filter_from_;
  Bytes filter_at_;  // the last key that was walked over
  std::uint64_t filter_worth_ = kReadsInVain;
  mutable std::atomic<std::uint64_t> in_vain_{0};
  std::thread thread_;
};

// The layers with a new one on top, which takes in what is below it and no larger.
LayeredReader::Layers WriteBehind::stacked(std::shared_ptr<const Layer> layer) const {
  LayeredReader::Layers out = now_->layers();
  while (out.size() >= busy_layers_ + kLooseLayers &&
         out.back()->rows().size() <= layer->rows().size() &&
         out.back()->bytes() + layer->bytes() <= kMaxLayerBytes) {
    layer = std::make_shared<const Layer>(*out.back(), *layer);
    out.pop_back();
  }
  out.push_back(std::move(layer));
  return out;
}

Status WriteBehind::take(std::shared_ptr<const std::vector<KvWrite>> batch, bool held) {
  auto layer = std::make_shared<const Layer>(std::move(batch));
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] {
    return !failed_.ok() || waiting_bytes_ < max_waiting_bytes_ || !(working_ || can_write());
  });
  if (!failed_.ok()) return failed_;
  if (layer->rows().empty()) return {};
  waiting_bytes_ += layer->bytes();
  add_to_filter(*layer);
  LayeredReader::Layers layers = stacked(std::move(layer));
  ends_.resize(layers.size());
  ends_.back() = ++taken_;
  if (held) held_writes_.push_back(taken_);
  show(now_->base(), std::move(layers));
  changed_.notify_all();
  return {};
}

void WriteBehind::release(std::size_t writes) {
  std::lock_guard lock(mutex_);
  const std::size_t count = std::min(writes, held_writes_.size());
  held_writes_.erase(held_writes_.begin(),
                     held_writes_.begin() + static_cast<std::ptrdiff_t>(count));
  changed_.notify_all();
}

void WriteBehind::refuse_held(const Status& why) {
  std::unique_lock lock(mutex_);
  fail(why, lock);
  changed_.notify_all();
}

void WriteBehind::flush_then(std::function<void(const Status&)> done) {
  Status failed;
  {
    std::lock_guard lock(mutex_);
    failed = failed_;
    if (failed.ok()) {
      flushes_.push_back({taken_, std::move(done)});
      changed_.notify_all();
      return;
    }
  }
  done(failed);
}

// The engine's own error stays until it has been opened again; what it had not on its disk is for
// the owner to write, what memory holds is written by the thread.
Status WriteBehind::reopen() {
  std::unique_lock lock(mutex_);
  paused_ = true;
  changed_.wait(lock, [this] { return !working_; });
  if (filter_state_ == FilterState::kGrowing) end_filter(FilterState::kNone);  // its walk is over
  lock.unlock();
  const Status opened = engine_->reopen();
  std::shared_ptr<const KvReader> base = engine_->snapshot();
  lock.lock();
  paused_ = false;
  if (opened.ok()) failed_ = Status();
  show(std::move(base), now_->layers());
  changed_.notify_all();
  return opened;
}

void WriteBehind::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    const auto has_work = [this] {
      return failed_.ok() && (can_write() || can_flush() || wants_filter());
    };
    changed_.wait(lock, [&] { return !paused_ && (stop_ || has_work()); });
    if (!has_work()) {
      if (!flushes_.empty()) fail(Status(Code::kAborted, "the state store was closed"), lock);
      return;
    }
    working_ = true;
    if (can_flush()) {
      flush_first(lock);
    } else if (can_write()) {
      write_oldest(lock);
    }
    if (failed_.ok() && wants_filter()) filter_step(lock);
    working_ = false;
    changed_.notify_all();
  }
}

void WriteBehind::write_oldest(std::unique_lock<std::mutex>& lock) {
  std::shared_ptr<const LayeredReader> from = now_;
  std::size_t bytes = 0;
  busy_layers_ = 0;
  for (const auto& layer : from->layers()) {
    if (busy_layers_ > 0 && bytes + layer->bytes() > kEngineBatchBytes) break;
    if (ends_[busy_layers_] > released()) break;
    bytes += layer->bytes();
    ++busy_layers_;
  }
  const std::size_t layers = busy_layers_;
  lock.unlock();
  const Status status =
      engine_->write_rows(internal::newest_rows(std::span(from->layers()).first(layers)));
  std::shared_ptr<const KvReader> base = status.ok() ? engine_->snapshot() : nullptr;
  lock.lock();
  busy_layers_ = 0;
  if (!status.ok()) return fail(status, lock);
  const auto count = static_cast<std::ptrdiff_t>(layers);
  written_ = ends_[layers - 1];
  ends_.erase(ends_.begin(), ends_.begin() + count);
  waiting_bytes_ -= bytes;
  show(std::move(base),
       LayeredReader::Layers(now_->layers().begin() + count, now_->layers().end()));
  lock.unlock();
  from.reset();  // thousands of rows are freed here, and nobody waits for it
  lock.lock();
}

void WriteBehind::flush_first(std::unique_lock<std::mutex>& lock) {
  const Flush flush = std::move(flushes_.front());
  flushes_.pop_front();
  lock.unlock();
  const Status status = engine_->flush();
  flush.done(status);
  lock.lock();
  if (!status.ok()) fail(status, lock);
}

bool WriteBehind::wants_filter() {
  if (stop_) return false;
  if (filter_state_ != FilterState::kNone) return filter_state_ == FilterState::kGrowing;
  const std::uint64_t in_vain = in_vain_.load(std::memory_order_relaxed);
  if (in_vain < filter_worth_) return false;
  filter_worth_ = std::max(kReadsInVain, engine_->approximate_bytes() / kLeastRowBytes / 4);
  return in_vain >= filter_worth_;
}

void WriteBehind::begin_filter() {
  filter_ = std::make_shared<KeyFilter>();
  filter_from_ = engine_->snapshot();
  filter_at_.clear();
  filter_state_ = FilterState::kGrowing;
  for (const auto& layer : now_->layers()) add_to_filter(*layer);
}

void WriteBehind::add_to_filter(const Layer& layer) {
  if (filter_ == nullptr) return;
  for (const Layer::Row& row : layer.rows()) {
    if (filter_->add(row.hash)) continue;
    return end_filter(FilterState::kGivenUp);
  }
}

// Views that have the filter keep it: it knows all that they hold.
void WriteBehind::end_filter(FilterState state) {
  filter_state_ = state;
  filter_from_.reset();
  if (state != FilterState::kWhole) filter_.reset();
}

void WriteBehind::filter_step(std::unique_lock<std::mutex>& lock) {
  if (filter_state_ == FilterState::kNone) begin_filter();
  if (filter_state_ != FilterState::kGrowing) return;
  const std::shared_ptr<const KvReader> from = filter_from_;
  lock.unlock();
  std::vector<std::uint64_t> hashes;
  hashes.reserve(kFilterStep);
  const Status walked = from->scan({}, filter_at_, kFilterStep, [&](BytesView key, BytesView) {
    hashes.push_back(Layer::hash_of(key));
    filter_at_.assign(key);
    return true;
  });
  lock.lock();
  if (filter_state_ != FilterState::kGrowing) return;  // a write filled it
  if (!walked.ok()) return end_filter(FilterState::kGivenUp);
  for (const std::uint64_t hash : hashes) {
    if (!filter_->add(hash)) return end_filter(FilterState::kGivenUp);
  }
  if (hashes.size() == kFilterStep) return;
  end_filter(FilterState::kWhole);
  show(now_->base(), now_->layers());
}

// Nobody waits for a flush that cannot be any more.
void WriteBehind::fail(const Status& status, std::unique_lock<std::mutex>& lock) {
  failed_ = status;
  std::deque<Flush> refused;
  refused.swap(flushes_);
  lock.unlock();
  for (const Flush& flush : refused) flush.done(status);
  lock.lock();
}

}  // namespace

std::unique_ptr<KvStore> make_write_behind(std::unique_ptr<KvStore> engine,
                                           std::size_t max_waiting_bytes) {
  return std::make_unique<WriteBehind>(std::move(engine), max_waiting_bytes);
}

}  // namespace blockd
