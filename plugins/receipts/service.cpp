#include "plugins/receipts/service.hpp"

#include "plugins/receipts/emission.hpp"
#include "plugins/receipts/retention.hpp"
#include "plugins/receipts/roots.hpp"
#include "plugins/receipts/rules/draft.hpp"

namespace receipts {
namespace {

struct EmitArgs {
  tb::Value receipt;
  std::string_view auth;
};
BOOST_DESCRIBE_STRUCT(EmitArgs, (), (receipt, auth))

tb::Status read_auth(tb::Ctx& ctx, std::string_view name, Auth& out) {
  if (name == "ledger") {
    out = Auth::kLedger;
  } else if (name == "provider") {
    out = Auth::kProvider;
  } else if (name == "plugin") {
    out = Auth::kPlugin;
  } else {
    return ctx.fail(kInvalidParams, "auth is ledger, provider or plugin");
  }
  return tb::ok();
}

tb::Status emit_receipt(tb::Ctx& ctx, std::string_view, const EmitArgs& in, tb::Out& out) {
  Auth auth{};
  if (auto s = read_auth(ctx, in.auth, auth); !s) return s;
  std::optional<Receipt> receipt;
  if (auto s = read_draft(ctx, in.receipt, receipt); !s) return s;
  return emit(ctx, *std::move(receipt), auth, out);
}

tb::Status check(tb::Ctx& ctx, std::string_view, const EmitArgs& in, tb::Out& out) {
  Auth auth{};
  if (auto s = read_auth(ctx, in.auth, auth); !s) return s;
  std::optional<Receipt> receipt;
  if (auto s = read_draft(ctx, in.receipt, receipt); !s) return s;
  tb::Hash id;
  if (auto s = check_draft(ctx, *receipt, auth, &id); !s) return s;
  out.put("receipt_id", id);
  return tb::ok();
}

struct TallyArgs {
  tb::Value receipt;
};
BOOST_DESCRIBE_STRUCT(TallyArgs, (), (receipt))

tb::Status tally_rehearsal(tb::Ctx& ctx, std::string_view, const TallyArgs& in, tb::Out&) {
  std::optional<Receipt> receipt;
  if (auto s = read_draft(ctx, in.receipt, receipt); !s) return s;
  return tally(ctx, *receipt);
}

tb::Status market_sample(tb::Ctx& ctx, std::string_view plugin, const Sample& in, tb::Out&) {
  const std::optional<Market> market = market_named(in.market);
  if (!market || *market == Market::kRelay)
    return ctx.fail(kInvalidParams, "market is storage, compute, energy or ad");
  if (!ctx.last_of_epoch() || in.epoch != ctx.epoch()) {
    return ctx.fail(kInvalidParams, tb::cat("plugin ", plugin, " hands in a sample of epoch ",
                                            in.epoch, " at block ", ctx.height(),
                                            "; samples belong to the last block of their epoch"));
  }
  ctx.store(sample_key(in.epoch, in.market), in);
  ctx.record(kSampleRecord, in);
  return tb::ok();
}

tb::Status take_root(tb::Ctx& ctx, std::string_view, const AnnounceParams& in, tb::Out& out) {
  return announce_root(ctx, in, out);
}

struct HeightArgs {
  std::uint64_t height = 0;
};
BOOST_DESCRIBE_STRUCT(HeightArgs, (), (height))

tb::Status block_receipts(tb::View& view, std::string_view, const HeightArgs& in, tb::Out& out) {
  const auto block = view.load<Block>(block_key(in.height));
  if (block && dropped(view).covers(in.height)) return not_kept(view, in.height);
  bool sound = true;
  out.list("receipts", [&](tb::Out& list) {
    if (!block) return;
    sound = each_receipt(view, in.height, *block, 0, [&](std::uint32_t, std::string_view bytes) {
      list.record({}, [&](tb::Out& item) { write_receipt(*decode(bytes), item); });
      return true;
    });
  });
  if (sound) return tb::ok();
  return view.fail(error_of(Reason::kSchemaMismatch),
                   tb::cat("the stored receipts of block ", in.height, " do not decode"));
}

struct EpochArgs {
  std::uint64_t epoch = 0;
};
BOOST_DESCRIBE_STRUCT(EpochArgs, (), (epoch))

tb::Status epoch_totals(tb::View& view, std::string_view, const EpochArgs& in, tb::Out& out) {
  for (const bool rehearsal : {false, true}) {
    out.record(rehearsal ? "rehearsal" : "markets", [&](tb::Out& markets) {
      for (std::size_t i = 0; i < kMarkets; ++i) {
        const auto row =
            view.load<EpochTotals>(epoch_key(rehearsal, in.epoch, static_cast<Market>(i)));
        markets.put(kMarketNames[i], row.value_or(EpochTotals{}));
      }
    });
  }
  out.list("samples", [&](tb::Out& list) {
    for (std::size_t i = 0; i < kMarkets; ++i) {
      if (const auto sample = view.load<Sample>(sample_key(in.epoch, kMarketNames[i])))
        list.element(*sample);
    }
  });
  return tb::ok();
}

struct KeyArgs {
  std::string_view provider;
  std::uint64_t height = 0;
};
BOOST_DESCRIBE_STRUCT(KeyArgs, (), (provider, height))

tb::Status key_of_provider(tb::View& view, std::string_view, const KeyArgs& in, tb::Out& out) {
  const std::string key = key_at(view, in.provider, in.height);
  if (key.empty()) {
    return view.fail(error_of(Reason::kUnknownProvider),
                     tb::cat("the provider has no key for block ", in.height));
  }
  out.put("key", tb::Bytes{key});
  return tb::ok();
}

// The node asks after all hooks of a block, and makes it the first leaf of the receipt root.
tb::Status block_commitment(tb::View& view, std::string_view, const tb::NoArgs&, tb::Out& out) {
  const auto block = view.load<Block>(block_key(view.height()));
  out.put("commitment", block ? block->commitment : empty_commitment());
  return tb::ok();
}

void add_reasons(tb::FunctionEntry& function) {
  for (Reason reason :
       {Reason::kSchemaMismatch, Reason::kSignatureInvalid, Reason::kUnknownProvider,
        Reason::kReplayedNonce, Reason::kDuplicate, Reason::kBlockTorch}) {
    function.error(error_of(reason));
  }
}

}  // namespace

void describe_service(tb::Plugin& p) {
  tb::ServiceEntry& service = p.provides("receipts/1");
  auto& emit = service.function("emit_receipt", &emit_receipt)
                   .help(
                       "Queues a receipt (a record of its JSON names) under auth ledger, "
                       "provider or plugin")
                   .error(kBusy);
  add_reasons(emit);
  service.function("tally_rehearsal", &tally_rehearsal)
      .help("Counts a receipt of a market in rehearsal")
      .error(error_of(Reason::kSchemaMismatch))
      .error(error_of(Reason::kBlockTorch));
  service.function("market_sample", &market_sample)
      .help("What a market hands in at the last block of an epoch");
  service.function("block_receipts", &block_receipts)
      .help("The receipts of a block")
      .error(kNotKept)
      .error(error_of(Reason::kSchemaMismatch));
  service.function("epoch_totals", &epoch_totals).help("Totals and samples of an epoch");
  service.function("provider_key", &key_of_provider)
      .help("The key of a provider at a height")
      .error(error_of(Reason::kUnknownProvider));
  auto& checked =
      service.function("check", &check).help("The checks of emit_receipt, recording nothing");
  add_reasons(checked);
  service.function("commitment", &block_commitment)
      .help("Commitment to the receipts of the block at hand");
  service.function("announce_root", &take_root)
      .help("Queues the root of a micro-shard's blob for the next bundle of its size class")
      .error(kReasonErrors[0]);
}

}  // namespace receipts
