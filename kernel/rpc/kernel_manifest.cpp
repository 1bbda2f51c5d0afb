// The manifests of the kernel's own methods: "node", declared here, and that of the machine
// "chain".

#include <cstdio>
#include <cstdlib>

#include "kernel/chain/machine_set.hpp"
#include "kernel/rpc/rpc_impl.hpp"

namespace blockd {
namespace {

constexpr std::string_view kHead = R"json({
"id": "node", "version": "1.0.0", "summary": "The node itself: status, commands, blocks, events, configuration, plugins and tokens",
"method_prefixes": ["consensus", "whoami", "account", "submit_tx", "command", "tx", "mempool", "block", "events", "state", "metrics",
  "config", "start_mining", "stop_mining", "telemetry", "plugin", "rpc", "monitor", "token", "maintenance", "chain.preview", "chain.preview_start", "chain.preview_cancel", "snapshots", "set_snapshot_interval"],
"methods": [)json";

constexpr std::string_view kNode = R"json(
{"name": "node.status", "kind": "query", "summary": "Height, pool, plugins and storage of this node", "cli": {"path": "node status"}},
{"name": "node.shutdown", "kind": "local", "role": "admin", "summary": "Stop the node in good order", "cli": {"path": "node shutdown"}},
{"name": "consensus.status", "kind": "query", "summary": "Who makes blocks, and whether they come",
 "params": [{"name": "status", "type": "bool", "default": true, "help": "there for the verb's flag"}],
 "cli": {"path": "node consensus"}},
{"name": "whoami", "kind": "query", "summary": "Roles of the caller on this node", "cli": {"path": "node whoami"}},
{"name": "metrics", "kind": "local", "summary": "All series as exposition text", "cli": {"path": "metrics", "format": "text"}},
{"name": "rpc.discover", "kind": "query", "summary": "All methods as an OpenRPC document"},
{"name": "start_mining", "kind": "local", "role": "operator", "summary": "Cut a block now, and one each interval for a minute",
 "params": [{"name": "miner", "type": "any", "optional": true, "help": "taken for older clients, not used"},
            {"name": "nonce", "type": "any", "optional": true, "help": "taken for older clients, not used"}],
 "cli": {"path": "node start-mining"}},
{"name": "stop_mining", "kind": "local", "role": "operator", "summary": "End what start_mining began", "cli": {"path": "node stop-mining"}},
{"name": "maintenance.verify", "kind": "local", "role": "admin", "summary": "Execute the whole log again and compare every root",
 "params": [{"name": "signatures", "type": "bool", "default": false, "help": "check the signatures again too"}],
 "cli": {"path": "maintenance verify", "ok_member": "ok"}},)json";

constexpr std::string_view kChain = R"json(
{"name": "account.nonce", "kind": "query", "summary": "Nonces of an account, in the chain and in the pool",
 "params": [{"name": "account", "type": "string", "min": 1, "max": 128, "help": "address"}],
 "cli": {"path": "node nonce", "positionals": ["account"]}},
{"name": "submit_tx", "kind": "local", "summary": "Hand in a signed command",
 "params": [{"name": "tx", "type": "any", "help": "the envelope, or its canonical bytes in hex"}],
 "cli": {"path": "tx submit", "positionals": ["tx"], "file_fields": ["tx"]}},
{"name": "command.submit", "kind": "local", "summary": "Hand in a signed command; `_tx.wait` says until when to wait",
 "params": [{"name": "command", "type": "any", "help": "the command"}, {"name": "signatures", "type": "any", "help": "list of {key, sig}"}]},
{"name": "command.check", "kind": "local", "summary": "Say whether a signed command would be admitted, and change nothing",
 "params": [{"name": "tx", "type": "any", "optional": true, "help": "the envelope, or its canonical bytes in hex"},
            {"name": "command", "type": "any", "optional": true, "help": "the command, beside `signatures`, in place of `tx`"},
            {"name": "signatures", "type": "any", "optional": true, "help": "list of {key, sig}"}],
 "cli": {"path": "tx check", "positionals": ["tx"], "file_fields": ["tx"]}},
{"name": "command.sign", "kind": "local", "role": "operator", "summary": "Sign a command with the node's key of its role, and do not hand it in",
 "help": "The answer's envelope goes to submit_tx when its time has come; tx.status tells by the hash what became of it.",
 "params": [{"name": "method", "type": "string", "min": 1, "max": 128, "help": "name of a command"},
            {"name": "params", "type": "any", "optional": true, "help": "its params"},
            {"name": "nonce", "type": "u64", "optional": true, "help": "the next one of the account when absent"}],
 "cli": {"path": "tx sign", "positionals": ["method"], "file_fields": ["params"]}},
{"name": "tx.status", "kind": "query", "summary": "Where a command is: in the pool, in a block, or gone",
 "help": "Blocks are searched for the newest 100,000 commands.",
 "params": [{"name": "id", "type": "hash", "aliases": ["hash"], "help": "id of the command"}],
 "cli": {"path": "tx status", "positionals": ["id"]}},
{"name": "mempool.stats", "kind": "query", "summary": "Commands that wait",
 "params": [{"name": "lane", "type": "string", "choices": ["consumer", "industrial", "service"], "optional": true, "help": "one lane; all when absent"}],
 "cli": {"path": "node mempool stats"}},
{"name": "mempool.set_cap", "kind": "local", "role": "admin", "summary": "Change how many commands a lane holds, until the next reload",
 "params": [{"name": "cap", "type": "u32", "min": 16, "max": 1000000, "help": "commands"},
            {"name": "lane", "type": "string", "choices": ["consumer", "industrial", "service"], "default": "consumer", "help": "the two fee lanes have one cap"}],
 "cli": {"path": "node mempool set-cap", "positionals": ["cap"]}},
{"name": "mempool.qos_event", "kind": "local", "summary": "Count what a wallet did about a fee below the floor of its lane",
 "params": [{"name": "lane", "type": "string", "choices": ["consumer", "industrial"], "help": "lane of the command"},
            {"name": "event", "type": "string", "choices": ["warning", "override"], "help": "raised to the floor, or sent as it was"},
            {"name": "fee", "type": "u64", "help": "that the user gave"},
            {"name": "floor", "type": "u64", "help": "that the lane asks"}]},
{"name": "telemetry.report_signer", "kind": "local", "role": "operator", "summary": "Count what a wallet did with remote signers",
 "params": [{"name": "discoveries", "type": "u64", "max": 10000, "default": 0, "help": "searches"},
            {"name": "discovered", "type": "u64", "max": 10000, "default": 0, "help": "searches that found a signer"},
            {"name": "requests", "type": "u64", "max": 10000, "default": 0, "help": "requests to signers"},
            {"name": "successes", "type": "u64", "max": 10000, "default": 0, "help": "answered"},
            {"name": "rotations", "type": "u64", "max": 10000, "default": 0, "help": "signers found with another key"},
            {"name": "errors", "type": "list", "items": {"type": "string", "max": 32}, "max": 256, "optional": true, "help": "a word for each that failed"},
            {"name": "latencies_us", "type": "list", "items": {"type": "u64"}, "max": 256, "optional": true, "unit": "us", "help": "how long each took"}]},
{"name": "block.get", "kind": "query", "summary": "A block by height or hash",
 "params": [{"name": "height", "type": "u64", "optional": true, "help": "its height"},
            {"name": "hash", "type": "hash", "optional": true, "help": "or its hash"},
            {"name": "full", "type": "bool", "default": false, "help": "with commands, results, records and events"}],
 "errors": [{"code": -34006, "name": "not_found", "help": "no such block"}, {"code": -34006, "name": "pruned", "help": "no longer in the log"}],
 "cli": {"path": "block get", "positionals": ["height"]}},
{"name": "block.latest", "kind": "query", "summary": "The newest block",
 "params": [{"name": "full", "type": "bool", "default": false, "help": "with commands, results, records and events"}],
 "cli": {"path": "block latest"}},
{"name": "block.genesis", "kind": "query", "summary": "The genesis document that this chain was made from",
 "cli": {"path": "block genesis"}},
{"name": "events.list", "kind": "query", "summary": "Events of committed blocks, for polling",
 "params": [{"name": "from", "type": "string", "optional": true, "help": "cursor of the last event that was seen, `start` or `head`; `start` when absent"},
            {"name": "limit", "type": "u32", "min": 1, "max": 1000, "default": 100, "help": "events"},
            {"name": "topics", "type": "list", "items": {"type": "string"}, "max": 64, "optional": true, "help": "such as energy.*; all when absent"},
            {"name": "archived", "type": "bool", "default": false, "help": "also of blocks older than bus.retain_blocks; for operators"}],
 "cli": {"path": "events list", "list": "events", "columns": ["cursor", "topic", "data"]}},
{"name": "events.subscribe", "kind": "local", "summary": "Events as notifications, over a WebSocket",
 "params": [{"name": "topics", "type": "list", "items": {"type": "string"}, "max": 64, "help": "such as energy.*"},
            {"name": "from", "type": "string", "optional": true, "help": "cursor of the last event that was seen, `start` or `head`; `head` when absent"},
            {"name": "unfinal", "type": "bool", "default": false, "help": "blocks that are not final too; a chain of one validator has none"}]},
{"name": "events.unsubscribe", "kind": "local", "summary": "End a subscription",
 "params": [{"name": "subscription", "type": "string", "help": "its name"}]},
{"name": "state.get", "kind": "query", "summary": "A row of the state",
 "params": [{"name": "namespace", "type": "string", "min": 1, "max": 64, "help": "id of the plugin whose row it is"},
            {"name": "key", "type": "bytes", "min": 1, "max": 4096, "help": "key in hex"}],
 "cli": {"path": "state get", "positionals": ["namespace", "key"]}},)json";

constexpr std::string_view kPreview = R"json(
{"name": "chain.preview_start", "kind": "local", "role": "operator", "summary": "Execute the newest blocks again on a copy, with other values or a script",
 "help": "Answers the number of a job, which chain.preview shows. Two run at once.",
 "params": [{"name": "epochs", "type": "u64", "min": 1, "max": 100000, "default": 1, "help": "closed epochs, and the open one; fewer when the log keeps fewer"},
            {"name": "params", "type": "any", "optional": true, "help": "list of {key, value}: in force from the first block on"},
            {"name": "script", "type": "string", "max": 65536, "default": "", "help": "text of a Lua script, as if it had been voted in"},
            {"name": "observe", "type": "any", "optional": true, "help": "list of {topic, from, to, amount}: events whose amounts are summed by account"}]},
{"name": "chain.preview", "kind": "local", "role": "operator", "summary": "How far a preview is, and what would have differed",
 "params": [{"name": "job", "type": "u64", "help": "its number"}]},
{"name": "chain.preview_cancel", "kind": "local", "role": "operator", "summary": "End a preview",
 "params": [{"name": "job", "type": "u64", "help": "its number"}]},)json";

constexpr std::string_view kPlugins = R"json(
{"name": "plugin.list", "kind": "query", "summary": "Plugins of this node",
 "cli": {"path": "plugin list", "aliases": ["plugins list"], "columns": ["id", "version", "state", "sm", "signature", "error"], "format": "table"}},
{"name": "plugin.info", "kind": "query", "summary": "One plugin and what it offers",
 "params": [{"name": "id", "type": "string", "aliases": ["name"], "help": "its id"}],
 "cli": {"path": "plugin info", "aliases": ["plugins info"], "positionals": ["id"]}},
{"name": "plugin.load", "kind": "local", "role": "admin", "summary": "Load a local plugin",
 "params": [{"name": "file", "type": "string", "aliases": ["path", "id"], "help": "library or id"}],
 "cli": {"path": "plugin load", "aliases": ["plugins load"], "positionals": ["file"]}},
{"name": "plugin.unload", "kind": "local", "role": "admin", "summary": "Unload a local plugin",
 "params": [{"name": "id", "type": "string", "aliases": ["name"], "help": "its id"}],
 "cli": {"path": "plugin unload", "aliases": ["plugins unload"], "positionals": ["id"]}},
{"name": "plugin.reload", "kind": "local", "role": "admin", "summary": "Take another build of a plugin, with no block missed",
 "params": [{"name": "name", "type": "string", "aliases": ["id"], "help": "its id"},
            {"name": "path", "type": "string", "aliases": ["file"], "default": "", "help": "library; its present file when absent"}],
 "cli": {"path": "plugin reload", "aliases": ["plugins reload"], "positionals": ["name"], "flags": {"path": "--file"}}},
{"name": "plugin.upgrade", "kind": "local", "role": "admin", "summary": "Install or upgrade a plugin with state, or change its standing, through the log",
 "params": [{"name": "path", "type": "string", "aliases": ["file"], "optional": true, "help": "library"},
            {"name": "dry_run", "type": "bool", "default": false, "help": "print what would change"},
            {"name": "suspend", "type": "string", "optional": true, "help": "id of a plugin to suspend"},
            {"name": "resume", "type": "string", "optional": true, "help": "id of a plugin to resume"},
            {"name": "remove", "type": "string", "optional": true, "help": "id of a plugin to remove"}],
 "cli": {"path": "plugin upgrade", "aliases": ["plugins upgrade"], "positionals": ["path"]}},
{"name": "plugin.stage", "kind": "local", "role": "admin", "summary": "Check a library and keep it for a coming switch",
 "params": [{"name": "path", "type": "string", "aliases": ["file"], "help": "library"}],
 "cli": {"path": "plugin stage", "aliases": ["plugins stage"], "positionals": ["path"]}},
{"name": "plugin.prune", "kind": "local", "role": "admin", "summary": "Remove images of the plugin store that nothing needs",
 "params": [{"name": "keep", "type": "u32", "optional": true, "help": "keep the newest so many of each plugin"}],
 "cli": {"path": "plugin prune", "aliases": ["plugins prune"]}},)json";

constexpr std::string_view kConfig = R"json(
{"name": "config.reload", "kind": "local", "role": "admin", "summary": "Read the configuration again; all or nothing",
 "cli": {"path": "config reload", "aliases": ["net config reload"]}},
{"name": "config.show", "kind": "local", "role": "admin", "summary": "Effective values, with their sources; secrets masked",
 "params": [{"name": "key", "type": "string", "default": "", "help": "key or the beginning of keys"}],
 "cli": {"path": "config show"}},
{"name": "config.env", "kind": "local", "role": "admin", "summary": "Variables of the environment that the node reads",
 "cli": {"path": "config env", "list": "variables", "columns": ["variable", "value", "key", "source"]}},
{"name": "config.history", "kind": "local", "role": "admin", "summary": "Generations of the configuration",
 "cli": {"path": "config history", "list": "generations", "columns": ["generation", "unix_ms", "source", "changed"]}},
{"name": "config.diff", "kind": "local", "role": "admin", "summary": "What differs between two generations",
 "params": [{"name": "a", "type": "u64", "optional": true, "help": "generation; the one before b when absent"},
            {"name": "b", "type": "u64", "optional": true, "help": "generation; the newest when absent"}],
 "cli": {"path": "config diff", "positionals": ["a", "b"], "list": "differences", "columns": ["key", "before", "after"]}},
{"name": "config.rollback", "kind": "local", "role": "admin", "summary": "Bring back the files of a generation",
 "params": [{"name": "generation", "type": "u64", "help": "its number"}],
 "cli": {"path": "config rollback", "positionals": ["generation"]}},
{"name": "token.create", "kind": "local", "role": "admin", "summary": "Make a token; it is shown once",
 "params": [{"name": "role", "type": "string", "min": 1, "max": 64, "help": "open, read, operator, admin or a role of a plugin"},
            {"name": "ttl", "type": "u64", "min": 1, "max": 315360000, "optional": true, "unit": "secs", "help": "life; for ever when absent"}],
 "cli": {"path": "token create"}},
{"name": "token.list", "kind": "local", "role": "admin", "summary": "Listed tokens, without their secrets",
 "cli": {"path": "token list", "list": "tokens", "columns": ["id", "roles", "expires_at"]}},
{"name": "token.revoke", "kind": "local", "role": "admin", "summary": "End a listed token at once",
 "params": [{"name": "id", "type": "string", "min": 1, "max": 64, "help": "its id"}],
 "cli": {"path": "token revoke", "positionals": ["id"]}}]})json";

std::shared_ptr<const Manifest> parse_own() {
  std::string text;
  for (std::string_view part : {kHead, kNode, kChain, kPreview, kPlugins, kConfig})
    text.append(part);
  Result<std::shared_ptr<const Manifest>> parsed = Manifest::parse(text);
  if (parsed.ok()) return *parsed;
  std::fprintf(stderr, "the kernel's own manifest does not hold: %s\n",
               parsed.status().to_string().c_str());
  std::abort();  // a defect of this file, found by the first test that runs
}

}  // namespace

const std::vector<std::shared_ptr<const Manifest>>& kernel_manifest_list() {
  static const std::vector<std::shared_ptr<const Manifest>> kList = {parse_own(),
                                                                     chain_machine().manifest};
  return kList;
}

}  // namespace blockd
