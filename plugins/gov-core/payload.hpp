// What a proposed disbursement must look like, before any chain is asked.
//
// check_payload() finds the first error in the fixed order of governance and treasury 5.10; the
// plugin, the preview on the command line and the golden vectors share it. Fields that cannot be
// decoded at all are the caller's `invalid_params`. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/gov-core/tally.hpp"

namespace gov {

inline constexpr std::size_t kMaxTitleBytes = 256;
inline constexpr std::size_t kMaxSummaryBytes = 4096;
inline constexpr std::size_t kMaxAttachments = 16;
inline constexpr std::size_t kMaxAttachmentNameBytes = 128;
inline constexpr std::size_t kMaxAttachmentUriBytes = 512;
inline constexpr std::size_t kMaxMemoBytes = 8192;
inline constexpr std::size_t kMaxDependencies = 100;
inline constexpr std::size_t kMaxReceipts = 256;
inline constexpr std::size_t kMaxAccountBytes = 128;
inline constexpr std::size_t kMaxDestinationBytes = 90;  // "tb1" and 1 to 87 characters
inline constexpr std::uint64_t kMaxWindowEpochs = 100'000;
inline constexpr std::uint64_t kMaxAmount = 0x7fff'ffff'ffff'ffff;

struct Attachment {
  std::string name, uri;
};

struct ReceiptLine {
  std::string account;
  std::uint64_t amount = 0;
};

struct Payload {
  std::string title, summary;
  std::vector<std::uint64_t> deps;
  std::vector<Attachment> attachments;
  Quorum quorum;
  std::uint64_t vote_window_epochs = 4;
  std::uint64_t timelock_epochs = 2;
  std::uint64_t rollback_window_epochs = 1;
  std::string destination;
  std::uint64_t amount = 0;
  std::string memo;
  std::uint64_t scheduled_epoch = 0;
  std::vector<ReceiptLine> expected_receipts;
};

// `tb1` and one to 87 characters of A-Z a-z 0-9 _ -.
bool is_destination(std::string_view text);

// True if the amounts add up to `amount`; the sum is taken wide, it cannot wrap.
bool receipts_sum_to(const std::vector<ReceiptLine>& receipts, std::uint64_t amount);

// The name of the first error, or nothing if the payload is fine.
std::string_view check_payload(const Payload& payload);

// One sentence for people: what the rule asks for.
std::string_view payload_rule(std::string_view error);

}  // namespace gov
