#include "plugins/treasury/services.hpp"

#include "plugins/treasury/errors.hpp"
#include "tb/ledger.hpp"

namespace treasury {
namespace {

using Ledger = tb::Ledger<0>;
constexpr tb::Service kRoles{1};
constexpr tb::Service kGov{2};

struct AccountArgs {
  std::string_view account;
};
BOOST_DESCRIBE_STRUCT(AccountArgs, (), (account))
struct Credits {
  std::vector<PaidIn> credits;
};
BOOST_DESCRIBE_STRUCT(Credits, (), (credits))

constexpr tb::Function<AccountArgs> kWatch{Ledger::kService, Ledger::kFunctions};
constexpr tb::Function<AccountArgs, Credits> kTakeCredits{Ledger::kService, Ledger::kFunctions + 1};

struct PageArgs {
  std::string_view after;
  std::uint32_t limit = 0;
};
BOOST_DESCRIBE_STRUCT(PageArgs, (), (after, limit))
struct AccountPage {
  std::vector<AccountRow> accounts;
};
BOOST_DESCRIBE_STRUCT(AccountPage, (), (accounts))
struct Issued {
  std::uint64_t issued = 0;
};
BOOST_DESCRIBE_STRUCT(Issued, (), (issued))
constexpr tb::Function<PageArgs, AccountPage> kAccounts{Ledger::kService, Ledger::kFunctions + 2};
constexpr tb::Function<tb::NoArgs, Issued> kIssued{Ledger::kService, Ledger::kFunctions + 3};

struct RoleResult {
  std::string role;
};
BOOST_DESCRIBE_STRUCT(RoleResult, (), (role))
struct WeightArgs {
  std::string_view account, house;
  std::uint64_t height = 0;
};
BOOST_DESCRIBE_STRUCT(WeightArgs, (), (account, house, height))
struct Weight {
  std::uint64_t weight = 0;
};
BOOST_DESCRIBE_STRUCT(Weight, (), (weight))
struct HeightArgs {
  std::uint64_t height = 0;
};
BOOST_DESCRIBE_STRUCT(HeightArgs, (), (height))

constexpr tb::Function<AccountArgs, RoleResult> kRole{kRoles, 0};
constexpr tb::Function<WeightArgs, Weight> kWeight{kRoles, 1};
constexpr tb::Function<HeightArgs, Totals> kTotals{kRoles, 2};

struct ProvenanceArgs {
  std::string_view kind = "disbursement";
  std::optional<std::uint64_t> disbursement_id;
  std::optional<std::string> from_state, to_state;
  std::optional<std::uint64_t> amount;
  std::optional<std::string> destination, reason, tx_hash, subject;
  std::optional<RecordShape> data;
};
BOOST_DESCRIBE_STRUCT(ProvenanceArgs, (),
                      (kind, disbursement_id, from_state, to_state, amount, destination, reason,
                       tx_hash, subject, data))

constexpr tb::Function<ProvenanceArgs> kProvenance{kGov, 0};
constexpr tb::Function<PolicyQuestion, PolicyVerdict> kPayment{kGov, 1};

tb::Status done(tb::Ctx& ctx, const tb::Answer<tb::NoArgs>& answer) {
  return answer ? tb::ok() : ctx.fail(answer);
}

std::string memo_of(std::uint64_t id) { return tb::cat("disb:", id); }

int rank_of(std::string_view role) {
  if (role == "admin") return 3;
  if (role == "operator") return 2;
  return role == "executor" ? 1 : 0;
}

tb::Status need_role(tb::Ctx& ctx, std::string_view needed) {
  std::string found = ctx.is_admin() ? "admin" : ctx.is_operator() ? "operator" : "none";
  if (rank_of(found) < rank_of(needed)) {
    const auto answer = ctx.call(kRole, {ctx.account()});
    if (answer && rank_of(answer->role) > rank_of(found)) found = answer->role;
  }
  if (rank_of(found) >= rank_of(needed)) return tb::ok();
  return ctx.fail(error("not_authorized"),
                  tb::cat("this needs the role ", needed, " and the account ", ctx.account(),
                          " has ", found, "; an admin gives roles with gov operator set"),
                  [&](tb::Out& data) {
                    data.put("needed", needed);
                    data.put("found", found);
                  });
}

}  // namespace

tb::Status move_in(tb::Ctx& ctx, std::string_view from, std::uint64_t amount,
                   std::string_view memo) {
  return done(ctx, Ledger::transfer(ctx, from, kAccount, amount, memo, tb::Consent::kChecked));
}
tb::Status hold_payment(tb::Ctx& ctx, std::uint64_t id, std::uint64_t amount) {
  return done(ctx, Ledger::hold(ctx, kAccount, kPendingAccount, amount, memo_of(id),
                                tb::Consent::kOfSender));
}
tb::Status return_payment(tb::Ctx& ctx, std::uint64_t id, std::uint64_t amount) {
  return done(ctx, Ledger::release(ctx, kPendingAccount, kAccount, amount, memo_of(id)));
}
tb::Status pay_out(tb::Ctx& ctx, std::uint64_t id, std::uint64_t amount, std::string_view to) {
  return done(ctx, Ledger::capture(ctx, kPendingAccount, to, amount, memo_of(id)));
}

std::optional<std::uint64_t> ledger_balance(tb::View& view, std::string_view account) {
  const auto answer = Ledger::balance(view, account);
  return answer ? std::optional(answer->amount) : std::nullopt;
}

void watch_account(tb::Ctx& ctx) {
  if (!ctx.call(kWatch, {kAccount}))
    ctx.log(TB_LOG_ERROR,
            "treasury: the ledger does not watch the account; donations count as other");
}

std::vector<PaidIn> take_credits(tb::Ctx& ctx) {
  auto answer = ctx.call(kTakeCredits, {kAccount});
  return answer ? std::move(answer.value.credits) : std::vector<PaidIn>();
}

tb::Status house_totals(tb::Ctx& ctx, Totals* out) {
  const auto answer = ctx.call(kTotals, {ctx.height()});
  if (!answer) return ctx.fail(answer);
  *out = *answer;
  return tb::ok();
}

tb::Status house_weights(tb::Ctx& ctx, std::string_view account, std::uint64_t height,
                         Totals* out) {
  for (std::string_view house : {"operators", "builders"}) {
    const auto answer = ctx.call(kWeight, {account, house, height});
    if (!answer) return ctx.fail(answer);
    (house == "operators" ? out->operators : out->builders) = answer->weight;
  }
  return tb::ok();
}

tb::Status need_executor(tb::Ctx& ctx) { return need_role(ctx, "executor"); }
tb::Status need_operator(tb::Ctx& ctx) { return need_role(ctx, "operator"); }
tb::Status need_admin(tb::Ctx& ctx) { return need_role(ctx, "admin"); }

tb::Status note_provenance(tb::Ctx& ctx, const Provenance& entry,
                           const std::optional<RecordShape>& snapshot) {
  ProvenanceArgs args;
  args.disbursement_id = entry.id;
  args.from_state = entry.from_state;
  args.to_state = entry.to_state;
  args.amount = entry.amount;
  args.destination = entry.destination;
  args.reason = entry.reason;
  args.tx_hash = entry.tx_hash;
  args.data = snapshot;
  return done(ctx, ctx.call(kProvenance, args));
}

tb::Status ask_policy(tb::Ctx& ctx, const PolicyQuestion& question, PolicyVerdict* verdict) {
  auto answer = ctx.call(kPayment, question);
  if (!answer) return ctx.fail(answer);
  *verdict = std::move(answer.value);
  return tb::ok();
}

std::vector<AccountRow> ledger_accounts(tb::View& view, std::string_view after) {
  auto answer = view.ask(kAccounts, {after, kAccountPage});
  return answer ? std::move(answer.value.accounts) : std::vector<AccountRow>();
}
std::uint64_t ledger_issued(tb::View& view) {
  const auto answer = view.ask(kIssued, {});
  return answer ? answer->issued : 0;
}

void describe_services(tb::Plugin& p) {
  Ledger::require(p)
      .function(kWatch, "watch")
      .function(kTakeCredits, "take_credits")
      .function(kAccounts, "accounts")
      .function(kIssued, "issued");
  p.requires_service(kRoles, "roles/1")
      .function(kRole, "role")
      .function(kWeight, "weight")
      .function(kTotals, "totals");
  p.requires_service(kGov, "gov/1")
      .function(kProvenance, "provenance")
      .function(kPayment, "payment");
}

}  // namespace treasury
