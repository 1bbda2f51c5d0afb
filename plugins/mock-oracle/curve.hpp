// Curve: the recorded demand that the demo's meters share, and how it is split over them. [any]
//
// Immutable after load(). A curve repeats: the half hour behind its last one is the first.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mock_oracle {

inline constexpr std::size_t kMaxHalfHours = 1'000'000;

class Curve {
 public:
  // Reads "half_hour,demand_mw" lines below a heading. Throws std::runtime_error naming the line.
  static Curve parse(std::string_view csv);
  // Looks for a relative `path` below the working directory, then below the folder of the program
  // and the three above it (a build tree), then below share/the-block beside each of these. Throws
  // std::runtime_error naming the file and where it was looked for.
  static Curve load(const std::string& path);

  std::size_t size() const { return demand_mw_.size(); }
  std::uint64_t demand_mw(std::uint64_t step) const { return demand_mw_[step % demand_mw_.size()]; }
  // Energy of `count` half hours from `step` on over all meters, in kWh.
  std::uint64_t total_kwh(std::uint64_t step, std::uint64_t count,
                          std::uint64_t kwh_per_mw_ppm) const;

 private:
  std::vector<std::uint32_t> demand_mw_;
};

// The share of meter `place` of `meters` in `total_kwh`. The shares sum up to the total; which
// meters get the kilowatt-hours that do not divide evenly moves on with `step`.
std::uint64_t meter_share(std::uint64_t total_kwh, std::uint64_t step, std::uint32_t place,
                          std::uint32_t meters);

}  // namespace mock_oracle
