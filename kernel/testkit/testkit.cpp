// TestChain on the kernel's own chain: a real block log on a disk in memory, a store in memory, a
// clock that the test moves.
#include "tb/testkit.hpp"

#include <dlfcn.h>

#include "kernel/testkit/testkit_impl.hpp"

namespace tb {

TestChain::TestChain(TestOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
TestChain::~TestChain() {
  for (auto& [id, loaded] : impl_->plugins) loaded.face.reset();
  impl_->chain.reset();
}

namespace {

tb_plugin_entry_fn entry_of(const std::string& path) {
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) misuse(std::string("cannot load ") + path + ": " + dlerror());
  void* symbol = dlsym(library, "tb_plugin_entry");
  if (symbol == nullptr) misuse(path + " does not export tb_plugin_entry");
  tb_plugin_entry_fn entry = nullptr;
  static_assert(sizeof entry == sizeof symbol);
  std::memcpy(&entry, &symbol, sizeof entry);
  return entry;
}

}  // namespace

void TestChain::add(tb_plugin_entry_fn entry) {
  tb_host_info info{sizeof(tb_host_info), TB_ABI_MAJOR, TB_ABI_MINOR, 0, to_str("testkit")};
  impl_->add(entry(&info));
}
void TestChain::add(const tb_plugin* plugin) { impl_->add(plugin); }
void TestChain::add_library(const std::string& path) { add(entry_of(path)); }
// Tried on a copy first, so that a refusal leaves everything as it was.
std::string TestChain::Impl::upgrade(const tb_plugin* plugin) {
  if (plugin == nullptr || plugin->machine == nullptr)
    misuse("upgrade(): the plugin has no machine, or cannot run under this ABI");
  Result<std::shared_ptr<const Manifest>> manifest = Manifest::parse(to_view(plugin->manifest));
  must(manifest.status());
  const auto it = plugins.find((*manifest)->id);
  if (it == plugins.end()) misuse("upgrade(): no plugin " + (*manifest)->id + " to replace");
  RosterEntry entry;
  entry.id = (*manifest)->id;
  entry.sm = plugin->machine->sm;
  entry.schema = plugin->machine->schema;
  entry.consensus_hash = (*manifest)->consensus_hash;
  Result<SwitchTrial> trial =
      chain->try_switch(Machine{*manifest, plugin->machine, nullptr}, entry);
  must(trial.status());
  if (!trial->complete) return trial->error;
  const Ran sent =
      run("chain.set_plugin",
          json::serialize(json::object{{"id", entry.id},
                                       {"sm", entry.sm},
                                       {"schema", entry.schema},
                                       {"consensus_hash", to_hex(entry.consensus_hash)}}),
          {});
  if (!sent.ok()) return sent.error_text;
  Loaded& loaded = it->second;
  replaced.push_back(Machine{loaded.manifest, loaded.plugin->machine, nullptr});
  loaded.face.reset();
  loaded.plugin = plugin;
  loaded.manifest = *manifest;
  // A block of the switch has two versions of a plugin, and check_again() takes one.
  const bool twice = std::exchange(options.execute_twice, false);
  for (std::uint64_t i = 0; i < trial->blocks; ++i) {
    clock.now += options.block_ms;
    commit({});
  }
  options.execute_twice = twice;
  make_face(loaded);
  return {};
}

std::string TestChain::upgrade(tb_plugin_entry_fn entry) {
  impl_->require_started();
  tb_host_info info{sizeof(tb_host_info), TB_ABI_MAJOR, TB_ABI_MINOR, 0, to_str("testkit")};
  return impl_->upgrade(entry(&info));
}
std::string TestChain::upgrade_library(const std::string& path) { return upgrade(entry_of(path)); }
void TestChain::allocate(std::string_view account, std::uint64_t amount) {
  impl_->alloc[impl_->account(account)] = amount;
}
void TestChain::set_role(std::string_view account, bool is_operator, bool is_admin) {
  impl_->roles[impl_->account(account)] = is_admin ? "admin" : is_operator ? "operator" : "";
}
void TestChain::set_genesis_param(std::string_view key, std::uint64_t value) {
  impl_->params[std::string(key)] = value;
}
void TestChain::set_config(std::string_view plugin, std::string_view key, std::string_view json) {
  auto it = impl_->plugins.find(std::string(plugin));
  if (it == impl_->plugins.end()) misuse("set_config: no plugin " + std::string(plugin));
  it->second.config[std::string(key)] = json;
  if (it->second.face != nullptr) it->second.face->set_config(std::string(key), std::string(json));
}
void TestChain::set_node_answer(std::string_view method, std::string_view json) {
  impl_->node_answers.insert_or_assign(std::string(method), std::string(json));
}

void TestChain::set_http(std::function<TestHttpAnswer(const TestHttpRequest&)> world) {
  impl_->world = std::move(world);
}
void TestChain::start() { impl_->start(); }

std::string TestChain::account(std::string_view name) const { return impl_->account(name); }
std::string TestChain::sign(std::string_view name, std::string_view message) const {
  return std::string(blockd::view(Impl::key_of(name).sign(message)));
}
std::string TestChain::public_key(std::string_view name) const {
  return std::string(blockd::view(Impl::key_of(name).public_key()));
}

std::vector<Ran> TestChain::block(const std::vector<TestCommand>& commands) {
  impl_->require_started();
  if (impl_->open) misuse("block() inside an open block");
  impl_->clock.now += impl_->options.block_ms;
  std::vector<Ran> out(commands.size());
  std::vector<std::size_t> place(commands.size(), SIZE_MAX);
  for (std::size_t i = 0; i < commands.size(); ++i) {
    CommandPtr command =
        impl_->make(commands[i].method, commands[i].params, commands[i].sender, &out[i]);
    if (command == nullptr) continue;
    place[i] = impl_->open_commands.size();
    impl_->open_commands.push_back(command);
  }
  std::vector<CommandPtr> batch = std::move(impl_->open_commands);
  impl_->open_commands.clear();
  Chain::Produced produced = impl_->commit(batch);
  for (std::size_t i = 0; i < commands.size(); ++i) {
    if (place[i] != SIZE_MAX) out[i] = Impl::result_of(produced, place[i]);
  }
  return out;
}

void TestChain::begin_block(std::uint64_t height, std::uint64_t time_ms) {
  impl_->require_started();
  if (impl_->open) misuse("begin_block() inside an open block");
  if (height <= this->height())
    misuse("begin_block: height " + std::to_string(height) + " is in the past");
  while (this->height() + 1 < height) advance();
  impl_->clock.now = std::max(impl_->clock.now, time_ms);
  impl_->open = true;
}
void TestChain::end_block() {
  if (!impl_->open) misuse("end_block() without begin_block()");
  impl_->open = false;
  std::vector<CommandPtr> batch = std::move(impl_->open_commands);
  impl_->open_commands.clear();
  impl_->commit(batch);
}
Ran TestChain::run(std::string_view method, std::string_view params, const Sender& sender) {
  return impl_->run(method, params, sender);
}
Ran TestChain::dry_run(std::string_view method, std::string_view params, const Sender& sender) {
  impl_->require_started();
  Ran error;
  CommandPtr command = impl_->make(method, params, sender, &error);
  return command == nullptr ? error : ran_of(impl_->chain->dry_run(impl_->chain->view(), *command));
}
void TestChain::advance(std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) block({});
}
void TestChain::finish_epoch() {
  do {
    advance();
  } while ((height() + 1) % impl_->options.epoch_length != 0);
}
Ran TestChain::query(std::string_view method, std::string_view params, const Sender& sender) {
  return impl_->query(method, params, sender);
}

std::pair<std::uint32_t, std::string> TestChain::http(std::string_view method,
                                                      std::string_view target,
                                                      std::string_view body) {
  impl_->require_started();
  return impl_->http(method, target, body);
}
void TestChain::run_timer(std::string_view plugin, std::string_view name) {
  impl_->require_started();
  auto it = impl_->plugins.find(std::string(plugin));
  if (it == impl_->plugins.end() || it->second.face == nullptr)
    misuse("run_timer: no face of plugin " + std::string(plugin));
  const std::vector<TimerSpec>& timers = it->second.manifest->timers;
  for (std::uint32_t i = 0; i < timers.size(); ++i) {
    if (timers[i].name != name) continue;
    if (it->second.plugin->face->on_timer != nullptr)
      it->second.plugin->face->on_timer(it->second.face->instance(), i);
    return impl_->deliver();
  }
  misuse("run_timer: plugin " + std::string(plugin) + " has no timer " + std::string(name));
}
void TestChain::break_store(std::string_view plugin, bool broken) {
  impl_->require_started();
  auto it = impl_->plugins.find(std::string(plugin));
  if (it == impl_->plugins.end() || it->second.face == nullptr)
    misuse("break_store: no face of plugin " + std::string(plugin));
  it->second.face->break_store(broken);
}
void TestChain::deliver() { impl_->deliver(); }

bool TestChain::set_param(std::string_view key, std::uint64_t value, std::string* why) {
  if (impl_->chain == nullptr) {
    impl_->params[std::string(key)] = value;
    return true;
  }
  const Ran ran = impl_->run(
      "chain.set_params",
      json::serialize(json::object{{"key", key}, {"value", std::to_string(value)}}), as_admin());
  if (!ran.ok() && why != nullptr) *why = ran.error_name + ": " + ran.error_text;
  return ran.ok();
}
std::uint64_t TestChain::param(std::string_view key) const {
  for (const auto& [id, loaded] : impl_->plugins) {
    for (std::uint32_t i = 0; i < loaded.manifest->params.size(); ++i) {
      if (loaded.manifest->params[i].key != key) continue;
      ViewContext context(impl_->chain->view(), loaded.manifest);
      std::uint64_t value = 0;
      if (context.view()->api->param(context.view(), i, &value) != TB_OK)
        misuse("param: cannot be read");
      return value;
    }
  }
  misuse("param: no plugin has '" + std::string(key) + "'");
}

std::uint64_t TestChain::height() const {
  impl_->require_started();
  return impl_->chain->view()->height;
}
std::uint64_t TestChain::epoch() const { return height() / impl_->options.epoch_length; }
std::uint64_t TestChain::time_ms() const { return impl_->clock.now; }
std::string TestChain::state_root() const {
  impl_->require_started();
  Result<Hash> root = impl_->chain->state_root(impl_->chain->view());
  must(root.status());
  return to_hex(*root);
}

namespace {
std::vector<Emitted> named(const std::vector<Emitted>& all, std::string_view name) {
  std::vector<Emitted> out;
  std::copy_if(all.begin(), all.end(), std::back_inserter(out),
               [&](const Emitted& e) { return name.empty() || e.name == name; });
  return out;
}
}  // namespace

std::vector<Emitted> TestChain::events(std::string_view name) const {
  return named(impl_->events, name);
}
std::vector<Emitted> TestChain::records(std::string_view name) const {
  return named(impl_->records, name);
}
void TestChain::clear_events() {
  impl_->events.clear();
  impl_->records.clear();
}
double TestChain::metric(std::string_view name, const std::vector<std::string_view>& labels) const {
  std::string key = std::string(name) + "\n";
  for (std::string_view label : labels) key.append(label).push_back('\n');
  auto it = impl_->metrics.find(key);
  return it == impl_->metrics.end() ? 0 : it->second;
}
std::vector<std::string> TestChain::logs() const { return impl_->lines; }

std::vector<std::pair<std::string, std::string>> TestChain::rows(std::string_view plugin,
                                                                 std::string_view prefix) const {
  impl_->require_started();
  const std::string space = space_prefix(plugin);
  std::vector<std::pair<std::string, std::string>> out;
  must(impl_->chain->view()->state->scan(space + std::string(prefix), {}, SIZE_MAX,
                                         [&](BytesView key, BytesView value) {
                                           out.emplace_back(key.substr(space.size()), value);
                                           return true;
                                         }));
  return out;
}
std::string TestChain::dump(std::string_view plugin) const {
  json::object out;
  for (const auto& [key, value] : rows(plugin)) out[to_hex(key)] = to_hex(value);
  return json::serialize(out);
}
std::string TestChain::replay_check() {
  impl_->require_started();
  ReplayReport report = impl_->chain->replay(false, nullptr);
  return report.ok ? std::string() : report.difference;
}

}  // namespace tb
