#include "plugins/energy/cli/snapshots.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <ostream>
#include <vector>

#include "tb/blake3.hpp"

namespace energy {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
constexpr std::uint64_t kKnownSchema = 1;
constexpr std::size_t kMaxListed = 10'000, kMaxManifestBytes = 64u << 10, kChunk = 1u << 20;

struct Found {
  std::uint64_t height;
  std::string path;
};

std::vector<Found> snapshots_in(const std::string& folder) {
  std::vector<Found> out;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder, none)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with("state-") || !name.ends_with(".json") || out.size() == kMaxListed)
      continue;
    std::uint64_t height = 0;
    const char* end = name.data() + name.size() - 5;
    const auto [stop, error] = std::from_chars(name.data() + 6, end, height);
    if (error == std::errc() && stop == end) out.push_back({height, entry.path().string()});
  }
  std::sort(out.begin(), out.end(),
            [](const Found& a, const Found& b) { return a.height > b.height; });
  return out;
}

int refuse(std::ostream& out, std::string_view reason, const std::string& text) {
  out << json::serialize(json::object{{"status", "refused"}, {"reason", reason}, {"text", text}})
      << '\n';
  return 1;
}

struct Sum {
  std::uint64_t bytes = 0;
  std::string blake3;
};

Sum sum_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string chunk(kChunk, '\0');
  tb::Blake3 hash;
  Sum out;
  while (file) {
    file.read(chunk.data(), static_cast<std::streamsize>(chunk.size()));
    const auto n = static_cast<std::size_t>(file.gcount());
    hash.update(std::string_view(chunk.data(), n));
    out.bytes += n;
  }
  out.blake3 = hash.finish().hex();
  return out;
}

json::value manifest_of(const std::string& folder) {
  std::ifstream file(folder + "/manifest.json", std::ios::binary);
  std::string text(kMaxManifestBytes, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  std::error_code broken;
  json::value value = json::parse(text, broken);
  return broken ? json::value() : value;
}

std::uint64_t number_in(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr) return 0;
  return value->is_int64() && value->get_int64() > 0
             ? static_cast<std::uint64_t>(value->get_int64())
         : value->is_uint64() ? value->get_uint64()
                              : 0;
}

struct Whole {
  std::string path;
  std::uint64_t height = 0;
  Sum sum;
};

// The newest snapshot of the folder, if it is as its manifest says; else prints why not.
std::optional<Whole> whole_snapshot(const std::string& folder, std::ostream& out) {
  const auto refused = [&](std::string_view reason, const std::string& text) {
    refuse(out, reason, text);
    return std::nullopt;
  };
  if (!fs::exists(folder + "/manifest.json"))
    return refused("missing", "there is no " + folder + "/manifest.json");
  const json::value manifest = manifest_of(folder);
  const json::object* o = manifest.if_object();
  if (o == nullptr) return refused("corrupt", folder + "/manifest.json is no JSON object");
  if (number_in(*o, "schema_version") != kKnownSchema) {
    return refused("schema",
                   "the snapshot has another schema_version than 1, which this program reads");
  }
  const std::uint64_t height = number_in(*o, "height");
  const std::string path = folder + "/state-" + std::to_string(height) + ".json";
  if (!fs::exists(path)) return refused("missing", "there is no " + path);
  const Sum sum = sum_of(path);
  const json::value* hash = o->if_contains("blake3");
  if (hash == nullptr || !hash->is_string() || hash->get_string() != sum.blake3 ||
      number_in(*o, "bytes") != sum.bytes) {
    return refused("corrupt", path + " has " + std::to_string(sum.bytes) + " bytes with the hash " +
                                  sum.blake3 + "; the manifest names others");
  }
  return Whole{path, height, sum};
}

bool sync(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const bool done = file >= 0 && ::fsync(file) == 0;
  if (file >= 0) ::close(file);
  return done;
}

// Copies the file so that `to` is either what it was or whole, also over a loss of power.
bool place(const std::string& from, const std::string& to) {
  std::error_code failed;
  const std::string part = to + ".part";
  fs::copy_file(from, part, fs::copy_options::overwrite_existing, failed);
  if (failed || !sync(part)) return false;
  fs::rename(part, to, failed);
  return !failed && sync(fs::path(to).parent_path().string());
}

}  // namespace

std::string market_folder(const std::string& given) {
  if (!given.empty()) return given;
  const char* env = std::getenv("TB_ENERGY_MARKET_DIR");
  return env != nullptr && *env != '\0' ? env : "energy_market";
}

int list_snapshots(const std::string& folder, std::ostream& out) {
  json::array list;
  for (const Found& one : snapshots_in(folder)) {
    std::error_code gone;
    const std::uintmax_t bytes = fs::file_size(one.path, gone);
    list.push_back(
        json::object{{"height", one.height}, {"path", one.path}, {"bytes", gone ? 0 : bytes}});
  }
  out << json::serialize(json::object{{"snapshots", std::move(list)}}) << '\n';
  return 0;
}

int verify_snapshot(const std::string& folder, std::ostream& out) {
  const std::optional<Whole> whole = whole_snapshot(folder, out);
  if (!whole) return 1;
  out << json::serialize(json::object{{"status", "ok"},
                                      {"path", whole->path},
                                      {"height", whole->height},
                                      {"bytes", whole->sum.bytes},
                                      {"blake3", whole->sum.blake3}})
      << '\n';
  return 0;
}

int restore_snapshot(const std::string& folder, const std::string& target, bool force,
                     std::ostream& out) {
  const std::optional<Whole> whole = whole_snapshot(folder, out);
  if (!whole) return 1;
  const json::value there = manifest_of(target);
  const std::uint64_t held = there.is_object() ? number_in(there.get_object(), "height") : 0;
  if (held > whole->height && !force) {
    return refuse(out, "newer",
                  target + " holds a snapshot of height " + std::to_string(held) +
                      ", this one is " + std::to_string(whole->height) +
                      "; --force takes the older one");
  }
  std::error_code failed;
  fs::create_directories(target, failed);
  const std::string path = target + "/" + fs::path(whole->path).filename().string();
  // The manifest goes last: until it is there, the folder is what it was.
  if (!fs::equivalent(folder, target, failed) &&
      !(place(whole->path, path) && place(folder + "/manifest.json", target + "/manifest.json"))) {
    return refuse(out, "unwritable", "the snapshot could not be written to " + target);
  }
  out << json::serialize(json::object{
             {"status", "restored"},
             {"path", path},
             {"height", whole->height},
             {"blake3", whole->sum.blake3},
             {"next",
              "start the node: a market that is empty begins with this snapshot, at height 0 or on "
              "a chain with one validator; a market that holds something stays as it is"}})
      << '\n';
  return 0;
}

}  // namespace energy
