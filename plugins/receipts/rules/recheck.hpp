// Recheck: the receipts of sealed blocks are held against their headers and the rules again
// (receipts spec 5.6). Pure over what the caller hands in; blocks come in ascending order. [any]
#pragma once

#include <deque>
#include <map>
#include <set>

#include "plugins/receipts/rules/drain.hpp"
#include "plugins/receipts/rules/validation.hpp"

namespace receipts {

// What a block with receipts recorded, and the rules that were in force when it was made.
struct SealedBlock {
  std::uint64_t height = 0, time_ms = 0;
  std::uint64_t count = 0;
  std::uint32_t shard_count = 0;
  std::uint64_t da_window_ms = 0;
  bool header_wanted = true;     // the height is at or above the activation height
  std::optional<Header> header;  // as recorded
  Hash commitment;
  DrainLimits limits;
};

struct Flaw {
  std::uint64_t height = 0;
  std::optional<std::uint32_t> index;  // empty: the block as a whole
  std::optional<Market> market;
  Reason reason{};
  bool undecodable = false;
  std::string detail;
  std::optional<Hash> id;
};

struct RecheckQuestions {
  // The key in force at the height, 32 bytes, or empty.
  std::function<std::string(std::string_view provider, std::uint64_t height)> key_of;
  std::function<Origin(std::string_view provider)> origin_of;
  std::function<bool(std::string_view key, std::string_view message, std::string_view signature)>
      verify;
  // What the plugin that emitted the receipt says of a signature that only it can verify; empty: it
  // does not run, or has no answer. May be unset.
  std::function<std::optional<bool>(const Receipt& receipt)> ask_emitter{};
};

// The nonces of the last `window` blocks of the replay.
class NonceWindow {
 public:
  explicit NonceWindow(std::uint64_t window) : window_(window) {}
  // Whether the provider used the nonce in the window before; notes it otherwise.
  bool repeated(std::string_view provider, std::uint64_t nonce, std::uint64_t height);

 private:
  using Entry = std::pair<std::string, std::uint64_t>;
  std::uint64_t window_;
  std::set<Entry> seen_;
  std::deque<std::pair<std::uint64_t, Entry>> by_age_;
};

class Recheck {
 public:
  // `only`: receipts of other markets count for the block, and are not checked by themselves.
  Recheck(RecheckQuestions ask, std::uint64_t nonce_window, std::optional<Market> only,
          std::function<void(Flaw)> report)
      : ask_(std::move(ask)), nonces_(nonce_window), only_(only), report_(std::move(report)) {}

  // `encodings` are the stored receipts in order. Returns those that decode.
  std::vector<Item> run(const SealedBlock& block, const std::vector<std::string>& encodings);

  std::uint64_t receipts() const { return receipts_; }  // that were checked by themselves
  std::uint64_t sound() const { return sound_; }        // of these, without a flaw
  // Signatures that only the emitting plugin can verify, where it could not be asked.
  std::uint64_t unchecked() const { return unchecked_; }

 private:
  void report(const SealedBlock& block, Reason reason, std::string detail);
  void check_header(const SealedBlock& block, const std::vector<Item>& items);
  void check_limits(const SealedBlock& block, const std::vector<Item>& items);
  Checked check_receipt(const SealedBlock& block, const Receipt& receipt);
  Checked check_claim(const SealedBlock& block, const Receipt& receipt);
  Checked check_with_emitter(const Receipt& receipt);

  RecheckQuestions ask_;
  NonceWindow nonces_;
  std::optional<Market> only_;
  std::function<void(Flaw)> report_;
  std::uint64_t receipts_ = 0, sound_ = 0, unchecked_ = 0;
};

// What an audit remarks on a receipt (receipts spec 6.9).
struct Remark {
  std::string_view name, severity;
};
std::vector<Remark> audit(const Receipt& receipt, bool stake_linked);

}  // namespace receipts
