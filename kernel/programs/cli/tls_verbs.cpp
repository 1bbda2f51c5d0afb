// tls convert and tls stage: from the files of an authority to those that the node's services read.
#include <algorithm>
#include <cctype>
#include <filesystem>
#include <ostream>

#include "kernel/base/file.hpp"
#include "kernel/net/tls_identity.hpp"
#include "kernel/programs/cli/catalogue.hpp"
#include "kernel/programs/cli/output.hpp"

namespace blockd::cli {
namespace {

constexpr std::size_t kMaxServices = 32;
constexpr std::string_view kServices[] = {"node", "rpc", "http", "status", "gateway", "aggregator"};

Result<std::string> file_text(const std::string& path) {
  Result<Bytes> bytes = read_file(path, kMaxTlsFileBytes);
  if (!bytes.ok()) return Status(Code::kInvalid, bytes.status().message(), bytes.status().hint());
  return std::string(*std::move(bytes));
}

// The three files of an identity: <dir>/<name>-cert.pem, -key.pem, -ca.pem.
struct Files {
  std::string cert, key, ca;
};
Files files_in(const std::string& dir, const std::string& name) {
  const std::string stem = dir + "/" + name;
  return {stem + "-cert.pem", stem + "-key.pem", stem + "-ca.pem"};
}

struct Identity {
  TlsIdentity own;
  std::string authorities;  // PEM; empty: none
};

Result<Identity> read_identity(const std::string& cert, const std::string& key,
                               const std::string& ca) {
  const Result<std::string> cert_text = file_text(cert);
  if (!cert_text.ok()) return cert_text.status();
  const Result<std::string> key_text = file_text(key);
  if (!key_text.ok()) return key_text.status();
  Result<TlsIdentity> own = read_tls_identity(*cert_text, *key_text);
  if (!own.ok()) return own.status().in(cert + ", " + key);
  Identity out{*std::move(own), {}};
  if (ca.empty()) return out;
  const Result<std::string> ca_text = file_text(ca);
  if (!ca_text.ok()) return ca_text.status();
  Result<std::string> authorities = read_tls_authorities(*ca_text);
  if (!authorities.ok()) return authorities.status().in(ca);
  out.authorities = *std::move(authorities);
  return out;
}

Status may_write(const LocalArgs& args, const Files& files) {
  if (args.has("--force")) return {};
  for (const std::string& file : {files.cert, files.key, files.ca}) {
    if (file_exists(file))
      return Status(Code::kExists, file + " is there already", "overwrite it with --force");
  }
  return {};
}

// The key comes last: a service that starts in between finds no identity rather than half of one.
Status write_identity(const Identity& identity, const std::string& dir, const Files& files) {
  TB_TRY(make_directories(dir, 0700));
  if (!identity.authorities.empty())
    TB_TRY(write_file_atomic(files.ca, identity.authorities, 0644));
  TB_TRY(write_file_atomic(files.cert, identity.own.cert_pem, 0644));
  return write_file_atomic(files.key, identity.own.key_pem, 0600);
}

Status not_expired(const Session& session, const TlsIdentity& identity) {
  const auto now = static_cast<std::int64_t>(session.world.clock.unix_ms() / 1000);
  if (identity.not_after > now) return {};
  return Status(Code::kInvalid, "the certificate " + identity.subject + " has expired",
                "have the authority sign a new one");
}

// A prefix of file names, not a path.
Result<std::string> identity_name(const LocalArgs& args) {
  std::string name = args.get("--name", "identity");
  if (!name.empty() && name.size() <= 64 && name.find('/') == std::string::npos) return name;
  return Status(Code::kInvalid, "--name: expected a file name of at most 64 bytes");
}

int convert(Session& session, const LocalArgs& args) {
  if (!args.has("--cert") || !args.has("--key"))
    return session.fail(Status(Code::kInvalid, "--cert and --key are both needed",
                               "usage: contract-cli tls convert --cert FILE --key FILE"));
  const Result<std::string> name = identity_name(args);
  if (!name.ok()) return session.fail(name.status());
  const Result<Identity> identity =
      read_identity(args.get("--cert"), args.get("--key"), args.get("--anchor"));
  if (!identity.ok()) return session.fail(identity.status());
  const std::string dir = args.get("--out-dir", ".");
  const Files files = files_in(dir, *name);
  Status status = not_expired(session, identity->own);
  if (status.ok()) status = may_write(args, files);
  if (status.ok()) status = write_identity(*identity, dir, files);
  if (!status.ok()) return session.fail(status);
  json::object out = {{"subject", identity->own.subject},
                      {"fingerprint", identity->own.fingerprint},
                      {"not_after", identity->own.not_after},
                      {"cert", files.cert},
                      {"key", files.key}};
  if (!identity->authorities.empty()) out["ca"] = files.ca;
  return print_result(session, out, {"", {}, "cert", false});
}

enum class Clients { kAny, kOptional, kRequired };  // whether they show a certificate
struct Service {
  std::string name, dir;
  Clients clients = Clients::kAny;
};

// "rpc=DIR", "gateway:optional=DIR", "node:required=DIR".
Result<Service> parse_service(const std::string& text) {
  const std::size_t at = text.find('=');
  Service out;
  std::string mode;
  if (at != std::string::npos) {
    out.dir = text.substr(at + 1);
    const std::string head = text.substr(0, at);
    const std::size_t colon = head.find(':');
    out.name = head.substr(0, colon);
    if (colon != std::string::npos) mode = head.substr(colon + 1);
  }
  const bool known =
      std::find(std::begin(kServices), std::end(kServices), out.name) != std::end(kServices);
  if (!known || out.dir.empty() || !(mode.empty() || mode == "optional" || mode == "required")) {
    return Status(Code::kInvalid, "--service: '" + text + "' is no service with a folder",
                  "expected NAME=DIR, NAME:optional=DIR or NAME:required=DIR; NAME is node, rpc, "
                  "http, status, gateway or aggregator");
  }
  out.dir =
      std::filesystem::absolute(out.dir).lexically_normal().string();  // a unit runs elsewhere
  if (!mode.empty()) out.clients = mode == "required" ? Clients::kRequired : Clients::kOptional;
  return out;
}

Result<std::vector<Service>> services_of(const LocalArgs& args) {
  const auto given = args.flags.find("--service");
  if (given == args.flags.end())
    return Status(Code::kInvalid, "--service is missing: whose identity is it?",
                  "such as --service rpc:required=/etc/the-block/tls/rpc");
  if (given->second.size() > kMaxServices)
    return Status(Code::kInvalid, "--service: at most 32 of them");
  std::vector<Service> out;
  for (const std::string& text : given->second) {
    Result<Service> one = parse_service(text);
    if (!one.ok()) return one.status();
    out.push_back(*std::move(one));
  }
  return out;
}

// Lines for a service unit's EnvironmentFile, which a shell can read as well.
std::string environment_of(const Service& service, const Files& files) {
  std::string prefix = "TB_";
  for (const char c : service.name)
    prefix += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  prefix += "_TLS_";
  std::string out = prefix + "CERT=" + files.cert + "\n" + prefix + "KEY=" + files.key + "\n";
  if (service.clients == Clients::kRequired) out += prefix + "CLIENT_CA=" + files.ca + "\n";
  if (service.clients == Clients::kOptional)
    out += prefix + "CLIENT_CA_OPTIONAL=" + files.ca + "\n";
  return out;
}

int stage(Session& session, const LocalArgs& args) {
  if (!args.has("--input"))
    return session.fail(Status(Code::kInvalid, "--input is missing: where is the identity?",
                               "a folder that `contract-cli tls convert` wrote"));
  const Result<std::string> name = identity_name(args);
  if (!name.ok()) return session.fail(name.status());
  const Result<std::vector<Service>> services = services_of(args);
  if (!services.ok()) return session.fail(services.status());
  const Files from = files_in(args.get("--input"), *name);
  const Result<Identity> identity =
      read_identity(from.cert, from.key, file_exists(from.ca) ? from.ca : std::string());
  if (!identity.ok()) return session.fail(identity.status());
  Status status = not_expired(session, identity->own);
  const std::string environment_file = args.get("--env-file");
  if (status.ok() && !environment_file.empty() && !args.has("--force") &&
      file_exists(environment_file))
    status =
        Status(Code::kExists, environment_file + " is there already", "overwrite it with --force");
  for (const Service& service : *services) {
    if (!status.ok()) break;
    if (service.clients != Clients::kAny && identity->authorities.empty())
      status = Status(Code::kInvalid, from.ca + " is missing: by whom are clients vouched for?",
                      "give `tls convert` the authority with --anchor");
    if (status.ok()) status = may_write(args, files_in(service.dir, *name));
  }
  if (!status.ok()) return session.fail(status);
  std::string environment;
  json::array staged;
  for (const Service& service : *services) {
    const Files files = files_in(service.dir, *name);
    if (status = write_identity(*identity, service.dir, files); !status.ok())
      return session.fail(status);
    environment += environment_of(service, files);
    staged.push_back(json::object{{"service", service.name}, {"cert", files.cert}});
  }
  if (!environment_file.empty()) {
    if (status = write_file_atomic(environment_file, environment, 0600); !status.ok())
      return session.fail(status);
  } else if (session.options.format == Format::kAuto && !session.options.quiet) {
    session.world.out << environment;
    return kExitOk;
  }
  return print_result(session,
                      json::object{{"staged", std::move(staged)}, {"env_file", environment_file}},
                      {"staged", {"service", "cert"}, "service", false});
}

}  // namespace

std::vector<LocalVerb> tls_verbs() {
  return {{"tls convert",
           "",
           "Check a certificate and its key, and write them as the services read them",
           {{"--cert", "FILE", "Certificate, with its chain behind it, PEM or DER"},
            {"--key", "FILE", "Its private key, PEM or DER, without a password"},
            {"--anchor", "FILE", "Certificates of the authority that vouches for clients"},
            {"--out-dir", "DIR", "Where to write (.)"},
            {"--name", "NAME", "Beginning of the files' names (identity)"},
            {"--force", "", "Overwrite files there"}},
           0,
           0,
           convert,
           {{"contract-cli tls convert --cert rpc.crt --key rpc.key --anchor ca.crt --out-dir tls",
             "Writes tls/identity-cert.pem, -key.pem and -ca.pem"}}},
          {"tls stage",
           "",
           "Put an identity where services read it, and write the variables that name it",
           {{"--input", "DIR", "Folder that `tls convert` wrote"},
            {"--service", "NAME[:optional|:required]=DIR",
             "A service and its folder; with a word, clients show a certificate. May be repeated"},
            {"--name", "NAME", "Beginning of the files' names (identity)"},
            {"--env-file", "FILE", "Write the variables there instead of on standard output"},
            {"--force", "", "Overwrite files there"}},
           0,
           0,
           stage,
           {{"contract-cli tls stage --input tls --service rpc:required=/etc/the-block/tls/rpc "
             "--env-file /etc/the-block/tls.env",
             "Then `systemctl reload the-block`, or a restart where the variables are new"}}}};
}

}  // namespace blockd::cli
