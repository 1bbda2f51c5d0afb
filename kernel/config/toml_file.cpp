#include "kernel/config/toml_file.hpp"

#define TOML_EXCEPTIONS 0
#define TOML_MAX_NESTED_VALUES 32
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

namespace blockd {
namespace {

Status fault(const toml::source_position& at, const std::string& what) {
  return Status(Code::kInvalid, "line " + std::to_string(at.line) + ": " + what);
}

class Tree {
 public:
  explicit Tree(TomlFile* out) : lines_(out->lines) {}

  Status table(const toml::table& from, const std::string& prefix, bool with_lines,
               json::object* to) {
    for (const auto& [key, node] : from) {
      const std::string name = prefix + std::string(key.str());
      if (with_lines && !node.is_table()) lines_[name] = static_cast<int>(key.source().begin.line);
      TB_TRY(value(node, name + ".", with_lines, &(*to)[key.str()]));
    }
    return {};
  }

 private:
  Status value(const toml::node& from, const std::string& prefix, bool with_lines,
               json::value* to) {
    if (const toml::table* inner = from.as_table())
      return table(*inner, prefix, with_lines, &to->emplace_object());
    if (const toml::array* list = from.as_array()) {
      json::array& items = to->emplace_array();
      for (const toml::node& item : *list)
        TB_TRY(value(item, prefix, false, &items.emplace_back(nullptr)));
      return {};
    }
    if (const auto* text = from.as_string()) {
      *to = text->get();
    } else if (const auto* whole = from.as_integer()) {
      *to = whole->get();
    } else if (const auto* real = from.as_floating_point()) {
      *to = real->get();
    } else if (const auto* truth = from.as_boolean()) {
      *to = truth->get();
    } else {
      return fault(from.source().begin, "a date is no value of any setting");
    }
    return {};
  }

  std::map<std::string, int>& lines_;
};

}  // namespace

Result<TomlFile> parse_toml(std::string_view text) {
  if (text.size() > kMaxTomlBytes) return Status(Code::kInvalid, "it is above 1 MiB");
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed)
    return fault(parsed.error().source().begin, std::string(parsed.error().description()));
  TomlFile out;
  TB_TRY(Tree(&out).table(parsed.table(), "", true, &out.root));
  return out;
}

}  // namespace blockd
