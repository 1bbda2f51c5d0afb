#include "kernel/programs/blockd/places.hpp"

#include <filesystem>

#include "kernel/base/file.hpp"

namespace blockd {
namespace {

constexpr const char* kShare = "/../share/the-block";

}  // namespace

std::string default_config_file(const std::map<std::string, std::string>& environment,
                                const std::string& program_dir) {
  if (const auto named = environment.find("TB_CONFIG");
      named != environment.end() && !named->second.empty())
    return named->second;
  const std::string here = "config/node.yaml";
  if (file_exists(here)) return here;
  const std::string installed = program_dir + kShare + "/config/node.yaml";
  return file_exists(installed) ? std::filesystem::weakly_canonical(installed).string() : here;
}

std::vector<std::string> profile_dirs_of(const std::string& config_file,
                                         const std::string& program_dir) {
  const std::string config_dir = std::filesystem::path(config_file).parent_path().string();
  return {(config_dir.empty() ? std::string(".") : config_dir) + "/profiles", "config/profiles",
          program_dir + kShare + "/config/profiles", program_dir + "/../../../config/profiles"};
}

std::string plugins_dir_of(const std::string& program_dir) {
  const std::string built = program_dir + "/../plugins";
  const std::string dir = file_exists(built) ? built : program_dir + "/../lib/the-block/plugins";
  return std::filesystem::weakly_canonical(dir).string();
}

std::string plugin_file(const Config& config, const std::string& program_dir,
                        const PluginLoad& wanted) {
  if (wanted.file.starts_with('/')) return wanted.file;
  // What somebody set goes before what was installed; the default, a folder below the present one,
  // does not.
  std::vector<std::string> dirs = {program_dir + "/../plugins",
                                   program_dir + "/../lib/the-block/plugins"};
  const std::vector<std::string> named = config.list("plugins.dir");
  const bool chosen = config.source("plugins.dir") != ConfigSource::kDefault;
  dirs.insert(chosen ? dirs.begin() : dirs.end(), named.begin(), named.end());
  for (const std::string& dir : dirs) {
    const std::string file = dir + "/" + wanted.file;
    if (file_exists(file)) return std::filesystem::weakly_canonical(file).string();
  }
  return dirs.back() + "/" + wanted.file;
}

}  // namespace blockd
