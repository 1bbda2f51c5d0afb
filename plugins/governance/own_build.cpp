#include "plugins/governance/own_build.hpp"

#include <fstream>
#include <vector>

#include "plugins/governance/common.hpp"
#include "tb/blake3.hpp"

namespace governance {
namespace {

constexpr std::uint32_t kMaxReleases = 65'536;

bool withdrawn(const Release& release) {
  return release.target == "node" && release.status == "rolled_back";
}

}  // namespace

std::string own_build() {
  std::ifstream file("/proc/self/exe", std::ios::binary);
  std::vector<char> buffer(1u << 20);
  tb::Blake3 hasher;
  std::uint64_t bytes = 0;
  while (file) {
    file.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    const auto count = static_cast<std::size_t>(file.gcount());
    hasher.update(std::string_view(buffer.data(), count));
    bytes += count;
  }
  return bytes > 0 && file.eof() ? hasher.finish().hex() : std::string();
}

bool is_rolled_back(tb::View& view, std::string_view hash) {
  const auto release = view.load<Release>(name_key("release/", hash));
  return release && withdrawn(*release);
}

bool has_rolled_back_node(tb::View& view) {
  bool found = false;
  view.scan("release/", {}, kMaxReleases, [&](std::string_view, std::string_view row) {
    found = withdrawn(tb::row_as<Release>(row));
    return !found;
  });
  return found;
}

}  // namespace governance
