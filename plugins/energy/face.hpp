// Face: the outward half. Lists that need this node's own index, health, gauges, HTTP routes, and
// the desired keys of the configuration. It changes replicated state only by posting
// energy.set_provider_keys.
#pragma once

#include <atomic>

#include "plugins/energy/local_index.hpp"
#include "plugins/energy/queries.hpp"

namespace energy {

struct MarketParams {
  std::optional<std::string_view> provider_id;
  bool full = false, rehearsal = false;
};
BOOST_DESCRIBE_STRUCT(MarketParams, (), (provider_id, full, rehearsal))

struct SlashesParams {
  std::optional<std::string_view> provider_id, reason;
  std::uint64_t page = 0, page_size = 25;
};
BOOST_DESCRIBE_STRUCT(SlashesParams, (), (provider_id, reason, page, page_size))

struct TimelineParams {
  std::optional<std::string_view> provider_id, event_type, meter_hash;
  std::uint64_t page = 0, page_size = 25;
};
BOOST_DESCRIBE_STRUCT(TimelineParams, (), (provider_id, event_type, meter_hash, page, page_size))

// What health says, of one height.
struct Health {
  Counts counts;
  std::uint64_t oldest_pending_blocks = 0, active_oracles = 0, open_disputes = 0,
                oldest_dispute_secs = 0;
  std::optional<std::uint64_t> seconds_since_settlement;
  std::vector<std::string> warnings;
};

class Face {
 public:
  explicit Face(tb::Host host) : host_(host), index_(host) {}

  tb::Status market_state(tb::View& view, const MarketParams& in, tb::Out& out);
  tb::Status slashes(tb::View& view, const SlashesParams& in, tb::Out& out);
  tb::Status timeline(tb::View& view, const TimelineParams& in, tb::Out& out);
  tb::Status health(tb::View& view, tb::Out& out);
  tb::Status reload_keys(tb::LocalCall& call, tb::Out& out);
  tb::Status create_snapshot(tb::LocalCall& call, tb::Out& out);

  tb::Status http_slashes(tb::View& view, const tb::HttpRequest& request, tb::HttpReply& reply);
  tb::Status http_timeline(tb::View& view, const tb::HttpRequest& request, tb::HttpReply& reply);
  tb::Status http_providers(tb::View& view, const tb::HttpRequest& request, tb::HttpReply& reply);
  tb::Status http_disputes(tb::View& view, const tb::HttpRequest& request, tb::HttpReply& reply);

  tb::Status on_event(const tb::ChainEvent& event);
  void on_commit(tb::View& view);
  void on_config();
  void on_reply(std::uint64_t cookie, const tb::Reply& reply);
  void check_health();  // timer, every 15 s

 private:
  Health look(tb::View& view);
  // Asks for a snapshot on a worker when one is due at `height`.
  void snapshot_when_due(std::uint64_t height);
  // "same", "submitted", "absent" or "invalid: ...".
  std::string reconcile_keys(tb::View& view);
  tb::Status find_slashes(const std::optional<std::string_view>& provider_id,
                          const std::optional<std::string_view>& reason, PageOf<SlashRow>& page);
  tb::Status find_timeline(const TimelineParams& in, PageOf<TimelineRow>& page);

  tb::Host host_;
  LocalIndex index_;
  bool snapshot_asked_ = false, params_changed_ = false;  // on_event, on_commit, on_reply only
  std::uint64_t snapshot_height_ = 0;                     // of the interval that was last served
  std::atomic<bool> keys_checked_{false};
  std::atomic<bool> standing_shown_{false};
  std::uint64_t last_info_s_ = 0;
};

void describe_face(tb::Plugin& p);

}  // namespace energy
