#include "plugins/treasury/intents_file.hpp"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <tb/files.hpp>

#include "tb/text.hpp"

namespace treasury {
namespace {

namespace json = boost::json;
constexpr std::uint64_t kMaxFileBytes = 64u << 20;

json::value null_or(std::uint64_t value) {
  return value == 0 ? json::value(nullptr) : json::value(value);
}

Intent intent_of(const json::value& value) {
  const json::object& in = value.as_object();
  Intent intent;
  intent.disbursement_id = in.at("disbursement_id").to_number<std::uint64_t>();
  intent.nonce = in.at("nonce").to_number<std::uint64_t>();
  intent.tx_bytes = in.at("tx_bytes").as_string();
  intent.tx_hash = in.at("tx_hash").as_string();
  intent.staged_at = in.at("staged_at").to_number<std::uint64_t>();
  return intent;
}

}  // namespace

bool save_intents(const tb::Host& host, const std::string& path, const std::vector<Intent>& intents,
                  const ExecutorSnapshot& snapshot, std::string_view circuit,
                  std::string* problem) {
  json::array staged;
  for (const Intent& i : intents) {
    staged.push_back(json::object{{"disbursement_id", i.disbursement_id},
                                  {"nonce", i.nonce},
                                  {"tx_bytes", i.tx_bytes},
                                  {"tx_hash", i.tx_hash},
                                  {"staged_at", i.staged_at}});
  }
  const json::object document{{"version", 1},
                              {"staged_intents", std::move(staged)},
                              {"last_tick_at", null_or(snapshot.last_tick_at)},
                              {"last_success_at", null_or(snapshot.last_success_at)},
                              {"last_submitted_nonce", snapshot.last_submitted_nonce},
                              {"circuit", circuit}};
  *problem = tb::Files(host).write_private(path, json::serialize(document) + "\n");
  return problem->empty();
}

std::vector<Intent> load_intents(const tb::Host& host, const std::string& path,
                                 std::string* problem) {
  const tb::Files files(host);
  std::string unreadable;
  const std::optional<std::string> text = files.read(path, kMaxFileBytes, &unreadable);
  if (!text && unreadable.empty()) return {};
  try {
    if (!text) throw std::runtime_error(unreadable);
    const json::value document = json::parse(*text);
    std::vector<Intent> intents;
    for (const json::value& value : document.at("staged_intents").as_array()) {
      if (intents.size() < kMaxIntents) intents.push_back(intent_of(value));
    }
    return intents;
  } catch (const std::exception& found) {
    const std::string kept = text ? files.write_private(path + ".damaged", *text) : unreadable;
    *problem =
        tb::cat(path, " does not hold staged intents (", found.what(), "); ",
                kept.empty() ? tb::cat("kept as ", path, ".damaged") : tb::cat("it stays: ", kept),
                "; nothing is paid twice, since nonces lie in the chain");
    if (kept.empty()) files.remove(path);
    return {};
  }
}

}  // namespace treasury
