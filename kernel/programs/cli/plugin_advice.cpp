// What a library takes from the system that a machine must not have: told by its imports, before it
// ever ran.
#include "kernel/programs/cli/plugin_advice.hpp"

#include <cxxabi.h>

#include <algorithm>
#include <cstdlib>

#include "kernel/base/file.hpp"
#include "kernel/host/library.hpp"

namespace blockd::cli {
namespace {

struct Advice {
  std::string_view what, instead;
  std::vector<std::string_view> imports;  // beginnings of names
  std::vector<std::string_view> exact;
};

const std::vector<Advice>& advices() {
  static const std::vector<Advice> all = {
      {"a clock",
       "a machine asks ctx.time_ms(), a face host.unix_ms()",
       {"_ZNSt6chrono3_V212system_clock3now", "_ZNSt6chrono3_V212steady_clock3now"},
       {"time", "clock", "clock_gettime", "gettimeofday", "localtime", "localtime_r", "gmtime",
        "gmtime_r", "nanosleep", "usleep", "sleep", "clock_nanosleep"}},
      {"randomness",
       "a machine takes it from ctx.block().seed, a face from host.random()",
       {"_ZNSt13random_device"},
       {"rand", "srand", "rand_r", "random", "srandom", "drand48", "getrandom", "getentropy",
        "arc4random"}},
      {"threads",
       "the node calls faces on its own threads, and a machine runs on the one that calls it",
       {"_ZNSt6thread"},
       {"pthread_create", "thrd_create", "fork", "vfork", "system", "popen", "execve",
        "posix_spawn"}},
      {"files",
       "a face keeps small things by host.store_put() and files by tb/files.hpp",
       {"_ZNSt14basic_ofstream", "_ZNSt14basic_ifstream", "_ZNSt13basic_fstream",
        "_ZNSt13basic_filebuf"},
       {"open", "open64", "openat", "creat", "fopen", "fopen64", "freopen", "mmap"}},
      {"the network",
       "a face asks other machines by tb/outside.hpp",
       {},
       {"socket", "connect", "getaddrinfo", "bind", "listen"}},
      {"its surroundings",
       "what an operator sets is a p.config() key",
       {},
       {"getenv", "secure_getenv", "setenv", "setlocale"}}};
  return all;
}

bool concerns(const Advice& advice, std::string_view import) {
  return std::find(advice.exact.begin(), advice.exact.end(), import) != advice.exact.end() ||
         std::any_of(advice.imports.begin(), advice.imports.end(),
                     [&](std::string_view begin) { return import.starts_with(begin); });
}

// A C++ name as it was written.
std::string readable(const std::string& import) {
  int failed = 0;
  char* text = abi::__cxa_demangle(import.c_str(), nullptr, nullptr, &failed);
  const std::string name = failed == 0 && text != nullptr ? text : import;
  std::free(text);
  return name;
}

}  // namespace

std::vector<std::string> advice_on(const std::vector<std::string>& imports) {
  std::vector<std::string> out;
  for (const Advice& advice : advices()) {
    const auto found = std::find_if(imports.begin(), imports.end(), [&](const std::string& import) {
      return concerns(advice, import);
    });
    if (found == imports.end()) continue;
    out.push_back(std::string(advice.what) + " (" + readable(*found) +
                  "): a machine that asks the system comes to other results on other nodes; " +
                  std::string(advice.instead));
  }
  return out;
}

Result<std::vector<std::string>> advice_on_file(const std::string& path) {
  Result<Bytes> image = read_file(path);
  if (!image.ok()) return image.status();
  Result<std::vector<std::string>> imports = elf_imports(*image);
  if (!imports.ok()) return imports.status();
  return advice_on(*imports);
}

}  // namespace blockd::cli
