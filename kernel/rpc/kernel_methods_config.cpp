// config.*: reload, what is in force and where it comes from, and the way back.

#include <unistd.h>

#include "kernel/config/config_service.hpp"
#include "kernel/config/config_show.hpp"
#include "kernel/rpc/kernel_methods.hpp"

namespace blockd {
namespace {

using Answer = std::optional<RpcError>;

json::array texts(const std::vector<std::string>& list) {
  return json::array(list.begin(), list.end());
}

// The answer of a reload, or -34007 with file, line and key of what is wrong.
Answer answer_report(const ReloadReport& report, std::string* result) {
  if (!report.ok) {
    RpcError error = rpc_error(-34007, "config_invalid", "the old values stay in force");
    json::array problems;
    for (const ConfigProblem& p : report.problems) {
      if (p.warning) continue;
      if (problems.empty()) {
        error.message = p.to_string() + "; the old values stay in force";
        error.data["file"] = p.file;
        error.data["line"] = p.line;
        error.data["key"] = p.key;
      }
      problems.emplace_back(p.to_string());
    }
    error.data["problems"] = std::move(problems);
    return error;
  }
  json::object out{{"reloaded", true},
                   {"generation", report.generation},
                   {"changed", texts(report.changed)},
                   {"restart_required", texts(report.restart_required)}};
  if (!report.fixed_by_genesis.empty()) out["fixed_by_genesis"] = texts(report.fixed_by_genesis);
  *result = to_text(out);
  return std::nullopt;
}

RpcError no_store() {
  return rpc_error(-34006, "not_found", "this node keeps no generations of its configuration");
}

Answer reload(RpcImpl& rpc, const Call& call, std::string* result) {
  return answer_report(rpc.parts().config_service->reload(call.message->caller.id), result);
}

Answer show(RpcImpl& rpc, const Call& call, std::string* result) {
  const std::string key = call.text("key");
  json::object out = config_show(*rpc.parts().config(), key);
  if (out.empty() && !key.empty()) {
    RpcError error = param_error(call, "key", "no key begins with '" + key + "'");
    if (auto near = rpc.parts().config()->schema().nearest_key(key)) error.data["nearest"] = *near;
    return error;
  }
  *result = to_text(out);
  return std::nullopt;
}

std::map<std::string, std::string> environment() {
  std::map<std::string, std::string> out;
  for (char** at = environ; at && *at; ++at) {
    const std::string_view text(*at);
    if (const std::size_t equals = text.find('='); equals != std::string_view::npos)
      out.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return out;
}

Answer env(RpcImpl& rpc, const Call&, std::string* result) {
  json::array rows;
  for (const auto& r : config_env_table(*rpc.parts().config(), environment())) {
    rows.push_back(
        json::object{{"variable", r[0]}, {"value", r[1]}, {"key", r[2]}, {"source", r[3]}});
  }
  *result = to_text(json::object{{"variables", std::move(rows)}});
  return std::nullopt;
}

Answer history(RpcImpl& rpc, const Call&, std::string* result) {
  const std::optional<ConfigStore> store = rpc.parts().config_service->store();
  if (!store) return no_store();
  Result<std::vector<ConfigGeneration>> all = store->history();
  if (!all.ok()) return from_status(all.status());
  json::array rows;
  for (const ConfigGeneration& g : *all) {
    rows.push_back(json::object{{"generation", g.number},
                                {"unix_ms", g.unix_ms},
                                {"source", g.source},
                                {"changed", texts(g.changed)}});
  }
  *result = to_text(json::object{{"generations", std::move(rows)}});
  return std::nullopt;
}

Answer diff(RpcImpl& rpc, const Call& call, std::string* result) {
  const std::optional<ConfigStore> store = rpc.parts().config_service->store();
  if (!store || store->numbers().empty()) return no_store();
  const std::uint64_t b = call.number("b", store->numbers().back());
  const std::uint64_t a = call.number("a", b > store->numbers().front() ? b - 1 : b);
  Result<std::vector<ConfigDifference>> found = store->diff(a, b);
  if (!found.ok()) return from_status(found.status());
  json::array rows;
  for (const ConfigDifference& d : *found)
    rows.push_back(json::object{{"key", d.key}, {"before", d.before}, {"after", d.after}});
  *result = to_text(json::object{{"a", a}, {"b", b}, {"differences", std::move(rows)}});
  return std::nullopt;
}

Answer rollback(RpcImpl& rpc, const Call& call, std::string* result) {
  Result<ReloadReport> report =
      rpc.parts().config_service->roll_back(call.number("generation", 0), call.message->caller.id);
  if (!report.ok()) return from_status(report.status());
  return answer_report(*report, result);
}

constexpr KernelEntry kConfigEntries[] = {
    {"config.reload", reload, KernelRun::kWorker},
    {"config.show", show, KernelRun::kWorker},
    {"config.env", env, KernelRun::kWorker},
    {"config.history", history, KernelRun::kWorker},
    {"config.diff", diff, KernelRun::kWorker},
    {"config.rollback", rollback, KernelRun::kWorker},
};

}  // namespace

std::span<const KernelEntry> config_methods() { return kConfigEntries; }

}  // namespace blockd
