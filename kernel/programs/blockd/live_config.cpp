// A reload of the configuration on the running node (node-and-cli spec 5.3): everything that can
// refuse it (libraries, certificates, ports, tokens, signers) is prepared before it is accepted, so
// that it comes into force as one generation or not at all.

#include <algorithm>

#include "kernel/programs/blockd/node_impl.hpp"
#include "kernel/programs/blockd/plugin_config.hpp"

namespace blockd {

Status NodeImpl::watch_config() {
  Result<MetricFamily*> reloads =
      metrics_.declare("kernel", {.name = "config_reload_total",
                                  .labels = {"result"},
                                  .help = "Reloads of the configuration that changed something or "
                                          "were refused",
                                  .presets = {{"ok"}, {"err"}}});
  if (!reloads.ok()) return reloads.status();
  Result<MetricFamily*> last =
      metrics_.declare("kernel", {.name = "config_reload_last_ts",
                                  .type = MetricType::kGauge,
                                  .help = "Unix seconds of the last reload that was accepted"});
  if (!last.ok()) return last.status();
  reloads_ = *reloads;
  reloaded_at_ = (*last)->gauge();
  service_->add_validator([this](const Config& next) { return check_change(next); });
  service_->add_listener(
      [this](const std::shared_ptr<const Config>& now, const std::vector<std::string>& changed) {
        apply_config(now, changed);
      });
  service_->set_hooks([this] { return begin_change(); },
                      [this](const ReloadReport& report, const std::string& source) {
                        end_change(report, source);
                      });
  const LogTarget log = log_->target("config");
  const std::shared_ptr<const Config> c = config();
  Result<std::unique_ptr<ConfigWatcher>> watcher = ConfigWatcher::start(
      watched_files(inputs_), ConfigWatcher::mode_from(c->text("config.watch")),
      static_cast<unsigned>(c->u64("config.watch_poll_ms")), [this] { (void)reload("file"); });
  if (!watcher.ok()) {
    log.warn("config_watch_init_failed", {{"reason", watcher.status().message()}});
    return {};
  }
  watcher_ = *std::move(watcher);
  if (watcher_->mode() == "poll")
    log.info("config_watch_fallback",
             {{"mode", "poll"}, {"interval_ms", c->u64("config.watch_poll_ms")}});
  return {};
}

Status NodeImpl::reload(const std::string& source) {
  const ReloadReport report = service_->reload(source);
  if (report.ok) return {};
  std::string lines;
  for (const ConfigProblem& problem : report.problems)
    lines += (lines.empty() ? "" : "\n") + problem.to_string();
  return Status(Code::kInvalid, lines);
}

std::shared_ptr<const Manifest> NodeImpl::manifest_in(const Manifests& list,
                                                      const std::string& id) {
  const auto at = std::find_if(list.begin(), list.end(),
                               [&](const auto& manifest) { return manifest->id == id; });
  return at == list.end() ? nullptr : *at;
}

// Those that run, and those whose switch is still on its way through the log: their keys stand in
// the files already.
NodeImpl::Manifests NodeImpl::manifests_here() {
  Manifests out = host_->generation()->manifests;
  std::erase_if(coming_,
                [&](const auto& manifest) { return manifest_in(out, manifest->id) != nullptr; });
  out.insert(out.end(), coming_.begin(), coming_.end());
  return out;
}

// The files may name plugins that are not here yet: they are loaded first, because their keys stand
// in the same files.
Result<std::shared_ptr<const ConfigSchema>> NodeImpl::begin_change() {
  change_ = {};
  Manifests manifests = manifests_here();
  Result<std::shared_ptr<const ConfigSchema>> own = make_schema({});
  if (!own.ok()) return own.status();
  // What is wrong with these keys is told, with all else, by the reload itself.
  if (const ConfigLoad first = load_config(*own, inputs_); first.ok()) {
    change_.requests = plugin_requests(*first.config);
    if (change_.requests != requests_) {
      Result<std::shared_ptr<Host::Pending>> pending = host_->prepare_requests(change_.requests);
      if (!pending.ok()) return pending.status();
      change_.plugins = *std::move(pending);
      manifests = change_.plugins->manifests();
    }
  }
  return make_schema(manifests);
}

std::vector<ConfigProblem> NodeImpl::check_change(const Config& next) {
  std::vector<ConfigProblem> problems;
  auto refuse = [&](const std::string& key, const Status& status) {
    problems.push_back(
        {false, inputs_.file, 0, key,
         status.message() + (status.hint().empty() ? "" : " (" + status.hint() + ")")});
  };
  if (Status status = rpc_->check(next); !status.ok()) refuse("rpc", status);
  if (Result<LoadRules> rules = load_rules(next); rules.ok()) {
    change_.rules = *std::move(rules);
  } else {
    refuse("plugins.signers_file", rules.status());
  }
  const Manifests manifests = change_.plugins ? change_.plugins->manifests() : manifests_here();
  Result<std::shared_ptr<HttpServer::Change>> sockets =
      server_->prepare(listeners(next, manifests));
  if (sockets.ok()) {
    change_.listeners = *std::move(sockets);
  } else {
    refuse("listeners", sockets.status());
  }
  if (!problems.empty()) rpc_->refused(next);
  return problems;
}

// Accepted: what was prepared comes into force, and files that the configuration only names
// (certificates, tokens, signers) are those of this moment, also where no key has changed.
void NodeImpl::take_change() {
  const LogTarget log = log_->target("config");
  if (change_.rules) host_->set_rules(*std::move(change_.rules));
  if (change_.plugins) {
    const Manifests manifests = change_.plugins->manifests();
    for (const Host::RosterWish& wish : host_->apply_requests(change_.plugins)) {
      const std::shared_ptr<const Manifest> manifest = manifest_in(manifests, wish.entry.id);
      if (!wish.active) {
        send_roster_wish(wish.entry, "suspended", "plugin suspended through the log");
        continue;
      }
      if (manifest && !manifest_in(coming_, wish.entry.id)) coming_.push_back(manifest);
      install_plugin(wish.entry, manifest.get());
    }
    requests_ = change_.requests;
  }
  if (change_.listeners) {
    if (Status status = server_->commit(change_.listeners); !status.ok())
      log.error("listener not changed", {{"reason", status.message()}});
  }
  if (Status status = rpc_->configure(); !status.ok()) log.error(status.message());
}

void NodeImpl::end_change(const ReloadReport& report, const std::string& source) {
  const LogTarget log = log_->target("config");
  if (report.ok) {
    take_change();
    if (!report.changed.empty()) {
      reloads_->counter({"ok"})->add();
      reloaded_at_->set(static_cast<double>(system_clock().unix_ms() / 1000));
    }
    std::string waiting;
    for (const std::string& key : report.restart_required)
      waiting += (waiting.empty() ? "" : ",") + key;
    if (!waiting.empty()) log.warn("restart_required", {{"keys", waiting}});
  } else {
    reloads_->counter({"err"})->add();
    for (const ConfigProblem& problem : report.problems) {
      if (problem.warning) continue;
      log.error("config_reload_failed", {{"source", source},
                                         {"file", problem.file},
                                         {"line", problem.line},
                                         {"key", problem.key},
                                         {"reason", problem.text}});
    }
  }
  change_ = {};  // what was prepared and not taken closes here
}

}  // namespace blockd
