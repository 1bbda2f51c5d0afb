#include "kernel/programs/cli/command_signer.hpp"

#include <algorithm>

#include "kernel/base/address.hpp"
#include "kernel/base/blake3.hpp"
#include "kernel/base/hex.hpp"
#include "kernel/programs/cli/keys.hpp"
#include "kernel/programs/cli/remote_signer.hpp"

namespace blockd::cli {
namespace {

class KeySigner final : public CommandSigner {
 public:
  KeySigner(SigningKey key, std::string owner) : key_(std::move(key)), owner_(std::move(owner)) {}
  Result<std::string> address() override {
    return owner_.empty() ? address_of(key_.public_key()) : owner_;
  }
  Status add_members(json::object* command) override {
    if (!owner_.empty()) (*command)["session"] = to_hex(key_.public_key());
    return {};
  }
  Result<std::vector<SignedPart>> sign(const Hash& id, const std::string&) override {
    return std::vector<SignedPart>{{key_.public_key(), key_.sign(view(id)), {}}};
  }

 private:
  SigningKey key_;
  std::string owner_;  // of a session key; else empty
};

// `command` as it was signed, with the signatures: what the node takes.
Result<CommandPtr> seal(const std::string& command, const std::vector<SignedPart>& parts) {
  std::string envelope = "{\"command\":" + command + ",\"signatures\":[";
  for (const SignedPart& part : parts) {
    if (envelope.back() != '[') envelope.push_back(',');
    envelope += "{\"key\":\"" + to_hex(part.key) + "\",\"sig\":\"" + to_hex(part.signature) + "\"}";
  }
  ParsedCommand parsed = parse_envelope(envelope + "]}");
  if (parsed.command == nullptr) return Status(Code::kInvalid, parsed.refusal->message);
  return parsed.command;
}

Hash id_of(const std::string& command) { return blake3({BytesView("tb/command/v1"), command}); }

}  // namespace

std::unique_ptr<CommandSigner> signer_of_key(SigningKey key) {
  return std::make_unique<KeySigner>(std::move(key), std::string());
}

std::unique_ptr<CommandSigner> signer_of_session(SigningKey key, std::string owner) {
  return std::make_unique<KeySigner>(std::move(key), std::move(owner));
}

Result<std::unique_ptr<CommandSigner>> signer_of_flags(Session& session) {
  const Options& options = session.options;
  if (!options.remote_signers.empty()) {
    if (!options.key_id.empty() || !options.key_file.empty())
      return Status(Code::kInvalid, "--remote-signer goes with neither --key-id nor --key");
    Result<std::unique_ptr<SignerGroup>> group = SignerGroup::open(session);
    if (!group.ok()) return group.status();
    return std::unique_ptr<CommandSigner>(*std::move(group));
  }
  Result<SigningKey> key = signing_key(session);
  if (!key.ok()) return key.status();
  return signer_of_key(*std::move(key));
}

Result<CommandPtr> sign_draft(const CommandDraft& draft, std::uint8_t pct, CommandSigner& signer) {
  Result<std::string> from = signer.address();
  if (!from.ok()) return from.status();
  json::object members = {{"chain", draft.chain},
                          {"from", *from},
                          {"nonce", draft.nonce},
                          {"method", draft.method},
                          {"params", draft.params}};
  if (draft.fee > 0)
    members["fee"] = draft.fee > kMaxSafeInteger ? json::value(std::to_string(draft.fee))
                                                 : json::value(draft.fee);
  if (pct != kMaxPct) members["pct"] = pct;
  if (!draft.memo.empty()) members["memo"] = draft.memo;
  if (draft.lane) members["lane"] = lane_name(*draft.lane);
  TB_TRY(signer.add_members(&members));
  Result<std::string> text = canonical_json(members);
  if (!text.ok()) return text.status();
  Result<std::vector<SignedPart>> parts = signer.sign(id_of(*text), *text);
  if (!parts.ok()) return parts.status();
  std::sort(parts->begin(), parts->end(),
            [](const SignedPart& a, const SignedPart& b) { return a.key < b.key; });
  return seal(*text, *parts);
}

Result<CommandPtr> sign_canonical(const std::string& command, const SigningKey& key) {
  return seal(command, {{key.public_key(), key.sign(view(id_of(command))), {}}});
}

}  // namespace blockd::cli
