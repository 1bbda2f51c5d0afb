#include "kernel/host/isolation/isolated.hpp"

#include <algorithm>
#include <future>

#include "kernel/base/clock.hpp"
#include "kernel/base/file.hpp"

namespace blockd::isolation {
namespace {

std::uint64_t clock_ms() { return system_clock().monotonic_us() / 1000; }

}  // namespace

Result<std::shared_ptr<IsolatedPlugin>> IsolatedPlugin::start(IsolationOptions options) {
  auto plugin = std::shared_ptr<IsolatedPlugin>(new IsolatedPlugin(std::move(options)));
  std::promise<Status> promise;
  std::future<Status> first = promise.get_future();
  plugin->supervisor_ = std::thread([self = plugin.get(), &promise] {
    self->supervise([&promise](Status status) { promise.set_value(std::move(status)); });
  });
  if (Status status = first.get(); !status.ok()) return status;
  return plugin;
}

IsolatedPlugin::~IsolatedPlugin() {
  std::shared_ptr<ChildProcess> process;
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
    process = process_;
  }
  if (process) process->end(kLanes, "stopped", "the node ended it");
  process.reset();
  changed_.notify_all();
  if (supervisor_.joinable()) supervisor_.join();
}

Status IsolatedPlugin::take_description(const ChildProcess& process) {
  if (manifest_) {
    if (process.description() == description_) return {};
    return Status(Code::kInvalid, "its process describes itself in another way than before");
  }
  Result<std::shared_ptr<const Manifest>> manifest =
      Manifest::parse(process.description().manifest);
  if (!manifest.ok()) return manifest.status();
  description_ = process.description();
  manifest_ = *manifest;
  fill_tables();
  return {};
}

void IsolatedPlugin::fill_tables() {
  fill_machine_table(description_, &tables_.machine);
  fill_face_table(description_, &tables_.face);
  tables_.plugin.size = sizeof(tb_plugin);
  tables_.plugin.abi_major = description_.abi_major;
  tables_.plugin.abi_minor = description_.abi_minor;
  tables_.plugin.manifest = to_str(description_.manifest);
  tables_.plugin.machine = description_.has_machine ? &tables_.machine : nullptr;
  tables_.plugin.face = description_.has_face ? &tables_.face : nullptr;
  tables_.owner = this;
}

// The life of the children, one after another.
void IsolatedPlugin::supervise(std::function<void(Status)> started) {
  for (bool first = true;; first = false) {
    Result<std::shared_ptr<ChildProcess>> made =
        ChildProcess::start(options_.child, options_.limits);
    Status status = made.ok() ? take_description(**made) : made.status();
    if (first) {
      started(status);
      if (!status.ok()) return;
    }
    const std::uint64_t born = clock_ms();
    Death death{"start", status.message()};
    if (status.ok()) {
      const std::shared_ptr<ChildProcess> process = *std::move(made);
      {
        std::lock_guard lock(mutex_);
        if (stop_) return;
        process_ = process;
        busy_ = 0;
        ++serial_;
        if (!first) ++restarts_;
      }
      changed_.notify_all();
      if (!first && options_.on_restart) options_.on_restart(manifest_->id, process->pid());
      process->wait();
      death = process->death();
    }
    // Counted and logged before anybody is answered: whoever sees the error sees the count.
    const std::uint64_t pause_ms = next_pause(clock_ms() - born);
    const bool unwanted = death.reason == "stopped";
    if (!unwanted && options_.on_death) options_.on_death(manifest_->id, death, pause_ms);
    tell_death(death, pause_ms);
    if (unwanted) return;
    if (!pause(pause_ms)) return;
  }
}

std::uint64_t IsolatedPlugin::next_pause(std::uint64_t lived_ms) {
  if (lived_ms >= kCalmMs) troubles_ = 0;
  if (troubles_++ == 0) return 0;
  return std::min(options_.max_pause_ms,
                  kFirstPauseMs << std::min<std::uint64_t>(troubles_ - 2, 16));
}

void IsolatedPlugin::tell_death(const Death& death, std::uint64_t pause_ms) {
  {
    std::lock_guard lock(mutex_);
    process_ = nullptr;
    last_trouble_ = death.text;
    next_start_ms_ = clock_ms() + pause_ms;
  }
  changed_.notify_all();
}

// False: the plugin is not wanted any more.
bool IsolatedPlugin::pause(std::uint64_t ms) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, std::chrono::milliseconds(ms), [&] { return stop_ || wanted_; });
  wanted_ = false;
  return !stop_;
}

IsolatedPlugin::State IsolatedPlugin::state() const {
  std::lock_guard lock(mutex_);
  return {process_ ? static_cast<int>(process_->pid()) : 0, restarts_, last_trouble_};
}

Status IsolatedPlugin::take(bool face, bool patient, Hold* hold) {
  const std::size_t begin = face ? kMachineLanes : 0, end = face ? kLanes : kMachineLanes;
  const auto free_lane = [&] {
    for (std::size_t i = begin; i < end; ++i) {
      if ((busy_ >> i & 1u) == 0) return i;
    }
    return end;
  };
  const auto lasts = [&](std::uint64_t ms) { return std::chrono::milliseconds(ms); };
  std::unique_lock lock(mutex_);
  if (!process_) {
    const std::uint64_t now = clock_ms();
    const std::uint64_t left = next_start_ms_ > now ? next_start_ms_ - now : 0;
    // A block that needs the plugin does not stand still for a pause that others have earned.
    if (patient) {
      wanted_ = true;
      changed_.notify_all();
    }
    // One that is being started at this moment is waited for; a longer pause only by the patient.
    const std::uint64_t wait_ms = patient            ? kPatienceMs
                                  : left <= kHurryMs ? left + options_.child.start_ms
                                                     : 0;
    if (!changed_.wait_for(lock, lasts(wait_ms), [&] { return process_ != nullptr || stop_; })) {
      return Status(Code::kUnavailable, "plugin " + manifest_->id + ": " + last_trouble_ +
                                            "; it is started again in " + std::to_string(left) +
                                            " ms");
    }
  }
  if (!changed_.wait_for(lock, lasts(patient ? kPatienceMs : kLaneWaitMs),
                         [&] { return stop_ || (process_ && free_lane() < end); })) {
    return Status(Code::kBusy, "plugin " + manifest_->id + ": all " + std::to_string(end - begin) +
                                   " calls at a time are taken");
  }
  if (stop_) return Status(Code::kUnavailable, "plugin " + manifest_->id + " is being unloaded");
  hold->owner_ = this;
  hold->process_ = process_;
  hold->lane_ = free_lane();
  hold->serial_ = serial_;
  busy_ |= 1u << hold->lane_;
  return {};
}

void IsolatedPlugin::release(const Hold& hold) {
  {
    std::lock_guard lock(mutex_);
    if (hold.serial_ != serial_) return;  // the lanes of another child
    busy_ &= ~(1u << hold.lane_);
  }
  changed_.notify_all();
}

IsolatedPlugin::Hold::~Hold() {
  if (owner_ != nullptr) owner_->release(*this);
}

Death IsolatedPlugin::await_death(const Hold& hold) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return stop_ || process_ != hold.process_; });
  lock.unlock();
  return hold.process_->death();
}

IsolatedPlugin& IsolatedPlugin::of(const tb_machine* table) {
  return *reinterpret_cast<const Tables*>(table)->owner;
}

IsolatedPlugin& IsolatedPlugin::of(const tb_face* table) {
  const char* at = reinterpret_cast<const char*>(table) - offsetof(Tables, face);
  return *reinterpret_cast<const Tables*>(at)->owner;
}

}  // namespace blockd::isolation
