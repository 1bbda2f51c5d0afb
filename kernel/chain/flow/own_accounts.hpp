// OwnAccounts: the node's own signing keys as accounts, each with the lock under which its commands
// get their nonces. An account lives as long as the set. Thread safe.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "kernel/base/address.hpp"
#include "kernel/base/crypto.hpp"

namespace blockd {

struct OwnAccount {
  explicit OwnAccount(const SigningKey& of)
      : address(address_of(of.public_key())), key(SigningKey::from_seed(of.seed())) {}
  const std::string address;
  const SigningKey key;  // a copy: gaps are filled when the caller is long gone
  std::mutex sequence;   // held from asking for a nonce until the pool has the command
};

class OwnAccounts {
 public:
  static constexpr std::size_t kMax = 64;

  explicit OwnAccounts(const std::vector<std::string>& addresses)
      : named_(addresses.begin(), addresses.end()) {}

  // Null when kMax other keys are there.
  OwnAccount* get(const SigningKey& key) {
    std::lock_guard lock(mutex_);
    auto at = by_key_.find(key.public_key());
    if (at != by_key_.end()) return at->second.get();
    if (by_key_.size() >= kMax) return nullptr;
    auto made = std::make_unique<OwnAccount>(key);
    named_.insert(made->address);
    return by_key_.emplace(key.public_key(), std::move(made)).first->second.get();
  }
  bool contains(const std::string& address) const {
    std::lock_guard lock(mutex_);
    return named_.contains(address);
  }
  std::vector<OwnAccount*> all() const {
    std::lock_guard lock(mutex_);
    std::vector<OwnAccount*> out;
    for (const auto& [key, account] : by_key_) out.push_back(account.get());
    return out;
  }

 private:
  mutable std::mutex mutex_;
  std::map<PublicKey, std::unique_ptr<OwnAccount>> by_key_;
  std::set<std::string> named_;
};

}  // namespace blockd
