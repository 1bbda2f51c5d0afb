// chain.preview_start, chain.preview, chain.preview_cancel: what other values or a script would
// have changed.

#include "kernel/rpc/kernel_methods.hpp"

namespace blockd {
namespace {

using Answer = std::optional<RpcError>;

RpcError no_job(std::uint64_t job) {
  return rpc_error(-34006, "not_found",
                   "there is no preview " + std::to_string(job) + "; the newest 8 are kept");
}

// A member of text; empty when absent or no text.
std::string text_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

// Objects of a list param, at most `max`; another shape is an error.
Answer read_list(const Call& call, const char* name, std::size_t max,
                 std::vector<const json::object*>* out) {
  const json::value* param = raw_param(call, name);
  if (param == nullptr || param->is_null()) return std::nullopt;
  const json::array* list = param->if_array();
  if (list == nullptr || list->size() > max)
    return param_error(call, name, "give a list of at most " + std::to_string(max) + " objects");
  for (const json::value& item : *list) {
    if (!item.is_object()) return param_error(call, name, "give a list of objects");
    out->push_back(&item.get_object());
  }
  return std::nullopt;
}

Answer read_request(const Call& call, PreviewRequest* request) {
  request->epochs = call.number("epochs", 1);
  request->script = call.text("script");
  std::vector<const json::object*> items;
  if (Answer refusal = read_list(call, "params", kMaxPreviewParams, &items)) return refusal;
  for (const json::object* item : items) {
    const json::value* value = item->if_contains("value");
    boost::system::error_code wrong;
    const auto number = value == nullptr ? 0 : value->to_number<std::uint64_t>(wrong);
    const std::string key = text_of(*item, "key");
    if (key.empty() || value == nullptr || wrong)
      return param_error(call, "params", "give each as {\"key\": text, \"value\": number}");
    request->params.emplace_back(key, number);
  }
  items.clear();
  if (Answer refusal = read_list(call, "observe", kMaxPreviewObserved, &items)) return refusal;
  for (const json::object* item : items) {
    PreviewRequest::Observed one{text_of(*item, "topic"), text_of(*item, "from"),
                                 text_of(*item, "to"), text_of(*item, "amount")};
    if (one.topic.empty() || one.amount.empty())
      return param_error(call, "observe", "give each a topic and the name of its amount");
    request->observe.push_back(std::move(one));
  }
  return std::nullopt;
}

Answer start(RpcImpl& rpc, const Call& call, std::string* result) {
  PreviewRequest request;
  if (Answer refusal = read_request(call, &request)) return refusal;
  const Result<std::uint64_t> job = rpc.previews().start(std::move(request));
  if (!job.ok()) return from_status(job.status());
  *result = to_text(json::object{{"job", *job}});
  return std::nullopt;
}

json::array counts_of(const std::map<std::string, PreviewReport::Count, std::less<>>& counts,
                      const char* name) {
  json::array out;
  for (const auto& [key, count] : counts) {
    out.push_back(json::object{{name, key},
                               {"logged", count.logged},
                               {"previewed", count.previewed},
                               {"differing", count.differing}});
  }
  return out;
}

json::object report_of(const PreviewReport& report) {
  json::array differing, methods, accounts, rows;
  for (const PreviewReport::Command& c : report.listed) {
    differing.push_back(json::object{{"height", c.height},
                                     {"index", c.index},
                                     {"method", c.method},
                                     {"before", c.before},
                                     {"after", c.after}});
  }
  for (const auto& [name, method] : report.methods) {
    methods.push_back(json::object{
        {"method", name}, {"commands", method.commands}, {"differing", method.differing}});
  }
  for (const auto& [account, sum] : report.accounts) {
    accounts.push_back(
        json::object{{"account", account}, {"logged", sum.logged}, {"previewed", sum.previewed}});
  }
  for (const auto& [plugin, of] : report.rows) {
    rows.push_back(json::object{{"plugin", plugin},
                                {"rows", of.count},
                                {"first", json::array(of.first.begin(), of.first.end())}});
  }
  json::object out;
  out["from_height"] = report.from;
  out["to_height"] = report.to;
  out["blocks"] = report.to - report.from + 1;
  out["blocks_differing"] = report.blocks_differing;
  out["commands"] = report.commands;
  out["commands_differing"] = report.commands_differing;
  out["commands_per_second"] = report.commands_per_second;
  out["methods"] = std::move(methods);
  out["differing"] = std::move(differing);
  out["records"] = counts_of(report.records, "kind");
  out["events"] = counts_of(report.events, "topic");
  out["accounts"] = std::move(accounts);
  if (!report.accounts_complete) out["accounts_complete"] = false;
  out["rows"] = std::move(rows);
  return out;
}

Answer show_preview(RpcImpl& rpc, const Call& call, std::string* result) {
  const std::uint64_t number = call.number("job", 0);
  const std::optional<PreviewJobs::Shown> job = rpc.previews().find(number);
  if (!job) return no_job(number);
  json::object out;
  out["state"] = job->state;
  out["done"] = job->progress.blocks;
  out["total"] = job->progress.total_blocks;
  out["commands"] = job->progress.commands;
  if (job->state == "failed") {
    out["error"] = job->failure.message();
    if (!job->failure.hint().empty()) out["hint"] = job->failure.hint();
  }
  if (job->report) out["result"] = report_of(*job->report);
  *result = to_text(out);
  return std::nullopt;
}

Answer cancel(RpcImpl& rpc, const Call& call, std::string* result) {
  const std::uint64_t number = call.number("job", 0);
  if (!rpc.previews().cancel(number)) return no_job(number);
  *result = R"({"status":"ok"})";
  return std::nullopt;
}

constexpr KernelEntry kPreviewEntries[] = {
    {"chain.preview_start", start, KernelRun::kWorker},
    {"chain.preview", show_preview, KernelRun::kWorker},
    {"chain.preview_cancel", cancel},
};

}  // namespace

std::span<const KernelEntry> preview_methods() { return kPreviewEntries; }

}  // namespace blockd
