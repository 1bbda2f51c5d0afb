#include "plugins/energy/queries.hpp"

namespace energy {
namespace {

tb::Status bad_filter(Reader& reader, std::string text) {
  return reader.view().fail(kInvalidParams, text);
}

tb::Status providers(tb::View& view, const ProvidersParams& in, tb::Out& out) {
  Reader reader(view, in.rehearsal);
  PageOf<Provider> page(in.page, in.page_size);
  if (auto status = find_providers(reader, in, page); !status) return status;
  put_page(page, reader.height(), out);
  put_providers(reader, page.items, out);
  return tb::ok();
}

tb::Status provider(tb::View& view, const ProviderParams& in, tb::Out& out) {
  Reader reader(view, in.rehearsal);
  const auto id = parse_provider_id(in.provider_id);
  const auto found = id ? reader.provider(*id) : std::nullopt;
  if (!found)
    return view.fail(kUnknownProvider, tb::cat("no provider '", in.provider_id.substr(0, 64),
                                               "'; energy.providers lists them"));
  show_provider(view, reader.params(), *found, out);
  return tb::ok();
}

tb::Status credits(tb::View& view, const CreditsParams& in, tb::Out& out) {
  Reader reader(view, in.rehearsal);
  PageOf<HeldCredit> page(in.page, in.page_size);
  if (auto status = find_credits(reader, in, page); !status) return status;
  put_page(page, reader.height(), out);
  out.list("credits", [&](tb::Out& list) {
    for (const HeldCredit& held : page.items) {
      list.record({}, [&](tb::Out& item) {
        show_credit(held.credit, held.meter_hash, held.status, effective_expiry(reader.params()),
                    item);
      });
    }
  });
  return tb::ok();
}

tb::Status receipts(tb::View& view, const ReceiptsParams& in, tb::Out& out) {
  Reader reader(view, in.rehearsal);
  PageOf<Receipt> page(in.page, in.page_size);
  if (auto status = find_receipts(reader, in, page); !status) return status;
  put_page(page, reader.height(), out);
  out.list("receipts", [&](tb::Out& list) {
    for (const Receipt& receipt : page.items)
      list.record({}, [&](tb::Out& item) { show_receipt(receipt, item); });
  });
  return tb::ok();
}

tb::Status disputes(tb::View& view, const DisputesParams& in, tb::Out& out) {
  Reader reader(view, in.rehearsal);
  PageOf<Dispute> page(in.page, in.page_size);
  if (auto status = find_disputes(reader, in, page); !status) return status;
  put_page(page, reader.height(), out);
  put_disputes(page.items, out);
  return tb::ok();
}

struct DisputeParams {
  std::uint64_t id = 0;
  bool rehearsal = false;
};
BOOST_DESCRIBE_STRUCT(DisputeParams, (), (id, rehearsal))

tb::Status dispute(tb::View& view, const DisputeParams& in, tb::Out& out) {
  Reader reader(view, in.rehearsal);
  const auto found = reader.load<Dispute>(reader.keys().dispute(in.id));
  if (!found)
    return view.fail(kUnknownDispute,
                     tb::cat("no dispute ", in.id, "; energy.disputes lists them"));
  show_dispute(*found, out);
  return tb::ok();
}

tb::Status queue(tb::View& view, const QueueParams& in, tb::Out& out) {
  Reader reader(view, in.rehearsal);
  std::optional<ProviderId> id;
  const bool possible = parse_filter(in.provider_id, &id);
  PageOf<QueuedSettlement> page(in.page, in.page_size);
  page.truncated = possible && !reader.walk(reader.keys().queue(), false,
                                            [&](std::string_view, std::string_view value) {
                                              const auto entry = row_of<QueuedSettlement>(value);
                                              if (!id || entry.provider == *id)
                                                page.offer([&] { return entry; });
                                              return true;
                                            });
  put_page(page, reader.height(), out);
  out.list("queue", [&](tb::Out& list) {
    for (const QueuedSettlement& entry : page.items)
      list.record({}, [&](tb::Out& item) { show_queue_entry(entry, item); });
  });
  return tb::ok();
}

// Providers of the registry that have no key yet, up to this many.
constexpr std::size_t kMaxMissing = 1000;

tb::Status oracle_keys(tb::View& view, tb::Out& out) {
  Reader reader(view, false);
  std::vector<std::pair<std::string, TrustRoot>> keys;
  reader.walk(std::string(kTrustRootPrefix), false,
              [&](std::string_view key, std::string_view value) {
                keys.emplace_back(key.substr(kTrustRootPrefix.size()), row_of<TrustRoot>(value));
                return true;
              });
  out.put("registered", static_cast<std::uint64_t>(keys.size()));
  out.put("version", load_row<KeyVersion>(view, kKeyVersionKey).value_or(KeyVersion{}).version);
  const auto digest = load_row<KeyDigest>(view, kKeyDigestKey);
  put_or_null(out, "digest", digest ? std::optional(to_tb(digest->digest)) : std::nullopt);
  out.list("keys", [&](tb::Out& list) {
    for (const auto& [id, root] : keys) {
      list.record({}, [&, &name = id, &held = root](tb::Out& item) {
        item.put("provider_id", name);
        item.put("scheme", "ed25519");
        item.put("public_key_hex", format_hex(held.public_key));
        item.put("registered_at_block", held.registered_at_block);
      });
    }
  });
  std::size_t missing = 0;
  out.list("missing", [&](tb::Out& list) {
    reader.walk(reader.keys().providers(), false, [&](std::string_view, std::string_view value) {
      const ShortKey key = trust_root_key(row_of<Provider>(value).id);
      if (!view.has(key)) {
        list.element(key.view().substr(kTrustRootPrefix.size()));
        ++missing;
      }
      return missing < kMaxMissing;
    });
  });
  return tb::ok();
}

}  // namespace

Reader::Reader(tb::View& view, bool rehearsal)
    : view_(view),
      keys_(rehearsal ? Space::kRehearsal : Space::kReal),
      params_(load_params(view)),
      totals_(load_row<Totals>(view, keys_.totals()).value_or(Totals{})) {}

std::optional<Provider> Reader::provider(ProviderId id) {
  auto found = load<Provider>(keys_.provider(id));
  if (found) bring_up_to_date(*found, totals_);
  return found;
}

CreditStatus Reader::status_of(const Credit& credit, const Hash& meter_hash) {
  if (totals_.open_disputes > 0 && view_.has(keys_.open_dispute(meter_hash)))
    return CreditStatus::kDisputed;
  return credit_expired(height(), credit.block, effective_expiry(params_)) ? CreditStatus::kExpired
                                                                           : CreditStatus::kPending;
}

bool parse_filter(const std::optional<std::string_view>& text, std::optional<ProviderId>* id) {
  if (!text) return true;
  *id = parse_provider_id(*text);
  return id->has_value();
}

tb::Status find_providers(Reader& reader, const ProvidersParams& in, PageOf<Provider>& page) {
  if (in.status && *in.status != "active" && *in.status != "deactivated")
    return bad_filter(reader, "status is neither active nor deactivated");
  page.truncated =
      !reader.walk(reader.keys().providers(), false, [&](std::string_view, std::string_view value) {
        Provider row = row_of<Provider>(value);
        if (in.status && status_name(row.status) != *in.status) return true;
        page.offer([&] {
          bring_up_to_date(row, reader.totals());
          return row;
        });
        return true;
      });
  return tb::ok();
}

tb::Status find_credits(Reader& reader, const CreditsParams& in, PageOf<HeldCredit>& page) {
  if (in.status && *in.status != "pending" && *in.status != "expired" && *in.status != "disputed") {
    return bad_filter(reader, "status is none of pending, expired, disputed");
  }
  std::optional<ProviderId> id;
  if (!parse_filter(in.provider_id, &id)) return tb::ok();
  page.truncated = !reader.walk_credits([&](const Credit& credit, const Hash& meter_hash) {
    if (id && credit.provider != *id) return true;
    const CreditStatus status = reader.status_of(credit, meter_hash);
    if (!in.status || credit_status_name(status) == *in.status)
      page.offer([&] { return HeldCredit{credit, meter_hash, status}; });
    return true;
  });
  return tb::ok();
}

tb::Status find_receipts(Reader& reader, const ReceiptsParams& in, PageOf<Receipt>& page) {
  std::optional<ProviderId> id;
  std::optional<Hash> hash;
  if (in.meter_hash && !(hash = parse_meter_hash(*in.meter_hash)))
    return bad_filter(reader, "meter_hash is not 32 bytes of hex");
  if (!parse_filter(in.provider_id, &id)) return tb::ok();
  const auto offer = [&](const Receipt& receipt) {
    if (!id || receipt.seller == *id) page.offer([&] { return receipt; });
  };
  const std::string prefix = hash ? reader.keys().receipts_of(*hash) : reader.keys().receipts();
  page.truncated = !reader.walk(prefix, true, [&](std::string_view key, std::string_view value) {
    if (!hash) {
      offer(row_of<Receipt>(value));
    } else if (const auto seq = reader.keys().read_receipt_place(key)) {
      if (const auto receipt = reader.load<Receipt>(reader.keys().receipt(*seq))) offer(*receipt);
    }
    return true;
  });
  return tb::ok();
}

tb::Status find_disputes(Reader& reader, const DisputesParams& in, PageOf<Dispute>& page) {
  std::optional<ProviderId> id;
  std::optional<Hash> hash;
  if (in.status && *in.status != "open" && *in.status != "resolved")
    return bad_filter(reader, "status is neither open nor resolved");
  if (in.meter_hash && !(hash = parse_meter_hash(*in.meter_hash)))
    return bad_filter(reader, "meter_hash is not 32 bytes of hex");
  if (!parse_filter(in.provider_id, &id)) return tb::ok();
  page.truncated =
      !reader.walk(reader.keys().disputes(), false, [&](std::string_view, std::string_view value) {
        const Dispute dispute = row_of<Dispute>(value);
        const bool match =
            (!id || dispute.provider == *id) && (!hash || dispute.meter_hash == *hash) &&
            (!in.id || dispute.id == *in.id) &&
            (!in.status || (dispute.resolution.has_value() == (*in.status == "resolved")));
        if (match) page.offer([&] { return dispute; });
        return true;
      });
  return tb::ok();
}

void put_providers(Reader& reader, const std::vector<Provider>& providers, tb::Out& out) {
  out.list("providers", [&](tb::Out& list) {
    for (const Provider& p : providers) {
      list.record({},
                  [&](tb::Out& item) { show_provider(reader.view(), reader.params(), p, item); });
    }
  });
}

void put_disputes(const std::vector<Dispute>& disputes, tb::Out& out) {
  out.list("disputes", [&](tb::Out& list) {
    for (const Dispute& d : disputes)
      list.record({}, [&](tb::Out& item) { show_dispute(d, item); });
  });
}

namespace {

constexpr std::string_view kRead = "energy.provider";

// The fields that every list has.
tb::Method& paged(tb::Method& method) {
  method.field("page")
      .defaulted()
      .help("from 0")
      .field("page_size")
      .defaulted()
      .alias("limit")
      .help("1 to 250");
  return method.field("rehearsal").defaulted().help("read the rehearsal's sandbox");
}

}  // namespace

void describe_state_queries(tb::Plugin& p) {
  paged(p.query("energy.providers", &providers)
            .role(kRead)
            .rate_class("read")
            .summary("Providers by id")
            .error(kInvalidParams))
      .field("status")
      .help("active or deactivated")
      .cli("energy providers")
      .flag("page_size", "--limit")
      .list("providers")
      .id_field("provider_id")
      .columns({"provider_id", "status", "available_kwh", "price_per_kwh", "staked_balance",
                "reputation_score"});
  p.query("energy.provider", &provider)
      .role(kRead)
      .rate_class("read")
      .summary("One provider with its key")
      .error(kUnknownProvider)
      .field("rehearsal")
      .defaulted()
      .cli("energy provider show")
      .positional("provider_id");
  paged(p.query("energy.credits", &credits)
            .role(kRead)
            .rate_class("read")
            .summary("Credits, the newest block first")
            .error(kInvalidParams))
      .field("status")
      .help("pending, expired or disputed")
      .cli("energy credits")
      .alias("energy credits list")
      .flag("page_size", "--limit")
      .list("credits")
      .id_field("meter_hash")
      .columns({"meter_hash", "provider_id", "amount_kwh", "status", "expires_at_block"});
  paged(p.query("energy.receipts", &receipts)
            .alias("energy.receipts.list")
            .role(kRead)
            .rate_class("read")
            .summary("Receipts, the newest first")
            .error(kInvalidParams))
      .cli("energy receipts")
      .flag("page_size", "--limit")
      .list("receipts")
      .id_field("seq")
      .columns({"seq", "seller", "buyer", "kwh_delivered", "price_paid", "treasury_fee",
                "block_settled"});
  paged(p.query("energy.disputes", &disputes)
            .role(kRead)
            .rate_class("read")
            .summary("Disputes by id")
            .error(kInvalidParams))
      .field("status")
      .help("open or resolved")
      .cli("energy disputes")
      .alias("energy disputes list")
      .flag("page_size", "--limit")
      .list("disputes")
      .id_field("dispute_id")
      .columns({"dispute_id", "provider_id", "status", "reason", "opened_at", "outcome"});
  p.query("energy.dispute_show", &dispute)
      .role(kRead)
      .rate_class("read")
      .summary("One dispute")
      .error(kUnknownDispute)
      .field("rehearsal")
      .defaulted()
      .cli("energy disputes show");
  paged(p.query("energy.queue", &queue)
            .role(kRead)
            .rate_class("read")
            .summary("Queued settlements by due block")
            .error(kInvalidParams))
      .cli("energy queue")
      .flag("page_size", "--limit")
      .list("queue")
      .id_field("queue_id")
      .columns({"queue_id", "due_block", "provider_id", "buyer", "kwh_consumed"});
  p.query("energy.oracle_keys", &oracle_keys)
      .alias("energy.keys")
      .role(kRead)
      .rate_class("read")
      .summary("The registry of the providers' keys")
      .cli("energy oracle keys status");
}

}  // namespace energy
