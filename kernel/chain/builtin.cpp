// The kernel's own machine "chain": commands that change the roster and parameters, and one that
// only uses up a nonce (node-and-cli spec 5.16, 5.6.2). It speaks the same ABI as every plugin.
#include "kernel/chain/builtin.hpp"

#include "kernel/base/hex.hpp"
#include "kernel/base/json.hpp"
#include "kernel/chain/machine_set.hpp"
#include "kernel/manifest/values.hpp"

namespace blockd {
namespace builtin {

std::string read_row(tb_view* view, const std::string& key, tb_status* status) {
  std::string out;
  tb_sink sink{&out, [](void* user, tb_str value) {
                 static_cast<std::string*>(user)->assign(to_view(value));
               }};
  *status = view->api->get(view, str(key), &sink);
  return out;
}

tb_status fail(tb_ctx* ctx, std::int32_t code, std::string_view name, const std::string& text,
               std::string_view nearest) {
  tb_fill fill = [](void* user, tb_out* out) {
    out->api->put_str(out, str("nearest"), str(*static_cast<const std::string_view*>(user)));
  };
  return ctx->api->fail(ctx, code, str(name), str(text), nearest.empty() ? nullptr : fill,
                        &nearest);
}

}  // namespace builtin
namespace {

using builtin::fail, builtin::read_row, builtin::str;

constexpr std::string_view kManifest = R"json({
  "id": "chain", "version": "1.0.0", "summary": "The kernel's own commands", "sm": 1,
   "sm_min": 1, "schema": 1,
  "methods": [
    {"name": "chain.set_plugin", "kind": "command", "role": "operator",
     "summary": "Install, upgrade, suspend, resume or remove a plugin at a coming block",
     "params": [
       {"name": "id", "type": "string", "min": 1, "max": 64, "help": "id of the plugin"},
       {"name": "sm", "type": "u32", "min": 1, "help": "state machine version"},
       {"name": "schema", "type": "u32", "min": 1, "help": "schema of the state that it writes"},
       {"name": "consensus_hash", "type": "hash", "help": "of its manifest"},
       {"name": "first_height", "type": "u64", "default": 0,
        "help": "block of the switch; 0: the next one"},
       {"name": "status", "type": "string", "choices": ["active", "suspended", "removed"],
        "default": "active",
        "help": "what the plugin is from then on"}],
     "errors": [
       {"code": -34003, "name": "forbidden",
        "help": "the account is no operator, or governance alone changes the roster"},
       {"code": -34008, "name": "height_passed",
        "help": "first_height is not above the height of the command's block"},
       {"code": -34008, "name": "plugin_unknown",
        "help": "a plugin that is not in the roster cannot be suspended or removed"},
       {"code": -34008, "name": "plugin_reserved",
        "help": "the id is the kernel's own, or malformed"}]},
    {"name": "chain.noop", "kind": "command", "role": "open",
     "summary": "Use up a nonce and do nothing else", "params": []},
    {"name": "chain.set_params", "kind": "command", "role": "admin",
     "summary": "Change governance parameters of plugins from the next block on",
     "help":
      "Only while the authority of the genesis is `operator`. A plugin takes all of its new values or none.",
     "params": [
       {"name": "values", "type": "list", "min": 1, "max": 64, "optional": true,
        "help": "several parameters at once",
        "items": {"type": "record", "fields": [
          {"name": "key", "type": "string", "min": 1, "max": 256, "help": "name of the parameter"},
          {"name": "value", "type": "u64", "help": "new value, in the parameter's unit"}]}},
       {"name": "key", "type": "string", "min": 1, "max": 256, "optional": true,
        "help": "name of one parameter"},
       {"name": "value", "type": "u64", "optional": true, "help": "its new value"}],
     "errors": [
       {"code": -34003, "name": "forbidden",
        "help": "the account is no admin, or governance alone changes parameters"},
       {"code": -32060, "name": "unknown_param",
        "help": "no active plugin has it; data.nearest names one that is"},
       {"code": -32061, "name": "out_of_bounds",
        "help": "the value is outside the range that the plugin declares"}],
     "cli": {"path": "chain set-params", "positionals": ["key", "value"],
      "file_fields": ["values"]},
     "examples": [["contract-cli chain set-params energy_min_stake 2000000", "one parameter"],
                  ["contract-cli chain set-params --values @params.json",
                   "several, from a file with a list of {key, value}"]]}
  ],
  "provides": [{"name": "chain/1", "functions": [
    {"name": "set_param",
     "help": "For the plugin that provides params/1: a value for the next block",
     "params": [{"name": "key", "type": "string"}, {"name": "value", "type": "u64"}],
     "errors": [{"code": -34003, "name": "forbidden",
      "help": "the caller does not provide params/1"},
                {"code": -32060, "name": "unknown_param", "help": "no active plugin has it"},
                {"code": -32061, "name": "out_of_bounds", "help": "outside the declared range"}]},
    {"name": "param", "read": true, "help": "Its value in force, and the one of the next block",
     "params": [{"name": "key", "type": "string"}],
     "errors": [{"code": -32060, "name": "unknown_param",
      "help": "no active plugin has it"}]}]}]})json";

bool is_plugin_id(std::string_view id) {
  return id != "chain" && id.front() >= 'a' && id.front() <= 'z' &&
         id.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
}

tb_status set_plugin(tb_ctx* ctx, const tb_value* params) {
  tb_status status = TB_OK;
  std::string authority = read_row(&ctx->view, "authority", &status);
  if (status < 0) return status;
  if (authority != "operator")
    return fail(ctx, -34003, "forbidden", "on this chain governance alone changes the roster");
  if ((ctx->caller->roles & TB_ROLE_OPERATOR) == 0) {
    return fail(ctx, -34003, "forbidden", "this account does not have the role operator");
  }
  std::string id(to_view(params[0].str));
  std::string_view state = to_view(params[5].str);
  if (!is_plugin_id(id))
    return fail(ctx, -34008, "plugin_reserved", "'" + id + "' is no id of a plugin");
  std::uint64_t height = ctx->view.block->height;
  std::uint64_t first = params[4].num == 0 ? height + 1 : params[4].num;
  if (first <= height) {
    return fail(
        ctx, -34008, "height_passed",
        "first_height " + std::to_string(first) + " is not above " + std::to_string(height));
  }
  if (state != "active") {
    read_row(&ctx->view, "plugin/" + id, &status);
    if (status < 0) return status;
    if (status == TB_NOT_FOUND)
      return fail(ctx, -34008, "plugin_unknown", "'" + id + "' is not in the roster");
  }
  json::object row{{"consensus_hash", to_hex(to_view(params[3].str))},
                   {"first_height", first},
                   {"id", id},
                   {"schema", params[2].num},
                   {"sm", params[1].num},
                   {"status", state}};
  Result<std::string> text = canonical_json(row);
  if (!text.ok()) return fail(ctx, -34008, "height_passed", "first_height is beyond 2^53-1");
  return ctx->api->put(ctx, str("switch/" + id), str(*text));
}

tb_status apply(tb_ctx* ctx, std::uint32_t method, const tb_value* params, std::uint32_t, tb_out*) {
  return method == 0   ? set_plugin(ctx, params)
         : method == 2 ? builtin::set_params(ctx, params)
                       : TB_OK;
}

constexpr tb_machine kTable = {
    .size = sizeof(tb_machine),
    .sm = 0xffff'ffffu,  // the kernel implements every sm that it has had
    .sm_min = 1,
    .schema = 1,
    .genesis = nullptr,
    .apply = apply,
    .begin = nullptr,
    .end = nullptr,
    .epoch = nullptr,
    .serve = builtin::serve,
    .answer = builtin::answer,
    .check_params = nullptr,
    .params_changed = nullptr,
    .migrate_step = nullptr,
};

}  // namespace

const Machine& chain_machine() {
  static const Machine kMachine = [] {
    Result<std::shared_ptr<const Manifest>> manifest = Manifest::parse(kManifest);
    TB_ASSERT(manifest.ok());
    return Machine{*manifest, &kTable, nullptr};
  }();
  return kMachine;
}

}  // namespace blockd
