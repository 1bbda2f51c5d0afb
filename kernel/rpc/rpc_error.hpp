// RpcError: what a client gets when a call fails, and the texts of answers.
#pragma once

#include <optional>
#include <string>

#include "kernel/base/json.hpp"
#include "kernel/chain/command.hpp"
#include "kernel/chain/producer.hpp"
#include "kernel/host/host.hpp"
#include "kernel/manifest/values.hpp"

namespace blockd {

struct RpcError {
  std::int32_t code = -32603;
  std::string name = "internal";
  std::string message;
  json::object data;      // further members; `name` is added
  int http_status = 200;  // outside of batches
  std::uint64_t retry_after_ms = 0;
};

RpcError rpc_error(std::int32_t code, std::string name, std::string message, int http_status = 200);
RpcError busy_error();  // every worker has enough to do
RpcError from_status(const Status& status);
RpcError from_refusal(const Refusal& refusal, const std::string& invalid_params_name);
RpcError from_param_error(const ParamError& error, const std::string& name);
RpcError from_call_error(CallError error);
// A command that ended rejected or charged.
RpcError from_result(const CommandResult& result);

// {"jsonrpc":"2.0","id":<id>,"result":<result>}
std::string result_text(std::string_view id, std::string_view result);
std::string error_text(std::string_view id, const RpcError& error);
// The {code, message, data} object alone.
json::object error_object(const RpcError& error);
// `members` (",\"a\":1") spliced into the end of a JSON object text.
std::string splice(std::string result, std::string_view members);

}  // namespace blockd
