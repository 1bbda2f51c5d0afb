#include "kernel/programs/cli/document.hpp"

#include <boost/json/serialize.hpp>
#include <filesystem>

#include "kernel/base/blake3.hpp"
#include "kernel/base/file.hpp"
#include "kernel/base/hex.hpp"

namespace blockd::cli {
namespace {

constexpr std::uint64_t kMaxDocumentBytes = 64u << 20;

struct Copy {
  json::value document;
  std::uint64_t fetched_ms = 0;
};

std::optional<Copy> read_copy(const std::string& path) {
  if (path.empty()) return std::nullopt;
  Result<Bytes> text = read_file(path, kMaxDocumentBytes);
  if (!text.ok()) return std::nullopt;
  Result<json::value> value = parse_json(*text);
  const json::object* object = value.ok() ? value->if_object() : nullptr;
  if (!object || !object->contains("document") || !object->contains("hash")) return std::nullopt;
  // A copy that does not hash to what it says is no copy.
  const std::string body = json::serialize(object->at("document"));
  const json::value& hash = object->at("hash");
  if (!hash.is_string() || hash.get_string() != to_hex(blake3(body))) return std::nullopt;
  Copy copy;
  copy.document = object->at("document");
  const json::value* at = object->if_contains("fetched_ms");
  if (at && at->is_int64() && at->get_int64() >= 0)
    copy.fetched_ms = static_cast<std::uint64_t>(at->get_int64());
  return copy;
}

// The copy only saves time: a disk that refuses it is no reason to fail.
void write_copy(const World& world, const std::string& path, const std::string& endpoint,
                const json::value& document) {
  if (path.empty()) return;
  const json::object file = {{"url", endpoint},
                             {"hash", to_hex(blake3(json::serialize(document)))},
                             {"fetched_ms", world.clock.unix_ms()},
                             {"document", document}};
  if (!make_directories(std::filesystem::path(path).parent_path().string(), 0700).ok()) return;
  [[maybe_unused]] const Status written = write_file_atomic(path, json::serialize(file), 0600);
}

bool use(const json::value& value, DocumentSource source, Document* out) {
  Result<CliTree> tree = parse_cli_tree(value);
  if (!tree.ok()) {
    if (source == DocumentSource::kNode) out->node_error = tree.status();
    return false;
  }
  out->tree = *std::move(tree);
  out->source = source;
  return true;
}

bool ask_node(Session& session, const std::string& path, Document* out) {
  NodeClient client(session);
  Result<json::value> answer = client.call("rpc.discover", json::object{});
  if (!answer.ok()) {
    out->node_error =
        session.refused ? Status(Code::kDenied, session.refused->message) : answer.status();
    session.refused.reset();
    return false;
  }
  if (!use(*answer, DocumentSource::kNode, out)) return false;
  write_copy(session.world, path, client.endpoint(), *answer);
  return true;
}

bool read_installed(const World& world, Document* out) {
  Result<Bytes> text =
      read_file(world.program_dir + "/../share/the-block/openrpc.json", kMaxDocumentBytes);
  if (!text.ok()) return false;
  Result<json::value> value = parse_json(*text);
  return value.ok() && use(*value, DocumentSource::kInstalled, out);
}

}  // namespace

std::string cache_file(const World& world, const std::string& endpoint) {
  std::string folder = world.variable("XDG_CACHE_HOME");
  if (folder.empty()) {
    const std::string home = world.variable("HOME");
    if (home.empty()) return {};
    folder = home + "/.cache";
  }
  std::string name = endpoint;
  std::error_code ignored;
  if (name.starts_with("unix:"))
    name = "unix:" + std::filesystem::absolute(name.substr(5), ignored).string();
  return folder + "/the-block/" + to_hex(blake3(name)).substr(0, 32) + ".json";
}

Document load_document(Session& session, bool fresh) {
  Document out;
  const std::string path = cache_file(session.world, endpoint_of(session));
  const std::optional<Copy> copy = read_copy(path);
  const std::uint64_t now = session.world.clock.unix_ms();
  const bool young = copy && copy->fetched_ms <= now && now - copy->fetched_ms < kFreshMs;
  if (!fresh && young && use(copy->document, DocumentSource::kCache, &out)) return out;
  if (ask_node(session, path, &out)) return out;
  if (copy && use(copy->document, DocumentSource::kCache, &out)) return out;
  read_installed(session.world, &out);
  return out;
}

}  // namespace blockd::cli
