// validate_payload, memo_deps, canonical_deps, find_cycle, proposal_dag and provenance_chain.
#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <stdexcept>

#include "kernel/base/blake3.hpp"
#include "kernel/base/json.hpp"
#include "plugins/gov-core/dependencies.hpp"
#include "plugins/gov-core/provenance.hpp"
#include "plugins/treasury/cli/payload_json.hpp"
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

std::string canonical_text(const json::value& value) {
  blockd::Result<std::string> text = blockd::canonical_json(value);
  if (!text.ok()) throw std::runtime_error(text.status().to_string());
  return *std::move(text);
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
    if (const json::value* data = in.if_contains("data")) e.data_json = canonical_text(*data);
    prev = entry_hash(e, &blake3_digest);
    hashes.push_back(json::value(prev));
  }
  return json::object{{"entry_hashes", hashes}};
}

}  // namespace

std::optional<Payload> decode_payload(const json::value& value) {
  Payload payload;
  std::string problem;
  if (!treasury::parse_payload(json::serialize(value), &payload, &problem)) return std::nullopt;
  return payload;
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
