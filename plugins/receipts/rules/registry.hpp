// The key history of providers (receipts spec 3.4, 5.4). Pure; who may change it is checked by the
// commands. [any]
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace receipts {

struct KeyVersion {
  std::string key;  // 32 bytes
  std::uint64_t registered_at_block = 0;
  std::optional<std::uint64_t> retired_at_block;
  std::optional<std::string> evidence;
};

inline constexpr std::size_t kMaxProviderBytes = 256;
inline bool valid_provider_id(std::string_view id) {
  return !id.empty() && id.size() <= kMaxProviderBytes;
}

// The key for `block`: the newest version that is registered and not retired then; NULL if none.
const KeyVersion* key_for_block(const std::vector<KeyVersion>& versions, std::uint64_t block);
// Retires the newest version at block - 1 and opens a new one. False: `block` is not after the
// newest version's registration.
bool rotate_key(std::vector<KeyVersion>& versions, std::string_view key, std::uint64_t block,
                std::optional<std::string> evidence);
// False: as above, or the newest version is retired already.
bool retire_key(std::vector<KeyVersion>& versions, std::uint64_t block);

}  // namespace receipts
