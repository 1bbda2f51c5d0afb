// The tree of what the steps of a block told: results, events and records.
#include <charconv>

#include "kernel/base/hex_wide.hpp"
#include "kernel/base/json.hpp"
#include "kernel/chain/block_codec.hpp"
#include "kernel/manifest/utf8.hpp"

namespace blockd {
namespace {

// Writes known parts one after another into room that was made for all of them.
class Pen {
 public:
  // Room for `bytes` behind what `out` holds.
  Pen(Bytes& out, std::size_t bytes) : begin_(out.size()) {
    out.resize(begin_ + bytes);
    at_ = out.data() + begin_;
  }
  void operator()(BytesView part) {
    if (!part.empty()) std::memcpy(at_, part.data(), part.size());
    at_ += part.size();
  }

 private:
  std::size_t begin_;
  char* at_;
};

// The JSON text of `text`: borrowed when nothing in it needs an escape.
class JsonText {
 public:
  explicit JsonText(BytesView text) : text_(text), plain_(is_plain_ascii(text)) {
    if (!plain_) append_json_string(escaped_, text);
  }
  std::size_t size() const { return plain_ ? text_.size() + 2 : escaped_.size(); }
  void write(Pen& pen) const {
    if (!plain_) return pen(escaped_);
    pen("\"");
    pen(text_);
    pen("\"");
  }

 private:
  BytesView text_;
  bool plain_;
  std::string escaped_;
};

// An event or a record of a step.
void append_told(Bytes& out, BytesView data, std::string_view member, BytesView name) {
  constexpr std::string_view kData = "{\"data\":";
  const JsonText text(name);
  Pen pen(out, kData.size() + data.size() + member.size() + text.size() + 1);
  pen(kData);
  pen(data);
  pen(member);
  text.write(pen);
  pen("}");
}

// Canonical JSON of the events of a step, which its result record holds the hash of.
void append_events(Bytes& out, const Step& step) {
  out.push_back('[');
  for (const Event& event : step.events) {
    if (out.size() > 1) out.push_back(',');
    append_told(out, event.data, ",\"topic\":", event.topic);
  }
  out.push_back(']');
}

// The result record with room for the hash of the events; where that begins.
std::size_t append_result(Bytes& out, const Step& step, const Hash* command_id) {
  constexpr std::string_view kCode = "{\"code\":", kEvents = ",\"events\":\"", kId = "\",\"id\":\"",
                             kResult = "\",\"kind\":\"result\",\"name\":", kHook = "\",\"hook\":\"",
                             kStep = "\",\"kind\":\"step\",\"name\":", kOutcome = ",\"outcome\":\"",
                             kPlugin = "\",\"plugin\":";
  char digits[16], id[2 * sizeof(Hash)] = {};
  const BytesView code(
      digits,
      static_cast<std::size_t>(std::to_chars(digits, std::end(digits), step.code).ptr - digits));
  if (command_id != nullptr) write_hex_digits(view(*command_id), id);
  const bool command = command_id != nullptr;
  const BytesView whose = command ? BytesView(id, sizeof id) : BytesView(step_kind_name(step.kind));
  const BytesView outcome = outcome_name(step.outcome);
  const JsonText name(step.name), plugin(command ? BytesView() : BytesView(step.plugin));
  const std::size_t hash_at = out.size() + kCode.size() + code.size() + kEvents.size();
  Pen pen(out, kCode.size() + code.size() + kEvents.size() + 2 * sizeof(Hash) +
                   (command ? kId.size() + kResult.size() : kHook.size() + kStep.size()) +
                   whose.size() + name.size() + kOutcome.size() + outcome.size() +
                   (command ? 1 : kPlugin.size() + plugin.size()) + 1);
  pen(kCode);
  pen(code);
  pen(kEvents);
  pen(BytesView(id, sizeof id));  // the hash comes here
  pen(command ? kId : kHook);
  pen(whose);
  pen(command ? kResult : kStep);
  name.write(pen);
  pen(kOutcome);
  pen(outcome);
  if (command) {
    pen("\"");
  } else {
    pen(kPlugin);
    plugin.write(pen);
  }
  pen("}");
  return hash_at;
}

}  // namespace

void ReceiptTree::clear() {
  count_ = 0;
  leaves_.clear();
  leaves_.add_leaf(kZeroHash);
}

bool has_receipt_leaf(const Step& step) {
  return step.kind == StepKind::kCommand || step.outcome != Outcome::kApplied ||
         !step.events.empty() || !step.records.empty();
}

void ReceiptTree::add(const Step& step, const Hash* command_id) {
  if (!has_receipt_leaf(step)) return;
  Waiting& next = waiting_[count_++];
  for (Bytes* part : {&next.events, &next.result, &next.records}) part->clear();
  next.record_ends.clear();
  append_events(next.events, step);
  next.hash_at = append_result(next.result, step, command_id);
  for (const Record& record : step.records) {
    append_told(next.records, record.data, ",\"kind\":", record.kind);
    next.record_ends.push_back(next.records.size());
  }
  if (count_ == waiting_.size()) make_leaves();
}

void ReceiptTree::make_leaves() {
  std::array<BytesView, kSteps> events;
  std::array<Hash, kSteps> hashes;
  for (std::size_t i = 0; i < count_; ++i) events[i] = waiting_[i].events;
  blake3_many(std::span(events).first(count_), hashes.data());
  for (std::size_t i = 0; i < count_; ++i) {
    Waiting& step = waiting_[i];
    write_hex_digits(view(hashes[i]), step.result.data() + step.hash_at);
    leaves_.add(step.result);
    std::size_t begin = 0;
    for (const std::size_t end : step.record_ends) {
      leaves_.add(BytesView(step.records).substr(begin, end - begin));
      begin = end;
    }
  }
  count_ = 0;
}

Hash ReceiptTree::root(const Hash& receipts_commitment) {
  make_leaves();
  leaves_.set_leaf(0, merkle_leaf(view(receipts_commitment)));
  const Hash root = leaves_.root();
  clear();
  return root;
}

std::vector<Hash> ReceiptTree::take_leaves(const Hash& receipts_commitment) {
  make_leaves();
  leaves_.set_leaf(0, merkle_leaf(view(receipts_commitment)));
  std::vector<Hash> leaves = leaves_.take_leaves();
  clear();
  return leaves;
}

}  // namespace blockd
