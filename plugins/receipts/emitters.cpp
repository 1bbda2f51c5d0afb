#include "plugins/receipts/emitters.hpp"

#include <tb/address.hpp>

#include "plugins/receipts/state.hpp"

namespace receipts {
namespace {

constexpr std::string_view kSet = "receipt_emitters";

struct SetArgs {
  std::string_view name;
};
BOOST_DESCRIBE_STRUCT(SetArgs, (), (name))
struct SetKeys {
  std::vector<tb::Hash> keys;
};
BOOST_DESCRIBE_STRUCT(SetKeys, (), (keys))

struct Validator {
  std::string name;
  std::uint64_t power = 0;
  tb::Hash public_key;
};
BOOST_DESCRIBE_STRUCT(Validator, (), (name, power, public_key))
struct Facts {
  std::vector<Validator> validators;
};
BOOST_DESCRIBE_STRUCT(Facts, (), (validators))

constexpr tb::Service kGov{0}, kChain{1};
constexpr tb::Function<SetArgs, SetKeys> kKeyset{kGov, 0};
constexpr tb::Function<tb::NoArgs, Facts> kGenesis{kChain, 0};

tb::Status read_keys(tb::Ctx& ctx, std::vector<tb::Hash>& out) {
  auto voted = ctx.ask(kKeyset, {kSet});
  if (!voted.absent) {
    if (!voted) return ctx.fail(voted);
    out = std::move(voted.value.keys);
    return tb::ok();
  }
  const auto facts = ctx.ask(kGenesis, {});
  if (!facts) return ctx.fail(facts);
  for (const Validator& validator : facts->validators) out.push_back(validator.public_key);
  return tb::ok();
}

}  // namespace

tb::Status is_emitter(tb::Ctx& ctx, bool& out) {
  out = ctx.is_admin();
  if (out) return tb::ok();
  std::vector<tb::Hash> keys;
  if (auto s = read_keys(ctx, keys); !s) return s;
  for (const tb::Hash& key : keys) out = out || tb::address_of(key) == ctx.account();
  return tb::ok();
}

tb::Status check_emitter(tb::Ctx& ctx, std::string_view what) {
  bool may = false;
  if (auto s = is_emitter(ctx, may); !s) return s;
  if (may) return tb::ok();
  return ctx.fail(kNotAuthorized,
                  tb::cat(what, " is for the keys of the set ", kSet,
                          " and for accounts with the role admin; see gov keyset list ", kSet));
}

void describe_emitters(tb::Plugin& p) {
  p.requires_service(kGov, "gov/1").optional().function(kKeyset, "keyset");
  p.requires_service(kChain, "chain/1").function(kGenesis, "genesis");
}

}  // namespace receipts
