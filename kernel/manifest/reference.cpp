#include "kernel/manifest/reference.hpp"

#include <algorithm>

#include "kernel/manifest/cli_tree.hpp"

namespace blockd {
namespace {

// Text inside a table's cell.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out.push_back('\\');
    out.push_back(c == '\n' ? ' ' : c);
  }
  return out.empty() ? "–" : out;
}

std::string code(std::string_view text) { return text.empty() ? "–" : "`" + cell(text) + "`"; }

std::string joined(const std::vector<std::string>& list) {
  std::string out;
  for (const std::string& text : list) out += (out.empty() ? "" : ", ") + text;
  return out;
}

std::string type_text(const Field& field) {
  std::string out(field_type_name(field.type));
  if (field.type == FieldType::kList) out += " of " + type_text(field.fields[0]);
  if (!field.choices.empty()) out += ": " + joined(field.choices);
  return out;
}

std::string range_text(const Field& field) {
  if (!field.min && !field.max) return "–";
  return (field.min ? u128_to_string(*field.min) : "") + ".." +
         (field.max ? u128_to_string(*field.max) : "");
}

std::string default_text(const Field& field) {
  if (field.required) return "required";
  if (!field.default_value) return "optional";
  const Result<std::string> text = canonical_json(*field.default_value);
  return text.ok() ? "`" + cell(*text) + "`" : "–";
}

std::string help_text(const Field& field) {
  std::string out = field.help;
  const auto add = [&](const std::string& more) { out += (out.empty() ? "" : "; ") + more; };
  if (!field.aliases.empty()) add("also `" + joined(field.aliases) + "`");
  if (field.secret) add("secret");
  return cell(out);
}

void append_field(std::string& out, const Field& field, const std::string& prefix) {
  const std::string name = prefix + field.name;
  out += "| `" + name + "` | " + cell(type_text(field)) + " | " + range_text(field) + " | " +
         cell(field.unit) + " | " + default_text(field) + " | " + help_text(field) + " |\n";
  const bool records = field.type == FieldType::kList && field.fields[0].type == FieldType::kRecord;
  if (records) {
    for (const Field& inner : field.fields[0].fields) append_field(out, inner, name + "[].");
  } else if (field.type == FieldType::kRecord) {
    for (const Field& inner : field.fields) append_field(out, inner, name + ".");
  }
}

void append_fields(std::string& out, const std::vector<Field>& fields, std::string_view title) {
  if (fields.empty()) return;
  out += "\n" + std::string(title) +
         ":\n\n| Field | Type | Range | Unit | Default | Meaning |\n| --- | --- | --- | --- | --- "
         "| --- |\n";
  for (const Field& field : fields) append_field(out, field, "");
}

void append_errors(std::string& out, const std::vector<ErrorSpec>& errors) {
  if (errors.empty()) return;
  out += "\nErrors:\n\n| Code | Name | Meaning |\n| --- | --- | --- |\n";
  for (const ErrorSpec& error : errors) {
    out += "| " + std::to_string(error.code) + " | `" + error.name + "` | " + cell(error.help) +
           " |\n";
  }
}

void append_method(std::string& out, const MethodSpec& method) {
  static constexpr const char* kKinds[] = {"command", "query", "local method"};
  out += "\n### `" + method.name + "`\n\n";
  if (!method.summary.empty()) out += method.summary + "\n\n";
  out += "A " + std::string(kKinds[static_cast<std::size_t>(method.kind)]) + ", role `" +
         method.role + "`";
  if (!method.rate_class.empty()) out += ", rate class `" + method.rate_class + "`";
  if (!method.aliases.empty()) out += ", also called `" + joined(method.aliases) + "`";
  out += ".\n";
  if (!method.help.empty()) out += "\n" + method.help + "\n";
  if (const std::string usage = cli_usage(method); !usage.empty())
    out += "\n```\ncontract-cli " + usage + "\n```\n";
  append_fields(out, method.params, "Params");
  append_fields(out, method.result, "Result");
  append_errors(out, method.errors);
  if (!method.examples.empty()) out += "\nExamples:\n\n";
  for (const auto& [line, shows] : method.examples) out += "- `" + line + "`: " + shows + "\n";
}

void append_events(std::string& out, const Manifest& manifest) {
  if (!manifest.events.empty()) out += "\n## Events\n";
  for (const EventSpec& event : manifest.events) {
    out += "\n### `" + event.topic + "`\n\n" + event.help +
           (event.durable ? "" : " Ephemeral: not in the chain.") + "\n";
    append_fields(out, event.fields, "Data");
  }
  if (!manifest.records.empty()) out += "\n## Receipts\n";
  for (const RecordSpec& record : manifest.records) {
    out += "\n### `" + record.kind + "`\n\n" + record.help + "\n";
    append_fields(out, record.fields, "Data");
  }
}

void append_metrics(std::string& out, const Manifest& manifest) {
  static constexpr const char* kMetricTypes[] = {"counter", "gauge", "histogram"};
  if (manifest.metrics.empty()) return;
  out +=
      "\n## Metrics\n\n| Metric | Type | Labels | Unit | Meaning |\n| --- | --- | --- | --- | --- "
      "|\n";
  for (const MetricSpec& metric : manifest.metrics) {
    const std::string also = metric.aliases.empty() ? "" : "; also " + joined(metric.aliases);
    out += "| `" + metric.name + "` | " + kMetricTypes[static_cast<std::size_t>(metric.type)] +
           " | " + code(joined(metric.labels)) + " | " + cell(metric.unit) + " | " +
           cell(metric.help + also) + " |\n";
  }
}

void append_params(std::string& out, const Manifest& manifest) {
  if (manifest.params.empty()) return;
  out +=
      "\n## Governance parameters\n\n| Key | Default | Range | Unit | Timelock (epochs) | Meaning "
      "|\n| --- | --- | --- | --- | --- | --- |\n";
  for (const ParamSpec& param : manifest.params) {
    const std::string also = param.aliases.empty() ? "" : "; also " + joined(param.aliases);
    out += "| `" + param.key + "` | " + std::to_string(param.default_value) + " | " +
           std::to_string(param.min) + ".." + std::to_string(param.max) + " | " + cell(param.unit) +
           " | " + std::to_string(param.timelock_epochs) + " | " + cell(param.help + also) + " |\n";
  }
}

void append_config(std::string& out, const Manifest& manifest) {
  if (manifest.config.empty()) return;
  out +=
      "\n## Configuration\n\n| Key | Type | Range | Default | Variable | Reload | Meaning |\n| --- "
      "| --- | --- | --- | --- | --- | --- |\n";
  for (const ConfigSpec& config : manifest.config) {
    out += "| `" + config.key + "` | " + cell(type_text(config.field)) + " | " +
           range_text(config.field) + " | " + default_text(config.field) + " | " +
           code(config.env) + " | " + (config.reload ? "yes" : "restart") + " | " +
           help_text(config.field) + " |\n";
  }
}

void append_services(std::string& out, const Manifest& manifest) {
  if (!manifest.provides.empty()) out += "\n## Services provided\n";
  for (const ServiceProvided& service : manifest.provides) {
    for (const ServiceFunction& function : service.functions) {
      out += "\n### `" + service.name + "` `" + function.name + "`" +
             (function.read ? " (read)" : "") + "\n\n" + function.help + "\n";
      append_fields(out, function.params, "Arguments");
      append_errors(out, function.errors);
    }
  }
  if (!manifest.requires_.empty()) out += "\n## Services required\n\n";
  for (const ServiceRequired& service : manifest.requires_) {
    out += "- `" + service.name + "`" + (service.optional ? " (optional)" : "") + ": " +
           joined(service.functions) + "\n";
  }
}

void append_face(std::string& out, const Manifest& manifest) {
  if (!manifest.roles.empty()) out += "\n## Roles\n\n";
  for (const RoleSpec& role : manifest.roles)
    out += "- `" + role.name + "` (also: " + role.within + "): " + role.help + "\n";
  if (!manifest.http.empty())
    out += "\n## HTTP\n\n| Route | Listener | Role | Meaning |\n| --- | --- | --- | --- |\n";
  for (const HttpRoute& route : manifest.http) {
    out += "| `" + route.method + " " + route.path + "` | " + route.listener + " | " + route.role +
           " | " + cell(route.summary) + " |\n";
  }
  if (!manifest.alerts.empty())
    out +=
        "\n## Alerts\n\n| Alert | Severity | For | When | Meaning |\n| --- | --- | --- | --- | --- "
        "|\n";
  for (const AlertSpec& alert : manifest.alerts) {
    out += "| " + alert.name + " | " + cell(alert.severity) + " | " + alert.for_duration + " | " +
           code(alert.expr) + " | " + cell(alert.summary) + " |\n";
  }
  if (!manifest.recordings.empty())
    out += "\n## Recording rules\n\n| Series | Expression |\n| --- | --- |\n";
  for (const RecordingSpec& record : manifest.recordings)
    out += "| `" + record.name + "` | " + code(record.expr) + " |\n";
}

std::string upper(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return out;
}

}  // namespace

std::string cli_usage(const MethodSpec& method) {
  const CliSpec& cli = method.cli;
  std::string out = cli.path;
  if (out.empty()) return out;
  const auto& names = cli.positionals;
  for (const std::string& name : names) {
    const auto field = std::find_if(method.params.begin(), method.params.end(),
                                    [&](const Field& f) { return f.name == name; });
    const bool required = field != method.params.end() && field->required;
    out += required ? " <" + name + ">" : " [" + name + "]";
  }
  for (const Field& field : method.params) {
    if (std::find(names.begin(), names.end(), field.name) != names.end()) continue;
    const auto named = std::find_if(cli.flags.begin(), cli.flags.end(),
                                    [&](const auto& pair) { return pair.first == field.name; });
    std::string flag = named == cli.flags.end() ? default_flag(field.name) : named->second;
    if (field.type != FieldType::kBool) flag += " " + upper(field_type_name(field.type));
    out += field.required ? " " + flag : " [" + flag + "]";
  }
  for (const std::string& flag : cli.merge_json) out += " [" + flag + " JSON]";
  return out;
}

std::string reference_markdown(const Manifest& manifest) {
  std::string out = "# " + manifest.id + " " + manifest.version + "\n\n" + manifest.summary + "\n";
  if (manifest.sm > 0) {
    out += "\nState machine version " + std::to_string(manifest.sm) + " (from " +
           std::to_string(manifest.sm_min) + "), schema " + std::to_string(manifest.schema) + ".\n";
  } else {
    out += "\nA local plugin: it has no replicated state.\n";
  }
  if (!manifest.methods.empty()) out += "\n## Methods\n";
  for (const MethodSpec& method : manifest.methods) append_method(out, method);
  append_events(out, manifest);
  append_metrics(out, manifest);
  append_params(out, manifest);
  append_config(out, manifest);
  append_services(out, manifest);
  append_face(out, manifest);
  return out;
}

}  // namespace blockd
