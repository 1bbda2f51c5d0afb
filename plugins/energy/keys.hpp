// The keys of the energy state, relative to the plugin's namespace. Integers in keys are big-endian
// and hashes raw bytes, so a scan walks rows in the order of their numbers. Pure, callable from any
// thread.
//
// A key of the sandbox is the same key behind "rehearsal/". Trust roots have no copy there.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "plugins/energy/state.hpp"

namespace energy {

inline constexpr std::string_view kRehearsalPrefix = "rehearsal/";

// A key of bounded size, without memory from the heap.
class ShortKey {
 public:
  ShortKey& text(std::string_view part) {
    if (part.size() > bytes_.size() - size_)
      throw std::length_error("energy: a key of more than 64 bytes");
    if (!part.empty()) std::memcpy(bytes_.data() + size_, part.data(), part.size());
    size_ += part.size();
    return *this;
  }
  ShortKey& number(std::uint64_t value) {  // big-endian
    char bytes[8];
    for (int i = 0; i < 8; ++i) bytes[i] = static_cast<char>(value >> (56 - 8 * i) & 0xff);
    return text({bytes, sizeof bytes});
  }
  std::string_view view() const { return {bytes_.data(), size_}; }
  operator std::string_view() const { return view(); }

 private:
  std::array<char, 64> bytes_;  // written up to size_ only
  std::size_t size_ = 0;
};

// Builds the keys of one space; a value, cheap to copy.
class Keys {
 public:
  explicit constexpr Keys(Space space)
      : prefix_(space == Space::kRehearsal ? kRehearsalPrefix : std::string_view()) {}

  // Those of a reading need no memory from the heap.
  ShortKey provider(ProviderId id) const;                              // p/energy-0x0000001f
  std::string meter(std::string_view address) const;                   // m/<address>
  ShortKey credit(const Hash& meter_hash) const;                       // c/<hash>
  ShortKey credit_place(const CreditCursor& at) const;                 // cb/<block><hash>
  std::string queued(Height due_block, std::uint64_t queue_id) const;  // q/<due><id>
  std::string receipt(std::uint64_t seq) const;                        // r/<seq>
  std::string receipt_place(const Hash& meter_hash, std::uint64_t seq) const;  // rh/<hash><seq>
  std::string slash(const Hash& meter_hash, SlashReason reason) const;         // sk/<hash>quorum
  std::string dispute(std::uint64_t id) const;                                 // d/<id>
  std::string open_dispute(const Hash& meter_hash) const;                      // do/<hash>
  std::string totals() const;                                                  // tot

  // Prefixes of scans.
  std::string providers() const;
  std::string credits() const;
  std::string credit_places() const;
  std::string queue() const;
  std::string receipts() const;
  std::string receipts_of(const Hash& meter_hash) const;
  std::string disputes() const;

  // What a scanned key says; nullopt if it is not such a key of this space.
  std::optional<CreditCursor> read_credit_place(std::string_view key) const;
  struct QueuePlace {
    Height due_block = 0;
    std::uint64_t queue_id = 0;
    bool operator==(const QueuePlace&) const = default;
  };
  std::optional<QueuePlace> read_queued(std::string_view key) const;
  // The seq at the end of a receipt_place key.
  std::optional<std::uint64_t> read_receipt_place(std::string_view key) const;

 private:
  std::string begin(std::string_view kind) const;
  ShortKey short_key(std::string_view kind) const { return ShortKey().text(prefix_).text(kind); }
  std::optional<std::string_view> rest(std::string_view key, std::string_view kind,
                                       std::size_t size) const;
  std::string_view prefix_;
};

ShortKey trust_root_key(ProviderId id);  // k/energy-0x0000001f
inline constexpr std::string_view kTrustRootPrefix = "k/";
inline constexpr std::string_view kKeyVersionKey = "kv";
inline constexpr std::string_view kKeyDigestKey = "kd";

}  // namespace energy
