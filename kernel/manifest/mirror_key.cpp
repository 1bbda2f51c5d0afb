#include "kernel/manifest/mirror_key.hpp"

namespace blockd {
namespace {

constexpr std::size_t kMaxMirrorPrefix = 64, kMaxMirrorsBeside = 8;

bool is_plugin_name(const std::string& id) {
  return !id.empty() && id.size() <= 64 &&
         id.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
}

const json::object* declared(const Manifest& manifest, std::size_t place) {
  const json::value* list = manifest.source.if_contains("config");
  if (list == nullptr || !list->is_array() || place >= list->get_array().size()) return nullptr;
  return list->get_array()[place].if_object();
}

bool is_true(const json::object& key, const char* name) {
  const json::value* flag = key.if_contains(name);
  return flag != nullptr && flag->is_bool() && flag->get_bool();
}

std::vector<std::string> texts_of(const json::object& key, const char* name) {
  std::vector<std::string> out;
  const json::value* list = key.if_contains(name);
  if (list == nullptr || !list->is_array()) return out;
  for (const json::value& text : list->get_array()) {
    if (text.is_string()) out.emplace_back(text.get_string());
  }
  return out;
}

}  // namespace

std::optional<MirrorKey> mirror_key(const Manifest& manifest) {
  for (std::size_t i = 0; i < manifest.config.size(); ++i) {
    const json::object* key = declared(manifest, i);
    if (key == nullptr || !is_true(*key, "mirror")) continue;
    const json::value* dir = key->if_contains("default");
    return MirrorKey{manifest.config[i].key,
                     dir != nullptr && dir->is_string() ? std::string(dir->get_string()) : "",
                     texts_of(*key, "mirror_local"), texts_of(*key, "mirror_also"),
                     is_true(*key, "mirror_copy_only")};
  }
  return std::nullopt;
}

std::string mirror_problem(const Manifest& manifest) {
  std::size_t mirrors = 0;
  for (std::size_t i = 0; i < manifest.config.size(); ++i) {
    const json::object* key = declared(manifest, i);
    if (key == nullptr) continue;
    const std::string where = "config key '" + manifest.config[i].key + "': ";
    const std::vector<std::string> local = texts_of(*key, "mirror_local");
    const std::vector<std::string> also = texts_of(*key, "mirror_also");
    if (!is_true(*key, "mirror")) {
      if (!local.empty() || !also.empty() || is_true(*key, "mirror_copy_only"))
        return where + "mirror_local, mirror_also and mirror_copy_only need `mirror` beside them";
      continue;
    }
    if (++mirrors > 1) return where + "a plugin has one mirror";
    if (manifest.sm == 0) return where + "a plugin without a machine has no namespace to mirror";
    if (manifest.config[i].field.type != FieldType::kString)
      return where + "the folder of a mirror is a string";
    if (also.size() > kMaxMirrorsBeside)
      return where + "mirror_also: expected at most " + std::to_string(kMaxMirrorsBeside);
    for (const std::string& id : also) {
      if (id == manifest.id || !is_plugin_name(id))
        return where + "mirror_also: expected ids of other plugins";
    }
    for (const std::string& prefix : local) {
      if (prefix.empty() || prefix.size() > kMaxMirrorPrefix)
        return where + "mirror_local: expected prefixes of 1..64 bytes";
    }
  }
  return {};
}

}  // namespace blockd
