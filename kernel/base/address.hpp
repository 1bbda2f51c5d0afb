// Account addresses: bech32m (BIP-350) with prefix "tb" over a BLAKE3 payload (node-and-cli
// spec 6.11).
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "kernel/base/bytes.hpp"
#include "kernel/base/status.hpp"

namespace blockd {

std::string address_of(const PublicKey& key);
// REQUIRES: keys ascending without repeats, 1 <= threshold <= keys.size(), 2 <= keys.size() <= 16.
std::string address_of_group(std::uint8_t threshold, std::span<const PublicKey> keys);
// True for a well-formed address with a right checksum; all upper case is accepted, mixed case is
// not.
bool is_address(std::string_view text);
// `[a-z0-9-]+([/:][A-Za-z0-9._:-]+)*`, 1..128 bytes, not beginning with "tb1".
bool is_system_account(std::string_view text);

}  // namespace blockd
