// What a manifest's members must mean together. Each check names the place as the reader does.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "kernel/manifest/cli_tree.hpp"
#include "kernel/manifest/manifest_parse.hpp"
#include "kernel/manifest/names.hpp"
#include "kernel/manifest/values.hpp"

namespace blockd {
namespace {

// A place in the manifest with the problems it may add.
class Place {
 public:
  Place(Problems& problems, std::string text) : problems_(problems), text_(std::move(text)) {}
  Place in(const std::string& inner) const {
    return {problems_, text_.empty() ? inner : text_ + ": " + inner};
  }
  Place entry(const char* list, std::size_t index, const std::string& name) const {
    return in(std::string(list) + "[" + std::to_string(index) + "] '" + name + "'");
  }
  void require(bool good, const std::string& what, std::string hint = {}) const {
    if (!good) problems_.add(text_, what, std::move(hint));
  }

 private:
  Problems& problems_;
  std::string text_;
};

// Names that must differ from each other; says which entry had the name first.
class Unique {
 public:
  explicit Unique(std::string what) : what_(std::move(what)) {}
  void add(const Place& place, const std::string& name, const std::string& owner) {
    const auto [at, fresh] = seen_.emplace(name, owner);
    place.require(fresh, what_ + " '" + name + "' is already that of '" + at->second + "'");
  }

 private:
  std::string what_;
  std::map<std::string, std::string> seen_;
};

bool is_integer(FieldType type) { return type >= FieldType::kU8 && type <= FieldType::kI64; }
bool has_range(FieldType type) {
  return is_integer(type) || type == FieldType::kString || type == FieldType::kBytes ||
         type == FieldType::kList;
}

U128 largest(FieldType type) {
  switch (type) {
    case FieldType::kU8:
      return 0xff;
    case FieldType::kU16:
      return 0xffff;
    case FieldType::kU32:
      return 0xffffffffu;
    case FieldType::kU64:
      return ~std::uint64_t{0};
    case FieldType::kI64:
      return static_cast<U128>(INT64_MAX);
    default:
      return ~U128{0};
  }
}

void check_default(const Place& place, const Field& field) {
  if (!field.default_value) return;
  ValueArena arena;
  tb_value value{};
  const auto error = decode_field(field, *field.default_value, arena, &value);
  if (error)
    place.require(false,
                  "default: " + (error->field.empty() ? "" : error->field + ": ") + error->message);
}

void check_fields(const Place& place, const std::string& list, const std::vector<Field>& fields);

void check_field(const Place& place, const Field& field) {
  const std::string type(field_type_name(field.type));
  place.require(has_range(field.type) || (!field.min && !field.max),
                "min and max do not apply to " + type);
  if (field.min && field.max) {
    place.require(*field.min <= *field.max,
                  "min " + u128_to_string(*field.min) + " above max " + u128_to_string(*field.max));
  }
  const U128 bound = std::max(field.min.value_or(0), field.max.value_or(0));
  place.require(bound <= largest(field.type), u128_to_string(bound) + " does not fit " + type);
  place.require(field.type == FieldType::kString || field.choices.empty(),
                "choices do not apply to " + type);
  place.require(!field.ignore_case || !field.choices.empty(), "ignore_case without choices");
  Unique choices("choice");
  for (const std::string& choice : field.choices) choices.add(place, choice, field.name);
  if (field.type == FieldType::kRecord) {
    place.require(!field.fields.empty(), "a record needs 'fields'",
                  "type \"any\" takes an object of any members");
    check_fields(place, "fields", field.fields);
  }
  if (field.type == FieldType::kList) check_field(place.in("items"), field.fields[0]);
  check_default(place, field);
}

void check_fields(const Place& place, const std::string& list, const std::vector<Field>& fields) {
  Unique unique("name");
  for (const Field& field : fields) {
    const Place here = place.in(list + "." + field.name);
    here.require(names::is_field(field.name),
                 "a field's name is made of letters, digits, '_', '-' and '.'");
    unique.add(here, field.name, field.name);
    for (const std::string& alias : field.aliases) {
      here.require(names::is_field(alias), "alias '" + alias + "' is no field name");
      unique.add(here, alias, field.name);
    }
    check_field(here, field);
  }
}

void check_errors(const Place& place, const std::vector<ErrorSpec>& errors) {
  Unique unique("error");
  for (const ErrorSpec& error : errors) {
    place.require(names::is_error(error.name),
                  "errors: '" + error.name + "' is no name of an error");
    unique.add(place, error.name, error.name);
  }
}

bool known_role(const Manifest& manifest, const std::string& role) {
  static const std::set<std::string> kBuiltin = {"open", "read", "operator", "admin"};
  return kBuiltin.count(role) > 0 || std::any_of(manifest.roles.begin(), manifest.roles.end(),
                                                 [&](const RoleSpec& r) { return r.name == role; });
}

void check_role_use(const Manifest& manifest, const Place& place, const std::string& role) {
  place.require(
      known_role(manifest, role),
      "role '" + role + "' is none of open, read, operator, admin and the manifest's 'roles'");
}

// "ad-market" owns "ad-market." and "ad_market."; a prefix "node" owns "node" and "node.".
bool owns_name(const Manifest& manifest, const std::string& name) {
  std::string spelled = manifest.id;
  std::replace(spelled.begin(), spelled.end(), '-', '_');
  if (name.starts_with(manifest.id + ".") || name.starts_with(spelled + ".")) return true;
  return std::any_of(manifest.method_prefixes.begin(), manifest.method_prefixes.end(),
                     [&](const std::string& prefix) {
                       return name == prefix ||
                              name.starts_with(prefix.ends_with('.') ? prefix : prefix + ".");
                     });
}

const Field* find_field(const MethodSpec& method, const std::string& name) {
  const auto at = std::find_if(method.params.begin(), method.params.end(),
                               [&](const Field& f) { return f.name == name; });
  return at == method.params.end() ? nullptr : &*at;
}

void check_positionals(const Place& place, const MethodSpec& method) {
  bool optional_before = false;
  for (std::size_t i = 0; i < method.cli.positionals.size(); ++i) {
    const std::string& name = method.cli.positionals[i];
    const Field* field = find_field(method, name);
    place.require(field != nullptr, "positional '" + name + "' is no param of the method");
    if (field == nullptr) return;
    const bool last = i + 1 == method.cli.positionals.size();
    place.require(last || field->type != FieldType::kList,
                  "positional '" + name + "' is a list and must be the last");
    place.require(!field->required || !optional_before,
                  "positional '" + name + "' is required but stands behind an optional one");
    optional_before = optional_before || !field->required;
  }
}

void check_flags(const Place& place, const MethodSpec& method) {
  Unique flags("flag");
  std::map<std::string, std::string> named(method.cli.flags.begin(), method.cli.flags.end());
  for (const auto& [name, flag] : method.cli.flags) {
    place.require(find_field(method, name) != nullptr,
                  "flags: '" + name + "' is no param of the method");
    place.require(names::is_flag(flag), "flags: '" + flag + "' is no flag such as --limit");
  }
  const auto& positionals = method.cli.positionals;
  for (const Field& field : method.params) {
    const auto other = named.find(field.name);
    const bool positional =
        std::find(positionals.begin(), positionals.end(), field.name) != positionals.end();
    if (other != named.end())
      flags.add(place, other->second, field.name);
    else if (!positional)
      flags.add(place, default_flag(field.name), field.name);
  }
  for (const std::string& flag : method.cli.merge_json) {
    place.require(names::is_flag(flag),
                  "merge_json: '" + flag + "' is no flag such as --reading-json");
    flags.add(place, flag, "merge_json");
  }
  for (const std::string& name : method.cli.file_fields) {
    place.require(find_field(method, name) != nullptr,
                  "file_fields: '" + name + "' is no param of the method");
  }
}

// Each '{' is closed before the next one opens.
bool braces_match(const std::string& text) {
  bool open = false;
  for (const char c : text) {
    if ((c == '{' && open) || (c == '}' && !open)) return false;
    if (c == '{' || c == '}') open = !open;
  }
  return !open;
}

void check_import(const Place& place, const MethodSpec& method) {
  const ImportSpec& spec = method.cli.imports;
  if (spec.path.empty()) return;
  place.require(method.kind == MethodKind::kCommand, "only a command can be sent row by row");
  place.require(spec.by.empty() || find_field(method, spec.by) != nullptr,
                "by: '" + spec.by + "' is no param of the method");
  for (const std::string& name : spec.known) {
    const bool declared = std::any_of(method.errors.begin(), method.errors.end(),
                                      [&](const ErrorSpec& error) { return error.name == name; });
    place.require(declared, "known: '" + name + "' is no error of the method");
  }
}

void check_cli(const Place& place, const MethodSpec& method, Unique& paths) {
  const CliSpec& cli = method.cli;
  if (cli.path.empty()) return;
  std::vector<std::string> all = {cli.path};
  all.insert(all.end(), cli.aliases.begin(), cli.aliases.end());
  if (!cli.imports.path.empty()) all.push_back(cli.imports.path);
  for (const std::string& path : all) {
    place.require(names::is_cli_path(path),
                  "'" + path + "' is no path of lower-case words with one blank between");
    paths.add(place, path, method.name);
  }
  check_positionals(place, method);
  check_flags(place, method);
  check_import(place.in("import"), method);
  place.require(cli.now_field.empty() || find_field(method, cli.now_field) != nullptr,
                "now_field: '" + cli.now_field + "' is no param of the method");
  for (const auto& [name, text] : cli.given) {
    place.require(find_field(method, name) != nullptr,
                  "given: '" + name + "' is no param of the method");
  }
  place.require(braces_match(cli.say), "say: '" + cli.say + "' has a brace without its partner");
  const bool known = cli.format == "json" || cli.format == "table";
  place.require(known, "format '" + cli.format + "' is none of json, table");
}

void check_methods(const Manifest& manifest, const Place& root) {
  Unique unique("name"), paths("CLI path");
  for (std::size_t i = 0; i < manifest.methods.size(); ++i) {
    const MethodSpec& method = manifest.methods[i];
    const Place here = root.entry("methods", i, method.name);
    here.require(names::is_method(method.name),
                 "a method's name is made of letters, digits, '_', '-' and '.'");
    here.require(owns_name(manifest, method.name),
                 "the name must begin with '" + manifest.id + ".'",
                 "other beginnings go into 'method_prefixes'");
    unique.add(here, method.name, method.name);
    for (const std::string& alias : method.aliases) {
      here.require(names::is_method(alias), "alias '" + alias + "' is no name of a method");
      unique.add(here, alias, method.name);
    }
    here.require(method.kind != MethodKind::kCommand || manifest.sm > 0,
                 "a command needs a machine", "set 'sm' to 1 or more");
    here.require(method.max_bytes >= 1024 && method.max_bytes <= 8u << 20,
                 "max_bytes must be 1024..8388608");
    check_role_use(manifest, here, method.role);
    const auto& classes = manifest.rate_classes;
    const bool declared = std::any_of(classes.begin(), classes.end(),
                                      [&](const auto& c) { return c.name == method.rate_class; });
    here.require(method.rate_class.empty() || declared,
                 "rate_class '" + method.rate_class + "' is not in 'rate_classes'");
    check_fields(here, "params", method.params);
    check_fields(here, "result", method.result);
    check_errors(here, method.errors);
    check_cli(here.in("cli"), method, paths);
  }
}

void check_events(const Manifest& manifest, const Place& root) {
  Unique topics("topic"), kinds("kind");
  for (std::size_t i = 0; i < manifest.events.size(); ++i) {
    const EventSpec& event = manifest.events[i];
    const Place here = root.entry("events", i, event.topic);
    here.require(names::is_topic(event.topic),
                 "a topic is made of letters, digits, '_', '-' and '.'");
    here.require(!event.durable || manifest.sm > 0, "a durable event needs a machine",
                 "set 'durable' to false for what a face publishes");
    topics.add(here, event.topic, event.topic);
    check_fields(here, "fields", event.fields);
  }
  for (std::size_t i = 0; i < manifest.records.size(); ++i) {
    const RecordSpec& record = manifest.records[i];
    const Place here = root.entry("records", i, record.kind);
    here.require(names::is_topic(record.kind),
                 "a kind is made of letters, digits, '_', '-' and '.'");
    here.require(manifest.sm > 0, "a record needs a machine", "set 'sm' to 1 or more");
    kinds.add(here, record.kind, record.kind);
    check_fields(here, "fields", record.fields);
  }
}

void check_buckets(const Place& here, const MetricSpec& metric) {
  const bool histogram = metric.type == MetricType::kHistogram;
  here.require(histogram == !metric.buckets.empty(),
               histogram ? "a histogram needs 'buckets'" : "buckets are for histograms only");
  const bool rising = std::adjacent_find(metric.buckets.begin(), metric.buckets.end(),
                                         std::greater_equal<>()) == metric.buckets.end();
  here.require(rising, "buckets must ascend");
}

void check_metrics(const Manifest& manifest, const Place& root) {
  Unique unique("metric");
  for (std::size_t i = 0; i < manifest.metrics.size(); ++i) {
    const MetricSpec& metric = manifest.metrics[i];
    const Place here = root.entry("metrics", i, metric.name);
    here.require(names::is_metric(metric.name),
                 "a metric's name is made of letters, digits, '_' and ':'");
    unique.add(here, metric.name, metric.name);
    for (const std::string& alias : metric.aliases) {
      here.require(names::is_metric(alias), "alias '" + alias + "' is no name of a metric");
      unique.add(here, alias, metric.name);
    }
    Unique labels("label");
    for (const std::string& label : metric.labels) {
      here.require(names::is_label(label), "label '" + label + "' is not allowed");
      labels.add(here, label, label);
    }
    for (const auto& values : metric.preset) {
      here.require(values.size() == metric.labels.size(),
                   "preset: " + std::to_string(values.size()) + " values for " +
                       std::to_string(metric.labels.size()) + " labels");
    }
    here.require(metric.preset.size() <= metric.label_limit, "more presets than label_limit");
    here.require(metric.label_limit >= 1 && metric.label_limit <= 100000,
                 "label_limit must be 1..100000");
    here.require(metric.scale >= 1, "scale must be at least 1");
    check_buckets(here, metric);
  }
}

void check_params(const Manifest& manifest, const Place& root) {
  Unique unique("key");
  for (std::size_t i = 0; i < manifest.params.size(); ++i) {
    const ParamSpec& param = manifest.params[i];
    const Place here = root.entry("params", i, param.key);
    here.require(manifest.sm > 0, "a governance parameter needs a machine",
                 "settings of one node go into 'config'");
    here.require(names::is_key(param.key), "a key is made of letters, digits, '_', '-' and '.'");
    unique.add(here, param.key, param.key);
    for (const std::string& alias : param.aliases) {
      here.require(names::is_key(alias), "alias '" + alias + "' is no key");
      unique.add(here, alias, param.key);
    }
    here.require(param.min <= param.max,
                 "min " + std::to_string(param.min) + " above max " + std::to_string(param.max));
    here.require(param.default_value >= param.min && param.default_value <= param.max,
                 "default " + std::to_string(param.default_value) + " outside " +
                     std::to_string(param.min) + ".." + std::to_string(param.max));
  }
}

void check_config(const Manifest& manifest, const Place& root) {
  Unique keys("key"), envs("env");
  for (std::size_t i = 0; i < manifest.config.size(); ++i) {
    const ConfigSpec& config = manifest.config[i];
    const Place here = root.entry("config", i, config.key);
    here.require(names::is_key(config.key), "a key is made of letters, digits, '_', '-' and '.'");
    keys.add(here, config.key, config.key);
    check_field(here, config.field);
    for (std::string_view rest = config.env; !rest.empty();) {
      const std::size_t comma = rest.find(',');
      const std::string variable(rest.substr(0, comma));
      rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
      here.require(names::is_env(variable),
                   "env '" + variable + "' is not made of capitals, digits and '_'");
      envs.add(here, variable, config.key);
    }
  }
}

void check_services(const Manifest& manifest, const Place& root) {
  Unique provided("service"), required("service");
  for (std::size_t i = 0; i < manifest.provides.size(); ++i) {
    const ServiceProvided& service = manifest.provides[i];
    const Place here = root.entry("provides", i, service.name);
    here.require(names::is_service(service.name), "expected a name such as ledger/1");
    here.require(manifest.sm > 0, "a service needs a machine", "set 'sm' to 1 or more");
    provided.add(here, service.name, service.name);
    Unique functions("function");
    for (const ServiceFunction& function : service.functions) {
      const Place place = here.in("functions." + function.name);
      place.require(names::is_field(function.name),
                    "a function's name is made of letters, digits, '_', '-' and '.'");
      functions.add(place, function.name, function.name);
      check_fields(place, "params", function.params);
      check_errors(place, function.errors);
    }
  }
  for (std::size_t i = 0; i < manifest.requires_.size(); ++i) {
    const ServiceRequired& service = manifest.requires_[i];
    const Place here = root.entry("requires", i, service.name);
    here.require(names::is_service(service.name), "expected a name such as ledger/1");
    required.add(here, service.name, service.name);
    Unique functions("function");
    for (const std::string& name : service.functions) functions.add(here, name, name);
  }
}

void check_roles(const Manifest& manifest, const Place& root) {
  static const std::set<std::string> kWithin = {"operator", "admin"},
                                     kKeys = {"operator", "admin", "oracle"},
                                     kBuiltin = {"open", "read", "operator", "admin"};
  Unique roles("role"), classes("rate class");
  for (std::size_t i = 0; i < manifest.roles.size(); ++i) {
    const RoleSpec& role = manifest.roles[i];
    const Place here = root.entry("roles", i, role.name);
    here.require(names::is_topic(role.name) && kBuiltin.count(role.name) == 0,
                 "the name of a role of its own is expected");
    const bool own =
        std::any_of(manifest.roles.begin(), manifest.roles.end(), [&](const RoleSpec& other) {
          return other.name == role.within && other.name != role.name;
        });
    here.require(kWithin.count(role.within) > 0 || own,
                 "within: expected operator, admin or another role of this manifest");
    const bool configured =
        std::any_of(manifest.config.begin(), manifest.config.end(),
                    [&](const auto& entry) { return role.key == "config:" + entry.key; });
    here.require(kKeys.count(role.key) > 0 || configured,
                 "key: expected operator, admin, oracle, or config: and a config key");
    for (std::string_view rest = role.token_env; !rest.empty();) {
      const std::size_t comma = rest.find(',');
      here.require(names::is_env(rest.substr(0, comma)),
                   "token_env: variables of capitals, digits and '_', separated by commas");
      rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
    }
    roles.add(here, role.name, role.name);
  }
  for (std::size_t i = 0; i < manifest.rate_classes.size(); ++i) {
    const RateClassSpec& rate = manifest.rate_classes[i];
    const Place here = root.entry("rate_classes", i, rate.name);
    here.require(names::is_topic(rate.name), "a name is made of letters, digits, '_', '-' and '.'");
    for (std::string_view rest = rate.config; !rest.empty();) {
      const std::size_t comma = std::min(rest.find(','), rest.size());
      here.require(names::is_key(rest.substr(0, comma)),
                   "config: expected config keys, the first that is set counts, divided by commas");
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
    classes.add(here, rate.name, rate.name);
  }
}

void check_face(const Manifest& manifest, const Place& root) {
  static const std::set<std::string> kVerbs = {"GET", "POST", "PUT", "DELETE", "PATCH", "HEAD"};
  Unique routes("route"), timers("timer");
  for (std::size_t i = 0; i < manifest.http.size(); ++i) {
    const HttpRoute& route = manifest.http[i];
    const Place here = root.entry("http", i, route.path);
    here.require(kVerbs.count(route.method) > 0,
                 "method: expected one of GET, POST, PUT, DELETE, PATCH, HEAD");
    here.require(
        route.path.starts_with('/') && route.path.find_first_of(" ?#") == std::string::npos,
        "expected a path such as /meter/:id/reading");
    here.require(names::is_key(route.listener), "listener: expected a name such as rpc");
    check_role_use(manifest, here, route.role);
    routes.add(here, route.listener + " " + route.method + " " + route.path, route.path);
  }
  for (std::size_t i = 0; i < manifest.timers.size(); ++i) {
    const TimerSpec& timer = manifest.timers[i];
    const Place here = root.entry("timers", i, timer.name);
    here.require(names::is_key(timer.name), "a name is made of letters, digits, '_', '-' and '.'");
    here.require(timer.interval_ms >= 10 && timer.interval_ms <= 86'400'000,
                 "interval_ms must be 10..86400000");
    timers.add(here, timer.name, timer.name);
  }
}

void check_monitoring(const Manifest& manifest, const Place& root) {
  Unique alerts("alert");
  for (std::size_t i = 0; i < manifest.alerts.size(); ++i) {
    const AlertSpec& alert = manifest.alerts[i];
    const Place here = root.entry("alerts", i, alert.name);
    here.require(names::is_metric(alert.name),
                 "an alert's name is made of letters, digits and '_'");
    here.require(!alert.expr.empty(), "expr is empty");
    here.require(names::is_alert_duration(alert.for_duration),
                 "for: expected a duration such as 10m, or 3ep for epochs");
    alerts.add(here, alert.name, alert.name);
  }
  Unique recordings("recording");
  for (std::size_t i = 0; i < manifest.recordings.size(); ++i) {
    const RecordingSpec& record = manifest.recordings[i];
    const Place here = root.entry("recordings", i, record.name);
    here.require(names::is_metric(record.name),
                 "a recording's name is made of letters, digits, '_' and ':'");
    here.require(!record.expr.empty(), "expr is empty");
    recordings.add(here, record.name, record.name);
  }
  for (std::size_t i = 0; i < manifest.panels.size(); ++i) {
    const PanelSpec& panel = manifest.panels[i];
    root.entry("panels", i, panel.title)
        .require(!panel.title.empty() && !panel.expr.empty(), "a panel needs a title and an expr");
  }
}

void check_head(const Manifest& manifest, const Place& root) {
  root.require(names::is_plugin_id(manifest.id),
               "id: expected 1..64 lower-case letters, digits and hyphens");
  root.require(names::is_version(manifest.version), "version: expected a version such as 1.4.0");
  root.require(manifest.sm_min <= manifest.sm, "sm_min above sm");
  root.require(manifest.sm == 0 || manifest.sm_min >= 1, "sm_min must be at least 1");
  root.require(names::is_error(manifest.invalid_params_name),
               "invalid_params_name is no name of an error");
  const std::string& window = manifest.window_config;
  root.require(window.empty() || names::is_key(window), "window_config is no config key");
  for (const std::string& prefix : manifest.method_prefixes) {
    root.require(names::is_method(prefix),
                 "method_prefixes: '" + prefix + "' is no beginning of a method's name");
  }
  for (const std::string& prefix : manifest.escrow_prefixes) {
    root.require(
        names::is_lower_word(prefix, "-"),
        "escrow_prefixes: '" + prefix + "' is not made of lower-case letters, digits and hyphens");
    root.require(manifest.sm > 0, "escrow_prefixes: needs a machine");
  }
  for (const std::string& topic : manifest.follows) {
    root.require(names::is_followed(topic),
                 "follows: '" + topic + "' is no topic such as receipts.sealed or receipts.*");
  }
}

}  // namespace

void check_manifest(const Manifest& manifest, Problems& problems) {
  const Place root(problems, "");
  check_head(manifest, root);
  check_roles(manifest, root);
  check_methods(manifest, root);
  check_events(manifest, root);
  check_metrics(manifest, root);
  check_params(manifest, root);
  check_config(manifest, root);
  check_services(manifest, root);
  check_face(manifest, root);
  check_monitoring(manifest, root);
}

}  // namespace blockd
