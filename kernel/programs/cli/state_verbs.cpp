// state dump and telemetry wrappers: everything at once, as JSON for other programs.
#include <ostream>

#include "kernel/programs/cli/catalogue.hpp"
#include "kernel/programs/cli/node_client.hpp"
#include "kernel/programs/cli/output.hpp"

namespace blockd::cli {
namespace {

constexpr std::uint64_t kRowsAtOnce = 1000;

// Prints the rows of one answer, each on its line of one JSON array.
void print_rows(Session& session, const json::array& rows, bool* first) {
  for (const json::value& row : rows) {
    session.world.out << (*first ? "" : ",\n") << json_text(row, false);
    *first = false;
  }
}

std::uint64_t height_of(const json::value& answer) {
  const json::value* height = member_at(answer, "height");
  return height && height->is_number() ? height->to_number<std::uint64_t>() : 0;
}

// Answer by answer, so that a large state needs little memory here and in the node. The state goes
// on meanwhile, which is said: a copy of one moment is a snapshot.
int dump(Session& session, const LocalArgs& args) {
  json::object params = {{"namespace", args.get("--namespace")},
                         {"prefix", args.get("--prefix")},
                         {"limit", kRowsAtOnce}};
  NodeClient client(session);
  std::optional<std::uint64_t> begun;
  bool first = true;
  for (;;) {
    const Result<json::value> answer = client.call("state.dump", params);
    if (!answer.ok()) {
      if (begun) session.world.out << "\n]\n";
      return session.fail(answer.status());
    }
    const json::value* rows = member_at(*answer, "rows");
    const json::value* next = member_at(*answer, "next");
    if (!rows || !rows->is_array() || !next)
      return session.fail(Status(Code::kCorrupt, "the answer of state.dump has no rows"));
    const std::uint64_t height = height_of(*answer);
    if (!begun) session.world.out << "[\n";
    if (!begun) begun = height;
    print_rows(session, rows->get_array(), &first);
    if (!session.world.out) return kExitOk;  // who read it has gone
    if (!next->is_null()) {
      params["after"] = *next;
      continue;
    }
    session.world.out << "\n]\n";
    if (height != *begun)
      session.world.err << "warning: the state went on from height " << *begun << " to " << height
                        << " while it was read; `contract-cli snapshots create` keeps one moment\n";
    return kExitOk;
  }
}

std::string shown(const json::value& of, const char* member) {
  const json::value* value = member_at(of, member);
  return value ? cell_text(*value) : "-";
}

void print_series(Session& session, const json::value& series) {
  session.world.out << shown(series, "metric");
  const json::value* labels = member_at(series, "labels");
  bool first = true;
  if (labels && labels->is_object()) {
    for (const auto& [name, value] : labels->get_object()) {
      session.world.out << (first ? "{" : ",") << escape_controls(std::string_view(name)) << "=\""
                        << cell_text(value) << '"';
      first = false;
    }
  }
  session.world.out << (first ? " " : "} ") << shown(series, "value") << '\n';
}

void print_hashes(Session& session, const json::value& answer) {
  const json::value* spaces = member_at(answer, "meta.namespaces");
  if (spaces && spaces->is_object()) {
    for (const auto& [name, space] : spaces->get_object())
      session.world.out << "namespace " << escape_controls(std::string_view(name)) << " schema "
                        << shown(space, "schema_hash") << " snapshot "
                        << shown(space, "snapshot_hash") << '\n';
  }
  session.world.out << "wrappers schema " << shown(answer, "meta.schema_hash")
                    << "\nwrappers snapshot " << shown(answer, "meta.snapshot_hash") << '\n';
}

int wrappers(Session& session, const LocalArgs& args) {
  NodeClient client(session);
  Result<json::value> answer =
      client.call("telemetry.wrappers", json::object{{"namespace", args.get("--namespace")}});
  if (!answer.ok()) return session.fail(answer.status());
  if (json::object* all = answer->if_object(); all != nullptr && args.has("--hash-only")) {
    json::object hashes;
    if (const json::value* meta = all->if_contains("meta")) hashes["meta"] = *meta;
    *all = std::move(hashes);
  }
  if (session.wants_json()) return print_result(session, *answer, {"", {}, "", true});
  if (session.options.format == Format::kYaml) return print_result(session, *answer);
  const json::object* nodes = answer->if_object();
  if (!nodes)
    return session.fail(Status(Code::kCorrupt, "the answer of telemetry.wrappers is no object"));
  for (const auto& [node, said] : *nodes) {
    const json::value* list = member_at(said, "metrics");
    if (!list || !list->is_array()) continue;  // `meta`
    for (const json::value& series : list->get_array()) print_series(session, series);
  }
  print_hashes(session, *answer);
  return kExitOk;
}

}  // namespace

std::vector<LocalVerb> state_verbs() {
  return {{"state dump",
           "",
           "All rows of the state, or of a namespace, as one JSON array",
           {{"--namespace", "NAME", "Rows of this plugin only"},
            {"--prefix", "HEX", "Keys that begin so; with --namespace"}},
           0,
           0,
           dump,
           {{"contract-cli state dump --namespace ledger --prefix 612f | jq length",
             "How many accounts there are"}}},
          {"telemetry wrappers",
           "",
           "Every series that the node exports, with hashes of what there is and what it says",
           {{"--namespace", "NS", "Series of this plugin only"},
            {"--hash-only", "", "Only the hashes"}},
           0,
           0,
           wrappers,
           {{"contract-cli telemetry wrappers --format text --hash-only",
             "Two nodes with the same plugins have the same schema hash"}}}};
}

}  // namespace blockd::cli
