#include "plugins/energy/cli/snapshots.hpp"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
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
  if (!fs::exists(folder + "/manifest.json"))
    return refuse(out, "missing", "there is no " + folder + "/manifest.json");
  const json::value manifest = manifest_of(folder);
  const json::object* o = manifest.if_object();
  if (o == nullptr) return refuse(out, "corrupt", folder + "/manifest.json is no JSON object");
  if (number_in(*o, "schema_version") != kKnownSchema) {
    return refuse(out, "schema",
                  "the snapshot has another schema_version than 1, which this program reads");
  }
  const std::uint64_t height = number_in(*o, "height");
  const std::string path = folder + "/state-" + std::to_string(height) + ".json";
  if (!fs::exists(path)) return refuse(out, "missing", "there is no " + path);
  const Sum sum = sum_of(path);
  const json::value* hash = o->if_contains("blake3");
  if (hash == nullptr || !hash->is_string() || hash->get_string() != sum.blake3 ||
      number_in(*o, "bytes") != sum.bytes) {
    return refuse(out, "corrupt",
                  path + " has " + std::to_string(sum.bytes) + " bytes with the hash " +
                      sum.blake3 + "; the manifest names others");
  }
  out << json::serialize(json::object{{"status", "ok"},
                                      {"path", path},
                                      {"height", height},
                                      {"bytes", sum.bytes},
                                      {"blake3", sum.blake3}})
      << '\n';
  return 0;
}

}  // namespace energy
