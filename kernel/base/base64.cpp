#include "kernel/base/base64.hpp"

#include <sodium.h>

namespace blockd {
namespace {

std::string encode(BytesView data, int variant) {
  std::string out(sodium_base64_encoded_len(data.size(), variant), '\0');
  sodium_bin2base64(out.data(), out.size(), reinterpret_cast<const unsigned char*>(data.data()),
                    data.size(), variant);
  out.pop_back();  // the terminating zero that libsodium counts
  return out;
}

Result<Bytes> decode(std::string_view text, int variant) {
  Bytes out(text.size() / 4 * 3 + 3, '\0');
  std::size_t size = 0;
  const char* end = nullptr;
  int failed = sodium_base642bin(reinterpret_cast<unsigned char*>(out.data()), out.size(),
                                 text.data(), text.size(), nullptr, &size, &end, variant);
  if (failed != 0 || end != text.data() + text.size()) {
    return Status(Code::kInvalid,
                  "not valid Base64 at character " + std::to_string(end ? end - text.data() : 0));
  }
  out.resize(size);
  return out;
}

}  // namespace

std::string to_base64(BytesView data) { return encode(data, sodium_base64_VARIANT_ORIGINAL); }
Result<Bytes> from_base64(std::string_view text) {
  return decode(text, sodium_base64_VARIANT_ORIGINAL);
}
std::string to_base64url(BytesView data) {
  return encode(data, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}
Result<Bytes> from_base64url(std::string_view text) {
  return decode(text, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

}  // namespace blockd
