#include "plugins/governance/keysets.hpp"

#include <algorithm>
#include <set>

#include "plugins/governance/verbs.hpp"

namespace governance {
namespace {

constexpr std::size_t kMaxKeys = 1024;

struct KeysetParams {
  std::string_view name;
  std::optional<std::vector<tb::Hash>> add, remove;
  std::optional<std::uint64_t> vote_window;
  std::optional<std::string_view> reason;
};
BOOST_DESCRIBE_STRUCT(KeysetParams, (), (name, add, remove, vote_window, reason))

std::set<tb::Hash> after(tb::View& view, const KeysetPayload& change) {
  const std::vector<tb::Hash> now = keyset(view, change.name);
  std::set<tb::Hash> keys(now.begin(), now.end());
  for (const tb::Hash& key : change.remove) keys.erase(key);
  keys.insert(change.add.begin(), change.add.end());
  return keys;
}

Refused check_change(tb::View& view, const KeysetPayload& change) {
  if (!is_keyset(change.name))
    return Refusal(kUnknownKeyset,
                   "the sets are release_signers, governor_authorities and "
                   "receipt_emitters");
  if (change.add.empty() && change.remove.empty())
    return Refusal(kInvalidPayload, "nothing to add and nothing to remove");
  const std::set<tb::Hash> keys = after(view, change);
  if (keys.empty()) return Refusal(kGroupRule, tb::cat(change.name, " would become empty"));
  if (keys.size() > kMaxKeys)
    return Refusal(kInvalidPayload, tb::cat("a set has at most ", kMaxKeys, " keys"));
  return std::nullopt;
}

Refused propose_change(tb::Ctx& ctx, const KeysetParams& in, Proposal* opened) {
  const KeysetPayload payload{std::string(in.name), in.add.value_or(std::vector<tb::Hash>{}),
                              in.remove.value_or(std::vector<tb::Hash>{})};
  if (auto refused = check_change(ctx, payload)) return refused;
  Draft draft;
  draft.kind = ProposalKind::kKeyset;
  draft.subject = in.name;
  for (const tb::Hash& key : payload.add) draft.same += "+" + key.hex();
  for (const tb::Hash& key : payload.remove) draft.same += "-" + key.hex();
  draft.reason = in.reason.value_or(std::string_view());
  if (auto refused = read_deadline(ctx, {in.vote_window, {}, {}}, {}, &draft.deadline))
    return refused;
  if (auto refused = check_limits(ctx, draft)) return refused;
  *opened = open_proposal(ctx, draft);
  store_payload(ctx, *opened, payload);
  return std::nullopt;
}

tb::Status propose_keyset(tb::Ctx& ctx, const KeysetParams& in, tb::Out& out) {
  Proposal opened;
  if (const auto refused = propose_change(ctx, in, &opened)) return refused->fail(ctx);
  put_opened(opened, out);
  return tb::ok();
}

struct ListKeysetsParams {
  std::optional<std::string_view> name;
};
BOOST_DESCRIBE_STRUCT(ListKeysetsParams, (), (name))

tb::Status keysets(tb::View& view, const ListKeysetsParams& in, tb::Out& out) {
  if (in.name && !is_keyset(*in.name))
    return view.fail(kUnknownKeyset, tb::cat("there is no set '", *in.name, "'"));
  out.list("keys", [&](tb::Out& list) {
    for (const std::string_view name : kKeysets) {
      if (in.name && *in.name != name) continue;
      const tb::Key prefix = keyset_prefix(name);
      view.scan(prefix, {}, kMaxKeys, [&](std::string_view key, std::string_view row) {
        list.record({}, [&](tb::Out& item) {
          item.put("set", name);
          item.put("key", tb::Bytes{key.substr(prefix.view().size())});
          item.write(tb::row_as<KeyRow>(row));
        });
      });
    }
  });
  return tb::ok();
}

}  // namespace

bool is_keyset(std::string_view name) {
  return std::find(std::begin(kKeysets), std::end(kKeysets), name) != std::end(kKeysets);
}

tb::Key keyset_prefix(std::string_view name) { return tb::Key("keyset/").text(name); }

std::vector<tb::Hash> keyset(tb::View& view, std::string_view name) {
  std::vector<tb::Hash> keys;
  const tb::Key prefix = keyset_prefix(name);
  view.scan(prefix, {}, kMaxKeys, [&](std::string_view key, std::string_view) {
    keys.push_back(tb::Hash::from(key.substr(prefix.view().size())));
  });
  return keys;
}

bool has_key(tb::View& view, std::string_view name, const tb::Hash& key) {
  return view.has(keyset_prefix(name).raw(key.view()));
}

Refused change_keyset(tb::Ctx& ctx, const KeysetPayload& change) {
  if (auto refused = check_change(ctx, change)) return refused;
  for (const tb::Hash& key : change.remove) ctx.erase(keyset_prefix(change.name).raw(key.view()));
  for (const tb::Hash& key : change.add) {
    if (!has_key(ctx, change.name, key))
      ctx.store(keyset_prefix(change.name).raw(key.view()), KeyRow{ctx.height() + 1});
  }
  ctx.emit(kKeysetChanged, {change.name, change.add, change.remove});
  return std::nullopt;
}

void describe_keysets(tb::Plugin& p) {
  auto& method = p.command("gov.propose_keyset", &propose_keyset)
                     .role("open")
                     .summary("Propose to add keys to a key set, or to remove some")
                     .error(kUnknownKeyset)
                     .error(kGroupRule, "a set never becomes empty")
                     .error(kInvalidPayload)
                     .error(kTooManyOpen)
                     .error(kDuplicateProposal)
                     .field("name")
                     .max(64)
                     .help("release_signers, governor_authorities or receipt_emitters")
                     .field("add")
                     .max(64)
                     .field("remove")
                     .max(64);
  verb(method, "gov keyset propose").positional("name");
  auto& list = p.query("gov.keysets", &keysets)
                   .role("open")
                   .summary("Keys of the key sets")
                   .error(kUnknownKeyset);
  verb(list, "gov keyset list")
      .positional("name")
      .list("keys")
      .columns({"set", "key", "since_height"})
      .id_field("key");
}

}  // namespace governance
