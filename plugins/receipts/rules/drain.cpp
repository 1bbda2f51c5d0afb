#include "plugins/receipts/rules/drain.hpp"

#include <algorithm>

namespace receipts {
namespace {

__extension__ typedef unsigned __int128 Wide;

// a + b <= budget * ppm / 1,000,000, in 128 bits.
bool fits(std::uint64_t a, std::uint64_t b, std::uint64_t budget, std::uint64_t ppm = 1'000'000) {
  return static_cast<Wide>(a) + b <= static_cast<Wide>(budget) * ppm / 1'000'000;
}

}  // namespace

bool Drain::offer(const Item& item) {
  const std::size_t number = offered_++;
  const std::uint64_t bytes = encoded_length(item.encoding);
  if (taken_.size() + 1 > limits_.max_receipts || !fits(block_.bytes, bytes, limits_.byte_budget) ||
      !fits(block_.units, item.units, limits_.verify_budget)) {
    return false;
  }
  Use& shard = shards_[item.shard];
  const std::uint64_t ppm = limits_.shard_budget_ppm;
  if (!fits(shard.bytes, bytes, limits_.byte_budget, ppm) ||
      !fits(shard.units, item.units, limits_.verify_budget, ppm)) {
    return false;
  }
  std::uint64_t& of_provider = per_provider_[std::string(item.receipt.provider())];
  if (of_provider + 1 > limits_.max_per_provider) return false;
  of_provider += 1;
  for (Use* use : {&block_, &shard}) {
    use->bytes += bytes;
    use->units += item.units;
  }
  shard.providers.emplace(item.receipt.provider());
  taken_.push_back(number);
  taken_shards_.push_back(item.shard);
  return true;
}

void Drain::finish(const std::function<Origin(std::string_view)>& origin_of) {
  if (limits_.min_regions <= 1 && limits_.min_asns <= 1) return;
  for (const auto& [shard, use] : shards_) {
    if (use.providers.empty()) continue;
    std::set<std::string> regions;
    std::set<std::uint64_t> asns;
    for (const std::string& provider : use.providers) {
      const Origin origin = origin_of(provider);
      regions.insert(origin.region);
      asns.insert(origin.asn);
    }
    if (regions.size() < limits_.min_regions || asns.size() < limits_.min_asns)
      violations_.push_back(shard);
  }
  std::vector<std::size_t> kept;
  for (std::size_t i = 0; i < taken_.size(); ++i) {
    if (!std::binary_search(violations_.begin(), violations_.end(), taken_shards_[i]))
      kept.push_back(taken_[i]);
  }
  taken_ = std::move(kept);
}

}  // namespace receipts
