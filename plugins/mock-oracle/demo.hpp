// Demo: the meters gb-0, gb-1, ... report the recorded demand of Great Britain to this node, and
// the operator buys a share of it. [face]
//
// The demo remembers only its place in the curve; what stands on the chain it asks from the node,
// so that it can begin anew at any time. It goes through these phases, each of which is safe to
// repeat:
//
//   operator  node.status: who owns the meters and buys
//   providers energy.providers: which of the meters are registered, and what they showed last
//   register  energy.register_provider for the others
//   keys      energy.oracle_keys, and energy.set_provider_keys where ours are missing; keys of
//   others
//             stay as they are
//   run       steps: a reading of every meter, and a settlement of a share of each credit
//
// A refusal in the first four phases begins anew after a pause of 1 s, doubled up to 60 s; a
// refused reading lets the step end and looks at the chain again. At most kWindow calls are under
// way, and what is not answered within kAnswerMs is given up. Complaints are logged once a minute.
//
// tick() and reply() come from the host one at a time; provider_of() may come from any thread.
#pragma once

#include <memory>

#include "plugins/mock-oracle/curve.hpp"
#include "plugins/mock-oracle/meters.hpp"

namespace mock_oracle {

class Demo {
 public:
  static constexpr std::uint32_t kWindow = 128;
  static constexpr std::uint64_t kAnswerMs = 60'000;
  static constexpr std::uint64_t kMaxHalfHoursAtOnce = 48;

  Demo(tb::Host host, Meters& meters) : host_(host), meters_(meters) {}

  // Begins anew; answers to what was asked before are ignored.
  void start(const Settings& settings, std::shared_ptr<const MeterKeys> keys);
  void stop();
  void tick();
  void reply(std::uint64_t cookie, const tb::Reply& reply);

  // The provider that the demo knows for a meter of its own.
  std::optional<std::string> provider_of(std::string_view meter) const;

 private:
  enum class Phase { kOff, kBegin, kOperator, kProviders, kRegister, kKeys, kSetKeys, kRun };
  enum class Ask : std::uint64_t {
    kStatus,
    kProviders,
    kRegister,
    kKeys,
    kSetKeys,
    kRead,
    kSettle
  };

  // All REQUIRE mutex_ held.
  void begin(std::uint64_t pause_ms);
  void fail(std::string_view what);
  void complain(std::string_view what);
  template <class Params>
  bool post(Ask ask, std::uint32_t place, std::string_view method, Params&& params);
  void pump();
  void ask_providers();
  void register_more();
  void read_more();
  void ask_keys();
  void read_meter(std::uint32_t place);
  void settle_credit(std::uint32_t place, tb::Value credit);
  std::uint64_t due_half_hours(std::uint64_t now_ms);
  void begin_step();
  void end_step();
  void dispatch(Ask ask, std::uint32_t place, const tb::Reply& reply);
  void on_status(tb::Value status);
  void on_providers(tb::Value page);
  void on_keys(tb::Value registry);
  void on_read(std::uint32_t place, const tb::Reply& reply);
  void learn_provider(tb::Value provider);

  tb::Host host_;
  Meters& meters_;
  mutable std::mutex mutex_;

  Settings settings_;
  std::shared_ptr<const MeterKeys> keys_;
  std::optional<Curve> curve_;
  Phase phase_ = Phase::kOff;
  std::string operator_;
  std::vector<std::string> providers_;  // by place; empty: not registered
  std::uint32_t generation_ = 0;        // of the cookies that are still awaited
  std::uint32_t in_flight_ = 0;
  std::uint32_t next_ = 0;  // the page or the place that is asked for next
  std::uint64_t next_try_ms_ = 0, pause_ms_ = 0, progress_ms_ = 0;
  std::uint64_t complained_ms_ = 0, silent_ = 0;

  std::uint64_t step_ = 0;        // half hours of the curve that were begun
  std::uint64_t step_count_ = 0;  // that the step under way holds
  std::uint64_t step_total_kwh_ = 0;
  std::uint64_t last_step_ms_ = 0;  // up to which time half hours are reported; 0: none yet
  std::uint64_t last_read_second_ = 0;
  bool step_under_way_ = false, look_again_ = false;
};

}  // namespace mock_oracle
