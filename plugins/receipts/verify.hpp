// Ed25519 for the face, which has no host function for it. [any]
#pragma once

#include <string_view>

namespace receipts {

// Whether `signature` (64 bytes) over `message` verifies under `key` (32 bytes).
bool verify_signature(std::string_view key, std::string_view message, std::string_view signature);

}  // namespace receipts
