#include "kernel/host/isolation/child.hpp"

#include <malloc.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <boost/dll/shared_library.hpp>
#include <thread>

#include "kernel/base/file.hpp"
#include "kernel/host/isolation/boot.hpp"
#include "kernel/host/isolation/child_lane.hpp"
#include "kernel/host/isolation/sandbox.hpp"
#include "kernel/host/library_internal.hpp"

namespace blockd::isolation {
namespace {

Region* region_here = nullptr;

Lane* first_lane() { return &region_here->lanes[0]; }

void tell_boot(Boot state, BytesView text) {
  text = text.substr(0, kBootBytes);
  std::memcpy(region_here->boot, text.data(), text.size());
  region_here->bytes = static_cast<std::uint32_t>(text.size());
  region_here->state.store(static_cast<std::uint32_t>(state), std::memory_order_release);
}

// The threads of the lanes: made before the library is there, at work once it is.
class LaneThreads {
 public:
  Status start(Region& region, ChildPlugin& plugin) {
    for (Lane& lane : region.lanes) {
      try {
        std::thread([this, &lane, &plugin] {
          use_fault_stack();
          waiting_.fetch_add(1);
          ready_.wait(false);
          ChildLane(lane, plugin).serve();
        }).detach();
      } catch (const std::system_error& e) {
        return Status(Code::kInternal, std::string("threads of a plugin's process: ") + e.what());
      }
    }
    while (waiting_ < kLanes) std::this_thread::yield();  // what they need of the system they have
    return {};
  }
  void go() {
    ready_ = true;
    ready_.notify_all();
  }

 private:
  std::atomic<bool> ready_{false};
  std::atomic<std::size_t> waiting_{0};
};

struct Running {
  ChildPlugin plugin;
  boost::dll::shared_library library;
  LaneThreads threads;
};

Status map_region() {
  void* at = ::mmap(nullptr, sizeof(Region), PROT_READ | PROT_WRITE, MAP_SHARED, kRegionFd, 0);
  if (at == MAP_FAILED) return errno_status("the memory shared with the node");
  region_here = static_cast<Region*>(at);
  ::close(kRegionFd);
  return {};
}

Status start(Running& running, const std::string& path, std::uint64_t memory_bytes) {
  note_faults(first_lane);
  use_fault_stack();
  Result<int> sizes = open_sizes();
  if (!sizes.ok()) return sizes.status();
  Result<int> listener = filter_loading();
  if (!listener.ok()) return listener.status();
  TB_TRY(send_descriptor(kControlFd, *listener));
  ::close(*listener);
  TB_TRY(running.threads.start(*region_here, running.plugin));
  Result<const tb_plugin*> plugin = open_plugin(path, &running.library);
  if (!plugin.ok()) return plugin.status();
  running.plugin.plugin = *plugin;
  running.plugin.host.api = child_host_api();
  Result<std::shared_ptr<const Manifest>> manifest = Manifest::parse(to_view_of(**plugin));
  if (!manifest.ok()) return manifest.status();
  running.plugin.manifest = *manifest;
  TB_TRY(check_entries(**manifest, **plugin));
  const Bytes report = describe(**plugin);
  note_faults(ChildLane::current_shared);
  ::close(kControlFd);
  TB_TRY(limit_memory(*sizes, memory_bytes));
  TB_TRY(filter_running());
  tell_boot(Boot::kReady, report);
  return {};
}

}  // namespace
}  // namespace blockd::isolation

namespace blockd {

int plugin_child_main(const std::string& library, std::uint64_t memory_bytes) {
  using namespace isolation;
  // One heap: memory that a thread reserves for itself would count.
  ::mallopt(M_ARENA_MAX, 1);
  Status status = lower_process();
  if (status.ok()) status = map_region();
  if (!status.ok()) return 2;
  auto* running = new Running;  // lives as long as the process
  status = start(*running, library, memory_bytes);
  if (!status.ok()) {
    tell_boot(Boot::kRefused, status.message());
    ::_exit(3);
  }
  running->threads.go();
  for (std::atomic<int> for_ever{0};;) for_ever.wait(0);
}

}  // namespace blockd
