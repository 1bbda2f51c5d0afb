#include "plugins/receipts/tallies.hpp"

#include <limits>

namespace receipts {
namespace {

constexpr std::string_view kTalliesKey = "tallies";
constexpr std::string_view kFlawPrefix = "flaw/";

tb::Key flaw_key(const Flaw& flaw) {
  return tb::Key(kFlawPrefix)
      .u64(flaw.height)
      .u32(flaw.index.value_or(std::numeric_limits<std::uint32_t>::max()))
      .u8(static_cast<std::uint8_t>(flaw.reason));
}

void show(const tb::Host& host, const Flaw& flaw) {
  host.add(kValidationErrors, 1, {name_of(flaw.reason)});
  host.add(kValidationFailures);
  if (flaw.undecodable) host.add(kDecodingFailures);
  if (flaw.reason == Reason::kAggregateMismatch) host.add(kAggregateMismatches);
  if (flaw.reason == Reason::kHeaderMismatch) host.add(kHeaderMismatches);
  if (flaw.reason == Reason::kDiversity) host.add(kDiversityViolations);
  host.log(TB_LOG_WARN, tb::cat("receipts validation height=", flaw.height,
                                " reason=", name_of(flaw.reason), " ", flaw.detail));
}

}  // namespace

Tallies load_tallies(const tb::Host& host) {
  const auto row = host.store_get(kTalliesKey);
  Tallies tallies;
  const bool good =
      row && tb::decode_row(*row, tallies) && tallies.counts.size() == (kMarkets + 1) * kReasons;
  return good ? tallies : Tallies{};
}

tb::Status count_flaws(const tb::Host& host, const std::vector<Flaw>& flaws) {
  Tallies tallies = load_tallies(host);
  std::uint64_t remembered = tallies.total();
  tallies.mismatch = false;
  for (const Flaw& flaw : flaws) {
    tallies.mismatch |=
        flaw.reason == Reason::kHeaderMismatch || flaw.reason == Reason::kAggregateMismatch;
    const tb::Key key = flaw_key(flaw);
    if (remembered >= kMaxRemembered || host.store_get(key)) continue;
    if (auto s = host.store_put(key, "1"); !s) return s;
    show(host, flaw);
    tallies.at(flaw.market, flaw.reason) += 1;
    remembered += 1;
  }
  return host.store_put(kTalliesKey, tb::encode_row(tallies));
}

tb::Status clear_tallies(const tb::Host& host, std::uint64_t& cleared) {
  cleared = 0;
  for (bool more = true; more;) {
    std::vector<std::string> keys;
    auto s = host.store_scan(kFlawPrefix, {}, 1000, [&](std::string_view key, std::string_view) {
      keys.emplace_back(key);
      return true;
    });
    if (!s) return s;
    for (const std::string& key : keys) {
      if (s = host.store_erase(key); !s) return s;
    }
    cleared += keys.size();
    more = !keys.empty();
  }
  return host.store_erase(kTalliesKey);
}

}  // namespace receipts
