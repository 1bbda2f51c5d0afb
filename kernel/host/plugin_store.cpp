#include "kernel/host/plugin_store.hpp"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "kernel/base/file.hpp"
#include "kernel/base/hex.hpp"
#include "kernel/base/json.hpp"

namespace blockd {
namespace {

constexpr std::size_t kMaxImages = 4096;

std::string index_path(const std::string& dir) { return dir + "/index.json"; }

// Files of `dir` by hash: "<64 hex>-<n>.so".
std::map<std::string, std::vector<std::string>> files_by_hash(const std::string& dir) {
  std::map<std::string, std::vector<std::string>> out;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(dir, error)) {
    const std::string name = entry.path().filename().string();
    if (name.size() > 68 && name[64] == '-' && name.ends_with(".so"))
      out[name.substr(0, 64)].push_back(name);
  }
  for (auto& [hash, names] : out) std::sort(names.begin(), names.end());
  return out;
}

}  // namespace

Result<std::unique_ptr<PluginStore>> PluginStore::open(const std::string& dir) {
  TB_TRY(make_directories(dir));
  auto store = std::unique_ptr<PluginStore>(new PluginStore(dir));
  const auto files = files_by_hash(dir);
  for (const auto& [hash, names] : files) {
    for (std::size_t i = 1; i < names.size(); ++i) ::unlink((dir + "/" + names[i]).c_str());
  }
  if (!file_exists(index_path(dir))) return store;
  Result<Bytes> text = read_file(index_path(dir), 16u << 20);
  if (!text.ok()) return text.status();
  Result<json::value> parsed = parse_json(*text);
  if (!parsed.ok() || !parsed->is_array()) {
    return Status(Code::kCorrupt, index_path(dir) + ": not a list of images",
                  "remove the file; it is written again as plugins are loaded");
  }
  for (const json::value& item : parsed->get_array()) {
    const json::object* o = item.if_object();
    if (!o) continue;
    StoredImage image;
    auto text_of = [&](const char* key) {
      const json::value* v = o->if_contains(key);
      return v && v->is_string() ? std::string(v->get_string()) : std::string();
    };
    auto number_of = [&](const char* key) {
      const json::value* v = o->if_contains(key);
      return v && v->is_int64() ? static_cast<std::uint32_t>(v->get_int64()) : 0u;
    };
    image.hash = text_of("hash");
    image.id = text_of("id");
    image.version = text_of("version");
    image.sm = number_of("sm");
    image.sm_min = number_of("sm_min");
    image.schema = number_of("schema");
    auto consensus = array_from_hex<32>(text_of("consensus_hash"));
    if (!consensus.ok()) continue;
    image.consensus_hash = *consensus;
    store->images_.push_back(std::move(image));
  }
  for (const auto& [hash, names] : files) {
    if (!store->knows(hash)) ::unlink((dir + "/" + names.front()).c_str());
  }
  return store;
}

Status PluginStore::save_locked() const {
  json::array list;
  for (const StoredImage& image : images_) {
    json::object o;
    o["consensus_hash"] = to_hex(image.consensus_hash);
    o["hash"] = image.hash;
    o["id"] = image.id;
    o["schema"] = image.schema;
    o["sm"] = image.sm;
    o["sm_min"] = image.sm_min;
    o["version"] = image.version;
    list.push_back(std::move(o));
  }
  Result<std::string> text = canonical_json(list);
  if (!text.ok()) return text.status();
  return write_file_atomic(index_path(dir_), *text + "\n");
}

bool PluginStore::knows(const std::string& hash) const {
  return std::any_of(images_.begin(), images_.end(),
                     [&](const StoredImage& image) { return image.hash == hash; });
}

Status PluginStore::note(Library& library) {
  const Manifest& m = *library.manifest();
  if (m.sm == 0) return {};
  std::lock_guard lock(mutex_);
  StoredImage image{to_hex(library.file().blake3), m.id,     m.version,       m.sm,
                    m.sm_min ? m.sm_min : m.sm,    m.schema, m.consensus_hash};
  // Another copy is kept already; this one may go when it is closed.
  if (knows(image.hash) && files_by_hash(dir_)[image.hash].size() > 1) return {};
  if (images_.size() >= kMaxImages)
    return Status(Code::kLimit, dir_ + ": 4,096 images", "run `contract-cli plugin prune`");
  std::erase_if(images_, [&](const StoredImage& known) { return known.hash == image.hash; });
  images_.push_back(std::move(image));
  TB_TRY(save_locked());
  library.keep_stored();
  return {};
}

std::optional<std::string> PluginStore::find(const RosterEntry& entry, bool exact) const {
  std::lock_guard lock(mutex_);
  const auto files = files_by_hash(dir_);
  for (auto it = images_.rbegin(); it != images_.rend(); ++it) {
    const bool own = it->sm == entry.sm && it->consensus_hash == entry.consensus_hash;
    // An older state machine version that a library still implements: its manifest shows only its
    // newest consensus part.
    const bool older = !exact && entry.sm < it->sm && entry.sm >= it->sm_min;
    if (it->id != entry.id || !(own || older)) continue;
    if (auto file = files.find(it->hash); file != files.end())
      return dir_ + "/" + file->second.front();
  }
  return std::nullopt;
}

std::vector<StoredImage> PluginStore::list() const {
  std::lock_guard lock(mutex_);
  return images_;
}

std::vector<std::string> PluginStore::files_of(const std::vector<std::string>& hashes) const {
  std::lock_guard lock(mutex_);
  std::vector<std::string> out;
  for (const auto& [hash, names] : files_by_hash(dir_)) {
    if (std::find(hashes.begin(), hashes.end(), hash) != hashes.end())
      out.insert(out.end(), names.begin(), names.end());
  }
  return out;
}

Result<std::vector<std::string>> PluginStore::remove(const std::vector<std::string>& hashes) {
  std::lock_guard lock(mutex_);
  std::vector<std::string> removed;
  for (const auto& [hash, names] : files_by_hash(dir_)) {
    if (std::find(hashes.begin(), hashes.end(), hash) == hashes.end()) continue;
    for (const std::string& name : names) {
      if (::unlink((dir_ + "/" + name).c_str()) != 0)
        return errno_status("removing " + dir_ + "/" + name);
      removed.push_back(name);
    }
  }
  std::erase_if(images_, [&](const StoredImage& i) {
    return std::find(hashes.begin(), hashes.end(), i.hash) != hashes.end();
  });
  TB_TRY(save_locked());
  return removed;
}

}  // namespace blockd
