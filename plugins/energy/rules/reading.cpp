#include "plugins/energy/rules/reading.hpp"

#include <bit>

namespace energy {
namespace {

template <class T>
void append_le(std::string& out, T value) {
  static_assert(std::endian::native == std::endian::little);
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

template <std::size_t N>
std::string_view bytes_of(const std::array<std::uint8_t, N>& a) {
  return {reinterpret_cast<const char*>(a.data()), N};
}

}  // namespace

ReadingBytes::ReadingBytes(const Reading& reading) {
  bytes_.reserve(reading.provider_id.size() + reading.meter_address.size() + 24 + 4 + 64);
  bytes_.append(reading.provider_id).append(reading.meter_address);
  append_le(bytes_, reading.kwh_reading);
  append_le(bytes_, reading.timestamp);
  append_le(bytes_, reading.nonce);
  signed_ = bytes_.size();
  append_le(bytes_, static_cast<std::uint32_t>(reading.signature.size()));
  bytes_.append(bytes_of(reading.signature));
}

std::string reading_preimage(const Reading& reading) {
  return std::string(ReadingBytes(reading).preimage());
}

Hash reading_digest(const Reading& reading, const Crypto& crypto) {
  return crypto.blake3(ReadingBytes(reading).preimage());
}

Hash reading_meter_hash(const Reading& reading, const Crypto& crypto) {
  return crypto.blake3(ReadingBytes(reading).whole());
}

bool verify_reading(const ReadingBytes& bytes, const Signature& signature, const PublicKey& key,
                    const Crypto& crypto) {
  const Hash digest = crypto.blake3(bytes.preimage());
  return crypto.verify(key, bytes_of(digest), signature) ||
         crypto.verify(key, bytes.preimage(), signature);
}

bool verify_reading(const Reading& reading, const PublicKey& key, const Crypto& crypto) {
  return verify_reading(ReadingBytes(reading), reading.signature, key, crypto);
}

}  // namespace energy
