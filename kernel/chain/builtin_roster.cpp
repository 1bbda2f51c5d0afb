// How the roster and roles are changed: the operator's command, and the services for governance.
#include "kernel/base/address.hpp"
#include "kernel/base/hex.hpp"
#include "kernel/base/json.hpp"
#include "kernel/chain/builtin.hpp"
#include "kernel/chain/kernel_rows.hpp"
#include "kernel/chain/macro_block.hpp"

namespace blockd::builtin {
namespace {

constexpr std::size_t kMaxRole = 64, kMaxAccount = 256;

bool is_plugin_id(std::string_view id) {
  return id != kChainSpace && !id.empty() && id.size() <= 64 && id.front() >= 'a' &&
         id.front() <= 'z' &&
         id.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
}

// A switch that waits for its block.
struct WantedSwitch {
  std::string id;
  std::uint64_t sm = 0, schema = 0, first_height = 0;
  std::string_view consensus_hash, status;
};

tb_status wait_for_switch(tb_ctx* ctx, const WantedSwitch& wanted) {
  if (!is_plugin_id(wanted.id))
    return fail(ctx, kCodeRoster, "plugin_reserved", "'" + wanted.id + "' is no id of a plugin");
  const std::uint64_t height = ctx->view.block->height;
  const std::uint64_t first = wanted.first_height == 0 ? height + 1 : wanted.first_height;
  if (first <= height) {
    return fail(
        ctx, kCodeRoster, "height_passed",
        "first_height " + std::to_string(first) + " is not above " + std::to_string(height));
  }
  if (wanted.status != "active") {
    tb_status status = TB_OK;
    read_row(&ctx->view, "plugin/" + wanted.id, &status);
    if (status < 0) return status;
    if (status == TB_NOT_FOUND)
      return fail(ctx, kCodeRoster, "plugin_unknown", "'" + wanted.id + "' is not in the roster");
  }
  json::object row{{"consensus_hash", to_hex(wanted.consensus_hash)},
                   {"first_height", first},
                   {"id", wanted.id},
                   {"schema", wanted.schema},
                   {"sm", wanted.sm},
                   {"status", wanted.status}};
  Result<std::string> text = canonical_json(row);
  if (!text.ok()) return fail(ctx, kCodeRoster, "height_passed", "first_height is beyond 2^53-1");
  return ctx->api->put(ctx, str("switch/" + wanted.id), str(*text));
}

}  // namespace

tb_status set_plugin(tb_ctx* ctx, const tb_value* params) {
  tb_status status = TB_OK;
  const std::string authority = read_row(&ctx->view, "authority", &status);
  if (status < 0) return status;
  if (authority != "operator")
    return fail(ctx, kCodeForbidden, "forbidden",
                "on this chain governance alone changes the roster");
  if ((ctx->caller->roles & TB_ROLE_OPERATOR) == 0) {
    return fail(ctx, kCodeForbidden, "forbidden", "this account does not have the role operator");
  }
  return wait_for_switch(ctx, {std::string(to_view(params[0].str)), params[1].num, params[2].num,
                               params[4].num, to_view(params[3].str), to_view(params[5].str)});
}

// The executor makes the block a macro point at its end (macro_block.cpp).
tb_status macro_point(tb_ctx* ctx) {
  if ((ctx->caller->roles & TB_ROLE_OPERATOR) == 0)
    return fail(ctx, kCodeForbidden, "forbidden", "this account does not have the role operator");
  tb_status status = TB_OK;
  read_row(&ctx->view, "macro_asked", &status);
  if (status < 0) return status;
  bool waits = status == TB_OK;
  if (!waits) {
    const std::string row = read_row(&ctx->view, "macro", &status);
    if (status < 0) return status;
    const Result<MacroRow> last = status == TB_OK ? MacroRow::decode(row) : MacroRow();
    if (!last.ok()) return TB_ABORTED;
    waits = last->waits();
  }
  if (waits) {
    return fail(ctx, kCodeBusy, "busy",
                "the state root of an earlier macro point is not committed yet");
  }
  return ctx->api->put(ctx, str("macro_asked"), str("1"));
}

tb_status switch_plugin(tb_ctx* ctx, tb_str caller, const tb_value* args, tb_out*) {
  if (tb_status s = only_provider(ctx, caller, "gov/1"); s != TB_OK) return s;
  const std::string_view hash = to_view(args[3].str);
  if (hash.size() != 32 || args[1].num > UINT32_MAX || args[2].num > UINT32_MAX)
    return TB_E_INVALID;
  return wait_for_switch(ctx, {std::string(to_view(args[0].str)), args[1].num, args[2].num,
                               args[4].num, hash, "active"});
}

tb_status set_role(tb_ctx* ctx, tb_str caller, const tb_value* args, tb_out*) {
  if (tb_status s = only_provider(ctx, caller, "roles/1"); s != TB_OK) return s;
  const std::string account(to_view(args[0].str)), role(to_view(args[1].str));
  const bool well_formed =
      !account.empty() && account.size() <= kMaxAccount && !role.empty() &&
      role.size() <= kMaxRole &&
      role.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_.-") == std::string::npos;
  if (!well_formed) {
    return fail(ctx, kCodeRoster, "bad_role",
                "an account has 1 to 256 bytes, a role 1 to 64 of a-z 0-9 _ . -");
  }
  const std::string key = "role/" + account;
  return role == "none" ? ctx->api->erase(ctx, str(key)) : ctx->api->put(ctx, str(key), str(role));
}

tb_status plugin(tb_view* view, tb_str, const tb_value* args, tb_out* result, tb_out* error) {
  RosterEntry entry;
  entry.id = to_view(args[0].str);
  if (entry.id == "node") {
    entry.sm = view->block->sm;
    entry.schema = view->block->schema;
  } else {
    tb_status status = TB_NOT_FOUND;
    const std::string row =
        is_plugin_id(entry.id) ? read_row(view, "plugin/" + entry.id, &status) : std::string();
    if (status < 0) return status;
    if (status == TB_NOT_FOUND) {
      return refuse(error, kCodeRoster, "unknown_plugin",
                    "'" + entry.id + "' is not in the roster");
    }
    Result<RosterEntry> parsed = parse_roster_row(row);
    if (!parsed.ok()) return TB_ABORTED;
    entry = *std::move(parsed);
  }
  const tb_out_api& out = *result->api;
  out.put_str(result, str("id"), str(entry.id));
  out.put_u64(result, str("sm"), entry.sm);
  out.put_u64(result, str("schema"), entry.schema);
  out.put_bytes(result, str("consensus_hash"), str(blockd::view(entry.consensus_hash)));
  out.put_str(result, str("status"), str(roster_status_name(entry.status)));
  out.put_u64(result, str("since"), entry.since);
  return TB_OK;
}

tb_status escrow_owner(tb_view* view, tb_str, const tb_value* args, tb_out* result, tb_out*) {
  const std::string_view owner = run_of(view).machines().escrow_owner(to_view(args[0].str));
  result->api->put_str(result, str("owner"), str(owner));
  return TB_OK;
}

tb_status proposer(tb_view* view, tb_str, const tb_value*, tb_out* result, tb_out*) {
  const PublicKey& key = run_of(view).proposer();
  const bool named = key != PublicKey{};
  result->api->put_str(result, str("account"), str(named ? address_of(key) : std::string()));
  result->api->put_bytes(result, str("key"), str(blockd::view(key)));
  return TB_OK;
}

namespace {

void put_validators(const std::string& row, tb_out* result) {
  const tb_out_api& out = *result->api;
  const Result<json::value> list = parse_json(row);
  out.begin_list(result, str("validators"));
  for (const json::value& entry :
       list.ok() && list->is_array() ? list->get_array() : json::array()) {
    const json::object& validator = entry.as_object();
    const Result<Bytes> key = from_hex(std::string_view(validator.at("public_key").as_string()));
    if (!key.ok()) continue;
    out.begin_record(result, {});
    out.put_str(result, str("name"), str(validator.at("name").as_string()));
    out.put_u64(result, str("power"), validator.at("power").to_number<std::uint64_t>());
    out.put_bytes(result, str("public_key"), str(*key));
    out.end(result);
  }
  out.end(result);
}

}  // namespace

// What a plugin that keeps members and keys starts from: validators and roles as they stand.
tb_status genesis_facts(tb_view* view, tb_str, const tb_value*, tb_out* result, tb_out*) {
  constexpr std::uint32_t kMaxRoles = 4096;
  tb_status status = TB_OK;
  const std::string validators = read_row(view, "validators", &status);
  if (status < 0) return status;
  put_validators(validators, result);
  result->api->begin_list(result, str("roles"));
  tb_row_sink sink{result, [](void* user, tb_str key, tb_str role) -> std::uint32_t {
                     auto* out = static_cast<tb_out*>(user);
                     out->api->begin_record(out, {});
                     out->api->put_str(out, str("account"),
                                       str(to_view(key).substr(std::string_view("role/").size())));
                     out->api->put_str(out, str("role"), role);
                     out->api->end(out);
                     return 1;
                   }};
  status = view->api->scan(view, str("role/"), {}, kMaxRoles, &sink);
  if (status < 0) return status;
  result->api->end(result);
  return TB_OK;
}

}  // namespace blockd::builtin
