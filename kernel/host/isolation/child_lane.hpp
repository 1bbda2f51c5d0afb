// ChildLane: one lane in a plugin's process: a thread that waits for calls, and the ctx, view and
// host that the plugin sees meanwhile. Only the files child_*.cpp include this.
//
// Everything that a plugin does becomes an operation of protocol.hpp. Told ones wait in `told`
// until a question or the end sends them.
//
// Answers of a call are kept until it has ended: when the node says that one of them was guessed
// wrong, the plugin's entry is brought to its end with TB_ABORTED for all that it calls, and runs
// again. Up to the question whose answer is new nothing is told, because the node has carried it
// out already.
#pragma once

#include <unordered_map>
#include <vector>

#include "kernel/host/isolation/guesses.hpp"
#include "kernel/host/isolation/mailbox.hpp"
#include "kernel/host/isolation/own_rows.hpp"
#include "kernel/host/isolation/wire.hpp"
#include "kernel/manifest/manifest.hpp"
#include "tb/plugin.h"

namespace blockd::isolation {

// What all lanes of the process share; complete before the first call.
struct ChildPlugin {
  const tb_plugin* plugin = nullptr;
  std::shared_ptr<const Manifest> manifest;
  tb_host host{};
  void* instance = nullptr;  // of the face
};

class ChildLane;

// A ctx, or only its view, as long as the plugin may use it.
struct ChildCtx : tb_ctx {
  ChildCtx(ChildLane& owner, bool with_ctx);
  ~ChildCtx();
  ChildCtx(const ChildCtx&) = delete;
  ChildCtx& operator=(const ChildCtx&) = delete;

  ChildLane& lane;
  std::uint32_t depth;  // its place among the views of the lane
  bool whole, read_only = false;
  tb_status dead = TB_OK;  // what every further call is answered
  tb_block block{};
  tb_caller who{};
  std::vector<tb_str> cosigners;
  ValueArena arena;
  OwnRows rows{arena};
  std::unordered_map<std::uint32_t, std::uint64_t> params;
};

class ChildLane {
 public:
  ChildLane(Lane& lane, ChildPlugin& plugin);

  // Serves calls until the process ends. One thread a lane.
  void serve();

  // ---- for the tables that the plugin calls
  static ChildLane* current();    // of this thread, or null
  static Lane* current_shared();  // the same, for the handlers of faults
  ChildPlugin& plugin() { return plugin_; }
  const Manifest& manifest() const { return *plugin_.manifest; }
  bool in_face() const { return in_face_; }
  // Begins a told operation, sending what waits when that is much.
  Bytes& tell(Op op);
  // The same on behalf of `ctx`, which need not be the innermost.
  Bytes& tell(ChildCtx& ctx, Op op);
  void tell_count(ChildCtx& ctx, std::uint32_t reads, std::uint32_t rows);
  // Sends what was told and waits for the answer, whose status is left out. Questions of the same
  // `site` have mostly the same answer, which may be guessed; 0: this one is always asked.
  tb_status ask(Reader* answer, std::uint64_t site = 0);
  // The same; a step that counts no more is remembered in `ctx`.
  tb_status ask(ChildCtx& ctx, Reader* answer, std::uint64_t site = 0);
  // The site of a question `op` about `what` in the present kind of call.
  std::uint64_t site(Op op, BytesView what) const;
  // The last answer, for whoever reads it while it asks again.
  Bytes take_answer() { return std::move(answer_); }
  std::uint32_t views = 0, used_view = 0;

 private:
  friend struct ChildCtx;
  struct Known {
    Bytes answer;
    std::uint64_t site = 0;
    bool guessed = false;
  };
  void one_call();
  void begin_call();
  void run_call();
  tb_status known_answer(Reader* answer);
  tb_status unwound(Reader* answer);
  void guess(const Bytes& answer, std::uint64_t site);
  void remember(std::uint64_t site);
  void correct(BytesView message);
  void finish_call(tb_status status, std::uint64_t used, BytesView payload);
  void run_machine(Entry entry, Reader& in);
  void run_face(Entry entry, Reader& in);
  void run_http(Reader& in, tb_view* view, Bytes* payload, tb_status* status);
  [[noreturn]] static void end();

  Lane& lane_;
  ChildPlugin& plugin_;
  Mailbox box_;
  Bytes call_, told_, answer_;
  ValueArena values_;
  std::size_t count_at_ = SIZE_MAX;  // where the newest kCount stands, while it is the last
  bool in_face_ = false;
  Guesses guesses_;
  Bytes incoming_;
  std::vector<Known> known_;  // answers of this call, in the order of the questions
  std::size_t known_bytes_ = 0, next_known_ = 0;
  std::uint64_t kind_ = 0;  // of the call: entry and method
  bool may_guess_ = false;
  bool goes_back_ = false;  // this run of the entry does not count
};

// The tables. Static storage.
const tb_view_api* child_view_api();
const tb_ctx_api* child_ctx_api();
const tb_host_api* child_host_api();
const void* child_files_api();  // of tb/draft/host_files.h

}  // namespace blockd::isolation
