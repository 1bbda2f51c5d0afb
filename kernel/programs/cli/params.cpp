#include "kernel/programs/cli/params.hpp"

#include <algorithm>
#include <set>

namespace blockd::cli {
namespace {

constexpr std::size_t kMaxListItems = 10'000;
constexpr std::string_view kMustBe = "must be ";  // continues the name of a flag

Status expected(const std::string& what, const std::string& text) {
  return Status(Code::kInvalid, "expected " + what + ", found '" + text + "'");
}

U128 type_max(FieldType type) {
  switch (type) {
    case FieldType::kU8:
      return 0xff;
    case FieldType::kU16:
      return 0xffff;
    case FieldType::kU32:
      return 0xffffffff;
    case FieldType::kU64:
      return ~std::uint64_t{0};
    default:
      return ~U128{0};
  }
}

Result<json::value> unsigned_of(const Field& field, const std::string& text) {
  if (text.empty() || text.find_first_not_of("0123456789") != std::string::npos)
    return Status(Code::kInvalid,
                  std::string(kMustBe) + "an unsigned integer, found '" + text + "'");
  const auto value = parse_u128(text);
  const U128 low = field.min.value_or(0);
  const U128 high = std::min(field.max.value_or(type_max(field.type)), type_max(field.type));
  if (!value || *value < low || *value > high) {
    return expected("a number " + u128_to_string(low) + ".." + u128_to_string(high), text);
  }
  // Larger ones travel as decimal strings, so that every JSON reader keeps their digits.
  if (*value > kMaxSafeInteger) return json::value(text);
  return json::value(static_cast<std::uint64_t>(*value));
}

Result<json::value> signed_of(const std::string& text) {
  const bool negative = text.starts_with('-');
  const auto digits =
      parse_u64(negative ? std::string_view(text).substr(1) : std::string_view(text));
  const std::uint64_t limit = (1ull << 63) - (negative ? 0 : 1);
  if (!digits || *digits > limit || (negative && *digits == 0))
    return expected("a whole number", text);
  if (*digits > kMaxSafeInteger) return json::value(text);
  const auto value = static_cast<std::int64_t>(*digits);
  return json::value(negative ? -value : value);
}

Result<json::value> bool_of(const std::string& text) {
  if (text == "true" || text == "1" || text == "yes" || text == "on") return json::value(true);
  if (text == "false" || text == "0" || text == "no" || text == "off") return json::value(false);
  return expected("true or false", text);
}

bool same_word(const std::string& a, const std::string& b, bool ignore_case) {
  if (!ignore_case) return a == b;
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
    return std::tolower(x) == std::tolower(y);
  });
}

Result<json::value> string_of(const Field& field, const std::string& text) {
  if (field.choices.empty()) return json::value(text);
  std::string all;
  for (const std::string& choice : field.choices) {
    if (same_word(choice, text, field.ignore_case)) return json::value(text);
    all += (all.empty() ? "" : ", ") + choice;
  }
  const auto nearest = nearest_name(text, field.choices);
  return Status(Code::kInvalid, "expected one of " + all + ", found '" + text + "'",
                nearest ? "did you mean " + *nearest + "?" : "");
}

bool looks_like_json(const std::string& text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  return first != std::string::npos && (text[first] == '{' || text[first] == '[');
}

// "key=value", a member of a record; the value is JSON if it reads as such.
std::optional<std::pair<std::string, json::value>> member_of(const std::string& text) {
  const std::size_t at = text.find('=');
  if (at == std::string::npos || at == 0 || looks_like_json(text)) return std::nullopt;
  const std::string value = text.substr(at + 1);
  Result<json::value> parsed = parse_json(value);
  return std::pair(text.substr(0, at), parsed.ok() ? *parsed : json::value(value));
}

Result<json::value> list_of(World& world, const CliArg& arg, const std::string& text) {
  if (looks_like_json(text)) return parse_json(text);
  json::array out;
  CliArg item{arg.field.fields[0], arg.flag, false};
  if (item.field.type == FieldType::kRecord || item.field.type == FieldType::kAny) {
    Result<json::value> one = value_of_text(world, item, text);
    if (!one.ok()) return one.status();
    out.push_back(*one);
    return json::value(std::move(out));
  }
  std::size_t begin = 0;
  while (begin <= text.size()) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    Result<json::value> one = value_of_text(world, item, text.substr(begin, end - begin));
    if (!one.ok()) return one.status();
    if (out.size() == kMaxListItems) return Status(Code::kInvalid, "more than 10,000 items");
    out.push_back(*one);
    begin = end + 1;
  }
  return json::value(std::move(out));
}

Result<json::value> structured_of(const Field& field, const std::string& text) {
  if (auto member = member_of(text))
    return json::value(json::object{{member->first, member->second}});
  Result<json::value> value = parse_json(text);
  if (value.ok()) return value;
  // A field of any type takes plain words as they are; a record has to be JSON.
  if (field.type == FieldType::kAny && !looks_like_json(text)) return json::value(text);
  return value.status();
}

class Parser {
 public:
  Parser(Session& session, const CliNode& node, const std::vector<std::string>& words)
      : session_(session), node_(node), words_(words) {}

  Result<json::object> run() {
    while (at_ < words_.size()) {
      const std::string word = words_[at_++];
      Status status;
      if (!only_words_ && word == "--") {
        only_words_ = true;
      } else if (!only_words_ && is_flag(word)) {
        status = take_flag(word);
      } else {
        status = take_word(word);
      }
      if (!status.ok()) return status;
      if (session_.options.help) return std::move(params_);
    }
    TB_TRY(put_given());
    TB_TRY(check_missing());
    if (!node_.now_field.empty() && !params_.contains(node_.now_field))
      params_[node_.now_field] = session_.world.clock.unix_ms() / 1000;
    return std::move(params_);
  }

 private:
  Status wrong(const std::string& message, const std::string& hint = {}) const {
    return Status(Code::kInvalid, message,
                  (hint.empty() ? "" : hint + "\n") + "usage: " + usage_line(node_));
  }

  Status put(const CliArg& arg, const std::string& shown, const std::string& text) {
    Result<json::value> value = value_of_text(session_.world, arg, text);
    if (!value.ok()) {
      const std::string& why = value.status().message();
      return wrong(shown + (why.starts_with(kMustBe) ? " " : ": ") + why, value.status().hint());
    }
    json::value* there = params_.if_contains(arg.field.name);
    if (!there) {
      params_[arg.field.name] = *std::move(value);
    } else if (there->is_array() && value->is_array() && arg.field.type == FieldType::kList) {
      for (json::value& item : value->get_array()) there->get_array().push_back(std::move(item));
    } else if (there->is_object() && value->is_object() && member_of(text)) {
      for (auto& member : value->get_object())
        there->get_object()[member.key()] = std::move(member.value());
    } else {
      return wrong(shown + ": given twice");
    }
    return {};
  }

  // What the verb gives itself.
  Status put_given() {
    for (const auto& [name, text] : node_.given) {
      if (params_.contains(name)) continue;
      for (const CliArg& arg : node_.flags) {
        if (arg.field.name == name) TB_TRY(put(arg, arg.flag, text));
      }
    }
    return {};
  }

  Status spread(const std::string& flag, const std::string& text) {
    Result<json::value> value = read_json_argument(session_.world, text);
    if (!value.ok()) return wrong(flag + ": " + value.status().message());
    if (!value->is_object()) return wrong(flag + ": expected a JSON object");
    for (auto& member : value->get_object()) {
      if (params_.contains(member.key()))
        return wrong(flag + ": '" + std::string(member.key()) + "' is given twice");
      params_[member.key()] = std::move(member.value());
    }
    return {};
  }

  // The flag's value: behind '=', or the next word.
  Result<std::string> value_for(const FlagWord& flag) {
    if (flag.value) return *flag.value;
    if (at_ < words_.size() && !(is_flag(words_[at_]))) return words_[at_++];
    return wrong(flag.name + ": a value is missing");
  }

  const CliArg* find_arg(const std::string& name) const {
    if (const CliArg* arg = node_.find_flag(name)) return arg;
    for (const CliArg& arg : node_.positionals) {
      if (arg.flag.empty() && default_flag(arg.field.name) == name) return &arg;
    }
    return nullptr;
  }

  // A field whose flag has another name answers to its own as well: `--page-size` beside `--limit`.
  const CliArg* find_field(std::string name) const {
    std::replace(name.begin(), name.end(), '_', '-');
    const auto at = std::find_if(node_.flags.begin(), node_.flags.end(), [&](const CliArg& arg) {
      return default_flag(arg.field.name) == name;
    });
    return at == node_.flags.end() ? nullptr : &*at;
  }

  Status take_flag(const std::string& word) {
    const FlagWord flag = split_flag(word);
    if (const CliArg* arg = find_arg(flag.name)) return take_own(*arg, flag);
    for (const std::string& name : node_.merge_json) {
      if (split_flag(name).name != flag.name) continue;
      Result<std::string> value = value_for(flag);
      return value.ok() ? spread(flag.name, *value) : value.status();
    }
    return take_global(flag);
  }

  Status take_own(const CliArg& arg, const FlagWord& flag) {
    if (arg.field.type == FieldType::kBool && !flag.value) {
      const bool told = at_ < words_.size() && (words_[at_] == "true" || words_[at_] == "false");
      return put(arg, flag.name, told ? words_[at_++] : "true");
    }
    Result<std::string> value = value_for(flag);
    return value.ok() ? put(arg, flag.name, *value) : value.status();
  }

  Status take_global(const FlagWord& flag) {
    const GlobalFlag* global = find_global_flag(flag.name);
    if (!global || (global->command_only && node_.kind != MethodKind::kCommand)) {
      const CliArg* arg = find_field(flag.name);
      return arg ? take_own(*arg, flag) : unknown(flag.name);
    }
    std::string value;
    if (global->value) {
      Result<std::string> given = value_for(flag);
      if (!given.ok()) return given.status();
      value = *given;
    } else if (flag.value) {
      return wrong(flag.name + ": takes no value");
    }
    return set_global_flag(*global, value, &session_.options);
  }

  Status unknown(const std::string& name) const {
    std::vector<std::string> names(node_.merge_json);
    for (const CliArg& arg : node_.flags) names.push_back(arg.flag);
    for (const GlobalFlag& flag : global_flags()) {
      if (!flag.command_only || node_.kind == MethodKind::kCommand) names.emplace_back(flag.name);
    }
    const auto nearest = nearest_name(name, names);
    return wrong("'" + node_.path + "' has no flag " + name,
                 nearest ? "did you mean " + *nearest + "?" : "");
  }

  Status take_word(const std::string& word) {
    if (place_ >= node_.positionals.size()) return wrong("unexpected '" + word + "'");
    const CliArg& arg = node_.positionals[place_];
    // A list at the end takes all words that are left.
    const bool rest = arg.field.type == FieldType::kList && place_ + 1 == node_.positionals.size();
    if (!rest) ++place_;
    return put(arg, "<" + arg.field.name + ">", word);
  }

  bool given(const Field& field) const {
    if (params_.contains(field.name)) return true;
    return std::any_of(field.aliases.begin(), field.aliases.end(),
                       [&](const std::string& name) { return params_.contains(name); });
  }

  Status check_missing() const {
    for (const CliArg& arg : node_.positionals) {
      if (arg.field.required && !given(arg.field))
        return wrong("<" + arg.field.name + "> is missing");
    }
    for (const CliArg& arg : node_.flags) {
      if (arg.field.required && !given(arg.field)) return wrong(arg.flag + " is missing");
    }
    return {};
  }

  Session& session_;
  const CliNode& node_;
  const std::vector<std::string>& words_;
  std::size_t at_ = 0, place_ = 0;
  bool only_words_ = false;
  json::object params_;
};

}  // namespace

Result<json::object> parse_params(Session& session, const CliNode& node,
                                  const std::vector<std::string>& words) {
  return Parser(session, node, words).run();
}

Result<json::value> value_of_text(World& world, const CliArg& arg, const std::string& text) {
  if (arg.file) return read_json_argument(world, text);
  switch (arg.field.type) {
    case FieldType::kBool:
      return bool_of(text);
    case FieldType::kU8:
    case FieldType::kU16:
    case FieldType::kU32:
    case FieldType::kU64:
    case FieldType::kU128:
      return unsigned_of(arg.field, text);
    case FieldType::kI64:
      return signed_of(text);
    case FieldType::kString:
      return string_of(arg.field, text);
    case FieldType::kList:
      return list_of(world, arg, text);
    case FieldType::kRecord:
    case FieldType::kAny:
      if (text == "-" || text.starts_with('@')) return read_json_argument(world, text);
      return structured_of(arg.field, text);
    default:
      return json::value(text);
  }
}

std::string placeholder(const CliArg& arg) {
  if (arg.file) return "FILE";
  switch (arg.field.type) {
    case FieldType::kBool:
      return "";
    case FieldType::kString:
      return "TEXT";
    case FieldType::kBytes:
    case FieldType::kHash:
      return "HEX";
    case FieldType::kAddress:
      return "ADDRESS";
    case FieldType::kList:
      return "LIST";
    case FieldType::kRecord:
    case FieldType::kAny:
      return "JSON";
    default:
      return "N";
  }
}

std::string usage_line(const CliNode& node) {
  std::string out = "contract-cli " + node.path;
  std::set<std::string> shown;
  for (const CliArg& arg : node.positionals) {
    const bool rest = arg.field.type == FieldType::kList && &arg == &node.positionals.back();
    const std::string name = arg.field.name + (rest ? "…" : "");
    out += arg.field.required ? " <" + name + ">" : " [" + name + "]";
    shown.insert(arg.field.name);
  }
  for (const CliArg& arg : node.flags) {
    if (!shown.insert(arg.field.name).second) continue;
    const std::string value = placeholder(arg);
    const std::string flag = arg.flag + (value.empty() ? "" : " " + value);
    out += arg.field.required && node.merge_json.empty() ? " " + flag : " [" + flag + "]";
  }
  for (const std::string& flag : node.merge_json) out += " [" + flag + " JSON]";
  return out;
}

}  // namespace blockd::cli
