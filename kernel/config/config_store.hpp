// ConfigStore: the accepted configurations of this node, one file a generation, and the way back to
// one of them.
//
// `<dir>/<n>.json` holds number, time, source, changed keys, the effective values and the text of
// the files; the newest kKeptGenerations stay. Secrets are stored only as hashes: as values, and
// masked inside the kept texts. Not thread-safe.
#pragma once

#include <string>
#include <vector>

#include "kernel/base/clock.hpp"
#include "kernel/config/config_loader.hpp"

namespace blockd {

inline constexpr std::size_t kKeptGenerations = 50;

struct ConfigGeneration {
  std::uint64_t number = 0;
  std::uint64_t unix_ms = 0;
  std::string source;                // "start", "file", "signal", or the account of an RPC
  std::vector<std::string> changed;  // keys, against the generation before
  std::vector<ConfigText> files;
  json::object values;  // effective, secrets as "blake3:<hex>"
};

struct ConfigDifference {
  std::string key;
  json::value before;  // null: not there
  json::value after;
};

class ConfigStore {
 public:
  // `dir`, such as <data>/config/generations, is made when missing. Errors: kIo, kDenied.
  static Result<ConfigStore> open(std::string dir, Clock& clock);

  // Appends a generation and removes those beyond the bound. Errors: kNoSpace, kIo, kDenied;
  // nothing is removed then.
  Result<std::uint64_t> add(const ConfigLoad& load, const std::string& source,
                            std::vector<std::string> changed);
  // Oldest first.
  const std::vector<std::uint64_t>& numbers() const { return numbers_; }
  // Errors: kNotFound "config generation 7 is not kept; there are 3..52", kCorrupt.
  Result<ConfigGeneration> get(std::uint64_t number) const;
  // Oldest first; files that cannot be read are an error.
  Result<std::vector<ConfigGeneration>> history() const;
  Result<std::vector<ConfigDifference>> diff(std::uint64_t a, std::uint64_t b) const;
  // Keys whose values in `config` are not those of `kept`, sorted.
  std::vector<std::string> changed_since(const ConfigGeneration& kept, const Config& config) const;
  // Writes the files of generation `number` back; what stands there now stays as
  // <file>.before-<unix seconds>. A masked secret is put back where `present` has the one with its
  // hash; a file with any other is refused, before anything is written. The caller reloads
  // afterwards. Errors: kNotFound, kDenied (masked secret), kIo.
  Result<std::vector<std::string>> rollback(std::uint64_t number,
                                            const std::vector<ConfigSecret>& present = {}) const;

 private:
  ConfigStore(std::string dir, Clock& clock) : dir_(std::move(dir)), clock_(&clock) {}
  std::string path(std::uint64_t number) const {
    return dir_ + "/" + std::to_string(number) + ".json";
  }
  std::string dir_;
  Clock* clock_;
  std::vector<std::uint64_t> numbers_;
};

// A secret as generations and `config show` keep it: enough to see that it changed.
std::string secret_fingerprint(std::string_view secret);

}  // namespace blockd
