// Oracle: the face of the plugin: the demo, and the HTTP service that drills and the oracle adapter
// read meters from. [face]
//
//   GET  /meter/:id/reading   counts step_kwh more and answers a signed reading (alias
//   /readings/:id) POST /meter/:id/submit    sends the reading of the body, or a fresh one when it
//   is empty, to the
//                             node: 200 with the credit, 422 with the node's refusal, 502 when the
//                             node does not answer
//   GET  /key                 public key that signs; with ?meter=ID the one of that meter
//
// Every refusal is a JSON object with the member `error`.
#pragma once

#include <atomic>

#include "plugins/mock-oracle/demo.hpp"

namespace mock_oracle {

class Oracle {
 public:
  explicit Oracle(tb::Host host) : host_(host), meters_(host), demo_(host, meters_) {}

  void on_timer();
  void on_config();
  void on_reply(std::uint64_t cookie, const tb::Reply& reply);
  tb::Status get_reading(tb::View& view, const tb::HttpRequest& request, tb::HttpReply& reply);
  tb::Status post_submit(tb::View& view, const tb::HttpRequest& request, tb::HttpReply& reply);
  tb::Status get_key(tb::View& view, const tb::HttpRequest& request, tb::HttpReply& reply);

 private:
  // What the configuration says; `problem` is why it cannot be used, else empty.
  struct Setup {
    Settings settings;
    std::shared_ptr<const MeterKeys> keys;
    std::string problem;
  };
  // The provider of a meter, or why it is not known.
  struct Found {
    std::string provider, problem;
  };

  std::shared_ptr<const Setup> setup();
  std::shared_ptr<const Setup> load();
  std::shared_ptr<const Setup> open_setup(tb::HttpReply& reply);
  tb::Hash seed_of(const Settings& settings);
  Found find_provider(const Setup& setup, std::string_view meter, std::string_view asked);
  Found ask_provider(std::string_view meter);
  std::optional<Reading> fresh_reading(const Setup& setup, const tb::HttpRequest& request,
                                       tb::HttpReply& reply);
  void submit(const Reading& reading, tb::HttpReply& reply);

  tb::Host host_;
  Meters meters_;
  Demo demo_;
  std::mutex mutex_;
  std::shared_ptr<const Setup> setup_;  // null until it is needed
  std::atomic<bool> changed_{true};     // the demo has to begin with a new setup
};

}  // namespace mock_oracle
