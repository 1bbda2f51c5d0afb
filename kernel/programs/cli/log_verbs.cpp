// logs rotate-key and logs correlate-metric. The first works on the files of a log, whether its
// node runs or not; the second asks an aggregator which commands or blocks a metric spoke of, and
// the node for the lines about them.
#include "kernel/base/file.hpp"
#include "kernel/log/log_cipher.hpp"
#include "kernel/net/http_client.hpp"
#include "kernel/programs/cli/catalogue.hpp"
#include "kernel/programs/cli/keys.hpp"
#include "kernel/programs/cli/node_client.hpp"
#include "kernel/programs/cli/output.hpp"

namespace blockd::cli {
namespace {

constexpr std::uint64_t kMaxCorrelations = 64, kMaxRows = 1000;

// A flag's text, "@FILE" for the first line of a file, else what is typed.
Result<std::string> passphrase(Session& session, const LocalArgs& args, const std::string& flag,
                               const std::string& prompt) {
  if (!args.has(flag)) return session.world.ask_password(prompt);
  const std::string given = args.get(flag);
  if (!given.starts_with('@')) return given;
  Result<std::string> text = read_text(session.world, given.substr(1));
  if (!text.ok()) return text.status().in(flag);
  return text->substr(0, text->find_first_of("\r\n"));
}

int rotate_key(Session& session, const LocalArgs& args) {
  const std::string& folder = args.words[0];
  std::string before;
  if (file_exists(log_keys_file(folder))) {
    Result<std::string> old =
        passphrase(session, args, "--old-passphrase", "Present passphrase of the log: ");
    if (!old.ok()) return session.fail(old.status());
    before = *std::move(old);
  }
  Result<std::string> next =
      passphrase(session, args, "--new-passphrase", "New passphrase of the log: ");
  if (!next.ok()) return session.fail(next.status());
  const Result<LogKeyChange> change = rotate_log_key(folder, before, *next);
  if (!change.ok()) return session.fail(change.status());
  if (change->plain_segments > 0 && !session.options.quiet)
    session.world.err << "note: the newest file of the log is plain still, since a node may be "
                         "writing it; a later rotation encrypts it\n";
  return print_result(session, json::object{{"folder", folder},
                                            {"key_id", change->key_id},
                                            {"keys", change->keys},
                                            {"encrypted_segments", change->encrypted_segments},
                                            {"plain_segments", change->plain_segments}});
}

// A number of a flag within 1..most.
Result<std::uint64_t> count_of(const LocalArgs& args, const std::string& flag,
                               const std::string& otherwise, std::uint64_t most) {
  const auto number = parse_u64(args.get(flag, otherwise));
  if (number && *number >= 1 && *number <= most) return *number;
  return Status(Code::kInvalid, flag + ": expected 1.." + std::to_string(most));
}

// The correlation ids that the aggregator saw with the metric, newest first.
Result<std::vector<std::string>> correlations(const std::string& aggregator,
                                              const std::string& metric, std::uint64_t most) {
  HttpClient client;
  const std::string url =
      aggregator.substr(0, aggregator.find_last_not_of('/') + 1) + "/correlations/" + metric;
  Result<HttpClientResponse> answer = client.get(url);
  if (!answer.ok()) return answer.status();
  if (answer->status != 200)
    return Status(Code::kUnavailable, url + ": HTTP " + std::to_string(answer->status),
                  "is this the URL of an aggregator?");
  Result<json::value> list = parse_json(answer->body);
  if (!list.ok() || !list->is_array())
    return Status(Code::kUnavailable, url + ": the answer is no list of correlations");
  std::vector<std::string> ids;
  const json::array& all = list->get_array();
  for (std::size_t i = all.size(); i > 0 && ids.size() < most; --i) {
    const json::object* one = all[i - 1].if_object();
    const json::value* id = one != nullptr ? one->if_contains("correlation_id") : nullptr;
    if (id != nullptr && id->is_string()) ids.emplace_back(id->get_string());
  }
  return ids;
}

int correlate_metric(Session& session, const LocalArgs& args) {
  const std::string metric = args.get("--metric");
  const std::string aggregator = args.get("--aggregator");
  if (metric.empty() || aggregator.empty())
    return session.fail(
        Status(Code::kInvalid, metric.empty() ? "--metric is missing" : "--aggregator is missing",
               "usage: contract-cli logs correlate-metric --metric NAME --aggregator URL; which "
               "lines belong to a value of a metric is known to the aggregator"));
  const auto most = count_of(args, "--max-correlations", "1", kMaxCorrelations);
  const auto rows = count_of(args, "--rows", "20", kMaxRows);
  if (!most.ok() || !rows.ok()) return session.fail(most.ok() ? rows.status() : most.status());
  const auto ids = correlations(aggregator, metric, *most);
  if (!ids.ok()) return session.fail(ids.status());
  if (const std::string url = session.world.variable("TB_LOG_API_URL");
      !url.empty() && session.options.url.empty())
    session.options.url = url;
  NodeClient node(session);
  json::array lines;
  for (const std::string& id : *ids) {
    json::object wanted{{"correlation", id}, {"limit", *rows}};
    if (args.has("--passphrase")) wanted["passphrase"] = args.get("--passphrase");
    Result<json::value> found = node.call("logs.search", wanted);
    if (!found.ok())
      return session.refused ? session.fail(*session.refused) : session.fail(found.status());
    for (json::value& line : found->as_array()) lines.push_back(std::move(line));
  }
  if (lines.empty())
    return session.fail(Status(Code::kNotFound,
                               ids->empty()
                                   ? "the aggregator knows no correlation of " + metric
                                   : "the log has no line of the correlations of " + metric,
                               "lines go after seven days; try --max-correlations"));
  return print_result(session, lines,
                      {"", {"id", "ts", "level", "correlation", "target", "msg"}, "id", true});
}

}  // namespace

std::vector<LocalVerb> log_verbs() {
  return {{"logs rotate-key",
           "<db>",
           "Encrypt a log from now on, or change its passphrase and key",
           {{"--old-passphrase", "TEXT", "The present one, or @FILE; else it is asked for"},
            {"--new-passphrase", "TEXT", "The one to come, or @FILE; else it is asked for"}},
           1,
           1,
           rotate_key,
           {{"contract-cli logs rotate-key node-data/logs.db --new-passphrase @log.pass",
             "The node encrypts what it writes within a second"}}},
          {"logs correlate-metric",
           "",
           "The log's lines about what a metric spoke of last",
           {{"--metric", "NAME", "The metric"},
            {"--aggregator", "URL", "Aggregator that saw its values"},
            {"--max-correlations", "N", "How many of the newest values (1)"},
            {"--rows", "N", "Lines of each (20)"},
            {"--passphrase", "TEXT", "Of an encrypted log"}},
           0,
           0,
           correlate_metric,
           {{"contract-cli logs correlate-metric --metric quic_handshake_fail_total --aggregator "
             "http://localhost:9010",
             "What stood in the log when the newest handshake failed"}}}};
}

}  // namespace blockd::cli
