#include "kernel/lua/header.hpp"

#include <algorithm>

namespace blockd::lua {
namespace {

using std::to_string;

constexpr std::string_view kMembers[] = {"name", "version", "on",      "keys",
                                         "owns", "methods", "priority"};
constexpr std::int64_t kHighestPriority = 1'000'000;

template <class List>
bool contains(const List& list, std::string_view word) {
  return std::find(std::begin(list), std::end(list), word) != std::end(list);
}

bool is_lower_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

bool is_script_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && is_lower_or_digit(name[0]) &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return c == '-' || is_lower_or_digit(c); });
}

// MAJOR.MINOR.PATCH, each without a leading zero, and what semantic versioning lets follow.
bool is_version(std::string_view text) {
  if (text.size() > 64) return false;
  const std::size_t tail = std::min(text.find_first_of("-+"), text.size());
  std::string_view core = text.substr(0, tail);
  for (int part = 0; part < 3; ++part) {
    const std::size_t end = std::min(core.find('.'), core.size());
    if (!parse_u64(core.substr(0, end)) || (end == core.size()) != (part == 2)) return false;
    if (part < 2) core.remove_prefix(end + 1);
  }
  return tail == text.size() ||
         (tail + 1 < text.size() &&
          std::all_of(text.begin() + static_cast<std::ptrdiff_t>(tail), text.end(), [](char c) {
            return is_lower_or_digit(c) || c == '-' || c == '+' || c == '.' ||
                   (c >= 'A' && c <= 'Z');
          }));
}

bool is_param_key(std::string_view key) {
  return !key.empty() && key.size() <= kMaxHeaderName &&
         std::all_of(key.begin(), key.end(), [](char c) {
           return is_lower_or_digit(c) || c == '_' || c == '.' || (c >= 'A' && c <= 'Z');
         });
}

bool is_method(std::string_view method) {
  return is_param_key(method) && method.find('.') != std::string_view::npos;
}

class HeaderReader {
 public:
  HeaderReader(const json::value& table, std::string* why) : table_(table), why_(why) {}

  bool read(std::span<const std::string> functions, Header* header) {
    if (!table_.is_object()) return fail("is no table with names");
    for (const auto& member : table_.get_object()) {
      const std::string_view name = member.key();
      if (!contains(kMembers, name)) return fail("unknown member " + std::string(name));
    }
    return names(header) && lists(header) && priority(header) && events(functions, *header);
  }

  // Of a node-local script: the functions are the events.
  bool read_local(std::span<const std::string> functions, Header* header) {
    if (!table_.is_object())
      return fail("is missing; the text begins with hook = {name = \"...\", version = \"1.0.0\"}");
    for (const auto& member : table_.get_object()) {
      const std::string_view name = member.key();
      if (name != "name" && name != "version")
        return fail("unknown member " + std::string(name) +
                    "; a node-local script has name and version");
    }
    for (const std::string& function : functions) {
      if (contains(kEvents, function))
        return fail(function +
                    " is an event of voted scripts; a node-local one has on_admit and "
                    "on_commit");
      if (contains(kLocalEvents, function)) header->on.push_back(function);
    }
    return names(header) &&
           (!header->on.empty() || fail("the text has no function on_admit or on_commit"));
  }

 private:
  bool fail(std::string why) {
    *why_ = std::move(why);
    return false;
  }
  const json::value* member(std::string_view name) const {
    return table_.get_object().if_contains(name);
  }

  bool text(std::string_view name, std::string* out) {
    const json::value* value = member(name);
    if (!value || !value->is_string()) return fail(std::string(name) + " must be a string");
    out->assign(std::string_view(value->get_string()));
    return true;
  }

  bool names(Header* header) {
    if (!text("name", &header->name) || !text("version", &header->version)) return false;
    if (!is_script_name(header->name))
      return fail("name must be 1 to 64 characters of a-z, 0-9 and -, and not begin with -");
    return is_version(header->version) || fail("version must be a semantic version such as 1.0.0");
  }

  bool list(std::string_view name, std::vector<std::string>* out) {
    const json::value* value = member(name);
    if (!value || (value->is_object() && value->get_object().empty())) return true;
    if (!value->is_array()) return fail(std::string(name) + " must be a list of strings");
    for (const json::value& element : value->get_array()) {
      if (!element.is_string()) return fail(std::string(name) + " must be a list of strings");
      const std::string_view word = element.get_string();
      if (contains(*out, word))
        return fail(std::string(name) + " names " + std::string(word) + " twice");
      out->emplace_back(word);
    }
    return out->size() <= kMaxHeaderNames ||
           fail(std::string(name) + " has more than " + to_string(kMaxHeaderNames) + " entries");
  }

  bool lists(Header* header) {
    if (!list("on", &header->on) || !list("keys", &header->keys) || !list("owns", &header->owns) ||
        !list("methods", &header->methods))
      return false;
    for (const std::string& key : header->keys)
      if (key != "*" && !is_param_key(key)) return fail("keys: " + key + " is no parameter");
    for (const std::string& key : header->owns)
      if (!is_param_key(key)) return fail("owns: " + key + " is no parameter");
    for (const std::string& method : header->methods) {
      if (method.starts_with("gov.") || method.starts_with("chain."))
        return fail("methods: " + method +
                    ": no script may stand around commands of gov and chain");
      if (!is_method(method)) return fail("methods: " + method + " is no method");
    }
    return true;
  }

  bool priority(Header* header) {
    const json::value* value = member("priority");
    if (!value) return true;
    if (!value->is_int64() || std::abs(value->get_int64()) > kHighestPriority)
      return fail("priority must be an integer of at most 1000000 in magnitude");
    header->priority = static_cast<std::int32_t>(value->get_int64());
    return true;
  }

  bool events(std::span<const std::string> functions, const Header& header) {
    if (header.on.empty()) return fail("on must list at least one event");
    for (const std::string& event : header.on) {
      if (!contains(kEvents, event)) return fail("on: there is no event " + event);
      if (!contains(functions, event)) return fail("on: the text has no function " + event);
    }
    for (const std::string& function : functions)
      if (contains(kEvents, function) && !contains(header.on, function))
        return fail("the function " + function + " is not listed in on");
    return goes_with(header, "keys", !header.keys.empty(), {"on_param_change"}) &&
           goes_with(header, "methods", !header.methods.empty(), {"before_apply", "after_apply"}) &&
           (header.owns.empty() || contains(header.on, "on_epoch") ||
            fail("owns goes with on_epoch, which alone sets parameters"));
  }

  // A list is given if and only if one of the events that use it is.
  bool goes_with(const Header& header, const std::string& name, bool given,
                 std::initializer_list<std::string_view> events) {
    const bool used = std::any_of(events.begin(), events.end(), [&](std::string_view event) {
      return contains(header.on, event);
    });
    if (used == given) return true;
    return fail(given ? name + " is given, but no event that uses it is listed in on"
                      : name + " is missing: " + std::string(*events.begin()) + " needs it");
  }

  const json::value& table_;
  std::string* why_;
};

}  // namespace

Fault parse_header(const json::value& table, std::span<const std::string> functions, Scope scope,
                   Header* header, std::string* why) {
  HeaderReader reader(table, why);
  const bool good = scope == Scope::kLocal ? reader.read_local(functions, header)
                                           : reader.read(functions, header);
  return good ? Fault::kNone : Fault::kReturn;
}

std::optional<Header> read_header(const Script& script, Answer* answer) {
  *answer = Answer();
  if (script.header()) return script.header();
  answer->fault = Fault::kReturn;
  answer->text =
      "script: there is no table `hook`; a script begins with hook = {name = \"…\", version = "
      "\"1.0.0\", on = {…}}";
  return std::nullopt;
}

}  // namespace blockd::lua
