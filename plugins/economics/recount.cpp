#include "plugins/economics/recount.hpp"

#include <charconv>
#include <set>

#include "plugins/economics/errors.hpp"
#include "plugins/economics/rules/mint.hpp"

namespace economics {
namespace {

constexpr std::uint32_t kCallMs = 60'000;
constexpr std::uint32_t kPage = 1000;

// Large numbers of an answer travel as decimal texts.
std::uint64_t number(tb::Value value) {
  const std::string_view text = value.text();
  if (text.empty()) return value.u64();
  std::uint64_t out = 0;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

tb::Status incomplete(tb::LocalCall& call, std::string_view why) {
  return call.fail(kBlocksMissing, tb::cat("the inputs cannot be counted again: ", why,
                                           "; name a later --from, or leave out --verify"));
}

// One pass over the events of the range, and one over its headers.
class Counting {
 public:
  Counting(tb::LocalCall& call, std::uint64_t first, std::uint64_t last, std::uint64_t epoch_length,
           Recounts* out)
      : call_(call), first_(first), last_(last), length_(epoch_length), out_(*out) {}

  tb::Status run() {
    for (std::uint64_t boundary = first_; boundary <= last_; ++boundary) {
      out_[boundary] = {};
      if (auto s = headers(boundary); !s) return s;
    }
    return events();
  }

 private:
  tb::Status headers(std::uint64_t boundary) {
    const Heights heights = heights_of(boundary, length_);
    std::map<std::string, std::uint64_t> by_producer;
    Recounted& counted = out_[boundary];
    for (std::uint64_t height = heights.first; height <= heights.last; ++height) {
      std::string producer, problem;
      const tb::Status status = call_.host().call(
          "block.get", [&](tb::Out& params) { params.put("height", height); }, kCallMs,
          [&](const tb::Reply& reply) {
            if (!reply.ok) problem = reply.value["message"].text("a block is missing");
            if (reply.ok) producer = reply.value["proposer"].text();
          });
      if (!problem.empty()) return incomplete(call_, problem);
      if (!status) return incomplete(call_, "block.get does not answer");
      counted.blocks += 1;
      if (producer.find_first_not_of('0') != std::string::npos) by_producer[producer] += 1;
    }
    U128 squares = 0;
    for (const auto& [producer, blocks] : by_producer) squares += U128{blocks} * blocks;
    counted.unique_miners = by_producer.size();
    counted.effective_miners_milli = effective_producers(counted.blocks, squares);
    return tb::ok();
  }

  tb::Status events() {
    const std::uint64_t begin = heights_of(first_, length_).first;
    // Behind whatever the block before has: no event has this index.
    std::string cursor = tb::cat(begin - 1, "-", ~std::uint32_t{0} - 1);
    // The rows of a block's inflow are events of the block after it.
    const std::uint64_t end = heights_of(last_, length_).last + 1;
    for (bool done = false; !done;) {
      if (auto s = page(&cursor, end, &done); !s) return s;
    }
    return tb::ok();
  }

  tb::Status page(std::string* cursor, std::uint64_t end, bool* done) {
    std::string problem;
    const tb::Status status = call_.host().call(
        "events.list",
        [&](tb::Out& params) {
          params.put("from", std::string_view(*cursor));
          params.put("limit", kPage);
          params.put("archived", true);
          params.list("topics", [](tb::Out& topics) {
            topics.element(std::string_view("ledger.moved"));
            topics.element(std::string_view("treasury.balance"));
          });
        },
        kCallMs,
        [&](const tb::Reply& reply) {
          if (!reply.ok) {
            problem = reply.value["message"].text("events.list was refused");
            return;
          }
          if (!reply.value["gap"].absent()) problem = "older blocks are pruned";
          for (const tb_value& item : reply.value["events"].items()) {
            const tb::Value event(&item);
            *done = *done || number(event["height"]) > end;
            if (!*done) take(event);
          }
          *cursor = reply.value["cursor"].text();
          *done = *done || !reply.value["more"].boolean();
        });
    if (!problem.empty()) return incomplete(call_, problem);
    return status ? tb::ok() : incomplete(call_, "events.list does not answer");
  }

  Recounted* at(std::uint64_t height) {
    const auto found = out_.find(height / length_ + 1);
    return found == out_.end() ? nullptr : &found->second;
  }

  void take(tb::Value event) {
    const tb::Value data = event["data"];
    const bool row = event["topic"].text() == "treasury.balance";
    const std::uint64_t height = number(row ? data["height"] : event["height"]);
    Recounted* counted = at(height);
    if (counted == nullptr) return;
    if (!row) return take_move(data, height, counted);
    if (data["event"].text() != "accrual" || height == 0) return;
    counted->treasury_inflow += number(data["delta"]);
    if (data["source"].text() == "tariff") counted->tariff_booked += number(data["delta"]);
  }

  // The ledger moves the tariff right behind the transfer that it is paid on.
  void take_tariff(std::uint64_t paid, std::string_view command, Recounted* counted) {
    counted->tariff_paid += paid;
    if (transfer_ == 0 || command != transfer_command_) {
      counted->tariff_high_bps = 0;
      counted->tariff_low_bps = 1;
      return;
    }
    // paid = floor(transfer · bps / 10,000), for the bps from `low` to before `above`.
    const auto rate = [&](U128 part) {
      const U128 bps = (part * kMaxTariffBps + transfer_ - 1) / transfer_;
      return static_cast<std::uint64_t>(std::min<U128>(bps, kMaxTariffBps + 1));
    };
    counted->tariff_low_bps = std::max(counted->tariff_low_bps, rate(paid));
    counted->tariff_high_bps = std::min(counted->tariff_high_bps, rate(U128{paid} + 1) - 1);
  }

  void take_move(tb::Value move, std::uint64_t height, Recounted* counted) {
    const std::uint64_t amount = number(move["amount"]);
    if (move["from"].text().empty()) counted->minted += amount;
    if (move["to"].text().empty()) counted->burned += amount;
    const std::string_view command = move["command"].text(), kind = move["kind"].text();
    if (command.find_first_not_of('0') == std::string_view::npos) return;  // of a hook
    if (kind == "fee") counted->fees = saturating_add(counted->fees, amount);
    if (kind == "levy") take_tariff(amount, command, counted);
    transfer_ = kind == "transfer" ? amount : 0;
    transfer_command_ = command;
    if (kind != "transfer" && kind != "capture") return;
    counted->volume = saturating_add(counted->volume, amount);
    if (height != command_height_) commands_.clear();
    command_height_ = height;
    if (commands_.insert(std::string(command)).second) counted->commands += 1;
  }

  tb::LocalCall& call_;
  const std::uint64_t first_, last_, length_;
  Recounts& out_;
  std::uint64_t transfer_ = 0;  // amount of the move before, if it was one
  std::string transfer_command_;
  std::uint64_t command_height_ = 0;
  std::set<std::string> commands_;  // of one block
};

}  // namespace

Heights heights_of(std::uint64_t boundary, std::uint64_t epoch_length) {
  const std::uint64_t first = (boundary - 1) * epoch_length;
  return {std::max<std::uint64_t>(first, 1), boundary * epoch_length - 1};  // the genesis is none
}

tb::Status recount(tb::LocalCall& call, std::uint64_t first, std::uint64_t last,
                   std::uint64_t epoch_length, Recounts* out) {
  return Counting(call, first, last, epoch_length, out).run();
}

std::string contradicted(const Recounted& blocks, const Closed& row,
                         std::optional<std::uint64_t> emission_before) {
  if (emission_before && row.emission != *emission_before + blocks.minted - blocks.burned)
    return "blocks:emission";
  if (row.unique_miners != blocks.unique_miners) return "blocks:unique_miners";
  if (row.effective_miners_milli != blocks.effective_miners_milli)
    return "blocks:effective_miners_milli";
  if (row.treasury_inflow != blocks.treasury_inflow) return "blocks:treasury_inflow";
  if (row.tx_volume < blocks.volume || row.tx_volume - blocks.volume > blocks.fees)
    return "blocks:tx_volume";
  if (row.tx_count < blocks.commands || (blocks.fees == 0 && row.tx_count != blocks.commands))
    return "blocks:tx_count";
  if (row.non_kyc_volume > row.tx_volume) return "blocks:non_kyc_volume";
  // Without a treasury nobody books: then the epoch has no inflow at all.
  if (row.treasury_inflow > 0 && blocks.tariff_paid != blocks.tariff_booked) return "blocks:tariff";
  return {};
}

TariffRates::TariffRates(std::uint64_t first_boundary) {
  if (first_boundary > 1) {
    possible_.set();
  } else {
    possible_.set(0);
  }
}

bool TariffRates::follow(std::optional<std::uint64_t> set_bps, const Recounted& epoch) {
  if (set_bps && *set_bps <= kMaxTariffBps) possible_.set(*set_bps);
  for (std::uint64_t bps = 0; bps <= kMaxTariffBps; ++bps) {
    if (bps < epoch.tariff_low_bps || bps > epoch.tariff_high_bps) possible_.reset(bps);
  }
  return possible_.any();
}

}  // namespace economics
