// Submission of a release: hash, signer set, threshold, attestations, in this order; the first
// refusal counts.
//
// An attestation is an Ed25519 signature over the ASCII bytes `release:<hash>`. Whoever calls
// passes the check of a signature, so that this library needs no cryptography. Pure.
// Spec: governance and treasury 5.7.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace gov {

struct Attestation {
  std::string signer;     // 64 hex digits
  std::string signature;  // 128 hex digits
};

struct ReleaseSubmission {
  std::string build_hash;
  std::vector<Attestation> signatures;
  std::uint64_t threshold = 0;          // 0: as many as the set has
  std::vector<std::string> signer_set;  // empty: the configured signers
  std::vector<std::string> configured_signers;
};

struct ReleaseVerdict {
  std::string_view error;               // empty: accepted
  std::string build_hash;               // lowercase
  std::vector<std::string> signer_set;  // lowercase, ascending, distinct
  std::uint64_t threshold = 0;
  std::uint64_t valid = 0, invalid = 0;  // attestations that were checked
  std::uint64_t signers = 0;             // distinct ones with a valid attestation
};

// `hex` with lowercase digits; empty unless it has exactly `digits` hex digits.
std::string lower_hex(std::string_view hex, std::size_t digits);
std::string attested_message(std::string_view build_hash);

using KnownRelease = std::function<bool(std::string_view build_hash)>;
// `signer` has 64 hex digits, lowercase; the signature is as given.
using VerifyAttestation = std::function<bool(std::string_view signer, std::string_view message,
                                             std::string_view signature)>;
ReleaseVerdict check_release(const ReleaseSubmission& in, const KnownRelease& known,
                             const VerifyAttestation& verify);

}  // namespace gov
