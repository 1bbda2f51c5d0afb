#include <boost/json/object.hpp>

#include "kernel/base/blake3.hpp"
#include "kernel/base/hex.hpp"
#include "kernel/base/json.hpp"
#include "kernel/host/library.hpp"

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
Bytes signed_message(const SignatureStatement& statement) {
  Bytes message = "tb/plugin-file/v1";
  message.append(view(blake3(statement.canonical())));
  return message;
}
}  // namespace

std::string sign_statement(const SignatureStatement& statement, const SigningKey& key) {
  json::object one;
  one["key"] = to_hex(key.public_key());
  one["sig"] = to_hex(key.sign(signed_message(statement)));
  Result<json::value> body = parse_json(statement.canonical());
  TB_ASSERT(body.ok());
  json::object whole;
  whole["signatures"] = json::array{one};
  whole["statement"] = *body;
  Result<std::string> text = canonical_json(whole);
  TB_ASSERT(text.ok());
  return *text + "\n";
}

SignatureState check_signature(const SignatureStatement& found, std::string_view sig_text,
                               const std::vector<PublicKey>& signers, std::string* signer, std::string* why) {
  Result<json::value> parsed = parse_json(sig_text);
  const json::object* whole = parsed.ok() ? parsed->if_object() : nullptr;
  const json::value* statement = whole ? whole->if_contains("statement") : nullptr;
  const json::value* signatures = whole ? whole->if_contains("signatures") : nullptr;
  if (!statement || !signatures || !signatures->is_array()) {
    *why = "the .sig file is no {statement, signatures} object";
    return SignatureState::kBad;
  }
  Result<std::string> text = canonical_json(*statement);
  if (!text.ok() || *text != found.canonical()) {
    *why = "the signed statement does not describe this file: signed " + (text.ok() ? *text : "?") + ", found " + found.canonical();
    return SignatureState::kBad;
  }
  const Bytes message = signed_message(found);
  bool valid_but_unknown = false;
  std::size_t looked = 0;
  for (const json::value& item : signatures->get_array()) {
    if (++looked > 16) break;
    const json::object* one = item.if_object();
    if (!one || !one->contains("key") || !one->contains("sig") || !one->at("key").is_string() || !one->at("sig").is_string()) continue;
    auto key = array_from_hex<32>(one->at("key").get_string());
    auto sig = array_from_hex<64>(one->at("sig").get_string());
    if (!key.ok() || !sig.ok() || !ed25519_verify(*key, message, *sig)) {
      *why = "a signature does not verify";
      return SignatureState::kBad;
    }
    for (const PublicKey& known : signers) {
      if (known == *key) {
        *signer = to_hex(*key);
        return SignatureState::kValid;
      }
    }
    valid_but_unknown = true;
  }
  *why = valid_but_unknown ? "no listed release signer signed it" : "the .sig file holds no signature";
  return valid_but_unknown ? SignatureState::kUntrusted : SignatureState::kBad;
}

Result<std::vector<PublicKey>> parse_signers(std::string_view text) {
  std::vector<PublicKey> out;
  std::size_t line_number = 1;
  std::string word;
  bool comment = false;
  auto take_word = [&]() -> Status {
    if (word.empty()) return {};
    auto key = array_from_hex<32>(word);
    if (!key.ok()) return Status(Code::kInvalid, "release signers, line " + std::to_string(line_number) + ": " + key.status().message());
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
