// The data directory of a node that does not run, under its lock, and the check of its stores. One
// thread.
#pragma once

#include "kernel/base/file.hpp"
#include "kernel/base/json.hpp"
#include "kernel/chain/store/store_check.hpp"
#include "kernel/programs/cli/catalogue.hpp"
#include "kernel/programs/cli/world.hpp"

namespace blockd::cli {

inline constexpr int kExitMajor = 5;  // as StoreCheckReport::exit_code()

// --data-dir was given: a directory is meant, not a node that runs.
bool names_directory(const LocalArgs& args);

class StoppedNode {
 public:
  // By --data-dir (else TB_DATA_DIR, else node-data) and --state. Errors: kDenied (a node runs on
  // it, by its pid), kNotFound.
  static Result<StoppedNode> lock(const World& world, const LocalArgs& args);
  // For a program that takes the lock itself.
  void unlock() { lock_.reset(); }
  Status lock_again();

  const std::string& data_dir() const { return data_; }
  const std::string& state_dir() const { return state_; }
  // Fills in log, genesis, state and views, and looks. Errors: kNotFound (no log), kIo, kCorrupt
  // (the genesis file).
  Result<StoreCheckReport> check(StoreCheckInput input) const;

 private:
  StoppedNode(std::string data, std::string state)
      : data_(std::move(data)), state_(std::move(state)) {}
  std::string data_, state_;
  std::optional<DirectoryLock> lock_;
};

json::object report_json(const StoreCheckReport& report);

// Runs `blockd` with these words and keeps what it prints; its errors go to ours.
struct ChildRun {
  int exit_code = -1;
  std::string output;
};
Result<ChildRun> run_blockd(const World& world, std::vector<std::string> args);

}  // namespace blockd::cli
