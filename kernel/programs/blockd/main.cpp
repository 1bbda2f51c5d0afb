// blockd: the node.

#include <malloc.h>
#include <signal.h>
#include <stdio.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "kernel/config/kernel_keys.hpp"
#include "kernel/host/isolation/child.hpp"
#include "kernel/host/library.hpp"
#include "kernel/programs/blockd/man_dump.hpp"
#include "kernel/programs/blockd/manifests_dump.hpp"
#include "kernel/programs/blockd/node.hpp"
#include "kernel/programs/blockd/openrpc_dump.hpp"
#include "kernel/programs/blockd/reference_dump.hpp"

namespace {

int refuse(const blockd::Status& status, int code) {
  std::cerr << "error[" << blockd::code_name(status.code()) << "]: " << status.message() << "\n";
  if (!status.hint().empty()) std::cerr << "  " << status.hint() << "\n";
  return code;
}

int run(const std::string& program, const std::vector<std::string>& words) {
  blockd::ConfigSchema schema;
  blockd::add_kernel_keys(schema);
  blockd::Result<blockd::NodeFlags> flags = blockd::parse_node_flags(schema, words);
  if (!flags.ok()) return refuse(flags.status(), 2);
  if (flags->help) {
    std::cout << blockd::node_flags_help(schema);
    return 0;
  }
  // Every thread of the node inherits this: signals are taken by Node::run alone.
  sigset_t set;
  sigemptyset(&set);
  for (int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGPIPE}) sigaddset(&set, signal);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  int exit_code = 1;
  blockd::Result<std::unique_ptr<blockd::Node>> node =
      blockd::Node::start(*flags, program, &exit_code);
  if (!node.ok()) return refuse(node.status(), exit_code);
  std::cout << (*node)->greeting() << std::flush;
  return (*node)->run();
}

int call(const std::string& program, std::vector<std::string> words) {
  blockd::OfflineCall call;
  const auto flag = [](const std::string& word) { return word.starts_with("--"); };
  if (words.empty() || flag(words[0])) {
    std::cerr << blockd::blockd_usage();
    return 2;
  }
  call.method = words[0];
  words.erase(words.begin());
  if (!words.empty() && !flag(words[0])) {
    call.params = words[0];
    words.erase(words.begin());
  }
  blockd::ConfigSchema schema;
  blockd::add_kernel_keys(schema);
  blockd::Result<blockd::NodeFlags> flags = blockd::parse_node_flags(schema, words);
  if (!flags.ok()) return refuse(flags.status(), 2);
  return blockd::Node::call(*flags, program, call);
}

}  // namespace

int main(int argc, char** argv) {
  // One heap for all threads but one: else what a worker used once (a plugin's load takes some 15
  // MB) stays with each of them.
  ::mallopt(M_ARENA_MAX, 2);
  const std::vector<std::string> words(argv + 1, argv + argc);
  std::error_code error;
  const std::string program = std::filesystem::canonical("/proc/self/exe", error).string();
  if (words.empty()) {
    std::cerr << blockd::blockd_usage();
    return 2;
  }
  if (words[0] == "--probe-plugin" && words.size() == 2) return blockd::probe_main(words[1]);
  if (words[0] == blockd::kPluginChildFlag && words.size() == 3)
    return blockd::plugin_child_main(words[1], std::strtoull(words[2].c_str(), nullptr, 10));
  if (words[0] == "--version" || words[0] == "version") {
    std::cout << "blockd " << TB_VERSION << "\n";
    return 0;
  }
  if (words[0] == "--help" || words[0] == "-h" || words[0] == "help") {
    std::cout << blockd::blockd_usage();
    return 0;
  }
  if (words[0] == "--print-openrpc")
    return blockd::print_openrpc(program, {words.begin() + 1, words.end()});
  if (words[0] == "--print-reference")
    return blockd::print_reference(program, {words.begin() + 1, words.end()});
  if (words[0] == "--print-man")
    return blockd::print_man(program, {words.begin() + 1, words.end()});
  if (words[0] == "--print-manifests")
    return blockd::print_manifests(program, {words.begin() + 1, words.end()});
  if (words[0] == "call") return call(program, {words.begin() + 1, words.end()});
  if (words[0] == "run") return run(program, {words.begin() + 1, words.end()});
  // `blockd --config FILE` means run.
  if (words[0].starts_with("--")) return run(program, words);
  std::cerr << "error[invalid]: unknown verb '" << words[0] << "'\n" << blockd::blockd_usage();
  return 2;
}
