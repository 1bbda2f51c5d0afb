#include "plugins/governance/houses.hpp"

#include <tb/address.hpp>

#include <algorithm>
#include <map>

#include "plugins/governance/verbs.hpp"

namespace governance {
namespace {

constexpr std::uint32_t kMaxMembersShown = 4096;
constexpr std::string_view kReleaseSignerRole = "release_signer";  // of the genesis
constexpr std::string_view kBadge = "badge";                       // source of a membership

template <class Row>
std::optional<Row> newest_before(tb::View& view, const tb::Key& prefix, std::uint64_t height) {
  std::optional<Row> found;
  tb::Key before = prefix;
  before.u64(height + 1);
  view.scan_back(prefix, before, 1,
                 [&](std::string_view, std::string_view row) { found = tb::row_as<Row>(row); });
  return found;
}

tb::Key total_key(std::string_view house) { return tb::Key("total/").text(house); }

struct MemberParams {
  std::string_view house, account;
  std::uint64_t weight = 1;
  std::optional<std::uint64_t> vote_window;
  std::optional<std::string_view> reason;
};
BOOST_DESCRIBE_STRUCT(MemberParams, (), (house, account, weight, vote_window, reason))

Refused propose_change(tb::Ctx& ctx, const MemberParams& in, Proposal* opened) {
  const HousePayload payload{std::string(in.house), std::string(in.account), in.weight};
  if (auto refused = check_member(ctx, payload)) return refused;
  Draft draft;
  draft.kind = ProposalKind::kHouse;
  draft.subject = tb::cat(in.house, "/", in.account);
  draft.same = tb::cat(in.weight);
  draft.reason = in.reason.value_or(std::string_view());
  if (auto refused = read_deadline(ctx, {in.vote_window, {}, {}}, {}, &draft.deadline))
    return refused;
  if (auto refused = check_limits(ctx, draft)) return refused;
  *opened = open_proposal(ctx, draft);
  store_payload(ctx, *opened, payload);
  return std::nullopt;
}

tb::Status propose_member(tb::Ctx& ctx, const MemberParams& in, tb::Out& out) {
  Proposal opened;
  if (const auto refused = propose_change(ctx, in, &opened)) return refused->fail(ctx);
  put_opened(opened, out);
  return tb::ok();
}

struct RemoveParams {
  std::string_view house, account;
  std::optional<std::uint64_t> vote_window;
  std::optional<std::string_view> reason;
};
BOOST_DESCRIBE_STRUCT(RemoveParams, (), (house, account, vote_window, reason))

tb::Status propose_removal(tb::Ctx& ctx, const RemoveParams& in, tb::Out& out) {
  return propose_member(ctx, {in.house, in.account, 0, in.vote_window, in.reason}, out);
}

struct RoleParams {
  std::string_view account, role;
  std::optional<std::uint64_t> timestamp;
};
BOOST_DESCRIBE_STRUCT(RoleParams, (), (account, role, timestamp))

std::uint64_t admins(tb::View& view) {
  std::uint64_t count = 0;
  view.scan("role/", {}, kMaxMembersShown, [&](std::string_view, std::string_view row) {
    count += tb::row_as<RoleRow>(row).role == "admin" ? 1 : 0;
  });
  return count;
}

// Nobody signs for any other account: its weight would only stand in the way of a quorum, and a
// role of an admin that nobody can use would let the last real one go. What is there can be taken
// away.
Refused check_signer(std::string_view account) {
  if (tb::is_address(account)) return std::nullopt;
  return Refusal(kInvalidPayload,
                 tb::cat("'", account,
                         "' is no address, or one with a wrong letter; accounts that "
                         "vote or have a role are tb1… of 61 letters and digits"));
}

Refused change_role(tb::Ctx& ctx, const RoleParams& in) {
  if (auto refused = require_role(ctx, "admin")) return refused;
  if (auto refused = check_timestamp(ctx, in.timestamp)) return refused;
  if (in.account.empty() || in.account.size() > 128)
    return Refusal(kInvalidPayload, "an account has 1 to 128 bytes");
  const tb::Key key = name_key("role/", in.account);
  const auto before = ctx.load<RoleRow>(key);
  const bool was_admin = before && before->role == "admin";
  if (was_admin && in.role != "admin" && admins(ctx) <= 1)
    return Refusal(kInvalidPayload, tb::cat(in.account, " is the last admin; make another first"));
  if (in.role != "none") {
    if (auto refused = check_signer(in.account)) return refused;
  }
  if (!before && in.role != "none") {
    const std::uint32_t rows =
        ctx.scan("role/", {}, kMaxMembersShown, [](std::string_view, std::string_view) {});
    if (rows >= kMaxMembersShown)
      return Refusal(kInvalidPayload, "4096 accounts have roles already");
  }
  // An executor is known to governance only; to the kernel it is an account without a role.
  const std::string_view kernel_role = in.role == "executor" ? "none" : in.role;
  const auto set = ctx.call(kSetRole, {in.account, kernel_role});
  if (!set) return refusal_of(set);
  if (in.role == "none") {
    ctx.erase(key);
  } else {
    ctx.store(key, RoleRow{std::string(in.role), ctx.height() + 1});
  }
  ctx.emit(kRoleChanged, {in.account, in.role, ctx.account()});
  return std::nullopt;
}

tb::Status set_role(tb::Ctx& ctx, const RoleParams& in, tb::Out& out) {
  if (const auto refused = change_role(ctx, in)) return refused->fail(ctx);
  out.put("ok", true);
  out.put("account", in.account);
  out.put("role", in.role);
  return tb::ok();
}

void put_members(tb::View& view, std::string_view house, tb::Out& out) {
  const tb::Key prefix = tb::Key("member/").text(house);
  std::map<std::string, std::pair<std::uint64_t, Member>> newest;
  view.scan(prefix, {}, kMaxMembersShown, [&](std::string_view key, std::string_view row) {
    const std::string_view rest = key.substr(prefix.view().size());
    const std::size_t length = static_cast<std::uint8_t>(rest[0]);
    newest[std::string(rest.substr(1, length))] = {tb::Key::read_u64(rest, 1 + length),
                                                   tb::row_as<Member>(row)};
  });
  out.put("total", total_at(view, house, ~std::uint64_t{0} - 1));
  out.list("members", [&](tb::Out& list) {
    for (const auto& [account, row] : newest) {
      if (row.second.weight == 0) continue;
      list.record({}, [&, &name = account, &member = row](tb::Out& item) {
        item.put("account", name);
        item.put("weight", member.second.weight);
        item.put("since_height", member.first);
        item.put("source", member.second.source);
      });
    }
  });
}

tb::Status houses(tb::View& view, tb::Out& out) {
  for (const std::string_view house : kHouses)
    out.record(house, [&](tb::Out& record) { put_members(view, house, record); });
  return tb::ok();
}

tb::Status roles(tb::View& view, tb::Out& out) {
  out.list("roles", [&](tb::Out& list) {
    view.scan("role/", {}, kMaxMembersShown, [&](std::string_view key, std::string_view row) {
      list.record({}, [&](tb::Out& item) {
        item.put("account", key.substr(std::string_view("role/").size()));
        item.write(tb::row_as<RoleRow>(row));
      });
    });
  });
  return tb::ok();
}

}  // namespace

bool is_house(std::string_view name) {
  return std::find(std::begin(kHouses), std::end(kHouses), name) != std::end(kHouses);
}

std::uint64_t weight_at(tb::View& view, std::string_view house, std::string_view account,
                        std::uint64_t height) {
  const auto row = newest_before<Member>(view, member_key(house, account), height);
  return row ? row->weight : 0;
}

std::uint64_t total_at(tb::View& view, std::string_view house, std::uint64_t height) {
  const auto row = newest_before<Total>(view, total_key(house), height);
  return row ? row->weight : 0;
}

Weights weights_at(tb::View& view, std::string_view account, std::uint64_t height) {
  return {weight_at(view, kHouses[0], account, height),
          weight_at(view, kHouses[1], account, height)};
}
Weights totals_at(tb::View& view, std::uint64_t height) {
  return {total_at(view, kHouses[0], height), total_at(view, kHouses[1], height)};
}

Refused check_member(tb::View& view, const HousePayload& change) {
  if (!is_house(change.house))
    return Refusal(kInvalidPayload, "a house is one of operators, builders");
  if (change.account.empty() || change.account.size() > 128)
    return Refusal(kInvalidPayload, "an account has 1 to 128 bytes");
  if (change.weight != 0) {
    if (auto refused = check_signer(change.account)) return refused;
  }
  constexpr std::uint64_t kNewest = ~std::uint64_t{0} - 1;
  const std::uint64_t before = weight_at(view, change.house, change.account, kNewest);
  const std::uint64_t others = total_at(view, change.house, kNewest) - before;
  if (change.weight > kMaxHouseTotal || others > kMaxHouseTotal - change.weight)
    return Refusal(kInvalidPayload,
                   tb::cat("the weights of ", change.house, " would be above 2^63 in sum"));
  return std::nullopt;
}

void set_member(tb::Ctx& ctx, const HousePayload& change, std::uint64_t since,
                std::string_view source) {
  constexpr std::uint64_t kNewest = ~std::uint64_t{0} - 1;
  const std::uint64_t before = weight_at(ctx, change.house, change.account, kNewest);
  const std::uint64_t total = total_at(ctx, change.house, kNewest) - before + change.weight;
  ctx.store(member_key(change.house, change.account).u64(since),
            Member{change.weight, std::string(source)});
  ctx.store(total_key(change.house).u64(since), Total{total});
  ctx.emit(kHouseChanged, {change.house, change.account, change.weight, source});
}

Refused take_badge(tb::Ctx& ctx, std::string_view account, bool held) {
  if (ctx.param(kBadgeMembership) == 0) return std::nullopt;
  const std::string_view house = kHouses[0];
  constexpr std::uint64_t kNewest = ~std::uint64_t{0} - 1;
  const auto member = newest_before<Member>(ctx, member_key(house, account), kNewest);
  const bool is_member = member && member->weight > 0;
  if (held ? is_member : !is_member || member->source != kBadge) return std::nullopt;
  const HousePayload change{std::string(house), std::string(account), held ? 1u : 0u};
  if (auto refused = check_member(ctx, change)) return refused;
  set_member(ctx, change, ctx.height() + 1, kBadge);
  return std::nullopt;
}

tb::Status write_genesis(tb::Ctx& ctx, std::span<const tb::Allocation>) {
  const auto facts = ctx.ask(kGenesis, {});
  if (!facts) return ctx.fail(facts);
  ctx.store(kCountersKey, Counters{});
  for (const GenesisRole& entry : facts->roles) {
    // The name is a public key here, and no account.
    if (entry.role == kReleaseSignerRole) {
      const auto key = raw_bytes(entry.account);
      if (!key || key->size() != 32)
        return ctx.fail(kInvalidPayload, tb::cat("genesis: release_signer ", entry.account,
                                                 " is no public key of 64 hex digits"));
      ctx.store(tb::Key("keyset/").text(kKeysets[0]).raw(*key), KeyRow{});
    }
    if (entry.role != "operator" && entry.role != "admin") continue;
    ctx.store(name_key("role/", entry.account), RoleRow{entry.role, 0});
    if (entry.role != "operator") continue;
    for (const std::string_view house : kHouses)
      set_member(ctx, {std::string(house), entry.account, 1}, 0, "genesis");
  }
  for (const GenesisValidator& validator : facts->validators) {
    for (const std::string_view set : {kKeysets[1], kKeysets[2]})
      ctx.store(tb::Key("keyset/").text(set).raw(validator.public_key.view()), KeyRow{});
  }
  return tb::ok();
}

void describe_houses(tb::Plugin& p) {
  auto& add = p.command("gov.house.propose_member", &propose_member)
                  .role("open")
                  .summary("Propose a member of a house, or another weight; 0 removes")
                  .error(kInvalidPayload)
                  .error(kTooManyOpen)
                  .error(kDuplicateProposal)
                  .field("house")
                  .help("operators or builders")
                  .field("account")
                  .help("address of the member")
                  .field("weight")
                  .defaulted()
                  .field("vote_window")
                  .unit("epochs");
  verb(add, "gov house add").positional("house").positional("account").positional("weight");
  auto& remove = p.command("gov.house.propose_removal", &propose_removal)
                     .role("open")
                     .summary("Propose to remove a member of a house")
                     .error(kInvalidPayload)
                     .error(kTooManyOpen)
                     .error(kDuplicateProposal);
  verb(remove, "gov house remove").positional("house").positional("account");
  auto& role = p.command("gov.role.set", &set_role)
                   .role("admin")
                   .summary("Give an account a role, or take it")
                   .error(kNotAuthorized)
                   .error(kOperationExpired)
                   .error(kInvalidPayload, "the last admin stays")
                   .field("account")
                   .field("role")
                   .choices({"none", "executor", "operator", "admin"})
                   .field("timestamp")
                   .unit("s")
                   .help("when this was asked; refused 600 s later");
  verb(role, "gov operator set").positional("account").positional("role").now_field("timestamp");
  verb(p.query("gov.houses", &houses).role("open").summary("Members of both houses"), "gov houses");
  verb(p.query("gov.roles", &roles).role("open").summary("Accounts with a role"), "gov operators",
       {"gov roles"})
      .list("roles")
      .columns({"account", "role", "since_height"})
      .id_field("account");
}

}  // namespace governance
