#include "kernel/config/config_store.hpp"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <set>

#include "kernel/base/blake3.hpp"
#include "kernel/base/file.hpp"
#include "kernel/base/hex.hpp"

namespace blockd {
namespace {

constexpr std::string_view kMaskBegin = "<secret blake3:";

json::value shown_value(const ConfigKey& key, const json::value& value) {
  if (!key.secret || value.is_null()) return value;
  return json::value(json::string(
      secret_fingerprint(value.is_string() ? std::string_view(value.get_string())
                                           : std::string_view(json::serialize(value)))));
}

json::object shown_values(const Config& config) {
  json::object out;
  for (const auto& [name, key] : config.schema().keys())
    out.emplace(name, shown_value(key, config.get(name)));
  return out;
}

std::vector<ConfigDifference> differences(const json::object& before, const json::object& after) {
  std::set<std::string> keys;
  for (const auto& member : before) keys.emplace(member.key());
  for (const auto& member : after) keys.emplace(member.key());
  auto value_of = [](const json::object& values, const std::string& key) {
    const json::value* v = values.if_contains(key);
    return v != nullptr ? *v : json::value(nullptr);
  };
  std::vector<ConfigDifference> out;
  for (const std::string& key : keys) {
    ConfigDifference d{key, value_of(before, key), value_of(after, key)};
    if (d.before != d.after) out.push_back(std::move(d));
  }
  return out;
}

std::string mask_secrets(const ConfigText& file, const std::vector<ConfigSecret>& secrets) {
  std::string text = file.text;
  for (const ConfigSecret& s : secrets) {
    if (s.text.empty()) continue;
    const std::string mask = "<secret " + secret_fingerprint(s.text) + ">";
    // A secret written with escapes or over several lines cannot be found as text: then nothing of
    // its file is kept.
    if (file.text.find(s.text) == std::string::npos && s.origin.starts_with(file.path + ":"))
      return mask;
    for (auto at = text.find(s.text); at != std::string::npos;
         at = text.find(s.text, at + mask.size())) {
      text.replace(at, s.text.size(), mask);
    }
  }
  return text;
}

json::array to_array(const std::vector<std::string>& texts) {
  json::array out;
  for (const std::string& t : texts) out.emplace_back(json::string(t));
  return out;
}

// Throws what Boost.JSON throws on another shape; get() turns it into kCorrupt.
ConfigGeneration from_json(const json::object& o) {
  ConfigGeneration g;
  g.number = o.at("number").to_number<std::uint64_t>();
  g.unix_ms = o.at("unix_ms").to_number<std::uint64_t>();
  g.source = o.at("source").as_string();
  for (const json::value& key : o.at("changed").as_array()) g.changed.emplace_back(key.as_string());
  for (const json::value& file : o.at("files").as_array()) {
    g.files.push_back(
        {std::string(file.at("path").as_string()), std::string(file.at("text").as_string())});
  }
  g.values = o.at("values").as_object();
  return g;
}

}  // namespace

std::string secret_fingerprint(std::string_view secret) {
  return "blake3:" + to_hex(blake3(secret));
}

Result<ConfigStore> ConfigStore::open(std::string dir, Clock& clock) {
  TB_TRY(make_directories(dir, 0700));
  DIR* d = opendir(dir.c_str());
  if (d == nullptr) return errno_status("config generations " + dir);
  ConfigStore store(std::move(dir), clock);
  while (const dirent* entry = readdir(d)) {
    const std::string_view name = entry->d_name;
    if (!name.ends_with(".json")) continue;
    if (auto n = parse_u64(name.substr(0, name.size() - 5))) store.numbers_.push_back(*n);
  }
  closedir(d);
  std::sort(store.numbers_.begin(), store.numbers_.end());
  return store;
}

Result<std::uint64_t> ConfigStore::add(const ConfigLoad& load, const std::string& source,
                                       std::vector<std::string> changed) {
  TB_ASSERT(load.ok());
  const std::uint64_t number = numbers_.empty() ? 1 : numbers_.back() + 1;
  json::array files;
  for (const ConfigText& f : load.files) {
    files.push_back(json::object{{"path", f.path}, {"text", mask_secrets(f, load.secrets)}});
  }
  const json::object generation{
      {"number", number},          {"unix_ms", clock_->unix_ms()},
      {"source", source},          {"changed", to_array(changed)},
      {"files", std::move(files)}, {"values", shown_values(*load.config)}};
  TB_TRY(write_file_atomic(path(number), json::serialize(generation) + "\n", 0600));
  numbers_.push_back(number);
  while (numbers_.size() > kKeptGenerations) {
    ::unlink(path(numbers_.front()).c_str());  // one that stays behind is removed at a later start
    numbers_.erase(numbers_.begin());
  }
  return number;
}

Result<ConfigGeneration> ConfigStore::get(std::uint64_t number) const {
  if (!std::binary_search(numbers_.begin(), numbers_.end(), number)) {
    const std::string there = numbers_.empty() ? "there is none"
                                               : "there are " + std::to_string(numbers_.front()) +
                                                     ".." + std::to_string(numbers_.back());
    return Status(Code::kNotFound,
                  "config generation " + std::to_string(number) + " is not kept; " + there);
  }
  Result<Bytes> text = read_file(path(number));
  if (!text.ok()) return text.status();
  Result<json::value> parsed = parse_json(*text);
  if (!parsed.ok()) return Status(Code::kCorrupt, path(number) + ": " + parsed.status().message());
  try {
    return from_json(parsed->as_object());
  } catch (const std::exception&) {
    return Status(Code::kCorrupt, path(number) + ": not a config generation", "remove the file");
  }
}

Result<std::vector<ConfigGeneration>> ConfigStore::history() const {
  std::vector<ConfigGeneration> out;
  for (std::uint64_t n : numbers_) {
    Result<ConfigGeneration> g = get(n);
    if (!g.ok()) return g.status();
    out.push_back(std::move(*g));
  }
  return out;
}

Result<std::vector<ConfigDifference>> ConfigStore::diff(std::uint64_t a, std::uint64_t b) const {
  Result<ConfigGeneration> before = get(a);
  if (!before.ok()) return before.status();
  Result<ConfigGeneration> after = get(b);
  if (!after.ok()) return after.status();
  return differences(before->values, after->values);
}

std::vector<std::string> ConfigStore::changed_since(const ConfigGeneration& kept,
                                                    const Config& config) const {
  std::vector<std::string> out;
  for (const ConfigDifference& d : differences(kept.values, shown_values(config)))
    out.push_back(d.key);
  return out;
}

namespace {

// `text` with its secrets back in place; nullopt when one of them is not among `present`.
std::optional<std::string> unmasked(std::string text, const std::vector<ConfigSecret>& present) {
  // Of a file that is one mask nothing was kept.
  const std::size_t first = text.find(kMaskBegin);
  if (first == 0 && text.find('>') == text.size() - 1) return std::nullopt;
  for (std::size_t at = first; at != std::string::npos; at = text.find(kMaskBegin, at)) {
    const std::size_t end = text.find('>', at);
    if (end == std::string::npos) return std::nullopt;
    const std::string mask = text.substr(at, end + 1 - at);
    const auto secret = std::find_if(present.begin(), present.end(), [&](const ConfigSecret& s) {
      return "<secret " + secret_fingerprint(s.text) + ">" == mask;
    });
    if (secret == present.end()) return std::nullopt;
    text.replace(at, mask.size(), secret->text);
    at += secret->text.size();
  }
  return text;
}

}  // namespace

Result<std::vector<std::string>> ConfigStore::rollback(
    std::uint64_t number, const std::vector<ConfigSecret>& present_secrets) const {
  Result<ConfigGeneration> g = get(number);
  if (!g.ok()) return g.status();
  for (ConfigText& f : g->files) {
    std::optional<std::string> text = unmasked(f.text, present_secrets);
    if (!text) {
      return Status(
          Code::kDenied,
          f.path + ": generation " + std::to_string(number) +
              " keeps only the hash of a secret in it, and it is not the one in force",
          "move the secret to the environment or a token file, or restore this file by hand");
    }
    f.text = *std::move(text);
  }
  const std::string suffix = ".before-" + std::to_string(clock_->unix_ms() / 1000);
  std::vector<std::string> written;
  for (const ConfigText& f : g->files) {
    Result<Bytes> present = read_file(f.path);
    if (present.ok() && *present == f.text) continue;
    if (present.ok()) TB_TRY(write_file_atomic(f.path + suffix, *present, 0600));
    TB_TRY(write_file_atomic(f.path, f.text));
    written.push_back(f.path);
  }
  return written;
}

}  // namespace blockd
