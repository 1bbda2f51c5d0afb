#include "plugins/governance/provenance.hpp"

#include <algorithm>

#include "tb/blake3.hpp"

namespace governance {
namespace {

constexpr int kMaxDepth = 16;

void write(const tb::Value& value, std::string& out, int depth) {
  if (depth > kMaxDepth) throw std::runtime_error("data of a provenance entry is nested too deep");
  switch (value.type()) {
    case TB_TYPE_BOOL:
      out += value.boolean() ? "true" : "false";
      return;
    case TB_TYPE_U64:
      out += gov::json_number(value.u64());
      return;
    case TB_TYPE_I64:
      out += value.i64() < 0 ? tb::cat(value.i64())
                             : gov::json_number(static_cast<std::uint64_t>(value.i64()));
      return;
    case TB_TYPE_STR:
      out += gov::json_text(value.text());
      return;
    case TB_TYPE_BYTES:
      out += gov::json_text(tb::to_hex(value.text()));
      return;
    case TB_TYPE_LIST:
      out += '[';
      for (std::uint32_t i = 0; i < value.size(); ++i) {
        if (i > 0) out += ',';
        write(value[i], out, depth + 1);
      }
      out += ']';
      return;
    case TB_TYPE_RECORD:
      break;
    default:
      out += "null";
      return;
  }
  std::vector<tb::Value> members;
  for (std::uint32_t i = 0; i < value.size(); ++i) {
    if (!value[i].absent()) members.push_back(value[i]);
  }
  std::sort(members.begin(), members.end(),
            [](const tb::Value& a, const tb::Value& b) { return a.name() < b.name(); });
  out += '{';
  for (const tb::Value& member : members) {
    if (out.back() != '{') out += ',';
    out += gov::json_text(member.name());
    out += ':';
    write(member, out, depth + 1);
  }
  out += '}';
}

// Proposals of these kinds are entries of their own kind; all others are decided by votes of the
// houses and are entries of kind param.
std::string_view entry_kind(ProposalKind kind) {
  if (kind == ProposalKind::kRelease) return "release";
  if (kind == ProposalKind::kScript || kind == ProposalKind::kScriptDisable) return "script";
  return "param";
}

}  // namespace

std::string canonical(const tb::Value& value) {
  std::string out;
  write(value, out, 0);
  return out;
}

gov::Digest digest_of(std::string_view bytes) { return tb::blake3(bytes).bytes; }

ProvenanceTip add_provenance(tb::Ctx& ctx, gov::ProvenanceEntry entry,
                             std::optional<std::string> snapshot) {
  ProvenanceTip tip = ctx.load<ProvenanceTip>(kProvenanceKey)
                          .value_or(ProvenanceTip{0, std::string(gov::kFirstPrevHash)});
  entry.seq = tip.seq + 1;
  entry.prev_hash = tip.hash;
  entry.epoch = ctx.epoch();
  entry.height = ctx.height();
  entry.time = ctx.time_s();
  tip.seq = entry.seq;
  tip.hash = gov::entry_hash(entry, &digest_of);
  ctx.store(kProvenanceKey, tip);
  ctx.emit(kProvenanceAdded, {tip.seq, tip.hash, gov::canonical_json(entry), std::move(snapshot)});
  return tip;
}

void note_proposal(tb::Ctx& ctx, const Proposal& p, std::string_view reason) {
  gov::ProvenanceEntry entry;
  entry.kind = entry_kind(p.kind_of());
  entry.subject = p.subject;
  std::string changes;
  for (const Change& change : p.changes) {
    changes += tb::cat(changes.empty() ? "" : ",", R"({"key":)", gov::json_text(change.key),
                       R"(,"new_value":)", gov::json_number(change.new_value), R"(,"old_value":)",
                       gov::json_number(change.old_value), "}");
  }
  entry.data_json = tb::cat(R"({"changes":[)", changes, R"(],"event":)",
                            gov::json_text(gov::status_name(p.status_of())), R"(,"proposal_id":)",
                            gov::json_number(p.id), R"(,"reason":)", gov::json_text(reason), "}");
  add_provenance(ctx, std::move(entry));
}

}  // namespace governance
