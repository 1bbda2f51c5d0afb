#include "plugins/energy/cli/tool.hpp"

#include <sodium.h>

#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <cstdlib>
#include <ctime>
#include <map>
#include <optional>

#include "plugins/energy/cli/snapshots.hpp"
#include "plugins/energy/rules/reading.hpp"
#include "tb/blake3.hpp"
#include "tb/tool.hpp"

namespace energy {
namespace {

namespace json = boost::json;
constexpr std::size_t kMaxFileBytes = 1u << 20;

using tb::Misuse;

class ToolCrypto : public Crypto {
 public:
  Hash blake3(std::string_view data) const override {
    const tb::Hash hash = tb::blake3(data);
    Hash out{};
    std::copy_n(hash.view().begin(), out.size(), out.begin());
    return out;
  }
  bool verify(const PublicKey& key, std::string_view message,
              const Signature& signature) const override {
    return crypto_sign_verify_detached(signature.data(),
                                       reinterpret_cast<const unsigned char*>(message.data()),
                                       message.size(), key.data()) == 0;
  }
};

struct Key {
  PublicKey open{};
  std::array<unsigned char, crypto_sign_SECRETKEYBYTES> secret{};
  ~Key() { sodium_memzero(secret.data(), secret.size()); }
};

using Flags = std::map<std::string, std::string>;

Flags read_flags(const std::vector<std::string>& args, std::size_t first,
                 const std::vector<std::string>& known) {
  Flags out;
  for (std::size_t i = first; i < args.size(); ++i) {
    const std::size_t equals = args[i].find('=');
    const std::string name = args[i].substr(0, equals);
    bool found = false;
    for (const std::string& flag : known) found = found || flag == name;
    if (!found) throw Misuse("there is no flag " + name);
    if (equals == std::string::npos && i + 1 == args.size())
      throw Misuse(name + ": a value is missing");
    if (!out.emplace(name, equals == std::string::npos ? args[++i] : args[i].substr(equals + 1))
             .second)
      throw Misuse(name + ": given twice");
  }
  return out;
}

const std::string& need(const Flags& flags, const std::string& name) {
  const auto at = flags.find(name);
  if (at == flags.end()) throw Misuse(name + " is missing");
  return at->second;
}

std::uint64_t number(const std::string& name, std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    throw Misuse(name + ": expected a number, found '" + std::string(text) + "'");
  return value;
}

std::string trimmed(const std::string& text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  return first == std::string::npos
             ? ""
             : text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

void read_key(const Flags& flags, Key* key) {
  std::string text;
  if (const auto at = flags.find("--key-file"); at != flags.end()) {
    text = tb::read_tool_file(at->second, kMaxFileBytes);
  } else {
    for (const char* name : {"TB_ORACLE_KEY_HEX", "TB_ORACLE_SIGNING_KEY"}) {
      const char* value = std::getenv(name);
      if (text.empty() && value) text = value;
    }
  }
  if (text.empty()) throw Misuse("a key is needed: give --key-file FILE or set TB_ORACLE_KEY_HEX");
  const std::optional<Hash> seed = parse_hex<32>(trimmed(text));
  sodium_memzero(text.data(), text.size());
  if (!seed) throw Misuse("the key is not 64 hex digits");
  crypto_sign_seed_keypair(key->open.data(), key->secret.data(), seed->data());
}

void sign(const Key& key, const Crypto& crypto, Reading* reading) {
  const Hash digest = reading_digest(*reading, crypto);
  crypto_sign_detached(reading->signature.data(), nullptr, digest.data(), digest.size(),
                       key.secret.data());
}

Reading reading_of_flags(const Flags& flags) {
  Reading out;
  out.provider_id = need(flags, "--provider-id");
  if (!parse_provider_id(out.provider_id))
    throw Misuse("--provider-id: expected energy-0x and 1 to 8 hex digits, found '" +
                 out.provider_id + "'");
  out.meter_address = need(flags, "--meter");
  if (!is_plain_text(out.meter_address, kMaxNameBytes))
    throw Misuse("--meter: expected 1 to 128 bytes of plain text");
  out.kwh_reading = number("--kwh", need(flags, "--kwh"));
  const auto at = flags.find("--timestamp");
  out.timestamp = at == flags.end() ? static_cast<std::uint64_t>(std::time(nullptr))
                                    : number("--timestamp", at->second);
  const auto nonce = flags.find("--nonce");
  out.nonce = nonce == flags.end() ? out.timestamp : number("--nonce", nonce->second);
  return out;
}

// Numbers above 2^53-1 travel as decimal strings.
json::value number_json(std::uint64_t value) {
  if (value > (1ull << 53) - 1) return json::value(std::to_string(value));
  return json::value(value);
}

json::object reading_json(const Reading& reading) {
  return {{"provider_id", reading.provider_id},
          {"meter_address", reading.meter_address},
          {"kwh_reading", number_json(reading.kwh_reading)},
          {"timestamp", number_json(reading.timestamp)},
          {"nonce", number_json(reading.nonce)},
          {"signature", format_hex(reading.signature)}};
}

std::string hex_of(std::string_view bytes) {
  return format_hex(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
}

// What verify-reading and sign-test print of a reading.
json::object verdict(const Reading& reading, const PublicKey& key, const Crypto& crypto,
                     bool* valid) {
  *valid = verify_reading(reading, key, crypto);
  return {{"public_key", format_hex(key)},
          {"preimage", hex_of(reading_preimage(reading))},
          {"digest", format_hex(reading_digest(reading, crypto))},
          {"meter_hash", format_hex(reading_meter_hash(reading, crypto))},
          {"valid", *valid}};
}

std::string text_in(const json::object& object, const char* name) {
  const json::value* value = object.if_contains(name);
  if (!value || !value->is_string())
    throw Misuse(std::string("the reading has no text '") + name + "'");
  return std::string(value->get_string());
}

std::uint64_t number_in(const json::object& object, const char* name) {
  const json::value* value = object.if_contains(name);
  if (value && value->is_int64() && value->get_int64() >= 0)
    return static_cast<std::uint64_t>(value->get_int64());
  if (value && value->is_uint64()) return value->get_uint64();
  if (value && value->is_string()) return number(name, value->get_string());
  throw Misuse(std::string("the reading has no number '") + name + "'");
}

Reading reading_of_json(const std::string& argument) {
  const bool is_inline = trimmed(argument).starts_with('{');
  const std::string text =
      is_inline ? argument
                : tb::read_tool_file(argument.starts_with('@') ? argument.substr(1) : argument,
                                     kMaxFileBytes);
  boost::system::error_code error;
  const json::value value = json::parse(text, error);
  if (error || !value.is_object())
    throw Misuse("--reading-json: expected a JSON object, a file or -");
  const json::object& object = value.get_object();
  Reading out;
  out.provider_id = text_in(object, "provider_id");
  out.meter_address = text_in(object, "meter_address");
  out.kwh_reading = number_in(object, "kwh_reading");
  out.timestamp = number_in(object, "timestamp");
  out.nonce = number_in(object, "nonce");
  const auto signature = parse_signature(text_in(object, "signature"));
  if (!signature) throw Misuse("the signature is not 128 hex digits");
  out.signature = *signature;
  return out;
}

const std::vector<std::string> kSignFlags = {"--provider-id", "--meter", "--kwh",
                                             "--timestamp",   "--nonce", "--key-file"};

int sign_reading(const std::vector<std::string>& args, std::ostream& out) {
  const Flags flags = read_flags(args, 2, kSignFlags);
  Reading reading = reading_of_flags(flags);
  Key key;
  read_key(flags, &key);
  sign(key, ToolCrypto(), &reading);
  out << json::serialize(reading_json(reading)) << '\n';
  return 0;
}

int verify(const std::vector<std::string>& args, std::ostream& out) {
  const Flags flags = read_flags(args, 2, {"--reading-json", "--public-key"});
  const Reading reading = reading_of_json(need(flags, "--reading-json"));
  const auto key = parse_public_key(need(flags, "--public-key"));
  if (!key) throw Misuse("--public-key: expected 64 hex digits");
  bool valid = false;
  out << json::serialize(verdict(reading, *key, ToolCrypto(), &valid)) << '\n';
  return valid ? 0 : 1;
}

int sign_test(const std::vector<std::string>& args, std::ostream& out) {
  Flags flags = read_flags(args, 3, kSignFlags);
  // Without a reading of the operator's own, any will do to try the key.
  flags.try_emplace("--provider-id", "energy-0x00000000");
  flags.try_emplace("--meter", "sign-test");
  flags.try_emplace("--kwh", "1");
  Reading reading = reading_of_flags(flags);
  Key key;
  read_key(flags, &key);
  sign(key, ToolCrypto(), &reading);
  bool valid = false;
  json::object body = verdict(reading, key.open, ToolCrypto(), &valid);
  body["reading"] = reading_json(reading);
  out << json::serialize(body) << '\n';
  return valid ? 0 : 1;
}

// The folder that the plugin of the stopped node looks into.
std::string restore_target(const Flags& flags) {
  if (flags.contains("--to")) return flags.at("--to");
  if (flags.contains("--data-dir")) return flags.at("--data-dir") + "/energy_market";
  const char* env = std::getenv("TB_ENERGY_MARKET_DIR");
  if (env != nullptr && *env != '\0') return env;
  throw Misuse("say where to: --data-dir, --to, or TB_ENERGY_MARKET_DIR");
}

int restore(std::vector<std::string> args, std::ostream& out) {
  const auto forced = std::erase(args, "--force");
  const Flags flags = read_flags(args, 3, {"--dir", "--data-dir", "--to"});
  return restore_snapshot(need(flags, "--dir"), restore_target(flags), forced > 0, out);
}

int help(const std::string& path, std::ostream& out) {
  const std::string all = tool_catalogue();
  const std::size_t at = all.find(path + "\t");
  std::string line = all.substr(at, all.find('\n', at) - at);
  bool is_flag = false;
  std::size_t begin = path.size() + 2;
  for (std::size_t field = 0; begin <= line.size(); ++field) {
    const std::size_t end = std::min(line.find('\t', begin), line.size());
    const std::string part = line.substr(begin, end - begin);
    if (field == 0) {
      out << part << "\n\nUsage: contract-cli " << path << " [flags]\n\nFlags:\n";
    } else {
      is_flag = !is_flag;
      out << (is_flag ? "  " + part : "  " + part + "\n");
    }
    begin = end + 1;
  }
  return 0;
}

}  // namespace

const char* tool_catalogue() {
  return "energy sign-reading\t\tPrint a meter reading signed with an oracle's key"
         "\t--provider-id ID\tProvider, as it is to be sent\t--meter TEXT\tAddress of the meter"
         "\t--kwh N\tCumulative kWh of the meter\t--timestamp SECS\tUnix time (now)\t--nonce "
         "N\tNonce (the timestamp)"
         "\t--key-file FILE\t64 hex digits (TB_ORACLE_KEY_HEX)\n"
         "energy verify-reading\t\tSay whether a reading's signature holds"
         "\t--reading-json JSON\tThe reading, a file or -\t--public-key HEX\tKey of the oracle\n"
         "energy oracle sign-test\t\tSign a reading and verify it, to try a key"
         "\t--key-file FILE\t64 hex digits (TB_ORACLE_KEY_HEX)\t--provider-id ID\tProvider "
         "(energy-0x00000000)"
         "\t--meter TEXT\tAddress of the meter (sign-test)\t--kwh N\tCumulative kWh (1)"
         "\t--timestamp SECS\tUnix time (now)\t--nonce N\tNonce (the timestamp)\n"
         "energy snapshot list\t\tList the snapshots of the market in a folder"
         "\t--dir DIR\tFolder (TB_ENERGY_MARKET_DIR, or energy_market)\n"
         "energy snapshot verify\t\tSay whether the newest snapshot of a folder is whole"
         "\t--dir DIR\tFolder (TB_ENERGY_MARKET_DIR, or energy_market)\n"
         "energy snapshot restore\t\tPut a snapshot where the empty market of a stopped node "
         "begins "
         "with it"
         "\t--dir DIR\tFolder of the snapshot\t--data-dir DIR\tData directory of the node"
         "\t--to DIR\tFolder of the market (TB_ENERGY_MARKET_DIR, or energy_market in the data "
         "directory)\t--force\tTake it also over a newer one\n";
}

int run_energy_tool(const std::vector<std::string>& args, std::ostream& out, std::ostream& err) {
  try {
    if (sodium_init() < 0) throw std::runtime_error("libsodium does not start");
    const std::string verb = args.size() > 1 ? args[1] : "";
    const bool test = verb == "oracle" && args.size() > 2 && args[2] == "sign-test";
    const std::string word = args.size() > 2 ? args[2] : "";
    const bool snapshot =
        verb == "snapshot" && (word == "list" || word == "verify" || word == "restore");
    const bool known = verb == "sign-reading" || verb == "verify-reading" || test || snapshot;
    if (!known) {
      throw Misuse(
          "expected sign-reading, verify-reading, oracle sign-test, snapshot list, snapshot "
          "verify or snapshot restore");
    }
    for (const std::string& arg : args) {
      if (arg == "--help" || arg == "-h")
        return help(test || snapshot ? "energy " + verb + " " + word : "energy " + verb, out);
    }
    if (snapshot && word == "restore") return restore(args, out);
    if (snapshot) {
      const Flags flags = read_flags(args, 3, {"--dir"});
      const std::string folder = market_folder(flags.contains("--dir") ? flags.at("--dir") : "");
      return word == "list" ? list_snapshots(folder, out) : verify_snapshot(folder, out);
    }
    if (test) return sign_test(args, out);
    return verb == "sign-reading" ? sign_reading(args, out) : verify(args, out);
  } catch (const Misuse& e) {
    err << "error[usage]: " << e.what() << "\n  see --help\n";
    return 2;
  } catch (const std::exception& e) {
    err << "error[internal]: " << e.what() << '\n';
    return 1;
  }
}

}  // namespace energy
