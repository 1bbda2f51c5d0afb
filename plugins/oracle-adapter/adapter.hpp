// Adapter: the face. For each meter of the configuration it fetches readings, checks them, and
// submits them to the node. [face]
//
// A meter is fetched every interval_ms, whatever becomes of the reading before. At most one fetch
// and one submission of a meter are under way. A reading that cannot be delivered yet waits in
// memory and in the spool until a newer one takes its place. All entries but healthz run one after
// the other, so only what healthz shows is atomic.
//
//   GET /healthz on the metrics listener: 200, or 503 while a meter is stopped or the configuration
//   does not hold: {"status","meters","meters_stopped","queue_depth","pending_verifications"}
#pragma once

#include <atomic>
#include <memory>

#include "plugins/oracle-adapter/policy.hpp"
#include "plugins/oracle-adapter/settings.hpp"
#include "plugins/oracle-adapter/spool.hpp"

namespace oracle_adapter {

class Adapter {
 public:
  explicit Adapter(tb::Host host) : host_(host), spool_("") {}

  void on_timer();   // every 100 ms
  void on_status();  // every 10 s
  void on_config() { loaded_ = false; }
  void on_reply(std::uint64_t cookie, const tb::Reply& reply);
  tb::Status healthz(tb::View& view, const tb::HttpRequest& request, tb::HttpReply& reply);

 private:
  struct Meter {
    MeterSettings settings;
    std::uint64_t fetch_at_ms = 0, send_at_ms = 0;
    std::uint32_t fetch_failures = 0, send_failures = 0;
    bool fetching = false, stopped = false;
    std::optional<Reading> waiting;  // newest one that is not delivered
    std::optional<Reading> sent;     // under way to the node
  };

  void load();
  void fetch(Meter& meter, std::uint32_t place);
  void send(Meter& meter, std::uint32_t place);
  void take_reading(Meter& meter, const tb::Fetched& got);
  void take_answer(Meter& meter, const tb::Fetched& got);
  void keep(Meter& meter, Reading reading);
  void note(const Meter& meter, Trouble trouble, std::string_view why);
  void retry_send(Meter& meter, std::string_view why);
  void delivered(Meter& meter, std::string_view result, std::uint64_t timestamp_s);
  void show_depths();
  std::string depths_text() const;
  std::uint64_t later(std::uint32_t failures) const;

  tb::Host host_;
  Settings settings_;
  Spool spool_;
  std::vector<Meter> meters_;
  bool loaded_ = false;
  std::uint32_t generation_ = 0;  // of the configuration; answers to an older one are ignored
  std::uint64_t last_latency_ms_ = 0;
  std::atomic<bool> usable_{true};
  std::atomic<std::uint32_t> meter_count_{0}, stopped_{0}, queue_depth_{0}, pending_{0};
};

}  // namespace oracle_adapter
