// gov release fetch: the file of an approved release, written only when it is what was voted on.
//
// The node names the release, its signers and their attestations; hash and signatures are checked
// here, since the file comes from elsewhere.
#include <algorithm>
#include <filesystem>
#include <set>

#include "kernel/base/blake3.hpp"
#include "kernel/base/crypto.hpp"
#include "kernel/base/file.hpp"
#include "kernel/base/hex.hpp"
#include "kernel/programs/cli/catalogue.hpp"
#include "kernel/programs/cli/output.hpp"
#include "kernel/programs/cli/submit.hpp"

namespace blockd::cli {
namespace {

constexpr const char* kReleasePlugin = "governance";
constexpr std::int32_t kReleaseCode = -32080;
constexpr std::uint32_t kFetchMs = 30'000;
constexpr std::uint64_t kMaxArtifact = std::uint64_t{1} << 30;
constexpr std::size_t kMaxSignatures = 128;

struct Attestation {
  PublicKey signer;
  Signature signature;
};

struct Release {
  std::string status;
  std::set<PublicKey> signer_set;
  std::uint64_t threshold = 0;
  std::vector<Attestation> attestations;
};

int refuse(Session& session, const std::string& name, const std::string& text) {
  return session.fail(RpcError{kReleaseCode, name, text, {}});
}

std::string text_in(const json::object& object, const char* member) {
  const json::value* value = object.if_contains(member);
  return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::uint64_t number_in(const json::object& object, const char* member) {
  const json::value* value = object.if_contains(member);
  if (!value) return 0;
  return parse_u64(value->is_string() ? std::string(value->get_string()) : json_text(*value, false))
      .value_or(0);
}

const json::array& list_in(const json::object& object, const char* member) {
  static const json::array kNone;
  const json::value* value = object.if_contains(member);
  return value && value->is_array() ? value->get_array() : kNone;
}

Result<Attestation> read_attestation(const std::string& signer, const std::string& signature) {
  const auto key = array_from_hex<32>(signer);
  if (!key.ok()) return key.status().in("signer");
  const auto bytes = array_from_hex<64>(signature);
  if (!bytes.ok()) return bytes.status().in("signature");
  return Attestation{*key, *bytes};
}

Result<Release> read_release(const json::value& answer) {
  const json::object* object = answer.if_object();
  if (!object) return Status(Code::kCorrupt, "gov.release: the node's answer is no object");
  Release out;
  out.status = text_in(*object, "status");
  out.threshold = number_in(*object, "signature_threshold");
  for (const json::value& key : list_in(*object, "signer_set")) {
    const std::string text = key.is_string() ? std::string(key.get_string()) : std::string();
    const auto signer = array_from_hex<32>(text);
    if (!signer.ok()) return signer.status().in("gov.release: signer_set");
    out.signer_set.insert(*signer);
  }
  for (const json::value& row : list_in(*object, "signatures")) {
    if (!row.is_object()) return Status(Code::kCorrupt, "gov.release: a signature is no object");
    auto one = read_attestation(text_in(row.get_object(), "signer"),
                                text_in(row.get_object(), "signature"));
    if (!one.ok()) return one.status();
    out.attestations.push_back(*one);
  }
  return out;
}

// Attestations of the command line, beside those that were recorded.
Status add_given(const LocalArgs& args, Release* release) {
  const auto values = [&](const std::string& flag) {
    const auto at = args.flags.find(flag);
    return at == args.flags.end() ? std::vector<std::string>{} : at->second;
  };
  const std::vector<std::string> signers = values("--signer"), signatures = values("--signature");
  if (signers.size() != signatures.size() || signers.size() > kMaxSignatures)
    return Status(Code::kInvalid,
                  "every --signer needs a --signature, in the same order; at most 128");
  for (std::size_t i = 0; i < signers.size(); ++i) {
    auto one = read_attestation(signers[i], signatures[i]);
    if (!one.ok()) return one.status().in("--signer " + signers[i]);
    release->attestations.push_back(*one);
  }
  return {};
}

// Distinct signers that attest; nothing if a signature is wrong or of somebody else.
std::optional<std::size_t> count_signers(const Release& release, const std::string& hash) {
  const std::string message = "release:" + hash;
  std::set<PublicKey> attesting;
  for (const Attestation& one : release.attestations) {
    if (!release.signer_set.contains(one.signer) ||
        !ed25519_verify(one.signer, message, one.signature))
      return std::nullopt;
    attesting.insert(one.signer);
  }
  return attesting.size();
}

Result<std::string> download(const std::string& url) {
  HttpClientOptions options;
  options.timeout_ms = kFetchMs;
  options.max_response_bytes = kMaxArtifact;
  HttpClient http(options);
  auto response = http.get(url);
  if (!response.ok()) return response.status();
  if (response->status != 200)
    return Status(Code::kDenied, url + ": the source answered " + std::to_string(response->status));
  return std::move(response->body);
}

std::string target_path(const LocalArgs& args, const std::string& hash) {
  const std::filesystem::path dest = args.get("--dest", ".");
  std::error_code ignored;
  return std::filesystem::is_directory(dest, ignored) ? (dest / (hash + ".bin")).string()
                                                      : dest.string();
}

int record_install(Session& session, const std::string& hash) {
  CliNode node;
  node.method = "gov.record_release_install";
  node.plugin = kReleasePlugin;
  node.role = "operator";
  node.kind = MethodKind::kCommand;
  const auto done = call_verb(session, node, {{"build_hash", hash}});
  return done.ok() ? kExitOk : session.fail(done.status());
}

int print_done(Session& session, const json::object& done) {
  Shape shape;
  shape.say =
      "release {build_hash} written to {path}: {bytes} bytes, {attestations} signers attest";
  return print_result(session, done, shape);
}

int store(Session& session, const LocalArgs& args, const std::string& hash, std::size_t signers,
          const std::string& base) {
  const std::string url = base + (base.ends_with('/') ? "" : "/") + hash + ".bin";
  const Result<std::string> file = download(url);
  if (!file.ok()) return session.fail(file.status());
  if (const std::string found = to_hex(blake3(*file)); found != hash)
    return refuse(session, "artifact_mismatch",
                  url + " has the BLAKE3 " + found + ", not that of the release; nothing was kept");
  const std::string path = target_path(args, hash);
  if (const Status written = write_file_atomic(path, *file, 0755); !written.ok())
    return session.fail(written);
  const bool install = args.has("--install");
  if (install) {
    if (const int code = record_install(session, hash); code != kExitOk) return code;
  }
  return print_done(session, {{"build_hash", hash},
                              {"path", path},
                              {"bytes", file->size()},
                              {"attestations", signers},
                              {"install_recorded", install}});
}

int fetch(Session& session, const LocalArgs& args) {
  const auto hash = array_from_hex<32>(args.get("--hash", args.words.empty() ? "" : args.words[0]));
  if (!hash.ok())
    return session.fail(Status(Code::kInvalid, "--hash: " + hash.status().message(),
                               "the BLAKE3 of the file, 64 hex digits"));
  const std::string name = to_hex(*hash);
  const std::string base = session.world.variable("TB_RELEASE_SOURCE_URL");
  if (base.empty())
    return session.fail(Status(Code::kInvalid, "TB_RELEASE_SOURCE_URL is not set",
                               "it is the URL of the folder that holds <hash>.bin"));
  NodeClient client(session);
  const auto answer =
      client.call("gov.release", json::object{{"build_hash", name}}, kReleasePlugin);
  if (!answer.ok()) return session.fail(answer.status());
  Result<Release> release = read_release(*answer);
  if (!release.ok()) return session.fail(release.status());
  if (const Status given = add_given(args, &*release); !given.ok()) return session.fail(given);
  if (release->status != "approved" && release->status != "activated")
    return refuse(session, "release_not_approved",
                  "the release is " + release->status + "; only approved ones are fetched");
  const std::optional<std::size_t> signers = count_signers(*release, name);
  if (!signers)
    return refuse(session, "invalid_attestation",
                  "a signer is not in the release's set, or did not sign release:" + name);
  if (*signers < release->threshold)
    return refuse(session, "insufficient_release_signers",
                  std::to_string(*signers) + " signers attest, " +
                      std::to_string(release->threshold) + " are needed");
  return store(session, args, name, *signers, base);
}

}  // namespace

std::vector<LocalVerb> release_verbs() {
  LocalVerb verb{
      "gov release fetch",
      "[build_hash]",
      "Download an approved release and check its hash and attestations",
      {{"--hash", "HASH", "BLAKE3 of the file, as voted"},
       {"--dest", "PATH", "File or folder to write to; default the present folder"},
       {"--install", "", "Record on the chain that this account installed it"},
       {"--signer", "KEY", "Public key of one more attestation; may be repeated"},
       {"--signature", "SIG", "Its signature over release:<hash>"}},
      0,
      1,
      fetch,
      {{"TB_RELEASE_SOURCE_URL=https://releases.example.org contract-cli gov release fetch --hash "
        "4fd0…c2 --dest /opt/the-block --install",
        "Writes /opt/the-block/4fd0…c2.bin"}},
      {"gov fetch-release", "governance release fetch", "governance fetch-release"}};
  verb.sends = true;
  return {verb};
}

}  // namespace blockd::cli
