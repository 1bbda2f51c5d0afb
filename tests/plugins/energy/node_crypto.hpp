// The energy rules' cryptography as the node has it.
#pragma once

#include "kernel/base/blake3.hpp"
#include "kernel/base/crypto.hpp"
#include "plugins/energy/rules/reading.hpp"

namespace energy {

class NodeCrypto final : public Crypto {
 public:
  NodeCrypto() { blockd::crypto_init(); }
  Hash blake3(std::string_view data) const override { return blockd::blake3(data); }
  bool verify(const PublicKey& key, std::string_view message,
              const Signature& signature) const override {
    return blockd::ed25519_verify(key, message, signature);
  }
};

}  // namespace energy
