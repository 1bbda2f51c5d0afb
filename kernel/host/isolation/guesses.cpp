#include "kernel/host/isolation/guesses.hpp"

#include <algorithm>

namespace blockd::isolation {
namespace {

constexpr std::size_t kMaxSites = 4096;
constexpr std::size_t kMaxGuessBytes = 512;
constexpr std::uint32_t kFirstNeed = 2;
constexpr std::uint32_t kMostNeed = 512;
constexpr std::uint32_t kForgiven = 64;  // right ones in a row after a wrong one

}  // namespace

const Bytes* Guesses::find(std::uint64_t site) const {
  const auto it = sites_.find(site);
  return it != sites_.end() && it->second.same >= it->second.need ? &it->second.last : nullptr;
}

Guesses::Site* Guesses::site_for(std::uint64_t site, BytesView answer) {
  if (answer.size() > kMaxGuessBytes) {
    sites_.erase(site);
    return nullptr;
  }
  if (sites_.size() >= kMaxSites && !sites_.contains(site)) sites_.clear();
  return &sites_[site];
}

void Guesses::answered(std::uint64_t site, BytesView answer) {
  Site* s = site_for(site, answer);
  if (s == nullptr) return;
  if (s->same == 0 || s->last != answer) {
    s->last = answer;
    s->same = 0;
  }
  s->same = std::min(s->same + 1, kMostNeed);
}

void Guesses::held(std::uint64_t site) {
  const auto it = sites_.find(site);
  if (it == sites_.end()) return;
  Site& s = it->second;
  s.same = std::min(s.same + 1, kMostNeed + kForgiven);
  if (s.same >= s.need + kForgiven) s.need = kFirstNeed;
}

void Guesses::failed(std::uint64_t site, BytesView answer) {
  Site* s = site_for(site, answer);
  if (s == nullptr) return;
  s->need = std::min(s->need * 4, kMostNeed);
  s->last = answer;
  s->same = 1;
}

}  // namespace blockd::isolation
