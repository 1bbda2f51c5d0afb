#include "kernel/programs/cli/options.hpp"

#include <algorithm>

#include "kernel/base/json.hpp"

namespace blockd::cli {
namespace {

constexpr GlobalFlag kFlags[] = {
    {"--url", "URL", "The node: http://HOST:PORT, https://… or unix:PATH", false},
    {"--rpc", "URL", "The same as --url", false},
    {"--token", "TOKEN", "Bearer token, or @FILE", false},
    {"--auth", "TOKEN", "The same as --token", false},
    {"--admin-token", "TOKEN", "Bearer token of the role admin, or @FILE; wins over --token",
     false},
    {"--timeout", "SECS", "How long to wait for an answer (5)", false},
    {"--format", "FORMAT", "json, text, table, yaml or ids", false},
    {"--json", nullptr, "The same as --format json", false},
    {"--verbose", nullptr, "The same as --format json", false},
    {"--ids", nullptr, "The same as --format ids: one id a line", false},
    {"--pretty", nullptr, "Indent JSON, also into a pipe", false},
    {"--quiet", nullptr, "Print nothing but errors", false},
    {"--help", nullptr, "Explain the verb", false},
    {"--key-id", "ID", "Sign with this key of the wallet instead of letting the node sign", true},
    {"--key", "FILE", "Sign with this key file (keystore, PKCS#8 or 64 hex digits)", true},
    {"--password-file", "FILE", "Holds the password of the key; else it is asked for", true},
    {"--remote-signer", "URL", "Let this signer sign; several: a group with one account", true},
    {"--threshold", "N", "How many of the remote signers must sign (1)", true},
    {"--signer-cert", "FILE", "Own certificate toward remote signers; with --signer-key", true},
    {"--signer-key", "FILE", "Its key", true},
    {"--signer-ca", "FILE", "Who vouches for remote signers (the system's authorities)", true},
    {"--pct", "N", "Share of the fee for the consumer side, in percent (100)", true},
    {"--nonce", "N", "Nonce of a signed command (default: the account's next)", true},
    {"--fee", "AMOUNT", "Fee in the smallest unit", true},
    {"--lane", "LANE", "consumer or industrial", true},
    {"--memo", "TEXT", "Note that travels with the command", true},
    {"--dry-run", nullptr, "Try the command on a copy of the state and change nothing", true},
    {"--check", nullptr, "The same as --dry-run", true},
    {"--wait", "SECS", "How long to wait until the command is in a block", true},
    {"--no-wait", nullptr, "Return as soon as the node has taken the command", true},
};

Status number(const char* flag, const char* what, const std::string& text, std::uint64_t max,
              std::uint64_t* out) {
  const auto value = parse_u64(text);
  if (!value || *value > max) {
    return Status(Code::kInvalid, std::string(flag) + ": expected " + what + " up to " +
                                      std::to_string(max) + ", found '" + text + "'");
  }
  *out = *value;
  return {};
}

Status set_format(const std::string& text, Options* options) {
  static constexpr std::pair<std::string_view, Format> kNames[] = {{"json", Format::kJson},
                                                                   {"text", Format::kText},
                                                                   {"table", Format::kTable},
                                                                   {"yaml", Format::kYaml},
                                                                   {"ids", Format::kIds}};
  for (const auto& [name, format] : kNames) {
    if (name != text) continue;
    options->format = format;
    return {};
  }
  return Status(Code::kInvalid,
                "--format: expected json, text, table, yaml or ids, found '" + text + "'");
}

Status set_number(std::string_view name, const GlobalFlag& flag, const std::string& value,
                  Options* options) {
  std::uint64_t n = 0;
  if (name == "--timeout") {
    TB_TRY(number(flag.name, "seconds", value, 86'400, &n));
    options->timeout_ms = static_cast<std::uint32_t>(n * 1000);
  } else if (name == "--wait") {
    TB_TRY(number(flag.name, "seconds", value, 86'400, &n));
    options->wait_secs = n;
  } else if (name == "--threshold") {
    TB_TRY(number(flag.name, "a number", value, 16, &n));
    options->threshold = n;
  } else if (name == "--pct") {
    TB_TRY(number(flag.name, "percent", value, 100, &n));
    options->pct = n;
  } else if (name == "--nonce") {
    TB_TRY(number(flag.name, "a number", value, kMaxSafeInteger, &n));
    options->nonce = n;
  } else {
    TB_TRY(number(flag.name, "an amount", value, (1ull << 63) - 1, &n));
    options->fee = n;
  }
  return {};
}

std::string* text_of(std::string_view name, Options* o) {
  if (name == "--url" || name == "--rpc") return &o->url;
  if (name == "--token" || name == "--auth") return &o->token;
  if (name == "--admin-token") return &o->admin_token;
  if (name == "--key-id") return &o->key_id;
  if (name == "--key") return &o->key_file;
  if (name == "--password-file") return &o->password_file;
  if (name == "--signer-cert") return &o->signer_cert;
  if (name == "--signer-key") return &o->signer_key;
  if (name == "--signer-ca") return &o->signer_ca;
  if (name == "--memo") return &o->memo;
  if (name == "--lane") return &o->lane;
  return nullptr;
}

bool* switch_of(std::string_view name, Options* o) {
  if (name == "--pretty") return &o->pretty;
  if (name == "--quiet") return &o->quiet;
  if (name == "--help") return &o->help;
  if (name == "--dry-run" || name == "--check") return &o->dry_run;
  if (name == "--no-wait") return &o->no_wait;
  return nullptr;
}

}  // namespace

std::span<const GlobalFlag> global_flags() { return kFlags; }

const GlobalFlag* find_global_flag(std::string_view name) {
  if (name == "-h") name = "--help";
  const auto* at = std::find_if(std::begin(kFlags), std::end(kFlags),
                                [&](const GlobalFlag& flag) { return name == flag.name; });
  return at == std::end(kFlags) ? nullptr : at;
}

Status set_global_flag(const GlobalFlag& flag, const std::string& value, Options* options) {
  const std::string_view name = flag.name;
  if (name == "--json" || name == "--verbose") return set_format("json", options);
  if (name == "--ids") return set_format("ids", options);
  if (name == "--format") return set_format(value, options);
  if (bool* on = switch_of(name, options)) {
    *on = true;
    return {};
  }
  if (name == "--lane" && value != "consumer" && value != "industrial") {
    return Status(Code::kInvalid, "--lane: expected consumer or industrial, found '" + value + "'");
  }
  if (name == "--remote-signer") {
    options->remote_signers.push_back(value);
    return {};
  }
  if (std::string* text = text_of(name, options)) {
    if (value.empty())
      return Status(Code::kInvalid, std::string(flag.name) + ": the value is empty");
    *text = value;
    return {};
  }
  return set_number(name, flag, value, options);
}

bool is_flag(const std::string& word) {
  return word == "-h" || (word.starts_with("--") && word.size() > 2);
}

FlagWord split_flag(const std::string& word) {
  FlagWord out;
  const std::size_t at = word.find('=');
  out.name = word.substr(0, at);
  if (at != std::string::npos) out.value = word.substr(at + 1);
  std::replace(out.name.begin(), out.name.end(), '_', '-');
  return out;
}

}  // namespace blockd::cli
