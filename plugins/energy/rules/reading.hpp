// A signed meter reading: what is signed, what its hash is, and whether a signature holds. Pure
// functions over values; hashing and signatures come from the caller (`Crypto`), because a plugin
// gets both from its host.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "plugins/energy/rules/ids.hpp"
#include "plugins/energy/rules/wide.hpp"

namespace energy {

// What the rules need of the host. Implementations answer the same on every node.
class Crypto {
 public:
  virtual ~Crypto() = default;
  // BLAKE3-256.
  virtual Hash blake3(std::string_view data) const = 0;
  // Ed25519, pure, S below the group order, cofactorless. False for a key that is no point of the
  // curve.
  virtual bool verify(const PublicKey& key, std::string_view message,
                      const Signature& signature) const = 0;
  // BLAKE3-256 of the first `prefix` bytes of `data`, and of all of it.
  virtual std::pair<Hash, Hash> blake3_prefix_and_all(std::string_view data,
                                                      std::size_t prefix) const {
    return {blake3(data.substr(0, prefix)), blake3(data)};
  }
};

// A reading that owns its texts, or one that borrows them.
template <class Text>
struct BasicReading {
  Text provider_id;  // exactly as sent: "energy-0x00" and the padded form are signed differently
  Text meter_address;
  std::uint64_t kwh_reading = 0;  // cumulative kWh of the meter
  std::uint64_t timestamp = 0;    // Unix seconds
  std::uint64_t nonce = 0;
  Signature signature{};

  bool operator==(const BasicReading&) const = default;
  operator BasicReading<std::string_view>() const
      requires(!std::is_same_v<Text, std::string_view>) {
    return {provider_id, meter_address, kwh_reading, timestamp, nonce, signature};
  }
};
using Reading = BasicReading<std::string>;
using ReadingView = BasicReading<std::string_view>;

// The bytes of a reading that are hashed, for those who need more than one of the hashes. Without
// memory from the heap for one of ordinary size.
class ReadingBytes {
 public:
  explicit ReadingBytes(const ReadingView& reading);
  ReadingBytes(const ReadingBytes&) = delete;
  ReadingBytes& operator=(const ReadingBytes&) = delete;
  // What is signed: provider id, meter address, then the three numbers as 8 bytes each,
  // little-endian.
  std::string_view preimage() const { return {begin_, signed_}; }
  // The preimage, the length of the signature (4 bytes, little-endian) and the signature.
  std::string_view whole() const { return {begin_, size_}; }

 private:
  std::array<char, 256> small_;  // written up to size_ only
  std::unique_ptr<char[]> large_;
  const char* begin_ = small_.data();
  std::size_t signed_ = 0, size_ = 0;
};

std::string reading_preimage(const ReadingView& reading);

// BLAKE3 of the preimage.
Hash reading_digest(const ReadingView& reading, const Crypto& crypto);

// The key of the credit that the reading mints: BLAKE3 of ReadingBytes::whole().
Hash reading_meter_hash(const ReadingView& reading, const Crypto& crypto);

// True if the signature holds over the digest, or over the preimage itself (which the operations
// guide's test script signs). Cost: one verification when the first holds, else two.
bool verify_reading(const ReadingView& reading, const PublicKey& key, const Crypto& crypto);
// The same for who has the bytes and their digest already.
bool verify_reading(const ReadingBytes& bytes, const Hash& digest, const Signature& signature,
                    const PublicKey& key, const Crypto& crypto);

// |block time - reading time| in seconds; both in Unix seconds.
constexpr std::uint64_t clock_skew(std::uint64_t block_time, std::uint64_t timestamp) {
  return block_time > timestamp ? block_time - timestamp : timestamp - block_time;
}

// How old a reading is at the block, in milliseconds; 0 for one that is ahead of it. nullopt:
// beyond u64.
constexpr std::optional<std::uint64_t> reading_latency_ms(std::uint64_t block_time,
                                                          std::uint64_t timestamp) {
  if (timestamp >= block_time) return 0;
  return fit_u64(U128{block_time - timestamp} * 1000);
}

}  // namespace energy
