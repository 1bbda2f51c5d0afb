// The files of a face (tb/draft/host_files.h): which places are its own, and the table.
#include <algorithm>
#include <filesystem>

#include "kernel/base/file_area.hpp"
#include "kernel/config/config.hpp"
#include "kernel/config/data_place.hpp"
#include "kernel/host/plugin_impl.hpp"
#include "tb/draft/host_files.h"

namespace blockd {
namespace {

namespace fs = std::filesystem;

// What the node itself keeps in its data directory: no plugin writes there, whoever asks for it.
constexpr std::string_view kOwnNames[] = {
    "chain", "state",     "stores",   "plugins", "mmr",        "index",      "mempool",
    "keys",  "snapshots", "imports",  "views",   "peers",      "logs",       "logs.db",
    "wal",   "tls",       "releases", "config",  "provenance", "checkpoints"};

std::string data_dir_of(const HostServices& services) {
  const std::string data = fs::path(services.stores_dir).parent_path().string();
  return data.empty() ? "." : data;
}

std::string section_of(const Manifest& manifest) {
  std::string section = manifest.id;
  std::replace(section.begin(), section.end(), '-', '_');
  return section;
}

// Whether a place may be the plugin's: a default has to carry its name, and the node's own folders
// and the files beside them are nobody's.
bool may_keep(const fs::path& place, const fs::path& data, const std::string& section,
              bool chosen_by_operator) {
  const fs::path inside = place.lexically_relative(data);
  if (inside.empty() || *inside.begin() == "..") return chosen_by_operator;
  const std::string first = inside.begin()->string();
  const bool own =
      std::find(std::begin(kOwnNames), std::end(kOwnNames), first) != std::end(kOwnNames);
  if (own || first == "." || fs::is_regular_file(data / first)) return false;
  if (chosen_by_operator) return true;
  const std::string rest = first.starts_with(section) ? first.substr(section.size()) : "/";
  return rest.empty() || rest.front() == '_' || rest.front() == '-' || rest.front() == '.';
}

FileArea area_of(Plugin& plugin, tb_host* host) {
  std::vector<std::string> places;
  const HostServices& services = plugin.services();
  const std::shared_ptr<const Config> config = services.config ? services.config() : nullptr;
  std::error_code error;
  const fs::path data = fs::absolute(data_dir_of(services), error).lexically_normal();
  for (const ConfigSpec& spec : plugin.manifest().config) {
    const bool file = spec.field.unit == "file";
    if (!file && spec.field.unit != "folder") continue;
    const std::string key = full_config_key(plugin.manifest(), spec);
    const bool known = config && config->schema().find(key) != nullptr;
    const json::value value =
        known ? config->get(key) : spec.field.default_value.value_or(json::value());
    const json::value here = in_data_dir(value, services);
    if (!here.is_string() || here.get_string().empty()) continue;
    fs::path place = fs::absolute(std::string(here.get_string()), error).lexically_normal();
    if (file) place = place.parent_path();
    const bool chosen = known && config->source(key) != ConfigSource::kDefault;
    if (!error && may_keep(place, data, section_of(plugin.manifest()), chosen))
      places.push_back(place.string());
  }
  return FileArea(std::move(places), reinterpret_cast<FaceHost*>(host)->serial);
}

tb_status file_told(const Status& status, const tb_sink* problem) {
  if (status.ok()) return TB_OK;
  if (problem != nullptr) problem->put(problem->user, to_str(status.message()));
  switch (status.code()) {
    case Code::kNotFound:
      return TB_NOT_FOUND;
    case Code::kInvalid:
      return TB_E_INVALID;
    case Code::kLimit:
      return TB_E_LIMIT;
    default:
      return TB_FAILED;
  }
}

// The plugin whose face runs on this thread.
Plugin* caller_of(tb_host* host) {
  Plugin* plugin = reinterpret_cast<FaceHost*>(host)->plugin;
  return FaceScope::current() == plugin ? plugin : nullptr;
}

tb_status files_write(tb_host* host, tb_str path, uint32_t flags, tb_str text,
                      const tb_sink* problem) {
  Plugin* plugin = caller_of(host);
  if (plugin == nullptr) return TB_E_WRONG_THREAD;
  const auto readers =
      (flags & TB_FILE_PRIVATE) != 0 ? FileArea::Readers::kOwner : FileArea::Readers::kEverybody;
  return file_told(area_of(*plugin, host)
                       .write(to_view(path), (flags & TB_FILE_BEGIN) != 0,
                              (flags & TB_FILE_END) != 0, to_view(text), readers),
                   problem);
}

tb_status files_read(tb_host* host, tb_str path, uint64_t offset, uint64_t limit,
                     const tb_sink* text, const tb_sink* problem) {
  Plugin* plugin = caller_of(host);
  if (plugin == nullptr) return TB_E_WRONG_THREAD;
  if (text == nullptr) return TB_E_INVALID;
  const Result<Bytes> found = area_of(*plugin, host).read(to_view(path), offset, limit);
  if (found.ok()) text->put(text->user, to_str(*found));
  return file_told(found.status(), problem);
}

tb_status files_list(tb_host* host, tb_str folder, const tb_row_sink* files,
                     const tb_sink* problem) {
  Plugin* plugin = caller_of(host);
  if (plugin == nullptr) return TB_E_WRONG_THREAD;
  if (files == nullptr) return TB_E_INVALID;
  const auto visit = [&](const std::string& name, std::uint64_t bytes) {
    return files->row(files->user, to_str(name), to_str(std::to_string(bytes))) != 0;
  };
  return file_told(area_of(*plugin, host).list(to_view(folder), visit), problem);
}

tb_status files_remove(tb_host* host, tb_str path, const tb_sink* problem) {
  Plugin* plugin = caller_of(host);
  if (plugin == nullptr) return TB_E_WRONG_THREAD;
  return file_told(area_of(*plugin, host).remove(to_view(path)), problem);
}

}  // namespace

const void* face_files_api() {
  static constexpr tb_host_files kApi = {files_write, files_read, files_list, files_remove};
  return &kApi;
}

std::string full_config_key(const Manifest& manifest, const ConfigSpec& spec) {
  if (spec.key.find('.') != std::string::npos) return spec.key;
  return section_of(manifest) + "." + spec.key;
}

json::value in_data_dir(const json::value& value, const HostServices& services) {
  return value.is_string() ? json::value(in_data_dir(value.get_string(), data_dir_of(services)))
                           : value;
}

}  // namespace blockd
