// What the kernel's own machine says of itself. The order of the functions is that of the enums in
// builtin.hpp.
#include "kernel/chain/builtin.hpp"

namespace blockd::builtin {
namespace {

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
     "help": "For the plugin that provides params/1: a value for the next block; called inside params/1.activate, for this block. A key that no active plugin declares becomes a row of its own",
     "params": [{"name": "key", "type": "string"}, {"name": "value", "type": "u64"}],
     "errors": [{"code": -34003, "name": "forbidden",
      "help": "the caller does not provide params/1"},
                {"code": -32060, "name": "unknown_param", "help": "the key is malformed"},
                {"code": -32061, "name": "out_of_bounds", "help": "outside the declared range"}]},
    {"name": "param", "read": true, "help": "Its value in force, and the one of the next block",
     "params": [{"name": "key", "type": "string"}],
     "errors": [{"code": -32060, "name": "unknown_param",
      "help": "no active plugin declares it, and it has no row"}]},
    {"name": "check_param", "read": true,
     "help": "Whether the plugins that declare the key accept the value, together with all that waits; writes nothing. Their errors are passed on",
     "params": [{"name": "key", "type": "string"}, {"name": "value", "type": "u64"}],
     "errors": [{"code": -32061, "name": "out_of_bounds", "help": "outside the declared range"}]},
    {"name": "spec", "read": true,
     "help": "How an active plugin declares a parameter: {key, owner, declared_owner, default, min, max, unit, timelock_epochs, rollback_epochs, aliases}",
     "params": [{"name": "key", "type": "string"}],
     "errors": [{"code": -32060, "name": "unknown_param",
      "help": "no active plugin declares it"}]},
    {"name": "specs", "read": true,
     "help": "A page {specs} of all declarations, ascending by key",
     "params": [{"name": "after", "type": "string", "default": ""},
                {"name": "limit", "type": "u32", "default": 100, "min": 1, "max": 1000}]},
    {"name": "set_role", "help": "For the plugin that provides roles/1; `none` takes the role away",
     "params": [{"name": "account", "type": "string"}, {"name": "role", "type": "string"}],
     "errors": [{"code": -34003, "name": "forbidden",
      "help": "the caller does not provide roles/1"},
                {"code": -34008, "name": "bad_role", "help": "account or role is malformed"}]},
    {"name": "switch_plugin", "help": "For the plugin that provides gov/1: as chain.set_plugin",
     "params": [{"name": "id", "type": "string"}, {"name": "sm", "type": "u32"},
                {"name": "schema", "type": "u32"}, {"name": "consensus_hash", "type": "hash"},
                {"name": "first_height", "type": "u64"}],
     "errors": [{"code": -34003, "name": "forbidden",
      "help": "the caller does not provide gov/1"},
                {"code": -34008, "name": "height_passed",
                 "help": "first_height is not above this height"},
                {"code": -34008, "name": "plugin_reserved",
                 "help": "the id is the kernel's own, or malformed"}]},
    {"name": "plugin", "read": true,
     "help": "Roster entry {id, sm, schema, consensus_hash, status, since}; id `node`: the kernel",
     "params": [{"name": "id", "type": "string"}],
     "errors": [{"code": -34008, "name": "unknown_plugin", "help": "not in the roster"}]},
    {"name": "escrow_owner", "read": true,
     "help": "{owner}: the plugin that declares the escrow prefix of a system account; empty: none",
     "params": [{"name": "account", "type": "string"}]}]}]})json";

}  // namespace

std::string_view manifest_text() { return kManifest; }

}  // namespace blockd::builtin
