// Transfers and balances of the wallet's keys (node-and-cli spec 5.11).
#include <algorithm>
#include <filesystem>
#include <ostream>

#include "kernel/base/address.hpp"
#include "kernel/base/file.hpp"
#include "kernel/base/hex.hpp"
#include "kernel/programs/cli/catalogue.hpp"
#include "kernel/programs/cli/keys.hpp"
#include "kernel/programs/cli/output.hpp"
#include "kernel/programs/cli/submit.hpp"

namespace blockd::cli {
namespace {

constexpr std::size_t kMaxKeys = 10'000;
constexpr std::uint64_t kMaxSessionSecs = 86'400;
constexpr std::uint64_t kUsualBytes = 1200;  // above the size of an envelope of open_session

std::uint64_t number(const json::value& answer, const char* member) {
  const json::object* object = answer.if_object();
  const json::value* value = object ? object->if_contains(member) : nullptr;
  if (!value) return 0;
  if (value->is_string()) return parse_u64(value->get_string()).value_or(0);
  return value->is_int64() && value->get_int64() > 0
             ? static_cast<std::uint64_t>(value->get_int64())
             : 0;
}

struct Transfer {
  json::object params;
  std::string lane;
  std::uint64_t fee = 0, effective_fee = 0, floor = 0, floor_fee = 0;
  bool bumped = false, forced = false;
  json::array warnings;
};

json::object report(const Transfer& t, std::string_view status, json::value payload) {
  // Who signed: the keys, from the envelope itself.
  json::array signers;
  const json::object* envelope = payload.if_object();
  if (const json::value* list = envelope ? envelope->if_contains("signatures") : nullptr;
      list && list->is_array()) {
    for (const json::value& part : list->get_array()) {
      if (part.is_object() && part.get_object().contains("key"))
        signers.push_back(json::object{{"key", part.get_object().at("key")}});
    }
  }
  return {{"status", status},
          {"user_fee", t.fee},
          {"effective_fee", t.effective_fee},
          {"fee_floor", t.floor},
          {"floor_fee", t.floor_fee},
          {"lane", t.lane},
          {"warnings", t.warnings},
          {"payload", std::move(payload)},
          {"auto_bumped", t.bumped},
          {"forced", t.forced},
          {"signer_metadata", std::move(signers)}};
}

json::value payload_of(const Command& command) {
  Result<json::value> value = parse_json(command.envelope);
  return value.ok() ? *std::move(value) : json::value(nullptr);
}

// For the node's statistics. A payment does not depend on them: that they were not taken is a
// warning of the report.
void tell_pool(Session& session, NodeClient& client, const char* event, Transfer* t) {
  const json::object params = {
      {"lane", t->lane}, {"event", event}, {"fee", t->fee}, {"floor", t->floor_fee}};
  const Status told = client.call("mempool.qos_event", params).status();
  if (told.ok()) return;
  t->warnings.emplace_back("the node did not count this choice of fee: " +
                           (session.refused ? session.refused->message : told.message()));
  session.refused.reset();
}

// Compares the fee with what the lane asks of a command of this size. True: send it. The pool's
// statistics give a price a byte.
Result<bool> settle_fee(Session& session, NodeClient& client, const LocalArgs& args,
                        std::size_t bytes, Transfer* t) {
  Result<json::value> stats = client.call("mempool.stats", json::object{{"lane", t->lane}});
  if (!stats.ok()) return stats.status();
  t->floor = number(*stats, "fee_floor");
  const U128 least = U128{t->floor} * bytes + number(*stats, "base_fee");
  if (least > kMaxFee)
    return Status(Code::kLimit, "the lane's fee floor is beyond the largest fee");
  t->floor_fee = static_cast<std::uint64_t>(least);
  t->effective_fee = t->fee;
  if (t->fee >= t->floor_fee) return true;
  t->warnings.emplace_back("fee " + std::to_string(t->fee) + " is below " +
                           std::to_string(t->floor_fee) +
                           ", which the lane asks of a command of this size");
  if (args.has("--force")) {
    t->forced = true;
    tell_pool(session, client, "override", t);
    return true;
  }
  if (args.has("--auto-bump")) {
    t->bumped = true;
    t->effective_fee = t->floor_fee;
    tell_pool(session, client, "warning", t);
    return true;
  }
  if (session.options.format == Format::kJson || !session.world.in_is_terminal) return false;
  session.world.err << std::string(t->warnings.back().as_string()) << "\nsend it with "
                    << t->floor_fee << " instead? [y/N] " << std::flush;
  std::string answer;
  std::getline(session.world.in, answer);
  if (answer != "y" && answer != "Y" && answer != "yes") return false;
  t->bumped = true;
  t->effective_fee = t->floor_fee;
  tell_pool(session, client, "warning", t);
  return true;
}

// What the lane asks of a command of usual size.
Result<std::uint64_t> least_fee(Session& session) {
  NodeClient client(session);
  Result<json::value> stats = client.call("mempool.stats", json::object{{"lane", "consumer"}});
  if (!stats.ok()) return stats.status();
  return number(*stats, "fee_floor") * kUsualBytes + number(*stats, "base_fee");
}

Result<Transfer> read_transfer(const Session& session, const LocalArgs& args) {
  Transfer t;
  const std::string to = args.get("--to");
  if (!is_address(to) && !is_system_account(to))
    return Status(Code::kInvalid, "--to: expected an address tb1…, found '" + to + "'");
  const auto amount = parse_u64(args.get("--amount"));
  if (!amount || *amount == 0)
    return Status(Code::kInvalid,
                  "--amount: expected a number above 0, found '" + args.get("--amount") + "'");
  if (args.has("--force") && args.has("--auto-bump"))
    return Status(Code::kInvalid, "--force and --auto-bump exclude each other");
  t.params["to"] = to;
  t.params["amount"] =
      *amount > kMaxSafeInteger ? json::value(std::to_string(*amount)) : json::value(*amount);
  t.lane = session.options.lane.empty() ? "consumer" : session.options.lane;
  t.fee = session.options.fee.value_or(0);
  return t;
}

int send_transfer(Session& session, const LocalArgs& args, CommandSigner& signer,
                  Transfer* transfer);

int wallet_send(Session& session, const LocalArgs& args) {
  Result<Transfer> transfer = read_transfer(session, args);
  if (!transfer.ok()) return session.fail(transfer.status());
  if (args.has("--from")) session.options.key_id = args.get("--from");
  if (!session.options.signs()) session.options.key_id = "default";
  if (session.options.nonce == 0u) session.options.nonce.reset();
  Result<std::unique_ptr<CommandSigner>> signer = signer_of_flags(session);
  if (!signer.ok()) return session.fail(signer.status());
  return send_transfer(session, args, **signer, &*transfer);
}

int send_transfer(Session& session, const LocalArgs& args, CommandSigner& signer,
                  Transfer* transfer) {
  NodeClient client(session);
  Result<CommandPtr> command =
      sign_for_node(session, client, signer, "ledger.transfer", transfer->params);
  if (!command.ok()) return session.fail(command.status());
  // A raised fee has more digits than the one it replaces, so that the measured size is taken with
  // room for them.
  Result<bool> go = settle_fee(session, client, args, (*command)->envelope.size() + 20, transfer);
  if (!go.ok()) return session.fail(go.status());
  if (!*go) {
    print_result(session, report(*transfer, "needs_confirmation", payload_of(**command)),
                 {"", {}, "", true});
    session.world.err
        << "error[fee_too_low]: nothing was sent\n  give --fee, --auto-bump or --force\n";
    return kExitRefused;
  }
  if (transfer->bumped) {
    session.options.fee = transfer->effective_fee;
    session.options.nonce = (*command)->nonce;
    command = sign_for_node(session, client, signer, "ledger.transfer", transfer->params);
    if (!command.ok()) return session.fail(command.status());
  }
  const json::value payload = payload_of(**command);
  if (session.options.dry_run)
    return print_result(session, report(*transfer, "dry_run", payload), {"", {}, "", true});
  Result<json::value> answer =
      send_envelope(session, client, "ledger.transfer", (*command)->envelope, {});
  if (!answer.ok()) return session.fail(answer.status());
  json::object out = report(*transfer, "ok", payload);
  out["result"] = *answer;
  out["command_id"] = to_hex((*command)->id);
  return print_result(session, out, {"", {}, "command_id", true});
}

// A new key that may pay for the wallet's key for a while.
int wallet_session(Session& session, const LocalArgs& args) {
  const auto ttl = parse_u64(args.get("--ttl", "3600"));
  if (!ttl || *ttl == 0 || *ttl > kMaxSessionSecs)
    return session.fail(Status(Code::kInvalid, "--ttl: expected 1..86400 seconds"));
  const SigningKey key = SigningKey::generate();
  json::object params = {{"session_pk", to_hex(key.public_key())},
                         {"expires_at_ms", session.world.clock.unix_ms() + *ttl * 1000}};
  if (args.has("--limit")) {
    const auto limit = parse_u64(args.get("--limit"));
    if (!limit) return session.fail(Status(Code::kInvalid, "--limit: expected an amount"));
    params["limit"] =
        *limit > kMaxSafeInteger ? json::value(std::to_string(*limit)) : json::value(*limit);
  }
  if (args.has("--from")) session.options.key_id = args.get("--from");
  if (!session.options.signs()) session.options.key_id = "default";
  if (!session.options.fee) {
    Result<std::uint64_t> fee = least_fee(session);
    if (!fee.ok()) return session.fail(fee.status());
    session.options.fee = *fee;
  }
  Result<std::unique_ptr<CommandSigner>> signer = signer_of_flags(session);
  if (!signer.ok()) return session.fail(signer.status());
  NodeClient client(session);
  Result<CommandPtr> command =
      sign_for_node(session, client, **signer, "ledger.open_session", params);
  if (!command.ok()) return session.fail(command.status());
  Result<json::value> answer =
      send_envelope(session, client, "ledger.open_session", (*command)->envelope, {});
  if (!answer.ok()) return session.fail(answer.status());
  return print_result(session,
                      json::object{{"owner", (*command)->from},
                                   {"session_pk", params["session_pk"]},
                                   {"session_sk", to_hex(key.seed())},
                                   {"expires_at_ms", params["expires_at_ms"]},
                                   {"command_id", to_hex((*command)->id)}},
                      {"", {}, "session_pk", true});
}

// A transfer that a session key signs in its owner's place.
int wallet_metasend(Session& session, const LocalArgs& args) {
  Result<Transfer> transfer = read_transfer(session, args);
  if (!transfer.ok()) return session.fail(transfer.status());
  Result<SigningKey> key = SigningKey::from_hex(args.get("--session-sk"));
  if (!key.ok())
    return session.fail(key.status().in("--session-sk (as `wallet session` printed it)"));
  const std::string owner = args.get("--from");
  if (!is_address(owner))
    return session.fail(
        Status(Code::kInvalid,
               "--from: expected the address of the session's owner, found '" + owner + "'"));
  const std::unique_ptr<CommandSigner> signer = signer_of_session(*std::move(key), owner);
  return send_transfer(session, args, *signer, &*transfer);
}

int wallet_balances(Session& session, const LocalArgs&) {
  Result<std::string> dir = keys_dir(session.world);
  if (!dir.ok()) return session.fail(dir.status());
  std::vector<std::string> files;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(*dir, none)) {
    if (entry.path().extension() == ".pem" && files.size() < kMaxKeys)
      files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  NodeClient client(session);
  json::array rows;
  for (const std::string& file : files) {
    Result<Bytes> text = read_file(file, 64u << 10);
    Result<KeystoreInfo> info =
        text.ok() ? inspect_keystore(*text) : Result<KeystoreInfo>(text.status());
    if (!info.ok()) return session.fail(info.status().in(file));
    Result<json::value> balance = client.call("balance", json::object{{"address", info->address}});
    if (!balance.ok()) return session.fail(balance.status());
    const json::object* object = balance->if_object();
    const json::value* amount = object ? object->if_contains("amount") : nullptr;
    rows.push_back(json::object{{"key_id", std::filesystem::path(file).stem().string()},
                                {"address", info->address},
                                {"amount", amount ? *amount : json::value(nullptr)}});
  }
  return print_result(session, rows, {"", {"key_id", "address", "amount"}, "address", true});
}

}  // namespace

std::vector<LocalVerb> wallet_send_verbs() {
  return {{"wallet send",
           "",
           "Send an amount, signed here",
           {{"--to", "ADDRESS", "Who receives it"},
            {"--amount", "AMOUNT", "In the smallest unit"},
            {"--from", "KEY_ID", "Key of the wallet that pays (default)"},
            {"--auto-bump", "", "Raise the fee to what the lane asks"},
            {"--force", "", "Send with a fee below what the lane asks"}},
           0,
           0,
           wallet_send,
           {{"contract-cli wallet send --from alice --to tb1… --amount 250 --auto-bump",
             "Pays 250 with the fee that the lane asks"}},
           {},
           true},
          {"wallet session",
           "",
           "Make a key that may pay for a while in an account's place",
           {{"--ttl", "SECS", "Its life, at most 86400 (3600)"},
            {"--limit", "AMOUNT", "What it may send in all, fees included (no limit)"},
            {"--from", "KEY_ID", "Key of the wallet whose account it is (default)"}},
           0,
           0,
           wallet_session,
           {{"contract-cli wallet session --ttl 3600 --from alice",
             "Prints session_sk once; it is kept nowhere"}},
           {},
           true},
          {"wallet metasend",
           "",
           "Send an amount with a session key",
           {{"--to", "ADDRESS", "Who receives it"},
            {"--amount", "AMOUNT", "In the smallest unit"},
            {"--from", "ADDRESS", "Account that pays: the owner of the session"},
            {"--session-sk", "HEX", "The session's secret, as `wallet session` printed it"},
            {"--auto-bump", "", "Raise the fee to what the lane asks"},
            {"--force", "", "Send with a fee below what the lane asks"}},
           0,
           0,
           wallet_metasend,
           {},
           {},
           true},
          {"wallet balances", "", "Balances of the wallet's keys", {}, 0, 0, wallet_balances}};
}

}  // namespace blockd::cli
