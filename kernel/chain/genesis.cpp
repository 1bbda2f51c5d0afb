// Genesis: parsing, canonical text and hash (moloch spec 6.17).
#include <algorithm>
#include <set>

#include "kernel/base/blake3.hpp"
#include "kernel/base/hex.hpp"
#include "kernel/base/json.hpp"
#include "kernel/chain/chain.hpp"

namespace blockd {
namespace {

constexpr std::size_t kMaxGenesisBytes = 64u << 20;
constexpr std::string_view kKeyPrefix = "ed25519:";

Status bad(std::string_view where, std::string_view what) {
  return Status(Code::kInvalid, "genesis: " + std::string(where) + ": " + std::string(what),
                "the format is described in docs/genesis.md");
}

Status read_number(const json::value& value, std::string_view where, std::uint64_t min,
                   std::uint64_t max, std::uint64_t* out) {
  std::optional<std::uint64_t> number;
  if (const auto* u = value.if_uint64()) number = *u;
  if (const auto* i = value.if_int64(); i != nullptr && *i >= 0)
    number = static_cast<std::uint64_t>(*i);
  if (const auto* s = value.if_string()) number = parse_u64(std::string_view(*s));
  if (!number || *number < min || *number > max) {
    return bad(where, "expected an integer of " + std::to_string(min) + ".." + std::to_string(max));
  }
  *out = *number;
  return {};
}

Status read_text(const json::object& object, std::string_view member, std::string_view where,
                 std::string* out) {
  const json::value* value = object.if_contains(member);
  if (value == nullptr || !value->is_string())
    return bad(where, "expected text `" + std::string(member) + "`");
  out->assign(value->get_string().begin(), value->get_string().end());
  return {};
}

template <std::size_t N>
Status unknown_members(const json::object& object, std::string_view where,
                       const std::string_view (&known)[N]) {
  for (const auto& member : object) {
    if (std::find(std::begin(known), std::end(known), std::string_view(member.key())) !=
        std::end(known))
      continue;
    std::string text = "unknown member `" + std::string(member.key()) + "`";
    std::vector<std::string> names(std::begin(known), std::end(known));
    if (auto nearest = nearest_name(std::string_view(member.key()), names))
      text += "; did you mean `" + *nearest + "`?";
    return bad(where, text);
  }
  return {};
}

Status read_consensus(const json::object& object, Genesis& g) {
  static constexpr std::string_view kKnown[] = {
      "authority",           "block_time_ms",         "epoch_length",    "finality",
      "kernel_sm",           "macro_interval_blocks", "max_block_bytes", "max_commands_per_block",
      "max_events_per_block"};
  TB_TRY(unknown_members(object, "consensus", kKnown));
  for (const auto& member : object) {
    std::string_view key = member.key();
    std::string where = "consensus." + std::string(key);
    std::uint64_t n = 0;
    if (key == "authority") {
      TB_TRY(read_text(object, key, where, &g.authority));
      if (g.authority != "operator" && g.authority != "governance")
        return bad(where, "expected operator or governance");
    } else if (key == "epoch_length") {
      TB_TRY(read_number(member.value(), where, 2, 1'000'000, &g.epoch_length));
    } else if (key == "kernel_sm") {
      TB_TRY(read_number(member.value(), where, 1, 0xffff'ffff, &n));
      g.kernel_sm = static_cast<std::uint32_t>(n);
    } else if (key == "macro_interval_blocks") {
      TB_TRY(read_number(member.value(), where, 1, 1'000'000'000, &g.macro_interval_blocks));
    } else if (key == "max_block_bytes") {
      TB_TRY(read_number(member.value(), where, 4096, 64u << 20, &g.max_block_bytes));
    } else if (key == "max_commands_per_block" || key == "max_events_per_block") {
      TB_TRY(read_number(member.value(), where, 1, 100'000, &n));
      g.max_commands_per_block = static_cast<std::uint32_t>(n);
    }
  }
  return {};
}

Status read_validators(const json::array& list, Genesis& g) {
  std::set<PublicKey> keys;
  for (std::size_t i = 0; i < list.size(); ++i) {
    std::string where = "validators[" + std::to_string(i) + "]";
    const json::object* object = list[i].if_object();
    if (object == nullptr) return bad(where, "expected an object");
    static constexpr std::string_view kKnown[] = {"name", "power", "public_key"};
    TB_TRY(unknown_members(*object, where, kKnown));
    Genesis::Validator v;
    TB_TRY(read_text(*object, "name", where, &v.name));
    if (v.name.size() > 64) return bad(where, "name longer than 64 bytes");
    if (const json::value* power = object->if_contains("power")) {
      TB_TRY(read_number(*power, where + ".power", 1, kMaxSafeInteger, &v.power));
    }
    std::string key;
    TB_TRY(read_text(*object, "public_key", where, &key));
    if (key.starts_with(kKeyPrefix)) key.erase(0, kKeyPrefix.size());
    Result<PublicKey> parsed = array_from_hex<32>(key);
    if (!parsed.ok()) return bad(where + ".public_key", parsed.status().message());
    v.key = *parsed;
    if (!keys.insert(v.key).second) return bad(where, "this key is there twice");
    g.validators.push_back(std::move(v));
  }
  return {};
}

Status read_plugins(const json::array& list, Genesis& g) {
  for (std::size_t i = 0; i < list.size(); ++i) {
    std::string where = "plugins[" + std::to_string(i) + "]";
    RosterEntry entry;
    if (const auto* id = list[i].if_string()) {
      entry.id.assign(id->begin(),
                      id->end());  // numbers of the library at hand: the host fills them in
    } else if (const json::object* object = list[i].if_object()) {
      static constexpr std::string_view kKnown[] = {"consensus_hash", "id", "schema", "sm"};
      TB_TRY(unknown_members(*object, where, kKnown));
      TB_TRY(read_text(*object, "id", where, &entry.id));
      std::string hash;
      TB_TRY(read_text(*object, "consensus_hash", where, &hash));
      Result<Hash> parsed = array_from_hex<32>(hash);
      if (!parsed.ok()) return bad(where + ".consensus_hash", parsed.status().message());
      entry.consensus_hash = *parsed;
      for (auto [member, target] :
           {std::pair{"sm", &entry.sm}, std::pair{"schema", &entry.schema}}) {
        const json::value* value = object->if_contains(member);
        std::uint64_t n = 0;
        if (value == nullptr) return bad(where, std::string("`") + member + "` is missing");
        TB_TRY(read_number(*value, where + "." + member, 1, 0xffff'ffff, &n));
        *target = static_cast<std::uint32_t>(n);
      }
    } else {
      return bad(where, "expected an object or the id of a plugin");
    }
    g.plugins.push_back(std::move(entry));
  }
  std::sort(g.plugins.begin(), g.plugins.end(),
            [](const auto& a, const auto& b) { return a.id < b.id; });
  for (std::size_t i = 0; i < g.plugins.size(); ++i) {
    const std::string& id = g.plugins[i].id;
    if (id.empty() || id.size() > 64 || id == "chain")
      return bad("plugins", "`" + id + "` is no id of a plugin");
    if (i > 0 && id == g.plugins[i - 1].id) return bad("plugins", "`" + id + "` is there twice");
  }
  return {};
}

Status read_imports(const json::array& list, Genesis& g) {
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string where = "imports[" + std::to_string(i) + "]";
    const json::object* object = list[i].if_object();
    if (object == nullptr) return bad(where, "expected an object");
    static constexpr std::string_view kKnown[] = {"blake3", "height", "namespace"};
    TB_TRY(unknown_members(*object, where, kKnown));
    NamespaceImport import;
    std::string hash;
    TB_TRY(read_text(*object, "namespace", where, &import.space));
    TB_TRY(read_text(*object, "blake3", where, &hash));
    const Result<Hash> parsed = array_from_hex<32>(hash);
    if (!parsed.ok()) return bad(where + ".blake3", parsed.status().message());
    import.blake3 = *parsed;
    const json::value* height = object->if_contains("height");
    if (height == nullptr) return bad(where, "`height` is missing");
    TB_TRY(read_number(*height, where + ".height", 0, kMaxSafeInteger, &import.height));
    const bool listed = std::any_of(g.plugins.begin(), g.plugins.end(),
                                    [&](const RosterEntry& e) { return e.id == import.space; });
    if (!listed) return bad(where, "no plugin of the genesis has namespace `" + import.space + "`");
    if (i > 0 && import.space <= g.imports.back().space)
      return bad(where, "namespaces ascend and are there once");
    g.imports.push_back(std::move(import));
  }
  return {};
}

}  // namespace

Result<Genesis> Genesis::parse(std::string_view json_text) {
  if (json_text.size() > kMaxGenesisBytes) return bad("file", "longer than 64 MiB");
  Result<json::value> root = parse_json(json_text);
  if (!root.ok()) return root.status().in("genesis");
  const json::object* object = root->if_object();
  if (object == nullptr) return bad("file", "expected an object");
  static constexpr std::string_view kKnown[] = {"alloc",   "chain_id",     "consensus",
                                                "imports", "params",       "plugins",
                                                "roles",   "timestamp_ms", "validators"};
  Status status = unknown_members(*object, "file", kKnown);
  Genesis g;
  auto need = [&](std::string_view member, json::kind kind, bool required) -> const json::value* {
    const json::value* value = object->if_contains(member);
    if (value == nullptr && !required) return nullptr;
    if (value == nullptr || value->kind() != kind) {
      if (status.ok()) status = bad(member, value == nullptr ? "missing" : "of the wrong type");
      return nullptr;
    }
    return value;
  };
  auto step = [&](Status s) {
    if (status.ok()) status = std::move(s);
  };
  if (const auto* v = need("chain_id", json::kind::string, true)) {
    g.chain_id.assign(v->get_string().begin(), v->get_string().end());
    bool good =
        !g.chain_id.empty() && g.chain_id.size() <= 64 &&
        g.chain_id.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
    if (!good) step(bad("chain_id", "expected 1..64 of [a-z0-9-]"));
  }
  if (const json::value* v = object->if_contains("timestamp_ms")) {
    step(read_number(*v, "timestamp_ms", 0, kMaxSafeInteger, &g.timestamp_ms));
  } else {
    step(bad("timestamp_ms", "missing"));
  }
  if (const auto* v = need("consensus", json::kind::object, false))
    step(read_consensus(v->get_object(), g));
  if (const auto* v = need("validators", json::kind::array, true))
    step(read_validators(v->get_array(), g));
  if (const auto* v = need("plugins", json::kind::array, false))
    step(read_plugins(v->get_array(), g));
  if (const auto* v = need("imports", json::kind::array, false))
    step(read_imports(v->get_array(), g));
  for (auto [member, target] : {std::pair{"alloc", &g.alloc}, std::pair{"params", &g.params}}) {
    const auto* v = need(member, json::kind::object, false);
    if (v == nullptr) continue;
    for (const auto& entry : v->get_object()) {
      std::uint64_t n = 0;
      step(read_number(entry.value(), std::string(member) + "." + std::string(entry.key()), 0,
                       ~0ull, &n));
      target->emplace_back(entry.key(), n);
    }
    std::sort(target->begin(), target->end());
  }
  if (const auto* v = need("roles", json::kind::object, false)) {
    for (const auto& entry : v->get_object()) {
      if (!entry.value().is_string())
        step(bad("roles", "expected the name of a role"));
      else
        g.roles.emplace_back(entry.key(), std::string_view(entry.value().get_string()));
    }
    std::sort(g.roles.begin(), g.roles.end());
  }
  if (!status.ok()) return status;
  return g;
}

std::string Genesis::to_json() const {
  json::object root;
  auto number = [](std::uint64_t v) {
    return v <= kMaxSafeInteger ? json::value(v) : json::value(std::to_string(v));
  };
  json::object allocation;
  for (const auto& [account, amount] : alloc) allocation[account] = number(amount);
  root["alloc"] = std::move(allocation);
  root["chain_id"] = chain_id;
  const Genesis usual;
  json::object consensus{{"epoch_length", number(epoch_length)}};
  if (authority != usual.authority) consensus["authority"] = authority;
  if (kernel_sm != usual.kernel_sm) consensus["kernel_sm"] = kernel_sm;
  if (macro_interval_blocks != usual.macro_interval_blocks)
    consensus["macro_interval_blocks"] = number(macro_interval_blocks);
  if (max_block_bytes != usual.max_block_bytes)
    consensus["max_block_bytes"] = number(max_block_bytes);
  if (max_commands_per_block != usual.max_commands_per_block) {
    consensus["max_commands_per_block"] = max_commands_per_block;
  }
  root["consensus"] = std::move(consensus);
  if (!imports.empty()) {
    json::array list;
    for (const NamespaceImport& import : imports)
      list.push_back(json::object{{"blake3", to_hex(import.blake3)},
                                  {"height", number(import.height)},
                                  {"namespace", import.space}});
    root["imports"] = std::move(list);
  }
  if (!params.empty()) {
    json::object values;
    for (const auto& [key, value] : params) values[key] = number(value);
    root["params"] = std::move(values);
  }
  json::array roster;
  for (const RosterEntry& entry : plugins) {
    roster.push_back(json::object{{"consensus_hash", to_hex(entry.consensus_hash)},
                                  {"id", entry.id},
                                  {"schema", entry.schema},
                                  {"sm", entry.sm}});
  }
  root["plugins"] = std::move(roster);
  if (!roles.empty()) {
    json::object values;
    for (const auto& [account, role] : roles) values[account] = role;
    root["roles"] = std::move(values);
  }
  root["timestamp_ms"] = number(timestamp_ms);
  json::array set;
  for (const Validator& v : validators) {
    set.push_back(json::object{{"name", v.name},
                               {"power", number(v.power)},
                               {"public_key", std::string(kKeyPrefix) + to_hex(v.key)}});
  }
  root["validators"] = std::move(set);
  Result<std::string> text = canonical_json(root);
  TB_ASSERT(text.ok());
  return *std::move(text);
}

Hash Genesis::hash() const {
  std::string text = to_json();
  return blake3({BytesView("tb/genesis/v1"), text});
}

}  // namespace blockd
