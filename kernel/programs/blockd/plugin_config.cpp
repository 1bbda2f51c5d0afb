#include "kernel/programs/blockd/plugin_config.hpp"

#include <cctype>

#include "kernel/config/config.hpp"
#include "kernel/config/kernel_keys.hpp"
#include "kernel/manifest/values.hpp"

namespace blockd {
namespace {

ConfigType type_of(const Field& field) {
  switch (field.type) {
    case FieldType::kBool:
      return ConfigType::kBool;
    case FieldType::kU8:
    case FieldType::kU16:
    case FieldType::kU32:
    case FieldType::kU64:
    case FieldType::kU128:
      return ConfigType::kU64;
    case FieldType::kI64:
      return ConfigType::kI64;
    case FieldType::kList:
      return field.fields.empty() || field.fields[0].type == FieldType::kString
                 ? ConfigType::kStringList
                 : ConfigType::kList;
    case FieldType::kRecord:
    case FieldType::kAny:
      return ConfigType::kMap;
    default:
      return ConfigType::kString;
  }
}

std::optional<json::value> bound(const std::optional<U128>& limit) {
  if (!limit || *limit > UINT64_MAX) return std::nullopt;
  return json::value(static_cast<std::uint64_t>(*limit));
}

}  // namespace

namespace {

// Lists and records as the plugin will read them: the members of a record are declared too.
std::optional<RuleFinding> check_structure(const Config& c, const std::string& key,
                                           const Field& field) {
  const json::value& value = c.get(key);
  if (value.is_null()) return std::nullopt;
  ValueArena arena;
  tb_value decoded{};
  const std::optional<ParamError> wrong = decode_field(field, value, arena, &decoded);
  if (!wrong) return std::nullopt;
  const std::string place = wrong->field.empty() ? "" : key + wrong->field + ": ";
  const std::string advice = wrong->nearest.empty() ? "" : "; did you mean " + wrong->nearest + "?";
  return RuleFinding{key, place + wrong->message + advice};
}

// "A,B": the first that is set wins.
std::vector<std::string> variables_of(std::string_view list) {
  std::vector<std::string> out;
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    out.emplace_back(list.substr(0, comma));
    list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
  }
  return out;
}

// The variables that hold tokens of a role are secret keys of the plugin's section:
// TB_ENERGY_ORACLE_TOKEN is energy.oracle_token.
Status add_token_keys(const Manifest& manifest, ConfigSchema* schema) {
  const std::string section = plugin_config_key(manifest, "");
  const std::string prefix = derived_variable(section.substr(0, section.size() - 1)) + "_";
  for (const RoleSpec& role : manifest.roles) {
    for (const std::string& variable : variables_of(role.token_env)) {
      if (schema->find_variable(variable)) continue;
      std::string name = variable.starts_with(prefix) ? variable.substr(prefix.size()) : variable;
      for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      ConfigKey key;
      key.name = section + name;
      key.type = ConfigType::kString;
      key.help = "Token that grants the role " + role.name;
      key.reload = ReloadKind::kYes;
      key.env = {variable};
      key.secret = true;
      key.owner = manifest.id;
      TB_TRY(schema->add(std::move(key)));
    }
  }
  return {};
}

}  // namespace

std::string plugin_config_key(const Manifest& manifest, const std::string& key) {
  if (key.find('.') != std::string::npos) return key;
  std::string section = manifest.id;
  for (char& c : section) c = c == '-' ? '_' : c;
  return section + "." + key;
}

Result<std::shared_ptr<const ConfigSchema>> make_schema(
    const std::vector<std::shared_ptr<const Manifest>>& manifests) {
  auto schema = std::make_shared<ConfigSchema>();
  add_kernel_keys(*schema);
  for (const auto& manifest : manifests) {
    for (const ConfigSpec& spec : manifest->config) {
      ConfigKey key;
      key.name = plugin_config_key(*manifest, spec.key);
      key.type = type_of(spec.field);
      if (spec.field.default_value) key.default_value = *spec.field.default_value;
      key.min = bound(spec.field.min);
      key.max = bound(spec.field.max);
      key.choices = spec.field.choices;
      key.help = spec.field.help;
      key.unit = spec.field.unit;
      key.reload = spec.reload ? ReloadKind::kYes : ReloadKind::kNo;
      key.env = variables_of(spec.env);
      key.aliases = {};
      key.secret = spec.field.secret;
      key.owner = manifest->id;
      if (key.type == ConfigType::kList || spec.field.type == FieldType::kRecord) {
        schema->add_rule([name = key.name, manifest, field = &spec.field](const Config& c) {
          return check_structure(c, name, *field);
        });
      }
      TB_TRY(schema->add(std::move(key)).in("plugin " + manifest->id));
    }
    TB_TRY(add_token_keys(*manifest, schema.get()).in("plugin " + manifest->id));
  }
  return std::shared_ptr<const ConfigSchema>(schema);
}

}  // namespace blockd
