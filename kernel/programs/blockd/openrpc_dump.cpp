#include "kernel/programs/blockd/openrpc_dump.hpp"

#include <boost/json/serialize.hpp>
#include <unistd.h>

#include <filesystem>
#include <iostream>

#include "kernel/host/library.hpp"
#include "kernel/manifest/clash.hpp"
#include "kernel/manifest/openrpc.hpp"
#include "kernel/rpc/rpc.hpp"

namespace blockd {

int print_openrpc(const std::string& program, const std::vector<std::string>& files) {
  ManifestList manifests = Rpc::kernel_manifests();
  LoadRules rules;
  rules.policy = SignaturePolicy::kOff;
  rules.probe_program = program;
  rules.store_dir = (std::filesystem::temp_directory_path() / ("the-block-openrpc-" + std::to_string(::getpid()))).string();
  int code = 0;
  for (const std::string& file : files) {
    auto checked = Library::check(rules, file, nullptr);
    if (!checked.ok()) {
      std::cerr << "error[" << code_name(checked.status().code()) << "]: " << checked.status().message() << "\n";
      code = 1;
      continue;
    }
    manifests.push_back(checked->second);
  }
  std::error_code ignored;
  std::filesystem::remove_all(rules.store_dir, ignored);
  if (Status clash = check_clashes(manifests); !clash.ok()) {
    std::cerr << "error[" << code_name(clash.code()) << "]: " << clash.message() << "\n";
    code = 1;
  }
  OpenRpcOptions options;
  options.version = TB_VERSION;
  options.visible = [](const MethodSpec&) { return true; };
  std::cout << json::serialize(openrpc_document(manifests, options)) << "\n";
  return code;
}

}  // namespace blockd
