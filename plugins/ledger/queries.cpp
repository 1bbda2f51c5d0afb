#include "plugins/ledger/queries.hpp"

#include <tb/address.hpp>

#include "plugins/ledger/outside.hpp"
#include "plugins/ledger/transfer.hpp"

namespace ledger {
namespace {

struct BalanceParams {
  std::string_view address;
};
BOOST_DESCRIBE_STRUCT(BalanceParams, (), (address))

tb::Status balance(tb::View& view, const BalanceParams& in, tb::Out& out) {
  const std::uint64_t amount = balance_of(view, in.address);
  out.put("amount", amount);
  out.put("balance", amount);
  return tb::ok();
}

struct AccountParams {
  std::string_view account;
};
BOOST_DESCRIBE_STRUCT(AccountParams, (), (account))

tb::Status account(tb::View& view, const AccountParams& in, tb::Out& out) {
  const std::string_view name = in.account == "treasury_account_id" ? kTreasury : in.account;
  const auto row = view.load<Account>(account_key(name));
  const std::string owner = owner_of(view, name);
  const std::uint64_t amount = row.value_or(Account{}).amount;
  out.put("account", name);
  out.put("exists", row.has_value());
  out.put("amount", amount);
  out.put("balance", amount);
  out.put("escrow", !owner.empty());
  if (!owner.empty()) out.put("owner", owner);
  out.list("sessions", [&](tb::Out& list) {
    if (!tb::is_address(name)) return;
    const tb::Key prefix = sessions_key(name);
    view.scan(prefix, {}, 64, [&](std::string_view key, std::string_view value) {
      list.record({}, [&](tb::Out& item) {
        item.put("session_pk", tb::Bytes{key.substr(prefix.view().size())});
        item.write(tb::row_as<Session>(value));
      });
    });
  });
  return tb::ok();
}

tb::Status supply(tb::View& view, tb::Out& out) {
  const std::uint64_t issued = view.load<Supply>(kSupplyKey).value_or(Supply{}).issued;
  const std::uint64_t cap = view.param(kMaxSupply);
  const FeeState fees = view.load<FeeState>(kFeesKey).value_or(FeeState{});
  out.put("issued", issued);
  out.put("max_supply_block", cap);
  out.put("headroom", cap > issued ? cap - issued : std::uint64_t{0});
  out.record("fee_pools", [&](tb::Out& pools) {
    pools.put("consumer", balance_of(view, kConsumerFees));
    pools.put("industrial", balance_of(view, kIndustrialFees));
  });
  out.put("base_fee", fees.base_fee);
  out.record("fee_floor", [&](tb::Out& floors) {
    floors.put("consumer", fees.consumer_floor);
    floors.put("industrial", fees.industrial_floor);
  });
  return tb::ok();
}

// Sums all accounts, a page at a time. A view of more accounts than the bound is told as incomplete
// rather than as right.
tb::Status check(tb::View& view, tb::Out& out) {
  constexpr std::uint32_t kPage = 4096;
  constexpr std::uint64_t kMaxAccounts = 2'000'000;
  tb::U128 sum = 0;
  std::uint64_t accounts = 0;
  std::string after;
  bool complete = false;
  while (!complete && accounts < kMaxAccounts && !view.aborted()) {
    const std::uint32_t rows =
        view.scan(kAccounts, after, kPage, [&](std::string_view key, std::string_view value) {
          sum += tb::row_as<Account>(value).amount;
          after.assign(key);
        });
    accounts += rows;
    complete = rows < kPage;
  }
  const std::uint64_t issued = view.load<Supply>(kSupplyKey).value_or(Supply{}).issued;
  out.put("height", view.height());
  out.put("accounts", accounts);
  out.put("sum", sum);
  out.put("issued", issued);
  out.put("complete", complete);
  out.put("ok", complete && sum == issued);
  return tb::ok();
}

}  // namespace

void describe_queries(tb::Plugin& p) {
  p.query("balance", &balance)
      .role("open")
      .summary("Balance of an account")
      .field("address")
      .min(1)
      .max(kMaxAccountBytes)
      .alias("account")
      .help("address or system account")
      .cli("balance")
      .positional("address")
      .example("contract-cli balance treasury", "prints the balance of the treasury");
  p.query("ledger.account", &account)
      .alias("ledger.inspect")
      .role("open")
      .summary("An account, whether it is an escrow and whose, and its session keys")
      .field("account")
      .min(1)
      .max(kMaxAccountBytes)
      .help("address or system account; treasury_account_id means treasury")
      .cli("node ledger inspect")
      .flag("account", "--account")
      .example("contract-cli node ledger inspect --account treasury_account_id",
               "shows the treasury's account");
  p.query("ledger.supply", &supply)
      .role("open")
      .summary("What is issued, what may still be minted, fee pools and fees of the next block")
      .cli("node ledger supply");
  p.query("ledger.check", &check)
      .role("read")
      .summary("Adds up all accounts and compares the sum with the issued supply")
      .cli("node ledger check");
}

}  // namespace ledger
