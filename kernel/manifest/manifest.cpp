#include "kernel/manifest/manifest.hpp"

#include <algorithm>

#include "kernel/base/blake3.hpp"
#include "kernel/manifest/manifest_parse.hpp"
#include "kernel/manifest/mirror_key.hpp"

namespace blockd {
namespace {

constexpr std::size_t kMaxManifestBytes = 4u << 20;

// "manifest of energy", or "manifest" as long as nobody knows whose it is.
std::string place_of(const json::value& whole) {
  const json::object* object = whole.if_object();
  const json::value* id = object != nullptr ? object->if_contains("id") : nullptr;
  if (id == nullptr || !id->is_string()) return "manifest";
  return "manifest of " + std::string(id->get_string().subview(0, 64));
}

}  // namespace

const MethodSpec* Manifest::find_method(std::string_view name) const {
  for (const MethodSpec& method : methods) {
    if (method.name == name) return &method;
    if (std::find(method.aliases.begin(), method.aliases.end(), name) != method.aliases.end())
      return &method;
  }
  return nullptr;
}

Result<std::shared_ptr<const Manifest>> Manifest::parse(std::string_view text) {
  if (text.size() > kMaxManifestBytes) return Status(Code::kLimit, "manifest: more than 4 MiB");
  Result<json::value> whole = parse_json(text);
  if (!whole.ok()) return whole.status().in("manifest");
  Problems problems;
  auto manifest = std::make_shared<Manifest>();
  ObjectReader reader(problems, *whole, "");
  read_manifest(reader, manifest.get());
  reader.finish();
  if (!problems.any()) check_manifest(*manifest, problems);
  if (problems.any()) return problems.first().in(place_of(*whole));
  manifest->hash = blake3(canonical_manifest(*whole));
  manifest->consensus_hash = blake3(canonical_manifest(consensus_part(*manifest)));
  manifest->source = std::move(whole->get_object());
  if (const std::string wrong = mirror_problem(*manifest); !wrong.empty())
    return Status(Code::kInvalid, "manifest of " + manifest->id + ": " + wrong);
  return std::shared_ptr<const Manifest>(std::move(manifest));
}

}  // namespace blockd
