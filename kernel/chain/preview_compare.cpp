#include "kernel/chain/preview_compare.hpp"

#include <algorithm>
#include <limits>

#include "kernel/base/hex.hpp"
#include "kernel/base/json.hpp"

namespace blockd {
namespace {

// (topic or kind, data), borrowed from the steps.
using Item = std::pair<std::string_view, std::string_view>;
using Counts = std::map<std::string, PreviewReport::Count, std::less<>>;

template <class Map>
typename Map::mapped_type& at_name(Map& map, std::string_view name) {
  auto it = map.find(name);
  return it != map.end() ? it->second : map[std::string(name)];
}

std::string outcome_text(const Step& step) {
  return std::string(outcome_name(step.outcome)) +
         (step.name.empty() ? "" : " (" + step.name + ")");
}

std::vector<const Step*> steps_of_commands(const std::vector<Step>& steps, std::size_t count) {
  std::vector<const Step*> out(count);
  for (const Step& step : steps) {
    if (step.kind == StepKind::kCommand && step.command < count) out[step.command] = &step;
  }
  return out;
}

std::vector<Item> sorted_events(const std::vector<Step>& steps) {
  std::vector<Item> out;
  for (const Step& step : steps) {
    for (const Event& event : step.events) out.emplace_back(event.topic, event.data);
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<Item> sorted_records(const std::vector<Step>& steps) {
  std::vector<Item> out;
  for (const Step& step : steps) {
    for (const Record& record : step.records) out.emplace_back(record.kind, record.data);
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<Item> only_in(const std::vector<Item>& a, const std::vector<Item>& b) {
  std::vector<Item> out;
  std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(out));
  return out;
}

// A changed item is one on each side: it counts once.
void count_items(const std::vector<Item>& logged, const std::vector<Item>& previewed,
                 const std::vector<Item>& gone, const std::vector<Item>& added, Counts* counts) {
  std::map<std::string_view, std::pair<std::uint64_t, std::uint64_t>> differing;
  for (const Item& item : logged) ++at_name(*counts, item.first).logged;
  for (const Item& item : previewed) ++at_name(*counts, item.first).previewed;
  for (const Item& item : gone) ++differing[item.first].first;
  for (const Item& item : added) ++differing[item.first].second;
  for (const auto& [name, sides] : differing)
    at_name(*counts, name).differing += std::max(sides.first, sides.second);
}

std::string_view text_member(const json::object& object, const std::string& name) {
  const json::value* value = name.empty() ? nullptr : object.if_contains(name);
  const json::string* text = value == nullptr ? nullptr : value->if_string();
  return text == nullptr ? std::string_view() : std::string_view(*text);
}

// 0 when there is none, or it fits no signed number.
std::int64_t amount_member(const json::object& object, const std::string& name) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr) return 0;
  if (const std::int64_t* number = value->if_int64()) return *number;
  return 0;
}

void add_limited(std::int64_t* sum, std::int64_t amount) {
  if (__builtin_add_overflow(*sum, amount, sum)) {
    *sum = amount < 0 ? std::numeric_limits<std::int64_t>::min()
                      : std::numeric_limits<std::int64_t>::max();
  }
}

std::string shown_key(BytesView key) {
  const bool printable =
      std::all_of(key.begin(), key.end(), [](char c) { return c >= ' ' && c <= '~'; });
  return printable ? std::string(key) : "0x" + to_hex(key);
}

}  // namespace

void PreviewComparison::add_commands(const std::vector<CommandPtr>& commands) {
  report_.commands += commands.size();
  for (const CommandPtr& command : commands) ++at_name(report_.methods, command->method).commands;
}

void PreviewComparison::add_block(std::uint64_t height, const std::vector<CommandPtr>& commands,
                                  const std::vector<Step>& logged,
                                  const std::vector<Step>& previewed) {
  ++report_.blocks_differing;
  compare_commands(height, commands, logged, previewed);
  std::vector<Item> before = sorted_records(logged), after = sorted_records(previewed);
  count_items(before, after, only_in(before, after), only_in(after, before), &report_.records);
  before = sorted_events(logged);
  after = sorted_events(previewed);
  const std::vector<Item> gone = only_in(before, after), added = only_in(after, before);
  count_items(before, after, gone, added, &report_.events);
  for (const auto& [topic, data] : gone) observe(topic, data, false);
  for (const auto& [topic, data] : added) observe(topic, data, true);
}

void PreviewComparison::compare_commands(std::uint64_t height,
                                         const std::vector<CommandPtr>& commands,
                                         const std::vector<Step>& logged,
                                         const std::vector<Step>& previewed) {
  const std::vector<const Step*> before = steps_of_commands(logged, commands.size());
  const std::vector<const Step*> after = steps_of_commands(previewed, commands.size());
  for (std::size_t i = 0; i < commands.size(); ++i) {
    if (before[i] == nullptr || after[i] == nullptr) continue;
    if (before[i]->outcome == after[i]->outcome && before[i]->code == after[i]->code &&
        before[i]->name == after[i]->name)
      continue;
    ++report_.commands_differing;
    ++at_name(report_.methods, commands[i]->method).differing;
    if (report_.listed.size() < kMaxPreviewCommands) {
      report_.listed.push_back({height, static_cast<std::uint32_t>(i), commands[i]->method,
                                outcome_text(*before[i]), outcome_text(*after[i])});
    }
  }
}

void PreviewComparison::observe(std::string_view topic, std::string_view data, bool previewed) {
  for (const PreviewRequest::Observed& observed : request_.observe) {
    if (observed.topic != topic) continue;
    const Result<json::value> parsed = parse_json(data);
    const json::object* event = parsed.ok() ? parsed->if_object() : nullptr;
    if (event == nullptr) continue;
    const std::int64_t amount = amount_member(*event, observed.amount);
    add_sum(text_member(*event, observed.from), -amount, previewed);
    add_sum(text_member(*event, observed.to), amount, previewed);
  }
}

void PreviewComparison::add_sum(std::string_view account, std::int64_t amount, bool previewed) {
  if (account.empty()) return;
  auto it = report_.accounts.find(account);
  if (it == report_.accounts.end()) {
    if (report_.accounts.size() >= kMaxPreviewAccounts) {
      report_.accounts_complete = false;
      return;
    }
    it = report_.accounts.emplace(account, PreviewReport::Sum{}).first;
  }
  add_limited(previewed ? &it->second.previewed : &it->second.logged, amount);
}

void PreviewComparison::add_rows(const std::vector<Overlay::Change>& changes) {
  for (const Overlay::Change& change : changes) {
    const auto [space, key] = split_key(change.key);
    PreviewReport::Rows& rows = at_name(report_.rows, space);
    ++rows.count;
    if (rows.first.size() < kMaxPreviewKeys) rows.first.push_back(shown_key(key));
  }
}

PreviewReport PreviewComparison::finish() {
  std::erase_if(report_.accounts,
                [](const auto& entry) { return entry.second.logged == entry.second.previewed; });
  return std::move(report_);
}

}  // namespace blockd
