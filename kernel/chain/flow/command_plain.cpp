// The fast path of parsing: a walk over the canonical text of an envelope that has nothing unusual.
#include "kernel/base/address.hpp"
#include "kernel/base/canonical_text.hpp"
#include "kernel/base/hex_wide.hpp"
#include "kernel/chain/flow/command_form.hpp"

namespace blockd::internal {
namespace {

constexpr std::size_t kMaxPlainName = 128;  // of chain and method
constexpr int kParamsDepth = 2;             // levels that are open around the params

template <std::size_t N>
bool read_hex(CanonicalText& in, std::array<std::uint8_t, N>& out) {
  std::string_view text;
  if (!in.text(&text) || text.size() != 2 * N) return false;
  return read_hex_digits<false>(text.data(), N, reinterpret_cast<char*>(out.data()));
}

bool read_text(CanonicalText& in, std::size_t min, std::size_t max, std::string& out) {
  std::string_view text;
  if (!in.text(&text) || text.size() < min || text.size() > max) return false;
  out = text;
  return true;
}

bool read_lane(CanonicalText& in, Command& out) {
  std::string_view text;
  if (!in.text(&text)) return false;
  for (const Lane lane : {Lane::kConsumer, Lane::kIndustrial}) {
    if (text == lane_name(lane)) out.lane = lane;
  }
  return out.lane.has_value();
}

bool read_params(CanonicalText& in, bool known, Command& out) {
  const char* const begin = in.position();
  if (!(known ? in.skip_known_object() : in.skip(kParamsDepth) && *begin == '{')) return false;
  out.params_text = {begin, static_cast<std::size_t>(in.position() - begin)};
  return true;
}

// Groups, sessions and shares of a fee are rare: who meets one takes the long way.
bool read_member(CanonicalText& in, std::string_view name, bool known, Command& out) {
  if (name == "chain") return read_text(in, 1, kMaxPlainName, out.chain);
  if (name == "fee") return in.number(&out.fee);
  if (name == "from") return read_text(in, 1, kMaxPlainName, out.from);
  if (name == "lane") return read_lane(in, out);
  if (name == "memo") return read_text(in, 0, kMaxMemoBytes, out.memo);
  if (name == "method") return read_text(in, 1, kMaxPlainName, out.method);
  if (name == "nonce") return in.number(&out.nonce) && out.nonce >= 1;
  if (name == "params") return read_params(in, known, out);
  return name == "expires_at_ms" && in.number(&out.expires_at_ms.emplace());
}

bool read_command(CanonicalText& in, bool known, Command& out) {
  CanonicalText::Members members(in);
  for (std::string_view name;;) {
    if (!members.next(&name)) return false;
    if (name.data() == nullptr) break;
    if (!read_member(in, name, known, out)) return false;
  }
  return !out.chain.empty() && !out.method.empty() && out.nonce != 0 && !out.params_text.empty() &&
         is_address(out.from) && out.from.front() == 't';
}

bool read_signature_list(CanonicalText& in, Command& out) {
  do {
    CommandSignature& read = out.signatures.emplace_back();
    if (!in.take("{\"key\":") || !read_hex(in, read.key)) return false;
    if (!in.take(",\"sig\":") || !read_hex(in, read.sig) || !in.take('}')) return false;
    const std::size_t n = out.signatures.size();
    if (n > kMaxSignatures) return false;
    if (n > 1 && !(out.signatures[n - 2].key < read.key)) return false;
  } while (in.take(','));
  return true;
}

}  // namespace

bool read_plain_envelope(BytesView envelope, bool known, Command& out) {
  CanonicalText in(envelope);
  if (!in.take("{\"command\":")) return false;
  const char* const begin = in.position();
  if (!read_command(in, known, out)) return false;
  out.signed_bytes = {begin, static_cast<std::size_t>(in.position() - begin)};
  return in.take(",\"signatures\":[") && read_signature_list(in, out) && in.take("]}") && in.done();
}

}  // namespace blockd::internal
