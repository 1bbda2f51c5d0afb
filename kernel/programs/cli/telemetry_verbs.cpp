// telemetry tail and tls-warnings, fees, validator status: what the node knows of itself, as lines
// for people and for grep.
#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <ostream>
#include <sstream>
#include <thread>

#include "kernel/net/tls_fingerprint.hpp"
#include "kernel/programs/cli/catalogue.hpp"
#include "kernel/programs/cli/node_client.hpp"
#include "kernel/programs/cli/output.hpp"
#include "kernel/programs/cli/top_frame.hpp"

namespace blockd::cli {
namespace {

constexpr std::uint64_t kMaxTailInterval = 3600, kMaxTailRounds = 1'000'000;
constexpr const char* kLanes[] = {"consumer", "industrial", "service"};

// Whether lines are wanted: unless a format for programs is asked for, also into a pipe.
bool wants_lines(const Session& session) {
  return session.options.format != Format::kJson && session.options.format != Format::kYaml;
}

Result<json::value> ask(Session& session, const char* method) {
  NodeClient client(session);
  return client.call(method, json::object{});
}

std::string text_at(const json::value& value, const std::string& path) {
  const json::value* member = member_at(value, path);
  return member && !member->is_null() ? cell_text(*member) : "-";
}

Result<std::map<std::string, double, std::less<>>> read_node_series(NodeClient& client) {
  Result<json::value> answer = client.call("metrics", json::object{});
  if (!answer.ok()) return answer.status();
  const json::value* text = member_at(*answer, "text");
  if (!text || !text->is_string())
    return Status(Code::kCorrupt, "the answer of `metrics` has no text");
  return read_series(std::string_view(text->get_string()));
}

std::string shown_number(double value) {
  std::ostringstream out;
  out.precision(15);
  out << value;
  return out.str();
}

// Every interval the series that have changed, with their values and by how much.
int tail(Session& session, const LocalArgs& args) {
  const auto seconds = parse_u64(args.get("--interval", "1"));
  const auto rounds = parse_u64(args.get("--count", "0"));
  if (!seconds || *seconds == 0 || *seconds > kMaxTailInterval)
    return session.fail(Status(Code::kInvalid, "--interval: expected 1..3600 seconds"));
  if (!rounds || *rounds > kMaxTailRounds)
    return session.fail(Status(Code::kInvalid, "--count: expected a number up to 1000000"));
  const std::string prefix = args.get("--prefix");
  NodeClient client(session);
  auto before = read_node_series(client);
  if (!before.ok()) return session.fail(before.status());
  for (std::uint64_t made = 0; *rounds == 0 || made < *rounds; ++made) {
    std::this_thread::sleep_for(std::chrono::seconds(*seconds));
    auto now = read_node_series(client);
    if (!now.ok()) return session.fail(now.status());
    for (const auto& [name, value] : *now) {
      if (!name.starts_with(prefix)) continue;
      const auto old = before->find(name);
      const double was = old == before->end() ? 0 : old->second;
      if (old != before->end() && was == value) continue;
      session.world.out << escape_controls(name) << ' ' << shown_number(value) << " ("
                        << (value >= was ? "+" : "") << shown_number(value - was) << ")\n";
    }
    session.world.out << std::flush;
    if (!session.world.out) return kExitOk;  // who read it has gone
    before = std::move(now);
  }
  return kExitOk;
}

std::vector<std::string> by_commas(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, ',');) out.push_back(part);
  return out;
}

// The fingerprints of a text and of variables, for a comparison with what a service shows.
int probe_fingerprints(Session& session, const LocalArgs& args) {
  json::object out;
  if (args.has("--probe-detail"))
    out["detail_fingerprint"] = tls_fingerprint(args.get("--probe-detail"));
  if (args.has("--probe-variables")) {
    const std::vector<std::string> variables = by_commas(args.get("--probe-variables"));
    out["variables_fingerprint"] = tls_fingerprint(std::span(variables));
  }
  if (!wants_lines(session)) return print_result(session, out);
  for (const auto& [name, value] : out)
    session.world.out << std::string_view(name) << ' ' << std::string_view(value.get_string())
                      << '\n';
  return kExitOk;
}

int tls_warnings(Session& session, const LocalArgs& args) {
  if (args.has("--probe-detail") || args.has("--probe-variables"))
    return probe_fingerprints(session, args);
  const Result<json::value> answer = ask(session, "diagnostics.tls");
  if (!answer.ok()) return session.fail(answer.status());
  const json::value* all = member_at(*answer, "warnings");
  if (!all || !all->is_array())
    return session.fail(Status(Code::kCorrupt, "the answer of diagnostics.tls has no warnings"));
  json::array chosen;
  for (const json::value& warning : all->get_array()) {
    const bool prefix = !args.has("--prefix") || text_at(warning, "prefix") == args.get("--prefix");
    const bool code = !args.has("--code") || text_at(warning, "code") == args.get("--code");
    if (prefix && code) chosen.push_back(warning);
  }
  if (!wants_lines(session)) return print_result(session, chosen, {"", {}, "prefix", false});
  if (chosen.empty()) session.world.out << "no TLS warnings\n";
  for (const json::value& w : chosen) {
    session.world.out << text_at(w, "prefix") << ' ' << text_at(w, "code")
                      << " total=" << text_at(w, "total")
                      << " last_seen=" << text_at(w, "last_seen")
                      << " detail_fingerprint=" << text_at(w, "detail_fingerprint")
                      << " variables_fingerprint=" << text_at(w, "variables_fingerprint") << ": "
                      << text_at(w, "detail") << '\n';
  }
  return kExitOk;
}

// How many TLS warnings there are and how old; with --latest the warnings themselves.
int tls_status(Session& session, const LocalArgs& args) {
  if (args.has("--latest")) return tls_warnings(session, args);
  const Result<json::value> answer = ask(session, "diagnostics.tls");
  if (!answer.ok()) return session.fail(answer.status());
  const json::value* all = member_at(*answer, "warnings");
  if (!all || !all->is_array())
    return session.fail(Status(Code::kCorrupt, "the answer of diagnostics.tls has no warnings"));
  std::optional<std::uint64_t> newest, oldest;
  for (const json::value& warning : all->get_array()) {
    const auto seen = parse_u64(text_at(warning, "last_seen"));
    if (!seen) continue;
    newest = std::max(newest.value_or(0), *seen);
    oldest = std::min(oldest.value_or(*seen), *seen);
  }
  const auto shown = [](const std::optional<std::uint64_t>& at) {
    return at ? json::value(*at) : json::value(nullptr);
  };
  return print_result(session, json::object{{"active_snapshots", all->get_array().size()},
                                            {"most_recent_last_seen", shown(newest)},
                                            {"least_recent_last_seen", shown(oldest)}});
}

// The value of a label in a series such as name{a="x",b="y"}; empty: it has none of that name.
std::string label_of(std::string_view series, const std::string& label) {
  const std::string before = label + "=\"";
  std::size_t at = series.find("{" + before);
  if (at == std::string_view::npos) at = series.find("," + before);
  if (at == std::string_view::npos) return {};
  at += 1 + before.size();
  return std::string(series.substr(at, series.find('"', at) - at));
}

// What stands behind the parts of this node that other builds may have from elsewhere.
int dependencies(Session& session, const LocalArgs&) {
  struct Part {
    std::string_view dependency, series;
    const char *name, *backend;  // labels
  };
  constexpr Part kParts[] = {{"runtime", "runtime_backend_info{", "", "backend"},
                             {"storage-engine", "storage_engine_info{", "name", "engine"}};
  NodeClient client(session);
  const auto series = read_node_series(client);
  if (!series.ok()) return session.fail(series.status());
  json::array rows;
  for (const Part& part : kParts) {
    for (const auto& [name, value] : *series) {
      if (value != 1 || !name.starts_with(part.series)) continue;
      const std::string of = *part.name == '\0' ? "node" : label_of(name, part.name);
      rows.push_back(json::object{{"dependency", part.dependency},
                                  {"name", of},
                                  {"backend", label_of(name, part.backend)}});
    }
  }
  if (session.options.format == Format::kAuto) session.options.format = Format::kTable;
  return print_result(session, rows, {"", {"dependency", "name", "backend"}, "name", false});
}

// What a command must pay now, a row for each lane.
int fees(Session& session, const LocalArgs&) {
  const Result<json::value> stats = ask(session, "mempool.stats");
  if (!stats.ok()) return session.fail(stats.status());
  json::array rows;
  for (const char* lane : kLanes) {
    const json::value* of = member_at(*stats, lane);
    if (!of || !of->is_object())
      return session.fail(Status(Code::kCorrupt, std::string("mempool.stats has no lane ") + lane));
    json::object row = {{"lane", lane}};
    for (const char* figure : {"fee_floor", "base_fee", "fee_p50", "fee_p90", "size"}) {
      const json::value* value = member_at(*of, figure);
      row[figure] = value ? *value : json::value(nullptr);
    }
    rows.push_back(std::move(row));
  }
  if (session.options.format == Format::kAuto) session.options.format = Format::kTable;
  return print_result(session, rows, {"", {}, "lane", false});
}

std::string next_slot_text(const json::value& status) {
  const json::value* height = member_at(status, "next_slot.height");
  if (!height) return "-";
  const json::value* in_ms = member_at(status, "next_slot.in_ms");
  const bool known = in_ms && in_ms->is_number();
  return cell_text(*height) +
         (known ? " (in " + std::to_string((in_ms->to_number<std::uint64_t>() + 999) / 1000) + "s)"
                : " (with the next command)");
}

int validator_status(Session& session, const LocalArgs&) {
  const Result<json::value> status = ask(session, "validator.status");
  if (!status.ok()) return session.fail(status.status());
  if (!wants_lines(session)) return print_result(session, *status);
  session.world.out << "Validator: " << text_at(*status, "state")
                    << "\nPublic Key: " << text_at(*status, "public_key")
                    << "\nPower: " << text_at(*status, "power")
                    << "\nBlocks Proposed (24h): " << text_at(*status, "blocks_proposed_24h")
                    << "\nNext Slot: " << next_slot_text(*status) << '\n';
  return kExitOk;
}

}  // namespace

std::vector<LocalVerb> telemetry_verbs() {
  return {
      {"telemetry tail",
       "",
       "The series that change, again and again, with by how much",
       {{"--interval", "SECS", "Time between two readings (1)"},
        {"--count", "N", "End after so many (0: never)"},
        {"--prefix", "TEXT", "Only series whose names begin so"}},
       0,
       0,
       tail,
       {{"contract-cli telemetry tail --prefix rpc_ --interval 5", "Ctrl-C ends"}}},
      {"telemetry tls-warnings",
       "",
       "Defects of the node's TLS settings, with the fingerprints that tell new ones from known",
       {{"--prefix", "PREFIX", "Only of these variables, such as TB_RPC_TLS"},
        {"--code", "CODE", "Only with this code"},
        {"--probe-detail", "TEXT", "Print the fingerprint of this detail; asks no node"},
        {"--probe-variables", "A,B", "Print the fingerprint of these variables; asks no node"}},
       0,
       0,
       tls_warnings,
       {{"contract-cli telemetry tls-warnings --code missing_identity_component",
         "A line for each section with a certificate or a key alone"}}},
      {"tls status",
       "",
       "How many defects the node's TLS settings have, and when they were seen",
       {{"--latest", "", "The defects themselves, as telemetry tls-warnings prints them"}},
       0,
       0,
       tls_status,
       {{"contract-cli tls status --latest", "A line for each defect"}}},
      {"system dependencies",
       "",
       "What the node has its runtime and its stores from",
       {},
       0,
       0,
       dependencies,
       {{"contract-cli system dependencies", "A row for the runtime and for each store"}}},
      {"fees",
       "",
       "What a command pays now in each lane, and what those that wait pay",
       {},
       0,
       0,
       fees},
      {"validator status",
       "",
       "What this node's validator key does: its standing, power, blocks of a day and next slot",
       {},
       0,
       0,
       validator_status,
       {{"contract-cli validator status", "Five lines; --json also tells the newest 100 votes"}},
       {"moloch validator status"}}};
}

}  // namespace blockd::cli
