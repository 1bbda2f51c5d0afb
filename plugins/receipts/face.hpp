// Face: what the plugin does towards clients of this node. [face]
//
// It keeps in the local store which flaws validation has counted, so that each is counted once.
// Nothing here writes replicated state.
#pragma once

#include <atomic>
#include <chrono>

#include <tb/plugin.hpp>

#include "plugins/receipts/tallies.hpp"

namespace receipts {

// Label `method` of receipt_query_duration_seconds.
enum class Query : std::uint8_t {
  kList,
  kGet,
  kHeader,
  kStats,
  kPending,
  kProvider,
  kProviders,
  kCheck,
  kValidate,
  kRoots,
};
inline constexpr std::string_view kQueryNames[] = {
    "receipts.list",     "receipts.get",         "receipts.header",    "receipts.stats",
    "receipts.pending",  "receipts.provider",    "receipts.providers", "receipts.check",
    "receipts.validate", "microshard.roots.last"};

// Observes how long its scope took.
class Stopwatch {
 public:
  Stopwatch(const tb::Host& host, Query query)
      : host_(host), query_(query), begin_(std::chrono::steady_clock::now()) {}
  ~Stopwatch() {
    const auto took = std::chrono::steady_clock::now() - begin_;
    host_.observe(kQueryDuration,
                  std::chrono::duration_cast<std::chrono::microseconds>(took).count(),
                  {kQueryNames[static_cast<std::size_t>(query_)]});
  }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

 private:
  const tb::Host& host_;
  Query query_;
  std::chrono::steady_clock::time_point begin_;
};

struct StatsParams {
  std::optional<std::string_view> market;
  std::uint32_t window = 120;  // blocks
};
BOOST_DESCRIBE_STRUCT(StatsParams, (), (market, window))

struct ValidateParams {
  std::int64_t from_block = 0;  // below 0: from block 0
  std::optional<std::uint64_t> to_block;
  std::optional<std::string_view> market;
  bool audit = false;
};
BOOST_DESCRIBE_STRUCT(ValidateParams, (), (from_block, to_block, market, audit))

struct ResetParams {
  bool force = false;
};
BOOST_DESCRIBE_STRUCT(ResetParams, (), (force))

struct ConfiguredProvider {
  std::string provider_id, verifying_key_hex;
  std::optional<std::string> region;
  std::optional<std::uint32_t> asn;
};
BOOST_DESCRIBE_STRUCT(ConfiguredProvider, (), (provider_id, verifying_key_hex, region, asn))
inline constexpr std::uint64_t kMaxConfiguredProviders = 1000;

// What the face asks the node for, and awaits at on_reply.
inline constexpr std::uint64_t kProvidersCookie = 1, kMarketsCookie = 2;
inline constexpr tb::Config<std::optional<std::vector<ConfiguredProvider>>> kProviders{0};

class Face {
 public:
  explicit Face(tb::Host host) : host_(host) {}

  // A query of queries.cpp, measured.
  template <Query Q, class P, tb::Status (*Fn)(tb::View&, const P&, tb::Out&)>
  tb::Status timed(tb::View& view, const P& in, tb::Out& out) {
    const Stopwatch watch(host_, Q);
    return Fn(view, in, out);
  }
  tb::Status stats(tb::View& view, const StatsParams& in, tb::Out& out);

  tb::Status validate(tb::LocalCall& call, const ValidateParams& in, tb::Out& out);
  tb::Status reset_validation_state(tb::LocalCall& call, const ResetParams& in, tb::Out& out);

  tb::Status http_list(tb::View&, const tb::HttpRequest&, tb::HttpReply&);
  tb::Status http_of_provider(tb::View&, const tb::HttpRequest&, tb::HttpReply&);
  tb::Status http_of_domain(tb::View&, const tb::HttpRequest&, tb::HttpReply&);
  tb::Status http_one(tb::View&, const tb::HttpRequest&, tb::HttpReply&);
  tb::Status http_header(tb::View&, const tb::HttpRequest&, tb::HttpReply&);

  void on_commit(tb::View& view);
  void on_config();
  void on_reply(std::uint64_t cookie, const tb::Reply& reply);

  // Timer: counts the active keys, shows how old what is kept is, and samples the stored receipts.
  void refresh();

 private:
  void show_keys(tb::View& view);
  void show_age(tb::View& view);
  void reconcile_providers(tb::View& view);
  bool send_provider(const ConfiguredProvider& entry, bool known);
  void ask_for_markets();
  void show_markets(const tb::Value& plugins);
  void sample(tb::View& view);

  tb::Host host_;
  std::atomic<bool> validating_{false}, providers_checked_{false}, markets_asked_{false};
};

// receipts.validate, receipts.reset_validation_state and the timer.
void describe_validation(tb::Plugin& p);
// Providers of the configuration.
void describe_configured(tb::Plugin& p);

}  // namespace receipts
