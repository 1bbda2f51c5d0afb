// The rows of the plugin behind the questions that the rules ask. [machine] [face]
#pragma once

#include <functional>

#include "plugins/receipts/rules/recheck.hpp"
#include "plugins/receipts/state.hpp"

namespace receipts {

// Nonces as rows of the state.
class NonceState : public NonceRows {
 public:
  explicit NonceState(tb::Ctx& ctx) : ctx_(ctx) {}
  NonceFloor floor(std::string_view provider) override;
  void set_floor(std::string_view provider, const NonceFloor& floor) override;
  bool tracked(std::string_view provider, std::uint64_t nonce) override;
  void put(std::string_view provider, std::uint64_t nonce, std::uint64_t block) override;
  void erase(std::string_view provider, std::uint64_t nonce) override;
  std::optional<std::uint64_t> smallest(std::string_view provider) override;
  std::optional<OldNonce> oldest_before(std::uint64_t cutoff) override;

 private:
  tb::Ctx& ctx_;
};
// The same question where nothing is written.
bool nonce_fresh(tb::View& view, std::string_view provider, std::uint64_t nonce);

std::vector<KeyVersion> versions_of(const Provider& provider);
void set_versions(Provider& provider, const std::vector<KeyVersion>& versions);
// 32 bytes, or empty.
std::string key_at(tb::View& view, std::string_view provider, std::uint64_t height);
Origin origin_of(tb::View& view, std::string_view provider);

Header header_of(const Block& block);
// The block as validation looks at it.
SealedBlock sealed_of(std::uint64_t height, const Block& block);
// All receipts of a block in order, not decoded where they cannot be: the last one is then what is
// left of its chunk. False if a body is missing or damaged.
bool read_encodings(tb::View& view, std::uint64_t height, const Block& block,
                    std::vector<std::string>& out);

// Calls fn(index, encoding) for the receipts of a block from index `from` on, until it returns
// false. False if a stored body does not decode.
bool each_receipt(tb::View& view, std::uint64_t height, const Block& block, std::uint32_t from,
                  const std::function<bool(std::uint32_t, std::string_view)>& fn);

}  // namespace receipts
