#include "plugins/energy/face.hpp"

#include <limits>

#include "plugins/energy/check.hpp"
#include "plugins/energy/face_shapes.hpp"
#include "plugins/energy/metrics.hpp"

namespace energy {
namespace {

constexpr tb::Config<std::optional<std::vector<KeyEntry>>> kProviderKeys{0};
constexpr tb::Config<std::uint64_t> kRpcRps{1};
constexpr tb::Config<std::uint64_t> kPendingWarn{2};
constexpr tb::Config<std::uint64_t> kStallWarnSecs{3};
constexpr tb::Config<std::string> kMarketDir{9};
constexpr tb::Config<std::uint64_t> kSnapshotInterval{10};
constexpr std::uint64_t kNewestShown =
    250;  // receipts, disputes and slashes of market_state without `full`
constexpr std::uint32_t kMaxStandings = 1000;  // series of the per-provider gauges
constexpr std::uint32_t kMirrorMs = 120'000;   // a large market takes long
constexpr std::int64_t kNotReady = -34004;
constexpr std::string_view kImportedTopic = "chain.namespace_imported";
constexpr std::string_view kSettlementTopic = "gov.energy_settlement";
constexpr std::uint64_t kKeysCookie = 1, kSnapshotCookie = 2;
constexpr std::uint64_t kInfoEverySecs = 60;

std::int64_t shown(std::uint64_t value) {
  return static_cast<std::int64_t>(std::min<std::uint64_t>(value, std::uint64_t{1} << 62));
}

void put_governance(const Params& p, tb::Out& out) {
  out.record("governance", [&](tb::Out& g) {
    g.put("mode", p.settlement_mode == kModeBatch ? "batch" : "real_time");
    g.put("quorum_threshold_ppm", p.settlement_quorum_ppm);
    g.put("expiry_blocks", p.settlement_expiry_blocks);
    g.put("oracle_timeout_blocks", p.oracle_timeout_blocks);
    g.put("effective_expiry_blocks", effective_expiry(p));
    g.put("min_stake", p.min_stake);
    g.put("slashing_rate_bps", p.slashing_rate_bps);
    g.put("funds_mode", p.funds_mode);
    g.put("paused", p.settlement_paused != 0);
    g.put("rehearsal", p.launch_autopilot == 0);
  });
}

void put_totals(const Totals& t, const Counts& counts, tb::Out& out) {
  out.record("totals", [&](tb::Out& o) {
    o.put("providers", t.provider_count);
    o.put("pending_credits", counts.pending_credits);
    o.put("pending_kwh", counts.pending_kwh);
    o.put("receipts", t.receipt_seq);
    o.put("open_disputes", t.open_disputes);
    o.put("kwh_settled", t.total_kwh_settled);
    o.put("price_paid", t.total_price_paid);
    put_or_null(o, "avg_price", average_price(t.total_price_paid, t.total_kwh_settled));
    o.put("treasury_accrued", t.treasury_accrued);
  });
}

// The lists of market_state, each up to `limit`, and whether one was cut.
class MarketLists {
 public:
  MarketLists(Reader& reader, const MarketParams& in) : reader_(reader), full_(in.full) {
    parse_filter(in.provider_id, &id_);
  }

  bool put_providers(tb::Out& out) {
    std::vector<Provider> found;
    const bool whole = reader_.walk(reader_.keys().providers(), false,
                                    [&](std::string_view, std::string_view value) {
                                      Provider p = row_of<Provider>(value);
                                      bring_up_to_date(p, reader_.totals());
                                      if (!id_ || p.id == *id_) found.push_back(std::move(p));
                                      return full_ || found.size() <= kMarketLimit;
                                    });
    return cut(found, kMarketLimit, whole, [&] { energy::put_providers(reader_, found, out); });
  }
  // The sandbox has no counts of its own: they come from this walk.
  bool put_credits(tb::Out& out, Counts* counts) {
    std::vector<HeldCredit> found;
    const bool whole = reader_.walk_credits([&](const Credit& credit, const Hash& hash) {
      const CreditStatus status = reader_.status_of(credit, hash);
      if (status != CreditStatus::kExpired && counts != nullptr) {
        counts->pending_credits += 1;
        counts->pending_kwh += credit.amount_kwh;
      }
      if (!id_ || credit.provider == *id_) found.push_back({credit, hash, status});
      return full_ || found.size() <= kMarketLimit;
    });
    return cut(found, kMarketLimit, whole, [&] {
      out.list("credits", [&](tb::Out& list) {
        for (const HeldCredit& h : found) {
          list.record({}, [&](tb::Out& o) {
            show_credit(h.credit, h.meter_hash, h.status, effective_expiry(reader_.params()), o);
          });
        }
      });
    });
  }
  bool put_receipts(tb::Out& out) {
    std::vector<Receipt> found;
    const bool whole = reader_.walk(reader_.keys().receipts(), true,
                                    [&](std::string_view, std::string_view value) {
                                      Receipt r = row_of<Receipt>(value);
                                      if (!id_ || r.seller == *id_) found.push_back(std::move(r));
                                      return full_ || found.size() < kNewestShown;
                                    });
    out.list("receipts", [&](tb::Out& list) {
      for (const Receipt& r : found) list.record({}, [&](tb::Out& o) { show_receipt(r, o); });
    });
    return whole;
  }
  bool put_disputes(tb::Out& out) {
    std::vector<Dispute> found;
    const bool whole = reader_.walk(reader_.keys().disputes(), true,
                                    [&](std::string_view, std::string_view value) {
                                      Dispute d = row_of<Dispute>(value);
                                      if (!id_ || d.provider == *id_) found.push_back(std::move(d));
                                      return full_ || found.size() < kNewestShown;
                                    });
    std::reverse(found.begin(), found.end());
    energy::put_disputes(found, out);
    return whole;
  }

 private:
  // False if the list was cut, by a limit or by the bound of a walk.
  bool cut(auto& found, std::size_t limit, bool whole, const auto& put) {
    const bool over = !full_ && found.size() > limit;
    if (over) found.resize(limit);
    put();
    return whole && !over;
  }

  Reader& reader_;
  bool full_;
  std::optional<ProviderId> id_;
};

}  // namespace

tb::Status Face::market_state(tb::View& view, const MarketParams& in, tb::Out& out) {
  Reader reader(view, in.rehearsal);
  Counts counts = in.rehearsal ? Counts{} : index_.counts();
  MarketLists lists(reader, in);
  out.put("status", "ok");
  out.put("height", reader.height());
  bool whole = lists.put_providers(out);
  whole = lists.put_credits(out, in.rehearsal ? &counts : nullptr) && whole;
  whole = lists.put_receipts(out) && whole;
  whole = lists.put_disputes(out) && whole;
  PageOf<SlashRow> slashes(0, kNewestShown);
  if (in.full) slashes.page_size = kSlashesKept;
  if (!in.rehearsal) {
    if (!find_slashes(in.provider_id, std::nullopt, slashes))
      return view.fail(kSlashHistoryFailed, "the local store cannot be read");
  }
  put_slashes(slashes.items, out);
  if (!whole) out.put("truncated", true);
  put_governance(reader.params(), out);
  put_totals(reader.totals(), counts, out);
  return tb::ok();
}

tb::Status Face::find_slashes(const std::optional<std::string_view>& provider_id,
                              const std::optional<std::string_view>& reason,
                              PageOf<SlashRow>& page) {
  std::optional<ProviderId> id;
  if (!parse_filter(provider_id, &id)) return tb::ok();
  const std::string name = id ? format_provider_id(*id) : std::string();
  return index_.slashes([&](const SlashRow& row) {
    if ((!id || row.provider_id == name) && (!reason || row.reason == *reason))
      page.offer([&] { return row; });
    return true;
  });
}

tb::Status Face::find_timeline(const TimelineParams& in, PageOf<TimelineRow>& page) {
  std::optional<ProviderId> id;
  std::optional<Hash> hash;
  if (in.meter_hash) hash = parse_meter_hash(*in.meter_hash);
  if (!parse_filter(in.provider_id, &id) || (in.meter_hash && !hash)) return tb::ok();
  const std::string name = id ? format_provider_id(*id) : std::string();
  return index_.timeline([&](const TimelineRow& row) {
    const bool match = (!id || row.provider_id == name) &&
                       (!in.event_type || row.event_type == event_type_named(*in.event_type)) &&
                       (!hash || row.meter_hash == to_tb(*hash));
    if (match) page.offer([&] { return row; });
    return true;
  });
}

tb::Status Face::slashes(tb::View& view, const SlashesParams& in, tb::Out& out) {
  PageOf<SlashRow> page(in.page, in.page_size);
  if (!find_slashes(in.provider_id, in.reason, page))
    return view.fail(kSlashHistoryFailed, "the local store cannot be read");
  put_page(page, Reader(view, false).height(), out);
  out.put("from_height", index_.counts().from_height);
  put_slashes(page.items, out);
  return tb::ok();
}

tb::Status Face::timeline(tb::View& view, const TimelineParams& in, tb::Out& out) {
  if (in.meter_hash && !parse_meter_hash(*in.meter_hash))
    return view.fail(kInvalidParams, "meter_hash is not 32 bytes of hex");
  if (in.event_type && event_type_named(*in.event_type).empty()) {
    return view.fail(kInvalidParams,
                     "event_type is none of receipt, dispute_opened, dispute_resolved, slash");
  }
  PageOf<TimelineRow> page(in.page, in.page_size);
  if (!find_timeline(in, page))
    return view.fail(tb::kInternalError, "the local store cannot be read");
  put_page(page, Reader(view, false).height(), out);
  out.put("from_height", index_.counts().from_height);
  put_timeline(page.items, out);
  return tb::ok();
}

Health Face::look(tb::View& view) {
  Reader reader(view, false);
  Health health;
  health.counts = index_.counts();
  const std::uint64_t now = view.time_s();
  const ShortKey after = reader.keys().credit_place(reader.totals().expired_below);
  view.scan(reader.keys().credit_places(), after, 1, [&](std::string_view key, std::string_view) {
    if (const auto place = reader.keys().read_credit_place(key))
      health.oldest_pending_blocks = reader.height() - place->block;
  });
  if (health.counts.last_settlement != 0) {
    health.seconds_since_settlement =
        now > health.counts.last_settlement ? now - health.counts.last_settlement : 0;
  }
  health.active_oracles =
      index_.active_oracles(reader.height(), reader.params().oracle_timeout_blocks);
  health.open_disputes = reader.totals().open_disputes;
  std::uint64_t oldest = std::numeric_limits<std::uint64_t>::max();
  if (health.open_disputes > 0) {
    reader.walk(reader.keys().open_dispute(Hash{}).substr(0, 3), false,
                [&](std::string_view, std::string_view value) {
                  oldest = std::min(oldest, row_of<OpenDispute>(value).id);  // ids rise with time
                  return true;
                });
    const auto dispute = reader.load<Dispute>(reader.keys().dispute(oldest));
    if (dispute && now > dispute->opened_time)
      health.oldest_dispute_secs = now - dispute->opened_time;
  }
  const std::uint64_t pending = health.counts.pending_credits;
  if (pending > host_.config(kPendingWarn))
    health.warnings.push_back(tb::cat("energy market pending credits pending=", pending));
  const bool stalled = !health.seconds_since_settlement ||
                       *health.seconds_since_settlement > host_.config(kStallWarnSecs);
  if (pending > 0 && stalled)
    health.warnings.push_back(tb::cat("energy market settlements stalled pending=", pending));
  return health;
}

tb::Status Face::health(tb::View& view, tb::Out& out) {
  const Health health = look(view);
  out.put("status", health.warnings.empty() ? "ok" : "warn");
  out.put("pending_credits", health.counts.pending_credits);
  out.put("oldest_pending_blocks", health.oldest_pending_blocks);
  put_or_null(out, "seconds_since_settlement", health.seconds_since_settlement);
  out.put("active_oracles", health.active_oracles);
  out.put("open_disputes", health.open_disputes);
  out.put("oldest_dispute_secs", health.oldest_dispute_secs);
  out.put("warnings", health.warnings);
  return tb::ok();
}

tb::Status Face::on_event(const tb::ChainEvent& event) {
  if (event.topic == "energy.reading_accepted") {
    const std::uint64_t now = host_.unix_ms();
    host_.observe(kInclusionLag, shown(now > event.time_ms ? now - event.time_ms : 0));
  }
  if (event.topic == kImportedTopic) {
    if (event.data["namespace"].text() == "energy") index_.count_again();
    return tb::ok();
  }
  if (event.topic == kSettlementTopic) {
    // Governance tells of a change twice: when it came into force, and when it was taken back.
    if (!event.data["rolled_back_at"].absent()) host_.add(kSettlementRollbacks);
    return tb::ok();
  }
  if (event.topic == "energy.params_changed") params_changed_ = true;
  return index_.apply(event);
}

void Face::on_commit(tb::View& view) {
  const Totals t = load_row<Totals>(view, Keys(Space::kReal).totals()).value_or(Totals{});
  const Counts counts = index_.counts();
  host_.set(kProviderTotal, shown(t.provider_count));
  host_.set(kPendingCredits, shown(counts.pending_credits));
  host_.set(kPendingKwh, shown(counts.pending_kwh));
  host_.set(kReceiptTotal, shown(t.receipt_seq));
  host_.set(kActiveDisputes, shown(t.open_disputes));
  host_.set(kMarketVolume, shown(t.epoch_kwh));
  if (const auto avg = average_price(t.total_price_paid, t.total_kwh_settled))
    host_.set(kAvgPrice, shown(fit_u64(*avg).value_or(kU64Max)));
  host_.set(kSettlementMode, shown(load_params(view).settlement_mode));
  host_.set(kKeyRegistryVersion,
            shown(load_row<KeyVersion>(view, kKeyVersionKey).value_or(KeyVersion{}).version));
  if (!standing_shown_.exchange(true)) {
    host_.set(kRateLimitRps, shown(host_.config(kRpcRps)));
    view.scan(Keys(Space::kReal).providers(), {}, kMaxStandings,
              [&](std::string_view, std::string_view value) {
                const Provider p = row_of<Provider>(value);
                const std::string id = format_provider_id(p.id);
                host_.set(kReputationScore, p.reputation_score_ppm, {id});
                host_.set(kReputationConfidence, confidence_ppm(p.reputation.observations), {id});
              });
  }
  if (!keys_checked_.exchange(true)) reconcile_keys(view);
  snapshot_when_due(view.height());
}

void Face::on_config() {
  host_.set(kRateLimitRps, shown(host_.config(kRpcRps)));
  host_
      .with_view([&](tb::View& view) {
        reconcile_keys(view);
        return tb::ok();
      })
      .ignore();
}

std::string Face::reconcile_keys(tb::View& view) {
  const auto wanted = host_.config(kProviderKeys);
  if (!wanted) return "absent";
  auto keys = parse_keys(*wanted);
  if (!keys) {
    host_.add(kKeyConfigFailures);
    host_.log(TB_LOG_ERROR, tb::cat("energy_provider_key_config_failed: energy.provider_keys: ",
                                    keys.refusal().text, "; the old registry stays in force"));
    return "invalid: " + keys.refusal().text;
  }
  const auto held = load_row<KeyDigest>(view, kKeyDigestKey);
  if (held ? held->digest == digest_of(*keys) : keys->empty()) return "same";
  const tb::Status posted = host_.post(
      "energy.set_provider_keys", [&](tb::Out& out) { out.put("keys", *wanted); }, kKeysCookie);
  if (!posted) {
    keys_checked_ = false;  // again after the next commit
    return "busy: the node has too many requests under way";
  }
  return "submitted";
}

void Face::on_reply(std::uint64_t cookie, const tb::Reply& reply) {
  if (cookie == kSnapshotCookie) snapshot_asked_ = false;
  if (cookie != kKeysCookie || reply.ok) return;
  host_.add(kKeyConfigFailures);
  host_.log(TB_LOG_ERROR,
            tb::cat("energy_provider_key_config_failed: energy.set_provider_keys was refused: ",
                    reply.value["message"].text(),
                    "; the account of the node's admin key needs the role admin"));
}

tb::Status Face::reload_keys(tb::LocalCall&, tb::Out& out) {
  std::string outcome;
  host_
      .with_view([&](tb::View& view) {
        outcome = reconcile_keys(view);
        return tb::ok();
      })
      .ignore();
  out.put("status", outcome);
  return tb::ok();
}

void Face::snapshot_when_due(std::uint64_t height) {
  const std::uint64_t interval = host_.config(kSnapshotInterval);
  const bool due = interval != 0 && height / interval > snapshot_height_ / interval;
  if (snapshot_asked_ || (!due && !params_changed_)) return;
  // Writing takes long where the market is large: a worker does it, so that events go on.
  if (!host_.post(
          "energy.create_snapshot", [](tb::Out&) {}, kSnapshotCookie))
    return;
  snapshot_asked_ = true;
  params_changed_ = false;
  snapshot_height_ = height;
}

// The node writes the mirror, as it does at its snapshots and when it stops.
tb::Status Face::create_snapshot(tb::LocalCall& call, tb::Out& out) {
  const std::uint64_t begin = host_.unix_ms();
  bool made = false, writes = true;
  std::string problem = "the node does not answer";
  const tb::Status asked = host_.call(
      "snapshots.mirror", [](tb::Out& params) { params.put("namespace", "energy"); }, kMirrorMs,
      [&](const tb::Reply& reply) {
        made = reply.ok;
        if (!made) {
          problem = reply.value["message"].text("unknown");
          writes = reply.value["code"].i64() != kNotReady;
          return;
        }
        out.put("path", reply.value["path"].text());
        out.put("height", reply.value["height"].u64());
        out.put("bytes", reply.value["bytes"].u64());
        out.put("blake3", reply.value["blake3"].text());
      });
  host_.observe(kSnapshotSeconds, static_cast<std::int64_t>(host_.unix_ms() - begin));
  if (asked && made) return tb::ok();
  if (writes) {  // a node that starts, stops or only reads its data has not failed to
    host_.add(kSnapshotFailures);
    host_.log(TB_LOG_ERROR, tb::cat("energy snapshot failed reason=write: ", problem));
  }
  return call.fail(kSnapshotFailed, problem);
}

void Face::check_health() {
  host_
      .with_view([&](tb::View& view) {
        const Health health = look(view);
        const std::uint64_t now = host_.unix_ms() / 1000;
        host_.set(kLatencyP95, shown(index_.latency_p95(now)));
        host_.set(kActiveOracles, shown(health.active_oracles));
        host_.set(kDisputeOldestAge, shown(health.oldest_dispute_secs));
        for (const std::string& warning : health.warnings) host_.log(TB_LOG_WARN, warning);
        if (health.warnings.empty() && now >= last_info_s_ + kInfoEverySecs) {
          last_info_s_ = now;
          const Totals t = load_row<Totals>(view, Keys(Space::kReal).totals()).value_or(Totals{});
          host_.log(TB_LOG_INFO, tb::cat("energy market settlements flowing receipts=",
                                         t.receipt_seq, " total_kwh=", t.total_kwh_settled));
        }
        return tb::ok();
      })
      .ignore();
}

namespace {
constexpr std::string_view kReadRole = "energy.provider";
}  // namespace

void describe_face(tb::Plugin& p) {
  p.face<Face>()
      .on_event(&Face::on_event)
      .on_commit(&Face::on_commit)
      .on_config(&Face::on_config)
      .on_reply(&Face::on_reply);
  p.follow(kSettlementTopic);
  p.follow(kImportedTopic);
  p.timer("health", 15'000, &Face::check_health);
  p.config(kProviderKeys, "provider_keys")
      .max(kMaxTrustRoots)
      .help("keys that the registry shall hold; left out: it is not touched");
  p.config(kRpcRps, "rpc_rps", 50)
      .env("TB_ENERGY_RPC_RPS")
      .help("energy calls a second and client address");
  p.config(kPendingWarn, "pending_credit_warn", 25)
      .help("health warns above this many pending credits");
  p.config(kStallWarnSecs, "stall_warn_secs", 600)
      .unit("seconds")
      .help("health warns when credits wait and nothing settled for so long");
  std::uint32_t place = 4;
  for (std::string_view name : {"read", "submit", "settle", "dispute"}) {
    std::string env = "TB_RPC_ENERGY_";
    for (char c : name) env += static_cast<char>(c - 'a' + 'A');
    p.config(tb::Config<std::optional<std::uint64_t>>{place++}, tb::cat(name, "_tokens_per_sec"))
        .env(env + "_TOKENS_PER_SEC")
        .min(1)
        .help("calls a second of this class and client address; unset: tokens_per_sec");
  }
  p.config(tb::Config<std::optional<std::uint64_t>>{place}, "tokens_per_sec")
      .env("TB_RPC_ENERGY_TOKENS_PER_SEC")
      .min(1)
      .help("the same for all classes that have no limit of their own; unset: none");
  p.config(kMarketDir, "market_dir", "${data}/energy_market")
      .env("TB_ENERGY_MARKET_DIR")
      .min(1)
      .max(4096)
      .mirror({"s/", "t/"})
      .help("folder of the market's snapshots; an empty market begins with what lies there");
  p.config(kSnapshotInterval, "snapshot_interval_blocks", 120)
      .unit("blocks")
      .help(
          "time between two snapshots; 0: only on demand, after changes of parameters and on stop");

  p.query("energy.market_state", &Face::market_state)
      .role(kReadRole)
      .rate_class("read")
      .summary("The market as a whole")
      .field("provider_id")
      .help("only this provider")
      .field("full")
      .defaulted()
      .help("without the usual cuts")
      .field("rehearsal")
      .defaulted()
      .cli("energy market")
      .flag("full", "--verbose")
      .example("contract-cli energy market | jq '.providers|length'", "counts the providers");
  p.query("energy.slashes", &Face::slashes)
      .role(kReadRole)
      .rate_class("read")
      .summary("Slashes, the newest first")
      .error(kSlashHistoryFailed)
      .field("page")
      .defaulted()
      .field("page_size")
      .defaulted()
      .alias("limit")
      .cli("energy slashes")
      .flag("page_size", "--limit")
      .list("slashes")
      .id_field("seq")
      .columns({"seq", "provider_id", "slash_amount", "reason", "block_height"});
  p.query("energy.timeline", &Face::timeline)
      .role(kReadRole)
      .rate_class("read")
      .summary("Receipts, disputes and slashes, the newest first")
      .error(kInvalidParams)
      .field("page")
      .defaulted()
      .field("page_size")
      .defaulted()
      .alias("limit")
      .cli("energy timeline")
      .flag("page_size", "--limit")
      .list("entries")
      .id_field("event_id")
      .columns({"event_id", "event_type", "provider_id", "block_height"});
  p.query("energy.health", &Face::health)
      .role(kReadRole)
      .rate_class("read")
      .summary("Whether the market moves")
      .cli("energy health");
  describe_check(p);
  p.local("energy.reload_keys", &Face::reload_keys)
      .role("energy.admin")
      .summary("Compare the configured keys with the registry now")
      .cli("energy oracle keys reload");
  p.local("energy.create_snapshot", &Face::create_snapshot)
      .role("energy.admin")
      .summary("Write the state of the market to energy.market_dir")
      .error(kSnapshotFailed)
      .cli("energy snapshot create")
      .example("contract-cli energy snapshot create", "prints path, height and hash of the file");
  for (std::string_view listener : {"rpc", "status"}) {
    p.route("GET", "/governance/energy/slashes", &Face::http_slashes)
        .listener(listener)
        .role(kReadRole)
        .summary("Slashes");
    p.route("GET", "/governance/energy/timeline", &Face::http_timeline)
        .listener(listener)
        .role(kReadRole)
        .summary("Timeline");
    p.route("GET", "/energy/providers", &Face::http_providers)
        .listener(listener)
        .role(kReadRole)
        .summary("Providers");
    p.route("GET", "/energy/disputes", &Face::http_disputes)
        .listener(listener)
        .role(kReadRole)
        .summary("Disputes");
  }
}

}  // namespace energy
