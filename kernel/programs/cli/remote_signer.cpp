#include "kernel/programs/cli/remote_signer.hpp"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <chrono>
#include <ostream>
#include <thread>

#include "kernel/base/address.hpp"
#include "kernel/base/file.hpp"
#include "kernel/base/hex.hpp"

namespace blockd::cli {
namespace {

constexpr std::uint32_t kDefaultSignerTimeoutMs = 5000;
constexpr std::uint64_t kMaxSignerAnswer = 64u << 10;
constexpr std::size_t kMaxReported = 256;
constexpr std::uint64_t kMaxKeysFile = 1u << 20;

std::uint64_t us_since(const std::chrono::steady_clock::time_point& begin) {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(
                                        std::chrono::steady_clock::now() - begin)
                                        .count());
}

// A random UUID of version 4, by which a signer's log and ours are compared.
std::string new_trace() {
  std::array<std::uint8_t, 16> bytes{};
  random_bytes(bytes.data(), bytes.size());
  bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3f) | 0x80);
  const std::string hex = to_hex(bytes);
  return hex.substr(0, 8) + "-" + hex.substr(8, 4) + "-" + hex.substr(12, 4) + "-" +
         hex.substr(16, 4) + "-" + hex.substr(20);
}

bool is_websocket(const std::string& url) {
  return url.starts_with("ws://") || url.starts_with("wss://");
}

template <std::size_t N>
Result<std::array<std::uint8_t, N>> bytes_in(const json::object& answer, const char* member,
                                             const std::string& url) {
  const json::value* value = answer.if_contains(member);
  if (value == nullptr || !value->is_string())
    return Status(Code::kInvalid, url + ": the answer has no " + member);
  Result<std::array<std::uint8_t, N>> bytes = array_from_hex<N>(value->get_string());
  return bytes.ok() ? bytes : Result<std::array<std::uint8_t, N>>(bytes.status().in(url));
}

// The word of an error in remote_signer_error_total.
std::string reason_of(const Status& status) {
  if (status.code() == Code::kTimeout) return "timeout";
  if (status.code() == Code::kDenied && status.message().ends_with("bad signature"))
    return "bad_signature";
  const std::size_t http = status.message().find("http ");
  if (http != std::string::npos) return "http_" + status.message().substr(http + 5, 3);
  return status.code() == Code::kInvalid ? "invalid_answer" : "unreachable";
}

Status bad_configuration(const std::string& why) {
  return Status(Code::kInvalid, "invalid signer configuration: " + why);
}

std::string keys_file(const World& world) { return world.home() + "/.the_block/signer_keys.json"; }

// URL of a signer -> its key, as it was told last.
json::object kept_keys(const World& world) {
  Result<Bytes> text = read_file(keys_file(world), kMaxKeysFile);
  Result<json::value> value = text.ok() ? parse_json(*text) : Result<json::value>(text.status());
  return value.ok() && value->is_object() ? value->get_object() : json::object();
}

Status keep_keys(const World& world, const json::object& keys) {
  if (world.home().empty()) return {};
  TB_TRY(make_directories(world.home() + "/.the_block", 0700));
  return write_file_atomic(keys_file(world), json::serialize(keys) + "\n", 0600);
}

Result<HttpClientOptions> http_options(const Session& session) {
  const World& world = session.world;
  const Options& options = session.options;
  HttpClientOptions out;
  out.max_response_bytes = kMaxSignerAnswer;
  const std::string timeout = world.variable("REMOTE_SIGNER_TIMEOUT_MS");
  const auto ms = timeout.empty() ? kDefaultSignerTimeoutMs : parse_u64(timeout);
  if (!ms || *ms == 0 || *ms > 600'000)
    return bad_configuration("REMOTE_SIGNER_TIMEOUT_MS: expected 1..600000, found '" + timeout +
                             "'");
  out.timeout_ms = out.connect_timeout_ms = static_cast<std::uint32_t>(*ms);
  const auto either = [&](const std::string& flag, const char* variable) {
    return flag.empty() ? world.variable(variable) : flag;
  };
  out.tls.cert_file = either(options.signer_cert, "REMOTE_SIGNER_TLS_CERT");
  out.tls.key_file = either(options.signer_key, "REMOTE_SIGNER_TLS_KEY");
  out.tls.ca_file = either(options.signer_ca, "REMOTE_SIGNER_TLS_CA");
  if (out.tls.cert_file.empty() != out.tls.key_file.empty())
    return bad_configuration("a certificate and its key go together");
  return out;
}

}  // namespace

RemoteSigner::RemoteSigner(Session& session, std::string url, HttpClientOptions options,
                           SignerTally& tally)
    : session_(session),
      url_(url.ends_with('/') ? url.substr(0, url.size() - 1) : std::move(url)),
      options_(options),
      http_(options),
      tally_(tally) {}

// One request with its tries. `body` empty: GET.
Result<json::object> RemoteSigner::ask(const std::string& path, const std::string& body) {
  ++tally_.requests;
  const auto begin = std::chrono::steady_clock::now();
  for (std::uint32_t i = 1;; ++i) {
    bool again = false;
    Result<json::object> answer = ask_once(path, body, &again);
    if (answer.ok() || !again || i == kSignerTries) {
      if (tally_.latencies_us.size() < kMaxReported) tally_.latencies_us.push_back(us_since(begin));
      if (answer.ok()) ++tally_.successes;
      if (!answer.ok() && tally_.errors.size() < kMaxReported)
        tally_.errors.push_back(reason_of(answer.status()));
      return answer;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(kSignerPauseMs * i));
  }
}

Result<json::object> RemoteSigner::ask_once(const std::string& path, const std::string& body,
                                            bool* again) {
  std::string text;
  if (is_websocket(url_)) {
    auto socket = WsClient::connect(url_, options_);
    if (!socket.ok()) return socket.status();
    TB_TRY((*socket)->send(body.empty() ? R"({"pubkey":true})" : body));
    Result<std::string> answer = (*socket)->receive(options_.timeout_ms);
    *again = !answer.ok() && answer.status().code() == Code::kTimeout;
    if (!answer.ok()) return answer.status().in(url_);
    text = *std::move(answer);
  } else {
    HttpClientRequest request;
    request.method = body.empty() ? "GET" : "POST";
    request.url = url_ + path;
    request.body = body;
    if (!body.empty()) request.headers.emplace_back("Content-Type", "application/json");
    Result<HttpClientResponse> response = http_.send(request);
    if (!response.ok()) {
      *again = response.status().code() == Code::kTimeout;
      return response.status();
    }
    if (response->status != 200) {
      *again = response->status >= 500;
      return Status(Code::kUnavailable, url_ + ": http " + std::to_string(response->status));
    }
    text = std::move(response->body);
  }
  Result<json::value> value = parse_json(text);
  if (!value.ok() || !value->is_object())
    return Status(Code::kInvalid, url_ + ": the answer is no JSON object",
                  "is this the URL of a signer?");
  return std::move(value->get_object());
}

Result<PublicKey> RemoteSigner::ask_key() {
  Result<json::object> answer = ask("/pubkey", {});
  if (!answer.ok()) return answer.status();
  Result<PublicKey> key = bytes_in<32>(*answer, "pubkey", url_);
  if (!key.ok()) return key.status();
  if (key_ && *key_ != *key) ++tally_.rotations;
  key_ = *key;
  key_at_us_ = session_.world.clock.monotonic_us();
  return key;
}

Result<PublicKey> RemoteSigner::key() {
  const std::uint64_t age = session_.world.clock.monotonic_us() - key_at_us_;
  if (key_ && age < kSignerKeySecs * 1'000'000) return *key_;
  return ask_key();
}

Result<Signature> RemoteSigner::sign(BytesView msg, const std::string& command) {
  for (bool second = false;; second = true) {
    Result<PublicKey> mine = key();
    if (!mine.ok()) return mine.status();
    json::object body = {{"trace", new_trace()}, {"msg", to_hex(msg)}};
    std::string text = json::serialize(body);
    if (!command.empty()) text.insert(text.size() - 1, ",\"command\":" + command);
    Result<json::object> answer = ask("/sign", text);
    if (!answer.ok()) return answer.status();
    Result<Signature> signature = bytes_in<64>(*answer, "sig", url_);
    if (!signature.ok()) return signature.status();
    if (ed25519_verify(*mine, msg, *signature)) return signature;
    // Another key may sign there since we asked.
    const PublicKey before = *mine;
    Result<PublicKey> now = second ? mine : ask_key();
    if (!now.ok()) return now.status();
    if (second || *now == before) {
      tally_.errors.emplace_back("bad_signature");
      return Status(Code::kDenied, url_ + ": bad signature",
                    "the signer answered bytes that do not verify under its own key");
    }
  }
}

SignerGroup::~SignerGroup() {
  NodeClient client(session_);
  report_signers(session_, client, tally_);
}

Result<std::unique_ptr<SignerGroup>> SignerGroup::open(Session& session) {
  std::vector<std::string> urls = session.options.remote_signers;
  if (urls.empty()) {
    if (const std::string url = session.world.variable("REMOTE_SIGNER_URL"); !url.empty())
      urls.push_back(url);
  }
  if (urls.empty()) return bad_configuration("no signer; give --remote-signer URL");
  if (urls.size() > kMaxSigners)
    return bad_configuration("more than " + std::to_string(kMaxSigners) + " signers");
  std::vector<std::string> sorted = urls;
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end())
    return bad_configuration("a signer is named twice");
  const std::uint64_t threshold = session.options.threshold.value_or(1);
  if (threshold == 0 || threshold > urls.size())
    return bad_configuration("--threshold " + std::to_string(threshold) + " with " +
                             std::to_string(urls.size()) + " signers");
  Result<HttpClientOptions> http = http_options(session);
  if (!http.ok()) return http.status();
  std::unique_ptr<SignerGroup> group(new SignerGroup(session));
  group->threshold_ = threshold;
  for (std::string& url : urls)
    group->signers_.push_back(
        std::make_unique<RemoteSigner>(session, std::move(url), *http, group->tally_));
  return group;
}

// Of all signers, ascending.
Result<std::vector<PublicKey>> SignerGroup::keys() {
  std::vector<PublicKey> out;
  json::object known = kept_keys(session_.world);
  bool learned = false;
  for (const auto& signer : signers_) {
    Result<PublicKey> key = signer->key();
    const json::value* kept = known.if_contains(signer->url());
    if (key.ok()) {
      const std::string hex = to_hex(*key);
      learned = learned || kept == nullptr || *kept != json::value(hex);
      known[signer->url()] = hex;
    } else if (signers_.size() > 1 && kept != nullptr && kept->is_string()) {
      key = array_from_hex<32>(kept->get_string());
    }
    if (!key.ok()) return key.status();
    out.push_back(*key);
  }
  if (learned) TB_TRY(keep_keys(session_.world, known));
  std::sort(out.begin(), out.end());
  if (std::adjacent_find(out.begin(), out.end()) != out.end())
    return bad_configuration("two signers have one key");
  return out;
}

Result<std::string> SignerGroup::address() {
  Result<std::vector<PublicKey>> all = keys();
  if (!all.ok()) return all.status();
  return all->size() == 1 ? address_of(all->front())
                          : address_of_group(static_cast<std::uint8_t>(threshold_), *all);
}

Status SignerGroup::add_members(json::object* command) {
  Result<std::vector<PublicKey>> all = keys();
  if (!all.ok()) return all.status();
  if (all->size() == 1) return {};
  json::array list;
  for (const PublicKey& key : *all) list.emplace_back(to_hex(key));
  (*command)["signers"] = std::move(list);
  (*command)["threshold"] = threshold_;
  return {};
}

Result<std::vector<SignedPart>> SignerGroup::sign(const Hash& id, const std::string& command) {
  return sign_bytes(view(id), command);
}

Result<std::vector<SignedPart>> SignerGroup::sign_bytes(BytesView msg, const std::string& command) {
  std::vector<SignedPart> parts;
  std::string troubles;
  Status last;
  for (const auto& signer : signers_) {
    if (parts.size() == threshold_) break;
    Result<Signature> signature = signer->sign(msg, command);
    Result<PublicKey> key = signature.ok() ? signer->key() : Result<PublicKey>(signature.status());
    if (!signature.ok() || !key.ok()) {
      last = signature.ok() ? key.status() : signature.status();
      troubles += "; " + last.message();
      continue;
    }
    parts.push_back({*key, *signature, signer->url()});
  }
  if (parts.size() == threshold_) return parts;
  if (signers_.size() == 1) return last;
  return Status(last.code(), std::to_string(parts.size()) + " of " + std::to_string(threshold_) +
                                 " signatures could be had" + troubles);
}

void report_signers(Session& session, NodeClient& client, const SignerTally& tally) {
  if (tally.empty()) return;
  json::array errors, latencies;
  for (const std::string& reason : tally.errors) errors.emplace_back(reason);
  for (const std::uint64_t us : tally.latencies_us) latencies.emplace_back(us);
  const std::optional<RpcError> before = session.refused;
  const Result<json::value> told =
      client.call("telemetry.report_signer", json::object{{"discoveries", tally.discoveries},
                                                          {"discovered", tally.discovered},
                                                          {"requests", tally.requests},
                                                          {"successes", tally.successes},
                                                          {"rotations", tally.rotations},
                                                          {"errors", std::move(errors)},
                                                          {"latencies_us", std::move(latencies)}});
  // Without a node there are no metrics that would lack it.
  const bool away = !told.ok() && !session.refused;
  if (!told.ok() && !away && !session.options.quiet)
    session.world.err << "note: the node's metrics do not show this: " << session.refused->message
                      << '\n';
  session.refused = before;
}

}  // namespace blockd::cli
