#include "kernel/rpc/event_stream.hpp"

#include <algorithm>

#include "kernel/base/json.hpp"
#include "kernel/bus/bus.hpp"

namespace blockd {
namespace {

bool wanted(const std::vector<std::string>& topics, std::string_view topic) {
  if (topics.empty()) return true;
  return std::any_of(topics.begin(), topics.end(),
                     [&](const std::string& pattern) { return topic_matches(pattern, topic); });
}

}  // namespace

Result<EventPosition> behind_cursor(std::string_view cursor) {
  const std::size_t dash = cursor.find('-');
  const std::optional<std::uint64_t> height = parse_u64(cursor.substr(0, dash));
  // Without a dash the index reads as too large, and is refused below.
  const std::uint64_t index = dash == std::string_view::npos
                                  ? UINT64_MAX
                                  : parse_u64(cursor.substr(dash + 1)).value_or(UINT64_MAX);
  if (!height || index >= UINT32_MAX) {
    return Status(Code::kInvalid, "'" + std::string(cursor.substr(0, 64)) + "' is no cursor",
                  "expected \"<height>-<index>\" of an event, \"head\" or \"start\"");
  }
  return EventPosition{*height, static_cast<std::uint32_t>(index) + 1};
}

std::string cursor_text(std::uint64_t height, std::uint32_t index) {
  return std::to_string(height) + "-" + std::to_string(index);
}

std::string cursor_before(const EventPosition& at) {
  if (at.index > 0) return cursor_text(at.height, at.index - 1);
  // Behind the last event of the block before: any index there is behind it.
  return at.height == 0 ? "0-0" : cursor_text(at.height - 1, UINT32_MAX - 1);
}

Result<EventPosition> EventLog::position(std::string_view from) const {
  if (from.empty() || from == "head") return EventPosition{chain_->view()->height + 1, 0};
  if (from == "start") return EventPosition{chain_->first_height(), 0};
  return behind_cursor(from);
}

EventPosition EventLog::served(EventPosition at, bool archived, std::optional<Gap>* gap) const {
  const std::uint64_t head = chain_->view()->height, retain = archived ? head + 1 : retain_();
  const std::uint64_t first =
      std::max(chain_->first_height(), head >= retain ? head - retain + 1 : 0);
  gap->reset();
  if (at.height >= first) return at;
  *gap = Gap{at.height, first - 1};
  return EventPosition{first, 0};
}

void EventLog::set_newest(std::shared_ptr<const BlockRecord> block) {
  std::lock_guard lock(mutex_);
  newest_ = std::move(block);
}

Result<std::shared_ptr<const BlockRecord>> EventLog::block(std::uint64_t height) const {
  {
    std::lock_guard lock(mutex_);
    if (newest_ && newest_->header.height == height) return newest_;
  }
  return chain_->block(height);
}

Result<bool> EventLog::read(EventPosition* at, const std::vector<std::string>& topics,
                            const std::function<bool(const Item&)>& take) {
  const std::uint64_t head = chain_->view()->height;
  for (std::size_t blocks = 0; at->height <= head; ++blocks) {
    if (blocks == kMaxScannedBlocks) return false;
    Result<std::shared_ptr<const BlockRecord>> record = block(at->height);
    if (!record.ok()) return record.status();
    std::uint32_t index = 0;
    for (const Step& step : (*record)->steps) {
      for (const Event& event : step.events) {
        const std::uint32_t mine = index++;
        if (mine < at->index || !wanted(topics, event.topic)) continue;
        at->index = mine;
        if (!take(Item{*at, (*record)->header.time_ms, &event})) return false;
      }
    }
    *at = EventPosition{at->height + 1, 0};
  }
  return true;
}

std::string event_json(const EventLog::Item& item, std::string_view members) {
  std::string out = "{";
  out.append(members).append("\"cursor\":\"").append(cursor_text(item.at.height, item.at.index));
  out.append("\",\"height\":")
      .append(std::to_string(item.at.height))
      .append(",\"time_ms\":")
      .append(std::to_string(item.time_ms));
  out.append(",\"topic\":");
  append_json_string(out, item.event->topic);
  out.append(",\"data\":").append(item.event->data.empty() ? "{}" : item.event->data).append("}");
  return out;
}

}  // namespace blockd
