// Drain: which pending receipts go into the block at hand (receipts spec 6.5). Pure. [any]
//
// Offer the queue in sequence order, then finish(). What was not taken stays pending in its place.
#pragma once

#include <functional>
#include <map>
#include <set>

#include "plugins/receipts/rules/digests.hpp"

namespace receipts {

inline constexpr std::uint64_t kByteBudget = 10'000'000;
inline constexpr std::uint64_t kVerifyBudget = 100'000;
inline constexpr std::uint64_t kMaxReceiptsPerBlock = 10'000;
inline constexpr std::uint64_t kMaxLookedAt = 20'000;

struct DrainLimits {
  std::uint64_t max_receipts = kMaxReceiptsPerBlock;
  std::uint64_t byte_budget = kByteBudget;
  std::uint64_t verify_budget = kVerifyBudget;
  std::uint64_t shard_budget_ppm = 1'000'000;
  std::uint64_t max_per_provider = 64;
  std::uint64_t min_regions = 1;
  std::uint64_t min_asns = 1;
};

struct Origin {
  std::string region = "unknown";
  std::uint64_t asn = 0;
};

class Drain {
 public:
  explicit Drain(const DrainLimits& limits) : limits_(limits) {}

  // Whether the receipt fits so far (diversity may still return it); its number is that of the
  // call, from 0.
  bool offer(const Item& item);
  // Puts the receipts of shards back whose providers are not diverse enough.
  // `origin_of` answers for a provider.
  void finish(const std::function<Origin(std::string_view)>& origin_of);

  const std::vector<std::size_t>& taken() const { return taken_; }
  const std::vector<std::uint32_t>& violations() const { return violations_; }

 private:
  struct Use {
    std::uint64_t bytes = 0, units = 0;
    std::set<std::string, std::less<>> providers;
  };

  DrainLimits limits_;
  std::size_t offered_ = 0;
  Use block_;
  std::map<std::uint32_t, Use> shards_;
  std::map<std::string, std::uint64_t, std::less<>> per_provider_;
  std::vector<std::size_t> taken_;
  std::vector<std::uint32_t> taken_shards_;
  std::vector<std::uint32_t> violations_;
};

}  // namespace receipts
