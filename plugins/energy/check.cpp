#include "plugins/energy/check.hpp"

#include <map>
#include <set>

#include "plugins/energy/queries.hpp"
#include "plugins/energy/services.hpp"

namespace energy {
namespace {

constexpr tb::Error kInvariantViolated{-33021, "InvariantViolated"};
constexpr std::size_t kMaxViolations = 100;

class Checker {
 public:
  explicit Checker(tb::View& view) : reader_(view, false) {}

  void run() {
    complete_ =
        walk_credits() && walk_providers() && walk_receipts() && walk_slashes() && walk_disputes();
    if (complete_) check_sums();
  }
  bool complete() const { return complete_; }
  const std::vector<std::string>& violations() const { return violations_; }
  void put_counts(tb::Out& out) const {
    out.put("complete", complete_);
    out.put("providers", providers_);
    out.put("credits", credits_);
    out.put("receipts", receipts_);
    out.put("disputes", disputes_);
  }

 private:
  void require(bool good, std::string what) {
    if (!good && violations_.size() < kMaxViolations) violations_.push_back(std::move(what));
  }

  bool walk_credits() {
    return reader_.walk(
        reader_.keys().credit_places(), false, [&](std::string_view key, std::string_view) {
          const auto place = reader_.keys().read_credit_place(key);
          const auto credit =
              place ? reader_.load<Credit>(reader_.keys().credit(place->meter_hash)) : std::nullopt;
          require(credit.has_value(), "I2: a place in the order of minting has no credit");
          if (!credit) return true;
          ++credits_;
          held_kwh_[credit->provider] += credit->amount_kwh;
          pending_[credit->provider] += *place > reader_.totals().expired_below ? 1 : 0;
          require(credit->amount_kwh >= 1 && credit->reserved_kwh <= credit->amount_kwh,
                  "I2: credit " + format_hex(place->meter_hash));
          return true;
        });
  }

  bool walk_providers() {
    return reader_.walk(
        reader_.keys().providers(), false, [&](std::string_view, std::string_view value) {
          Provider p = row_of<Provider>(value);
          bring_up_to_date(p, reader_.totals());
          const std::string name = format_provider_id(p.id);
          ++providers_;
          stakes_ += p.staked_balance;
          capacity_ += p.capacity_kwh;
          consumed_ += p.capacity_kwh - std::min(p.capacity_kwh, p.available_kwh);
          require(p.available_kwh <= p.capacity_kwh, "I1: " + name);
          const U128 metered = p.last_reading ? p.last_reading->meter_value : 0;
          const U128 accounted =
              U128{held_kwh_[p.id]} + p.total_delivered_kwh + p.voided_kwh + p.purged_kwh;
          require(metered == accounted,
                  "I3: " + name + " has kWh that no reading brought, or lost some");
          require(p.pending_credits == pending_[p.id], "pending credits of " + name);
          return true;
        });
  }

  bool walk_receipts() {
    return reader_.walk(reader_.keys().receipts(), false,
                        [&](std::string_view, std::string_view value) {
                          const Receipt r = row_of<Receipt>(value);
                          ++receipts_;
                          require(U128{r.treasury_fee} + r.jurisdiction_fee <= r.price_paid,
                                  tb::cat("I4: receipt ", r.seq));
                          accrued_ += U128{r.treasury_fee} + r.jurisdiction_fee + r.slash_applied;
                          return true;
                        });
  }

  // I7 holds by the key, which is (meter hash, reason).
  bool walk_slashes() {
    return reader_.walk("sk/", false, [&](std::string_view, std::string_view value) {
      accrued_ += row_of<SlashRecord>(value).amount;
      return true;
    });
  }

  bool walk_disputes() {
    std::set<Hash> open;
    const bool whole = reader_.walk(
        reader_.keys().disputes(), false, [&](std::string_view, std::string_view value) {
          const Dispute d = row_of<Dispute>(value);
          ++disputes_;
          if (!d.resolution)
            require(open.insert(d.meter_hash).second, tb::cat("I6: dispute ", d.id));
          return true;
        });
    require(!whole || open.size() == reader_.totals().open_disputes,
            "I6: the count of open disputes");
    return whole;
  }

  void check_sums() {
    const Totals& t = reader_.totals();
    require(t.provider_count == providers_, "the count of providers");
    require(t.total_capacity_kwh == capacity_ && t.total_consumed_kwh == consumed_,
            "the sums of capacity and consumption");
    require(t.treasury_accrued == accrued_, "I9: treasury_accrued");
    if (reader_.params().funds_mode != 1) return;
    const auto held = ledger_balance(reader_.view(), kStakesAccount);
    require(held.has_value() && *held == stakes_,
            "I5: energy:stakes does not hold the sum of the stakes");
  }

  Reader reader_;
  bool complete_ = false;
  std::vector<std::string> violations_;
  std::map<ProviderId, std::uint64_t> held_kwh_, pending_;
  std::uint64_t providers_ = 0, credits_ = 0, receipts_ = 0, disputes_ = 0;
  U128 stakes_ = 0, capacity_ = 0, consumed_ = 0, accrued_ = 0;
};

tb::Status check(tb::View& view, tb::Out& out) {
  Checker checker(view);
  checker.run();
  if (!checker.violations().empty()) {
    return view.fail(kInvariantViolated, tb::cat("violated: ", checker.violations().front()),
                     [&](tb::Out& data) {
                       data.put("violations", checker.violations());
                       checker.put_counts(data);
                     });
  }
  out.put("status", "ok");
  checker.put_counts(out);
  return tb::ok();
}

}  // namespace

void describe_check(tb::Plugin& p) {
  p.query("energy.check", &check)
      .role("energy.provider")
      .rate_class("read")
      .summary("Verify the market's invariants I1 to I9")
      .error(kInvariantViolated,
             "data.violations lists them; state is damaged, keep a copy of the data directory")
      .cli("energy check");
}

}  // namespace energy
