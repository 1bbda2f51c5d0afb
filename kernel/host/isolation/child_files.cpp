// tb.host.files/1 in a plugin's process: the node writes and reads (session_files.cpp).
#include "kernel/host/isolation/child_lane.hpp"
#include "tb/draft/host_files.h"

namespace blockd::isolation {
namespace {

// The lane of a face entry on this thread, or null.
ChildLane* lane_of_face() {
  ChildLane* lane = ChildLane::current();
  return lane != nullptr && lane->in_face() ? lane : nullptr;
}

void tell_problem(Reader& in, const tb_sink* problem) {
  const BytesView text = text_of(in);
  if (problem != nullptr && !text.empty()) problem->put(problem->user, to_str(text));
}

// Asks, and keeps the answer in `held`, behind its status.
tb_status ask_held(ChildLane& lane, Bytes* held, Reader* in) {
  Reader answer{{}};
  const tb_status status = lane.ask(&answer);
  *held = lane.take_answer();
  *in = Reader(BytesView(*held).substr(sizeof(std::uint32_t)));
  return status;
}

tb_status far_write(tb_host*, tb_str path, std::uint32_t flags, tb_str text,
                    const tb_sink* problem) {
  ChildLane* lane = lane_of_face();
  if (lane == nullptr) return TB_E_WRONG_THREAD;
  Bytes& out = lane->tell(Op::kFileWrite);
  put_u32(out, flags);
  put_text(out, path);
  put_text(out, text);
  Bytes held;
  Reader in{{}};
  const tb_status status = ask_held(*lane, &held, &in);
  tell_problem(in, problem);
  return status;
}

tb_status far_read(tb_host*, tb_str path, std::uint64_t offset, std::uint64_t limit,
                   const tb_sink* text, const tb_sink* problem) {
  ChildLane* lane = lane_of_face();
  if (lane == nullptr) return TB_E_WRONG_THREAD;
  if (text == nullptr) return TB_E_INVALID;
  Bytes& out = lane->tell(Op::kFileRead);
  put_u64(out, offset);
  put_u64(out, limit);
  put_text(out, path);
  Bytes held;
  Reader in{{}};
  const tb_status status = ask_held(*lane, &held, &in);
  const BytesView found = text_of(in);
  if (status == TB_OK) text->put(text->user, to_str(found));
  tell_problem(in, problem);
  return status;
}

tb_status far_list(tb_host*, tb_str folder, const tb_row_sink* files, const tb_sink* problem) {
  ChildLane* lane = lane_of_face();
  if (lane == nullptr) return TB_E_WRONG_THREAD;
  if (files == nullptr) return TB_E_INVALID;
  put_text(lane->tell(Op::kFileList), folder);
  Bytes held;
  Reader in{{}};
  const tb_status status = ask_held(*lane, &held, &in);
  bool wanted = true;
  for (std::uint32_t n = in.u32(); n > 0 && in.ok(); --n) {
    const BytesView name = text_of(in), size = text_of(in);
    wanted = wanted && files->row(files->user, to_str(name), to_str(size)) != 0;
  }
  tell_problem(in, problem);
  return status;
}

tb_status far_remove(tb_host*, tb_str path, const tb_sink* problem) {
  ChildLane* lane = lane_of_face();
  if (lane == nullptr) return TB_E_WRONG_THREAD;
  put_text(lane->tell(Op::kFileRemove), path);
  Bytes held;
  Reader in{{}};
  const tb_status status = ask_held(*lane, &held, &in);
  tell_problem(in, problem);
  return status;
}

}  // namespace

const void* child_files_api() {
  static constexpr tb_host_files kApi = {far_write, far_read, far_list, far_remove};
  return &kApi;
}

}  // namespace blockd::isolation
