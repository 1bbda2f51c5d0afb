// `blockd call`: the node's own code on the data of a node that does not run.
#include <filesystem>
#include <future>
#include <iostream>

#include <boost/json/serialize.hpp>

#include "kernel/base/crypto.hpp"
#include "kernel/programs/blockd/node_impl.hpp"

namespace blockd {
namespace {

int refuse(const Status& status, int code) {
  std::cerr << "error[" << code_name(status.code()) << "]: " << status.message() << "\n";
  if (!status.hint().empty()) std::cerr << "  " << status.hint() << "\n";
  return code;
}

struct Answer {
  bool ok = false;
  json::value value;
};

}  // namespace

int Node::call(const NodeFlags& flags, const std::string& program, const OfflineCall& call) {
  NodeImpl node(flags, program);
  return node.call(call);
}

Status NodeImpl::open_offline(int* exit_code) {
  crypto_init();
  TB_TRY(load_first_config(exit_code));
  const std::string log_dir = data_dir_ + "/chain";
  std::error_code error;
  if (!std::filesystem::is_directory(log_dir, error) || std::filesystem::is_empty(log_dir, error)) {
    *exit_code = 2;
    return Status(Code::kNotFound, data_dir_ + " holds no chain",
                  "--data-dir names the data directory of a node that has run");
  }
  TB_TRY(open_data_dir());
  TB_TRY(open_log());
  TB_TRY(load_plugins());
  TB_TRY(load_full_config(exit_code));
  TB_TRY(open_chain());
  return start_services();
}

int NodeImpl::call(const OfflineCall& call) {
  offline_ = true;
  Result<json::value> params = parse_json(call.params);
  if (!params.ok()) return refuse(params.status().in("params"), 2);
  int exit_code = 1;
  if (Status opened = open_offline(&exit_code); !opened.ok()) return refuse(opened, exit_code);
  auto answered = std::make_shared<std::promise<Answer>>();
  std::future<Answer> future = answered->get_future();
  rpc_->call_as_plugin("offline", call.method, *std::move(params),
                       [answered](bool ok, json::value value) {
                         answered->set_value({ok, std::move(value)});
                       });
  const Answer answer = future.get();
  const json::value shown =
      answer.ok ? answer.value : json::value(json::object{{"error", answer.value}});
  std::cout << json::serialize(shown) << std::endl;
  stop();
  return answer.ok ? exit_code_.load() : 1;
}

}  // namespace blockd
