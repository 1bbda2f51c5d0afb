#include "kernel/manifest/openrpc.hpp"

#include "kernel/manifest/object_reader.hpp"

namespace blockd {
namespace {

std::uint64_t clamp(U128 value) {
  return value > kMaxSafeInteger ? kMaxSafeInteger : static_cast<std::uint64_t>(value);
}

json::object integer_schema(const Field& field) {
  json::object number = {{"type", "integer"}};
  if (field.min)
    number["minimum"] = clamp(*field.min);
  else if (field.type != FieldType::kI64)
    number["minimum"] = 0;
  if (field.max) number["maximum"] = clamp(*field.max);
  if (field.type == FieldType::kU8 && !field.max) number["maximum"] = 255;
  if (field.type == FieldType::kU16 && !field.max) number["maximum"] = 65535;
  if (field.type == FieldType::kU32 && !field.max) number["maximum"] = 4294967295;
  const char* digits = field.type == FieldType::kI64 ? "^-?[0-9]+$" : "^[0-9]+$";
  return {{"oneOf", json::array{number, json::object{{"type", "string"}, {"pattern", digits}}}}};
}

void put_lengths(json::object& out, const Field& field, const char* min, const char* max,
                 unsigned factor) {
  if (field.min) out[min] = clamp(*field.min * factor);
  if (field.max) out[max] = clamp(*field.max * factor);
}

// JSON Schema counts characters, the manifest bytes: only what holds for both is told.
json::object string_schema(const Field& field) {
  json::object out = {{"type", "string"}};
  if (field.max) out["maxLength"] = clamp(*field.max);
  if (field.min && *field.min > 0) out["minLength"] = 1;
  if (!field.choices.empty() && !field.ignore_case) out["enum"] = texts_json(field.choices);
  return out;
}

json::object record_schema(const std::vector<Field>& fields) {
  json::object properties;
  json::array required;
  for (const Field& field : fields) {
    properties[field.name] = json_schema(field);
    if (field.required) required.emplace_back(field.name);
  }
  json::object out = {{"type", "object"}, {"properties", std::move(properties)}};
  if (!required.empty()) out["required"] = std::move(required);
  return out;
}

json::object typed_schema(const Field& field) {
  switch (field.type) {
    case FieldType::kBool:
      return {{"type", "boolean"}};
    case FieldType::kString:
      return string_schema(field);
    case FieldType::kBytes:
      return {{"type", "string"}, {"pattern", "^(0x)?([0-9a-fA-F]{2})*$"}};
    case FieldType::kHash:
      return {{"type", "string"}, {"pattern", "^(0x)?[0-9a-fA-F]{64}$"}};
    case FieldType::kAddress:
      return {{"type", "string"}, {"pattern", "^(tb1|TB1)"}};
    case FieldType::kAny:
      return {};
    case FieldType::kRecord:
      return record_schema(field.fields);
    case FieldType::kList: {
      json::object out = {{"type", "array"}, {"items", json_schema(field.fields[0])}};
      put_lengths(out, field, "minItems", "maxItems", 1);
      return out;
    }
    default:
      return integer_schema(field);
  }
}

json::object param_object(const Field& field) {
  json::object out = {
      {"name", field.name}, {"required", field.required}, {"schema", json_schema(field)}};
  if (!field.help.empty()) out["summary"] = field.help;
  out["x-tb"] = field_to_json(field);
  return out;
}

json::array error_list(const std::vector<ErrorSpec>& errors) {
  json::array out;
  for (const ErrorSpec& error : errors) {
    json::object data = {{"name", error.name}};
    out.emplace_back(json::object{{"code", error.code},
                                  {"message", error.help.empty() ? error.name : error.help},
                                  {"data", data}});
  }
  return out;
}

json::object pairs_json(const std::vector<std::pair<std::string, std::string>>& pairs) {
  json::object out;
  for (const auto& [name, text] : pairs) out[name] = text;
  return out;
}

json::object cli_object(const CliSpec& cli) {
  json::object out = {{"path", cli.path},
                      {"aliases", texts_json(cli.aliases)},
                      {"positionals", texts_json(cli.positionals)},
                      {"flags", pairs_json(cli.flags)},
                      {"file_fields", texts_json(cli.file_fields)},
                      {"merge_json", texts_json(cli.merge_json)},
                      {"list", cli.list},
                      {"columns", texts_json(cli.columns)},
                      {"id_field", cli.id_field},
                      {"ok_member", cli.ok_member},
                      {"say", cli.say},
                      {"now_field", cli.now_field},
                      {"given", pairs_json(cli.given)},
                      {"format", cli.format}};
  if (!cli.imports.path.empty()) {
    out["import"] = json::object{{"path", cli.imports.path},
                                 {"by", cli.imports.by},
                                 {"known", texts_json(cli.imports.known)}};
  }
  return out;
}

json::object extension(const Manifest& manifest, const MethodSpec& method) {
  static constexpr const char* kKinds[] = {"command", "query", "local"};
  json::array examples;
  for (const auto& [line, shows] : method.examples) examples.emplace_back(json::array{line, shows});
  json::object out = {{"plugin", manifest.id},
                      {"kind", kKinds[static_cast<std::size_t>(method.kind)]},
                      {"role", method.role},
                      {"aliases", texts_json(method.aliases)},
                      {"examples", std::move(examples)}};
  if (!method.rate_class.empty()) out["rate_class"] = method.rate_class;
  if (!method.cli.path.empty()) out["cli"] = cli_object(method.cli);
  return out;
}

// An older name of a method, listed so that a client finds it, and marked so that a new one does
// not.
json::object alias_object(const MethodSpec& method, const std::string& alias) {
  return {{"name", alias},
          {"deprecated", true},
          {"summary", "Older name of " + method.name},
          {"params", json::array{}},
          {"result", json::object{{"name", "result"}, {"schema", json::object{}}}},
          {"x-tb", json::object{{"alias_of", method.name}}}};
}

json::object method_object(const Manifest& manifest, const MethodSpec& method) {
  json::array params;
  for (const Field& field : method.params) params.emplace_back(param_object(field));
  json::object result = {
      {"name", "result"},
      {"schema", method.result.empty() ? json::object{} : record_schema(method.result)}};
  json::object out = {{"name", method.name},
                      {"paramStructure", "either"},
                      {"params", std::move(params)},
                      {"result", std::move(result)}};
  if (!method.summary.empty()) out["summary"] = method.summary;
  if (!method.help.empty()) out["description"] = method.help;
  if (!method.errors.empty()) out["errors"] = error_list(method.errors);
  out["x-tb"] = extension(manifest, method);
  return out;
}

}  // namespace

json::object json_schema(const Field& field) {
  json::object out = typed_schema(field);
  if (!field.help.empty()) out["description"] = field.help;
  if (field.default_value) out["default"] = *field.default_value;
  return out;
}

json::object openrpc_document(const ManifestList& manifests, const OpenRpcOptions& options) {
  json::array methods, plugins;
  for (const auto& manifest : manifests) {
    plugins.emplace_back(json::object{{"id", manifest->id},
                                      {"version", manifest->version},
                                      {"sm", manifest->sm},
                                      {"summary", manifest->summary}});
    for (const MethodSpec& method : manifest->methods) {
      const bool shown = options.visible ? options.visible(method) : !method.hidden;
      if (!shown) continue;
      methods.emplace_back(method_object(*manifest, method));
      for (const std::string& alias : method.aliases)
        methods.emplace_back(alias_object(method, alias));
    }
  }
  return {{"openrpc", "1.2.6"},
          {"info", json::object{{"title", options.title}, {"version", options.version}}},
          {"methods", std::move(methods)},
          {"x-tb", json::object{{"plugins", std::move(plugins)}}}};
}

}  // namespace blockd
