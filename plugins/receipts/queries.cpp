#include "plugins/receipts/queries.hpp"

#include <algorithm>
#include <charconv>

#include "plugins/receipts/face.hpp"
#include "plugins/receipts/retention.hpp"
#include "plugins/receipts/rules/draft.hpp"
#include "plugins/receipts/verify.hpp"

namespace receipts {
namespace {

// A page looks at this many receipts at most; beyond, its cursor leads on.
constexpr std::uint64_t kMaxScanned = 20'000;
constexpr std::uint64_t kFlatlinedAfter = 5;

tb::Status damaged(tb::View& view, std::uint64_t height) {
  return view.fail(error_of(Reason::kSchemaMismatch),
                   tb::cat("the stored receipts of block ", height,
                           " do not decode; run receipts validate and restore the state"));
}

struct Cursor {
  std::uint64_t height = 0;
  std::uint32_t index = 0;
};
bool read_cursor(std::string_view text, Cursor& out) {
  const char* end = text.data() + text.size();
  const auto height = std::from_chars(text.data(), end, out.height);
  if (height.ec != std::errc() || height.ptr == end || *height.ptr != '-') return false;
  const auto index = std::from_chars(height.ptr + 1, end, out.index);
  return index.ec == std::errc() && index.ptr == end;
}

void put_item(tb::Out& out, const Receipt& receipt, std::uint64_t height, std::uint32_t index) {
  out.put("height", height);
  out.put("index", index);
  out.put("id", receipt_id(receipt));
  out.put("market", name_of(receipt.market()));
  out.record("receipt", [&](tb::Out& record) { write_receipt(receipt, record); });
}

std::uint64_t first_kept(const Dropped& gone) { return gone.height + (gone.chunk > 0 ? 1 : 0); }

// Walks the blocks of a listing and writes what passes the filters.
class Lister {
 public:
  Lister(tb::View& view, const ListParams& in, tb::Out& list)
      : view_(view), in_(in), list_(list), limit_(std::clamp(in.limit, 1u, kMaxList)) {
    if (in.market) market_ = market_named(*in.market);
  }

  // The last receipt that was looked at, if the page ended before the range did.
  std::optional<Cursor> run(Cursor behind, bool resumed) {
    std::uint64_t height =
        std::max({in_.from_block.value_or(0), behind.height, first_kept(dropped(view_))});
    const std::uint64_t to = in_.to_block.value_or(view_.height());
    std::string after;
    if (height > 0) after = std::string(block_key(height - 1).view());
    bool first = resumed && height == behind.height;
    while (sound_ && !stopped_) {
      std::optional<Block> block;
      view_.scan(kBlockPrefix, after, 1, [&](std::string_view key, std::string_view value) {
        height = tb::Key::read_u64(key, kBlockPrefix.size());
        after.assign(key);
        block = tb::row_as<Block>(value);
      });
      if (!block || height > to) return std::nullopt;
      const std::uint32_t from = first && height == behind.height ? behind.index + 1 : 0;
      first = false;
      if (!market_ || block->markets[static_cast<std::size_t>(*market_)].count > 0)
        read_block(height, *block, from);
    }
    return sound_ ? std::optional(last_) : std::nullopt;
  }
  bool sound() const { return sound_; }
  std::uint64_t height() const { return last_.height; }

 private:
  void read_block(std::uint64_t height, const Block& block, std::uint32_t from) {
    last_.height = height;
    const bool read =
        each_receipt(view_, height, block, from, [&](std::uint32_t index, std::string_view bytes) {
          last_.index = index;
          const Receipt receipt = *decode(bytes);
          if (matches(receipt)) {
            list_.record({}, [&](tb::Out& item) { put_item(item, receipt, height, index); });
            ++written_;
          }
          stopped_ = written_ >= limit_ || ++scanned_ >= kMaxScanned;
          return !stopped_;
        });
    sound_ = read;
  }
  bool matches(const Receipt& receipt) const {
    return (!market_ || receipt.market() == *market_) &&
           (!in_.provider || receipt.provider() == *in_.provider) &&
           (!in_.domain || receipt.domain() == *in_.domain ||
            receipt.bytes("campaign_id") == *in_.domain);
  }

  tb::View& view_;
  const ListParams& in_;
  tb::Out& list_;
  std::uint32_t limit_;
  std::optional<Market> market_;
  Cursor last_;
  std::uint64_t scanned_ = 0;
  std::uint32_t written_ = 0;
  bool stopped_ = false, sound_ = true;
};

}  // namespace

tb::Status list_receipts(tb::View& view, const ListParams& in, tb::Out& out) {
  Cursor behind;
  if (in.cursor && !read_cursor(*in.cursor, behind))
    return view.fail(kInvalidParams, "cursor is the next_cursor of an earlier answer");
  if (in.market && !market_named(*in.market))
    return view.fail(kInvalidParams, "market is storage, compute, energy, ad or relay");
  std::optional<Cursor> next;
  bool sound = true;
  std::uint64_t height = 0;
  out.list("receipts", [&](tb::Out& list) {
    Lister lister(view, in, list);
    next = lister.run(behind, in.cursor.has_value());
    sound = lister.sound();
    height = lister.height();
  });
  if (!sound) return damaged(view, height);
  if (const Dropped gone = dropped(view); first_kept(gone) > 0)
    out.put("from_height", first_kept(gone));
  if (next) {
    out.put("next_cursor", tb::cat(next->height, "-", next->index));
  } else {
    out.null("next_cursor");
  }
  return tb::ok();
}

tb::Status get_receipt(tb::View& view, const GetParams& in, tb::Out& out) {
  Place place;
  if (in.id) {
    const auto row = view.load<Place>(id_key(*in.id));
    if (!row) return view.fail(kNotFound, "no receipt with this id is in a block");
    place = *row;
  } else if (in.height && in.index) {
    place = {*in.height, *in.index};
  } else {
    return view.fail(kInvalidParams, "say id, or height and index");
  }
  const auto block = view.load<Block>(block_key(place.height));
  if (!block || place.index >= block->count) {
    return view.fail(kNotFound, tb::cat("block ", place.height, " has no receipt ", place.index));
  }
  if (dropped(view).covers(place.height)) return not_kept(view, place.height);
  std::optional<Receipt> receipt;
  std::string encoding;
  each_receipt(view, place.height, *block, place.index, [&](std::uint32_t, std::string_view bytes) {
    receipt = decode(bytes);
    encoding = bytes;
    return false;
  });
  if (!receipt) return damaged(view, place.height);
  put_item(out, *receipt, place.height, place.index);
  out.put("leaf", leaf_of(encoding));
  if (block->shard_count > 0) out.put("shard", shard_of(receipt->provider(), block->shard_count));
  out.record("header", [&](tb::Out& header) {
    header.put("shard_count", block->shard_count);
    header.put("available_until", block->available_until);
    header.put("aggregate_sig", block->aggregate);
    header.put("commitment", block->commitment);
  });
  return tb::ok();
}

tb::Status get_header(tb::View& view, const HeaderParams& in, tb::Out& out) {
  if (in.height > view.height()) {
    return view.fail(kNotFound, tb::cat("the chain is at block ", view.height()));
  }
  const auto block = view.load<Block>(block_key(in.height));
  out.put("height", in.height);
  out.put("receipts", block ? block->count : std::uint64_t{0});
  out.put("commitment", block ? block->commitment : empty_commitment());
  if (!block || block->shard_count == 0) {
    out.null("header");
    return tb::ok();
  }
  out.record("header", [&](tb::Out& header) {
    header.put("shard_count", block->shard_count);
    header.put("available_until", block->available_until);
    header.put("aggregate_scheme", block->scheme);
    header.put("aggregate_sig", block->aggregate);
    header.put("empty_shard_root", tb::Hash{});
    header.put("empty_blob_commitment", tb::blake3(""));
    header.put("shards", block->shards);
  });
  return tb::ok();
}

namespace {

// The uses of all markets in the last `window` blocks, and in the last one.
struct Window {
  std::vector<MarketUse> sum = std::vector<MarketUse>(kMarkets);
  std::vector<MarketUse> last = std::vector<MarketUse>(kMarkets);
};

Window read_window(tb::View& view, std::uint64_t window) {
  Window out;
  const std::uint64_t head = view.height();
  std::string before = std::string(block_key(head + 1).view());
  for (bool more = true; more && !view.aborted();) {
    more = false;
    view.scan_back(kBlockPrefix, before, 256, [&](std::string_view key, std::string_view value) {
      const std::uint64_t height = tb::Key::read_u64(key, kBlockPrefix.size());
      more = height + window > head;
      if (!more) return false;
      before.assign(key);
      const Block block = tb::row_as<Block>(value);
      for (std::size_t i = 0; i < kMarkets; ++i) {
        out.sum[i].count += block.markets[i].count;
        out.sum[i].settled = saturating_add(out.sum[i].settled, block.markets[i].settled);
        out.sum[i].bytes += block.markets[i].bytes;
      }
      if (height == head) out.last = block.markets;
      return true;
    });
  }
  return out;
}

void put_stats(tb::View& view, const StatsParams& in, const Window& window, const Tallies& tallies,
               Market market, tb::Out& out) {
  const auto i = static_cast<std::size_t>(market);
  const MarketTotal total = view.load<MarketTotal>(total_key(market)).value_or(MarketTotal{});
  const Queue queue = view.load<Queue>(kQueueKey).value_or(Queue{});
  const std::uint64_t silent = total.count == 0 ? view.height() : view.height() - total.last_height;
  out.put("market", name_of(market));
  out.put("height", view.height());
  out.put("window_blocks", in.window);
  out.put("emitted_total", total.count);
  out.put("emitted_last_block", window.last[i].count);
  out.put("emitted_window", window.sum[i].count);
  if (total.count == 0) {
    out.null("last_receipt_height");
  } else {
    out.put("last_receipt_height", total.last_height);
  }
  out.put("blocks_since_last", silent);
  out.put("flatlined", silent >= kFlatlinedAfter);
  out.put("pending", queue.pending[i]);
  out.put("slash_total", total.slash_count);
  out.put("settled_total", total.settled);
  out.put("settled_window", window.sum[i].settled);
  out.put("bytes_window", window.sum[i].bytes);
  out.put("encoded_bytes_total", total.encoded_bytes);
  out.record("validation_errors", [&](tb::Out& errors) {
    for (Reason reason : {Reason::kSchemaMismatch, Reason::kDuplicate, Reason::kSignatureInvalid,
                          Reason::kUnknownProvider, Reason::kReplayedNonce}) {
      errors.put(name_of(reason), tallies.of(market, reason));
    }
  });
}

}  // namespace

tb::Status Face::stats(tb::View& view, const StatsParams& in, tb::Out& out) {
  const Stopwatch watch(host_, Query::kStats);
  const Window window = read_window(view, in.window);
  const Tallies tallies = load_tallies(host_);
  if (in.market) {
    put_stats(view, in, window, tallies, *market_named(*in.market), out);
    return tb::ok();
  }
  out.list("markets", [&](tb::Out& list) {
    for (std::size_t i = 0; i < kMarkets; ++i) {
      list.record({}, [&](tb::Out& item) {
        put_stats(view, in, window, tallies, static_cast<Market>(i), item);
      });
    }
  });
  return tb::ok();
}

namespace {

struct PendingParams {
  std::optional<std::string_view> market;
};
BOOST_DESCRIBE_STRUCT(PendingParams, (), (market))

tb::Status pending(tb::View& view, const PendingParams& in, tb::Out& out) {
  const Queue queue = view.load<Queue>(kQueueKey).value_or(Queue{});
  out.record("pending", [&](tb::Out& markets) {
    for (std::size_t i = 0; i < kMarkets; ++i) {
      if (!in.market || *in.market == kMarketNames[i])
        markets.put(kMarketNames[i], queue.pending[i]);
    }
  });
  std::optional<std::uint64_t> oldest;
  view.scan(kPendingPrefix, {}, 1, [&](std::string_view, std::string_view value) {
    oldest = tb::row_as<Pending>(value).emitted_height;
  });
  if (oldest) {
    out.put("oldest_height", *oldest);
  } else {
    out.null("oldest_height");
  }
  out.put("drain_depth", queue.drain_depth);
  return tb::ok();
}

void put_provider(tb::Out& out, std::string_view id, const Provider& row, std::uint64_t height) {
  out.put("provider_id", id);
  out.record("registration_source", [&](tb::Out& source) {
    const std::string_view member = row.source_kind == "config"         ? "config_path"
                                    : row.source_kind == "governance"   ? "proposal_id"
                                    : row.source_kind == "stake_linked" ? "stake_id"
                                                                        : "tx_hash";
    source.put("kind", row.source_kind);
    source.put(member, row.source_value);
  });
  out.put("region", row.region);
  out.put("asn", row.asn);
  out.list("key_versions", [&](tb::Out& list) {
    for (const KeyRow& key : row.key_versions) {
      list.record({}, [&](tb::Out& item) {
        item.put("verifying_key_hex", key.verifying_key);
        item.put("registered_at_block", key.registered_at_block);
        key.retired_at_block ? item.put("retired_at_block", *key.retired_at_block)
                             : item.null("retired_at_block");
        key.evidence ? item.put("evidence", *key.evidence) : item.null("evidence");
      });
    }
  });
  const auto versions = versions_of(row);
  const KeyVersion* active = key_for_block(versions, height);
  active == nullptr ? out.null("active_key") : out.put("active_key", tb::Bytes{active->key});
}

struct ProviderParams {
  std::string_view provider_id;
  std::optional<std::uint64_t> at_block;
};
BOOST_DESCRIBE_STRUCT(ProviderParams, (), (provider_id, at_block))

tb::Status provider(tb::View& view, const ProviderParams& in, tb::Out& out) {
  std::optional<Provider> row;
  if (valid_provider_id(in.provider_id)) row = view.load<Provider>(provider_key(in.provider_id));
  if (!row) return view.fail(kNotFound, "no provider with this id is registered");
  put_provider(out, in.provider_id, *row, in.at_block.value_or(view.height()));
  return tb::ok();
}

struct ProvidersParams {
  std::optional<std::string_view> cursor;
  std::uint32_t limit = 100;
};
BOOST_DESCRIBE_STRUCT(ProvidersParams, (), (cursor, limit))

tb::Status providers(tb::View& view, const ProvidersParams& in, tb::Out& out) {
  std::string after, last;
  if (in.cursor) after = std::string(provider_key(*in.cursor).view());
  std::uint32_t rows = 0;
  out.list("providers", [&](tb::Out& list) {
    rows = view.scan(kProviderPrefix, after, in.limit,
                     [&](std::string_view key, std::string_view value) {
                       last = key.substr(kProviderPrefix.size() + 2);
                       list.record({}, [&](tb::Out& item) {
                         put_provider(item, last, tb::row_as<Provider>(value), view.height());
                       });
                     });
  });
  rows == in.limit ? out.put("next_cursor", last) : out.null("next_cursor");
  return tb::ok();
}

struct CheckParams {
  tb::Value receipt;
};
BOOST_DESCRIBE_STRUCT(CheckParams, (), (receipt))

// What submitting the receipt would meet at the head; nothing is recorded or counted.
Checked check_at_head(tb::View& view, const Receipt& receipt) {
  if (Checked refused = check_fields(receipt)) return refused;
  if (!receipt.slash() && receipt.type() != Type::kRelay) {
    Questions ask;
    ask.key_of = [&](std::string_view provider) { return key_at(view, provider, view.height()); };
    ask.nonce_fresh = [&](std::string_view provider, std::uint64_t nonce) {
      return nonce_fresh(view, provider, nonce);
    };
    ask.verify = &verify_signature;
    if (Checked refused = check_signature(receipt, ask)) return refused;
  }
  Receipt queued = receipt;
  queued.set_number("block_height", 0);
  const tb::Hash id = receipt_id(queued);
  if (view.has(queued_key(id)))
    return Refused{Reason::kDuplicate, tb::cat("receipt ", id.hex(), " is pending already")};
  return {};
}

tb::Status check(tb::View& view, const CheckParams& in, tb::Out& out) {
  std::string problem;
  std::optional<Receipt> receipt = read_receipt(in.receipt, &problem);
  if (!receipt) return view.fail(error_of(Reason::kSchemaMismatch), problem);
  if (!receipt->find("block_height")->present) receipt->set_number("block_height", 0);
  if (const Checked refused = check_at_head(view, *receipt))
    return view.fail(error_of(refused->reason), refused->text);
  const auto shards = static_cast<std::uint32_t>(view.param(kShardCount));
  const Item item = make_item(*receipt, shards);
  out.put("ok", true);
  const auto claim = claim_digest(item.receipt);
  claim ? out.put("claim_digest", *claim) : out.null("claim_digest");
  out.put("receipt_id", receipt_id(item.receipt));
  out.put("leaf", item.leaf);
  out.put("shard", item.shard);
  out.put("encoded_len", encoded_length(item.encoding));
  out.put("verify_units", item.units);
  return tb::ok();
}

void describe_check(tb::Plugin& p) {
  auto& method = p.query("receipts.check", &Face::timed<Query::kCheck, CheckParams, &check>)
                     .role("open")
                     .summary("Whether a receipt would be taken, without recording anything");
  for (Reason reason :
       {Reason::kSchemaMismatch, Reason::kSignatureInvalid, Reason::kUnknownProvider,
        Reason::kReplayedNonce, Reason::kDuplicate, Reason::kBlockTorch}) {
    method.error(error_of(reason));
  }
  method.field("receipt").help("JSON of the receipt with its signature");
  method.cli("receipts check").flag("receipt", "--file").file_field("receipt");
}

void describe_lists(tb::Plugin& p) {
  p.query("receipts.list", &Face::timed<Query::kList, ListParams, &list_receipts>)
      .role("open")
      .summary("Receipts of a range of blocks, oldest first")
      .error(kReasonErrors[0])
      .field("market")
      .choices({"storage", "compute", "energy", "ad", "relay"})
      .field("provider")
      .max(kMaxProviderBytes)
      .field("domain")
      .max(256)
      .help("contract, job or campaign id")
      .field("limit")
      .defaulted()
      .min(1)
      .max(kMaxList)
      .field("cursor")
      .max(64)
      .cli("receipts list")
      .list("receipts")
      .columns({"height", "index", "market", "id"})
      .id_field("id");
  p.query("receipts.get", &Face::timed<Query::kGet, GetParams, &get_receipt>)
      .role("open")
      .summary("One receipt, by id or by height and index")
      .error(kNotFound)
      .error(kNotKept, "receipt_retention_blocks dropped it")
      .error(kReasonErrors[0])
      .cli("receipts show");
  p.query("receipts.header", &Face::timed<Query::kHeader, HeaderParams, &get_header>)
      .role("open")
      .summary("Header, use of shards and commitment of a block's receipts")
      .error(kNotFound)
      .cli("receipts header");
}

}  // namespace

void describe_queries(tb::Plugin& p) {
  p.query("receipts.stats", &Face::stats)
      .role("open")
      .summary("Emission statistics of the markets")
      .field("market")
      .choices({"storage", "compute", "energy", "ad", "relay"})
      .field("window")
      .defaulted()
      .min(1)
      .max(100'000)
      .unit("blocks")
      .cli("receipts stats")
      .example("contract-cli receipts stats --market energy", "what the energy market emitted");
  describe_lists(p);
  describe_check(p);
  p.query("receipts.pending", &Face::timed<Query::kPending, PendingParams, &pending>)
      .role("open")
      .summary("Receipts that wait for a block")
      .field("market")
      .choices({"storage", "compute", "energy", "ad", "relay"})
      .cli("receipts pending");
  p.query("receipts.provider", &Face::timed<Query::kProvider, ProviderParams, &provider>)
      .role("open")
      .summary("A provider, its keys, and the key in force at a block")
      .error(kNotFound)
      .cli("receipts provider show")
      .positional("provider_id");
  p.query("receipts.providers", &Face::timed<Query::kProviders, ProvidersParams, &providers>)
      .role("open")
      .summary("All providers")
      .field("cursor")
      .max(kMaxProviderBytes)
      .field("limit")
      .defaulted()
      .min(1)
      .max(kMaxList)
      .cli("receipts provider list")
      .list("providers")
      .columns({"provider_id", "region", "asn", "active_key"})
      .id_field("provider_id");
}

}  // namespace receipts
