// What the returns of a script's functions mean.
#include <algorithm>

#include "kernel/lua/script.hpp"

namespace blockd::lua {
namespace {

constexpr std::size_t kMaxParams = 16;
constexpr std::size_t kMaxResultEntries = 64;  // parameters, state and events in sum
constexpr std::size_t kMaxStateKey = 128, kMaxEventName = 64;
constexpr std::size_t kMaxResultString = 1024;

bool fail(Answer* answer, std::string_view event, const std::string& why) {
  answer->fault = Fault::kReturn;
  answer->text = "script: " + std::string(event) + ": " + why;
  return false;
}

bool may_transform(std::string_view event) { return event == "on_param_change"; }
bool may_refuse(std::string_view event) {
  return event == "on_param_change" || event == "on_gate" || event == "before_apply" ||
         event == "on_admit";
}

class ResultReader {
 public:
  ResultReader(std::string_view event, Answer* answer) : event_(event), answer_(answer) {}

  bool read(HookResult* result) {
    const json::value& value = answer_->first;
    if (value.is_null()) return true;
    if (!value.is_object())
      return bad("may return nothing or a table with params, state and events");
    for (const auto& member : value.get_object()) {
      const std::string_view name = member.key();
      const bool good = name == "params"   ? params(member.value(), result)
                        : name == "state"  ? state(member.value(), result)
                        : name == "events" ? events(member.value(), result)
                                           : bad("unknown member " + std::string(name));
      if (!good) return false;
    }
    return entries_ <= kMaxResultEntries ||
           bad("more than " + std::to_string(kMaxResultEntries) + " entries in sum");
  }

 private:
  bool bad(const std::string& why) { return fail(answer_, event_, why); }

  bool params(const json::value& value, HookResult* result) {
    if (event_ != "on_epoch") return bad("only on_epoch may set parameters");
    if (!value.is_object()) return bad("params must be a table {key = integer}");
    for (const auto& member : value.get_object()) {
      const std::string key(member.key());
      if (!member.value().is_int64()) return bad("params." + key + " must be an integer");
      result->params.emplace_back(key, member.value().get_int64());
    }
    entries_ += result->params.size();
    return result->params.size() <= kMaxParams ||
           bad("more than " + std::to_string(kMaxParams) + " parameters");
  }

  bool state(const json::value& value, HookResult* result) {
    if (!value.is_object()) return bad("state must be a table {key = integer, string or false}");
    for (const auto& member : value.get_object()) {
      const std::string key(member.key());
      const json::value& kept = member.value();
      if (key.empty() || key.size() > kMaxStateKey) return bad("state: a key has 1 to 128 bytes");
      const bool erases = kept.is_bool() && !kept.get_bool();
      if (!kept.is_int64() && !kept.is_string() && !erases)
        return bad("state." + key + " must be an integer or a string; false removes it");
      if (!short_strings(kept)) return bad("state." + key + ": more than 1024 bytes");
      result->state.emplace_back(key, erases ? json::value() : kept);
    }
    entries_ += result->state.size();
    return true;
  }

  bool events(const json::value& value, HookResult* result) {
    if (value.is_object() && value.get_object().empty()) return true;
    if (!value.is_array()) return bad("events must be a list of {name = …, data = …}");
    for (const json::value& element : value.get_array()) {
      const json::object* event = element.if_object();
      const json::value* name = event ? event->if_contains("name") : nullptr;
      const json::value* data = event ? event->if_contains("data") : nullptr;
      if (!name || !name->is_string() || event->size() != (data ? 2u : 1u))
        return bad("an event is {name = …, data = …}");
      if (!is_event_name(name->get_string()))
        return bad("events: a name has 1 to 64 characters of a-z, 0-9, _, - and .");
      if (data && !short_strings(*data)) return bad("events: a string of more than 1024 bytes");
      if (data && !safe_numbers(*data))
        return bad("events: a number beyond 2^53-1, which JSON does not carry");
      result->events.emplace_back(std::string(name->get_string()),
                                  data ? *data : json::value(json::object()));
    }
    entries_ += result->events.size();
    return true;
  }

  static bool is_event_name(std::string_view name) {
    return !name.empty() && name.size() <= kMaxEventName &&
           std::all_of(name.begin(), name.end(), [](char c) {
             return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
                    c == '.';
           });
  }

  template <class Good>
  static bool every(const json::value& value, const Good& good) {
    if (const json::array* array = value.if_array())
      return std::all_of(array->begin(), array->end(),
                         [&](const json::value& element) { return every(element, good); });
    if (const json::object* object = value.if_object())
      return std::all_of(object->begin(), object->end(),
                         [&](const auto& member) { return every(member.value(), good); });
    return good(value);
  }
  static bool short_strings(const json::value& value) {
    return every(value, [](const json::value& leaf) {
      return !leaf.is_string() || leaf.get_string().size() <= kMaxResultString;
    });
  }
  static bool safe_numbers(const json::value& value) {
    return every(value, [](const json::value& leaf) {
      constexpr auto kSafe = static_cast<std::int64_t>(kMaxSafeInteger);
      return !leaf.is_int64() || (leaf.get_int64() <= kSafe && leaf.get_int64() >= -kSafe);
    });
  }

  std::string_view event_;
  Answer* answer_;
  std::size_t entries_ = 0;
};

}  // namespace

Verdict read_verdict(std::string_view event, Answer* answer) {
  Verdict verdict;
  if (!answer->ok()) return verdict;
  const json::value& first = answer->first;
  if (first.is_null()) return verdict;
  if (!may_refuse(event)) {
    fail(answer, event, "may return nothing");
  } else if (first.is_bool() && first.get_bool()) {
    return verdict;
  } else if (first.is_bool()) {
    const json::value& reason = answer->second;
    if (!reason.is_null() && (!reason.is_string() || reason.get_string().size() > kMaxReason)) {
      fail(answer, event, "the reason must be a string of at most 1024 bytes");
      return verdict;
    }
    verdict.refused = true;
    if (reason.is_string()) verdict.reason = std::string(reason.get_string());
  } else if (first.is_int64() && may_transform(event)) {
    verdict.value = first.get_int64();
  } else {
    fail(answer, event,
         may_transform(event) ? "may return nothing, true, false with a reason, or an integer"
                              : "may return nothing, true, or false with a reason");
  }
  return verdict;
}

HookResult read_hook_result(std::string_view event, Answer* answer) {
  HookResult result;
  if (!answer->ok()) return result;
  if (!ResultReader(event, answer).read(&result)) return {};
  return result;
}

}  // namespace blockd::lua
