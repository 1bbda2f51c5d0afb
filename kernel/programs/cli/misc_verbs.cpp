// version, metrics, keygen, token sign, and the entries of help and completions.
#include <ostream>

#include "kernel/base/address.hpp"
#include "kernel/base/base64.hpp"
#include "kernel/base/file.hpp"
#include "kernel/base/hex.hpp"
#include "kernel/programs/cli/catalogue.hpp"
#include "kernel/programs/cli/keys.hpp"
#include "kernel/programs/cli/node_client.hpp"
#include "kernel/programs/cli/output.hpp"

namespace blockd::cli {
namespace {

constexpr std::uint64_t kMaxTokenSecs = 30ull * 24 * 3600;

int version(Session& session, const LocalArgs&) {
  if (session.options.format == Format::kJson)
    return print_result(session, json::object{{"version", TB_VERSION}});
  session.world.out << "contract-cli " << TB_VERSION << '\n';
  return kExitOk;
}

int metrics(Session& session, const LocalArgs&) {
  NodeClient client(session);
  Result<json::value> answer = client.call("metrics", json::object{});
  if (!answer.ok()) return session.fail(answer.status());
  if (session.options.format == Format::kJson) return print_result(session, *answer);
  const json::object* object = answer->if_object();
  const json::value* text = object ? object->if_contains("text") : nullptr;
  if (!text || !text->is_string())
    return session.fail(Status(Code::kCorrupt, "the answer of `metrics` has no text"));
  session.world.out << std::string_view(text->get_string());
  return kExitOk;
}

int keygen(Session& session, const LocalArgs& args) {
  if (!args.has("--output"))
    return session.fail(
        Status(Code::kInvalid, "--output is missing", "usage: contract-cli keygen --output DIR"));
  const std::string dir = args.get("--output");
  const std::string secret = dir + "/node.key", open = dir + "/node.pub";
  if (!args.has("--force") && (file_exists(secret) || file_exists(open))) {
    return session.fail(
        Status(Code::kExists, dir + " holds a key already", "overwrite it for ever with --force"));
  }
  const SigningKey key = SigningKey::generate();
  const std::string public_key = to_hex(key.public_key());
  Status status = make_directories(dir, 0700);
  if (status.ok()) status = write_file_atomic(secret, to_hex(key.seed()) + "\n", 0600);
  if (status.ok()) status = write_file_atomic(open, public_key + "\n", 0644);
  if (!status.ok()) return session.fail(status);
  return print_result(session, json::object{{"public_key", public_key},
                                            {"file", secret},
                                            {"account", address_of(key.public_key())}});
}

Result<std::string> audience(Session& session, const LocalArgs& args) {
  if (args.has("--chain-id")) return args.get("--chain-id");
  NodeClient client(session);
  Result<json::value> status = client.call("node.status", json::object{});
  if (!status.ok()) return status.status();
  const json::object* object = status->if_object();
  const json::value* id = object ? object->if_contains("chain_id") : nullptr;
  if (!id || !id->is_string())
    return Status(Code::kCorrupt, "node.status has no chain_id", "give --chain-id ID");
  return std::string(id->get_string());
}

Result<json::object> token_claims(Session& session, const LocalArgs& args) {
  const auto ttl = parse_u64(args.get("--ttl", "3600"));
  if (!ttl || *ttl == 0 || *ttl > kMaxTokenSecs)
    return Status(Code::kInvalid, "--ttl: expected 1..2592000 seconds");
  const std::string role = args.get("--role"), sub = args.get("--sub", "cli");
  if (role.empty())
    return Status(Code::kInvalid, "--role is missing",
                  "operator, admin, read or a role of a plugin");
  if (sub.size() > 64) return Status(Code::kInvalid, "--sub: at most 64 bytes");
  Result<std::string> aud = audience(session, args);
  if (!aud.ok()) return aud.status();
  const std::uint64_t now = session.world.clock.unix_ms() / 1000;
  const auto issued = parse_u64(args.get("--issued-at", std::to_string(now)));
  if (!issued || *issued > kMaxSafeInteger - kMaxTokenSecs)
    return Status(Code::kInvalid, "--issued-at: expected seconds since 1970");
  std::array<std::uint8_t, 8> id{};
  random_bytes(id.data(), id.size());
  if (args.has("--id")) {
    Result<std::array<std::uint8_t, 8>> given = array_from_hex<8>(args.get("--id"));
    if (!given.ok()) return given.status().in("--id");
    id = *given;
  }
  return json::object{{"aud", *aud},      {"exp", *issued + *ttl}, {"iat", *issued},
                      {"id", to_hex(id)}, {"role", role},          {"sub", sub}};
}

// The payload is canonical JSON, so that any tool signs the same bytes.
int token_sign(Session& session, const LocalArgs& args) {
  Result<SigningKey> key = signing_key(session);
  if (!key.ok()) return session.fail(key.status());
  Result<json::object> claims = token_claims(session, args);
  if (!claims.ok()) return session.fail(claims.status());
  Result<std::string> body = canonical_json(*claims);
  if (!body.ok()) return session.fail(body.status());
  const Signature signature = key->sign("tb/rpc-token/v1" + *body);
  const std::string token = "tbt1." + to_base64url(*body) + "." + to_base64url(view(signature));
  if (session.options.format == Format::kJson) {
    (*claims)["token"] = token;
    return print_result(session, *claims);
  }
  session.world.out << token << '\n';
  return kExitOk;
}

}  // namespace

std::vector<LocalVerb> misc_verbs() {
  const auto handled_before = [](Session&, const LocalArgs&) { return kExitOk; };
  return {{"version", "", "Version of this program", {}, 0, 0, version},
          {"metrics",
           "",
           "All metrics of the node, as Prometheus reads them",
           {},
           0,
           0,
           metrics,
           {},
           {"telemetry dump"}},
          {"keygen",
           "",
           "Make a key pair for a node",
           {{"--output", "DIR", "Folder for node.key and node.pub"},
            {"--force", "", "Overwrite a key there"}},
           0,
           0,
           keygen,
           {},
           {"moloch keygen"}},
          {"token sign",
           "",
           "Make a bearer token that needs no file on the node",
           {{"--role", "ROLE", "What it grants"},
            {"--ttl", "SECS", "How long it counts, at most 30 days (3600)"},
            {"--sub", "TEXT", "Who holds it (cli)"},
            {"--chain-id", "ID", "Chain that it is for (the node's)"},
            {"--issued-at", "SECS", "Beginning of its life (now)"},
            {"--id", "HEX", "Its 8-byte name (random)"}},
           0,
           0,
           token_sign,
           {{"contract-cli token sign --role operator --ttl 3600 --key operator.key",
             "Prints a token tbt1.…"}},
           {},
           true},
          {"help",
           "[verb]",
           "Explain a verb or a group",
           {{"--all", "", "List every verb"},
            {"--man", "", "Print all of it as a manual page, for man -l"}},
           0,
           16,
           handled_before},
          {"completions",
           "",
           "Print a completion script",
           {{"--shell", "SHELL", "bash, zsh or fish"}},
           0,
           1,
           handled_before}};
}

}  // namespace blockd::cli
