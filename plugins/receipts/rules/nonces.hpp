// The nonce guard: no claim of a provider is accepted twice, however long one waits (receipts spec
// 6.7). Pure over the rows that the caller keeps. [any]
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace receipts {

inline constexpr std::uint64_t kNonceCap = 4096;  // tracked nonces of a provider

struct NonceFloor {
  std::uint64_t next_min = 0;
  std::uint64_t tracked = 0;
};

struct OldNonce {
  std::uint64_t block = 0;
  std::string provider;
  std::uint64_t nonce = 0;
};

// Where the nonces lie: rows of the state, or a map in a test.
class NonceRows {
 public:
  virtual ~NonceRows() = default;
  virtual NonceFloor floor(std::string_view provider) = 0;
  virtual void set_floor(std::string_view provider, const NonceFloor& floor) = 0;
  virtual bool tracked(std::string_view provider, std::uint64_t nonce) = 0;
  virtual void put(std::string_view provider, std::uint64_t nonce, std::uint64_t block) = 0;
  virtual void erase(std::string_view provider, std::uint64_t nonce) = 0;
  virtual std::optional<std::uint64_t> smallest(std::string_view provider) = 0;
  // The oldest nonce that was accepted before block `cutoff`.
  virtual std::optional<OldNonce> oldest_before(std::uint64_t cutoff) = 0;
};

bool nonce_fresh(NonceRows& rows, std::string_view provider, std::uint64_t nonce);
// REQUIRES: nonce_fresh().
void accept_nonce(NonceRows& rows, std::string_view provider, std::uint64_t nonce,
                  std::uint64_t block, std::uint64_t cap = kNonceCap);
// At the end of `block`: forgets up to `limit` nonces that have left the window; what is left over
// goes with a later block. Returns how many it forgot.
std::uint64_t prune_nonces(NonceRows& rows, std::uint64_t block, std::uint64_t window,
                           std::uint64_t limit);

}  // namespace receipts
