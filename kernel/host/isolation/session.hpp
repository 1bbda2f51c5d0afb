// Session: one call of a plugin that runs in a process of its own, seen from the node.
//
// It sends the call and carries out what the child asks for and tells, on the ctx, view and host of
// the call, until the call ends. What comes from the child is checked; whatever breaks a rule ends
// the child. One thread, the one that the ctx, view or host belongs to.
#pragma once

#include <optional>
#include <vector>

#include "kernel/host/isolation/expected.hpp"
#include "kernel/host/isolation/process.hpp"
#include "kernel/host/isolation/wire.hpp"
#include "kernel/manifest/manifest.hpp"
#include "tb/face.h"

namespace blockd::isolation {

// What a call is made on; what it does not bring is null.
struct CallTarget {
  tb_view* view = nullptr;
  tb_ctx* ctx = nullptr;
  tb_host* host = nullptr;
};

class Session {
 public:
  enum class End : std::uint8_t {
    kReturned,
    kThrew,     // the plugin let an exception escape; text() is what it said
    kNoMemory,  // it wanted more memory than it may have; the child was ended
    kLost,      // the child is gone, or was ended for what it did
  };

  // `expected` and `shape` may be null: nothing is to be learnt from this call.
  Session(ChildProcess& process, std::size_t lane, const Manifest& manifest, CallTarget target,
          Expected* expected, const CallShape* shape);

  // Makes the call. The child may think `budget_us` in all.
  End call(BytesView message, std::uint64_t budget_us);

  tb_status status() const { return status_; }
  bool lost() const { return end_ == End::kLost || end_ == End::kNoMemory; }
  std::uint64_t used() const { return used_; }
  const Bytes& text() const { return text_; }
  // What the call returned besides its status, borrowed; see child_lane.cpp, finish_call.
  Reader results() const { return results_; }
  // The results make no sense: the child is ended. Always kLost.
  End damaged(std::string_view what);

 private:
  enum class Until : std::uint8_t { kEnd, kAttemptEnd, kViewEnd };

  // Carries out operations until the one that ends this level. Below the outermost it returns the
  // status of that end; ended_ says whether the call as a whole is over.
  tb_status run(Until until);
  bool step(Op op, Until until, tb_status* status);
  bool told_of_ctx(Op op);
  bool told_of_host(Op op);
  bool question_of_view(Op op);
  bool question_of_ctx(Op op);
  bool question_of_host(Op op);
  bool question_of_store(Op op);
  bool question_of_files(Op op);
  bool next_message();
  bool finish(End end);
  bool answer(tb_status status);
  void compare_guess();
  void learn_missed();

  void get();
  void get_many();
  void scan();
  void call_service();
  void attempt();
  void open_view();
  void host_call();
  void fetch();
  void store_scan();
  bool labels(std::vector<tb_str>* out);
  bool whole(Played& said);

  tb_view* view() { return targets_[current_].view; }
  tb_ctx* ctx() { return targets_[current_].ctx; }
  std::size_t lane_number_;
  ChildProcess& process_;
  Mailbox box_;
  const Manifest& manifest_;
  tb_host* host_;
  std::vector<CallTarget> targets_;
  std::size_t current_ = 0, nesting_ = 0;
  Expected* expected_;
  const CallShape* shape_;
  std::uint64_t budget_us_ = 0;
  Bytes message_, answer_, text_;
  Reader in_{{}}, results_{{}};
  bool asked_ = false;              // answer_ waits to be sent
  std::uint32_t questions_ = 0;     // that have their answer
  std::vector<Bytes> missed_rows_;  // of the present question
  std::optional<std::uint32_t> missed_param_;
  bool over_ = false;
  End end_ = End::kLost;
  tb_status status_ = TB_ABORTED;
  std::uint64_t used_ = 0;
};

}  // namespace blockd::isolation
