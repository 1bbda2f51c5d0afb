// Manifest: what a plugin says of itself, once. Everything else derives from it: request checks,
// OpenRPC, the CLI tree, reference docs, metric registration, config checks, parameters, alerts and
// panels.
//
// A Manifest is immutable after parse() and may be read from any thread. Order matters: the place
// of an entry in its list is the index by which the ABI names it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernel/base/bytes.hpp"
#include "kernel/base/json.hpp"
#include "kernel/base/metric_type.hpp"
#include "kernel/base/status.hpp"

namespace blockd {

enum class FieldType : std::uint8_t {
  kBool,
  kU8,
  kU16,
  kU32,
  kU64,
  kU128,
  kI64,
  kString,
  kBytes,
  kHash,
  kAddress,
  kList,
  kRecord,
  kAny
};
std::string_view field_type_name(FieldType type);  // "u64"

// One field of a method's params, a result, an event, a record, or a config key's structure.
struct Field {
  std::string name;
  FieldType type = FieldType::kAny;
  bool required = true;  // false when `optional` or a default is given
  std::optional<json::value> default_value;
  std::optional<U128> min,
      max;  // value of a number; length in bytes of string and bytes; count of a list
  std::string unit, help;
  std::vector<std::string> aliases;  // older names, accepted in requests
  std::vector<std::string> choices;  // of a string; empty: any
  bool ignore_case = false;          // of choices
  bool secret = false;
  std::vector<Field> fields;  // of a record; kList: the element at [0]
};

struct ErrorSpec {
  std::int32_t code = 0;
  std::string name, help;
};

enum class MethodKind : std::uint8_t { kCommand, kQuery, kLocal };

// A verb beside a command's own that sends it once for each row of a file.
struct ImportSpec {
  std::string path;  // "energy import"; empty: there is none
  std::string by;    // param: rows with the same value of it are sent one after the other
  std::vector<std::string> known;  // errors which say that the row was taken before
};

// How contract-cli shows a method.
struct CliSpec {
  std::string path;                      // "energy oracle keys status"; empty: not in the CLI
  std::vector<std::string> aliases;      // other paths
  std::vector<std::string> positionals;  // field names, in order
  std::vector<std::pair<std::string, std::string>>
      flags;  // field name -> flag name when it differs ("page_size" -> "--limit")
  std::vector<std::string> file_fields;  // fields whose flag names a file (or "-", or inline JSON /
                                         // "@file") to be read as JSON
  std::vector<std::string>
      merge_json;    // flags whose JSON object is spread over the params ("--reading-json")
  std::string list;  // member of the result that a table shows
  std::vector<std::string> columns;  // of that table
  std::string id_field;              // printed by --ids
  std::string ok_member;             // bool of the result; false: exit code 1 ("ok")
  std::string say;        // what a person reads instead: "proposal {id} submitted", with members
  std::string now_field;  // param that contract-cli fills with the present time, in seconds
  std::vector<std::pair<std::string, std::string>>
      given;                     // field name -> what contract-cli gives where its flag is missing
  std::string format = "table";  // on a terminal: "table", or "json" of a document
  ImportSpec imports;
};

struct MethodSpec {
  std::string name;  // "energy.settle"
  MethodKind kind = MethodKind::kQuery;
  std::string summary, help;
  std::vector<std::string> aliases;
  std::string role = "open";         // open, read, operator, admin or a role of `roles`
  bool hidden = false;               // unknown (-32601) to callers without the role
  std::string rate_class;            // "settle"; empty: the node's own limiter only
  std::uint32_t max_bytes = 262144;  // of a command's envelope
  std::vector<Field> params;
  std::vector<Field> result;  // for documentation; not enforced
  std::vector<ErrorSpec> errors;
  CliSpec cli;
  std::vector<std::pair<std::string, std::string>>
      examples;  // (command line or params, what it shows)
};

struct EventSpec {
  std::string topic, help;
  bool durable = true;  // false: ephemeral, published by the face
  std::vector<Field> fields;
};
struct RecordSpec {
  std::string kind, help;
  std::vector<Field> fields;
};

struct MetricSpec {
  std::string name, help, unit;
  MetricType type = MetricType::kCounter;
  std::vector<std::string> labels;
  std::vector<double> buckets;
  std::vector<std::string> aliases;              // the same series under other names
  std::vector<std::vector<std::string>> preset;  // label values that exist at 0 from the start
  std::uint32_t label_limit = 1000;
  std::uint64_t scale = 1;  // values of the ABI are integers: shown value = value / scale
  bool exported = true;     // to /wrappers
};

struct ParamSpec {
  std::string key, help, unit;
  std::uint64_t default_value = 0, min = 0, max = 0;
  std::uint32_t timelock_epochs = 2, rollback_epochs = 1;
  std::string owner = "governance";
  std::vector<std::string> aliases, affects;
};

struct ConfigSpec {
  std::string key;  // below the plugin's section, "stall_warn_secs"; or absolute when it has a '.'
  Field field;      // type, default, range, help
  std::string env;  // special name; empty: derived
  bool reload = true;
};

struct ServiceFunction {
  std::string name, help;
  bool read = false;  // kind "read": answered on a view
  std::vector<Field> params;
  std::vector<ErrorSpec> errors;
};
struct ServiceProvided {
  std::string name;  // "ledger/1"
  std::vector<ServiceFunction> functions;
};
// A slot. `functions` names the functions of the service that the plugin calls: its calls say the
// place in this list, the host binds them by name at load, so that a provider may add functions.
struct ServiceRequired {
  std::string name;
  bool optional = false;
  std::vector<std::string> functions;
};

struct RoleSpec {
  std::string name, help;               // "energy.oracle"
  std::string within = "operator";      // who else has it: operator or admin
  std::string token_env, token_config;  // credentials that grant it
  std::string key = "operator";  // the node key that signs unsigned calls admitted by it: operator,
                                 // admin or oracle
};
// Methods of a rate class share a token bucket per client address; its rate is the value of config
// key `config` (unset: no bucket).
struct RateClassSpec {
  std::string name, config;
};
struct HttpRoute {
  std::string method, path, listener = "rpc", role = "open", summary;  // "/meter/:id/reading"
};
struct TimerSpec {
  std::string name;
  std::uint64_t interval_ms = 1000;
};
// Expressions of alerts and recordings may hold `${epoch_seconds}` and `${name:default}`, which
// become numbers when the rule files are made (rules.hpp).
struct AlertSpec {
  std::string name, expr, severity, summary, runbook;
  std::string for_duration = "0m";  // "10m", or "3ep": lengths of an epoch
  std::string group;                // of rules, and page of runbooks; empty: the plugin's id
  std::string alias;                // older name, shown as a label
};
// A recording rule: a series that Prometheus computes.
struct RecordingSpec {
  std::string name, expr;
};
struct PanelSpec {
  std::string row, title, expr, unit, type;
  std::vector<double> thresholds;
};

struct Manifest {
  std::string id, version, summary;
  std::uint32_t sm = 0, sm_min = 0, schema = 0;        // sm 0: no machine
  std::string invalid_params_name = "invalid_params";  // spelling of -32602's data.name
  std::vector<std::string>
      method_prefixes;  // other beginnings of its methods' names than "<id>.": "balance", "node."
  std::vector<std::string> escrow_prefixes;  // system accounts that this plugin may debit: "energy"
  std::vector<std::string> follows;          // topics of other plugins that its face wants
  std::vector<ServiceRequired> requires_;
  std::vector<ServiceProvided> provides;
  std::vector<MethodSpec> methods;
  std::vector<EventSpec> events;
  std::vector<RecordSpec> records;
  std::vector<MetricSpec> metrics;
  std::vector<ParamSpec> params;
  std::vector<ConfigSpec> config;
  std::vector<RoleSpec> roles;
  std::vector<RateClassSpec> rate_classes;
  // What callers without the role, or above a limit, are told; code 0: the node's own errors. A
  // plugin with `unauthorized` and configured tokens for its roles demands one of them for every
  // method.
  ErrorSpec unauthorized, rate_limited;
  std::string
      window_config;  // config key: requests per second and client address in a sliding window
  std::vector<HttpRoute> http;
  std::vector<TimerSpec> timers;
  std::vector<AlertSpec> alerts;
  std::vector<RecordingSpec> recordings;
  std::vector<PanelSpec> panels;
  json::object source;    // as declared
  Hash hash{};            // BLAKE3 of its canonical JSON
  Hash consensus_hash{};  // BLAKE3 of the canonical JSON of the part that apply depends on

  // Method by name or alias; nullptr if there is none.
  const MethodSpec* find_method(std::string_view name) const;

  // Parses and validates: ids, types, ranges, duplicates inside the manifest, a command without a
  // role, a default outside its range, an unknown member (names the nearest). Bounded: 4 MiB of
  // text, 1,000 methods. Errors: kInvalid "manifest of <id>: methods[3] 'energy.settle':
  // params.kwh: min 5 above max 3".
  static Result<std::shared_ptr<const Manifest>> parse(std::string_view text);
};

}  // namespace blockd
