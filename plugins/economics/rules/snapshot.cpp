#include "plugins/economics/rules/snapshot.hpp"

#include <charconv>
#include <tb/blake3.hpp>

namespace economics {
namespace {

constexpr std::uint64_t kLargestNumber = (std::uint64_t{1} << 53) - 1;
constexpr std::array<Market, kMarkets> kByName = {Market::kAd, Market::kCompute, Market::kEnergy,
                                                  Market::kStorage};
constexpr int kMaxDepth = 8;

// Writes members in the order in which they are given, which is the ascending one.
class Writer {
 public:
  template <class Fill>
  void object(std::string_view name, Fill&& fill) {
    key(name);
    out_ += '{';
    first_ = true;
    fill();
    out_ += '}';
    first_ = false;
  }
  void number(std::string_view name, std::uint64_t value) {
    key(name);
    const bool quoted = value > kLargestNumber;
    out_.append(quoted ? "\"" : "").append(std::to_string(value)).append(quoted ? "\"" : "");
  }
  void number(std::string_view name, std::int64_t value) {
    if (value >= 0) return number(name, static_cast<std::uint64_t>(value));
    key(name);
    out_ += std::to_string(value);  // a margin: far above -2^53
  }
  void text(std::string_view name, std::string_view value) {
    key(name);
    out_.append("\"").append(value).append("\"");
  }
  std::string take() { return std::move(out_); }

 private:
  void key(std::string_view name) {
    if (!first_) out_ += ',';
    first_ = false;
    if (!name.empty()) out_.append("\"").append(name).append("\":");
  }
  std::string out_;
  bool first_ = true;
};

void write_inflation(Writer& w, const Snapshot& s) {
  w.object("inflation", [&] {
    w.number("annual_issuance_block", s.issuance.annual_issuance);
    w.number("block_reward_per_block", s.state.block_reward);
    w.number("circulating_block", s.inputs.emission);
    w.number("realized_inflation_bps", s.issuance.realized_inflation_bps);
    w.number("target_inflation_bps", s.target_inflation_bps);
  });
}

void write_inputs(Writer& w, const EpochInputs& in) {
  w.object("inputs", [&] {
    w.number("ad_spend_block", in.ad_spend);
    w.object("markets", [&] {
      for (Market market : kByName) {
        const Metric& m = in.markets[static_cast<std::size_t>(market)];
        w.object(kMarketNames[static_cast<std::size_t>(market)], [&] {
          w.number("cost_micro", m.cost_micro);
          w.number("margin_ppm", m.margin_ppm);
          w.number("payout_micro", m.payout_micro);
          w.number("utilization_ppm", m.utilization_ppm);
        });
      }
    });
    w.number("non_kyc_volume_block", in.non_kyc_volume);
    w.number("treasury_inflow_block", in.treasury_inflow);
    w.number("tx_count", in.tx_count);
    w.number("tx_volume_block", in.tx_volume);
    w.number("unique_miners", in.unique_miners);
  });
}

void write_state(Writer& w, const LawState& s) {
  w.object("state", [&] {
    w.number("ad_platform_nano", s.ad.platform_nano);
    w.number("ad_user_nano", s.ad.user_nano);
    w.number("baseline_miners_micro", s.baselines.miners_micro);
    w.number("baseline_tx_count_micro", s.baselines.tx_count_micro);
    w.number("baseline_tx_volume_micro", s.baselines.tx_volume_micro);
    w.number("fairness_last_n_milli", s.fairness.last_n_milli);
    w.number("fairness_lock_until_height", s.fairness.lock_until_height);
    w.number("fairness_nano", s.fairness.nano);
    w.number("tariff_micro_bps", s.tariff_micro_bps);
  });
}

// Reads objects of strings and integers; anything else makes good() false.
class Flattener {
 public:
  explicit Flattener(std::string_view text) : rest_(text) {}

  bool read(std::map<std::string, std::string>& out) {
    object({}, out, 0);
    return good_ && rest_.empty();
  }

 private:
  bool take(char wanted) {
    if (rest_.empty() || rest_.front() != wanted) return false;
    rest_.remove_prefix(1);
    return true;
  }
  std::string_view quoted() {
    good_ = good_ && take('"');
    const std::size_t end = good_ ? rest_.find('"') : std::string_view::npos;
    if (end == std::string_view::npos) {
      good_ = false;
      return {};
    }
    const std::string_view text = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return text;
  }
  void object(const std::string& path, std::map<std::string, std::string>& out, int depth) {
    good_ = good_ && depth < kMaxDepth && take('{');
    if (!good_ || take('}')) return;
    do {
      const std::string inner = (path.empty() ? "" : path + ".") + std::string(quoted());
      good_ = good_ && take(':');
      if (!good_) return;
      value(inner, out, depth);
    } while (good_ && take(','));
    good_ = good_ && take('}');
  }
  void value(const std::string& path, std::map<std::string, std::string>& out, int depth) {
    if (!rest_.empty() && rest_.front() == '{') return object(path, out, depth + 1);
    if (!rest_.empty() && rest_.front() == '"') {
      out[path] = quoted();
      return;
    }
    const std::size_t end = std::min(rest_.find_first_not_of("-0123456789"), rest_.size());
    good_ = good_ && end > 0;
    out[path] = rest_.substr(0, end);
    rest_.remove_prefix(end);
  }

  std::string_view rest_;
  bool good_ = true;
};

// Takes members out of the flat form; good() is false once one is missing or no number.
class Reader {
 public:
  explicit Reader(const std::map<std::string, std::string>& members) : members_(members) {}

  template <class T>
  void number(const std::string& name, T& out) {
    const std::string found = text(name);
    const auto [end, error] = std::from_chars(found.data(), found.data() + found.size(), out);
    good_ = good_ && error == std::errc() && end == found.data() + found.size();
  }
  std::string text(const std::string& name) {
    const auto at = members_.find(name);
    good_ = good_ && at != members_.end();
    return at == members_.end() ? std::string() : at->second;
  }
  bool good() const { return good_; }

 private:
  const std::map<std::string, std::string>& members_;
  bool good_ = true;
};

void read_inputs(Reader& r, EpochInputs& in) {
  r.number("epoch", in.epoch);
  r.number("emission_block", in.emission);
  r.number("inputs.ad_spend_block", in.ad_spend);
  r.number("inputs.non_kyc_volume_block", in.non_kyc_volume);
  r.number("inputs.treasury_inflow_block", in.treasury_inflow);
  r.number("inputs.tx_count", in.tx_count);
  r.number("inputs.tx_volume_block", in.tx_volume);
  r.number("inputs.unique_miners", in.unique_miners);
  for (std::size_t i = 0; i < kMarkets; ++i) {
    const std::string at = "inputs.markets." + std::string(kMarketNames[i]) + ".";
    r.number(at + "cost_micro", in.markets[i].cost_micro);
    r.number(at + "margin_ppm", in.markets[i].margin_ppm);
    r.number(at + "payout_micro", in.markets[i].payout_micro);
    r.number(at + "utilization_ppm", in.markets[i].utilization_ppm);
  }
}

void read_state(Reader& r, LawState& s) {
  r.number("inflation.block_reward_per_block", s.block_reward);
  r.number("state.ad_platform_nano", s.ad.platform_nano);
  r.number("state.ad_user_nano", s.ad.user_nano);
  r.number("state.baseline_miners_micro", s.baselines.miners_micro);
  r.number("state.baseline_tx_count_micro", s.baselines.tx_count_micro);
  r.number("state.baseline_tx_volume_micro", s.baselines.tx_volume_micro);
  r.number("state.fairness_last_n_milli", s.fairness.last_n_milli);
  r.number("state.fairness_lock_until_height", s.fairness.lock_until_height);
  r.number("state.fairness_nano", s.fairness.nano);
  r.number("state.tariff_micro_bps", s.tariff_micro_bps);
  for (std::size_t i = 0; i < kMarkets; ++i) {
    const std::string market(kMarketNames[i]);
    r.number("subsidies." + market + "_share_bps", s.shares_bps[i]);
    r.number("multipliers_ppm." + market, s.multipliers_ppm[i]);
  }
  s.prev_hash = r.text("prev_hash");
}

}  // namespace

std::string canonical_json(const Snapshot& s) {
  Writer w;
  w.object({}, [&] {
    w.object("ad_market", [&] {
      w.number("platform_take_bps", s.ad_split.platform_bps);
      w.number("publisher_share_bps", s.ad_split.publisher_bps);
      w.number("user_share_bps", s.ad_split.user_bps);
    });
    w.number("emission_block", s.inputs.emission);
    w.number("epoch", s.inputs.epoch);
    write_inflation(w, s);
    write_inputs(w, s.inputs);
    w.object("multipliers_ppm", [&] {
      for (Market market : kByName) {
        const std::size_t i = static_cast<std::size_t>(market);
        w.number(kMarketNames[i], s.state.multipliers_ppm[i]);
      }
    });
    w.text("params_hash", s.params_hash);
    w.text("prev_hash", s.state.prev_hash);
    write_state(w, s.state);
    w.object("subsidies", [&] {
      for (Market market : kByName) {
        const std::size_t i = static_cast<std::size_t>(market);
        w.number(std::string(kMarketNames[i]) + "_share_bps", s.state.shares_bps[i]);
      }
    });
    w.object("tariff", [&] {
      w.number("non_kyc_volume_block", s.inputs.non_kyc_volume);
      w.number("tariff_bps", s.tariff.bps);
      w.number("treasury_contribution_bps", s.tariff.contribution_bps);
    });
    w.number("version", std::uint64_t{1});
  });
  return w.take();
}

std::string hash_of(std::string_view text) { return tb::blake3(text).hex(); }

std::map<std::string, std::string> flat_members(std::string_view json) {
  std::map<std::string, std::string> out;
  if (!Flattener(json).read(out)) out.clear();
  return out;
}

std::optional<Snapshot> read_snapshot(std::string_view json) {
  const std::map<std::string, std::string> members = flat_members(json);
  Reader r(members);
  Snapshot out;
  read_inputs(r, out.inputs);
  read_state(r, out.state);
  r.number("inflation.annual_issuance_block", out.issuance.annual_issuance);
  r.number("inflation.realized_inflation_bps", out.issuance.realized_inflation_bps);
  r.number("inflation.target_inflation_bps", out.target_inflation_bps);
  r.number("ad_market.platform_take_bps", out.ad_split.platform_bps);
  r.number("ad_market.publisher_share_bps", out.ad_split.publisher_bps);
  r.number("ad_market.user_share_bps", out.ad_split.user_bps);
  r.number("tariff.tariff_bps", out.tariff.bps);
  r.number("tariff.treasury_contribution_bps", out.tariff.contribution_bps);
  out.tariff.micro_bps = out.state.tariff_micro_bps;
  out.params_hash = r.text("params_hash");
  if (!r.good()) return std::nullopt;
  return out;
}

std::string first_difference(std::string_view stored, std::string_view again) {
  if (stored == again) return {};
  const auto left = flat_members(stored), right = flat_members(again);
  for (const auto& [name, value] : left) {
    const auto at = right.find(name);
    if (at == right.end() || at->second != value) return name;
  }
  for (const auto& [name, value] : right) {
    if (!left.contains(name)) return name;
  }
  return "(form)";
}

}  // namespace economics
