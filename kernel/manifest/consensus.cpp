// The two hashes of a manifest: of all of it, and of the part that apply depends on.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include "kernel/manifest/manifest_parse.hpp"
#include "kernel/manifest/object_reader.hpp"
#include "kernel/manifest/utf8.hpp"

namespace blockd {
namespace {

template <class T, class Make>
json::array each(const std::vector<T>& list, Make make) {
  json::array out;
  for (const T& entry : list) out.emplace_back(make(entry));
  return out;
}

void put_limit(json::object& out, const char* name, const std::optional<U128>& limit) {
  if (limit) out[name] = u128_to_string(*limit);
}

json::object field_part(const Field& field) {
  json::object out;
  out["name"] = field.name;
  out["type"] = field_type_name(field.type);
  out["required"] = field.required;
  if (field.default_value) out["default"] = *field.default_value;
  put_limit(out, "min", field.min);
  put_limit(out, "max", field.max);
  out["aliases"] = texts_json(field.aliases);
  out["choices"] = texts_json(field.choices);
  out["ignore_case"] = field.ignore_case;
  out["fields"] = each(field.fields, field_part);
  return out;
}

json::object error_part(const ErrorSpec& error) {
  return {{"code", error.code}, {"name", error.name}};
}

json::object command_part(const MethodSpec& method) {
  json::object out;
  out["name"] = method.name;
  out["aliases"] = texts_json(method.aliases);
  out["role"] = method.role;
  out["max_bytes"] = method.max_bytes;
  out["params"] = each(method.params, field_part);
  out["errors"] = each(method.errors, error_part);
  return out;
}

json::object param_part(const ParamSpec& param) {
  json::object out;
  out["key"] = param.key;
  out["aliases"] = texts_json(param.aliases);
  out["default"] = std::to_string(param.default_value);
  out["min"] = std::to_string(param.min);
  out["max"] = std::to_string(param.max);
  out["timelock_epochs"] = param.timelock_epochs;
  out["rollback_epochs"] = param.rollback_epochs;
  out["owner"] = param.owner;
  return out;
}

json::object function_part(const ServiceFunction& function) {
  json::object out;
  out["name"] = function.name;
  out["read"] = function.read;
  out["params"] = each(function.params, field_part);
  out["errors"] = each(function.errors, error_part);
  return out;
}

// Commands, and the roles that they name: who may send one is part of what it means.
void put_commands(const Manifest& manifest, json::object& out) {
  json::array commands, roles;
  std::set<std::string> used;
  for (const MethodSpec& method : manifest.methods) {
    if (method.kind != MethodKind::kCommand) continue;
    commands.emplace_back(command_part(method));
    used.insert(method.role);
  }
  for (std::size_t depth = 0; depth < manifest.roles.size();
       ++depth) {  // a role may lie within another one
    for (const RoleSpec& role : manifest.roles) {
      if (used.count(role.name) > 0) used.insert(role.within);
    }
  }
  for (const RoleSpec& role : manifest.roles) {
    if (used.count(role.name) > 0)
      roles.emplace_back(json::object{{"name", role.name}, {"within", role.within}});
  }
  out["commands"] = std::move(commands);
  out["roles"] = std::move(roles);
}

// A number as ECMAScript prints it (RFC 8785, section 3.2.2.3).
void append_number(double number, std::string& out) {
  if (number == 0) return out.push_back('0'), void();
  if (number < 0) out.push_back('-');
  char buffer[40];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, std::fabs(number),
                                 std::chars_format::scientific)
                       .ptr;
  const std::string_view text(buffer, static_cast<std::size_t>(end - buffer));
  const std::size_t e = text.find('e');
  int exponent = 0;
  std::from_chars(text.data() + e + (text[e + 1] == '+' ? 2 : 1), text.data() + text.size(),
                  exponent);
  std::string digits(text.substr(0, e));
  digits.erase(std::remove(digits.begin(), digits.end(), '.'), digits.end());
  const int k = static_cast<int>(digits.size()), point = exponent + 1;
  if (k <= point && point <= 21) {
    out.append(digits).append(static_cast<std::size_t>(point - k), '0');
  } else if (0 < point && point <= 21) {
    out.append(digits.insert(static_cast<std::size_t>(point), 1, '.'));
  } else if (-6 < point && point <= 0) {
    out.append("0.").append(static_cast<std::size_t>(-point), '0').append(digits);
  } else {
    if (k > 1) digits.insert(1, 1, '.');
    out.append(digits)
        .append(exponent > 0 ? "e+" : "e-")
        .append(std::to_string(std::abs(exponent)));
  }
}

void append(const json::value& value, std::string& out) {
  switch (value.kind()) {
    case json::kind::null:
      out.append("null");
      return;
    case json::kind::bool_:
      out.append(value.get_bool() ? "true" : "false");
      return;
    case json::kind::int64:
      out.append(std::to_string(value.get_int64()));
      return;
    case json::kind::uint64:
      out.append(std::to_string(value.get_uint64()));
      return;
    case json::kind::double_:
      append_number(value.get_double(), out);
      return;
    case json::kind::string:
      append_json_string(out, value.get_string());
      return;
    case json::kind::array: {
      char before = '[';
      if (value.get_array().empty()) out.push_back('[');
      for (const json::value& item : value.get_array())
        out.push_back(before), append(item, out), before = ',';
      out.push_back(']');
      return;
    }
    case json::kind::object:
      break;
  }
  std::vector<const json::key_value_pair*> members;
  for (const auto& member : value.get_object()) members.push_back(&member);
  std::sort(members.begin(), members.end(),
            [](auto* a, auto* b) { return utf16_less(a->key(), b->key()); });
  char before = '{';
  if (members.empty()) out.push_back('{');
  for (const auto* member : members) {
    out.push_back(before);
    append_json_string(out, member->key());
    out.push_back(':');
    append(member->value(), out);
    before = ',';
  }
  out.push_back('}');
}

}  // namespace

// Lists stay in the order of the manifest, so that moving a declaration is a change: the safe side,
// since places are what the ABI names things by.
json::object consensus_part(const Manifest& manifest) {
  json::object out;
  out["id"] = manifest.id;
  out["schema"] = manifest.schema;
  out["invalid_params_name"] = manifest.invalid_params_name;
  out["escrow_prefixes"] = texts_json(manifest.escrow_prefixes);
  put_commands(manifest, out);
  json::array events;
  for (const EventSpec& event : manifest.events) {
    if (event.durable)
      events.emplace_back(
          json::object{{"topic", event.topic}, {"fields", each(event.fields, field_part)}});
  }
  out["events"] = std::move(events);
  out["records"] = each(manifest.records, [](const RecordSpec& record) {
    return json::object{{"kind", record.kind}, {"fields", each(record.fields, field_part)}};
  });
  out["params"] = each(manifest.params, param_part);
  out["provides"] = each(manifest.provides, [](const ServiceProvided& service) {
    return json::object{{"name", service.name},
                        {"functions", each(service.functions, function_part)}};
  });
  out["requires"] = each(manifest.requires_, [](const ServiceRequired& service) {
    return json::object{{"name", service.name},
                        {"optional", service.optional},
                        {"functions", texts_json(service.functions)}};
  });
  return out;
}

std::string canonical_manifest(const json::value& value) {
  std::string out;
  append(value, out);
  return out;
}

}  // namespace blockd
