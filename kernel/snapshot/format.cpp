#include "kernel/snapshot/format.hpp"

#include <charconv>

#include "kernel/base/hex.hpp"
#include "kernel/base/json.hpp"

namespace blockd {

std::string snapshot_path(const std::string& dir, std::uint64_t height) {
  char name[64];
  std::snprintf(name, sizeof name, "/snapshot-%010llu.tbs",
                static_cast<unsigned long long>(height));
  return dir + name;
}

bool SnapshotInfo::whole() const {
  for (const SnapshotNamespace& space : namespaces) {
    if (!space.included) return false;
  }
  return true;
}

namespace internal {
namespace {

Status bad_head(const std::string& what) {
  return Status(Code::kCorrupt, "the head is damaged: " + what);
}

bool read_hash(const json::object& object, std::string_view member, Hash* out) {
  const json::value* value = object.if_contains(member);
  if (value == nullptr || !value->is_string()) return false;
  Result<Hash> hash = array_from_hex<32>(std::string_view(value->get_string()));
  if (hash.ok()) *out = *hash;
  return hash.ok();
}

bool read_number(const json::object& object, std::string_view member, std::uint64_t* out) {
  const json::value* value = object.if_contains(member);
  if (value == nullptr) return false;
  if (const auto* i = value->if_int64(); i != nullptr && *i >= 0) {
    *out = static_cast<std::uint64_t>(*i);
    return true;
  }
  if (const auto* u = value->if_uint64()) {
    *out = *u;
    return true;
  }
  return false;
}

bool read_text(const json::object& object, std::string_view member, std::string* out) {
  const json::value* value = object.if_contains(member);
  if (value == nullptr || !value->is_string()) return false;
  *out = std::string(value->get_string());
  return true;
}

bool read_namespace(const json::value& value, SnapshotNamespace* out) {
  const json::object* object = value.if_object();
  if (object == nullptr) return false;
  std::uint64_t schema = 0;
  const json::value* included = object->if_contains("included");
  if (!read_text(*object, "id", &out->id) || !read_number(*object, "entries", &out->entries) ||
      !read_number(*object, "schema", &schema) || !read_hash(*object, "root", &out->root) ||
      included == nullptr || !included->is_bool())
    return false;
  out->schema = static_cast<std::uint32_t>(schema);
  out->included = included->get_bool();
  return !out->id.empty() && out->id.size() <= 64 && schema <= UINT32_MAX;
}

}  // namespace

void append_entry(Bytes& page, const Entry& entry) {
  put_u8(page, entry.put ? 1 : 0);
  put_u16(page, entry.space);
  put_u32(page, static_cast<std::uint32_t>(entry.key.size()));
  page.append(entry.key);
  put_u32(page, static_cast<std::uint32_t>(entry.value.size()));
  page.append(entry.value);
}

bool take_entry(Reader& in, Entry* entry) {
  const std::uint8_t op = in.u8();
  entry->put = op == 1;
  entry->space = in.u16();
  entry->key = in.take(in.u32());
  entry->value = in.take(in.u32());
  return in.ok() && op <= 1 && (entry->put || entry->value.empty());
}

Result<std::string> head_text(const SnapshotInfo& info) {
  json::array spaces;
  for (const SnapshotNamespace& space : info.namespaces) {
    spaces.push_back(json::object{{"entries", space.entries},
                                  {"id", space.id},
                                  {"included", space.included},
                                  {"root", to_hex(space.root)},
                                  {"schema", space.schema}});
  }
  json::value base = nullptr;
  if (info.base_height)
    base = json::object{{"block_hash", to_hex(info.base_hash)}, {"height", *info.base_height}};
  return canonical_json(json::object{{"base", std::move(base)},
                                     {"block_hash", to_hex(info.block_hash)},
                                     {"chain", info.chain_id},
                                     {"entries", info.entries},
                                     {"height", info.height},
                                     {"namespaces", std::move(spaces)},
                                     {"pages", info.pages},
                                     {"state_root", to_hex(info.state_root)}});
}

Result<SnapshotInfo> parse_head(std::string_view text) {
  Result<json::value> value = parse_json(text);
  const json::object* object = value.ok() ? value->if_object() : nullptr;
  if (object == nullptr) return bad_head("it is no JSON object");
  SnapshotInfo info;
  if (!read_text(*object, "chain", &info.chain_id) ||
      !read_number(*object, "height", &info.height) ||
      !read_number(*object, "entries", &info.entries) ||
      !read_number(*object, "pages", &info.pages) ||
      !read_hash(*object, "block_hash", &info.block_hash) ||
      !read_hash(*object, "state_root", &info.state_root) || info.pages > kMaxPages)
    return bad_head("a member is missing or of another type");
  const json::value* base = object->if_contains("base");
  if (base == nullptr || (!base->is_null() && !base->is_object()))
    return bad_head("`base` is neither null nor an object");
  if (base->is_object()) {
    std::uint64_t height = 0;
    if (!read_number(base->get_object(), "height", &height) ||
        !read_hash(base->get_object(), "block_hash", &info.base_hash) || height >= info.height)
      return bad_head("`base` does not name an older block");
    info.base_height = height;
  }
  const json::value* spaces = object->if_contains("namespaces");
  if (spaces == nullptr || !spaces->is_array() || spaces->get_array().size() > kMaxNamespaces)
    return bad_head("`namespaces` is no list");
  for (const json::value& item : spaces->get_array()) {
    SnapshotNamespace space;
    if (!read_namespace(item, &space) ||
        (!info.namespaces.empty() && info.namespaces.back().id >= space.id))
      return bad_head("a namespace is malformed or out of order");
    info.namespaces.push_back(std::move(space));
  }
  return info;
}

std::optional<std::uint64_t> height_in_name(const std::string& name) {
  constexpr std::string_view kPrefix = "snapshot-", kSuffix = ".tbs";
  if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix) ||
      name.size() <= kPrefix.size() + kSuffix.size())
    return std::nullopt;
  std::uint64_t height = 0;
  const char* end = name.data() + name.size() - kSuffix.size();
  const auto [stop, error] = std::from_chars(name.data() + kPrefix.size(), end, height);
  return error == std::errc() && stop == end ? std::optional(height) : std::nullopt;
}

}  // namespace internal
}  // namespace blockd
