#include "plugins/mock-oracle/curve.hpp"

#include <charconv>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <stdexcept>

namespace mock_oracle {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kMaxFileBytes = 32u << 20;
constexpr std::uint32_t kMaxDemandMw = 10'000'000;  // more than the whole world's demand

std::optional<std::uint32_t> demand_of(std::string_view line) {
  const std::size_t comma = line.find(',');
  if (comma == std::string_view::npos) return std::nullopt;
  std::string_view digits = line.substr(comma + 1);
  if (digits.ends_with('\r')) digits.remove_suffix(1);
  std::uint32_t value = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, value);
  if (digits.empty() || error != std::errc() || stop != end || value > kMaxDemandMw) {
    return std::nullopt;
  }
  return value;
}

std::vector<fs::path> places_of(const fs::path& path) {
  if (path.is_absolute()) return {path};
  std::vector<fs::path> places = {fs::current_path() / path};
  std::error_code error;
  fs::path folder = fs::read_symlink("/proc/self/exe", error).parent_path();
  for (int level = 0; level < 4 && !folder.empty(); ++level, folder = folder.parent_path()) {
    places.push_back(folder / path);
    places.push_back(folder / "share/the-block" / path);
  }
  return places;
}

std::string read_file(const fs::path& path) {
  std::error_code error;
  if (fs::file_size(path, error) > kMaxFileBytes || error) {
    throw std::runtime_error("the demand curve " + path.string() +
                             " is not a readable file of at most 32 MiB");
  }
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) throw std::runtime_error("the demand curve " + path.string() + " could not be read");
  return std::move(text).str();
}

}  // namespace

Curve Curve::parse(std::string_view csv) {
  Curve curve;
  for (std::size_t line_number = 1; !csv.empty(); ++line_number) {
    const std::size_t end = csv.find('\n');
    const std::string_view line = csv.substr(0, end);
    csv.remove_prefix(end == std::string_view::npos ? csv.size() : end + 1);
    if (line_number == 1 || line.empty()) continue;
    const auto demand = demand_of(line);
    if (!demand || curve.demand_mw_.size() == kMaxHalfHours) {
      throw std::runtime_error("line " + std::to_string(line_number) +
                               (demand ? ": more than 1,000,000 half hours"
                                       : ": expected 'half_hour,demand_mw', both whole numbers"));
    }
    curve.demand_mw_.push_back(*demand);
  }
  if (curve.demand_mw_.empty()) throw std::runtime_error("no half hour below the heading");
  return curve;
}

Curve Curve::load(const std::string& path) {
  std::string looked_at;
  for (const fs::path& place : places_of(path)) {
    std::error_code error;
    if (!fs::exists(place, error)) {
      looked_at += (looked_at.empty() ? "" : ", ") + place.string();
      continue;
    }
    try {
      return parse(read_file(place));
    } catch (const std::runtime_error& problem) {
      throw std::runtime_error("demand curve " + place.string() + ": " + problem.what());
    }
  }
  throw std::runtime_error(
      "the demand curve '" + path + "' was not found; looked at " + looked_at +
      "; set mock_oracle.data_file to the CSV file, or mock_oracle.demo to false");
}

std::uint64_t Curve::total_kwh(std::uint64_t step, std::uint64_t count,
                               std::uint64_t kwh_per_mw_ppm) const {
  std::uint64_t kwh = 0;
  // No overflow: a demand is below 2^24, the scale at most 10^12, the count at most a day.
  for (std::uint64_t i = 0; i < count; ++i) kwh += demand_mw(step + i) * kwh_per_mw_ppm / 1'000'000;
  return kwh;
}

std::uint64_t meter_share(std::uint64_t total_kwh, std::uint64_t step, std::uint32_t place,
                          std::uint32_t meters) {
  const std::uint64_t turn = (place + step) % meters;
  return total_kwh / meters + (turn < total_kwh % meters ? 1 : 0);
}

}  // namespace mock_oracle
