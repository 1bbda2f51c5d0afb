// Face: gauges of committed state, the snapshot files, the check of the newest snapshot, and the
// local methods replay and simulate. It submits nothing. [face]
#pragma once

#include <tb/plugin.hpp>

#include "plugins/economics/files.hpp"

namespace economics {

struct ReplayParams {
  std::uint64_t from = 1;
  std::optional<std::uint64_t> to;
  bool verify = false, write = false;
};
BOOST_DESCRIBE_STRUCT(ReplayParams, (), (from, to, verify, write))

struct SimulateParams {
  std::uint64_t epochs = 50;
  std::optional<std::vector<std::string>> set;
};
BOOST_DESCRIBE_STRUCT(SimulateParams, (), (epochs, set))

class Face {
 public:
  explicit Face(tb::Host host);

  void on_commit(tb::View& view);
  void on_config();
  void verify_newest();  // timer
  tb::Status replay(tb::LocalCall& call, const ReplayParams& in, tb::Out& out);
  tb::Status simulate(tb::LocalCall& call, const SimulateParams& in, tb::Out& out);

 private:
  void show_block(tb::View& view);
  void show_snapshot(tb::View& view, std::uint64_t epoch);
  void write_file(tb::View& view, std::uint64_t epoch);

  tb::Host host_;
  SnapshotFiles files_;
  std::uint64_t shown_epoch_ = 0, written_epoch_ = 0, verified_epoch_ = 0;
  bool shown_ = false;
};

void describe_face(tb::Plugin& p);

}  // namespace economics
