// top: the node in a terminal, again and again. Plain ANSI, so it works over ssh and when recorded.
#include <sys/ioctl.h>
#include <unistd.h>

#include <boost/json/serialize.hpp>
#include <chrono>
#include <deque>
#include <ostream>
#include <thread>

#include "kernel/programs/cli/catalogue.hpp"
#include "kernel/programs/cli/node_client.hpp"
#include "kernel/programs/cli/output.hpp"
#include "kernel/programs/cli/top_frame.hpp"

namespace blockd::cli {
namespace {

constexpr std::size_t kKeptEvents = 100;
constexpr std::uint32_t kEventsAtOnce = 100;
constexpr std::uint64_t kMaxFrames = 1'000'000;
constexpr std::size_t kPlainWidth = 120, kPlainHeight = 40;

Result<TopReading> read_node(Session& session, NodeClient& client) {
  TopReading out;
  out.at_ms = session.world.clock.monotonic_us() / 1000;
  for (const auto& [method, into] :
       {std::pair<const char*, int>{"node.status", 0}, {"plugin.list", 1}, {"metrics", 2}}) {
    Result<json::value> answer = client.call(method, json::object{});
    if (!answer.ok()) return answer.status();
    if (into == 0 && answer->is_object()) out.status = answer->get_object();
    if (into == 1 && answer->is_array()) out.plugins = answer->get_array();
    const json::object* object = answer->if_object();
    const json::value* text = into == 2 && object ? object->if_contains("text") : nullptr;
    if (text && text->is_string()) out.series = read_series(std::string_view(text->get_string()));
  }
  return out;
}

// Follows the events behind a cursor, so that none is missed between two pictures.
class Events {
 public:
  Status take(NodeClient& client, const TopReading& now) {
    if (cursor_.empty()) {  // from the block that is newest at the beginning
      const json::value* height = now.status.if_contains("current_block_height");
      cursor_ = (height ? json::serialize(*height) : "0") + "-0";
    }
    Result<json::value> answer =
        client.call("events.list", json::object{{"from", cursor_}, {"limit", kEventsAtOnce}});
    if (!answer.ok()) return answer.status();
    const json::object* object = answer->if_object();
    const json::value* list = object ? object->if_contains("events") : nullptr;
    if (!list || !list->is_array()) return {};
    for (const json::value& entry : list->get_array()) {
      const json::object* event = entry.if_object();
      const json::value* cursor = event ? event->if_contains("cursor") : nullptr;
      const json::value* topic = event ? event->if_contains("topic") : nullptr;
      const json::value* data = event ? event->if_contains("data") : nullptr;
      if (!cursor || !cursor->is_string() || !topic || !topic->is_string()) continue;
      cursor_ = std::string(cursor->get_string());
      lines_.push_front(cursor_ + "  " + std::string(topic->get_string()) + "  " +
                        (data ? escape_controls(json::serialize(*data)) : ""));
    }
    if (lines_.size() > kKeptEvents) lines_.resize(kKeptEvents);
    return {};
  }
  std::vector<std::string> lines() const { return {lines_.begin(), lines_.end()}; }

 private:
  std::string cursor_;
  std::deque<std::string> lines_;
};

void screen_size(bool terminal, std::size_t* width, std::size_t* height) {
  *width = kPlainWidth;
  *height = kPlainHeight;
  winsize size{};
  if (!terminal || ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 20) return;
  *width = size.ws_col;
  *height = size.ws_row > 1 ? size.ws_row - 1u : kPlainHeight;
}

int top(Session& session, const LocalArgs& args) {
  const auto seconds = parse_u64(args.get("--interval", "2"));
  const auto frames = parse_u64(args.get("--frames", args.has("--once") ? "1" : "0"));
  if (!seconds || *seconds == 0 || *seconds > 3600)
    return session.fail(Status(Code::kInvalid, "--interval: expected 1..3600 seconds"));
  if (!frames || *frames > kMaxFrames)
    return session.fail(Status(Code::kInvalid, "--frames: expected a number up to 1000000"));
  const bool terminal = session.world.out_is_terminal && !args.has("--batch");
  NodeClient client(session);
  Events events;
  std::optional<TopReading> before;
  for (std::uint64_t made = 0; *frames == 0 || made < *frames;) {
    if (before) std::this_thread::sleep_for(std::chrono::seconds(*seconds));
    Result<TopReading> now = read_node(session, client);
    const Status heard = now.ok() ? events.take(client, *now) : now.status();
    if (!heard.ok()) {
      if (!before || !terminal) return session.fail(heard);
      session.world.out << "\x1b[H\x1b[2K" << escape_controls(heard.message())
                        << ": trying again, Ctrl-C ends\n"
                        << std::flush;
      continue;
    }
    if (before) {
      std::size_t width = 0, height = 0;
      screen_size(terminal, &width, &height);
      if (terminal && *frames != 1) session.world.out << "\x1b[H\x1b[J";
      session.world.out << top_frame(*before, *now, events.lines(), client.endpoint(), width,
                                     height, terminal)
                        << (terminal ? "" : "\n") << std::flush;
      if (!session.world.out) return kExitOk;  // who read it has gone
      ++made;
    }
    before = *std::move(now);
  }
  return kExitOk;
}

}  // namespace

std::vector<LocalVerb> top_verbs() {
  return {
      {"top",
       "",
       "The node as it works: blocks, plugins, rates, latencies, newest events",
       {{"--interval", "SECS", "Time between two pictures (2)"},
        {"--frames", "N", "End after so many (0: never)"},
        {"--once", "", "One picture, after one interval"},
        {"--batch", "", "Pictures below each other, without colours; so it is without a terminal"}},
       0,
       0,
       top,
       {{"contract-cli top", "Watches the node; Ctrl-C ends"},
        {"contract-cli top --once --interval 1", "One picture for a script or a report"}}}};
}

}  // namespace blockd::cli
