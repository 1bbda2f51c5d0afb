// plugin.*: what runs here, and the operations of node-and-cli spec 5.16.

#include "kernel/base/hex.hpp"
#include "kernel/rpc/kernel_methods.hpp"

namespace blockd {
namespace {

using Answer = std::optional<RpcError>;

// A refusal of a library is its own error: what was expected and found is in the text.
// Everything that is wrong with a library, a missing file and a probe that hangs included, is
// plugin_refused; what is wrong with the node itself keeps its own word.
RpcError refused(const Status& status) {
  if (status.code() == Code::kBusy || status.code() == Code::kUnavailable ||
      status.code() == Code::kNoSpace || status.code() == Code::kIo ||
      status.code() == Code::kInternal || status.code() == Code::kAborted) {
    return from_status(status);
  }
  RpcError error = rpc_error(-34008, "plugin_refused", status.message());
  if (!status.hint().empty()) error.data["hint"] = status.hint();
  return error;
}

json::object row(const PluginStatus& s) {
  json::object out{{"id", s.id},
                   {"version", s.version},
                   {"state", s.state},
                   {"file", s.file},
                   {"blake3", s.blake3},
                   {"signature", s.signature},
                   {"isolation", s.isolation},
                   {"required", s.required},
                   {"sm", s.sm},
                   {"schema", s.schema},
                   {"consensus_hash", s.consensus_hash},
                   {"since_height", s.since_height},
                   {"calls_in_flight", s.calls_in_flight},
                   {"held_by", s.held_by}};
  if (s.migration) {
    out["migration"] = json::object{{"from", s.migration->from},
                                    {"to", s.schema},
                                    {"steps", s.migration->steps},
                                    {"rows", s.migration->rows},
                                    {"cursor", to_hex(s.migration->cursor)}};
  }
  if (s.isolation == "process") {
    json::object process{{"state", s.process.pid != 0 ? "running" : "restarting"},
                         {"pid", s.process.pid},
                         {"restarts", s.process.restarts},
                         {"memory_mb", s.limits.memory_mb},
                         {"step_ms", s.limits.step_ms},
                         {"cpu_percent", s.limits.cpu_percent}};
    if (!s.process.last_trouble.empty()) process["last_trouble"] = s.process.last_trouble;
    out["process"] = std::move(process);
  }
  if (!s.error.empty()) out["error"] = s.error;
  return out;
}

std::optional<PluginStatus> status_of(RpcImpl& rpc, std::string_view id) {
  for (PluginStatus& s : rpc.parts().host->list()) {
    if (s.id == id) return std::move(s);
  }
  return std::nullopt;
}

// The plugin's row, which says what it is now.
Answer answer_row(RpcImpl& rpc, const std::string& id, std::string* result) {
  const auto status = status_of(rpc, id);
  json::object out{{"status", "ok"}};
  if (status) out["plugin"] = row(*status);
  *result = to_text(out);
  return std::nullopt;
}

Answer list(RpcImpl& rpc, const Call&, std::string* result) {
  json::array out;
  for (const PluginStatus& s : rpc.parts().host->list()) out.push_back(row(s));
  *result = to_text(out);
  return std::nullopt;
}

Answer info(RpcImpl& rpc, const Call& call, std::string* result) {
  const std::string id = call.text("id");
  const auto status = status_of(rpc, id);
  if (!status) return rpc_error(-34006, "not_found", "no plugin '" + id + "' here");
  json::object out = row(*status);
  if (const auto plugin = call.plans->generation->find(id)) {
    const Manifest& m = plugin->manifest();
    out["summary"] = m.summary;
    json::array methods, events, metrics, needs, provides;
    for (const MethodSpec& method : m.methods) {
      if (!method.hidden) methods.emplace_back(method.name);
    }
    for (const EventSpec& event : m.events) events.emplace_back(event.topic);
    for (const MetricSpec& metric : m.metrics) metrics.emplace_back(metric.name);
    for (const ServiceRequired& service : m.requires_) needs.emplace_back(service.name);
    for (const ServiceProvided& service : m.provides) provides.emplace_back(service.name);
    out["methods"] = std::move(methods);
    out["events"] = std::move(events);
    out["metrics"] = std::move(metrics);
    out["requires"] = std::move(needs);
    out["provides"] = std::move(provides);
    out["manifest_hash"] = to_hex(m.hash);
  }
  *result = to_text(out);
  return std::nullopt;
}

Answer load(RpcImpl& rpc, const Call& call, std::string* result) {
  if (Status s = rpc.parts().host->load(call.text("file")); !s.ok()) return refused(s);
  *result = R"({"status":"ok"})";
  return std::nullopt;
}

Answer reload_plugin(RpcImpl& rpc, const Call& call, std::string* result) {
  const std::string id = call.text("name");
  if (Status s = rpc.parts().host->reload(id, call.text("path")); !s.ok()) return refused(s);
  return answer_row(rpc, id, result);
}

json::object params_of(const RosterEntry& entry, std::string_view status) {
  return {{"id", entry.id},         {"sm", entry.sm},
          {"schema", entry.schema}, {"consensus_hash", to_hex(entry.consensus_hash)},
          {"first_height", 0},      {"status", status}};
}

Answer stage(RpcImpl& rpc, const Call& call, std::string* result) {
  auto plan = rpc.parts().host->stage(call.text("path"), false);
  if (!plan.ok()) return refused(plan.status());
  *result = to_text(json::object{
      {"status", "staged"}, {"entry", params_of(plan->entry, "active")}, {"diff", plan->diff}});
  return std::nullopt;
}

// Why the roster is as it was, if the chain refused the switch of `id` in block `height`.
RpcError without_its_rows(const Step& step, std::uint64_t height) {
  RpcError error =
      rpc_error(-34008, "import_refused",
                "block " + std::to_string(height) + " refused the rows with which " + step.plugin +
                    " was to begin, so it is suspended: " + step.name + ": " + step.text);
  error.data["height"] = height;
  return error;
}

Answer refused_switch(const Chain& chain, const std::string& id, std::uint64_t height) {
  if (Status stalled = chain.stalled(); !stalled.ok() && chain.view()->height < height)
    return from_status(stalled);
  const Result<std::shared_ptr<const BlockRecord>> block = chain.block(height);
  if (!block.ok()) return from_status(block.status());
  for (const Step& step : (*block)->steps) {
    if (step.plugin != id || step.outcome == Outcome::kApplied) continue;
    if (step.kind == StepKind::kMigrate) return without_its_rows(step, height);
    if (step.kind != StepKind::kRoster) continue;
    RpcError error = rpc_error(-34008, "switch_refused",
                               "block " + std::to_string(height) + " refused the switch of " + id +
                                   ", the roster is as it was: " + step.text);
    error.data["height"] = height;
    return error;
  }
  return std::nullopt;
}

// Sends chain.set_plugin by the operator's account and waits until the chain has switched.
Answer change_roster(RpcImpl& rpc, const RosterEntry& entry, std::string_view status,
                     json::object out, std::string* result) {
  const RpcParts& p = rpc.parts();
  if (p.chain->genesis().authority != "operator") {
    // Governance alone changes the roster: what a release proposal has to say.
    out["status"] = "proposal_needed";
    out["proposal"] = json::object{{"target", entry.id},
                                   {"sm", entry.sm},
                                   {"schema", entry.schema},
                                   {"consensus_hash", to_hex(entry.consensus_hash)}};
    out["hint"] =
        "the library is staged; make a release proposal with these values: contract-cli gov "
        "release propose";
    *result = to_text(out);
    return std::nullopt;
  }
  if (status == "active" && p.before_joining && !p.chain->view()->machines->find(entry.id)) {
    if (Status rows = p.before_joining(entry); !rows.ok()) return refused(rows);
  }
  struct Fate {
    std::mutex mutex;
    std::optional<CommandResult> end;
  };
  auto fate = std::make_shared<Fate>();
  auto refusal = p.producer->submit_own(*p.keys.op, "chain.set_plugin", params_of(entry, status),
                                        "plugin.upgrade", [fate](const CommandResult& r) {
                                          std::lock_guard lock(fate->mutex);
                                          fate->end = r;
                                        });
  if (refusal) return from_refusal(*refusal, "invalid_params");
  // The switch is the first step of the block behind the command's.
  auto settled = [&] {
    std::lock_guard lock(fate->mutex);
    if (!fate->end) return false;
    if (fate->end->refusal || fate->end->outcome != Outcome::kApplied) return true;
    return p.chain->view()->height > fate->end->height || !p.chain->stalled().ok();
  };
  p.producer->cut_now();
  const std::uint64_t limit_ms = p.config()->u64("rpc.request_timeout_ms");
  const bool done = rpc.wait_for_block(limit_ms, [&] {
    const bool yes = settled();
    if (!yes) p.producer->cut_now();
    return yes;
  });
  std::lock_guard lock(fate->mutex);
  if (fate->end && fate->end->refusal) return from_refusal(*fate->end->refusal, "invalid_params");
  if (fate->end && fate->end->outcome != Outcome::kApplied) return from_result(*fate->end);
  if (!done) {
    RpcError error = rpc_error(-34001, "timeout",
                               "the roster has not switched within " + std::to_string(limit_ms) +
                                   " ms; `plugin list` shows when it has");
    if (fate->end) error.data["command_id"] = to_hex(fate->end->id);
    return error;
  }
  if (auto no = refused_switch(*p.chain, entry.id, fate->end->height + 1)) return no;
  out["status"] = "ok";
  out["entry"] = params_of(entry, status);
  out["height"] = fate->end->height;
  out["command_id"] = to_hex(fate->end->id);
  *result = to_text(out);
  return std::nullopt;
}

Answer change_standing(RpcImpl& rpc, const Call& call, const std::string& id,
                       std::string_view status, std::string* result) {
  for (const RosterEntry& entry : call.view->machines->roster()) {
    if (entry.id == id) return change_roster(rpc, entry, status, {}, result);
  }
  return rpc_error(-34006, "not_found", "no plugin '" + id + "' in the roster");
}

// What has a machine leaves through the log: this node makes its blocks alone.
Answer unload(RpcImpl& rpc, const Call& call, std::string* result) {
  const std::string id = call.text("id");
  for (const RosterEntry& entry : call.view->machines->roster()) {
    if (entry.id == id) return change_roster(rpc, entry, "suspended", {}, result);
  }
  if (Status s = rpc.parts().host->unload(id); !s.ok()) return refused(s);
  *result = R"({"status":"ok"})";
  return std::nullopt;
}

// Whether the trial of a switch came to its end: what contract-cli makes its exit code of.
bool trial_holds(const json::object& report) {
  const json::value* migration = report.if_contains("migration");
  return migration == nullptr || !migration->is_object() ||
         !migration->get_object().contains("error");
}

Answer upgrade(RpcImpl& rpc, const Call& call, std::string* result) {
  int wishes = 0;
  for (const char* name : {"path", "suspend", "resume", "remove"})
    wishes += has_param(call, name) ? 1 : 0;
  if (wishes != 1)
    return param_error(call, "path", "give exactly one of path, suspend, resume and remove");
  if (has_param(call, "suspend"))
    return change_standing(rpc, call, call.text("suspend"), "suspended", result);
  if (has_param(call, "resume"))
    return change_standing(rpc, call, call.text("resume"), "active", result);
  if (has_param(call, "remove"))
    return change_standing(rpc, call, call.text("remove"), "removed", result);
  auto plan = rpc.parts().host->stage(call.text("path"), call.flag("dry_run"));
  if (!plan.ok()) return refused(plan.status());
  json::object out{{"diff", plan->diff}, {"report", plan->report}};
  if (call.flag("dry_run")) {
    out["dry_run"] = true;
    out["ok"] = trial_holds(plan->report);
    out["entry"] = params_of(plan->entry, "active");
    *result = to_text(out);
    return std::nullopt;
  }
  return change_roster(rpc, plan->entry, "active", std::move(out), result);
}

Answer prune_plugins(RpcImpl& rpc, const Call& call, std::string* result) {
  std::optional<unsigned> keep;
  if (has_param(call, "keep")) keep = static_cast<unsigned>(call.number("keep", 0));
  if (call.flag("dry_run")) {
    const std::vector<std::string> files = rpc.parts().host->prunable(keep);
    *result = to_text(json::object{{"would_remove", json::array(files.begin(), files.end())}});
    return std::nullopt;
  }
  Result<std::vector<std::string>> removed = rpc.parts().host->prune(keep);
  if (!removed.ok()) return refused(removed.status());
  *result = to_text(json::object{{"removed", json::array(removed->begin(), removed->end())}});
  return std::nullopt;
}

constexpr KernelEntry kPluginsEntries[] = {
    {"plugin.list", list},
    {"plugin.info", info},
    {"plugin.load", load, KernelRun::kWorker},
    {"plugin.unload", unload, KernelRun::kWorker},
    {"plugin.reload", reload_plugin, KernelRun::kWorker},
    {"plugin.upgrade", upgrade, KernelRun::kWorker},
    {"plugin.stage", stage, KernelRun::kWorker},
    {"plugin.prune", prune_plugins, KernelRun::kWorker},
};

}  // namespace

std::span<const KernelEntry> plugin_methods() { return kPluginsEntries; }

}  // namespace blockd
