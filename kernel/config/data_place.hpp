// "${data}/…" in the config of a plugin: a place in the node's data directory.
#pragma once

#include <string>
#include <string_view>

namespace blockd {

inline std::string in_data_dir(std::string_view place, const std::string& data_dir) {
  constexpr std::string_view kData = "${data}";
  if (!place.starts_with(kData)) return std::string(place);
  return data_dir + std::string(place.substr(kData.size()));
}

}  // namespace blockd
