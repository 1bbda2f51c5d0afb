#include "kernel/rpc/rpc_error.hpp"

#include <boost/json/serialize.hpp>

#include "kernel/base/hex.hpp"

namespace blockd {

RpcError rpc_error(std::int32_t code, std::string name, std::string message, int http_status) {
  RpcError e;
  e.code = code;
  e.name = std::move(name);
  e.message = std::move(message);
  e.http_status = http_status;
  return e;
}

RpcError busy_error() {
  RpcError e = rpc_error(-34005, "busy", "every worker is busy and the queue is full", 503);
  e.retry_after_ms = 1000;
  return e;
}

RpcError from_status(const Status& status) {
  RpcError e;
  e.message = status.message();
  if (!status.hint().empty()) e.data["hint"] = status.hint();
  switch (status.code()) {
    case Code::kNotFound:
      e.code = -34006, e.name = "not_found";
      break;
    case Code::kInvalid:
      e.code = -32602, e.name = "invalid_params";
      break;
    case Code::kBusy:
      e.code = -34005, e.name = "busy";
      break;
    case Code::kTimeout:
      e.code = -34001, e.name = "timeout";
      break;
    case Code::kNoSpace:
      e.code = -34002, e.name = "disk_full";
      if (!e.message.starts_with("disk full")) e.message.insert(0, "disk full: ");
      break;
    case Code::kUnavailable:
      e.code = -34004, e.name = "not_ready";
      break;
    case Code::kLimit:
      e.code = -34012, e.name = "limit_exceeded";
      break;
    case Code::kDenied:
      e.code = -34003, e.name = "forbidden";
      break;
    default:
      e.code = -32603, e.name = "internal";
      break;
  }
  return e;
}

RpcError from_refusal(const Refusal& r, const std::string& invalid_params_name) {
  RpcError e;
  e.code = r.code;
  e.name = r.code == -32602 && r.name == "invalid_params" ? invalid_params_name : r.name;
  e.message = r.message;
  e.data = r.data;
  if (r.admission_code) e.data["admission_code"] = r.admission_code;
  if (r.expected) e.data["expected"] = *r.expected;
  if (!r.field.empty()) e.data["field"] = r.field;
  if (!r.nearest.empty()) e.data["nearest"] = r.nearest;
  if (!r.hint.empty()) e.data["hint"] = r.hint;
  if (!r.outcome.empty()) e.data["outcome"] = r.outcome;
  return e;
}

RpcError from_param_error(const ParamError& p, const std::string& name) {
  RpcError e = rpc_error(-32602, name, name + ": " + p.field + ": " + p.message);
  e.data["field"] = p.field;
  if (!p.found.empty()) e.data["found"] = p.found;
  if (!p.expected.empty()) e.data["expected"] = p.expected;
  if (!p.nearest.empty()) e.data["nearest"] = p.nearest;
  if (!p.hint.empty()) e.data["hint"] = p.hint;
  return e;
}

RpcError from_call_error(CallError error) {
  RpcError e;
  e.code = error.code;
  e.name = std::move(error.name);
  e.message = std::move(error.message);
  e.data = std::move(error.data);
  return e;
}

RpcError from_result(const CommandResult& result) {
  RpcError e;
  e.code = result.code;
  e.name = result.name;
  e.message = result.text;
  if (!result.error_data.empty()) {
    Result<json::value> data = parse_json(result.error_data);
    if (data.ok() && data->is_object()) e.data = data->get_object();
  }
  e.data["height"] = result.height;
  e.data["hash"] = to_hex(result.block_hash);
  e.data["command_id"] = to_hex(result.id);
  e.data["outcome"] = outcome_name(result.outcome);
  return e;
}

std::string result_text(std::string_view id, std::string_view result) {
  std::string out;
  out.reserve(id.size() + result.size() + 40);
  out.append("{\"jsonrpc\":\"2.0\",\"id\":")
      .append(id)
      .append(",\"result\":")
      .append(result)
      .append("}");
  return out;
}

json::object error_object(const RpcError& error) {
  json::object data = error.data;
  data["name"] = error.name;
  if (error.retry_after_ms) data["retry_after_ms"] = error.retry_after_ms;
  json::object out;
  out["code"] = error.code;
  out["message"] =
      error.message.starts_with(error.name) ? error.message : error.name + ": " + error.message;
  out["data"] = std::move(data);
  return out;
}

std::string error_text(std::string_view id, const RpcError& error) {
  std::string out;
  out.append("{\"jsonrpc\":\"2.0\",\"id\":")
      .append(id)
      .append(",\"error\":")
      .append(json::serialize(error_object(error)))
      .append("}");
  return out;
}

std::string splice(std::string result, std::string_view members) {
  if (result.size() >= 2 && result.front() == '{' && result.back() == '}') {
    result.pop_back();
    result.append(result.size() == 1 ? members.substr(1) : members);
    result.push_back('}');
    return result;
  }
  return "{\"result\":" + result + std::string(members) + "}";
}

}  // namespace blockd
