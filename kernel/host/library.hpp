// Library: one plugin file, checked, probed and loaded (architecture section 3, node-and-cli
// spec 5.16).
//
// The order of loading, the first failure leaves everything as it is: read once -> hash and
// signature over these bytes -> our own bounds-checked ELF check -> written as <hash>-<n>.so into
// the plugin store -> probe in a child process (`blockd --probe-plugin`), which prints the manifest
// -> the signed statement equals what was found -> loaded here (rtld_now | rtld_local) -> manifest
// equals the probe's. With `isolation: process` the library is never loaded here: a process of its
// own (isolation/isolated.hpp) has it, and one that no listed key signed is not even probed without
// that process's filters. A Library keeps the image mapped; when the last owner drops it the image
// is closed, /proc/self/maps is looked at, and its file in the store is removed unless somebody
// asked to keep it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kernel/base/bytes.hpp"
#include "kernel/base/crypto.hpp"
#include "kernel/base/sanitizer.hpp"
#include "kernel/base/status.hpp"
#include "kernel/manifest/manifest.hpp"
#include "tb/plugin.h"

namespace blockd {

enum class SignaturePolicy : std::uint8_t { kOff, kWarn, kEnforce };
enum class SignatureState : std::uint8_t { kUnchecked, kValid, kMissing, kUntrusted, kBad };
std::string_view signature_state_name(SignatureState state);  // "valid"

struct LibraryFile {
  std::string path;  // as given
  Hash blake3{};
  std::uint64_t bytes = 0;
  SignatureState signature = SignatureState::kUnchecked;
  std::string signer;  // hex key, when valid
};

// What the process of a plugin may use.
struct ProcessLimits {
  std::uint64_t memory_mb = 512;
  std::uint64_t step_ms = 5'000;  // that a call may think
  std::uint64_t cpu_percent = 0;  // of one core, over some seconds; 0: no limit
  bool operator==(const ProcessLimits&) const = default;
};

// A library that runs in a process of its own: its tables carry every call over.
struct IsolatedImage {
  std::shared_ptr<const void> owner;  // ends the process when it goes
  const tb_plugin* plugin = nullptr;
  ProcessLimits limits;
  // What the process is at this moment. [any]
  struct State {
    int pid = 0;  // 0: it is down and will be started again
    std::uint64_t restarts = 0;
    std::string last_trouble;
  };
  std::function<State()> state;
};

struct LoadRules {
  SignaturePolicy policy = SignaturePolicy::kWarn;
  std::vector<PublicKey> signers;
  std::vector<std::pair<std::string, std::string>> min_version;  // id -> version
  std::string store_dir;                                         // <data>/plugins
  std::string probe_program;                                     // path of blockd
  std::uint64_t probe_timeout_ms = 5'000 * kSanitizerSlowdown;
  // Asked last, with the id and the BLAKE3 of the file; may be null. [any]
  std::function<Status(std::string_view id, const Hash& file)> admit = {};
  // Whether the plugin `id` is to run in a process of its own (isolation: process), and how such a
  // process is made for an absolute path. Both or none. [any]
  std::function<bool(std::string_view id)> isolated = {};
  std::function<Result<IsolatedImage>(const std::string& path)> isolate = {};
};

// Checks the ELF image without mapping it: class, machine, segments inside the file, no executable
// stack, no text relocations, no run path, no library needed by path, no -z nodelete, no unique
// symbols, exactly one export (tb_plugin_entry), no import of
// __cxa_thread_atexit. Pure. Errors: kInvalid, one sentence.
Status check_elf(BytesView image);
// The names of the functions and objects that such an image takes from other libraries (at most
// the symbols that check_elf allows). Errors: those of check_elf.
Result<std::vector<std::string>> elf_imports(BytesView image);

struct ProbeResult {
  std::string manifest;  // the JSON as the library returned it
  std::uint32_t abi_major = 0, abi_minor = 0;
  bool has_machine = false, has_face = false;
};
// Loads the file in a child process and reads what it prints; a library that crashes, hangs or
// exits costs a child. Errors: kInvalid "…: constructor crashed with SIGSEGV", kTimeout,
// kUnavailable (no probe program).
Result<ProbeResult> probe_plugin(const LoadRules& rules, const std::string& path);
// What the child does: loads `path`, prints the probe's JSON on stdout, returns the exit code.
int probe_main(const std::string& path);

class Library {
 public:
  // All steps. `report` (may be null) hears one line a step, for `plugin check`.
  // Errors: kNotFound, kInvalid, kDenied (signature or version policy), kTimeout, kIo.
  static Result<std::shared_ptr<Library>> load(const LoadRules& rules, const std::string& path,
                                               const std::function<void(std::string_view)>& report);
  // The steps up to the probe.
  static Result<std::pair<LibraryFile, std::shared_ptr<const Manifest>>> check(
      const LoadRules& rules, const std::string& path,
      const std::function<void(std::string_view)>& report);
  ~Library();

  const LibraryFile& file() const { return file_; }
  const std::shared_ptr<const Manifest>& manifest() const { return manifest_; }
  const tb_plugin& plugin() const { return *plugin_; }
  const std::string& stored_as() const { return stored_as_; }
  // Whether it runs in a process of its own, and what that is at this moment.
  bool isolated() const { return isolated_.owner != nullptr; }
  IsolatedImage::State process() const {
    return isolated() ? isolated_.state() : IsolatedImage::State();
  }
  const ProcessLimits& limits() const { return isolated_.limits; }  // if isolated()
  // The file in the store outlives this object: the image may be needed for a replay.
  void keep_stored();

 private:
  Library() = default;
  struct Image;
  std::unique_ptr<Image> image_;
  IsolatedImage isolated_;  // goes before the file
  LibraryFile file_;
  std::shared_ptr<const Manifest> manifest_;
  const tb_plugin* plugin_ = nullptr;
  std::string stored_as_;
};

// Images that stayed mapped after their last owner was gone: path and reason. [any]
std::vector<std::string> leaked_images();

// `<file>.sig` (node-and-cli spec 5.16).
struct SignatureStatement {
  std::string abi, arch, file, id, manifest, version;
  std::uint32_t sm = 0;
  std::string canonical() const;
};
std::string sign_statement(const SignatureStatement& statement,
                           const SigningKey& key);                    // text of the .sig file
Result<std::vector<PublicKey>> parse_signers(std::string_view text);  // config/release_signers.txt

}  // namespace blockd
