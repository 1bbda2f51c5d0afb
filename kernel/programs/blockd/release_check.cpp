#include "kernel/programs/blockd/release_check.hpp"

#include <fstream>
#include <future>

#include "kernel/base/blake3.hpp"
#include "kernel/base/hex.hpp"

namespace blockd {
namespace {

constexpr const char* kOwnFile = "/proc/self/exe";
constexpr int kNotApprovedExit = 3;

struct Answer {
  bool ok = false;
  json::value value;
};

Answer ask(MethodCaller& rpc, const std::string& method, json::object params) {
  auto promise = std::make_shared<std::promise<Answer>>();
  std::future<Answer> answer = promise->get_future();
  rpc.call_as_plugin("release-check", method, std::move(params),
                     [promise](bool ok, json::value value) {
                       promise->set_value({ok, std::move(value)});
                     });
  return answer.get();
}

std::string text_in(const json::value& value, const char* member) {
  const json::object* object = value.if_object();
  const json::value* found = object ? object->if_contains(member) : nullptr;
  return found && found->is_string() ? std::string(found->get_string()) : std::string();
}

Result<Hash> hash_of_executable() {
  std::ifstream file(kOwnFile, std::ios::binary);
  std::vector<char> buffer(1u << 20);
  Blake3 hasher;
  while (file) {
    file.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    hasher.update(BytesView(buffer.data(), static_cast<std::size_t>(file.gcount())));
  }
  if (!file.eof()) return Status(Code::kIo, std::string(kOwnFile) + " cannot be read");
  return hasher.finish();
}

Status check_libraries(MethodCaller& rpc, const Host& host) {
  for (const std::shared_ptr<PluginInstance>& plugin : host.generation()->plugins) {
    const LibraryFile& file = plugin->library()->file();
    if (Status status = check_approved(rpc, file.blake3, plugin->manifest().id); !status.ok())
      return status.in(file.path);
  }
  return {};
}

}  // namespace

Status check_approved(MethodCaller& rpc, const Hash& file, std::string_view target) {
  const std::string hash = to_hex(file), of = std::string(target) + " build " + hash;
  const Answer answer = ask(rpc, "gov.release", {{"build_hash", hash}});
  const std::string hint = "`contract-cli gov release list` shows what was approved";
  if (!answer.ok)
    return Status(Code::kDenied, of + " is not approved: " + text_in(answer.value, "message"),
                  hint);
  if (const std::string other = text_in(answer.value, "target"); other != target)
    return Status(Code::kDenied, of + " is not approved: its release is one of " + other, hint);
  const std::string status = text_in(answer.value, "status");
  if (status != "approved" && status != "activated")
    return Status(Code::kDenied, of + " is not approved: its release is " + status, hint);
  return {};
}

Status check_releases(const Config& config, MethodCaller& rpc, const Host& host, int* exit_code) {
  if (config.boolean("release.enforce")) {
    const Result<Hash> own = hash_of_executable();
    if (!own.ok()) return own.status();
    if (Status status = check_approved(rpc, *own, "node"); !status.ok()) {
      *exit_code = kNotApprovedExit;
      return status.in("release.enforce");
    }
  }
  if (!config.boolean("plugins.require_approved_release")) return {};
  if (Status status = check_libraries(rpc, host); !status.ok())
    return status.in("plugins.require_approved_release");
  return {};
}

}  // namespace blockd
