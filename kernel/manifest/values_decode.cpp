// Request params -> tb_value[]. The path of a good request allocates nothing but arena memory; what
// is wrong is put into words only when it is found.
#include <algorithm>
#include <cmath>

#include "kernel/base/address.hpp"
#include "kernel/manifest/hex_digits.hpp"
#include "kernel/manifest/values.hpp"

namespace blockd {
namespace {

bool decode(const Field& field, const json::value& value, ValueArena& arena, tb_value* out,
            ParamError* error);

std::string limit_text(U128 value) {
  if (value == ~U128{0}) return "2^128-1";
  if (value == ~std::uint64_t{0}) return "2^64-1";
  if (value == 0xffffffffu) return "2^32-1";
  return u128_to_string(value);
}

U128 type_max(FieldType type) {
  switch (type) {
    case FieldType::kU8:
      return 0xff;
    case FieldType::kU16:
      return 0xffff;
    case FieldType::kU32:
      return 0xffffffffu;
    case FieldType::kI64:
      return static_cast<U128>(INT64_MAX);
    case FieldType::kU64:
      return ~std::uint64_t{0};
    default:
      return ~U128{0};
  }
}

// " of 1..64 bytes", " of at most 64 bytes", or nothing.
std::string length_text(const Field& field, std::string_view what) {
  if (!field.min && !field.max) return "";
  std::string out = " of ";
  if (field.min && field.max) {
    out += *field.min == *field.max
               ? u128_to_string(*field.min)
               : u128_to_string(*field.min) + ".." + u128_to_string(*field.max);
  } else {
    out += field.max ? "at most " + u128_to_string(*field.max)
                     : "at least " + u128_to_string(*field.min);
  }
  return out + " " + std::string(what);
}

std::string choices_text(const Field& field) {
  std::string out = "one of ";
  for (std::size_t i = 0; i < field.choices.size(); ++i) out += (i ? ", " : "") + field.choices[i];
  return out;
}

std::string expected_text(const Field& field) {
  switch (field.type) {
    case FieldType::kBool:
      return "true or false";
    case FieldType::kString:
      return field.choices.empty() ? "text" + length_text(field, "bytes") : choices_text(field);
    case FieldType::kBytes:
      return "hex" + length_text(field, "bytes");
    case FieldType::kHash:
      return "64 hex digits";
    case FieldType::kAddress:
      return "an address tb1...";
    case FieldType::kList:
      return "a list" + length_text(field, "entries");
    case FieldType::kRecord:
      return "an object";
    case FieldType::kAny:
      return "a value without fractions";
    default:
      break;
  }
  std::string out(field_type_name(field.type));
  const U128 max = std::min(field.max.value_or(type_max(field.type)), type_max(field.type));
  if (field.min) return out + " " + u128_to_string(*field.min) + ".." + limit_text(max);
  return out + " up to " + limit_text(max);
}

std::string found_text(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      return "null";
    case json::kind::bool_:
      return value.get_bool() ? "true" : "false";
    case json::kind::int64:
      return std::to_string(value.get_int64());
    case json::kind::uint64:
      return std::to_string(value.get_uint64());
    case json::kind::string:
      return "text";
    case json::kind::array:
      return "a list";
    case json::kind::object:
      return "an object";
    case json::kind::double_:
      break;
  }
  const double number = value.get_double();
  if (number == 0 && std::signbit(number)) return "-0";
  if (std::fabs(number) > static_cast<double>(kMaxSafeInteger)) return "a number above 2^53-1";
  return number == std::floor(number) ? "a number with a fraction or an exponent" : "a fraction";
}

bool refuse(const Field& field, std::string found, ParamError* error, std::string hint = {}) {
  error->expected = expected_text(field);
  error->found = std::move(found);
  error->message = "expected " + error->expected + ", found " + error->found;
  error->hint = std::move(hint);
  return false;
}
bool refuse_value(const Field& field, const json::value& value, ParamError* error) {
  return refuse(field, found_text(value), error);
}

// The error is that of something inside: its path grows on the way out.
bool within(std::string_view outer, ParamError* error) {
  if (error->field.empty() || error->field.front() == '[') {
    error->field.insert(0, outer);
  } else {
    error->field.insert(0, std::string(outer) + ".");
  }
  return false;
}

bool refuse_unsafe(const Field& field, ParamError* error) {
  return refuse(field, "a number above 2^53-1", error, "send it as a decimal string");
}

// The integer that `value` says, with its sign apart; false after telling why there is none.
bool read_integer(const Field& field, const json::value& value, bool* negative, U128* magnitude,
                  ParamError* error) {
  *negative = false;
  switch (value.kind()) {
    case json::kind::int64: {
      const std::int64_t n = value.get_int64();
      *negative = n < 0;
      *magnitude = n < 0 ? ~static_cast<std::uint64_t>(n) + 1 : static_cast<std::uint64_t>(n);
      return *magnitude <= kMaxSafeInteger || refuse_unsafe(field, error);
    }
    case json::kind::uint64:
      *magnitude = value.get_uint64();
      return *magnitude <= kMaxSafeInteger || refuse_unsafe(field, error);
    case json::kind::string: {
      std::string_view text(value.get_string());
      if (field.type == FieldType::kI64 && text.starts_with('-') && text != "-0") {
        *negative = true;
        text.remove_prefix(1);
      }
      std::optional<U128> number = parse_u128(text);
      if (!number) return refuse(field, "text that is not a decimal integer in range", error);
      *magnitude = *number;
      return true;
    }
    case json::kind::double_:
      if (std::fabs(value.get_double()) > static_cast<double>(kMaxSafeInteger))
        return refuse_unsafe(field, error);
      [[fallthrough]];
    default:
      return refuse_value(field, value, error);
  }
}

std::string signed_text(bool negative, U128 magnitude) {
  return (negative ? "-" : "") + u128_to_string(magnitude);
}

bool decode_integer(const Field& field, const json::value& value, tb_value* out,
                    ParamError* error) {
  bool negative = false;
  U128 number = 0;
  if (!read_integer(field, value, &negative, &number, error)) return false;
  const bool is_signed = field.type == FieldType::kI64;
  const bool fits = negative
                        ? is_signed && number <= U128{1} << 63 && !field.min
                        : number <= type_max(field.type) && (!field.max || number <= *field.max) &&
                              (!field.min || number >= *field.min);
  if (!fits) return refuse(field, signed_text(negative, number), error);
  out->num = static_cast<std::uint64_t>(number);
  if (negative) out->num = ~out->num + 1;
  out->type = is_signed ? TB_TYPE_I64 : TB_TYPE_U64;
  if (field.type == FieldType::kU128) {
    out->type = TB_TYPE_U128;
    out->num_hi = static_cast<std::uint64_t>(number >> 64);
  }
  return true;
}

bool length_ok(const Field& field, std::size_t length) {
  return (!field.min || length >= *field.min) && (!field.max || length <= *field.max);
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

bool decode_choice(const Field& field, std::string_view text, tb_value* out, ParamError* error) {
  for (const std::string& choice : field.choices) {
    if (choice == text || (field.ignore_case && equal_ignoring_case(choice, text))) {
      out->str = to_str(choice);
      return true;
    }
  }
  if (auto nearest = nearest_name(text, field.choices)) error->nearest = *nearest;
  return refuse(field, "another text", error);
}

bool decode_string(const Field& field, const json::value& value, tb_value* out, ParamError* error) {
  if (!value.is_string()) return refuse_value(field, value, error);
  const std::string_view text(value.get_string());
  out->type = TB_TYPE_STR;
  out->str = to_str(text);
  if (!length_ok(field, text.size()))
    return refuse(field, std::to_string(text.size()) + " bytes", error);
  return field.choices.empty() || decode_choice(field, text, out, error);
}

bool decode_address(const Field& field, const json::value& value, ValueArena& arena, tb_value* out,
                    ParamError* error) {
  if (!value.is_string()) return refuse_value(field, value, error);
  const std::string_view text(value.get_string());
  if (!is_address(text)) return refuse(field, "text that is not a valid address", error);
  out->type = TB_TYPE_STR;
  out->str = to_str(text);
  if (text.front() == 'T') {  // one account has one spelling behind this border
    auto* copy = static_cast<char*>(arena.allocate(text.size(), 1));
    std::transform(text.begin(), text.end(), copy, lower);
    out->str.ptr = copy;
  }
  return true;
}

bool decode_hex(const Field& field, const json::value& value, ValueArena& arena, tb_value* out,
                ParamError* error) {
  if (!value.is_string()) return refuse_value(field, value, error);
  std::string_view text(value.get_string());
  if (text.starts_with("0x")) text.remove_prefix(2);
  const std::size_t size = text.size() / 2;
  if (text.size() % 2 != 0) return refuse(field, "an odd number of hex digits", error);
  const bool fits = field.type == FieldType::kHash ? size == 32 : length_ok(field, size);
  if (!fits) return refuse(field, std::to_string(size) + " bytes", error);
  auto* raw = static_cast<char*>(arena.allocate(size, 1));
  std::uint8_t seen = 0;  // all digits together: above 15 if one was none
  for (std::size_t i = 0; i < size; ++i) {
    const std::uint8_t high = kHexDigits[static_cast<std::uint8_t>(text[2 * i])];
    const std::uint8_t low = kHexDigits[static_cast<std::uint8_t>(text[2 * i + 1])];
    seen = static_cast<std::uint8_t>(seen | high | low);
    raw[i] = static_cast<char>(high << 4 | low);
  }
  if (seen > 15) return refuse(field, "a character that is no hex digit", error);
  out->type = TB_TYPE_BYTES;
  out->str = tb_str{raw, size};
  return true;
}

tb_value* new_values(ValueArena& arena, std::size_t count) {
  auto* values =
      static_cast<tb_value*>(arena.allocate(count * sizeof(tb_value), alignof(tb_value)));
  std::fill_n(values, count, tb_value{});
  return values;
}

bool decode_list(const Field& field, const json::value& value, ValueArena& arena, tb_value* out,
                 ParamError* error) {
  if (!value.is_array()) return refuse_value(field, value, error);
  const json::array& list = value.get_array();
  if (!length_ok(field, list.size()))
    return refuse(field, std::to_string(list.size()) + " entries", error);
  tb_value* items = new_values(arena, list.size());
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (!decode(field.fields[0], list[i], arena, &items[i], error))
      return within("[" + std::to_string(i) + "]", error);
    items[i].name = tb_str{};
  }
  out->type = TB_TYPE_LIST;
  out->count = static_cast<std::uint32_t>(list.size());
  out->items = items;
  return true;
}

// Fractions have no place in what a plugin decides on.
bool integers_only(const json::value& value) {
  if (value.is_double()) return false;
  if (value.is_array())
    return std::all_of(value.get_array().begin(), value.get_array().end(), integers_only);
  if (!value.is_object()) return true;
  const json::object& object = value.get_object();
  return std::all_of(object.begin(), object.end(),
                     [](const auto& member) { return integers_only(member.value()); });
}

bool decode_any(const Field& field, const json::value& value, ValueArena& arena, tb_value* out,
                ParamError* error) {
  if (!integers_only(value)) return refuse(field, "a fraction", error, "send it as text");
  const tb_str name = out->name;
  *out = *to_value(value, arena);
  out->name = name;
  return true;
}

// The member of `object` that carries `field`, by name or alias; nullptr if none does.
bool find_member(const Field& field, const json::object& object, const json::value** found,
                 ParamError* error) {
  *found = object.if_contains(field.name);
  std::string_view as = field.name;
  for (const std::string& alias : field.aliases) {
    const json::value* other = object.if_contains(alias);
    if (other == nullptr) continue;
    if (*found != nullptr) {
      error->field = field.name;
      error->message = "given twice, as '" + std::string(as) + "' and as '" + alias + "'";
      error->hint = "send '" + field.name + "' only";
      return false;
    }
    *found = other;
    as = alias;
  }
  return true;
}

bool decode_or_default(const Field& field, const json::value* value, ValueArena& arena,
                       tb_value* out, ParamError* error) {
  out->name = to_str(field.name);
  const bool absent = value == nullptr || (value->is_null() && !field.required);
  if (absent && field.default_value)
    value = &*field.default_value;
  else if (absent && !field.required)
    return true;
  if (value == nullptr) {
    error->field = field.name;
    error->expected = expected_text(field);
    error->message = "missing, expected " + error->expected;
    return false;
  }
  return decode(field, *value, arena, out, error) || within(field.name, error);
}

// Who sent an older name looks for that one in the message.
void tell_alias(const Field& field, const json::object& object, ParamError* error) {
  if (object.contains(field.name)) return;
  for (const std::string& alias : field.aliases) {
    if (object.contains(alias)) error->message += " (sent as '" + alias + "')";
  }
}

bool is_known(const std::vector<Field>& fields, std::string_view name) {
  return std::any_of(fields.begin(), fields.end(), [&](const Field& field) {
    return field.name == name ||
           std::find(field.aliases.begin(), field.aliases.end(), name) != field.aliases.end();
  });
}

bool refuse_unknown(const std::vector<Field>& fields, const json::object& object,
                    ParamError* error) {
  std::vector<std::string> names;
  for (const Field& field : fields) {
    names.push_back(field.name);
    names.insert(names.end(), field.aliases.begin(), field.aliases.end());
  }
  for (const auto& member : object) {
    if (is_known(fields, member.key())) continue;
    error->field = std::string(member.key().substr(0, 128));
    error->message = "unknown field";
    if (auto nearest = nearest_name(error->field, names)) {
      error->nearest = *nearest;
      error->message += ", the nearest is '" + *nearest + "'";
    }
    return false;
  }
  return true;
}

bool decode_members(const std::vector<Field>& fields, const json::object& object, ValueArena& arena,
                    tb_value* out, ParamError* error) {
  std::size_t used = 0;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const json::value* value = nullptr;
    if (!find_member(fields[i], object, &value, error)) return false;
    if (value != nullptr) ++used;
    if (!decode_or_default(fields[i], value, arena, &out[i], error)) {
      tell_alias(fields[i], object, error);
      return false;
    }
  }
  return used == object.size() || refuse_unknown(fields, object, error);
}

bool decode_positions(const std::vector<Field>& fields, const json::array& list, ValueArena& arena,
                      tb_value* out, ParamError* error) {
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const json::value* value = i < list.size() ? &list[i] : nullptr;
    if (!decode_or_default(fields[i], value, arena, &out[i], error)) return false;
  }
  if (list.size() <= fields.size()) return true;
  error->field = "[" + std::to_string(fields.size()) + "]";
  error->expected = "at most " + std::to_string(fields.size()) + " params";
  error->found = std::to_string(list.size());
  error->message = "expected " + error->expected + ", found " + error->found;
  return false;
}

bool decode(const Field& field, const json::value& value, ValueArena& arena, tb_value* out,
            ParamError* error) {
  switch (field.type) {
    case FieldType::kBool:
      if (!value.is_bool()) return refuse_value(field, value, error);
      out->type = TB_TYPE_BOOL;
      out->num = value.get_bool() ? 1 : 0;
      return true;
    case FieldType::kString:
      return decode_string(field, value, out, error);
    case FieldType::kBytes:
    case FieldType::kHash:
      return decode_hex(field, value, arena, out, error);
    case FieldType::kAddress:
      return decode_address(field, value, arena, out, error);
    case FieldType::kList:
      return decode_list(field, value, arena, out, error);
    case FieldType::kAny:
      return decode_any(field, value, arena, out, error);
    case FieldType::kRecord: {
      if (!value.is_object()) return refuse_value(field, value, error);
      tb_value* items = new_values(arena, field.fields.size());
      if (!decode_members(field.fields, value.get_object(), arena, items, error)) return false;
      out->type = TB_TYPE_RECORD;
      out->count = static_cast<std::uint32_t>(field.fields.size());
      out->items = items;
      return true;
    }
    default:
      return decode_integer(field, value, out, error);
  }
}

}  // namespace

std::optional<ParamError> decode_field(const Field& field, const json::value& value,
                                       ValueArena& arena, tb_value* out) {
  ParamError error;
  *out = tb_value{};
  out->name = to_str(field.name);
  if (decode(field, value, arena, out, &error)) return std::nullopt;
  return error;
}

std::optional<ParamError> decode_params(const std::vector<Field>& fields, const json::value& params,
                                        ValueArena& arena, std::vector<tb_value>* out) {
  static const json::object kNone;
  ParamError error;
  out->assign(fields.size(), tb_value{});
  bool good = false;
  if (params.is_object() || params.is_null()) {
    good = decode_members(fields, params.is_null() ? kNone : params.get_object(), arena,
                          out->data(), &error);
  } else if (params.is_array()) {
    good = decode_positions(fields, params.get_array(), arena, out->data(), &error);
  } else {
    error.expected = "an object";
    error.found = found_text(params);
    error.message = "expected params to be an object or a list, found " + error.found;
  }
  if (good) return std::nullopt;
  out->clear();
  return error;
}

}  // namespace blockd
