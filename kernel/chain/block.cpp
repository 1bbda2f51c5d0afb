// Bytes of headers, batches and blocks, and the roots that a header commits to.
//
// A kBlock payload: u8 version | header | signature | certificate | commitment | steps | deltas.
// The deltas stand last, so that a reader who does not want them stops in front of them; the
// recovery of the state jumps straight to them.
#include "kernel/chain/block.hpp"

#include <algorithm>

#include "kernel/base/blake3.hpp"
#include "kernel/base/mmr.hpp"
#include "kernel/chain/block_codec.hpp"
#include "kernel/chain/roots.hpp"

namespace blockd {
namespace {

constexpr std::uint8_t kBlockVersion = 1;
constexpr std::uint8_t kBatchVersion = 1;
constexpr std::uint32_t kMaxSteps =
    200'000;  // 100,000 commands and every hook of the largest roster
constexpr std::uint32_t kMaxListed = 1'000'000;  // events, records, rows of one step

Status corrupt(std::string_view what) {
  return Status(Code::kCorrupt, "block record: " + std::string(what),
                "run `contract-cli storage repair`, or restore a snapshot");
}

std::string take_text(Reader& in) { return std::string(in.take(in.u32())); }
void put_text(Bytes& out, BytesView text) {
  put_u32(out, static_cast<std::uint32_t>(text.size()));
  out.append(text);
}

// Guards a count that is read from a file: no more entries than bytes that could hold them.
bool fits(const Reader& in, std::uint32_t count, std::uint32_t bound) {
  return in.ok() && count <= bound && count <= in.rest().size();
}

bool decode_step(Reader& in, Step& step) {
  step.kind = static_cast<StepKind>(in.u8());
  step.outcome = static_cast<Outcome>(in.u8());
  step.command = in.u32();
  step.code = static_cast<std::int32_t>(in.u32());
  step.plugin = take_text(in);
  step.name = take_text(in);
  step.text = take_text(in);
  step.error_data = take_text(in);
  step.result = take_text(in);
  std::uint32_t events = in.u32();
  if (!fits(in, events, kMaxListed)) return false;
  for (std::uint32_t i = 0; i < events && in.ok(); ++i) {
    Event& event = step.events.emplace_back();
    event.topic = take_text(in);
    event.data = take_text(in);
  }
  std::uint32_t records = in.u32();
  if (!fits(in, records, kMaxListed)) return false;
  for (std::uint32_t i = 0; i < records && in.ok(); ++i) {
    Record& record = step.records.emplace_back();
    record.kind = take_text(in);
    record.data = take_text(in);
  }
  std::uint32_t plugins = in.u32();
  if (!fits(in, plugins, kMaxListed)) return false;
  for (std::uint32_t i = 0; i < plugins && in.ok(); ++i) step.plugins_run.push_back(take_text(in));
  std::uint32_t checks = in.u32();
  if (!fits(in, checks, kMaxListed)) return false;
  for (std::uint32_t i = 0; i < checks && in.ok(); ++i) step.false_checks.push_back(in.u32());
  return in.ok() && step.kind <= StepKind::kLua && step.outcome <= Outcome::kCharged;
}

// Bytes that are walked over in leaps, each of which waits for the length that it finds: the
// processor, which foresees only steady walks, is told to fetch what comes.
class FetchAhead {
 public:
  void before(BytesView rest) {
    const char* const until = rest.data() + std::min(rest.size(), kAhead);
    for (next_ = std::max(next_, rest.data()); next_ < until; next_ += kLine)
      __builtin_prefetch(next_);
  }

 private:
  static constexpr std::size_t kAhead = 4096, kLine = 64;
  const char* next_ = nullptr;
};

// Everything in front of the steps.
bool decode_front(Reader& in, BlockRecord& block, std::string* why) {
  if (in.u8() != kBlockVersion) {
    *why = "unknown version";
    return false;
  }
  Result<Header> header = Header::decode(in.take(in.u32()));
  if (!header.ok()) {
    *why = header.status().message();
    return false;
  }
  block.header = *header;
  block.proposer_signature = take_text(in);
  block.certificate = take_text(in);
  block.receipts_commitment = in.array<32>();
  *why = "truncated";
  return in.ok();
}

}  // namespace

void MmrPeaks::append(const Hash& leaf) {
  Hash carry = leaf;
  std::size_t k = 0;
  for (std::uint64_t bits = count_; (bits & 1) != 0; bits >>= 1, ++k) {
    carry = mmr_node(peak_[k], carry);
  }
  peak_[k] = carry;
  ++count_;
}

Hash MmrPeaks::root() const {
  if (count_ == 0) return kZeroHash;
  std::size_t k = static_cast<std::size_t>(std::countr_zero(count_));
  Hash acc = peak_[k];
  for (++k; k < 64 && (count_ >> k) != 0; ++k) {
    if (((count_ >> k) & 1) != 0) acc = mmr_node(peak_[k], acc);
  }
  return acc;
}

void MmrPeaks::append_to(Bytes& out) const {
  put_u64(out, count_);
  for (std::size_t k = 0; k < 64; ++k) {
    if (((count_ >> k) & 1) != 0) out.append(view(peak_[k]));
  }
}

bool MmrPeaks::read(Reader& in, MmrPeaks* peaks) {
  peaks->count_ = in.u64();
  for (std::size_t k = 0; k < 64; ++k) {
    if (((peaks->count_ >> k) & 1) != 0) peaks->peak_[k] = in.array<32>();
  }
  return in.ok();
}

Bytes Header::encode() const {
  Bytes out;
  out.reserve(323);
  put_u16(out, kHeaderVersion);
  put_u64(out, height);
  out.append(view(previous));
  put_u64(out, time_ms);
  put_u64(out, epoch);
  for (const Hash* hash : {&proposer, &command_root, &receipt_root, &write_set_root, &roster_hash,
                           &validators_hash, &mmr_root}) {
    out.append(view(*hash));
  }
  put_u8(out, macro ? 1 : 0);
  if (macro) {
    put_u64(out, macro->state_height);
    out.append(view(macro->state_root));
  }
  return out;
}

Result<Header> Header::decode(BytesView bytes) {
  Reader in(bytes);
  if (in.u16() != kHeaderVersion) return corrupt("header of an unknown version");
  Header h;
  h.height = in.u64();
  h.previous = in.array<32>();
  h.time_ms = in.u64();
  h.epoch = in.u64();
  for (Hash* hash : {&h.proposer, &h.command_root, &h.receipt_root, &h.write_set_root,
                     &h.roster_hash, &h.validators_hash, &h.mmr_root}) {
    *hash = in.array<32>();
  }
  std::uint8_t flag = in.u8();
  if (flag == 1) {
    h.macro = Macro{};
    h.macro->state_height = in.u64();
    h.macro->state_root = in.array<32>();
  }
  if (flag > 1 || !in.done()) return corrupt("header of a wrong length");
  return h;
}

Hash Header::hash() const { return blake3(encode()); }

std::string_view outcome_name(Outcome outcome) {
  constexpr std::string_view kNames[] = {"applied", "rejected", "charged"};
  return kNames[static_cast<std::size_t>(outcome)];
}

std::string_view step_kind_name(StepKind kind) {
  constexpr std::string_view kNames[] = {"command", "roster", "params", "migrate",
                                         "begin",   "end",    "epoch",  "lua"};
  return kNames[static_cast<std::size_t>(kind)];
}

Bytes encode_batch(std::uint64_t time_ms, const std::vector<CommandPtr>& commands) {
  Bytes out;
  std::size_t bytes = 16;
  for (const CommandPtr& command : commands) bytes += 4 + command->envelope.size();
  out.reserve(bytes);
  put_u8(out, kBatchVersion);
  put_u64(out, time_ms);
  put_u32(out, static_cast<std::uint32_t>(commands.size()));
  for (const CommandPtr& command : commands) put_text(out, command->envelope);
  return out;
}

Status BatchReader::begin(BytesView bytes) {
  in_ = Reader(bytes);
  parsed_ = 0;
  if (in_.u8() != kBatchVersion) return corrupt("batch of an unknown version");
  time_ms_ = in_.u64();
  count_ = in_.u32();
  if (!fits(in_, count_, kMaxSteps) && count_ != 0)
    return corrupt("batch with an impossible count");
  return count_ != 0 || in_.done() ? Status() : corrupt("batch with bytes behind its end");
}

Status BatchReader::parse(std::uint32_t n, bool with_trees, std::vector<CommandPtr>* out) {
  std::vector<Bytes> envelopes;
  envelopes.reserve(std::min(n, count_ - parsed_));
  for (; n > 0 && parsed_ < count_; --n, ++parsed_) {
    const BytesView envelope = in_.take(in_.u32());
    if (!in_.ok()) return corrupt("batch ends in command " + std::to_string(parsed_));
    envelopes.emplace_back(envelope);
  }
  if (parsed_ == count_ && !in_.done()) return corrupt("batch with bytes behind its end");
  const std::size_t known = out->size(), first = parsed_ - envelopes.size();
  if (auto refusal = parse_envelopes(std::move(envelopes), out, with_trees)) {
    return corrupt("command " + std::to_string(first + out->size() - known) + ": " +
                   refusal->message);
  }
  return {};
}

Result<Batch> decode_batch(BytesView bytes, bool with_trees) {
  Batch batch;
  BatchReader reader;
  TB_TRY(reader.begin(bytes));
  batch.time_ms = reader.time_ms();
  TB_TRY(reader.parse(reader.count(), with_trees, &batch.commands));
  return batch;
}

void append_step(Bytes& out, const Step& step) {
  put_u8(out, static_cast<std::uint8_t>(step.kind));
  put_u8(out, static_cast<std::uint8_t>(step.outcome));
  put_u32(out, step.command);
  put_u32(out, static_cast<std::uint32_t>(step.code));
  put_text(out, step.plugin);
  put_text(out, step.name);
  put_text(out, step.text);
  put_text(out, step.error_data);
  put_text(out, step.result);
  put_u32(out, static_cast<std::uint32_t>(step.events.size()));
  for (const Event& event : step.events) {
    put_text(out, event.topic);
    put_text(out, event.data);
  }
  put_u32(out, static_cast<std::uint32_t>(step.records.size()));
  for (const Record& record : step.records) {
    put_text(out, record.kind);
    put_text(out, record.data);
  }
  put_u32(out, static_cast<std::uint32_t>(step.plugins_run.size()));
  for (const std::string& plugin : step.plugins_run) put_text(out, plugin);
  put_u32(out, static_cast<std::uint32_t>(step.false_checks.size()));
  for (std::uint32_t check : step.false_checks) put_u32(out, check);
}

void append_delta_row(Bytes& out, BytesView space, BytesView key, std::optional<BytesView> before,
                      std::optional<BytesView> after) {
  put_u8(out, static_cast<std::uint8_t>((before ? 1 : 0) | (after ? 2 : 0)));
  put_u8(out, static_cast<std::uint8_t>(space.size()));
  out.append(space);
  put_u16(out, static_cast<std::uint16_t>(key.size()));
  out.append(key);
  if (before) put_text(out, *before);
  if (after) put_text(out, *after);
}

Bytes block_front(const BlockRecord& front, std::uint32_t steps, std::size_t step_bytes) {
  Bytes out;
  out.reserve(700);
  put_u8(out, kBlockVersion);
  put_text(out, front.header.encode());
  put_text(out, front.proposer_signature);
  put_text(out, front.certificate);
  out.append(view(front.receipts_commitment));
  put_u32(out, steps);
  put_u32(out, static_cast<std::uint32_t>(step_bytes));
  return out;
}

Bytes join_block(const BlockRecord& front, std::uint32_t steps, BytesView step_bytes,
                 BytesView delta_bytes) {
  Bytes out = block_front(front, steps, step_bytes.size());
  out.reserve(out.size() + step_bytes.size() + delta_bytes.size());
  return out.append(step_bytes).append(delta_bytes);
}

Bytes encode_block(const BlockRecord& block) {
  Bytes steps, deltas;
  for (const Step& step : block.steps) {
    append_step(steps, step);
    put_u32(deltas, static_cast<std::uint32_t>(step.delta.size()));
    for (const DeltaRow& row : step.delta) {
      append_delta_row(deltas, row.space, row.key, row.before, row.after);
    }
  }
  return join_block(block, static_cast<std::uint32_t>(block.steps.size()), steps, deltas);
}

Result<BlockRecord> decode_block(BytesView bytes, bool with_deltas) {
  BlockRecord block;
  Reader in(bytes);
  std::string why;
  if (!decode_front(in, block, &why)) return corrupt(why);
  std::uint32_t count = in.u32();
  Reader steps(in.take(in.u32()));
  if (!in.ok() || (count != 0 && !fits(steps, count, kMaxSteps)))
    return corrupt("impossible number of steps");
  block.steps.resize(count);
  for (Step& step : block.steps) {
    if (!decode_step(steps, step)) return corrupt("a step is damaged");
  }
  if (!steps.done()) return corrupt("bytes behind the last step");
  if (!with_deltas) return block;
  Status status = visit_deltas(bytes, [&block](std::uint32_t step, const DeltaView& row) {
    DeltaRow& out = block.steps[step].delta.emplace_back();
    out.space = row.space;
    out.key = row.key;
    if (row.before) out.before.emplace(*row.before);
    if (row.after) out.after.emplace(*row.after);
  });
  if (!status.ok()) return status;
  return block;
}

Result<BlockRecord> decode_block_front(BytesView bytes) {
  BlockRecord block;
  Reader in(bytes);
  std::string why;
  if (!decode_front(in, block, &why)) return corrupt(why);
  return block;
}

Status visit_deltas(BytesView bytes,
                    const std::function<void(std::uint32_t, const DeltaView&)>& visit) {
  BlockRecord front;
  Reader in(bytes);
  std::string why;
  if (!decode_front(in, front, &why)) return corrupt(why);
  std::uint32_t count = in.u32();
  in.take(in.u32());
  FetchAhead ahead;
  for (std::uint32_t step = 0; step < count && in.ok(); ++step) {
    ahead.before(in.rest());
    std::uint32_t rows = in.u32();
    for (std::uint32_t i = 0; i < rows && in.ok(); ++i) {
      std::uint8_t flags = in.u8();
      DeltaView row;
      row.space = in.take(in.u8());
      row.key = in.take(in.u16());
      if ((flags & 1) != 0) row.before = in.take(in.u32());
      if ((flags & 2) != 0) row.after = in.take(in.u32());
      if (in.ok()) visit(step, row);
    }
  }
  if (!in.done())
    return corrupt("the deltas of height " + std::to_string(front.header.height) + " are damaged");
  return {};
}

Hash command_root(const std::vector<CommandPtr>& commands) {
  MerkleBatch tree;
  for (const CommandPtr& command : commands) tree.add_borrowed(command->envelope);
  return tree.root();
}

Result<std::vector<Hash>> receipt_leaves(const BlockRecord& block) {
  ReceiptTree tree;
  for (const Step& step : block.steps) {
    const bool command = step.kind == StepKind::kCommand;
    if (command && step.command >= block.commands.size())
      return corrupt("a step of command " + std::to_string(step.command) + ", which is not there");
    tree.add(step, command ? &block.commands[step.command]->id : nullptr);
  }
  return tree.take_leaves(block.receipts_commitment);
}

Hash receipt_root(const BlockRecord& block) {
  ReceiptTree tree;
  for (const Step& step : block.steps) {
    bool command = step.kind == StepKind::kCommand;
    tree.add(step, command ? &block.commands[step.command]->id : nullptr);
  }
  return tree.root(block.receipts_commitment);
}

Result<std::vector<FalseChecks>> decode_false_checks(BytesView block_bytes) {
  BlockRecord front;
  Reader in(block_bytes);
  std::string why;
  if (!decode_front(in, front, &why)) return corrupt(why);
  std::uint32_t count = in.u32();
  Reader steps(in.take(in.u32()));
  std::vector<FalseChecks> out;
  auto skip_texts = [&steps](std::uint32_t n) {
    for (; n > 0 && steps.ok(); --n) steps.take(steps.u32());
  };
  FetchAhead ahead;
  for (std::uint32_t i = 0; i < count && steps.ok(); ++i) {
    ahead.before(steps.rest());
    FalseChecks step;
    step.kind = static_cast<StepKind>(steps.u8());
    steps.u8();
    step.command = steps.u32();
    steps.u32();
    BytesView plugin = steps.take(steps.u32());
    skip_texts(4);                          // name, text, error data, result
    for (int list = 0; list < 2; ++list) {  // events, records: two texts each
      for (std::uint32_t n = steps.u32(); n > 0 && steps.ok(); --n) skip_texts(2);
    }
    skip_texts(steps.u32());
    std::uint32_t checks = steps.u32();
    for (; checks > 0 && steps.ok(); --checks) step.checks.push_back(steps.u32());
    if (step.checks.empty()) continue;
    step.plugin = plugin;
    out.push_back(std::move(step));
  }
  if (!in.ok() || !steps.done()) return corrupt("a step is damaged");
  return out;
}

Hash write_set_root(const std::vector<DeltaRow>& net_effect_sorted) {
  WriteSetRoot root;
  for (const DeltaRow& row : net_effect_sorted) {
    root.add(row.space, row.key, row.after ? std::optional<BytesView>(*row.after) : std::nullopt);
  }
  return root.finish();
}

void WriteSetRoot::add(BytesView space, BytesView key, std::optional<BytesView> after) {
  if (space != space_ || !open_) {
    close_space();
    space_ = space;
    open_ = true;
  }
  const auto size = static_cast<std::uint32_t>(key.size());
  char front[1 + sizeof size];
  front[0] = after ? 1 : 0;
  std::memcpy(front + 1, &size, sizeof size);
  inner_.add({BytesView(front, sizeof front), key, after.value_or(BytesView())});
}

void WriteSetRoot::close_space() {
  if (!open_) return;
  scratch_.clear();
  put_u8(scratch_, static_cast<std::uint8_t>(space_.size()));
  scratch_.append(space_).append(view(inner_.root()));
  outer_.add(scratch_);
  open_ = false;
}

Hash WriteSetRoot::finish() {
  close_space();
  return outer_.root();
}

void StateRoot::add(BytesView space, BytesView key, BytesView value) {
  if (space != space_ || count_ == 0) {
    close_space();
    space_ = space;
  }
  const auto size = static_cast<std::uint32_t>(key.size());
  char front[sizeof size];
  std::memcpy(front, &size, sizeof size);
  inner_.add({BytesView(front, sizeof front), key, value});
  ++count_;
}

void StateRoot::close_space() {
  if (count_ == 0) return;
  scratch_.clear();
  put_u8(scratch_, static_cast<std::uint8_t>(space_.size()));
  scratch_.append(space_);
  put_u64(scratch_, count_);
  scratch_.append(view(inner_.root()));
  outer_.add(scratch_);
  count_ = 0;
}

Hash StateRoot::finish() {
  close_space();
  return outer_.root();
}

Hash validators_hash(const std::vector<std::pair<PublicKey, std::uint64_t>>& validators) {
  Bytes text;
  for (const auto& [key, power] : validators) {
    text.append(view(key));
    put_u64(text, power);
  }
  return blake3(text);
}

namespace {
Bytes signed_height(std::string_view prefix, std::string_view chain_id, std::uint64_t height,
                    const Hash& hash) {
  Bytes out(prefix);
  put_u8(out, static_cast<std::uint8_t>(chain_id.size()));
  out.append(chain_id);
  put_u64(out, height);
  out.append(view(hash));
  return out;
}
}  // namespace

Bytes vote_bytes(std::string_view chain_id, std::uint64_t height, const Hash& header_hash) {
  return signed_height("tb/vote/v1", chain_id, height, header_hash);
}

Bytes proposal_bytes(std::string_view chain_id, std::uint64_t height, const Hash& header_hash) {
  return signed_height("tb/block/v1", chain_id, height, header_hash);
}

Bytes solo_certificate(const Signature& vote) {
  Bytes out;
  put_u16(out, 1);
  put_u16(out, 0);
  out.append(view(vote));
  return out;
}

}  // namespace blockd
