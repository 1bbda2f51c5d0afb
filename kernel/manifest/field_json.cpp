// A field in its manifest form, for the copies that an OpenRPC document carries.
#include "kernel/manifest/object_reader.hpp"

namespace blockd {
namespace {

void put_text(json::object& out, const char* name, const std::string& text) {
  if (!text.empty()) out[name] = text;
}

void put_texts(json::object& out, const char* name, const std::vector<std::string>& texts) {
  if (!texts.empty()) out[name] = json::array(texts.begin(), texts.end());
}

}  // namespace

json::object field_to_json(const Field& field) {
  json::object out;
  put_text(out, "name", field.name);
  out["type"] = field_type_name(field.type);
  if (!field.required && !field.default_value) out["optional"] = true;
  if (field.default_value) out["default"] = *field.default_value;
  if (field.min) out["min"] = u128_to_string(*field.min);
  if (field.max) out["max"] = u128_to_string(*field.max);
  put_text(out, "unit", field.unit);
  put_text(out, "help", field.help);
  put_texts(out, "aliases", field.aliases);
  put_texts(out, "choices", field.choices);
  if (field.ignore_case) out["ignore_case"] = true;
  if (field.secret) out["secret"] = true;
  if (field.type == FieldType::kList) out["items"] = field_to_json(field.fields[0]);
  if (field.type != FieldType::kRecord) return out;
  json::array fields;
  for (const Field& inner : field.fields) fields.emplace_back(field_to_json(inner));
  out["fields"] = std::move(fields);
  return out;
}

}  // namespace blockd
