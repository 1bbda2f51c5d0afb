// Plugin: a loaded library with its face, and the tb_host that the face sees. Not for other
// folders.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "kernel/host/face_http.hpp"
#include "kernel/host/face_thread.hpp"
#include "kernel/host/host.hpp"
#include "kernel/host/local_store.hpp"
#include "kernel/host/plugin_metrics.hpp"
#include "kernel/log/logger.hpp"

namespace blockd {

// What all plugins of a host share. Outlives every Plugin.
struct HostServices {
  MetricRegistry* metrics = nullptr;
  Bus* bus = nullptr;
  Logger* log = nullptr;
  Clock* clock = nullptr;
  std::string stores_dir;
  std::function<std::shared_ptr<const Config>()> config;
  std::function<StateViewPtr()> view;  // set when the chain runs
  std::atomic<MethodCaller*> caller{nullptr};
  FaceThread* face_thread = nullptr;
  std::atomic<std::uint32_t> posts_under_way{0};
  FaceHttp http;
};
inline constexpr std::uint32_t kMaxPosts = 1024;

class Plugin;

// What the chain executes of a library, which it keeps mapped.
Machine machine_of(const std::shared_ptr<Library>& library);

// The tb_host of one plugin; the ABI functions find their way back through it.
struct FaceHost {
  tb_host abi;  // must stay the first member
  Plugin* plugin = nullptr;
  std::uint64_t serial = 0;  // of this process, so that files of two faces are told apart
};

class Plugin : public PluginInstance, public std::enable_shared_from_this<Plugin> {
 public:
  Plugin(HostServices& services, std::shared_ptr<Library> library,
         std::shared_ptr<LocalStore> store);
  ~Plugin() override;

  // Declares the metric families, which takes over those of an older build: only when this plugin
  // is sure to run. Idempotent.
  Status declare_metrics();
  // Makes the face instance. Errors: kInvalid with what the plugin said. Once, when the chain runs
  // and metrics are declared; under no lock, since the plugin calls the host.
  Status create_face();
  void start_timers();  // [any]
  void stop_timers();   // when it returns, no timer runs. [any]

  const Manifest& manifest() const override { return *library_->manifest(); }
  std::shared_ptr<const Manifest> manifest_ptr() const override { return library_->manifest(); }
  std::shared_ptr<Library> library() const override { return library_; }
  Machine machine() const override;
  bool has_face() const override { return library_->plugin().face != nullptr; }
  std::uint64_t calls_in_flight() const override { return in_flight_.load(); }
  std::optional<CallError> query(const StateViewPtr& view, std::uint32_t method,
                                 const std::vector<tb_value>& params, std::string* result) override;
  std::optional<CallError> local(std::uint32_t method, const std::vector<tb_value>& params,
                                 std::string* result) override;
  HttpAnswer http(const StateViewPtr& view, const HttpCall& call) override;

  // Other rules take over: from now on its face reads `last`, the newest state that it knows how to
  // read. [executor]
  void retire(StateViewPtr last);
  // `newest`, or the state with which it retired. [any]
  StateViewPtr view_for(StateViewPtr newest) const;

  // On the face thread.
  void tell_config_changed();
  void tell_commit(const StateViewPtr& view);
  void tell_reply(std::uint64_t cookie, bool ok, const json::value& value);
  // Delivers one event; false when the face refused it.
  bool tell_event(std::uint64_t height, std::uint64_t time_ms, std::uint32_t index,
                  const Event& event);
  bool wants(std::string_view topic) const;

  HostServices& services() { return services_; }
  LocalStore& store() { return *store_; }
  const std::shared_ptr<LocalStore>& store_ptr() const { return store_; }
  PluginMetrics* metrics() { return metrics_.get(); }
  const std::shared_ptr<PluginMetrics>& metrics_ptr() const {
    return metrics_;
  }  // outlives the image
  void log(std::uint32_t level, std::string_view text);

 private:
  const tb_face& face() const { return *library_->plugin().face; }
  // Runs plugin code inside the guard: an exception becomes text and is destroyed there.
  template <class Body>
  std::optional<std::string> guarded(const char* entry, Body&& body);

  HostServices& services_;
  std::shared_ptr<Library> library_;
  std::shared_ptr<LocalStore> store_;
  std::shared_ptr<PluginMetrics> metrics_;
  FaceHost host_;
  void* instance_ = nullptr;
  bool face_made_ = false;
  mutable std::mutex retired_mutex_;
  StateViewPtr retired_;
  std::mutex timers_mutex_;
  std::vector<std::uint64_t> timers_;
  std::atomic<std::uint64_t> in_flight_{0};
};

// The table behind FaceHost::abi, and that of tb/draft/host_files.h. Static storage.
const tb_host_api* face_host_api();
const void* face_files_api();

// "stall_warn_secs" of plugin "mock-oracle" is the key "mock_oracle.stall_warn_secs".
std::string full_config_key(const Manifest& manifest, const ConfigSpec& spec);
// "${data}" at the front of a text is the node's data directory, so that a plugin may say where its
// files belong without knowing where the node lives.
json::value in_data_dir(const json::value& value, const HostServices& services);

// Where the present thread stands: which plugin's face entry it runs, and whether it may wait. Set
// by Plugin around every entry; asked by the ABI functions.
struct FaceScope {
  FaceScope(Plugin* plugin, bool worker);
  ~FaceScope();
  static Plugin* current();
  static bool may_wait();

 private:
  Plugin* previous_;
  bool previous_worker_;
};

}  // namespace blockd
