#include "plugins/governance/own_build.hpp"

#include "plugins/governance/common.hpp"

namespace governance {
namespace {

constexpr std::uint32_t kMaxReleases = 65'536;

bool withdrawn(const Release& release) {
  return release.target == "node" && release.status == "rolled_back";
}

}  // namespace

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
