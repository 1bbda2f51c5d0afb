// Spool: readings that are not delivered yet, one file for each provider, so that none is lost when
// the adapter stops. [face], one caller at a time
//
// Only the newest reading of a meter is kept: totals are cumulative, it carries those before it. A
// file is written by the node, which replaces it as a whole; what is read back is trusted no more
// than what a meter sends: the caller checks its signature again.
#pragma once

#include <string>

#include "plugins/oracle-adapter/reading.hpp"

namespace oracle_adapter {

class Spool {
 public:
  explicit Spool(std::string folder) : folder_(std::move(folder)) {}

  // Empty, or what went wrong and with which file.
  std::string put(const tb::Host& host, const Reading& reading);
  void erase(const tb::Host& host, std::string_view provider_id);
  // nullopt: none, or `*problem` says why it cannot be read.
  std::optional<Reading> get(const tb::Host& host, std::string_view provider_id,
                             std::string* problem) const;

 private:
  std::string path_of(const tb::Host& host, std::string_view provider_id) const;
  std::string folder_;
};

}  // namespace oracle_adapter
