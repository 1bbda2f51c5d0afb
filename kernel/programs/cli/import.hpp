// The verb that sends a command once for each row of a file (manifest: cli.import).
//
// Rows go to the node in batches, up to kImportBatch at once, and never two with the same value of
// the field that the plugin named, so that their order holds. Each row is waited for. A node that
// is busy, starting or away for a moment is asked again; what it refuses for good goes into the
// report. Progress is saved every kImportSaveRows rows and each second. Killed at any moment, the
// same command line goes on and sends nothing twice that the chain would take twice. One thread.
#pragma once

#include "kernel/manifest/cli_tree.hpp"
#include "kernel/programs/cli/world.hpp"

namespace blockd::cli {

inline constexpr std::size_t kImportBatch = 64;
inline constexpr std::uint64_t kImportSaveRows = 512;
inline constexpr std::uint64_t kImportAheadLines = 2048;  // sent beyond what was saved, at most
inline constexpr int kImportTries = 100;                  // in a row without an answer that counts

// REQUIRES: verb.row_fields is not empty. `params` are the verb's own: file, report, restart,
// progress. Prints the counts. Exit code: 0, 1 when rows were refused, 2 and 3 as all verbs.
int run_import(Session& session, const CliNode& verb, const json::object& params);

}  // namespace blockd::cli
