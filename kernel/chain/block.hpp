// Block: header, steps and deltas of one height, and their bytes in the log (moloch
// spec 3.1, 6.15, 6.16).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernel/base/bytes.hpp"
#include "kernel/base/status.hpp"
#include "kernel/chain/command.hpp"

namespace blockd {

inline constexpr std::uint16_t kHeaderVersion = 1;

struct Header {
  std::uint64_t height = 0;
  Hash previous{};
  std::uint64_t time_ms = 0;
  std::uint64_t epoch = 0;
  PublicKey proposer{};
  Hash command_root{}, receipt_root{}, write_set_root{}, roster_hash{}, validators_hash{},
      mmr_root{};
  struct Macro {
    std::uint64_t state_height = 0;
    Hash state_root{};
  };
  std::optional<Macro> macro;

  Bytes encode() const;  // 283 bytes, 323 for a macro block
  static Result<Header> decode(BytesView bytes);
  Hash hash() const;  // BLAKE3(encode())
};

enum class Outcome : std::uint8_t { kApplied = 0, kRejected = 1, kCharged = 2 };
std::string_view outcome_name(Outcome outcome);
enum class StepKind : std::uint8_t {
  kCommand = 0,
  kRoster = 1,
  kParams = 2,
  kMigrate = 3,
  kBegin = 4,
  kEnd = 5,
  kEpoch = 6,
  kLua = 7
};
std::string_view step_kind_name(StepKind kind);

struct Event {
  std::string topic;
  std::string data;  // canonical JSON of the record
};
struct Record {
  std::string kind;
  std::string data;  // canonical JSON of the record
};
// One key of a step's delta: absolute values, so that applying a delta twice, or on top of a later
// one, does no harm.
struct DeltaRow {
  std::string space;  // namespace = plugin id
  Bytes key;
  std::optional<Bytes> before, after;
};
struct Step {
  StepKind kind = StepKind::kCommand;
  std::string plugin;
  std::uint32_t command = 0;  // index in the batch, for kCommand
  Outcome outcome = Outcome::kApplied;
  std::int32_t code = 0;   // of the error
  std::string name, text;  // of the error; the text is not covered by a root
  std::string error_data;  // JSON object, may be empty; not covered by a root
  std::string result;      // JSON; not covered by a root
  std::vector<Event> events;
  std::vector<Record> records;
  std::vector<std::string> plugins_run;  // that ran in it
  std::vector<DeltaRow> delta;
  std::vector<std::uint32_t> false_checks;  // numbers of ctx->verify calls that were false
};

// All that the log keeps of a height. The batch (commands) and the rest are two records of the log.
struct BlockRecord {
  Header header;
  Bytes proposer_signature;  // 64 bytes
  Bytes certificate;         // moloch spec 6.9; empty while unfinal
  Hash receipts_commitment{};
  std::vector<CommandPtr> commands;
  std::vector<Step> steps;  // commands and every hook that did something
};

Bytes encode_batch(std::uint64_t time_ms, const std::vector<CommandPtr>& commands);
struct Batch {
  std::uint64_t time_ms = 0;
  std::vector<CommandPtr> commands;
};
// Parses the envelopes; `with_trees` as in parse_envelopes(). Errors: kCorrupt.
Result<Batch> decode_batch(BytesView bytes, bool with_trees = true);
// The same a few at a time.
class BatchReader {
 public:
  // `bytes` must stay until the next begin(). Errors: kCorrupt.
  Status begin(BytesView bytes);
  std::uint64_t time_ms() const { return time_ms_; }
  std::uint32_t count() const { return count_; }
  std::uint32_t parsed() const { return parsed_; }
  // Appends the next `n` commands, fewer at the end. Errors: kCorrupt.
  Status parse(std::uint32_t n, bool with_trees, std::vector<CommandPtr>* out);

 private:
  Reader in_{{}};
  std::uint64_t time_ms_ = 0;
  std::uint32_t count_ = 0, parsed_ = 0;
};

Bytes encode_block(const BlockRecord& block);  // without the commands
// `with_deltas` false skips them. Errors: kCorrupt.
Result<BlockRecord> decode_block(BytesView bytes, bool with_deltas);

// receipt_root and write_set_root of moloch spec 6.16.
Hash command_root(const std::vector<CommandPtr>& commands);
Hash receipt_root(const BlockRecord& block);
Hash write_set_root(const std::vector<DeltaRow>& net_effect_sorted);

}  // namespace blockd
