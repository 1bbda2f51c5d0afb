// Whether 32 bytes are a key that somebody can sign with: a point of the main subgroup of Ed25519,
// in its canonical form. [any]
#pragma once

#include <sodium.h>

#include <string_view>

namespace receipts {

inline bool valid_provider_key(std::string_view key) {
  return key.size() == crypto_core_ed25519_BYTES &&
         crypto_core_ed25519_is_valid_point(reinterpret_cast<const unsigned char*>(key.data())) ==
             1;
}

}  // namespace receipts
