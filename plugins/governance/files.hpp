// Projections of history for people and auditors, as JSON texts, and how a file is written so that
// a crash leaves the old one or the new one. [face]
#pragma once

#include "plugins/governance/face.hpp"

namespace governance {

// A change of a mask that says which providers are allowed. Row 0 of each is the genesis' value.
struct PolicyRow {
  std::uint64_t epoch = 0, proposal_id = 0;
  std::string kind;  // runtime, transport, storage
  std::vector<std::string> allowed;
};
BOOST_DESCRIBE_STRUCT(PolicyRow, (), (epoch, proposal_id, kind, allowed))

// Oldest first.
std::vector<PolicyRow> policy_rows(const tb::Host& host);

std::string param_changes_text(const tb::Host& host);  // the newest 512 changes, newest first
std::string fee_floor_text(const tb::Host& host);
std::string policy_text(const tb::Host& host);
// All parameters in force.
std::string values_text(tb::View& view);

// Empty if there is no such file, or it is above 256 MiB.
std::string read_whole_file(const tb::Host& host, const std::string& path);
// What went wrong, or empty: then it is there, whole and synced.
std::string write_whole_file(const tb::Host& host, const std::string& path,
                             const std::string& text);

}  // namespace governance
