#include "tests/simulation/actors.hpp"

#include <algorithm>

#include "kernel/base/hex.hpp"

namespace blockd::sim {
namespace {

constexpr std::size_t kMaxMeters = 12, kMaxCredits = 200;
constexpr std::uint64_t kFirstTimestampLag = 30;  // seconds

std::string text(const json::value& params, std::string_view member) {
  const json::value* value = params.get_object().if_contains(member);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}
std::uint64_t number(const json::value& params, std::string_view member) {
  return params.at(member).to_number<std::uint64_t>();
}

}  // namespace

Actors::Actors(std::uint64_t seed) : random_(seed ^ 0xac7045) {
  for (std::uint64_t i = 0; i <= kUsers; ++i) accounts_.emplace_back(i);
}

void Actors::fill(Genesis& genesis) const {
  for (const support::Account& account : accounts_)
    genesis.alloc.emplace_back(account.address(), kAlloc);
  std::sort(genesis.alloc.begin(), genesis.alloc.end());
  genesis.roles = {{accounts_.front().address(), "admin"}};
}

Status Actors::catch_up(const Chain& chain) {
  for (support::Account& account : accounts_) {
    auto nonce = chain.nonce(chain.view(), account.address());
    if (!nonce.ok()) return nonce.status();
    account.nonce = *nonce;
  }
  return {};
}

std::vector<CommandPtr> Actors::batch(std::size_t commands, std::uint64_t time_ms) {
  guessed_ = known_;
  std::vector<CommandPtr> out;
  while (out.size() < commands) {
    out.push_back(one(time_ms));
    if (one_in(40)) out.push_back(out.back());  // twice the same: the second has a used nonce
    if (one_in(60))
      accounts_[below(accounts_.size())].nonce +=
          1;  // a gap: left out until the chain is asked again
  }
  return out;
}

CommandPtr Actors::one(std::uint64_t time_ms) {
  if (known_.meters.empty() && one_in(2)) return provider_command();
  switch (below(16)) {
    case 0:
    case 1:
    case 2:
      return transfer();
    case 3:
      return open_or_close_session(time_ms);
    case 4:
    case 5:
      return provider_command();
    case 6:
      return keys();
    case 7:
    case 8:
    case 9:
    case 10:
      return reading(time_ms);
    case 11:
    case 12:
    case 13:
      return settle();
    default:
      return dispute();
  }
}

CommandPtr Actors::transfer() {
  json::object params;
  switch (below(6)) {
    case 0:
      params["to"] = "treasury";
      break;
    case 1:
      params["to"] = "energy:stakes";
      break;  // an escrow
    case 2:
      params["to"] = "tb1notanaddress";
      break;
    default:
      params["to"] = anyone().address();
  }
  params["amount"] = one_in(8) ? Actors::kAlloc * 3 : below(2000);
  return anyone().sign("ledger.transfer", std::move(params), one_in(10) ? kAlloc * 2 : below(60));
}

CommandPtr Actors::open_or_close_session(std::uint64_t time_ms) {
  json::object params;
  params["session_pk"] = to_hex(support::key_of("session", below(4)).public_key());
  if (one_in(2)) return anyone().sign("ledger.close_session", std::move(params));
  params["expires_at_ms"] = time_ms + below(3'600'000);
  params["limit"] = below(10'000);
  return anyone().sign("ledger.open_session", std::move(params), below(20));
}

CommandPtr Actors::provider_command() {
  support::Account& who = admin();
  // One registration a batch, because a refused one would shift the numbers of those behind it.
  const bool free =
      guessed_.meters.size() == known_.meters.size() && known_.meters.size() < kMaxMeters;
  if (free && (known_.meters.empty() || one_in(2))) {
    const std::uint64_t meter = guessed_.meters.size();
    json::object params = support::register_params(meter, anyone().address(),
                                                   one_in(6) ? kAlloc * 3 : 1000 + below(3000));
    params["capacity_kwh"] = 200 + below(5000);
    guessed_.meters.push_back({support::Meter(meter)});
    return who.sign("energy.register_provider", std::move(params));
  }
  json::object params;
  params["provider_id"] = any_provider();
  switch (below(4)) {
    case 0:
      params["amount"] = below(3000);
      return who.sign("energy.withdraw_stake", std::move(params));
    case 1:
      params["fulfillment_ms"] = below(20'000);
      params["delivery_success"] = !one_in(3);
      return who.sign("energy.record_fulfillment", std::move(params));
    default:
      if (one_in(2)) params["stake_topup"] = below(2000);
      if (one_in(2)) params["capacity_kwh"] = 100 + below(5000);
      if (one_in(2)) params["reactivate"] = true;
      return who.sign("energy.update_provider", std::move(params));
  }
}

CommandPtr Actors::keys() {
  json::array keys;
  for (const Meter& meter : guessed_.meters) {
    if (one_in(15)) continue;  // revoked
    keys.push_back(json::object{{"provider_id", meter.meter.provider_id()},
                                {"public_key_hex", meter.meter.public_key_hex()}});
  }
  if (one_in(20))
    keys.push_back(json::object{{"provider_id", "energy-0xzz"}, {"public_key_hex", "00"}});
  return admin().sign("energy.set_provider_keys", json::object{{"keys", std::move(keys)}});
}

// A good reading, or one whose nonce, time, meter value, meter or signature is wrong.
CommandPtr Actors::reading(std::uint64_t time_ms) {
  if (guessed_.meters.empty()) return transfer();
  Meter& m = guessed_.meters[below(guessed_.meters.size())];
  Meter next = m;
  next.timestamp = std::max(m.timestamp + 1, time_ms / 1000 - kFirstTimestampLag);
  next.nonce = m.nonce + 1 + below(3);
  next.kwh = m.kwh + (one_in(5) ? 0 : 1 + below(90));
  const std::uint64_t fault = below(14);
  if (fault == 0) next.nonce = m.nonce;
  if (fault == 1) next.timestamp = m.timestamp;
  if (fault == 2 && m.kwh > 0) next.kwh = m.kwh - 1;
  if (fault == 3) next.timestamp += 100'000;
  json::object params = m.meter.reading(next.kwh, next.timestamp, next.nonce);
  if (fault == 4) params["kwh_reading"] = next.kwh + 1;
  if (fault == 5) params["meter_address"] = "meter_of_nobody";
  if (fault == 6) params["signature"] = "00";
  if (fault > 6) m = next;
  return admin().sign("energy.submit_reading", std::move(params));
}

// Mostly a part of a credit of its own provider; seldom somebody else's, or more than there is.
CommandPtr Actors::settle() {
  json::object params;
  const Credit* credit = any_credit();
  params["provider_id"] = credit != nullptr && !one_in(12) ? credit->provider : any_provider();
  params["kwh_consumed"] = one_in(12) ? 1'000'000 : 1 + below(credit ? credit->kwh : 60);
  params["meter_hash"] = credit != nullptr ? credit->meter_hash : std::string(64, 'a');
  params["buyer"] = one_in(4) ? "self" : anyone().address();
  if (one_in(2)) params["queue"] = true;
  return admin().sign("energy.settle", std::move(params));
}

CommandPtr Actors::dispute() {
  json::object params;
  if (one_in(2)) {
    const Credit* credit = any_credit();
    params["meter_hash"] = credit != nullptr ? credit->meter_hash : std::string(64, 'a');
    params["reason"] = one_in(2) ? "low_reading" : "it cannot be";
    return admin().sign("energy.flag_dispute", std::move(params));
  }
  params["dispute_id"] = 1 + below(known_.disputes + 2);
  params["outcome"] = one_in(2) ? "resolved" : "slashed";
  return admin().sign("energy.resolve_dispute", std::move(params));
}

std::string Actors::any_provider() {
  if (guessed_.meters.empty() || one_in(25)) return "energy-0x0000ffff";
  return guessed_.meters[below(guessed_.meters.size())].meter.provider_id();
}

const Actors::Credit* Actors::any_credit() {
  if (known_.credits.empty() || one_in(12)) return nullptr;
  return &known_.credits[below(known_.credits.size())];
}

void Actors::learn(const BlockRecord& block) {
  for (const Step& step : block.steps) {
    if (step.kind != StepKind::kCommand) continue;
    const Command& command = *block.commands.at(step.command);
    ++outcomes_[command.method + " " + std::string(outcome_name(step.outcome)) +
                (step.name.empty() ? "" : " " + step.name)];
    if (step.outcome != Outcome::kApplied) continue;
    if (command.method == "energy.register_provider")
      known_.meters.push_back({support::Meter(known_.meters.size())});
    if (command.method == "energy.flag_dispute") ++known_.disputes;
    if (command.method == "energy.submit_reading") learn_reading(command.params);
    if (command.method == "energy.settle") learn_settlement(command.params);
  }
}

void Actors::learn_reading(const json::value& params) {
  for (Meter& m : known_.meters) {
    if (m.meter.provider_id() != text(params, "provider_id")) continue;
    const std::uint64_t before = m.kwh;
    m.kwh = number(params, "kwh_reading");
    m.timestamp = number(params, "timestamp");
    m.nonce = number(params, "nonce");
    if (m.kwh == before) continue;
    known_.credits.push_back(
        {support::Meter::meter_hash(params.get_object()), m.meter.provider_id(), m.kwh - before});
    if (known_.credits.size() > kMaxCredits) known_.credits.erase(known_.credits.begin());
  }
}

// What is left of the credit; one that is used up is forgotten.
void Actors::learn_settlement(const json::value& params) {
  const std::string hash = text(params, "meter_hash");
  const std::uint64_t used = number(params, "kwh_consumed");
  std::erase_if(known_.credits, [&](Credit& credit) {
    if (credit.meter_hash != hash) return false;
    credit.kwh -= std::min(credit.kwh, used);
    return credit.kwh == 0;
  });
}

}  // namespace blockd::sim
