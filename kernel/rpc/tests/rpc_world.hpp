// A whole node without sockets: a chain in memory, the real producer, pool and pools of threads,
// and a host whose plugins are declared by the test. Requests are handed to the Rpc as the HTTP
// server would.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <semaphore>

#include "kernel/bus/bus.hpp"
#include "kernel/chain/tests/test_machines.hpp"
#include "kernel/config/config.hpp"
#include "kernel/config/kernel_keys.hpp"
#include "kernel/log/logger.hpp"
#include "kernel/metrics/registry.hpp"
#include "kernel/net/io_pool.hpp"
#include "kernel/net/worker_pool.hpp"
#include "kernel/rpc/rpc.hpp"

namespace blockd::test {

// Time that stands still until it is moved, for what a test counts in time.
class MovedClock final : public Clock {
 public:
  std::uint64_t unix_ms() const override { return us_.load() / 1000; }
  std::uint64_t monotonic_us() const override { return us_.load(); }
  void pass_ms(std::uint64_t ms) { us_ += ms * 1000; }
  void set_unix_secs(std::uint64_t secs) { us_ = secs * 1'000'000; }

 private:
  std::atomic<std::uint64_t> us_{1'700'000'002'000'000};
};

// Answers a query with {"height": of its view, "n": first param}; with n 9 once `go_on` is given.
class FakePlugin final : public PluginInstance {
 public:
  FakePlugin(std::shared_ptr<const Manifest> manifest) : manifest_(std::move(manifest)) {}
  const Manifest& manifest() const override { return *manifest_; }
  std::shared_ptr<const Manifest> manifest_ptr() const override { return manifest_; }
  std::shared_ptr<Library> library() const override { return nullptr; }
  Machine machine() const override { return {}; }
  bool has_face() const override { return true; }
  std::uint64_t calls_in_flight() const override { return 0; }
  std::optional<CallError> query(const StateViewPtr& view, std::uint32_t,
                                 const std::vector<tb_value>& params,
                                 std::string* result) override {
    const std::uint64_t n = params.empty() ? 0 : params[0].num;
    if (n == 9) go_on.acquire();
    *result = "{\"height\":" + std::to_string(view->height) + ",\"n\":" + std::to_string(n) + "}";
    return std::nullopt;
  }
  static inline std::counting_semaphore<8> go_on{0};
  std::optional<CallError> local(std::uint32_t, const std::vector<tb_value>&,
                                 std::string* result) override {
    *result = "{}";
    return std::nullopt;
  }
  HttpAnswer http(const StateViewPtr&, const HttpCall& call) override {
    return {200, "text/plain",
            call.path.empty() ? "none" : call.path[0].first + "=" + call.path[0].second};
  }

 private:
  std::shared_ptr<const Manifest> manifest_;
};

class FakeHost final : public Host {
 public:
  explicit FakeHost(Provider& machines) : machines_(machines) {}
  void show(const std::vector<std::shared_ptr<const Manifest>>& plugins) {
    auto next = std::make_shared<Generation>();
    next->number = ++number_;
    auto add = [&](const std::shared_ptr<PluginInstance>& plugin,
                   const std::shared_ptr<const Manifest>& m) {
      next->manifests.push_back(m);
      for (std::uint32_t i = 0; i < m->methods.size(); ++i) {
        next->methods[m->methods[i].name] = {plugin, m.get(), &m->methods[i], i};
        for (const std::string& alias : m->methods[i].aliases)
          next->methods[alias] = {plugin, m.get(), &m->methods[i], i};
      }
    };
    for (const auto& m : Rpc::kernel_manifests()) add(nullptr, m);
    for (const auto& m : plugins) {
      auto plugin = std::make_shared<FakePlugin>(m);
      next->plugins.push_back(plugin);
      add(plugin, m);
      for (std::uint32_t i = 0; i < m->http.size(); ++i)
        next->routes.push_back({plugin, &m->http[i], i});
    }
    std::lock_guard lock(mutex_);
    generation_ = std::move(next);
  }
  GenerationPtr generation() const override {
    std::lock_guard lock(mutex_);
    return generation_;
  }
  std::vector<PluginStatus> list() const override { return {}; }
  std::vector<std::string> not_ready() const override { return missing; }
  std::vector<std::string> missing;
  std::function<void(const std::shared_ptr<const BlockRecord>&)> on_block;

  Status load_all() override { return {}; }
  std::vector<RosterEntry> genesis_roster() const override { return {}; }
  Status start(Chain*, Producer*, MethodCaller*) override { return {}; }
  void stop() override {}
  Status reload(const std::string&, const std::string&) override {
    return Status(Code::kInvalid, "another sm", "contract-cli plugin upgrade x.so");
  }
  Result<UpgradePlan> stage(const std::string&, bool) override {
    return Status(Code::kInvalid, "no library");
  }
  Status load(const std::string&) override { return {}; }
  Status unload(const std::string&) override { return {}; }
  Result<std::vector<std::string>> prune(std::optional<unsigned>) override {
    return std::vector<std::string>{};
  }
  void on_config_changed(const std::vector<std::string>&) override {}
  Result<Machine> find(const RosterEntry& entry) override { return machines_.find(entry); }
  void metric(const Manifest&, std::uint32_t, const std::vector<std::string>&,
              std::int64_t) override {}
  void log(const Manifest&, std::uint32_t, std::string_view, std::uint64_t) override {}
  void committed(const std::shared_ptr<const BlockRecord>& block, const StateViewPtr&) override {
    if (on_block) on_block(block);
  }

 private:
  Provider& machines_;
  mutable std::mutex mutex_;
  GenerationPtr generation_;
  std::uint64_t number_ = 0;
};

inline constexpr std::string_view kGuarded =
    R"({"id":"energy","version":"1.0.0","summary":"With tokens of its own",
  "methods":[{"name":"energy.show","kind":"query","role":"energy.provider","summary":"A query","rate_class":"settle",
              "params":[{"name":"n","type":"u64","default":0}]}],
  "roles":[{"name":"energy.provider","token_env":"TB_ENERGY_TEST_TOKEN"}],
  "rate_classes":[{"name":"settle"}],"window_config":"energy.rps",
  "metrics":[{"name":"energy_failures_total","type":"counter","labels":["reason"],"preset":[["unauthorized"],["other"]]},
             {"name":"energy_rate_limited_total","type":"counter","labels":["class"]}],
  "unauthorized":{"code":-33009,"name":"Unauthorized"},"rate_limited":{"code":-33010,"name":"RateLimited"},
  "http":[{"method":"GET","path":"/meter/:id/reading"},{"method":"GET","path":"/secret","role":"operator"}]})";
inline constexpr std::string_view kPlain =
    R"({"id":"shop","version":"1.0.0","summary":"Plain","invalid_params_name":"InvalidParams",
  "methods":[{"name":"shop.show","kind":"query","aliases":["shop.old"],"summary":"A query",
              "params":[{"name":"count","type":"u64","max":10,"aliases":["number"]}]},
             {"name":"shop.secret","kind":"query","role":"shop.keeper","hidden":true,"summary":"Hidden"},
             {"name":"shop.keep","kind":"query","role":"operator","summary":"For operators","params":[{"name":"count","type":"u64"}]}],
  "roles":[{"name":"shop.keeper","within":"admin"}]})";

struct Reply {
  HttpResponse http;
  json::value body;
  const json::object& error() const { return body.at("error").as_object(); }
  std::int64_t code() const { return error().at("code").to_number<std::int64_t>(); }
  std::string name() const { return std::string(error().at("data").at("name").as_string()); }
  const json::value& result() const { return body.at("result"); }
  std::string header(std::string_view wanted) const {
    for (const auto& [name, value] : http.headers) {
      if (equal_ignoring_case(name, wanted)) return value;
    }
    return {};
  }
};

class RpcWorld : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/rpc_test_XXXXXX";
    dir_ = ::mkdtemp(name);
    schema_ = std::make_shared<ConfigSchema>();
    add_kernel_keys(*schema_);
    ASSERT_TRUE(
        schema_->add({.name = "energy.rps", .type = ConfigType::kU64, .default_value = 3}).ok());
    ASSERT_TRUE(schema_
                    ->add({.name = "energy.test_token",
                           .default_value = nullptr,
                           .env = {"TB_ENERGY_TEST_TOKEN"},
                           .secret = true})
                    .ok());
    set("rpc.tokens_file", json::value(dir_ + "/tokens.yaml"));
    set("rpc.admin_token_file", json::value(dir_ + "/admin.token"));
    set("rpc.tokens_per_sec", 1000);
    std::ofstream(dir_ + "/admin.token") << kAdmin << "\n";
    open_world();
    host_.show({manifest_of(kBankManifest), manifest_of(kGuarded), manifest_of(kPlain)});
    LogOptions log;
    log.stderr_from = LogLevel::kOff;
    log_ = *Logger::open(log);
    ProducerOptions producing;
    producing.empty_block_interval_ms = 0;
    auto producer = Producer::start(*world_.chain, clock_, producing, {});
    ASSERT_TRUE(producer.ok()) << producer.status().to_string();
    producer_ = *std::move(producer);
    RpcParts parts;
    parts.host = &host_;
    parts.chain = world_.chain.get();
    parts.producer = producer_.get();
    parts.metrics = &metrics_;
    parts.bus = &bus_;
    parts.log = log_.get();
    parts.clock = &clock_;
    parts.workers = &workers_;
    parts.io = &io_;
    parts.keys.op = parts.keys.admin = parts.keys.oracle =
        std::make_shared<SigningKey>(SigningKey::from_seed(World::seed(2)));
    parts.keys.validator = std::make_shared<SigningKey>(SigningKey::from_seed(World::seed(1)));
    parts.config = [this] { return config(); };
    parts.data_dir = dir_;
    parts.log_disk = &world_.disk;
    parts.log_dir = "chain";
    parts.version = "1.0.0";
    parts.request_shutdown = [this] { shut_down_ = true; };
    auto rpc = Rpc::create(std::move(parts));
    ASSERT_TRUE(rpc.ok()) << rpc.status().to_string();
    rpc_ = *std::move(rpc);
    host_.on_block = [this](const auto& block) { rpc_->committed(block); };
  }
  void TearDown() override {
    rpc_->stopping();
    workers_.stop();
    producer_.reset();
    io_.stop();
    rpc_.reset();
    std::filesystem::remove_all(dir_);
  }

  static constexpr const char* kAdmin = "an-admin-token-of-tests";

  std::shared_ptr<const Config> config() const {
    std::lock_guard lock(config_mutex_);
    return config_;
  }
  // Takes effect with the next configure().
  void set(const std::string& key, json::value value) {
    std::lock_guard lock(config_mutex_);
    auto next = config_ ? std::make_shared<Config>(*config_) : std::make_shared<Config>(schema_);
    next->set(key, {std::move(value)});
    config_ = std::move(next);
  }
  void reconfigure(const std::string& key, json::value value) {
    set(key, std::move(value));
    const Status status = rpc_->configure();
    ASSERT_TRUE(status.ok()) << status.to_string();
  }

  static HttpRequest request(std::string body, std::string bearer = {}) {
    HttpRequest r;
    r.method = "POST";
    r.target = r.path = "/";
    r.listener = "rpc";
    r.remote_ip = "192.0.2.7";
    r.headers.add("Host", "localhost:8545");
    r.headers.add("Content-Type", "application/json");
    if (!bearer.empty()) r.headers.add("Authorization", "Bearer " + bearer);
    r.body = std::move(body);
    return r;
  }
  Reply send(HttpRequest r) {
    std::promise<HttpResponse> answer;
    rpc_->handle(std::make_shared<const HttpRequest>(std::move(r)),
                 [&](HttpResponse response) { answer.set_value(std::move(response)); });
    Reply out;
    out.http = answer.get_future().get();
    if (out.http.content_type == "application/json" && !out.http.body.empty()) {
      Result<json::value> parsed = parse_json(out.http.body);
      EXPECT_TRUE(parsed.ok()) << out.http.body;
      if (parsed.ok()) out.body = *std::move(parsed);
    }
    return out;
  }
  Reply call(const std::string& method, const std::string& params = "{}",
             const std::string& bearer = {}) {
    return send(
        request(R"({"jsonrpc":"2.0","id":1,"method":")" + method + R"(","params":)" + params + "}",
                bearer));
  }
  // As the owner of the node's process, over the local socket.
  Reply local_call(const std::string& method, const std::string& params = "{}") {
    HttpRequest r =
        request(R"({"jsonrpc":"2.0","id":1,"method":")" + method + R"(","params":)" + params + "}");
    r.over_unix_socket = true;
    r.listener = "socket";
    r.remote_ip.clear();
    r.peer_uid = ::getuid();
    return send(std::move(r));
  }
  static HttpRequest get(const std::string& path, const std::string& listener = "rpc") {
    HttpRequest r = request("");
    r.method = "GET";
    r.target = r.path = path;
    r.listener = listener;
    return r;
  }

  std::string dir_;
  MovedClock clock_;
  World world_;
  FakeHost host_{world_.provider};
  MetricRegistry metrics_;
  Bus bus_;
  std::unique_ptr<Logger> log_;
  WorkerPool workers_{2, 64};
  IoPool io_{1};
  std::unique_ptr<Producer> producer_;
  std::shared_ptr<Rpc> rpc_;
  std::atomic<bool> shut_down_{false};

 private:
  void open_world() {
    ChainOptions o;
    o.log_dir = "chain";
    o.disk = &world_.disk;
    o.clock = &clock_;
    o.state = open_memory();
    o.genesis = world_.genesis;
    o.machines = &host_;
    o.effects = &host_;
    o.validator_key = &world_.validator;
    o.log.segment_bytes = 1u << 20;
    o.log.preallocate_bytes = 1u << 16;
    Result<std::unique_ptr<Chain>> chain = Chain::open(std::move(o), &world_.notes);
    ASSERT_TRUE(chain.ok()) << chain.status().to_string();
    world_.chain = *std::move(chain);
  }
  std::shared_ptr<ConfigSchema> schema_;
  mutable std::mutex config_mutex_;
  std::shared_ptr<const Config> config_;
};

}  // namespace blockd::test
