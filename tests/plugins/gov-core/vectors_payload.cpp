// validate_payload, memo_deps, canonical_deps, find_cycle, proposal_dag and provenance_chain.
#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include "kernel/base/blake3.hpp"
#include "plugins/gov-core/dependencies.hpp"
#include "plugins/gov-core/provenance.hpp"
#include "tests/plugins/gov-core/vectors.hpp"

namespace gov {
namespace {

namespace json = boost::json;

json::array list_of(const Ids& ids) { return json::array(ids.begin(), ids.end()); }

Ids ids_of(const json::value& list) {
  Ids ids;
  for (const json::value& id : list.as_array()) ids.push_back(u64_of(id));
  return ids;
}

// Throws where a member is none of `known`, or misses: invalid_params.
const json::object& known_members(const json::value& value,
                                  std::initializer_list<const char*> known) {
  for (const auto& [name, member] : value.as_object()) {
    if (std::find(known.begin(), known.end(), std::string_view(name)) == known.end())
      throw std::runtime_error("unknown field " + std::string(name));
  }
  return value.get_object();
}

template <class Fn>
void each(const json::object& object, std::string_view name, Fn&& fn) {
  const json::value* list = object.if_contains(name);
  if (list == nullptr) return;
  for (const json::value& item : list->as_array()) fn(item);
}

void optional_u64(const json::object& object, std::string_view name, std::uint64_t* out) {
  if (const json::value* value = object.if_contains(name)) *out = u64_of(*value);
}

void read_proposal(const json::value& value, Payload& p) {
  const json::object& in =
      known_members(value, {"title", "summary", "deps", "attachments", "quorum",
                            "vote_window_epochs", "timelock_epochs", "rollback_window_epochs"});
  p.title = text_in(in, "title");
  p.summary = text_in(in, "summary");
  if (const json::value* deps = in.if_contains("deps")) p.deps = ids_of(*deps);
  each(in, "attachments", [&](const json::value& item) {
    const json::object& a = known_members(item, {"name", "uri"});
    p.attachments.push_back({text_in(a, "name"), text_in(a, "uri")});
  });
  if (const json::value* quorum = in.if_contains("quorum")) {
    const json::object& q = known_members(*quorum, {"operators_ppm", "builders_ppm"});
    optional_u64(q, "operators_ppm", &p.quorum.operators_ppm);
    optional_u64(q, "builders_ppm", &p.quorum.builders_ppm);
  }
  optional_u64(in, "vote_window_epochs", &p.vote_window_epochs);
  optional_u64(in, "timelock_epochs", &p.timelock_epochs);
  optional_u64(in, "rollback_window_epochs", &p.rollback_window_epochs);
}

void read_disbursement(const json::value& value, Payload& p) {
  const json::object& in = known_members(value, {"destination", "amount", "amount_ct", "memo",
                                                 "scheduled_epoch", "expected_receipts"});
  p.destination = text_in(in, "destination");
  p.amount = u64_in(in, in.contains("amount_ct") ? "amount_ct" : "amount");
  if (in.contains("memo")) p.memo = text_in(in, "memo");
  p.scheduled_epoch = u64_in(in, "scheduled_epoch");
  each(in, "expected_receipts", [&](const json::value& item) {
    const json::object& r = known_members(item, {"account", "amount"});
    p.expected_receipts.push_back({text_in(r, "account"), u64_in(r, "amount")});
  });
}

json::value validate(const json::object& input) {
  const std::optional<Payload> payload = decode_payload(input.at("payload"));
  const std::string_view error = payload ? check_payload(*payload) : "invalid_params";
  return json::object{{"result", error.empty() ? "ok" : error}};
}

json::value cycle(const json::object& input) {
  std::vector<Node> graph;
  for (const json::value& item : input.at("graph").as_array())
    graph.push_back({u64_in(item.as_object(), "id"), ids_of(item.at("deps"))});
  return json::object{{"cycle", list_of(find_cycle(graph))}};
}

json::value dag(const json::object& input) {
  const auto deps_of = [&](std::uint64_t id) -> std::optional<Ids> {
    for (const json::value& item : input.at("existing").as_array()) {
      if (u64_in(item.as_object(), "id") == id) return ids_of(item.at("deps"));
    }
    return std::nullopt;
  };
  const json::object& added = input.at("new").as_object();
  const Closes closes =
      closes_cycle(u64_in(added, "id"), ids_of(added.at("deps")), deps_of, 10'000);
  return json::object{{"acyclic", closes == Closes::kNo}};
}

template <class T, class Read>
std::optional<T> optional_of(const json::object& entry, std::string_view name, Read&& read) {
  const json::value* value = entry.if_contains(name);
  if (value == nullptr || value->is_null()) return std::nullopt;
  return read(entry, name);
}

Digest blake3_digest(std::string_view bytes) {
  Digest out{};
  const blockd::Hash hash = blockd::blake3(bytes);
  std::copy_n(hash.data(), out.size(), out.begin());
  return out;
}

json::value chain(const json::object& input) {
  json::array hashes;
  std::string prev(kFirstPrevHash);
  std::uint64_t seq = 0;
  for (const json::value& item : input.at("entries").as_array()) {
    const json::object& in = item.as_object();
    ProvenanceEntry e;
    e.seq = ++seq;
    e.prev_hash = prev;
    e.kind = text_in(in, "kind");
    e.epoch = u64_in(in, "epoch");
    e.height = u64_in(in, "height");
    e.time = u64_in(in, "time");
    e.disbursement_id = optional_of<std::uint64_t>(in, "disbursement_id", u64_in);
    e.amount = optional_of<std::uint64_t>(in, "amount", u64_in);
    e.from_state = optional_of<std::string>(in, "from_state", text_in);
    e.to_state = optional_of<std::string>(in, "to_state", text_in);
    e.destination = optional_of<std::string>(in, "destination", text_in);
    e.reason = optional_of<std::string>(in, "reason", text_in);
    e.tx_hash = optional_of<std::string>(in, "tx_hash", text_in);
    e.subject = optional_of<std::string>(in, "subject", text_in);
    if (const json::value* data = in.if_contains("data")) e.data_json = json::serialize(*data);
    prev = entry_hash(e, &blake3_digest);
    hashes.push_back(json::value(prev));
  }
  return json::object{{"entry_hashes", hashes}};
}

}  // namespace

std::optional<Payload> decode_payload(const json::value& value) {
  try {
    Payload p;
    const json::object& in = known_members(value, {"proposal", "disbursement"});
    read_proposal(in.at("proposal"), p);
    read_disbursement(in.at("disbursement"), p);
    return p;
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

Answered replay_payloads(std::string_view fn, const json::object& input) {
  if (fn == "validate_payload") return validate(input);
  if (fn == "memo_deps") return json::object{{"deps", list_of(memo_deps(text_in(input, "memo")))}};
  if (fn == "canonical_deps") {
    const std::optional<Payload> p = decode_payload(input.at("payload"));
    if (!p) throw std::runtime_error("the payload does not decode");
    return json::object{{"deps", list_of(canonical_deps(p->deps, p->memo))}};
  }
  if (fn == "find_cycle") return cycle(input);
  if (fn == "proposal_dag") return dag(input);
  if (fn == "provenance_chain") return chain(input);
  return std::nullopt;
}

}  // namespace gov
