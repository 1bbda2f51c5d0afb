#include "kernel/base/mmr_vectors.hpp"

#include "kernel/base/blake3.hpp"
#include "kernel/base/hex.hpp"
#include "kernel/base/mmr.hpp"

namespace blockd {
namespace {

Status no_vector(std::string_view field) {
  return Status(Code::kInvalid,
                "MMR case: " + std::string(field) + " is missing or of another form");
}

// The first defect is kept and the reading goes on with zeros; the caller looks at status() at the
// end.
class Fields {
 public:
  explicit Fields(const json::value& value) : object_(value.if_object()) {
    if (object_ == nullptr) status_ = no_vector("object");
  }
  const Status& status() const { return status_; }
  void fail(std::string_view field) {
    if (status_.ok()) status_ = no_vector(field);
  }
  const json::value* find(std::string_view field) {
    const json::value* value = object_ ? object_->if_contains(field) : nullptr;
    if (value == nullptr) fail(field);
    return value;
  }
  bool has(std::string_view field) const { return object_ && object_->contains(field); }
  std::uint64_t number(std::string_view field) {
    const json::value* value = find(field);
    if (value && value->is_int64() && value->get_int64() >= 0) {
      return static_cast<std::uint64_t>(value->get_int64());
    }
    fail(field);
    return 0;
  }
  std::string_view text(std::string_view field) {
    const json::value* value = find(field);
    if (value && value->is_string())
      return {value->get_string().data(), value->get_string().size()};
    fail(field);
    return {};
  }
  Hash hash(std::string_view field) { return hash_in(field, text(field)); }
  Hash hash_in(std::string_view field, std::string_view hex) {
    Result<Hash> out = array_from_hex<32>(hex);
    if (out.ok()) return *out;
    fail(field);
    return kZeroHash;
  }
  const json::array& list(std::string_view field) {
    static const json::array kNone;
    const json::value* value = find(field);
    if (value && value->is_array()) return value->get_array();
    fail(field);
    return kNone;
  }
  std::vector<Hash> hashes(std::string_view field) {
    std::vector<Hash> out;
    for (const json::value& element : list(field)) {
      const json::string* text = element.if_string();
      out.push_back(hash_in(field, text ? std::string_view(text->data(), text->size()) : ""));
    }
    return out;
  }

 private:
  const json::object* object_;
  Status status_;
};

std::vector<Hash> read_leaves(Fields& input) {
  if (!input.has("leaf_text")) return input.hashes("leaves");
  std::vector<Hash> out;
  for (const json::value& element : input.list("leaf_text")) {
    const json::string* text = element.if_string();
    if (text == nullptr) input.fail("leaf_text");
    out.push_back(blake3(text ? BytesView(text->data(), text->size()) : BytesView()));
  }
  return out;
}

json::value number(std::uint64_t n) { return static_cast<std::int64_t>(n); }

json::array hex_list(std::span<const Hash> hashes) {
  json::array out;
  for (const Hash& hash : hashes) out.emplace_back(to_hex(hash));
  return out;
}

MmrMemory build(const std::vector<Hash>& leaves) {
  MmrMemory out;
  for (const Hash& leaf : leaves) out.append(leaf);
  return out;
}

json::object proof_to_json(const MmrInclusionProof& proof) {
  json::array siblings;
  for (const MmrSibling& sibling : proof.siblings) {
    siblings.push_back(json::object{{"hash", to_hex(sibling.hash)},
                                    {"position", sibling.right ? "right" : "left"}});
  }
  return {{"leaf_index", number(proof.leaf_index)},
          {"pos", number(proof.position)},
          {"leaf", to_hex(proof.leaf)},
          {"siblings", std::move(siblings)},
          {"peak_pos", number(proof.peak_position)},
          {"peaks", hex_list(proof.peaks)},
          {"mmr_size", number(proof.mmr_size)},
          {"leaf_count", number(proof.leaf_count)}};
}

Result<MmrInclusionProof> proof_from_json(const json::value& value) {
  Fields in(value);
  MmrInclusionProof out;
  out.leaf_index = in.number("leaf_index");
  out.position = in.number("pos");
  out.leaf = in.hash("leaf");
  out.peak_position = in.number("peak_pos");
  out.peaks = in.hashes("peaks");
  out.mmr_size = in.number("mmr_size");
  out.leaf_count = in.number("leaf_count");
  for (const json::value& element : in.list("siblings")) {
    Fields sibling(element);
    const std::string_view side = sibling.text("position");
    if (side != "right" && side != "left") sibling.fail("position");
    out.siblings.push_back({sibling.hash("hash"), side == "right"});
    TB_TRY(sibling.status());
  }
  TB_TRY(in.status());
  return out;
}

Result<json::value> replay_root(Fields& input) {
  const std::vector<Hash> leaves = read_leaves(input);
  TB_TRY(input.status());
  const MmrMemory mmr = build(leaves);
  json::array leaf_positions, peak_positions;
  for (std::uint64_t i = 0; i < leaves.size(); ++i)
    leaf_positions.push_back(number(mmr_leaf_position(i)));
  for (const MmrMountain& m : mmr_mountains(leaves.size()))
    peak_positions.push_back(number(m.peak_position));
  return json::value{{"leaf_count", number(leaves.size())},
                     {"mmr_size", number(mmr_size(leaves.size()))},
                     {"leaves", hex_list(leaves)},
                     {"leaf_positions", std::move(leaf_positions)},
                     {"peak_positions", std::move(peak_positions)},
                     {"peaks", hex_list(*mmr_peaks(mmr, leaves.size()))},
                     {"nodes", hex_list(mmr.nodes())},
                     {"root", to_hex(*mmr_root(mmr, leaves.size()))}};
}

Result<json::value> replay_inclusion(Fields& input) {
  const std::vector<Hash> leaves = read_leaves(input);
  const std::uint64_t index = input.number("leaf_index");
  TB_TRY(input.status());
  const MmrMemory mmr = build(leaves);
  Result<MmrInclusionProof> proof = mmr_prove_inclusion(mmr, index, leaves.size());
  if (!proof.ok()) return proof.status();
  const Hash root = *mmr_root(mmr, leaves.size());
  return json::value{{"proof", proof_to_json(*proof)},
                     {"root", to_hex(root)},
                     {"valid", mmr_verify_inclusion(*proof, root)}};
}

Result<json::value> replay_verify_inclusion(Fields& input) {
  const json::value* value = input.find("proof");
  const Hash root = input.hash("root");
  TB_TRY(input.status());
  Result<MmrInclusionProof> proof = proof_from_json(*value);
  if (!proof.ok()) return proof.status();
  return json::value{{"valid", mmr_verify_inclusion(*proof, root)}};
}

Result<json::value> replay_consistency(Fields& input) {
  const std::vector<Hash> leaves = read_leaves(input);
  const std::uint64_t old_size = input.number("old_size");
  const std::uint64_t new_size = input.number("new_size");
  if (new_size > leaves.size()) input.fail("new_size");
  TB_TRY(input.status());
  const MmrMemory mmr = build(leaves);
  Result<std::vector<Hash>> proof = mmr_prove_consistency(mmr, old_size, new_size);
  if (!proof.ok()) return proof.status();
  const Hash old_root = *mmr_root(mmr, old_size);
  const Hash new_root = *mmr_root(mmr, new_size);
  return json::value{
      {"old_root", to_hex(old_root)},
      {"new_root", to_hex(new_root)},
      {"proof", hex_list(*proof)},
      {"valid", mmr_verify_consistency(old_size, new_size, old_root, new_root, *proof)}};
}

Result<json::value> replay_verify_consistency(Fields& input) {
  const std::uint64_t old_size = input.number("old_size");
  const std::uint64_t new_size = input.number("new_size");
  const Hash old_root = input.hash("old_root");
  const Hash new_root = input.hash("new_root");
  const std::vector<Hash> proof = input.hashes("proof");
  TB_TRY(input.status());
  return json::value{
      {"valid", mmr_verify_consistency(old_size, new_size, old_root, new_root, proof)}};
}

}  // namespace

Result<json::value> replay_mmr_case(const json::value& value) {
  Fields input(value);
  const std::string_view op = input.text("op");
  TB_TRY(input.status());
  if (op == "root") return replay_root(input);
  if (op == "inclusion") return replay_inclusion(input);
  if (op == "verify_inclusion") return replay_verify_inclusion(input);
  if (op == "consistency") return replay_consistency(input);
  if (op == "verify_consistency") return replay_verify_consistency(input);
  return Status(Code::kInvalid, "MMR case: unknown op \"" + std::string(op) + "\"");
}

}  // namespace blockd
