#include "plugins/gov-core/payload.hpp"

#include <algorithm>

#include "plugins/gov-core/text.hpp"

namespace gov {
namespace {

__extension__ using UnsignedWide = unsigned __int128;

bool is_receipt(const ReceiptLine& line) {
  return !line.account.empty() && line.account.size() <= kMaxAccountBytes && line.amount >= 1;
}

bool is_window(std::uint64_t epochs) { return epochs >= 1 && epochs <= kMaxWindowEpochs; }

std::size_t count_distinct(std::vector<std::uint64_t> ids) {
  std::sort(ids.begin(), ids.end());
  return static_cast<std::size_t>(std::unique(ids.begin(), ids.end()) - ids.begin());
}

bool fits(const Payload& p) {
  const auto small = [](const Attachment& a) {
    return a.name.size() <= kMaxAttachmentNameBytes && a.uri.size() <= kMaxAttachmentUriBytes;
  };
  return p.title.size() <= kMaxTitleBytes && p.summary.size() <= kMaxSummaryBytes &&
         p.attachments.size() <= kMaxAttachments &&
         std::all_of(p.attachments.begin(), p.attachments.end(), small) &&
         p.expected_receipts.size() <= kMaxReceipts;
}

}  // namespace

bool is_destination(std::string_view text) {
  if (!text.starts_with("tb1") || text.size() < 4 || text.size() > kMaxDestinationBytes)
    return false;
  return std::all_of(text.begin() + 3, text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  });
}

bool receipts_sum_to(const std::vector<ReceiptLine>& receipts, std::uint64_t amount) {
  UnsignedWide sum = 0;
  for (const ReceiptLine& line : receipts) sum += line.amount;
  return sum == amount;
}

std::string_view check_payload(const Payload& p) {
  if (p.amount > kMaxAmount) return "invalid_params";
  if (!is_destination(p.destination)) return "invalid_destination";
  if (p.amount == 0) return "zero_amount";
  if (p.scheduled_epoch == 0) return "zero_scheduled_epoch";
  if (p.memo.size() > kMaxMemoBytes) return "memo_too_long";
  const auto& receipts = p.expected_receipts;
  if (!std::all_of(receipts.begin(), receipts.end(), is_receipt)) return "invalid_expected_receipt";
  if (!receipts.empty() && !receipts_sum_to(receipts, p.amount))
    return "expected_receipts_mismatch";
  if (is_blank(p.title)) return "empty_title";
  if (is_blank(p.summary)) return "empty_summary";
  if (p.quorum.operators_ppm > kPpm || p.quorum.builders_ppm > kPpm) return "invalid_quorum";
  if (!is_window(p.vote_window_epochs)) return "invalid_vote_window";
  if (!is_window(p.timelock_epochs)) return "invalid_timelock";
  if (!is_window(p.rollback_window_epochs)) return "invalid_rollback_window";
  if (count_distinct(p.deps) > kMaxDependencies) return "too_many_dependencies";
  if (!fits(p)) return "payload_too_large";
  return {};
}

std::string_view payload_rule(std::string_view error) {
  struct Rule {
    std::string_view error, text;
  };
  static constexpr Rule kRules[] = {
      {"invalid_params", "a field is missing, unknown or out of range"},
      {"invalid_destination",
       "the destination is 'tb1' and 1 to 87 letters, digits, '-' or '_'; correct the address"},
      {"zero_amount", "the amount is at least 1"},
      {"zero_scheduled_epoch", "the scheduled epoch is at least 1"},
      {"memo_too_long", "a memo has at most 8192 bytes"},
      {"invalid_expected_receipt",
       "an expected receipt names an account of 1 to 128 bytes and an amount of at least 1"},
      {"expected_receipts_mismatch", "the expected receipts add up to the amount"},
      {"empty_title", "the proposal has a title"},
      {"empty_summary", "the proposal has a summary"},
      {"invalid_quorum", "a quorum is at most 1000000 ppm"},
      {"invalid_vote_window", "the vote window is 1 to 100000 epochs"},
      {"invalid_timelock", "the timelock is 1 to 100000 epochs"},
      {"invalid_rollback_window", "the rollback window is 1 to 100000 epochs"},
      {"too_many_dependencies", "a disbursement depends on at most 100 others"},
      {"payload_too_large",
       "title 256 bytes, summary 4096, 16 attachments (name 128, uri 512), 256 expected receipts"},
  };
  for (const Rule& rule : kRules) {
    if (rule.error == error) return rule.text;
  }
  return "see the schema: gov disburse preview --schema";
}

}  // namespace gov
