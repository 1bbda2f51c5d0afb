// RowPipe: rows that one thread reads and checks, and another puts into the tables of a new store,
// so that a restore uses two cores. At most kPages pages of rows are under way; the buffers go
// round.
//
// add() and finish() from one thread; the load belongs to the pipe until finish() or the end.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "kernel/storage/bulk_load.hpp"

namespace blockd::internal {

class RowPipe {
 public:
  explicit RowPipe(BulkLoad& load);
  ~RowPipe();
  RowPipe(const RowPipe&) = delete;
  RowPipe& operator=(const RowPipe&) = delete;

  // Of one namespace. Errors: those of the load, also for an earlier row.
  Status add(std::string_view space, BytesView key, BytesView value);
  // All rows are in the load.
  Status finish();

 private:
  static constexpr std::size_t kPages = 4;
  static constexpr std::size_t kPageBytes = 1u << 20;
  struct Page {
    Bytes bytes;  // keys and values, one behind the other
    std::vector<std::pair<std::uint32_t, std::uint32_t>> sizes;
    bool begins_run = false;  // the first row is of another namespace than those before
  };
  Status hand_over();
  void run();
  Status load_page(const Page& page);
  void end();

  BulkLoad& load_;
  std::string space_, prefix_;
  Page filling_;

  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::deque<Page> full_, free_;
  Status failed_;
  bool ended_ = false, stopped_ = false;
  std::thread thread_;
};

}  // namespace blockd::internal
