// Cost of an envelope of 700 bytes: one walk over its plain text, a tree of its params where one is
// wanted, one hash. One that is not plain costs a parse into one block of memory, and, unless it
// comes from the log, a canonical print for the comparison.
#include "kernel/chain/command.hpp"

#include <algorithm>
#include <array>
#include <boost/json/monotonic_resource.hpp>
#include <cstring>

#include "kernel/base/address.hpp"
#include "kernel/base/blake3.hpp"
#include "kernel/base/hex.hpp"
#include "kernel/chain/flow/command_form.hpp"

namespace blockd {
namespace {

using internal::bad_field;

constexpr std::string_view kCommandDomain = "tb/command/v1";
constexpr std::string_view kEnvelopeBegin = "{\"command\":";
constexpr std::string_view kEnvelopeMiddle = ",\"signatures\":";
constexpr std::size_t kKeptBuffer = 64u << 10;  // larger print buffers are given back

Hash command_id(BytesView signed_bytes) { return blake3({kCommandDomain, signed_bytes}); }

ParsedCommand refused(Refusal refusal) { return {nullptr, std::move(refusal)}; }

Refusal not_canonical(std::string_view text) {
  Refusal out = make_refusal(kRpcInvalidParams, "not_canonical", text);
  out.hint = "send the bytes that were signed: RFC 8785, members sorted, no blanks, integers only";
  return out;
}

Refusal bad_number(const json::value& envelope) {
  Refusal out = bad_field(internal::path_of_bad_number(envelope),
                          "expected an integer of at most 2^53-1 in magnitude");
  out.hint =
      "write a larger integer as a decimal string; fractions, exponents and -0 have no place in a "
      "command";
  return out;
}

// The members of an envelope; `_tx` is the request's, not the command's, and only there.
std::optional<Refusal> envelope_members(const json::value& envelope, bool in_request,
                                        const json::value** command,
                                        const json::value** signatures) {
  const json::object* object = envelope.if_object();
  if (object == nullptr) return bad_field("", "expected an envelope {\"command\",\"signatures\"}");
  *command = object->if_contains("command");
  *signatures = object->if_contains("signatures");
  if (*command == nullptr || !(*command)->is_object())
    return bad_field("command", "expected an object");
  if (*signatures == nullptr) return bad_field("signatures", "missing");
  for (const json::key_value_pair& member : *object) {
    std::string_view name(member.key().data(), member.key().size());
    if (name == "command" || name == "signatures" || (in_request && name == "_tx")) continue;
    return bad_field(name, "an envelope has the members command and signatures only");
  }
  return std::nullopt;
}

// Prints the canonical envelope into `out`; `*signed_size` is the length of the command inside.
// Fails for a number that has no form.
bool print_envelope(const json::value& command, const json::value& signatures, Bytes& out,
                    std::size_t* signed_size) {
  out.append(kEnvelopeBegin);
  if (!append_canonical(command, out).ok()) return false;
  *signed_size = out.size() - kEnvelopeBegin.size();
  out.append(kEnvelopeMiddle);
  if (!append_canonical(signatures, out).ok()) return false;
  out.push_back('}');
  return true;
}

// True when `bytes` are the canonical print. The buffer is the thread's, because this runs for
// every command of every block.
std::optional<Refusal> check_canonical(const json::value& envelope, const json::value& command,
                                       const json::value& signatures, BytesView bytes,
                                       std::size_t* signed_size) {
  static thread_local Bytes printed;
  printed.clear();
  const bool printable = print_envelope(command, signatures, printed, signed_size);
  const bool same = printable && printed == bytes;
  if (printed.capacity() > kKeptBuffer) Bytes().swap(printed);
  if (!printable) return bad_number(envelope);
  if (!same) return not_canonical("the envelope's bytes are not its canonical form");
  return std::nullopt;
}

bool is_session_key(const Command& command, const PublicKey& key) {
  return to_hex(key) == command.session;
}

// Whether `account` is the address of `key`. Each thread remembers a few addresses: an account that
// sends one command sends more.
bool has_address(const PublicKey& key, const std::string& account) {
  constexpr std::size_t kRemembered = 64;
  struct Known {
    PublicKey key{};
    std::string address;  // empty: none
  };
  static thread_local std::array<Known, kRemembered> remembered;
  Known& known = remembered[key[0] % kRemembered];
  if (known.address.empty() || known.key != key) known = {key, address_of(key)};
  return known.address == account;
}

// Whether the signature of `key` is one that the command needs; every other is a co-signer's.
bool is_needed(const Command& command, const PublicKey& key) {
  if (!command.session.empty()) return is_session_key(command, key);
  if (!command.signers.empty())
    return std::binary_search(command.signers.begin(), command.signers.end(), key);
  return has_address(key, command.from);
}

void find_cosigners(Command& command) {
  if (command.signatures.size() == 1) return;  // it is the needed one, or verify_signatures refuses
  for (const CommandSignature& signature : command.signatures) {
    if (!is_needed(command, signature.key)) command.cosigners.push_back(address_of(signature.key));
  }
}

}  // namespace

std::string_view lane_name(Lane lane) {
  constexpr std::string_view kNames[] = {"consumer", "industrial", "service"};
  return kNames[static_cast<std::size_t>(lane)];
}

Refusal make_refusal(std::int32_t code, std::string name, std::string_view text) {
  Refusal out;
  out.code = code;
  out.message = name + ": " + std::string(text);
  out.name = std::move(name);
  return out;
}

Refusal admission_refusal(int admission_code, std::string name, std::string_view text) {
  Refusal out = make_refusal(kRpcAdmission, std::move(name), text);
  out.admission_code = admission_code;
  return out;
}

namespace {

// Length of the command inside the bytes of an envelope that is known to be canonical: behind it
// there is hex only.
std::optional<std::size_t> signed_size_of(BytesView envelope) {
  const std::size_t middle = envelope.rfind(kEnvelopeMiddle);
  if (!envelope.starts_with(kEnvelopeBegin) || middle == BytesView::npos ||
      middle < kEnvelopeBegin.size())
    return std::nullopt;
  return middle - kEnvelopeBegin.size();
}

// A tree lives as long as its command, in memory of its own.
json::storage_ptr tree_memory(std::size_t text_bytes) {
  return json::make_shared_resource<json::monotonic_resource>(3 * text_bytes + 512);
}

// Everything but the id of an envelope that command_form.hpp calls plain; null for others.
std::shared_ptr<Command> parse_plain(Bytes& envelope_bytes, bool known, bool with_tree) {
  auto out = std::make_shared<Command>();
  Bytes& envelope = out->envelope = std::move(envelope_bytes);
  if (internal::read_plain_envelope(envelope, known, *out)) {
    if (!with_tree) return out;
    Result<json::value> tree =
        parse_json(out->params_text, kMaxJsonDepth - 1, tree_memory(out->params_text.size()));
    if (tree.ok()) {
      std::destroy_at(&out->params);  // an assignment would copy the tree out of its memory
      std::construct_at(&out->params, *std::move(tree));
      return out;
    }
  }
  envelope_bytes = std::move(envelope);
  return nullptr;
}

// Everything but the id. `from_log`: the bytes were found canonical before they were written, and
// have a checksum.
std::optional<Refusal> parse_form(Bytes envelope_bytes, bool from_log, bool with_tree,
                                  std::shared_ptr<Command>* parsed_command) {
  if (envelope_bytes.size() > kMaxEnvelopeBytes) {
    return bad_field("", "the envelope has " + std::to_string(envelope_bytes.size()) +
                             " bytes, at most " + std::to_string(kMaxEnvelopeBytes) + " are taken");
  }
  if (*parsed_command = parse_plain(envelope_bytes, from_log, with_tree);
      *parsed_command != nullptr) {
    find_cosigners(**parsed_command);
    return std::nullopt;
  }
  json::storage_ptr memory = tree_memory(envelope_bytes.size());
  Result<json::value> parsed = parse_json(envelope_bytes, kMaxJsonDepth, memory);
  if (!parsed.ok()) return make_refusal(kRpcParseError, "parse_error", parsed.status().message());

  const json::value *command = nullptr, *signatures = nullptr;
  if (auto refusal = envelope_members(*parsed, false, &command, &signatures)) return refusal;
  std::size_t signed_size = 0;
  if (from_log) {
    const std::optional<std::size_t> size = signed_size_of(envelope_bytes);
    if (!size) return not_canonical("the envelope's bytes are not its canonical form");
    signed_size = *size;
  } else if (auto refusal =
                 check_canonical(*parsed, *command, *signatures, envelope_bytes, &signed_size)) {
    return refusal;
  }
  auto out = std::make_shared<Command>(json::value(memory));
  if (auto refusal = internal::read_command_members(command->get_object(), *out)) return refusal;
  if (auto refusal = internal::read_signatures(*signatures, *out)) return refusal;
  out->params = std::move(parsed->get_object().at("command").get_object().at("params"));
  out->envelope = std::move(envelope_bytes);
  out->signed_bytes = BytesView(out->envelope).substr(kEnvelopeBegin.size(), signed_size);
  find_cosigners(*out);
  *parsed_command = std::move(out);
  return std::nullopt;
}

}  // namespace

ParsedCommand parse_envelope(Bytes envelope_bytes, bool with_tree) {
  std::shared_ptr<Command> command;
  if (auto refusal = parse_form(std::move(envelope_bytes), false, with_tree, &command))
    return refused(std::move(*refusal));
  command->id = command_id(command->signed_bytes);
  return {std::move(command), std::nullopt};
}

std::optional<Refusal> parse_envelopes(std::vector<Bytes> envelopes, std::vector<CommandPtr>* out,
                                       bool with_trees) {
  constexpr std::size_t kGroup = 16;  // as many as are hashed at once
  std::shared_ptr<Command> group[kGroup];
  std::optional<Refusal> refusal;
  for (std::size_t i = 0; i < envelopes.size() && !refusal;) {
    BytesView inputs[kGroup];
    Hash ids[kGroup];
    std::size_t n = 0;
    for (; n < kGroup && i < envelopes.size(); ++n, ++i) {
      refusal = parse_form(std::move(envelopes[i]), true, with_trees, &group[n]);
      if (refusal) break;
      inputs[n] = group[n]->signed_bytes;
    }
    blake3_many(kCommandDomain, std::span(inputs, n), ids);
    for (std::size_t k = 0; k < n; ++k) {
      group[k]->id = ids[k];
      out->push_back(std::move(group[k]));
    }
  }
  return refusal;
}

ParsedCommand parse_envelope(const json::value& envelope, BytesView body, bool with_tree) {
  const json::value *command = nullptr, *signatures = nullptr;
  if (auto refusal = envelope_members(envelope, true, &command, &signatures))
    return refused(std::move(*refusal));
  Bytes printed;
  std::size_t signed_size = 0;
  if (!print_envelope(*command, *signatures, printed, &signed_size))
    return refused(bad_number(envelope));
  // memmem is linear for any input; string_view::find is not.
  if (::memmem(body.data(), body.size(), printed.data() + kEnvelopeBegin.size(), signed_size) ==
      nullptr) {
    return refused(not_canonical("the command's canonical bytes do not stand in the request"));
  }
  return parse_envelope(std::move(printed), with_tree);
}

std::optional<Refusal> verify_signatures(const Command& command) {
  std::size_t needed = 0;
  for (const CommandSignature& signature : command.signatures) {
    if (!ed25519_verify(signature.key, view(command.id), signature.sig)) {
      return admission_refusal(admission::kBadSignature, "bad_signature",
                               "the signature of key " + to_hex(signature.key) +
                                   " does not verify over the command's id " + to_hex(command.id));
    }
    if (is_needed(command, signature.key)) ++needed;
  }
  if (command.threshold > 0 && needed < command.threshold) {
    return admission_refusal(admission::kPendingSignatures, "pending_signatures",
                             std::to_string(needed) + " of the group's keys signed, " +
                                 std::to_string(command.threshold) + " must");
  }
  if (needed == 0) {
    return admission_refusal(admission::kBadSignature, "bad_signature",
                             command.session.empty()
                                 ? "the key of account " + command.from + " did not sign"
                                 : "the session key " + command.session + " did not sign");
  }
  return std::nullopt;
}

namespace {

// The canonical bytes of the command that `draft` describes, members in their sorted order.
Result<Bytes> print_draft(const CommandDraft& draft, std::string_view from) {
  Bytes out = "{\"chain\":";
  append_json_string(out, draft.chain);
  if (draft.expires_at_ms) append_json_u64(out.append(",\"expires_at_ms\":"), *draft.expires_at_ms);
  if (draft.fee != 0) append_json_u64(out.append(",\"fee\":"), draft.fee);
  append_json_string(out.append(",\"from\":"), from);
  if (draft.lane) append_json_string(out.append(",\"lane\":"), lane_name(*draft.lane));
  if (!draft.memo.empty()) append_json_string(out.append(",\"memo\":"), draft.memo);
  append_json_string(out.append(",\"method\":"), draft.method);
  append_json_u64(out.append(",\"nonce\":"), draft.nonce);
  out.append(",\"params\":");
  if (draft.params.is_null()) {
    out.append("{}");
  } else {
    TB_TRY(append_canonical(draft.params, out).in("params of " + draft.method));
  }
  out.push_back('}');
  return out;
}

}  // namespace

Result<CommandPtr> sign_command(const CommandDraft& draft, const SigningKey& key) {
  Result<Bytes> command = print_draft(draft, address_of(key.public_key()));
  if (!command.ok()) return command.status();
  Bytes envelope(kEnvelopeBegin);
  envelope.append(*command).append(kEnvelopeMiddle);
  envelope.append("[{\"key\":\"").append(to_hex(key.public_key()));
  envelope.append("\",\"sig\":\"")
      .append(to_hex(key.sign(view(command_id(*command)))))
      .append("\"}]}");
  ParsedCommand parsed = parse_envelope(std::move(envelope));
  if (parsed.refusal) {
    return Status(Code::kInvalid,
                  "cannot make a command of " + draft.method + ": " + parsed.refusal->message,
                  parsed.refusal->hint);
  }
  return std::move(parsed.command);
}

}  // namespace blockd
