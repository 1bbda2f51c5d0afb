// The files of a face. The host's own functions check paths and sizes.
#include "kernel/host/isolation/session.hpp"
#include "tb/draft/host_files.h"

namespace blockd::isolation {
namespace {

void append_text(void* user, tb_str text) { static_cast<Bytes*>(user)->append(to_view(text)); }

struct Listed {
  Bytes rows;
  std::uint32_t n = 0;
};

std::uint32_t append_file(void* user, tb_str name, tb_str size) {
  auto& out = *static_cast<Listed*>(user);
  put_text(out.rows, name);
  put_text(out.rows, size);
  ++out.n;
  return 1;
}

}  // namespace

bool Session::question_of_files(Op op) {
  if (host_ == nullptr || op < Op::kFileWrite || op > Op::kFileRemove) return false;
  const auto* files =
      static_cast<const tb_host_files*>(host_->api->extension(host_, to_str(TB_HOST_FILES_1)));
  if (files == nullptr) return false;
  const std::uint32_t flags = op == Op::kFileWrite ? in_.u32() : 0;
  const std::uint64_t offset = op == Op::kFileRead ? in_.u64() : 0;
  const std::uint64_t limit = op == Op::kFileRead ? in_.u64() : 0;
  const tb_str path = to_str(text_of(in_));
  const tb_str written = op == Op::kFileWrite ? to_str(text_of(in_)) : tb_str{};
  if (!in_.ok()) return true;
  Bytes problem, text;
  Listed listed;
  const tb_sink say{&problem, append_text}, take{&text, append_text};
  const tb_row_sink rows{&listed, append_file};
  switch (op) {
    case Op::kFileWrite:
      answer(files->write(host_, path, flags, written, &say));
      break;
    case Op::kFileRead:
      answer(files->read(host_, path, offset, limit, &take, &say));
      put_text(answer_, BytesView(text));
      break;
    case Op::kFileList:
      answer(files->list(host_, path, &rows, &say));
      put_u32(answer_, listed.n);
      answer_.append(listed.rows);
      break;
    default:
      answer(files->remove(host_, path, &say));
      break;
  }
  put_text(answer_, BytesView(problem));
  return true;
}

}  // namespace blockd::isolation
