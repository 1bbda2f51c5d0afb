// Remote signers: keys that live in another program, asked over HTTP or a WebSocket.
//
// The protocol: `GET /pubkey` -> {"pubkey":hex}; `POST /sign {"trace":uuid4,"msg":hex,"command"?}`
// -> {"sig":hex}. Over ws:// and wss:// the same objects travel as messages, {"pubkey":true} asks
// for the key. `msg` is exactly what is signed: the id of a command, or "tb/remote-sign/v1" and the
// hash of a message. A request is tried kSignerTries times when it times out or is answered 5xx. A
// signature counts only if it verifies under the signer's key; a signer whose key has changed is
// asked once more. One thread.
//
// What happened is told to the node (telemetry.report_signer), whose metrics outlive this process.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernel/base/crypto.hpp"
#include "kernel/net/http_client.hpp"
#include "kernel/programs/cli/command_signer.hpp"
#include "kernel/programs/cli/node_client.hpp"

namespace blockd::cli {

inline constexpr int kSignerTries = 3;
inline constexpr std::uint32_t kSignerPauseMs =
    100;  // before the second try; twice before the third
inline constexpr std::uint64_t kSignerKeySecs = 600;  // a key is asked for again after that time
inline constexpr std::size_t kMaxSigners = 16;

// What a run of this program did with signers, for the node's metrics.
struct SignerTally {
  std::uint64_t discoveries = 0, discovered = 0, requests = 0, successes = 0, rotations = 0;
  std::vector<std::string> errors;  // a reason each
  std::vector<std::uint64_t> latencies_us;
  bool empty() const { return discoveries == 0 && requests == 0; }
};

class RemoteSigner {
 public:
  RemoteSigner(Session& session, std::string url, HttpClientOptions options, SignerTally& tally);

  const std::string& url() const { return url_; }
  // Errors: kTimeout, kUnavailable ("http 503", cannot reach), kInvalid (no key in the answer).
  Result<PublicKey> key();
  // Signs `msg`; `command` (may be empty) is the JSON of the command whose id it is. Errors: as
  // key(), kDenied "bad signature".
  Result<Signature> sign(BytesView msg, const std::string& command);

 private:
  Result<PublicKey> ask_key();
  Result<json::object> ask(const std::string& path, const std::string& body);
  Result<json::object> ask_once(const std::string& path, const std::string& body, bool* again);

  Session& session_;
  const std::string url_;
  const HttpClientOptions options_;
  HttpClient http_;
  SignerTally& tally_;
  std::optional<PublicKey> key_;
  std::uint64_t key_at_us_ = 0;
};

// The signers of --remote-signer (or REMOTE_SIGNER_URL), of which `threshold` must sign. The keys
// of a group are kept in <home>/.the_block/signer_keys.json, because its account is made of all of
// them: so enough signers suffice although others are away. What was counted is told to the node
// when the object ends.
class SignerGroup final : public CommandSigner {
 public:
  // Errors: kInvalid "invalid signer configuration: …" (threshold, number, certificate without
  // key).
  static Result<std::unique_ptr<SignerGroup>> open(Session& session);
  ~SignerGroup() override;

  Result<std::string> address() override;
  Status add_members(json::object* command) override;
  Result<std::vector<SignedPart>> sign(const Hash& id, const std::string& command) override;
  // The first `threshold` valid signatures in the order of the signers; the others' troubles are in
  // the error when there are too few.
  Result<std::vector<SignedPart>> sign_bytes(BytesView msg, const std::string& command);

 private:
  explicit SignerGroup(Session& session) : session_(session) {}
  Result<std::vector<PublicKey>> keys();

  Session& session_;
  std::size_t threshold_ = 1;
  SignerTally tally_;
  std::vector<std::unique_ptr<RemoteSigner>> signers_;
};

// Asks the local network (UDP broadcast "theblock:signer?" to port 7878, or
// TB_SIGNER_DISCOVERY_ADDR) and collects answers for `timeout_ms`: URLs, sorted, each once. Errors:
// kIo.
Result<std::vector<std::string>> discover_signers(World& world, std::uint32_t timeout_ms);

// Tells the node what was counted. That it does not listen is a line on stderr and no failure.
void report_signers(Session& session, NodeClient& client, const SignerTally& tally);

}  // namespace blockd::cli
