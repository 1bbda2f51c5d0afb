// receipts.validate, receipts.reset_validation_state and the timer (receipts spec 5.6, 5.7, 7).
#include <algorithm>
#include <map>

#include "plugins/receipts/face.hpp"
#include "plugins/receipts/retention.hpp"
#include "plugins/receipts/verify.hpp"

namespace receipts {
namespace {

constexpr std::uint64_t kMaxBlocks = 10'000;
constexpr std::size_t kMaxListed = 200;
constexpr std::uint32_t kValidatePage = 64;
constexpr std::uint64_t kRefreshMs = 60'000;
constexpr int kSamplesPerTick = 4;
constexpr std::uint32_t kAskMs = 5'000;

struct Range {
  std::uint64_t from = 0, to = 0;
  std::uint64_t blocks() const { return to - from + 1; }
};

// Calls fn(height, row) for the blocks with receipts of the range, ascending, until it returns
// false. A row that does not decode is an empty optional.
template <class Fn>
void each_block(tb::View& view, const Range& range, Fn&& fn) {
  std::string after;
  if (range.from > 0) after = std::string(block_key(range.from - 1).view());
  for (bool more = true; more && !view.aborted();) {
    std::vector<std::pair<std::uint64_t, std::optional<Block>>> page;
    more = false;
    view.scan(kBlockPrefix, after, kValidatePage,
              [&](std::string_view key, std::string_view value) {
                const std::uint64_t height = tb::Key::read_u64(key, kBlockPrefix.size());
                more = height <= range.to;
                if (!more) return false;
                after.assign(key);
                Block block;
                page.emplace_back(height, std::nullopt);
                if (tb::decode_row(value, block)) page.back().second = std::move(block);
                return true;
              });
    more = more && page.size() == kValidatePage;
    for (const auto& [height, block] : page) {
      if (!fn(height, block)) return;
    }
  }
}

struct Finding {
  std::uint64_t height = 0;
  std::uint32_t index = 0;
  Remark remark;
  tb::Hash id;
};

// One run over a range of blocks.
class Validation {
 public:
  Validation(tb::Host& host, tb::View& view, const ValidateParams& in, Range range)
      : host_(host),
        view_(view),
        audit_(in.audit),
        only_(in.market ? market_named(*in.market) : std::nullopt),
        range_(range),
        dropped_(dropped(view)),
        recheck_(questions(), view.param(kNonceFinality), only_,
                 [this](Flaw flaw) { add(std::move(flaw)); }) {}

  void run() {
    each_block(view_, range_, [&](std::uint64_t height, const std::optional<Block>& block) {
      if (block) {
        check(height, *block);
      } else {
        add({height, {}, {}, Reason::kSchemaMismatch, true, "the block's row does not decode", {}});
      }
      return !view_.aborted();
    });
  }

  const std::vector<Flaw>& flaws() const { return flaws_; }

  void put(tb::Out& out) const {
    const std::uint64_t receipts = recheck_.receipts();
    out.put("from", range_.from);
    out.put("to", range_.to);
    out.put("blocks", range_.blocks());
    out.put("receipts", receipts);
    out.put("ok", total_ == 0);
    out.put("success_ppm", receipts == 0 ? (total_ == 0 ? 1'000'000 : std::uint64_t{0})
                                         : recheck_.sound() * 1'000'000 / receipts);
    out.record("by_reason", [&](tb::Out& reasons) {
      for (const auto& [reason, count] : by_reason_) reasons.put(name_of(reason), count);
    });
    out.list("errors", [&](tb::Out& list) {
      for (std::size_t i = 0; i < std::min(flaws_.size(), kMaxListed); ++i)
        list.record({}, [&](tb::Out& item) { put_flaw(item, flaws_[i]); });
    });
    out.put("truncated", total_ > kMaxListed);
    out.put("not_checked", recheck_.unchecked());
    out.put("da_expired", expired_);
    out.put("blocks_not_kept", not_kept_);
    if (audit_) put_findings(out);
  }

 private:
  RecheckQuestions questions() {
    RecheckQuestions ask;
    ask.key_of = [this](std::string_view provider, std::uint64_t height) {
      return key_at(view_, provider, height);
    };
    ask.origin_of = [this](std::string_view provider) { return origin_of(view_, provider); };
    ask.verify = &verify_signature;
    ask.ask_emitter = [this](const Receipt& receipt) { return ask_emitter(receipt); };
    return ask;
  }

  // Of the markets that sign in a form of their own only energy answers, by energy.verify_receipt.
  // A service of its would make a circle: energy requires receipts/1.
  std::optional<bool> ask_emitter(const Receipt& receipt) {
    if (receipt.type() != Type::kEnergy || !energy_answers_) return std::nullopt;
    std::optional<bool> valid;
    const tb::Status asked = host_.call(
        "energy.verify_receipt", [&](tb::Out& out) { put_receipt(out, receipt); }, kAskMs,
        [&](const tb::Reply& reply) {
          if (reply.ok) valid = reply.value["valid"].boolean();
        });
    energy_answers_ = asked.ok();  // where the plugin does not run each receipt would wait for a no
    return valid;
  }

  static void put_receipt(tb::Out& out, const Receipt& receipt) {
    out.put("contract_id", receipt.bytes("contract_id"));
    out.put("provider", receipt.provider());
    out.put("energy_units", receipt.number("energy_units"));
    out.put("price", receipt.number("price"));
    out.put("block_height", receipt.number("block_height"));
    out.put("proof_hash", tb::Hash::from(receipt.bytes("proof_hash")));
    out.put("provider_signature", tb::Blob{std::string(receipt.signature())});
    out.put("signature_nonce", receipt.nonce());
  }

  void check(std::uint64_t height, const Block& block) {
    expired_ += block.available_until < view_.time_ms() ? 1 : 0;
    if (dropped_.covers(height)) {
      not_kept_ += 1;
      return;
    }
    std::vector<std::string> encodings;
    if (!read_encodings(view_, height, block, encodings)) {
      add({height,
           static_cast<std::uint32_t>(encodings.size()),
           {},
           Reason::kSchemaMismatch,
           true,
           "the stored receipts from here on are missing or damaged",
           {}});
      return;
    }
    const std::vector<Item> items = recheck_.run(sealed_of(height, block), encodings);
    if (!audit_ || items.size() < encodings.size()) return;
    for (std::uint32_t index = 0; index < items.size(); ++index) {
      if (!only_ || items[index].receipt.market() == *only_)
        remark(height, index, items[index].receipt);
    }
  }

  void remark(std::uint64_t height, std::uint32_t index, const Receipt& receipt) {
    for (const Remark& remark : audit(receipt, stake_linked(receipt.provider()))) {
      by_finding_[remark.name] += 1;
      if (findings_.size() < kMaxListed)
        findings_.push_back({height, index, remark, receipt_id(receipt)});
    }
  }

  bool stake_linked(std::string_view provider) {
    if (!valid_provider_id(provider)) return false;
    const auto row = view_.load<Provider>(provider_key(provider));
    return row && row->source_kind == "stake_linked";
  }

  void add(Flaw flaw) {
    total_ += 1;
    by_reason_[flaw.reason] += 1;
    if (flaws_.size() < kMaxRemembered) flaws_.push_back(std::move(flaw));
  }

  static void put_flaw(tb::Out& item, const Flaw& flaw) {
    item.put("height", flaw.height);
    flaw.index ? item.put("index", *flaw.index) : item.null("index");
    item.put("reason", name_of(flaw.reason));
    item.put("detail", flaw.detail);
    flaw.id ? item.put("receipt_id", *flaw.id) : item.null("receipt_id");
  }

  void put_findings(tb::Out& out) const {
    out.record("by_finding", [&](tb::Out& names) {
      for (const auto& [name, count] : by_finding_) names.put(name, count);
    });
    out.list("findings", [&](tb::Out& list) {
      for (const Finding& finding : findings_) {
        list.record({}, [&](tb::Out& item) {
          item.put("height", finding.height);
          item.put("index", finding.index);
          item.put("name", finding.remark.name);
          item.put("severity", finding.remark.severity);
          item.put("receipt_id", finding.id);
        });
      }
    });
  }

  tb::Host& host_;
  tb::View& view_;
  bool energy_answers_ = true;
  bool audit_;
  std::optional<Market> only_;
  Range range_;
  Dropped dropped_;
  std::uint64_t total_ = 0, expired_ = 0, not_kept_ = 0;
  std::vector<Flaw> flaws_;
  std::map<Reason, std::uint64_t> by_reason_;
  std::vector<Finding> findings_;
  std::map<std::string_view, std::uint64_t> by_finding_;
  Recheck recheck_;
};

// Empty: it holds. Else what is wrong with the wanted blocks.
std::string read_range(const ValidateParams& in, std::uint64_t head, Range& range) {
  range.from = in.from_block < 0 ? 0 : static_cast<std::uint64_t>(in.from_block);
  range.to = std::min(in.to_block.value_or(head), head);
  if (range.from > range.to) {
    return tb::cat("from_block ", range.from, " is behind the last block to validate, ", range.to);
  }
  if (range.blocks() > kMaxBlocks) {
    return tb::cat(range.blocks(), " blocks are more than the ", kMaxBlocks,
                   " of one call; give to_block and continue behind it");
  }
  return {};
}

// Holds the flag of the only run.
class Claimed {
 public:
  explicit Claimed(std::atomic<bool>& flag) : flag_(flag), held_(!flag.exchange(true)) {}
  ~Claimed() {
    if (held_) flag_.store(false);
  }
  Claimed(const Claimed&) = delete;
  Claimed& operator=(const Claimed&) = delete;
  bool held() const { return held_; }

 private:
  std::atomic<bool>& flag_;
  bool held_;
};

constexpr std::string_view kRuns = "a validation runs; wait for it and try again";

}  // namespace

tb::Status Face::validate(tb::LocalCall& call, const ValidateParams& in, tb::Out& out) {
  const Claimed claimed(validating_);
  if (!claimed.held()) return call.fail(kBusy, kRuns);
  const Stopwatch watch(host_, Query::kValidate);
  std::string problem;
  std::vector<Flaw> flaws;
  const tb::Status read = host_.with_view([&](tb::View& view) {
    Range range;
    problem = read_range(in, view.height(), range);
    if (!problem.empty()) return tb::ok();
    Validation validation(host_, view, in, range);
    const auto begin = std::chrono::steady_clock::now();
    validation.run();
    const auto took = std::chrono::steady_clock::now() - begin;
    host_.observe(kDerivationDuration,
                  std::chrono::duration_cast<std::chrono::microseconds>(took).count());
    validation.put(out);
    flaws = validation.flaws();
    return tb::ok();
  });
  if (!read) return read;
  if (!problem.empty()) return call.fail(kInvalidParams, problem);
  return count_flaws(host_, flaws);
}

tb::Status Face::reset_validation_state(tb::LocalCall& call, const ResetParams& in, tb::Out& out) {
  const Claimed claimed(validating_);
  if (!claimed.held()) return call.fail(kBusy, kRuns);
  if (!in.force && load_tallies(host_).mismatch) {
    return call.fail(kBusy,
                     "the newest validation found headers or aggregates that differ; export the "
                     "errors of receipts validate first, then use --force");
  }
  std::uint64_t cleared = 0;
  if (auto s = clear_tallies(host_, cleared); !s) return s;
  out.put("status", "reset");
  out.put("cleared_entries", cleared);
  return tb::ok();
}

void Face::refresh() {
  const tb::Status read = host_.with_view([&](tb::View& view) {
    show_keys(view);
    show_age(view);
    sample(view);
    return tb::ok();
  });
  if (!read) host_.log(TB_LOG_WARN, "receipts: the state could not be read for a sample");
  ask_for_markets();  // a plugin may have been loaded since
}

void Face::show_keys(tb::View& view) {
  std::map<std::string, std::int64_t> active{
      {"config", 0}, {"signed_announcement", 0}, {"governance", 0}, {"stake_linked", 0}};
  view.scan(kProviderPrefix, {}, 10'000, [&](std::string_view, std::string_view value) {
    Provider row;
    if (!tb::decode_row(value, row)) return;
    const auto versions = versions_of(row);
    const auto known = active.find(row.source_kind);
    if (known != active.end() && key_for_block(versions, view.height()) != nullptr)
      known->second += 1;
  });
  for (const auto& [source, keys] : active) host_.set(kProviderKeys, keys, {source});
}

// The oldest block that has its receipts still.
void Face::show_age(tb::View& view) {
  std::int64_t seconds = 0;
  const Dropped gone = dropped(view);
  const std::uint64_t from = gone.height + (gone.chunk > 0 ? 1 : 0);
  const bool limited = view.param(kRetentionBlocks) > 0;
  each_block(view, {from, view.height()}, [&](std::uint64_t, const std::optional<Block>& block) {
    const std::uint64_t now = host_.unix_ms();
    if (limited && block && now > block->time_ms)
      seconds = static_cast<std::int64_t>((now - block->time_ms) / 1000);
    return false;
  });
  host_.set(kOldestAge, seconds);
}

// Re-reads shards of blocks whose receipts are to be available still.
void Face::sample(tb::View& view) {
  const Dropped gone = dropped(view);
  for (int i = 0; i < kSamplesPerTick; ++i) {
    std::uint64_t dice[2] = {};
    host_.random(dice, sizeof dice);
    const std::uint64_t from = dice[0] % (view.height() + 1);
    each_block(view, {from, view.height()},
               [&](std::uint64_t height, const std::optional<Block>& block) {
                 if (!block || block->shards.empty()) return false;
                 if (block->available_until <= host_.unix_ms()) return false;
                 if (gone.covers(height)) return false;
                 const ShardRow& row = block->shards[dice[1] % block->shards.size()];
                 std::vector<std::string> encodings;
                 bool good = read_encodings(view, height, *block, encodings);
                 std::vector<Item> items;
                 for (const std::string& encoding : encodings) {
                   auto receipt = decode(encoding);
                   if (!receipt) break;
                   Item item = make_item(*std::move(receipt), block->rules.shard_count);
                   if (item.shard == row.shard) items.push_back(std::move(item));
                 }
                 const Header again = make_header(items, block->rules.shard_count, 0, kSchemeNone);
                 good = good && again.shards.size() == 1 && again.shards[0].blob == row.blob;
                 host_.add(good ? kSampleSuccesses : kSampleFailures);
                 return false;
               });
  }
}

void describe_validation(tb::Plugin& p) {
  p.face<Face>().on_commit(&Face::on_commit).on_config(&Face::on_config).on_reply(&Face::on_reply);
  p.local("receipts.validate", &Face::validate)
      .role("open")
      .summary("Check stored receipts against headers, rules and signatures again")
      .help("one run at a time, at most 10,000 blocks; found errors are counted once")
      .error(kBusy)
      .error(kInvalidParams)
      .field("from_block")
      .help("below 0: from block 0")
      .field("to_block")
      .help("the head unless given")
      .field("market")
      .choices({"storage", "compute", "energy", "ad", "relay"})
      .field("audit")
      .defaulted()
      .help("add findings that are no errors")
      .cli("receipts validate")
      .ok_member("ok")
      .example("contract-cli receipts validate --from-block -100", "the first blocks of a chain");
  p.local("receipts.reset_validation_state", &Face::reset_validation_state)
      .role("admin")
      .summary("Forget what validations have counted on this node")
      .error(kBusy)
      .field("force")
      .defaulted()
      .help("also when headers were found to differ")
      .cli("receipts reset-validation-state");
  p.timer("receipts.refresh", kRefreshMs, &Face::refresh);
}

}  // namespace receipts
