// The layers that load_config puts on top of each other. Each adds checked entries and reports what
// it found. Internal to kernel/config.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/config/config_loader.hpp"

namespace blockd::config_layers {

// Checked values of one layer by key.
using Layer = std::map<std::string, ConfigEntry, std::less<>>;

class Problems {
 public:
  void error(ConfigProblem problem) { add(std::move(problem), false); }
  void warn(ConfigProblem problem) { add(std::move(problem), true); }
  bool any_error() const { return errors_ > 0; }
  std::vector<ConfigProblem> take() { return std::move(all_); }

 private:
  void add(ConfigProblem problem, bool warning);
  std::vector<ConfigProblem> all_;
  std::size_t errors_ = 0;
};

Layer read_yaml_layer(const ConfigSchema& schema, const ConfigText& file, ConfigSource source,
                      Problems& problems);
// `file` names the .env file whose lines these are, or is empty for the process's environment.
Layer read_variables(const ConfigSchema& schema,
                     const std::map<std::string, std::string>& variables, const std::string& file,
                     ConfigSource source, Problems& problems);
std::map<std::string, std::string> parse_dotenv(const ConfigText& file, Problems& problems);
Layer read_flags(const ConfigSchema& schema,
                 const std::vector<std::pair<std::string, std::string>>& flags, Problems& problems);

}  // namespace blockd::config_layers
