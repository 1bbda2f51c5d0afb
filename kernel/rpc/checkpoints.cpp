#include "kernel/rpc/checkpoints.hpp"

#include <algorithm>
#include <filesystem>

#include "kernel/base/file.hpp"
#include "kernel/base/hex.hpp"

namespace blockd {
namespace {

namespace fs = std::filesystem;
constexpr std::uint64_t kMaxWalk = 100'000;  // blocks between a checkpoint and the head
constexpr std::uint64_t kCaughtUp = 8;       // epochs that ended before this process began

json::array validators_json(const Genesis& genesis) {
  json::array out;
  for (const Genesis::Validator& v : genesis.validators)
    out.push_back(
        json::object{{"name", v.name}, {"power", v.power}, {"public_key", to_hex(v.key)}});
  return out;
}

json::object certificate_json(const BlockRecord& block) {
  json::array signatures;
  Reader in(block.certificate);
  for (std::uint16_t left = in.u16(); left > 0 && in.ok(); --left) {
    const std::uint16_t index = in.u16();
    const Signature signature = in.array<64>();
    if (in.ok())
      signatures.push_back(json::object{{"index", index}, {"signature", to_hex(signature)}});
  }
  return {{"height", block.header.height},
          {"hash", to_hex(block.header.hash())},
          {"signatures", std::move(signatures)}};
}

}  // namespace

Status Checkpoints::declare() {
  Result<MetricFamily*> failed = parts_.metrics->declare(
      "kernel",
      {.name = "checkpoint_fail_total", .help = "Checkpoint files that could not be written"});
  if (!failed.ok()) return failed.status();
  failed_ = (*failed)->counter();
  return {};
}

// Height 0 ends no epoch: one has two blocks or more.
std::optional<std::uint64_t> Checkpoints::newest() const {
  const std::uint64_t length = parts_.chain->genesis().epoch_length;
  const std::uint64_t ended = (parts_.chain->view()->height + 1) / length;
  return ended == 0 ? std::nullopt : std::optional(ended * length - 1);
}

json::array Checkpoints::list(std::uint64_t limit) const {
  json::array out;
  const std::uint64_t length = parts_.chain->genesis().epoch_length;
  const std::optional<std::uint64_t> last = newest();
  for (std::uint64_t end = last ? *last + 1 : 0; end != 0 && out.size() < limit; end -= length) {
    Result<Header> header = parts_.chain->header(end - 1);
    if (!header.ok()) break;  // the chain began behind it, from a snapshot
    out.push_back(json::object{{"height", end - 1},
                               {"epoch", header->epoch},
                               {"hash", to_hex(header->hash())},
                               {"time_ms", header->time_ms}});
  }
  return out;
}

// All that are indexed, but those behind it.
Result<std::uint64_t> Checkpoints::events_up_to(std::uint64_t height) const {
  Result<LogViews::Extent> all = parts_.views->extent();
  if (!all.ok()) return all.status();
  const std::uint64_t next = all->below;
  std::uint64_t events = all->events;
  if (next <= height)
    return Status(Code::kUnavailable, "block " + std::to_string(height) + " is not indexed yet",
                  "try again in a moment");
  if (next > height + 1 + kMaxWalk)
    return Status(Code::kLimit,
                  "height " + std::to_string(height) + " is more than " + std::to_string(kMaxWalk) +
                      " blocks below the head",
                  "`contract-cli checkpoint list` names newer ones");
  for (std::uint64_t h = height + 1; h < next; ++h) {
    Result<std::shared_ptr<const BlockRecord>> block = parts_.chain->block(h);
    if (!block.ok()) return block.status();
    for (const Step& step : (*block)->steps) events -= step.events.size();
  }
  return events;
}

Result<json::object> Checkpoints::make(std::uint64_t height) const {
  const Genesis& genesis = parts_.chain->genesis();
  if (parts_.views == nullptr) return Status(Code::kUnavailable, "this node keeps no MMR");
  const std::optional<std::uint64_t> last = newest();
  if (!last || height > *last || (height + 1) % genesis.epoch_length != 0)
    return Status(Code::kInvalid, "a checkpoint is of the last block of an epoch, at most " +
                                      std::to_string(last.value_or(0)) + ": epochs have " +
                                      std::to_string(genesis.epoch_length) + " blocks");
  Result<std::shared_ptr<const BlockRecord>> block = parts_.chain->block(height);
  if (!block.ok()) return block.status();
  Result<std::uint64_t> events = events_up_to(height);
  if (!events.ok()) return events.status();
  if (parts_.views->leaves() <= height)
    return Status(Code::kUnavailable, "the MMR has no block " + std::to_string(height) + " yet",
                  "try again in a moment");
  Result<Hash> root = parts_.views->mmr_root(height + 1);
  if (!root.ok()) return root.status();
  json::object out{{"chain_id", genesis.chain_id},
                   {"height", height},
                   {"hash", to_hex((*block)->header.hash())},
                   {"mmr_root", to_hex(*root)},
                   {"validators_hash", to_hex((*block)->header.validators_hash)},
                   {"total_events", *events},
                   {"validators", validators_json(genesis)},
                   {"certificate", certificate_json(**block)}};
  Result<std::string> text = canonical_json(out);
  if (!text.ok()) return text.status();
  json::array signatures;
  if (const auto& key = parts_.validator; key != nullptr)
    signatures.push_back(
        json::object{{"key", to_hex(key->public_key())},
                     {"signature", to_hex(key->sign("moloch/checkpoint/v1" + *text))}});
  out["signatures"] = std::move(signatures);
  return out;
}

void Checkpoints::committed(std::uint64_t height) {
  const std::uint64_t length = parts_.chain->genesis().epoch_length;
  const std::uint64_t ended = (height + 1) / length;
  if (parts_.views == nullptr || ended == 0) return;
  const std::uint64_t due = ended * length - 1;
  if (written_ == due && !missed_.due(height)) return;
  if (writing_.exchange(true)) return;
  const bool taken = parts_.workers->submit(
      [self = shared_from_this(), due, height] { self->write_due(due, height); });
  if (!taken) writing_ = false;  // the next block asks again
}

// What was missed before, if its time has come, and what is new.
void Checkpoints::write_due(std::uint64_t due, std::uint64_t head) {
  for (const std::uint64_t height : missed_.take(head)) {
    if (write_or_tell(height) != Written::kDone) missed_.missed(height);
  }
  if (written_ != due) write_new(due);
  const std::uint64_t kept = MissedCheckpoints::kKept * parts_.chain->genesis().epoch_length;
  missed_.tried(head, due - std::min(due, kept));
  writing_ = false;
}

// All since the newest that was tried, in this life or the one before, but no long way back. What
// the MMR has not yet waits for the next block.
void Checkpoints::write_new(std::uint64_t due) {
  const std::uint64_t length = parts_.chain->genesis().epoch_length;
  const std::vector<std::uint64_t> there = written_ == 0 ? heights() : std::vector{written_.load()};
  std::uint64_t height = due;
  if (!there.empty() && there.front() < due && (due - there.front()) / length <= kCaughtUp)
    height = there.front() + length;
  for (; height <= due; height += length) {
    const Written written = write_or_tell(height);
    if (written == Written::kLater) break;
    if (written == Written::kFailed) missed_.missed(height);
    written_ = height;
  }
}

// A chain that began behind a snapshot has no block of the epochs in front of it; what is too far
// below the head comes no nearer.
Checkpoints::Written Checkpoints::write_or_tell(std::uint64_t height) {
  const Status status = write(height);
  if (status.ok() || status.code() == Code::kNotFound) return Written::kDone;
  if (status.code() == Code::kUnavailable) return Written::kLater;
  failed_->add();
  parts_.log->target("chain").error(
      "checkpoint not written",
      {{"height", height}, {"reason", status.message()}, {"hint", status.hint()}});
  return status.code() == Code::kLimit ? Written::kDone : Written::kFailed;
}

// Of the files, the newest first.
std::vector<std::uint64_t> Checkpoints::heights() const {
  std::vector<std::uint64_t> out;
  std::error_code none;  // a folder that is not there holds none
  for (const auto& entry : fs::directory_iterator(parts_.dir, none)) {
    if (entry.path().extension() != ".json") continue;
    if (const auto height = parse_u64(entry.path().stem().string())) out.push_back(*height);
  }
  std::sort(out.rbegin(), out.rend());
  return out;
}

Status Checkpoints::write(std::uint64_t height) const {
  const std::string path = parts_.dir + "/" + std::to_string(height) + ".json";
  if (file_exists(path)) return {};
  Result<json::object> checkpoint = make(height);
  if (!checkpoint.ok()) return checkpoint.status();
  Result<std::string> text = canonical_json(*checkpoint);
  if (!text.ok()) return text.status();
  TB_TRY(make_directories(parts_.dir));
  TB_TRY(make_room());
  return write_file_atomic(path, *text + "\n");
}

// For one more.
Status Checkpoints::make_room() const {
  const std::vector<std::uint64_t> all = heights();
  std::error_code error;
  for (std::size_t i = kKeptCheckpoints - 1; i < all.size() && !error; ++i)
    fs::remove(parts_.dir + "/" + std::to_string(all[i]) + ".json", error);
  return error ? Status(Code::kIo, parts_.dir + ": " + error.message()) : Status();
}

}  // namespace blockd
