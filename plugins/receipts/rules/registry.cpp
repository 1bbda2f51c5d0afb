#include "plugins/receipts/rules/registry.hpp"

namespace receipts {

const KeyVersion* key_for_block(const std::vector<KeyVersion>& versions, std::uint64_t block) {
  for (auto version = versions.rbegin(); version != versions.rend(); ++version) {
    if (version->registered_at_block > block) continue;
    const bool retired = version->retired_at_block && block > *version->retired_at_block;
    return retired ? nullptr : &*version;
  }
  return nullptr;
}

bool rotate_key(std::vector<KeyVersion>& versions, std::string_view key, std::uint64_t block,
                std::optional<std::string> evidence) {
  if (versions.empty() || block <= versions.back().registered_at_block) return false;
  if (!versions.back().retired_at_block) versions.back().retired_at_block = block - 1;
  versions.push_back({std::string(key), block, std::nullopt, std::move(evidence)});
  return true;
}

bool retire_key(std::vector<KeyVersion>& versions, std::uint64_t block) {
  if (versions.empty() || versions.back().retired_at_block ||
      block <= versions.back().registered_at_block) {
    return false;
  }
  versions.back().retired_at_block = block - 1;
  return true;
}

}  // namespace receipts
