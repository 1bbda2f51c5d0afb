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

std::string reading_preimage(const Reading& reading) {
  std::string out;
  // Room for the signature as well, so that the meter hash appends without another allocation.
  out.reserve(reading.provider_id.size() + reading.meter_address.size() + 24 + 4 + 64);
  out.append(reading.provider_id).append(reading.meter_address);
  append_le(out, reading.kwh_reading);
  append_le(out, reading.timestamp);
  append_le(out, reading.nonce);
  return out;
}

Hash reading_digest(const Reading& reading, const Crypto& crypto) {
  return crypto.blake3(reading_preimage(reading));
}

Hash reading_meter_hash(const Reading& reading, const Crypto& crypto) {
  std::string message = reading_preimage(reading);
  append_le(message, static_cast<std::uint32_t>(reading.signature.size()));
  message.append(bytes_of(reading.signature));
  return crypto.blake3(message);
}

bool verify_reading(const Reading& reading, const PublicKey& key, const Crypto& crypto) {
  const std::string preimage = reading_preimage(reading);
  const Hash digest = crypto.blake3(preimage);
  return crypto.verify(key, bytes_of(digest), reading.signature) ||
         crypto.verify(key, preimage, reading.signature);
}

}  // namespace energy
