// Two small machines for the tests of this folder: `bank`, whose one command does what its params
// say, and `vault`, which serves it. Written against the ABI directly, so that nothing of the SDK
// stands between the test and the kernel.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernel/base/address.hpp"
#include "kernel/chain/chain.hpp"
#include "kernel/manifest/values.hpp"
#include "kernel/storage/fault_disk.hpp"
#include "kernel/storage/write_behind.hpp"

namespace blockd::test {

inline tb_str str(std::string_view s) { return to_str(s); }

inline std::string read(tb_ctx* ctx, std::string_view key) {
  std::string out;
  tb_sink sink{&out,
               [](void* user, tb_str v) { static_cast<std::string*>(user)->assign(to_view(v)); }};
  ctx->view.api->get(&ctx->view, str(key), &sink);
  return out;
}
inline tb_status refuse(tb_ctx* ctx, std::string_view name) {
  return ctx->api->fail(ctx, -40001, str(name), str("told to"), nullptr, nullptr);
}

inline constexpr std::string_view kVaultManifest =
    R"({"id":"vault","version":"1.0.0","summary":"Keeps rows","sm":1,"schema":1,
  "provides":[{"name":"vault/1","functions":[
    {"name":"store","params":[{"name":"key","type":"string"},{"name":"value","type":"string"}]},
    {"name":"peek","read":true,"params":[{"name":"key","type":"string"}]}]}]})";

inline tb_status vault_serve(tb_ctx* ctx, std::uint32_t, std::uint32_t, tb_str,
                             const tb_value* args, std::uint32_t, tb_out*) {
  ctx->api->put(ctx, args[0].str, args[1].str);
  return to_view(args[1].str) == "bad" ? refuse(ctx, "VaultRefuses") : TB_OK;
}
inline tb_status vault_answer(tb_view* view, std::uint32_t, std::uint32_t, tb_str,
                              const tb_value* args, std::uint32_t, tb_out* out, tb_out* error) {
  tb_sink sink{out, [](void* user, tb_str v) {
                 auto* o = static_cast<tb_out*>(user);
                 o->api->put_str(o, str("value"), v);
               }};
  if (view->api->get(view, args[0].str, &sink) == TB_OK) return TB_OK;
  error->api->put_i64(error, str("code"), -40002);
  error->api->put_str(error, str("name"), str("NoSuchRow"));
  return TB_FAILED;
}

inline constexpr std::string_view kBankManifest =
    R"({"id":"bank","version":"1.0.0","summary":"Does as told","sm":2,"sm_min":1,"schema":2,
  "requires":[{"name":"vault/1","functions":["store","peek"]}],
  "methods":[{"name":"bank.run","kind":"command","role":"open","summary":"Do as told","params":[
    {"name":"op","type":"string"},{"name":"key","type":"string","default":"k"},
    {"name":"n","type":"u64","default":0}],
    "errors":[{"code":-40001,"name":"Told","help":"told to fail"}]}],
  "events":[{"topic":"bank.ran","help":"ran","fields":[{"name":"op","type":"string"}]}],
  "records":[{"kind":"bank.note","help":"note","fields":[{"name":"op","type":"string"}]}],
  "params":[{"key":"bank_limit","default":7,"min":1,"max":100,"help":"a limit"},
    {"key":"bank_floor","default":0,"min":0,"max":100,"help":"at most bank_limit"}]})";

inline void fill_op(void* user, tb_out* out) {
  out->api->put_str(out, str("op"), static_cast<const tb_value*>(user)->str);
}

inline tb_status store(tb_ctx* ctx, tb_str key, std::string_view value) {
  tb_value args[2]{};
  args[0].type = args[1].type = TB_TYPE_STR;
  args[0].str = key;
  args[1].str = str(value);
  return ctx->api->call(ctx, 0, 0, args, 2, nullptr, nullptr);
}

inline tb_status bank_apply(tb_ctx* ctx, std::uint32_t, const tb_value* params, std::uint32_t,
                            tb_out* result) {
  std::string_view op = to_view(params[0].str);
  const std::string key(to_view(params[1].str));
  const std::uint64_t n = params[2].num;
  auto* op_value = const_cast<tb_value*>(params);
  if (op == "put") {
    std::string value = ctx->view.block->sm == 1 ? std::to_string(n) : "v2:" + std::to_string(n);
    result->api->put_str(result, str("value"), str(value));
    ctx->api->emit(ctx, 0, fill_op, op_value);
    return ctx->api->put(ctx, str(key), str(value));
  }
  if (op == "erase") return ctx->api->erase(ctx, str(key));
  if (op == "fail") {
    ctx->api->put(ctx, str(key), str("must not stay"));
    ctx->api->emit(ctx, 0, fill_op, op_value);
    store(ctx, params[1].str, "must not stay either");
    return refuse(ctx, "Told");
  }
  if (op == "charge") {
    ctx->api->put(ctx, str(key), str("must not stay"));
    store(ctx, params[1].str, "must not stay either");
    ctx->api->record(ctx, 0, fill_op, op_value);
    refuse(ctx, "Told");
    if (ctx->api->charge(ctx) != TB_OK) return TB_E_INVALID;
    if (ctx->api->charge(ctx) != TB_E_INVALID) return TB_OK;  // once only
    ctx->api->put(ctx, str("slashed"), str(key));
    return TB_FAILED;
  }
  if (op == "vault") return store(ctx, params[1].str, "from bank");
  if (op == "vault_bad_caught") {  // the refused call leaves no trace, the rest stays
    if (store(ctx, params[1].str, "bad") != TB_FAILED) return TB_OK;
    return ctx->api->put(ctx, str(key), str("after a refused call"));
  }
  if (op == "vault_bad") return store(ctx, params[1].str, "bad");
  if (op == "attempt") {
    tb_status inner = ctx->api->attempt(
        ctx,
        [](void*, tb_ctx* c) {
          c->api->put(c, str("inner"), str("x"));
          c->api->attempt(
              c, [](void*, tb_ctx* d) { return d->api->put(d, str("innermost"), str("x")); },
              nullptr);
          return refuse(c, "Told");
        },
        nullptr);
    if (inner != TB_FAILED) return TB_OK;
    return ctx->api->put(ctx, str(key), str("outer"));
  }
  if (op == "throw") {
    ctx->api->put(ctx, str(key), str("must not stay"));
    throw std::runtime_error("a bug of the plugin");
  }
  if (op == "reads") {
    for (std::uint64_t i = 0; i < n; ++i) {
      if (tb_status s = ctx->view.api->get(&ctx->view, str(key), nullptr); s < 0) return s;
    }
    return TB_OK;
  }
  if (op == "bytes") {
    std::string value(1u << 20, 'x');
    for (std::uint64_t i = 0; i < n; ++i) {
      if (tb_status s = ctx->api->put(ctx, str("b"), str(value)); s < 0) return s;
    }
    return TB_OK;
  }
  if (op == "param") {
    std::uint64_t v = 0;
    ctx->view.api->param(&ctx->view, 0, &v);
    const tb_block& block = *ctx->view.block;
    const bool same = block.param_count == 0 || block.params[0] == v;
    return ctx->api->put(ctx, str(key), str(same ? std::to_string(v) : "the table differs"));
  }
  if (op == "bad_result") {  // n bytes, or bytes that are no UTF-8
    result->api->put_str(result, str("value"), str(n == 0 ? "\xff" : std::string(n, 'x')));
    return ctx->api->put(ctx, str(key), str("kept"));
  }
  if (op == "verify") {
    std::string pk(32, 'k'), sig(64, 's');
    tb_status s = ctx->api->verify(ctx, str(pk), str("m"), str(sig));
    return ctx->api->put(ctx, str(key), str(s == TB_OK ? "good" : "bad"));
  }
  return refuse(ctx, "Told");
}
inline tb_status bank_begin(tb_ctx* ctx) {
  return ctx->api->put(ctx, str("begun"), str(std::to_string(ctx->view.block->height)));
}
// Two parameters that bound each other; 99 passes the check and fails when it comes into force.
inline tb_status bank_check_params(tb_ctx* ctx, const tb_param_change* changes,
                                   std::uint32_t count) {
  std::uint64_t value[2] = {0, 0};
  for (std::uint32_t i = 0; i < 2; ++i) ctx->view.api->param(&ctx->view, i, &value[i]);
  for (std::uint32_t i = 0; i < count; ++i) value[changes[i].index] = changes[i].new_value;
  ctx->api->put(ctx, str("checked"), str("must not stay"));
  return value[1] > value[0] ? refuse(ctx, "FloorAboveLimit") : TB_OK;
}
inline tb_status bank_params_changed(tb_ctx* ctx, const tb_param_change* changes,
                                     std::uint32_t count) {
  std::string text;
  for (std::uint32_t i = 0; i < count; ++i) {
    std::uint64_t now = 0;
    ctx->view.api->param(&ctx->view, changes[i].index, &now);
    if (ctx->view.block->params[changes[i].index] != now) return refuse(ctx, "TableDiffers");
    text += std::to_string(changes[i].index) + ":" + std::to_string(changes[i].old_value) + ">" +
            std::to_string(now) + ";";
    if (now == 99) return refuse(ctx, "NotNinetyNine");
  }
  return ctx->api->put(ctx, str("changed"), str(text));
}
// Rewrites two rows a block, from "1" to "v2:1"; cannot read "666".
inline tb_status bank_migrate(tb_ctx* ctx, std::uint32_t, tb_str cursor, std::uint32_t,
                              const tb_sink* next) {
  struct Page {
    std::vector<std::pair<std::string, std::string>> rows;
  } page;
  tb_row_sink sink{&page, [](void* user, tb_str key, tb_str value) -> std::uint32_t {
                     static_cast<Page*>(user)->rows.emplace_back(to_view(key), to_view(value));
                     return 1;
                   }};
  ctx->view.api->scan(&ctx->view, str("row"), cursor, 2, &sink);
  for (auto& [key, value] : page.rows) {
    if (value == "666") return refuse(ctx, "UnreadableRow");
    ctx->api->put(ctx, str(key), str("v2:" + value));
  }
  if (page.rows.size() == 2) next->put(next->user, str(page.rows.back().first));
  return TB_OK;
}

inline const tb_machine& vault_table() {
  static const tb_machine kTable = [] {
    tb_machine t{};
    t.size = sizeof t;
    t.sm = t.sm_min = t.schema = 1;
    t.serve = vault_serve;
    t.answer = vault_answer;
    return t;
  }();
  return kTable;
}
inline tb_machine bank_table() {
  tb_machine t{};
  t.size = sizeof t;
  t.sm = 2;
  t.sm_min = 1;
  t.schema = 2;
  t.apply = bank_apply;
  t.begin = bank_begin;
  t.migrate_step = bank_migrate;
  t.check_params = bank_check_params;
  t.params_changed = bank_params_changed;
  return t;
}

inline std::shared_ptr<const Manifest> manifest_of(std::string_view text) {
  Result<std::shared_ptr<const Manifest>> m = Manifest::parse(text);
  if (!m.ok()) throw std::runtime_error(m.status().to_string());
  return *m;
}

struct Provider : MachineProvider {
  std::shared_ptr<const Manifest> vault = manifest_of(kVaultManifest),
                                  bank = manifest_of(kBankManifest);
  tb_machine table = bank_table();
  bool have_bank = true;
  Result<Machine> find(const RosterEntry& entry) override {
    if (entry.id == "vault") return Machine{vault, &vault_table(), nullptr};
    if (entry.id == "bank" && have_bank && entry.sm <= table.sm)
      return Machine{bank, &table, nullptr};
    return Status(Code::kUnavailable, "here: nothing of " + entry.id);
  }
};

struct FixedClock : Clock {
  std::uint64_t now = 1'700'000'001'000;
  std::uint64_t unix_ms() const override { return now; }
  std::uint64_t monotonic_us() const override { return 0; }
};

// Memory that survives a crash of the chain that uses it.
struct SharedStore : KvStore {
  explicit SharedStore(std::shared_ptr<KvStore> s) : store(std::move(s)) {}
  std::shared_ptr<KvStore> store;
  Status get(BytesView key, std::optional<Bytes>* v) const override { return store->get(key, v); }
  Status scan(BytesView p, BytesView a, std::size_t n, const RowVisitor& v) const override {
    return store->scan(p, a, n, v);
  }
  Status scan_back(BytesView p, BytesView b, std::size_t n, const RowVisitor& v) const override {
    return store->scan_back(p, b, n, v);
  }
  Status write(std::span<const KvWrite> batch, bool sync) override {
    return store->write(batch, sync);
  }
  std::shared_ptr<const KvReader> snapshot() const override { return store->snapshot(); }
  Status flush() override { return store->flush(); }
  std::uint64_t approximate_bytes() const override { return store->approximate_bytes(); }
  Status reopen() override { return store->reopen(); }
};

// A chain `dev` in memory with both machines, and accounts that count their nonces.
struct World {
  explicit World(std::uint32_t bank_sm = 2)
      : validator(SigningKey::from_seed(seed(1))), user(SigningKey::from_seed(seed(2))) {
    genesis.chain_id = "dev";
    genesis.timestamp_ms = 1'700'000'000'000;
    genesis.epoch_length = 4;
    genesis.validators.push_back({"v1", 1, validator.public_key()});
    genesis.roles.emplace_back(address_of(user.public_key()), "operator");
    genesis.params.emplace_back("bank_limit", 9);
    genesis.plugins = {entry("bank", bank_sm, bank_sm), entry("vault", 1, 1)};
  }
  static std::array<std::uint8_t, 32> seed(std::uint8_t b) {
    std::array<std::uint8_t, 32> s;
    s.fill(b);
    return s;
  }
  static RosterEntry entry(const std::string& id, std::uint32_t sm, std::uint32_t schema) {
    RosterEntry e;
    e.id = id;
    e.sm = sm;
    e.schema = schema;
    return e;
  }
  Status open() {
    chain.reset();
    ChainOptions o;
    o.log_dir = "chain";
    o.disk = log_disk;
    o.clock = &clock;
    o.state = open_state();
    o.recreate_state = [this]() -> Result<std::unique_ptr<KvStore>> {
      state = open_memory();
      return open_state();
    };
    o.genesis = genesis;
    o.machines = machines;
    o.imports = imports;
    o.validator_key = &validator;
    o.background_roots = background_roots;
    o.effects = effects;
    o.examine = examine;
    o.ahead_blocks = ahead_blocks;
    o.ahead_bytes = ahead_bytes;
    o.log.sync = sync;
    o.log.segment_bytes = 1u << 20;
    o.log.preallocate_bytes = 1u << 16;
    notes.clear();
    Result<std::unique_ptr<Chain>> c = Chain::open(std::move(o), &notes);
    if (!c.ok()) return c.status();
    chain = *std::move(c);
    return {};
  }
  std::unique_ptr<KvStore> open_state() const {
    auto shared = std::make_unique<SharedStore>(state);
    if (ahead_blocks == 0 || !hold) return shared;
    return make_write_behind(std::move(shared));
  }
  CommandPtr command(std::string method, json::value params, std::uint64_t nonce_value = 0) {
    CommandDraft d;
    d.chain = "dev";
    d.method = std::move(method);
    d.nonce = nonce_value == 0 ? ++nonce : nonce_value;
    d.params = std::move(params);
    Result<CommandPtr> c = sign_command(d, user);
    if (!c.ok()) throw std::runtime_error(c.status().to_string());
    return *c;
  }
  CommandPtr op(std::string_view name, std::string_view key = "k", std::uint64_t n = 0,
                std::uint64_t nonce_value = 0) {
    return command("bank.run", json::object{{"op", name}, {"key", key}, {"n", n}}, nonce_value);
  }
  Chain::Produced block(const std::vector<CommandPtr>& commands) {
    clock.now += 1000;
    Result<Chain::Produced> p = chain->produce(commands);
    if (!p.ok()) throw std::runtime_error(p.status().to_string());
    return *std::move(p);
  }
  // One command in a block of its own; its step.
  Step run(std::string_view name, std::string_view key = "k", std::uint64_t n = 0) {
    Chain::Produced p = block({op(name, key, n)});
    return p.block->steps.at(p.step_of.at(0));
  }
  std::string row(std::string_view space, std::string_view key) {
    std::optional<Bytes> v;
    if (!chain->view()->state->get("s/" + std::string(space) + "/" + std::string(key), &v).ok())
      return "error";
    return v.value_or("-");
  }

  bool background_roots = false;
  bool hold = true;  // where blocks may be in flight: the state holds their rows
  std::uint64_t ahead_blocks = 0, ahead_bytes = kMaxAheadBytes;
  LogSyncMode sync = LogSyncMode::kInline;
  EffectSink* effects = nullptr;
  std::function<Status(const BlockLog&, const KvStore&, const std::string&)> examine;
  FaultDisk disk{1};
  Disk* log_disk = &disk;
  FixedClock clock;
  Provider provider;
  MachineProvider* machines = &provider;
  ImportSource* imports = nullptr;
  SigningKey validator, user;
  std::uint64_t nonce = 0;
  Genesis genesis;
  std::shared_ptr<KvStore> state = open_memory();
  std::vector<std::string> notes;
  std::unique_ptr<Chain> chain;
};

}  // namespace blockd::test
