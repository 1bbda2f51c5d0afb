// The only unit that knows spdlog: its bounded asynchronous queue and its logger front.
#include "kernel/log/logger.hpp"

#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/sinks/base_sink.h>

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <map>
#include <mutex>
#include <shared_mutex>

#include "kernel/base/file.hpp"
#include "kernel/log/format.hpp"
#include "kernel/log/log_sinks.hpp"

namespace blockd {
namespace {

constexpr std::string_view kLevelNames[] = {"trace", "debug", "info", "warn", "error", "off"};

Result<LogLevel> level_from(std::string_view word) {
  for (std::size_t i = 0; i < std::size(kLevelNames); ++i) {
    if (word == kLevelNames[i]) return static_cast<LogLevel>(i);
  }
  return Status(Code::kInvalid, "log level '" + std::string(word) +
                                    "': expected trace, debug, info, warn, error or off");
}

std::string directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos || slash == 0 ? std::string() : path.substr(0, slash);
}

}  // namespace

std::string_view log_level_name(LogLevel level) {
  return kLevelNames[static_cast<std::size_t>(level)];
}

std::string_view log_drop_name(LogDrop reason) {
  constexpr std::string_view kNames[] = {"rate_limit", "queue_full", "disk"};
  return kNames[static_cast<std::size_t>(reason)];
}

LogLevel LogLevels::of(std::string_view target) const {
  for (const auto& [name, level] : targets) {
    if (name == target) return level;
  }
  return general;
}

Result<LogLevels> LogLevels::parse(std::string_view text) {
  LogLevels out;
  while (!text.empty()) {
    std::string_view part = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), part.size() + 1));
    const auto equals = part.find('=');
    Result<LogLevel> level =
        level_from(equals == std::string_view::npos ? part : part.substr(equals + 1));
    if (!level.ok()) return level.status();
    if (equals == std::string_view::npos) {
      out.general = *level;
    } else {
      if (out.targets.size() >= kMaxLogTargets)
        return Status(Code::kLimit, "log level: more than 1024 targets");
      // The last word on a target counts, as with repeated flags.
      const std::string name(part.substr(0, equals));
      std::erase_if(out.targets, [&](const auto& t) { return t.first == name; });
      out.targets.emplace_back(name, *level);
    }
  }
  return out;
}

struct LogTarget::State {
  State(std::string n, LogLevel l) : name(std::move(n)), level(l) {}
  const std::string name;
  std::atomic<LogLevel> level;
  std::mutex mutex;  // of the window below
  std::uint64_t window_start_us = 0;
  std::uint64_t lines = 0;
  std::uint64_t suppressed = 0;
};

class Logger::Impl {
 public:
  explicit Impl(LogOptions o)
      : options(std::move(o)),
        clock(options.clock != nullptr ? *options.clock : system_clock()),
        file(options.file, options.max_file_bytes, options.max_files),
        json(options.json),
        levels(options.levels) {}

  // The writer takes it back to ours; spdlog itself filters nothing.
  static spdlog::level::level_enum level_of(LogLevel level) {
    static_assert(static_cast<int>(LogLevel::kTrace) == SPDLOG_LEVEL_TRACE &&
                  static_cast<int>(LogLevel::kError) == SPDLOG_LEVEL_ERROR);
    return static_cast<spdlog::level::level_enum>(level);
  }

  // Runs on the writer's thread for each line, in order.
  class Sink : public spdlog::sinks::base_sink<std::mutex> {
   public:
    explicit Sink(Impl& impl) : impl_(impl) {}

   protected:
    void sink_it_(const spdlog::details::log_msg& msg) override {
      impl_.write(static_cast<LogLevel>(msg.level), {msg.payload.data(), msg.payload.size()});
    }
    void flush_() override { impl_.flush_done(); }

   private:
    Impl& impl_;
  };

  void start() {
    pool = std::make_shared<spdlog::details::thread_pool>(options.queue_lines, 1);
    auto sink = std::make_shared<Sink>(*this);
    front = std::make_shared<spdlog::async_logger>("blockd", std::move(sink), pool,
                                                   spdlog::async_overflow_policy::overrun_oldest);
    front->set_level(spdlog::level::trace);
    front->set_error_handler([](const std::string&) {});  // our sink reports its own trouble
  }

  void stop() {
    const std::size_t overruns = pool->overrun_counter();
    pool.reset();   // writes what is queued, then joins
    front.reset();  // after the join, so that its last reference is ours
    report_overruns(overruns);
  }

  void write(LogLevel level, std::string_view line) {
    if (reopen_asked.exchange(false) && !options.file.empty()) note_disk(file.reopen());
    bool written = options.file.empty() || note_disk(file.write_line(line));
    if (level >= options.stderr_from) {
      std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
    }
    if (options.on_line) options.on_line(line);
    if (written && options.on_emit) options.on_emit();
    if (spdlog::details::thread_pool* p = running.load()) report_overruns(p->overrun_counter());
  }

  bool note_disk(const Status& status) {
    if (!status.ok() && options.on_drop) options.on_drop(LogDrop::kDisk, 1);
    return status.ok();
  }

  // spdlog counts the lines it overwrote; the difference since the last look is ours to report.
  void report_overruns(std::size_t now) {
    if (now <= overruns_reported) return;
    if (options.on_drop) options.on_drop(LogDrop::kQueueFull, now - overruns_reported);
    overruns_reported = now;
  }

  void flush_done() {
    std::lock_guard lock(flush_mutex);
    ++flushes_done;
    flushed.notify_all();
  }

  // True if the line may go out; `suppressed` is what was held back since the last line that went
  // out.
  bool admit(LogTarget::State& target, std::uint64_t& suppressed) {
    suppressed = 0;
    if (options.lines_per_second == 0) return true;
    const std::uint64_t now = clock.monotonic_us();
    std::lock_guard lock(target.mutex);
    if (target.lines == 0 || now - target.window_start_us >= 1'000'000) {
      target.window_start_us = now;
      target.lines = 0;
    }
    if (target.lines >= options.lines_per_second) {
      ++target.suppressed;
      return false;
    }
    ++target.lines;
    suppressed = std::exchange(target.suppressed, 0);
    return true;
  }

  std::string mask(std::string_view text) const {
    std::string out(text);
    std::shared_lock lock(secrets_mutex);
    for (const std::string& s : secrets) {
      for (auto at = out.find(s); at != std::string::npos;
           at = out.find(s, at + kSecretMask.size())) {
        out.replace(at, s.size(), kSecretMask);
      }
    }
    return out;
  }

  void emit(const std::string& target, LogLevel level, std::string_view msg,
            std::span<const LogField> fields) {
    // Texts are masked before they are escaped: a secret with a quote in it would look different
    // afterwards.
    std::string masked_msg;
    std::vector<std::string> masked;
    std::vector<LogField> clean;
    if (has_secrets.load(std::memory_order_relaxed)) {
      masked_msg = mask(msg);
      msg = masked_msg;
      masked.reserve(fields.size());
      for (const LogField& f : fields) {
        clean.push_back(f);
        if (const auto* text = std::get_if<std::string_view>(&f.value)) {
          clean.back().value = std::string_view(masked.emplace_back(mask(*text)));
        }
      }
      fields = clean;
    }
    const auto format = json.load() ? format_json : format_plain;
    std::string line = format(clock.unix_ms(), level, target, msg, fields);
    if (line.size() > kMaxLogLineBytes) {
      if (json.load()) {  // cutting would break the JSON: say what was lost instead
        const LogField cut[] = {{"cut_bytes", line.size()}};
        line = format_json(clock.unix_ms(), level, target, msg.substr(0, 1024), cut);
      } else {
        line.resize(kMaxLogLineBytes);
      }
    }
    front->log(level_of(level), spdlog::string_view_t(line.data(), line.size()));
  }

  LogTarget::State* state_of(std::string_view name) {
    std::lock_guard lock(targets_mutex);
    if (auto it = targets.find(name); it != targets.end()) return it->second.get();
    if (targets.size() >= kMaxLogTargets) name = "other";
    auto [it, fresh] = targets.try_emplace(std::string(name));
    if (fresh) it->second = std::make_unique<LogTarget::State>(std::string(name), levels.of(name));
    return it->second.get();
  }

  const LogOptions options;
  Clock& clock;
  RotatingFile file;  // writer's thread only, once started
  std::atomic<bool> json;
  std::atomic<bool> reopen_asked{false};
  std::atomic<bool> has_secrets{false};
  std::atomic<spdlog::details::thread_pool*> running{nullptr};
  std::size_t overruns_reported = 0;  // writer's thread only

  std::mutex targets_mutex;  // guards targets and levels
  std::map<std::string, std::unique_ptr<LogTarget::State>, std::less<>> targets;
  LogLevels levels;

  mutable std::shared_mutex secrets_mutex;
  std::vector<std::string> secrets;  // longest first, so that a prefix of another does not spoil it

  std::mutex flush_caller;
  std::mutex flush_mutex;  // guards flushes_done
  std::condition_variable flushed;
  std::uint64_t flushes_done = 0;

  std::shared_ptr<spdlog::details::thread_pool> pool;
  std::shared_ptr<spdlog::async_logger> front;
};

bool LogTarget::enabled(LogLevel level) const {
  return level >= state_->level.load(std::memory_order_relaxed) && level != LogLevel::kOff;
}

void LogTarget::log(LogLevel level, std::string_view msg, LogFields fields) const {
  if (!enabled(level)) return;
  Logger::Impl& impl = *logger_->impl_;
  std::uint64_t suppressed = 0;
  if (!impl.admit(*state_, suppressed)) {
    if (impl.options.on_drop) impl.options.on_drop(LogDrop::kRateLimit, 1);
    return;
  }
  if (suppressed > 0) {
    const LogField count[] = {{"suppressed", suppressed}};
    impl.emit(state_->name, LogLevel::kWarn, "lines suppressed", count);
  }
  impl.emit(state_->name, level, msg, {fields.begin(), fields.size()});
}

Logger::Logger(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Logger::~Logger() {
  impl_->running = nullptr;
  impl_->stop();
}

Result<std::unique_ptr<Logger>> Logger::open(LogOptions options) {
  if (options.queue_lines == 0 || options.max_files == 0 || options.max_file_bytes == 0) {
    return Status(Code::kInvalid,
                  "log: queue_lines, max_files and max_file_bytes must be at least 1");
  }
  auto impl = std::make_unique<Impl>(std::move(options));
  if (const std::string& path = impl->options.file; !path.empty()) {
    if (const std::string dir = directory_of(path); !dir.empty()) TB_TRY(make_directories(dir));
    TB_TRY(impl->file.open());
  }
  impl->start();
  impl->running = impl->pool.get();
  return std::unique_ptr<Logger>(new Logger(std::move(impl)));
}

LogTarget Logger::target(std::string_view name) { return {this, impl_->state_of(name)}; }

void Logger::set_levels(LogLevels levels) {
  std::lock_guard lock(impl_->targets_mutex);
  impl_->levels = std::move(levels);
  for (auto& [name, state] : impl_->targets) state->level = impl_->levels.of(name);
}

void Logger::set_json(bool json) { impl_->json = json; }

Status Logger::add_secret(std::string_view text) {
  if (text.size() < kMinSecretBytes) return {};
  std::unique_lock lock(impl_->secrets_mutex);
  auto& all = impl_->secrets;
  if (std::find(all.begin(), all.end(), text) != all.end()) return {};
  if (all.size() >= kMaxLogSecrets)
    return Status(Code::kLimit, "log: more than 1024 secrets to mask");
  all.emplace_back(text);
  std::sort(all.begin(), all.end(),
            [](const auto& a, const auto& b) { return a.size() > b.size(); });
  impl_->has_secrets = true;
  return {};
}

void Logger::reopen() { impl_->reopen_asked = true; }

void Logger::flush() {
  std::lock_guard one_at_a_time(impl_->flush_caller);
  std::unique_lock lock(impl_->flush_mutex);
  const std::uint64_t before = impl_->flushes_done;
  auto done = [&] { return impl_->flushes_done > before; };
  while (!done()) {
    lock.unlock();
    const std::size_t overruns = impl_->pool->overrun_counter();
    impl_->front->flush();
    lock.lock();
    // In a full queue the request itself can be overwritten; only then is it made again.
    while (!impl_->flushed.wait_for(lock, std::chrono::milliseconds(50), done)) {
      if (impl_->pool->overrun_counter() != overruns) break;
    }
  }
}

std::size_t Logger::queued() const { return impl_->pool->queue_size(); }

}  // namespace blockd
