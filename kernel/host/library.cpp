#include "kernel/host/library.hpp"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include <atomic>
#include <boost/dll/runtime_symbol_info.hpp>
#include <cstring>
#include <fstream>
#include <mutex>

#include "kernel/base/blake3.hpp"
#include "kernel/base/file.hpp"
#include "kernel/base/file_pages.hpp"
#include "kernel/base/hex.hpp"
#include "kernel/host/library_internal.hpp"

namespace blockd {
namespace {

constexpr std::uint64_t kMaxLibraryBytes = 512ull << 20;
constexpr std::uint64_t kMaxManifestBytes = 4ull << 20;
constexpr std::size_t kMaxLeakNotes = 256;

std::mutex leaks_mutex;
std::vector<std::string> leaks;

std::string arch_name() {
#if defined(__x86_64__)
  return "x86_64-linux-gnu";
#else
  return "aarch64-linux-gnu";
#endif
}

Status with_path(const Status& status, const std::string& path) {
  return Status(status.code(), path + ": " + status.message(), status.hint());
}

// True for version texts "1.2.3" where a < b, number by number.
bool version_less(std::string_view a, std::string_view b) {
  while (!a.empty() || !b.empty()) {
    std::uint64_t numbers[2] = {0, 0};
    std::string_view* texts[2] = {&a, &b};
    for (int i = 0; i < 2; ++i) {
      while (!texts[i]->empty() && texts[i]->front() >= '0' && texts[i]->front() <= '9' &&
             numbers[i] < (1ull << 59)) {
        numbers[i] = numbers[i] * 10 + static_cast<std::uint64_t>(texts[i]->front() - '0');
        texts[i]->remove_prefix(1);
      }
      if (!texts[i]->empty() && texts[i]->front() == '.') {
        texts[i]->remove_prefix(1);
      } else {
        *texts[i] = {};
      }
    }
    if (numbers[0] != numbers[1]) return numbers[0] < numbers[1];
  }
  return false;
}

Status check_table_sizes(const tb_plugin& plugin) {
  if (plugin.machine &&
      (plugin.machine->size < sizeof(std::uint32_t) * 4 || plugin.machine->size > 4096)) {
    return Status(Code::kInvalid, "its machine table lies about its size (" +
                                      std::to_string(plugin.machine->size) + " bytes)");
  }
  if (plugin.machine && plugin.machine->size < sizeof(tb_machine)) {
    return Status(Code::kInvalid, "its machine table is shorter than that of ABI 1.0");
  }
  if (plugin.face && (plugin.face->size < sizeof(tb_face) || plugin.face->size > 4096)) {
    return Status(Code::kInvalid, "its face table lies about its size (" +
                                      std::to_string(plugin.face->size) + " bytes)");
  }
  if (!plugin.machine && !plugin.face)
    return Status(Code::kInvalid, "it has neither a machine nor a face");
  return {};
}

}  // namespace

Result<const tb_plugin*> open_plugin(const std::string& path, boost::dll::shared_library* library) {
  boost::dll::fs::error_code error;
  library->load(path, error, boost::dll::load_mode::rtld_now | boost::dll::load_mode::rtld_local);
  if (error) {
    const char* detail = ::dlerror();
    return Status(Code::kInvalid, std::string("the dynamic linker refused it: ") +
                                      (detail ? detail : error.message().c_str()));
  }
  if (!library->has("tb_plugin_entry"))
    return Status(Code::kInvalid, "it does not export tb_plugin_entry");
  auto* entry = &library->get<const tb_plugin*(const tb_host_info*)>("tb_plugin_entry");
  const tb_host_info info{sizeof(tb_host_info),
                          TB_ABI_MAJOR,
                          TB_ABI_MINOR,
                          0,
                          {kNodeVersion.data(), kNodeVersion.size()}};
  const tb_plugin* plugin = nullptr;
  try {
    plugin = entry(&info);
  } catch (const std::exception& e) {
    return Status(Code::kInvalid, std::string("tb_plugin_entry threw: ") + e.what());
  } catch (...) {
    return Status(Code::kInvalid, "tb_plugin_entry threw an exception");
  }
  if (!plugin)
    return Status(Code::kInvalid,
                  "tb_plugin_entry returned null: it says that it cannot run under this node");
  if (plugin->size < sizeof(tb_plugin) || plugin->size > 4096) {
    return Status(Code::kInvalid,
                  "it lies about its size (" + std::to_string(plugin->size) + " bytes)");
  }
  if (plugin->abi_major != TB_ABI_MAJOR || plugin->abi_minor > TB_ABI_MINOR) {
    return Status(
        Code::kInvalid,
        "it was built for ABI " + std::to_string(plugin->abi_major) + "." +
            std::to_string(plugin->abi_minor) + ", this node offers " +
            std::to_string(TB_ABI_MAJOR) + "." + std::to_string(TB_ABI_MINOR),
        "rebuild it with SDK " + std::to_string(TB_ABI_MAJOR) + ".x, or upgrade the node");
  }
  if (!plugin->manifest.ptr || plugin->manifest.len == 0 ||
      plugin->manifest.len > kMaxManifestBytes) {
    return Status(Code::kInvalid, "its manifest is empty or above 4 MiB");
  }
  TB_TRY(check_table_sizes(*plugin));
  return plugin;
}

Status check_entries(const Manifest& manifest, const tb_plugin& plugin) {
  auto lacks = [](const std::string& what, const char* entry) {
    return Status(Code::kInvalid,
                  "its manifest declares " + what + ", but the table has no " + entry);
  };
  const tb_machine* machine = plugin.machine;
  const tb_face* face = plugin.face;
  if ((machine != nullptr) != (manifest.sm != 0)) {
    return Status(Code::kInvalid, "its manifest says sm " + std::to_string(manifest.sm) +
                                      ", but the library has " +
                                      (machine ? "a machine" : "no machine"));
  }
  if (machine && (machine->sm != manifest.sm || machine->schema != manifest.schema ||
                  (machine->sm_min ? machine->sm_min : machine->sm) !=
                      (manifest.sm_min ? manifest.sm_min : manifest.sm))) {
    return Status(Code::kInvalid,
                  "its machine table says sm " + std::to_string(machine->sm_min) + ".." +
                      std::to_string(machine->sm) + ", schema " + std::to_string(machine->schema) +
                      ", its manifest sm " + std::to_string(manifest.sm_min) + ".." +
                      std::to_string(manifest.sm) + ", schema " + std::to_string(manifest.schema));
  }
  for (const MethodSpec& method : manifest.methods) {
    if (method.kind == MethodKind::kCommand && !(machine && machine->apply))
      return lacks("command " + method.name, "apply");
    if (method.kind == MethodKind::kQuery && !(face && face->query))
      return lacks("query " + method.name, "query");
    if (method.kind == MethodKind::kLocal && !(face && face->local))
      return lacks("method " + method.name, "local");
  }
  for (const ServiceProvided& service : manifest.provides) {
    for (const ServiceFunction& f : service.functions) {
      if (f.read && !(machine && machine->answer))
        return lacks("function " + service.name + " " + f.name, "answer");
      if (!f.read && !(machine && machine->serve))
        return lacks("function " + service.name + " " + f.name, "serve");
    }
  }
  if (!manifest.http.empty() && !(face && face->http))
    return lacks("route " + manifest.http.front().path, "http");
  if (!manifest.timers.empty() && !(face && face->on_timer))
    return lacks("timer " + manifest.timers.front().name, "on_timer");
  return {};
}

struct Library::Image {
  boost::dll::shared_library library;
  std::string path;
  std::atomic<bool> keep{false};

  ~Image() {
    if (!library.is_loaded()) {  // it ran in a process of its own, or not at all
      if (!keep) ::unlink(path.c_str());
      return;
    }
    library.unload();
    // The kernel shows real paths and ours may be relative; the name is used once in the life of
    // this process.
    const std::string name = "/" + path.substr(path.rfind('/') + 1);
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
      if (line.find(name) == std::string::npos) continue;
      std::lock_guard lock(leaks_mutex);
      if (leaks.size() < kMaxLeakNotes)
        leaks.push_back(path +
                        " stayed mapped after it was closed (unique symbols or a running thread)");
      break;
    }
    if (!keep) ::unlink(path.c_str());
  }
};

Library::~Library() = default;

void Library::keep_stored() { image_->keep = true; }

std::vector<std::string> leaked_images() {
  std::lock_guard lock(leaks_mutex);
  return leaks;
}

namespace {

struct Checked {
  LibraryFile file;
  FilePages bytes;
  SignedFile signed_file;
  std::shared_ptr<const Manifest> manifest;
  std::string stored_as;
  std::string manifest_text;
  IsolatedImage isolated;
};

using Report = std::function<void(std::string_view)>;

Status demand_signature(const LoadRules& rules, const std::string& path,
                        const SignedFile& signed_file) {
  if (rules.policy != SignaturePolicy::kEnforce || signed_file.state == SignatureState::kValid)
    return {};
  return Status(Code::kDenied,
                path + ": signature " + std::string(signature_state_name(signed_file.state)) +
                    ": " + signed_file.why,
                "sign it with `contract-cli plugin sign FILE --key KEY`, and list the key in "
                "plugins.signers_file; or let it run with `isolation: process`");
}

// Whether a library that no listed key signed may be looked at in a process of its own. One whose
// signature is wrong may not: somebody has changed it.
bool may_be_isolated(const LoadRules& rules, const SignedFile& signed_file) {
  return rules.isolate && signed_file.state != SignatureState::kBad;
}

// Before any code of the file runs, also in the probe.
Status check_signature(const LoadRules& rules, const std::string& path, Checked* c) {
  if (rules.policy == SignaturePolicy::kOff) return {};
  Result<Bytes> sig = read_file(path + ".sig", 1u << 20);
  if (sig.ok()) {
    c->signed_file = read_signed_file(*sig, c->file.blake3, rules.signers);
  } else {
    c->signed_file.why = "there is no readable " + path + ".sig";
  }
  if (may_be_isolated(rules, c->signed_file)) return {};  // its id decides
  return demand_signature(rules, path, c->signed_file);
}

// A process for the library when its plugin is to have one.
Status isolate(const LoadRules& rules, Checked* c) {
  char full[PATH_MAX];
  if (::realpath(c->stored_as.c_str(), full) == nullptr) return errno_status(c->stored_as);
  Result<IsolatedImage> image = rules.isolate(full);
  if (!image.ok()) return image.status();
  c->isolated = *std::move(image);
  return {};
}

// What the library says of itself: to a probe, or, when nobody vouches for it, in its own process.
Result<ProbeResult> look_at(const LoadRules& rules, Checked* c) {
  const bool vouched =
      rules.policy != SignaturePolicy::kEnforce || c->signed_file.state == SignatureState::kValid;
  if (vouched) return probe_plugin(rules, c->stored_as);
  TB_TRY(isolate(rules, c));
  const tb_plugin& plugin = *c->isolated.plugin;
  ProbeResult found;
  found.manifest = to_view_of(plugin);
  found.abi_major = plugin.abi_major;
  found.abi_minor = plugin.abi_minor;
  found.has_machine = plugin.machine != nullptr;
  found.has_face = plugin.face != nullptr;
  return found;
}

// After the probe: the statement must describe what was found, and the version must not be too old.
Status check_policy(const LoadRules& rules, const std::string& path, Checked* c,
                    const ProbeResult& probe, const Report& say) {
  if (rules.policy == SignaturePolicy::kOff) {
    say("signature: not looked at (policy off)");
    return {};
  }
  SignatureStatement found;
  found.abi = std::to_string(probe.abi_major) + "." + std::to_string(probe.abi_minor);
  found.arch = arch_name();
  found.file = to_hex(c->file.blake3);
  found.id = c->manifest->id;
  found.manifest = to_hex(c->manifest->hash);
  found.sm = c->manifest->sm;
  found.version = c->manifest->version;
  compare_statement(found, &c->signed_file);
  c->file.signature = c->signed_file.state;
  c->file.signer = c->signed_file.signer;
  say("signature: " + std::string(signature_state_name(c->file.signature)) + " (" +
      (c->file.signature == SignatureState::kValid ? c->file.signer : c->signed_file.why) + ")");
  const bool alone = rules.isolated && rules.isolated(c->manifest->id);
  if (!alone || !may_be_isolated(rules, c->signed_file))
    TB_TRY(demand_signature(rules, path, c->signed_file));
  for (const auto& [id, least] : rules.min_version) {
    if (id == c->manifest->id && version_less(c->manifest->version, least)) {
      return Status(Code::kDenied, path + ": version " + c->manifest->version +
                                       " is below plugins.min_version " + least + " of " + id);
    }
  }
  return {};
}

// A name that was never used: the same path or inode would return the old image.
Result<std::string> store_copy(const LoadRules& rules, const Checked& c) {
  static std::atomic<std::uint64_t> counter{0};
  TB_TRY(make_directories(rules.store_dir));
  const std::string hash = to_hex(c.file.blake3);
  for (int tries = 0; tries < 100'000; ++tries) {
    const std::string name =
        rules.store_dir + "/" + hash + "-" + std::to_string(counter.fetch_add(1)) + ".so";
    if (file_exists(name)) continue;
    TB_TRY(write_file_atomic(name, c.bytes.view(), 0644));
    return name;
  }
  return Status(Code::kLimit, rules.store_dir + ": 100,000 copies of " + hash,
                "run `contract-cli plugin prune`");
}

Result<Checked> check_steps(const LoadRules& rules, const std::string& path, const Report& report) {
  auto say = [&](std::string_view line) {
    if (report) report(line);
  };
  Checked c;
  c.file.path = path;
  Result<FilePages> bytes = FilePages::read(path, kMaxLibraryBytes);
  if (!bytes.ok()) return with_path(bytes.status(), path);
  c.bytes = *std::move(bytes);
  c.file.bytes = c.bytes.view().size();
  c.file.blake3 = blake3(c.bytes.view());
  say("read: " + std::to_string(c.file.bytes) + " bytes, blake3 " + to_hex(c.file.blake3));
  TB_TRY(check_signature(rules, path, &c));
  if (Status elf = check_elf(c.bytes.view()); !elf.ok()) return with_path(elf, path);
  say("elf: ok");
  Result<std::string> stored = store_copy(rules, c);
  if (!stored.ok()) return stored.status();
  c.stored_as = *stored;
  c.bytes = {};  // all that follows looks at the copy
  // From here on a refusal takes the copy with it.
  struct Removal {
    const std::string* path;
    ~Removal() {
      if (path) ::unlink(path->c_str());
    }
  } removal{&c.stored_as};
  Result<ProbeResult> probe = look_at(rules, &c);
  if (!probe.ok()) return with_path(probe.status(), path);
  Result<std::shared_ptr<const Manifest>> manifest = Manifest::parse(probe->manifest);
  if (!manifest.ok()) return with_path(manifest.status(), path);
  c.manifest = *manifest;
  c.manifest_text = probe->manifest;
  say("probe: " + c.manifest->id + " " + c.manifest->version + ", sm " +
      std::to_string(c.manifest->sm) + ", ABI " + std::to_string(probe->abi_major) + "." +
      std::to_string(probe->abi_minor));
  TB_TRY(check_policy(rules, path, &c, *probe, say));
  if (rules.admit) {
    if (Status status = rules.admit(c.manifest->id, c.file.blake3); !status.ok())
      return status.in(path);
  }
  removal.path = nullptr;
  return c;
}

}  // namespace

Result<std::pair<LibraryFile, std::shared_ptr<const Manifest>>> Library::check(
    const LoadRules& rules, const std::string& path,
    const std::function<void(std::string_view)>& report) {
  Result<Checked> c = check_steps(rules, path, report);
  if (!c.ok()) return c.status();
  ::unlink(c->stored_as.c_str());
  return std::make_pair(c->file, c->manifest);
}

Result<std::shared_ptr<Library>> Library::load(
    const LoadRules& rules, const std::string& path,
    const std::function<void(std::string_view)>& report) {
  Result<Checked> c = check_steps(rules, path, report);
  if (!c.ok()) return c.status();
  auto library = std::shared_ptr<Library>(new Library);
  library->image_ = std::make_unique<Image>();
  library->image_->path = c->stored_as;
  const bool alone = rules.isolate && rules.isolated(c->manifest->id);
  if (alone && c->isolated.owner == nullptr) {
    if (Status status = isolate(rules, &*c); !status.ok()) return with_path(status, path);
  }
  library->isolated_ = std::move(c->isolated);
  Result<const tb_plugin*> plugin = alone ? Result<const tb_plugin*>(library->isolated_.plugin)
                                          : open_plugin(c->stored_as, &library->image_->library);
  if (!plugin.ok()) return with_path(plugin.status(), path);
  const BytesView here = to_view_of(**plugin);
  if (here != c->manifest_text) {
    return Status(Code::kInvalid,
                  path + ": its manifest here differs from the one it showed to the probe",
                  "a manifest must not depend on the process that loads it");
  }
  if (Status entries = check_entries(*c->manifest, **plugin); !entries.ok())
    return with_path(entries, path);
  library->plugin_ = *plugin;
  library->manifest_ = c->manifest;
  library->file_ = c->file;
  library->stored_as_ = c->stored_as;
  if (report) report(alone ? "loaded in a process of its own" : "loaded");
  return library;
}

}  // namespace blockd
