#include "kernel/chain/flow/command_form.hpp"

#include <algorithm>
#include <array>

#include "kernel/base/address.hpp"
#include "kernel/base/hex.hpp"

namespace blockd::internal {
namespace {

constexpr std::size_t kMaxNameBytes = 128;  // of chain and method
constexpr std::size_t kMinSigners = 2;

// The spec's table, in its order.
enum Member : std::size_t {
  kChain,
  kFrom,
  kNonce,
  kMethod,
  kParams,
  kLane,
  kFee,
  kPct,
  kExpires,
  kMemo,
  kSigners,
  kThreshold,
  kSession,
  kMembers
};
constexpr std::array<std::string_view, kMembers> kNames = {
    "chain", "from",          "nonce", "method",  "params",    "lane",   "fee",
    "pct",   "expires_at_ms", "memo",  "signers", "threshold", "session"};
using Slots = std::array<const json::value*, kMembers>;

std::string_view std_view(json::string_view s) { return {s.data(), s.size()}; }

std::string field_of(Member member) { return "command." + std::string(kNames[member]); }

std::string_view kind_of(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      return "null";
    case json::kind::bool_:
      return "a boolean";
    case json::kind::string:
      return "a text";
    case json::kind::object:
      return "an object";
    case json::kind::array:
      return "an array";
    default:
      return "a number";
  }
}

Refusal wrong_type(Member member, std::string_view expected, const json::value& found) {
  return bad_field(field_of(member),
                   "expected " + std::string(expected) + ", found " + std::string(kind_of(found)));
}

std::optional<Refusal> read_text(const Slots& slots, Member member, std::size_t min,
                                 std::size_t max, std::string& out) {
  if (slots[member] == nullptr) return std::nullopt;
  const json::string* text = slots[member]->if_string();
  if (text == nullptr) return wrong_type(member, "a text", *slots[member]);
  if (text->size() < min || text->size() > max) {
    return bad_field(field_of(member), "expected " + std::to_string(min) + " to " +
                                           std::to_string(max) + " bytes, found " +
                                           std::to_string(text->size()));
  }
  out.assign(text->data(), text->size());
  return std::nullopt;
}

// A u64 field of a command: a number up to 2^53-1 or a decimal string.
std::optional<Refusal> read_u64(const Slots& slots, Member member, std::uint64_t min,
                                std::uint64_t& out) {
  const json::value* value = slots[member];
  if (value == nullptr) return std::nullopt;
  std::optional<std::uint64_t> number;
  if (value->is_int64() && value->get_int64() >= 0)
    number = static_cast<std::uint64_t>(value->get_int64());
  if (value->is_uint64()) number = value->get_uint64();
  if (value->is_string()) number = parse_u64(std_view(value->get_string()));
  if (!number || *number < min) {
    return bad_field(field_of(member), "expected an integer from " + std::to_string(min) +
                                           " to 2^64-1 (above 2^53-1 as a decimal string)");
  }
  out = *number;
  return std::nullopt;
}

// Lower-case hex of exactly N bytes: one spelling only, so that a command has one form.
template <std::size_t N>
bool read_hex(const json::value& value, std::array<std::uint8_t, N>& out) {
  const json::string* text = value.if_string();
  if (text == nullptr || text->size() != 2 * N) return false;
  auto digit = [](char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
  };
  for (std::size_t i = 0; i < N; ++i) {
    int high = digit((*text)[2 * i]), low = digit((*text)[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    out[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return true;
}

std::optional<Refusal> read_from(const Slots& slots, Command& out) {
  if (auto refusal = read_text(slots, kFrom, 1, kMaxNameBytes, out.from)) return refusal;
  if (!is_address(out.from)) {
    return bad_field(field_of(kFrom), "expected an address \"tb1…\" with a right checksum");
  }
  // An address may be written in capitals; the account has one name.
  for (char& c : out.from) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  }
  return std::nullopt;
}

std::optional<Refusal> read_lane(const Slots& slots, Command& out) {
  if (slots[kLane] == nullptr) return std::nullopt;
  const json::value& value = *slots[kLane];
  for (Lane lane : {Lane::kConsumer, Lane::kIndustrial}) {
    if (value.is_string() && std_view(value.get_string()) == lane_name(lane)) {
      out.lane = lane;
      return std::nullopt;
    }
  }
  return bad_field(field_of(kLane), "expected \"consumer\" or \"industrial\"");
}

std::optional<Refusal> read_signers(const Slots& slots, Command& out) {
  if (slots[kSigners] == nullptr) return std::nullopt;
  const json::array* keys = slots[kSigners]->if_array();
  if (keys == nullptr) return wrong_type(kSigners, "an array of keys", *slots[kSigners]);
  if (keys->size() < kMinSigners || keys->size() > kMaxSignatures) {
    return bad_field(field_of(kSigners),
                     "expected 2 to 16 keys, found " + std::to_string(keys->size()));
  }
  for (std::size_t i = 0; i < keys->size(); ++i) {
    PublicKey key;
    std::string field = field_of(kSigners) + "[" + std::to_string(i) + "]";
    if (!read_hex((*keys)[i], key)) return bad_field(field, "expected 64 lower-case hex digits");
    if (!out.signers.empty() && !(out.signers.back() < key)) {
      return bad_field(field, "keys must ascend, without a repeat");
    }
    out.signers.push_back(key);
  }
  return std::nullopt;
}

std::optional<Refusal> read_group(const Slots& slots, Command& out) {
  if (auto refusal = read_signers(slots, out)) return refusal;
  std::uint64_t threshold = 0;
  if (auto refusal = read_u64(slots, kThreshold, 1, threshold)) return refusal;
  if (out.signers.empty() != (slots[kThreshold] == nullptr)) {
    return bad_field(field_of(out.signers.empty() ? kSigners : kThreshold),
                     "missing: signers and threshold come together");
  }
  if (out.signers.empty()) return std::nullopt;
  if (threshold > out.signers.size()) {
    return bad_field(field_of(kThreshold), "expected 1 to " + std::to_string(out.signers.size()) +
                                               ", found " + std::to_string(threshold));
  }
  out.threshold = static_cast<std::uint8_t>(threshold);
  if (address_of_group(out.threshold, out.signers) != out.from) {
    return bad_field(field_of(kFrom),
                     "this is not the address of exactly these signers and threshold");
  }
  return std::nullopt;
}

std::optional<Refusal> read_session(const Slots& slots, Command& out) {
  if (slots[kSession] == nullptr) return std::nullopt;
  PublicKey key;
  if (!read_hex(*slots[kSession], key)) {
    return bad_field(field_of(kSession), "expected a key of 64 lower-case hex digits");
  }
  if (!out.signers.empty()) {
    return bad_field(field_of(kSession),
                     "a session key signs instead of the account: leave signers and threshold out");
  }
  out.session = std::string(std_view(slots[kSession]->get_string()));
  return std::nullopt;
}

std::optional<Refusal> read_numbers(const Slots& slots, Command& out) {
  if (auto refusal = read_u64(slots, kFee, 0, out.fee)) return refusal;
  std::uint64_t pct = out.pct, expires = 0;
  if (auto refusal = read_u64(slots, kPct, 0, pct)) return refusal;
  out.pct = static_cast<std::uint8_t>(std::min<std::uint64_t>(pct, 255));
  if (auto refusal = read_u64(slots, kExpires, 0, expires)) return refusal;
  if (slots[kExpires] != nullptr) out.expires_at_ms = expires;
  return std::nullopt;
}

// Finds the places of the members; the first unknown one is told in `unknown`.
Slots find_members(const json::object& command, const json::key_value_pair** unknown) {
  Slots slots{};
  for (const json::key_value_pair& member : command) {
    auto at = std::find(kNames.begin(), kNames.end(), std_view(member.key()));
    if (at != kNames.end()) {
      slots[static_cast<std::size_t>(at - kNames.begin())] = &member.value();
    } else if (*unknown == nullptr) {
      *unknown = &member;
    }
  }
  return slots;
}

bool bad_number_below(const json::value& value, std::string& path) {
  if (const json::object* object = value.if_object()) {
    for (const json::key_value_pair& member : *object) {
      std::size_t length = path.size();
      if (!path.empty()) path.push_back('.');
      path.append(member.key().data(), member.key().size());
      if (bad_number_below(member.value(), path)) return true;
      path.resize(length);
    }
    return false;
  }
  if (const json::array* array = value.if_array()) {
    for (std::size_t i = 0; i < array->size(); ++i) {
      std::size_t length = path.size();
      path.append("[").append(std::to_string(i)).append("]");
      if (bad_number_below((*array)[i], path)) return true;
      path.resize(length);
    }
    return false;
  }
  constexpr auto kMax = static_cast<std::int64_t>(kMaxSafeInteger);
  if (const std::int64_t* i = value.if_int64()) return *i < -kMax || *i > kMax;
  if (const std::uint64_t* u = value.if_uint64()) return *u > kMaxSafeInteger;
  return value.is_double();
}

}  // namespace

Refusal bad_field(std::string_view field, std::string_view text) {
  Refusal out = make_refusal(kRpcInvalidParams, "invalid_params",
                             std::string(field) + ": " + std::string(text));
  out.field = field;
  return out;
}

std::optional<Refusal> read_command_members(const json::object& command, Command& out) {
  const json::key_value_pair* unknown = nullptr;
  const Slots slots = find_members(command, &unknown);
  for (Member member : {kChain, kFrom, kNonce, kMethod, kParams}) {
    if (slots[member] == nullptr) return bad_field(field_of(member), "missing");
  }
  if (auto refusal = read_text(slots, kChain, 1, kMaxNameBytes, out.chain)) return refusal;
  if (auto refusal = read_from(slots, out)) return refusal;
  if (auto refusal = read_u64(slots, kNonce, 1, out.nonce)) return refusal;
  if (auto refusal = read_text(slots, kMethod, 1, kMaxNameBytes, out.method)) return refusal;
  if (!slots[kParams]->is_object()) return wrong_type(kParams, "an object", *slots[kParams]);
  if (auto refusal = read_lane(slots, out)) return refusal;
  if (auto refusal = read_numbers(slots, out)) return refusal;
  if (auto refusal = read_text(slots, kMemo, 0, kMaxMemoBytes, out.memo)) return refusal;
  if (auto refusal = read_group(slots, out)) return refusal;
  if (auto refusal = read_session(slots, out)) return refusal;
  if (unknown == nullptr) return std::nullopt;
  std::string name(std_view(unknown->key()));
  Refusal refusal = bad_field("command." + name, "a command has no such member");
  if (auto nearest = nearest_name(name, kNames)) refusal.nearest = *nearest;
  return refusal;
}

std::optional<Refusal> read_signatures(const json::value& signatures, Command& out) {
  const json::array* list = signatures.if_array();
  if (list == nullptr || list->empty() || list->size() > kMaxSignatures) {
    return bad_field("signatures", "expected an array of 1 to 16 signatures");
  }
  out.signatures.reserve(list->size());
  for (std::size_t i = 0; i < list->size(); ++i) {
    auto where = [i](std::string_view member) {
      return "signatures[" + std::to_string(i) + "]" + std::string(member);
    };
    const json::object* entry = (*list)[i].if_object();
    if (entry == nullptr) return bad_field(where(""), "expected {\"key\",\"sig\"}");
    const json::value* key = entry->if_contains("key");
    const json::value* sig = entry->if_contains("sig");
    CommandSignature& read = out.signatures.emplace_back();
    if (key == nullptr || !read_hex(*key, read.key)) {
      return bad_field(where(".key"), "expected 64 lower-case hex digits");
    }
    if (sig == nullptr || !read_hex(*sig, read.sig)) {
      return bad_field(where(".sig"), "expected 128 lower-case hex digits");
    }
    if (entry->size() != 2) return bad_field(where(""), "expected the members key and sig only");
    if (i > 0 && !(out.signatures[i - 1].key < read.key)) {
      return bad_field(where(".key"), "signatures must be sorted by key, no key twice");
    }
  }
  return std::nullopt;
}

std::string path_of_bad_number(const json::value& envelope) {
  std::string path;
  if (!bad_number_below(envelope, path)) return {};
  constexpr std::string_view kParamsPath = "command.params.";
  if (path.starts_with(kParamsPath)) path.erase(0, kParamsPath.size());
  return path;
}

}  // namespace blockd::internal
