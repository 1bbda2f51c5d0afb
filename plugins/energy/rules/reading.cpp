#include "plugins/energy/rules/reading.hpp"

#include <bit>
#include <cstring>

namespace energy {
namespace {

// Puts `bytes` at `at`; the end of them.
char* put(char* at, std::string_view bytes) {
  if (!bytes.empty()) std::memcpy(at, bytes.data(), bytes.size());
  return at + bytes.size();
}
template <class T>
char* put_le(char* at, T value) {
  static_assert(std::endian::native == std::endian::little);
  std::memcpy(at, &value, sizeof value);
  return at + sizeof value;
}

template <std::size_t N>
std::string_view bytes_of(const std::array<std::uint8_t, N>& a) {
  return {reinterpret_cast<const char*>(a.data()), N};
}

}  // namespace

ReadingBytes::ReadingBytes(const ReadingView& reading) {
  signed_ = reading.provider_id.size() + reading.meter_address.size() + 3 * sizeof(std::uint64_t);
  size_ = signed_ + sizeof(std::uint32_t) + reading.signature.size();
  char* at = small_.data();
  if (size_ > small_.size()) {
    large_ = std::make_unique_for_overwrite<char[]>(size_);
    at = large_.get();
  }
  begin_ = at;
  at = put(put(at, reading.provider_id), reading.meter_address);
  at = put_le(put_le(put_le(at, reading.kwh_reading), reading.timestamp), reading.nonce);
  at = put_le(at, static_cast<std::uint32_t>(reading.signature.size()));
  put(at, bytes_of(reading.signature));
}

std::string reading_preimage(const ReadingView& reading) {
  return std::string(ReadingBytes(reading).preimage());
}

Hash reading_digest(const ReadingView& reading, const Crypto& crypto) {
  return crypto.blake3(ReadingBytes(reading).preimage());
}

Hash reading_meter_hash(const ReadingView& reading, const Crypto& crypto) {
  return crypto.blake3(ReadingBytes(reading).whole());
}

bool verify_reading(const ReadingBytes& bytes, const Hash& digest, const Signature& signature,
                    const PublicKey& key, const Crypto& crypto) {
  return crypto.verify(key, bytes_of(digest), signature) ||
         crypto.verify(key, bytes.preimage(), signature);
}

bool verify_reading(const ReadingView& reading, const PublicKey& key, const Crypto& crypto) {
  const ReadingBytes bytes(reading);
  return verify_reading(bytes, crypto.blake3(bytes.preimage()), reading.signature, key, crypto);
}

}  // namespace energy
