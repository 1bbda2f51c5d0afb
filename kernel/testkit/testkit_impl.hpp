// What stands behind tb::TestChain: plugins, keys, the open block, and what the test may look at.
// Only testkit.cpp includes this.
#pragma once

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <map>
#include <optional>
#include <stdexcept>

#include "kernel/base/address.hpp"
#include "kernel/base/blake3.hpp"
#include "kernel/base/hex.hpp"
#include "kernel/chain/executor.hpp"
#include "kernel/storage/fault_disk.hpp"
#include "kernel/testkit/face_host.hpp"
#include "kernel/testkit/kit_parts.hpp"
#include "kernel/testkit/recorder.hpp"
#include "tb/testkit.hpp"

namespace tb {

struct TestChain::Impl : MachineProvider, EffectSink {
  struct Loaded {
    const tb_plugin* plugin = nullptr;
    std::shared_ptr<const Manifest> manifest;
    std::unique_ptr<FaceHost> face;
    std::map<std::string, std::string> config;
  };

  explicit Impl(TestOptions o) : options(std::move(o)), validator(key_of("validator")) {
    clock.now = options.start_time_ms;
  }
  // As in a node: a face that ends may still look at the state.
  ~Impl() {
    for (auto& [id, loaded] : plugins) loaded.face.reset();
  }

  static SigningKey key_of(std::string_view name) {
    return SigningKey::from_seed(blake3({BytesView("tb/testkit/"), name}));
  }

  std::string account(std::string_view name) const {
    const bool ready = is_address(name) || name == "treasury" ||
                       name.find_first_of("/:") != std::string_view::npos;
    return ready ? std::string(name) : address_of(key_of(name).public_key());
  }

  void add(const tb_plugin* plugin) {
    if (chain != nullptr) misuse("add() after start()");
    if (plugin == nullptr)
      misuse("tb_plugin_entry returned NULL: the plugin cannot run under this ABI");
    Result<std::shared_ptr<const Manifest>> manifest = Manifest::parse(to_view(plugin->manifest));
    must(manifest.status());
    Loaded& loaded = plugins[(*manifest)->id];
    loaded.plugin = plugin;
    loaded.manifest = *manifest;
  }

  std::string upgrade(const tb_plugin* plugin);

  Result<Machine> find(const RosterEntry& entry) override {
    for (const Machine& build : replaced) {
      if (build.manifest->id == entry.id && build.table->sm == entry.sm &&
          build.manifest->consensus_hash == entry.consensus_hash)
        return build;
    }
    auto it = plugins.find(entry.id);
    if (it == plugins.end() || it->second.plugin->machine == nullptr)
      return Status(Code::kUnavailable, "here: no plugin " + entry.id);
    return Machine{it->second.manifest, it->second.plugin->machine, nullptr};
  }

  void start() {
    if (chain != nullptr) misuse("start() twice");
    Genesis genesis;
    genesis.chain_id = options.chain_id;
    genesis.timestamp_ms = options.start_time_ms;
    genesis.epoch_length = options.epoch_length;
    genesis.validators.push_back({"test", 1, validator.public_key()});
    for (const auto& [id, loaded] : plugins) {
      const tb_machine* machine = loaded.plugin->machine;
      if (machine == nullptr) continue;
      RosterEntry& entry = genesis.plugins.emplace_back();
      entry.id = id;
      entry.sm = machine->sm;
      entry.schema = machine->schema;
      entry.consensus_hash = loaded.manifest->consensus_hash;
    }
    roles.try_emplace(account("operator"), "operator");
    roles.try_emplace(account("admin"), "admin");
    for (const auto& [name, role] : roles) {
      if (!role.empty()) genesis.roles.emplace_back(name, role);
    }
    genesis.alloc.assign(alloc.begin(), alloc.end());
    genesis.params.assign(params.begin(), params.end());
    ChainOptions o;
    o.log_dir = "chain";
    o.disk = &disk;
    o.clock = &clock;
    o.state = open_memory();
    o.genesis = std::move(genesis);
    o.machines = this;
    o.effects = this;
    o.validator_key = &validator;
    o.log.preallocate_bytes = 1u << 16;
    Result<std::unique_ptr<Chain>> opened = Chain::open(std::move(o), nullptr);
    must(opened.status());
    chain = *std::move(opened);
    Result<Header> first = chain->header(0);
    must(first.status());
    recorder.begin(chain->genesis(), *first);
    for (auto& [id, loaded] : plugins) make_face(loaded);
  }

  void make_face(Loaded& loaded) {
    if (loaded.plugin->face == nullptr) return;
    FaceHost::Services services;
    services.view = [this] { return chain->view(); };
    services.unix_ms = [this] { return clock.now; };
    services.metric = [this](const std::string& name, const std::string& labels, double value,
                             bool set) {
      double& series = metrics[name + "\n" + labels];
      series = set ? value : series + value;
    };
    services.log = [this](const std::string& line) { lines.push_back(line); };
    services.call = [this](const std::string& method, const std::string& text) {
      if (auto known = node_answers.find(method); known != node_answers.end())
        return FaceHost::Answer{true, known->second};
      auto [owner, spec, index] = find_method(method);
      Ran ran = spec != nullptr && spec->kind == MethodKind::kCommand
                    ? run(method, text, {})
                    : query(method, text, as_admin());
      FaceHost::Answer answer{ran.ok(), ran.json};
      if (!ran.ok()) {
        json::object data{{"name", ran.error_name}};
        answer.json = json::serialize(
            json::object{{"code", ran.error_code}, {"message", ran.error_text}, {"data", data}});
      }
      return answer;
    };
    services.fetch = [this](const std::string& method, const std::string& url,
                            const std::string& headers, const std::string& body) {
      const TestHttpAnswer got = world ? world({method, url, headers, body}) : TestHttpAnswer{};
      return answer_of_world(got);
    };
    loaded.face =
        std::make_unique<FaceHost>(loaded.manifest, loaded.plugin->face, std::move(services));
    for (const auto& [key, value] : loaded.config) loaded.face->set_config(key, value);
    if (tb_status s = loaded.face->create(); s != TB_OK)
      misuse("create() of plugin " + loaded.manifest->id + " returned " + std::to_string(s));
  }

  std::tuple<Loaded*, const MethodSpec*, std::uint32_t> find_method(std::string_view name) {
    for (auto& [id, loaded] : plugins) {
      if (const MethodSpec* spec = loaded.manifest->find_method(name)) {
        return {&loaded, spec, static_cast<std::uint32_t>(spec - loaded.manifest->methods.data())};
      }
    }
    return {nullptr, nullptr, 0};
  }

  // The role check that the RPC makes in a node.
  bool allowed(const std::string& role, const Sender& sender) const {
    if (role == "open" || role == "read" || sender.admin) return true;
    if (std::find(sender.roles.begin(), sender.roles.end(), role) != sender.roles.end())
      return true;
    auto it = roles.find(account(sender.from));
    const std::string have = it == roles.end() ? "" : it->second;
    return have == "admin" || (have == "operator" && role != "admin");
  }

  // Signs the command; an error when it would not be admitted. `offset` counts earlier commands of
  // the account in the open block.
  CommandPtr make(std::string_view method, std::string_view text, const Sender& sender,
                  Ran* error) {
    auto [owner, spec, index] = find_method(method);
    const bool own = method.starts_with("chain.");
    if (!own && (spec == nullptr || spec->kind != MethodKind::kCommand)) {
      *error = refused(-32601, "unknown_command",
                       "no plugin has the command '" + std::string(method) + "'");
      return nullptr;
    }
    if (!own && !allowed(spec->role, sender)) {
      *error = refused(-32002, "forbidden",
                       "'" + std::string(method) + "' needs the role " + spec->role);
      return nullptr;
    }
    Result<json::value> value = parse_json(text);
    if (!value.ok() || !value->is_object())
      misuse("params of " + std::string(method) + ": " +
             (value.ok() ? "not an object" : value.status().message()));
    if (spec != nullptr) {
      ValueArena arena;
      std::vector<tb_value> values;
      if (auto wrong = decode_params(spec->params, *value, arena, &values)) {
        *error = refused(-32602, owner->manifest->invalid_params_name,
                         wrong->field + ": " + wrong->message);
        json::object data{{"field", wrong->field}};
        if (!wrong->nearest.empty()) data["nearest"] = wrong->nearest;
        error->error_data = json::serialize(data);
        return nullptr;
      }
    }
    // An admin's call is signed by the admin, whoever it is for.
    const std::string_view name =
        sender.admin && role_of(sender.from) != "admin" ? "admin" : sender.from;
    const SigningKey key = key_of(name);
    CommandDraft draft;
    draft.chain = options.chain_id;
    draft.method = method;
    draft.nonce = next_nonce(address_of(key.public_key()));
    draft.params = *value;
    if (sender.fee != 0 || !sender.lane.empty() || !sender.memo.empty() || !sender.session.empty())
      return sign_with_members(draft, sender, key);
    Result<CommandPtr> signed_command = sign_command(draft, key);
    must(signed_command.status());
    return sender.cosigners.empty() ? *signed_command : cosign(**signed_command, sender);
  }

  // With the members of an envelope that most tests do not need; a session key signs in the
  // account's place.
  static CommandPtr sign_with_members(const CommandDraft& draft, const Sender& sender,
                                      const SigningKey& account) {
    json::object members{{"chain", draft.chain},
                         {"from", address_of(account.public_key())},
                         {"nonce", draft.nonce},
                         {"method", draft.method},
                         {"params", draft.params}};
    if (sender.fee != 0) {
      members["fee"] = sender.fee;
      members["pct"] = sender.pct;
    }
    if (!sender.lane.empty()) members["lane"] = sender.lane;
    if (!sender.memo.empty()) members["memo"] = sender.memo;
    const SigningKey session = key_of(sender.session);
    const SigningKey& key = sender.session.empty() ? account : session;
    if (!sender.session.empty()) members["session"] = to_hex(key.public_key());
    Result<std::string> text = canonical_json(members);
    must(text.status());
    const Hash id = blake3({BytesView("tb/command/v1"), *text});
    ParsedCommand parsed = parse_envelope("{\"command\":" + *text + ",\"signatures\":[{\"key\":\"" +
                                          to_hex(key.public_key()) + "\",\"sig\":\"" +
                                          to_hex(key.sign(blockd::view(id))) + "\"}]}");
    if (parsed.command == nullptr) misuse("sender: " + parsed.refusal->message);
    return parsed.command;
  }

  CommandPtr cosign(const Command& command, const Sender& sender) const {
    std::map<std::string, std::string> signatures;
    for (const CommandSignature& s : command.signatures) signatures[to_hex(s.key)] = to_hex(s.sig);
    for (std::string_view name : sender.cosigners) {
      const SigningKey key = key_of(name);
      signatures[to_hex(key.public_key())] = to_hex(key.sign(blockd::view(command.id)));
    }
    std::string text = "{\"command\":" + std::string(command.signed_bytes) + ",\"signatures\":[";
    for (const auto& [key, sig] : signatures) {
      if (text.back() != '[') text.push_back(',');
      text += "{\"key\":\"" + key + "\",\"sig\":\"" + sig + "\"}";
    }
    ParsedCommand parsed = parse_envelope(text + "]}");
    if (parsed.command == nullptr) misuse("cosigners: " + parsed.refusal->message);
    return parsed.command;
  }

  std::string role_of(std::string_view name) const {
    auto it = roles.find(account(name));
    return it == roles.end() ? std::string() : it->second;
  }

  std::uint64_t next_nonce(const std::string& address) const {
    Result<std::uint64_t> nonce = chain->nonce(chain->view(), address);
    must(nonce.status());
    std::uint64_t next = *nonce + 1;
    for (const CommandPtr& earlier : open_commands) next += earlier->from == address ? 1 : 0;
    return next;
  }

  Chain::Produced commit(const std::vector<CommandPtr>& commands) {
    Result<Chain::Produced> produced = chain->produce(commands);
    must(produced.status());
    if (options.execute_twice) check_again();
    return *std::move(produced);
  }

  // The newest block once more, on a state rebuilt from its deltas.
  void check_again() {
    for (auto& [id, loaded] : plugins) {
      if (loaded.plugin->machine == nullptr) continue;
      must(chain->rehearse(Machine{loaded.manifest, loaded.plugin->machine, nullptr}, 1, 60'000)
               .in("the block, executed a second time, differs"));
      return;
    }
  }

  Ran run(std::string_view method, std::string_view text, const Sender& sender) {
    require_started();
    Ran error;
    CommandPtr command = make(method, text, sender, &error);
    if (command == nullptr) return error;
    if (open) {
      open_commands.push_back(command);
      return preview();
    }
    clock.now += options.block_ms;
    return result_of(commit({command}), 0);
  }

  static Ran result_of(const Chain::Produced& produced, std::size_t i) {
    if (produced.step_of[i] != SIZE_MAX) return ran_of(produced.block->steps[produced.step_of[i]]);
    const bool poisoned =
        std::find(produced.poisoned.begin(), produced.poisoned.end(), i) != produced.poisoned.end();
    return refused(
        -34014, poisoned ? "internal_plugin_error" : "left_out",
        poisoned ? "the plugin threw or aborted" : "the command does not fit into the block");
  }

  // How the newest command of the open block ends: the whole block so far, executed aside.
  Ran preview() {
    const StateViewPtr view = chain->view();
    VerifyCache cache;
    Executor executor(
        chain->genesis(), [this](const RosterEntry& entry) { return find(entry); }, &cache);
    BlockInput input;
    input.height = view->height + 1;
    input.time_ms = clock.now;
    input.previous = view->head_hash;
    input.proposer = validator.public_key();
    input.machines = view->machines;
    input.commands = &open_commands;
    input.producing = true;
    input.collect = true;
    BlockOutput output;
    must(executor.execute(*view->state, nullptr, input, &output));
    const std::size_t step = output.step_of.back();
    if (step != SIZE_MAX) return ran_of(output.steps[step]);
    open_commands.pop_back();
    return refused(-34014, "internal_plugin_error",
                   output.poison_texts.empty() ? "left out" : output.poison_texts.back());
  }

  Ran query(std::string_view method, std::string_view text, const Sender& sender) {
    require_started();
    auto [owner, spec, index] = find_method(method);
    if (spec == nullptr || spec->kind == MethodKind::kCommand)
      return refused(-32601, "unknown_method",
                     "no plugin has the query '" + std::string(method) + "'");
    if (!allowed(spec->role, sender))
      return refused(-32002, "forbidden",
                     "'" + std::string(method) + "' needs the role " + spec->role);
    Result<json::value> value = parse_json(text);
    must(value.status());
    ValueArena arena;
    std::vector<tb_value> values;
    if (auto wrong = decode_params(spec->params, *value, arena, &values)) {
      return refused(-32602, owner->manifest->invalid_params_name,
                     wrong->field + ": " + wrong->message);
    }
    const tb_face* face = owner->plugin->face;
    JsonOut result, error;
    ViewContext context(chain->view(), owner->manifest);
    const auto count = static_cast<std::uint32_t>(values.size());
    tb_status status = TB_E_UNSUPPORTED;
    if (spec->kind == MethodKind::kQuery && face != nullptr && face->query != nullptr) {
      status = face->query(owner->face->instance(), context.view(), index, values.data(), count,
                           result.out(), error.out());
    } else if (spec->kind == MethodKind::kLocal && face != nullptr && face->local != nullptr) {
      status = face->local(owner->face->instance(), index, values.data(), count, result.out(),
                           error.out());
    }
    if (status == TB_OK) {
      Ran ran;
      ran.outcome = Outcome::kApplied;
      ran.json = result.finish();
      if (!result.error().empty())
        return refused(-34014, "internal_plugin_error",
                       "the result of " + std::string(method) + ": " + result.error());
      return ran;
    }
    return error_of(error.finish(), status);
  }

  static Ran error_of(const std::string& text, tb_status status) {
    Result<json::value> value = parse_json(text);
    Ran ran =
        refused(-34014, "internal_plugin_error", "the plugin returned " + std::to_string(status));
    if (!value.ok() || !value->is_object() || value->get_object().empty()) return ran;
    json::object rest = value->get_object();
    if (const json::value* code = rest.if_contains("code"); code != nullptr && code->is_int64())
      ran.error_code = static_cast<std::int32_t>(code->get_int64());
    if (const json::value* name = rest.if_contains("name"); name != nullptr && name->is_string())
      ran.error_name = name->get_string();
    if (const json::value* words = rest.if_contains("text"); words != nullptr && words->is_string())
      ran.error_text = words->get_string();
    for (const char* member : {"code", "name", "text"}) rest.erase(member);
    if (!rest.empty()) ran.error_data = json::serialize(rest);
    return ran;
  }

  static std::vector<std::string> parts_of(std::string_view path) {
    std::vector<std::string> out;
    while (!path.empty()) {
      const std::size_t slash = std::min(path.find('/'), path.size());
      if (slash > 0) out.emplace_back(path.substr(0, slash));
      path.remove_prefix(std::min(slash + 1, path.size()));
    }
    return out;
  }
  static tb_value text_value(std::string_view name, std::string_view text) {
    tb_value value{};
    value.name = to_str(name);
    value.type = TB_TYPE_STR;
    value.str = to_str(text);
    return value;
  }

  // The first route that fits, as the node finds it; query parameters are taken as they stand (no
  // percent-decoding).
  std::pair<std::uint32_t, std::string> http(std::string_view method, std::string_view target,
                                             std::string_view body) {
    const std::size_t mark = std::min(target.find('?'), target.size());
    const std::vector<std::string> path = parts_of(target.substr(0, mark));
    for (auto& [id, loaded] : plugins) {
      if (loaded.face == nullptr || loaded.plugin->face->http == nullptr) continue;
      for (std::uint32_t r = 0; r < loaded.manifest->http.size(); ++r) {
        const HttpRoute& route = loaded.manifest->http[r];
        const std::vector<std::string> pattern = parts_of(route.path);
        if (route.method != method || pattern.size() != path.size()) continue;
        std::vector<tb_value> variables;
        bool fits = true;
        for (std::size_t i = 0; i < path.size(); ++i) {
          if (pattern[i].front() == ':')
            variables.push_back(text_value(std::string_view(pattern[i]).substr(1), path[i]));
          else
            fits = fits && pattern[i] == path[i];
        }
        if (fits)
          return answer_http(loaded, r, variables, target.substr(std::min(mark + 1, target.size())),
                             body);
      }
    }
    return {404, ""};
  }

  struct Reply : tb_http_reply {
    std::string text;
    bool sent = false;
  };
  std::pair<std::uint32_t, std::string> answer_http(Loaded& loaded, std::uint32_t route,
                                                    const std::vector<tb_value>& variables,
                                                    std::string_view query_text,
                                                    std::string_view body) {
    std::vector<tb_value> query_values;
    while (!query_text.empty()) {
      const std::size_t end = std::min(query_text.find('&'), query_text.size());
      const std::string_view pair = query_text.substr(0, end);
      const std::size_t equals = std::min(pair.find('='), pair.size());
      query_values.push_back(
          text_value(pair.substr(0, equals), pair.substr(std::min(equals + 1, pair.size()))));
      query_text.remove_prefix(std::min(end + 1, query_text.size()));
    }
    ValueArena arena;
    Result<json::value> json_body = parse_json(body.empty() ? "null" : body);
    tb_http_request request{};
    request.size = sizeof request;
    request.route = route;
    request.path = variables.data();
    request.path_count = static_cast<std::uint32_t>(variables.size());
    request.query = query_values.data();
    request.query_count = static_cast<std::uint32_t>(query_values.size());
    request.body = to_str(body);
    request.json = body.empty() || !json_body.ok() ? nullptr : to_value(*json_body, arena);
    request.content_type = to_str(request.json == nullptr ? "" : "application/json");
    JsonOut out;
    Reply reply{};
    reply.size = sizeof(tb_http_reply);
    reply.status = 200;
    reply.json = out.out();
    reply.send = [](tb_http_reply* self, tb_str, tb_str sent_body) {
      auto* mine = static_cast<Reply*>(self);
      mine->text = to_view(sent_body);
      mine->sent = true;
    };
    ViewContext context(chain->view(), loaded.manifest);
    const tb_status status =
        loaded.plugin->face->http(loaded.face->instance(), context.view(), &request, &reply);
    // As the node answers: a route that fails may have said why in the body, and with which status.
    if (status != TB_OK && !reply.sent && out.empty()) return {500, ""};
    const std::uint32_t shown = status != TB_OK && reply.status < 400 ? 500 : reply.status;
    return {shown, reply.sent ? reply.text : out.finish()};
  }

  void require_started() const {
    if (chain == nullptr) misuse("call start() first");
  }

  void metric(const Manifest& plugin, std::uint32_t index, const std::vector<std::string>& labels,
              std::int64_t value) override {
    const MetricSpec& spec = plugin.metrics[index];
    std::string text;
    for (const std::string& label : labels) text.append(label).push_back('\n');
    double& series = metrics[spec.name + "\n" + text];
    const double shown = static_cast<double>(value) / static_cast<double>(spec.scale);
    series = spec.type == MetricType::kGauge ? shown : series + shown;
  }
  void log(const Manifest&, std::uint32_t, std::string_view text, std::uint64_t) override {
    lines.emplace_back(text);
  }
  void committed(const std::shared_ptr<const BlockRecord>& block, const StateViewPtr&) override {
    recorder.block(*block);
    for (std::uint32_t i = 0; i < block->steps.size(); ++i) {
      const Step& step = block->steps[i];
      for (const Event& e : step.events) {
        events.push_back({block->header.height, i, step.plugin, e.topic, e.data});
        waiting.push_back({block->header.height, block->header.time_ms, e.topic, e.data});
      }
      for (const Record& r : step.records)
        records.push_back({block->header.height, i, step.plugin, r.kind, r.data});
    }
  }

  static bool follows(const Manifest& manifest, const std::string& topic) {
    for (const EventSpec& event : manifest.events) {
      if (event.topic == topic) return true;
    }
    for (const std::string& wanted : manifest.follows) {
      if (wanted == topic ||
          (wanted.ends_with('*') && topic.starts_with(wanted.substr(0, wanted.size() - 1))))
        return true;
    }
    return false;
  }

  void deliver() {
    require_started();
    auto batch = std::move(waiting);
    waiting.clear();
    std::uint64_t height = 0;
    std::uint32_t index = 0;
    for (const auto& event : batch) {
      index = event.height == height ? index + 1 : 0;
      height = event.height;
      ValueArena arena;
      Result<json::value> value = parse_json(event.data);
      must(value.status());
      tb_event abi{sizeof(tb_event),       index, event.height, event.time_ms, to_str(event.topic),
                   to_value(*value, arena)};
      for (auto& [id, loaded] : plugins) {
        if (loaded.face == nullptr || loaded.plugin->face->on_event == nullptr ||
            !follows(*loaded.manifest, event.topic))
          continue;
        tb_status s = loaded.plugin->face->on_event(loaded.face->instance(), &abi);
        if (s != TB_OK)
          misuse("on_event of plugin " + id + " for " + event.topic + " returned " +
                 std::to_string(s));
      }
    }
    for (auto& [id, loaded] : plugins) {
      if (loaded.face == nullptr) continue;
      loaded.face->answer_posts();
      if (loaded.plugin->face->on_commit == nullptr) continue;
      ViewContext context(chain->view(), loaded.manifest);
      loaded.plugin->face->on_commit(loaded.face->instance(), context.view());
    }
  }

  struct WaitingEvent {
    std::uint64_t height, time_ms;
    std::string topic, data;
  };

  TestOptions options;
  std::function<TestHttpAnswer(const TestHttpRequest&)> world;
  std::map<std::string, std::string, std::less<>> node_answers;  // method -> JSON
  SigningKey validator;
  TestClock clock;
  FaultDisk disk{1};
  std::map<std::string, Loaded> plugins;
  std::vector<Machine> replaced;  // versions that upgrade() has replaced
  std::map<std::string, std::uint64_t> alloc, params;
  std::map<std::string, std::string> roles;
  std::unique_ptr<Chain> chain;
  bool open = false;
  std::vector<CommandPtr> open_commands;
  std::vector<Emitted> events, records;
  std::vector<WaitingEvent> waiting;
  std::map<std::string, double> metrics;
  std::vector<std::string> lines;
  Recorder recorder;
};

}  // namespace tb
