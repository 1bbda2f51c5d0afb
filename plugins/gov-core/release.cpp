#include "plugins/gov-core/release.hpp"

#include <algorithm>
#include <set>

namespace gov {

std::string lower_hex(std::string_view hex, std::size_t digits) {
  if (hex.size() != digits) return {};
  std::string low(hex);
  for (char& c : low) {
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
    if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return {};
  }
  return low;
}

std::string attested_message(std::string_view build_hash) {
  return "release:" + std::string(build_hash);
}

namespace {

std::vector<std::string> normal_set(const std::vector<std::string>& keys) {
  std::set<std::string> set;
  for (const std::string& key : keys) {
    if (std::string low = lower_hex(key, 64); !low.empty()) set.insert(std::move(low));
  }
  return {set.begin(), set.end()};
}

void check_attestations(const ReleaseSubmission& in, const VerifyAttestation& verify,
                        ReleaseVerdict* out) {
  const std::string message = attested_message(out->build_hash);
  std::set<std::string> signers;
  for (const Attestation& attestation : in.signatures) {
    const std::string signer = lower_hex(attestation.signer, 64);
    const bool member = std::binary_search(out->signer_set.begin(), out->signer_set.end(), signer);
    if (!member || !verify(signer, message, attestation.signature)) {
      out->invalid += 1;
      out->error = "invalid_attestation";
      return;
    }
    out->valid += 1;
    signers.insert(signer);
  }
  out->signers = signers.size();
  if (out->signers < out->threshold) out->error = "insufficient_release_signers";
}

}  // namespace

ReleaseVerdict check_release(const ReleaseSubmission& in, const KnownRelease& known,
                             const VerifyAttestation& verify) {
  ReleaseVerdict out;
  out.build_hash = lower_hex(in.build_hash, 64);
  if (out.build_hash.empty()) {
    out.error = "invalid_release_hash";
    return out;
  }
  if (known(out.build_hash)) {
    out.error = "release_known";
    return out;
  }
  out.signer_set = normal_set(in.signer_set.empty() ? in.configured_signers : in.signer_set);
  out.threshold = in.threshold == 0 ? out.signer_set.size() : in.threshold;
  // Without any signer a threshold cannot be met; without a threshold nothing needs attesting.
  if (out.signer_set.empty() && out.threshold > 0) {
    out.error = "no_release_signers";
    return out;
  }
  if (out.threshold > out.signer_set.size()) {
    out.error = "threshold_exceeds_signer_set";
    return out;
  }
  check_attestations(in, verify, &out);
  return out;
}

}  // namespace gov
