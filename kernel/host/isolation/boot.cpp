#include "kernel/host/isolation/boot.hpp"

#include "kernel/host/isolation/wire.hpp"

namespace blockd::isolation {
namespace {

std::uint64_t bit(Entry entry, bool there) {
  return there ? 1ull << static_cast<unsigned>(entry) : 0;
}

}  // namespace

Bytes describe(const tb_plugin& plugin) {
  std::uint64_t entries = 0;
  Bytes out;
  put_u32(out, kProtocol);
  put_text(out, plugin.manifest);
  put_u32(out, plugin.abi_major);
  put_u32(out, plugin.abi_minor);
  put_u8(out, plugin.machine != nullptr ? 1 : 0);
  put_u8(out, plugin.face != nullptr ? 1 : 0);
  if (const tb_machine* m = plugin.machine) {
    entries |= bit(Entry::kGenesis, m->genesis) | bit(Entry::kApply, m->apply) |
               bit(Entry::kBegin, m->begin) | bit(Entry::kEnd, m->end) |
               bit(Entry::kEpoch, m->epoch) | bit(Entry::kServe, m->serve) |
               bit(Entry::kAnswer, m->answer) | bit(Entry::kCheckParams, m->check_params) |
               bit(Entry::kParamsChanged, m->params_changed) |
               bit(Entry::kMigrate, m->migrate_step);
  }
  if (const tb_face* f = plugin.face) {
    entries |= bit(Entry::kCreate, f->create) | bit(Entry::kDestroy, f->destroy) |
               bit(Entry::kQuery, f->query) | bit(Entry::kLocal, f->local) |
               bit(Entry::kHttp, f->http) | bit(Entry::kConfigChanged, f->on_config) |
               bit(Entry::kTimer, f->on_timer) | bit(Entry::kReply, f->on_reply) |
               bit(Entry::kEvent, f->on_event) | bit(Entry::kCommit, f->on_commit);
  }
  put_u32(out, plugin.machine != nullptr ? plugin.machine->sm : 0);
  put_u32(out, plugin.machine != nullptr ? plugin.machine->sm_min : 0);
  put_u32(out, plugin.machine != nullptr ? plugin.machine->schema : 0);
  put_u64(out, entries);
  return out;
}

Result<Description> read_description(BytesView bytes) {
  Reader in(bytes);
  Description d;
  const std::uint32_t protocol = in.u32();
  d.manifest = text_of(in);
  d.abi_major = in.u32();
  d.abi_minor = in.u32();
  d.has_machine = in.u8() != 0;
  d.has_face = in.u8() != 0;
  d.sm = in.u32();
  d.sm_min = in.u32();
  d.schema = in.u32();
  d.entries = in.u64();
  if (!in.done() || protocol != kProtocol)
    return Status(Code::kInvalid, "the plugin's process told nothing that can be read of itself");
  return d;
}

}  // namespace blockd::isolation
