#include "plugins/ledger/outside.hpp"

namespace ledger {
namespace {

constexpr tb::Service kChain{0}, kKyc{1};

struct KeyArgs {
  std::string_view key;
};
BOOST_DESCRIBE_STRUCT(KeyArgs, (), (key))
struct ParamResult {
  std::uint64_t value = 0;
};
BOOST_DESCRIBE_STRUCT(ParamResult, (), (value))
constexpr tb::Function<KeyArgs, ParamResult> kParam{kChain, 0};

struct AccountQuery {
  std::string_view account;
};
BOOST_DESCRIBE_STRUCT(AccountQuery, (), (account))
struct OwnerResult {
  std::string owner;
};
BOOST_DESCRIBE_STRUCT(OwnerResult, (), (owner))
constexpr tb::Function<AccountQuery, OwnerResult> kEscrowOwner{kChain, 1};
struct VerifiedResult {
  bool verified = false;
};
BOOST_DESCRIBE_STRUCT(VerifiedResult, (), (verified))
constexpr tb::Function<AccountQuery, VerifiedResult> kVerified{kKyc, 0};

// The value in force. A switch that nobody declared and nobody voted on is off.
tb::Status read_switch(tb::Ctx& ctx, std::string_view key, std::uint64_t* value) {
  const auto answer = ctx.ask(kParam, {key});
  if (answer) {
    *value = answer->value;
    return tb::ok();
  }
  if (answer.name != "unknown_param") return ctx.fail(answer);
  *value = 0;
  return tb::ok();
}

}  // namespace

std::string owner_of(tb::View& view, std::string_view account, std::string_view plugin) {
  const std::string_view prefix = prefix_of(account);
  if (prefix.empty() || prefix == plugin || account == kTreasury) return std::string(prefix);
  const auto answer = view.ask(kEscrowOwner, {account});
  return answer && !answer->owner.empty() ? answer->owner : std::string(prefix);
}

tb::Status ask_verified(tb::Ctx& ctx, std::string_view account, bool* verified) {
  *verified = false;
  const auto answer = ctx.ask(kVerified, {account});
  if (answer.absent) return tb::ok();
  if (!answer) return ctx.fail(answer);
  *verified = answer->verified;
  return tb::ok();
}

tb::Status check_safe_mode(tb::Ctx& ctx) {
  if (ctx.account().empty()) return tb::ok();
  std::uint64_t enforced = 0, operational = 0;
  if (auto s = read_switch(ctx, "safe_mode_enforced", &enforced); !s || enforced == 0) return s;
  if (auto s = read_switch(ctx, "launch_operational_flag", &operational); !s) return s;
  if (operational != 0) return tb::ok();
  return ctx.fail(kSafeMode,
                  "the ledger is in safe mode (launch_operational_flag = 0, safe_mode_enforced = "
                  "1): transfers and holds wait for the launch governor");
}

void describe_required(tb::Plugin& p) {
  p.requires_service(kChain, "chain/1")
      .function(kParam, "param")
      .function(kEscrowOwner, "escrow_owner");
  p.requires_service(kKyc, "kyc/1").optional().function(kVerified, "verified");
}

}  // namespace ledger
