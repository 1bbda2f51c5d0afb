#include <algorithm>
#include <boost/json/object.hpp>

#include "kernel/base/blake3.hpp"
#include "kernel/base/hex.hpp"
#include "kernel/base/json.hpp"
#include "kernel/host/library_internal.hpp"

namespace blockd {

std::string_view signature_state_name(SignatureState state) {
  constexpr std::string_view kNames[] = {"unchecked", "valid", "missing", "untrusted", "bad"};
  return kNames[static_cast<unsigned>(state)];
}

std::string SignatureStatement::canonical() const {
  json::object o;
  o["abi"] = abi;
  o["arch"] = arch;
  o["file"] = file;
  o["id"] = id;
  o["manifest"] = manifest;
  o["sm"] = sm;
  o["version"] = version;
  Result<std::string> text = canonical_json(o);
  TB_ASSERT(text.ok());
  return *text;
}

namespace {
constexpr std::size_t kMaxSignatures = 16;

Bytes signed_message(std::string_view canonical_statement) {
  Bytes message = "tb/plugin-file/v1";
  message.append(view(blake3(canonical_statement)));
  return message;
}
}  // namespace

std::string sign_statement(const SignatureStatement& statement, const SigningKey& key) {
  json::object one;
  one["key"] = to_hex(key.public_key());
  one["sig"] = to_hex(key.sign(signed_message(statement.canonical())));
  Result<json::value> body = parse_json(statement.canonical());
  TB_ASSERT(body.ok());
  json::object whole;
  whole["signatures"] = json::array{one};
  whole["statement"] = *body;
  Result<std::string> text = canonical_json(whole);
  TB_ASSERT(text.ok());
  return *text + "\n";
}

namespace {
std::string_view text_member(const json::value& item, std::string_view name) {
  const json::object* object = item.if_object();
  const json::value* member = object ? object->if_contains(name) : nullptr;
  return member && member->is_string() ? std::string_view(member->get_string())
                                       : std::string_view();
}

SignedFile bad(std::string why) {
  SignedFile out;
  out.state = SignatureState::kBad;
  out.why = std::move(why);
  return out;
}
}  // namespace

SignedFile read_signed_file(std::string_view sig_text, const Hash& file,
                            const std::vector<PublicKey>& signers) {
  Result<json::value> parsed = parse_json(sig_text);
  const json::object* whole = parsed.ok() ? parsed->if_object() : nullptr;
  const json::value* statement = whole ? whole->if_contains("statement") : nullptr;
  const json::value* signatures = whole ? whole->if_contains("signatures") : nullptr;
  if (!statement || !signatures || !signatures->is_array())
    return bad("the .sig file is no {statement, signatures} object");
  SignedFile out;
  Result<std::string> text = canonical_json(*statement);
  if (!text.ok()) return bad("the signed statement has no canonical form");
  out.statement = *std::move(text);
  if (text_member(*statement, "file") != to_hex(file))
    return bad("it signs another file: this one has the hash " + to_hex(file));
  const json::array& list = signatures->get_array();
  if (list.empty() || list.size() > kMaxSignatures)
    return bad("the .sig file holds " + std::to_string(list.size()) +
               " signatures, expected 1..16");
  const Bytes message = signed_message(out.statement);
  for (const json::value& item : list) {
    auto key = array_from_hex<32>(text_member(item, "key"));
    auto sig = array_from_hex<64>(text_member(item, "sig"));
    if (!key.ok() || !sig.ok() || !ed25519_verify(*key, message, *sig))
      return bad("a signature does not verify");
    const bool listed = std::find(signers.begin(), signers.end(), *key) != signers.end();
    if (listed && out.signer.empty()) out.signer = to_hex(*key);
  }
  out.state = out.signer.empty() ? SignatureState::kUntrusted : SignatureState::kValid;
  if (out.signer.empty()) out.why = "no listed release signer signed it";
  return out;
}

void compare_statement(const SignatureStatement& found, SignedFile* file) {
  if (file->statement.empty() || file->state == SignatureState::kBad ||
      file->statement == found.canonical())
    return;
  file->state = SignatureState::kBad;
  file->signer.clear();
  file->why = "the signed statement does not describe this file: signed " + file->statement +
              ", found " + found.canonical();
}

Result<std::vector<PublicKey>> parse_signers(std::string_view text) {
  std::vector<PublicKey> out;
  std::size_t line_number = 1;
  std::string word;
  bool comment = false;
  auto take_word = [&]() -> Status {
    if (word.empty()) return {};
    auto key = array_from_hex<32>(word);
    if (!key.ok())
      return Status(Code::kInvalid, "release signers, line " + std::to_string(line_number) + ": " +
                                        key.status().message());
    out.push_back(*key);
    word.clear();
    return {};
  };
  for (char c : text) {
    if (c == '#') comment = true;
    if (c == '\n' || (!comment && (c == ',' || c == ' ' || c == '\t' || c == '\r'))) {
      TB_TRY(take_word());
    } else if (!comment) {
      word.push_back(c);
    }
    if (c == '\n') {
      comment = false;
      ++line_number;
    }
    if (out.size() > 1024) return Status(Code::kLimit, "release signers: more than 1,024 keys");
  }
  TB_TRY(take_word());
  return out;
}

}  // namespace blockd
