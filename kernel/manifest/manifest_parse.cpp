// The JSON form of a manifest, read member by member. What the members mean together is checked in
// manifest_check.cpp.
#include "kernel/manifest/manifest_parse.hpp"

#include <algorithm>

#include "kernel/manifest/monitoring.hpp"
#include "kernel/manifest/names.hpp"

namespace blockd {
namespace {

constexpr int kMaxFieldDepth = 8;
const std::vector<std::string_view> kTypes = {"bool",    "u8",   "u16",    "u32",   "u64",
                                              "u128",    "i64",  "string", "bytes", "hash",
                                              "address", "list", "record", "any"};

void read_fields(ObjectReader& in, std::string_view name, std::vector<Field>* out, int depth = 0) {
  in.list(
      name, out, [&](ObjectReader& entry, Field* field) { read_field(entry, field, depth); }, 256);
}

void read_method(ObjectReader& in, MethodSpec* out) {
  in.text("name", &out->name, true);
  in.word_as("kind", {"command", "query", "local"}, &out->kind, true);
  in.text("summary", &out->summary);
  in.text("help", &out->help);
  in.texts("aliases", &out->aliases);
  if (out->kind == MethodKind::kCommand && !in.has("role")) {
    in.problem("a command needs a role",
               "add \"role\": \"operator\", or \"open\" if everyone may send it");
  }
  in.text("role", &out->role);
  in.boolean("hidden", &out->hidden);
  in.text("rate_class", &out->rate_class);
  in.integer("max_bytes", &out->max_bytes);
  read_fields(in, "params", &out->params);
  read_fields(in, "result", &out->result);
  in.list("errors", &out->errors, read_error, 256);
  in.object("cli", [&](ObjectReader& cli) { read_cli(cli, &out->cli); });
  in.couples("examples", &out->examples);
}

void read_event(ObjectReader& in, EventSpec* out) {
  in.text("topic", &out->topic, true);
  in.text("help", &out->help);
  in.boolean("durable", &out->durable);
  read_fields(in, "fields", &out->fields);
}

void read_record(ObjectReader& in, RecordSpec* out) {
  in.text("kind", &out->kind, true);
  in.text("help", &out->help);
  read_fields(in, "fields", &out->fields);
}

void read_metric(ObjectReader& in, MetricSpec* out) {
  in.text("name", &out->name, true);
  in.text("help", &out->help);
  in.text("unit", &out->unit);
  in.word_as("type", {"counter", "gauge", "histogram"}, &out->type, true);
  in.texts("labels", &out->labels);
  in.numbers("buckets", &out->buckets);
  in.texts("aliases", &out->aliases);
  in.text_lists("preset", &out->preset);
  in.integer("label_limit", &out->label_limit);
  in.integer("scale", &out->scale);
  in.boolean("exported", &out->exported);
}

void read_param(ObjectReader& in, ParamSpec* out) {
  in.text("key", &out->key, true);
  in.text("help", &out->help);
  in.text("unit", &out->unit);
  in.integer("default", &out->default_value, true);
  in.integer("min", &out->min);
  in.integer("max", &out->max, true);
  in.integer("timelock_epochs", &out->timelock_epochs);
  in.integer("rollback_epochs", &out->rollback_epochs);
  in.text("owner", &out->owner);
  in.texts("aliases", &out->aliases);
  in.texts("affects", &out->affects);
}

// A config entry is a field whose name is its key.
void read_config(ObjectReader& in, ConfigSpec* out) {
  in.text("key", &out->key, true);
  in.text("env", &out->env);
  in.boolean("reload", &out->reload);
  bool mirror = false, copy_only = false;  // read again by mirror_key()
  std::vector<std::string> mirror_local, mirror_also;
  in.boolean("mirror", &mirror);
  in.boolean("mirror_copy_only", &copy_only);
  in.texts("mirror_local", &mirror_local);
  in.texts("mirror_also", &mirror_also);
  read_field_members(in, &out->field, 0);
  out->field.name = out->key;
}

void read_function(ObjectReader& in, ServiceFunction* out) {
  in.text("name", &out->name, true);
  in.text("help", &out->help);
  in.boolean("read", &out->read);
  read_fields(in, "params", &out->params);
  in.list("errors", &out->errors, read_error, 256);
}

void read_provided(ObjectReader& in, ServiceProvided* out) {
  in.text("name", &out->name, true);
  in.list("functions", &out->functions, read_function, 256);
}

void read_required(ObjectReader& in, ServiceRequired* out) {
  in.text("name", &out->name, true);
  in.boolean("optional", &out->optional);
  in.texts("functions", &out->functions);
}

void read_role(ObjectReader& in, RoleSpec* out) {
  in.text("name", &out->name, true);
  in.text("help", &out->help);
  in.text("within", &out->within);
  in.text("token_env", &out->token_env);
  in.text("token_config", &out->token_config);
  in.text("key", &out->key);
}

void read_rate_class(ObjectReader& in, RateClassSpec* out) {
  in.text("name", &out->name, true);
  in.text("config", &out->config);
}

void read_route(ObjectReader& in, HttpRoute* out) {
  in.text("method", &out->method, true);
  in.text("path", &out->path, true);
  in.text("listener", &out->listener);
  in.text("role", &out->role);
  in.text("summary", &out->summary);
}

void read_timer(ObjectReader& in, TimerSpec* out) {
  in.text("name", &out->name, true);
  in.integer("interval_ms", &out->interval_ms);
}

void read_alert(ObjectReader& in, AlertSpec* out) {
  in.text("name", &out->name, true);
  in.text("expr", &out->expr, true);
  in.text("severity", &out->severity);
  in.text("summary", &out->summary);
  in.text("runbook", &out->runbook);
  in.text("for", &out->for_duration);
  in.text("group", &out->group);
  in.text("alias", &out->alias);
}

void read_slo(ObjectReader& in, SloSpec* out) {
  in.text("system", &out->system, true);
  in.text("metric", &out->metric, true);
  in.text("target", &out->target, true);
  in.text("query", &out->query, true);
}

struct FullAlert : AlertSpec {
  std::optional<SloSpec> slo;
};

void read_full_alert(ObjectReader& in, FullAlert* out) {
  read_alert(in, out);
  in.object("slo", [&](ObjectReader& slo) { read_slo(slo, &out->slo.emplace()); });
  if (out->slo) out->slo->alert = out->name;
}

void read_recording(ObjectReader& in, RecordingSpec* out) {
  in.text("name", &out->name, true);
  in.text("expr", &out->expr, true);
}

void read_query(ObjectReader& in, PanelQuery* out) {
  in.text("expr", &out->expr, true);
  in.text("legend", &out->legend);
  if (out->expr.empty()) in.problem("expr is empty");
}

void read_panel(ObjectReader& in, FullPanel* out) {
  static constexpr std::string_view kPanelTypes[] = {
      "", "timeseries", "stat", "gauge", "table", "heatmap", "state-timeline"};
  in.text("row", &out->row);
  in.text("title", &out->title, true);
  in.text("expr", &out->expr, true);
  PanelQuery first{out->expr, {}};
  in.text("legend", &first.legend);
  out->queries.push_back(std::move(first));
  in.list("queries", &out->queries, read_query, kMaxPanelQueries - 1);
  in.texts("dashboards", &out->dashboards);
  in.text("help", &out->help);
  in.text("unit", &out->unit);
  in.text("type", &out->type);
  in.text("time_from", &out->time_from);
  in.numbers("thresholds", &out->thresholds);
  in.boolean("rising", &out->rising);
  if (std::find(std::begin(kPanelTypes), std::end(kPanelTypes), out->type) == std::end(kPanelTypes))
    in.problem("type '" + out->type + "' is no kind of panel",
               "expected timeseries, stat, gauge, table, heatmap or state-timeline");
  for (const std::string& name : out->dashboards) {
    if (!names::is_plugin_id(name)) in.problem("dashboards: '" + name + "' is no name of a file");
  }
}

}  // namespace

std::string_view field_type_name(FieldType type) { return kTypes[static_cast<std::size_t>(type)]; }

void read_error(ObjectReader& in, ErrorSpec* out) {
  in.code("code", &out->code);
  in.text("name", &out->name, true);
  in.text("help", &out->help);
}

void read_cli(ObjectReader& in, CliSpec* out) {
  in.text("path", &out->path, true);
  in.texts("aliases", &out->aliases);
  in.texts("positionals", &out->positionals);
  in.pairs("flags", &out->flags);
  in.texts("file_fields", &out->file_fields);
  in.texts("merge_json", &out->merge_json);
  in.text("list", &out->list);
  in.texts("columns", &out->columns);
  in.text("id_field", &out->id_field);
  in.text("ok_member", &out->ok_member);
  in.text("say", &out->say);
  in.text("now_field", &out->now_field);
  in.pairs("given", &out->given);
  in.text("format", &out->format);
  in.object("import", [&](ObjectReader& entry) {
    entry.text("path", &out->imports.path, true);
    entry.text("by", &out->imports.by);
    entry.texts("known", &out->imports.known);
  });
}

void read_field_members(ObjectReader& in, Field* out, int depth) {
  if (depth > kMaxFieldDepth) return in.problem("fields nested more than 8 deep");
  in.word_as("type", kTypes, &out->type, true);
  bool optional = false;
  in.boolean("optional", &optional);
  in.any("default", &out->default_value);
  out->required = !optional && !out->default_value;
  in.integer128("min", &out->min);
  in.integer128("max", &out->max);
  in.text("unit", &out->unit);
  in.text("help", &out->help);
  in.texts("aliases", &out->aliases);
  in.texts("choices", &out->choices);
  in.boolean("ignore_case", &out->ignore_case);
  in.boolean("secret", &out->secret);
  if (out->type == FieldType::kRecord) read_fields(in, "fields", &out->fields, depth + 1);
  if (out->type != FieldType::kList) return;
  Field item;
  const bool told = in.object("items", [&](ObjectReader& entry) {
    entry.text("name", &item.name);
    read_field_members(entry, &item, depth + 1);
  });
  if (!told) in.problem("a list needs 'items'", "\"items\": {\"type\": \"u64\"}");
  out->fields.push_back(std::move(item));
}

void read_field(ObjectReader& in, Field* out, int depth) {
  in.text("name", &out->name, true);
  read_field_members(in, out, depth);
}

void read_manifest(ObjectReader& in, Manifest* out) {
  in.text("id", &out->id, true);
  in.text("version", &out->version, true);
  in.text("summary", &out->summary);
  in.integer("sm", &out->sm);
  out->sm_min = out->sm;
  in.integer("sm_min", &out->sm_min);
  in.integer("schema", &out->schema);
  in.text("invalid_params_name", &out->invalid_params_name);
  in.texts("method_prefixes", &out->method_prefixes);
  in.texts("escrow_prefixes", &out->escrow_prefixes);
  in.texts("follows", &out->follows);
  in.list("requires", &out->requires_, read_required, 64);
  in.list("provides", &out->provides, read_provided, 64);
  in.list("methods", &out->methods, read_method, 1000);
  in.list("events", &out->events, read_event);
  in.list("records", &out->records, read_record);
  in.list("metrics", &out->metrics, read_metric);
  in.list("params", &out->params, read_param);
  in.list("config", &out->config, read_config);
  in.list("roles", &out->roles, read_role, 256);
  in.list("rate_classes", &out->rate_classes, read_rate_class, 256);
  in.object("unauthorized", [&](ObjectReader& entry) { read_error(entry, &out->unauthorized); });
  in.object("rate_limited", [&](ObjectReader& entry) { read_error(entry, &out->rate_limited); });
  in.text("window_config", &out->window_config);
  in.list("http", &out->http, read_route);
  in.list("timers", &out->timers, read_timer, 256);
  std::vector<FullAlert> alerts;
  in.list("alerts", &alerts, read_full_alert);
  out->alerts.assign(alerts.begin(), alerts.end());
  in.list("recordings", &out->recordings, read_recording);
  std::vector<FullPanel> panels;
  in.list("panels", &panels, read_panel);
  out->panels.assign(panels.begin(), panels.end());
}

MonitoringPart monitoring_of(const Manifest& manifest) {
  Problems problems;  // none: Manifest::parse has read the same
  const json::value whole(manifest.source);
  ObjectReader in(problems, whole, manifest.id);
  MonitoringPart out;
  in.list("panels", &out.panels, read_panel);
  std::vector<FullAlert> alerts;
  in.list("alerts", &alerts, read_full_alert);
  for (FullAlert& alert : alerts) {
    if (alert.slo) out.slos.push_back(*std::move(alert.slo));
  }
  return out;
}

}  // namespace blockd
