#include "kernel/chain/foreign.hpp"

#include "kernel/chain/context_frame.hpp"

namespace blockd::foreign {

const BoundMachine* machine_of(tb_view* view) { return ContextApi::frame(view).machine; }
const Manifest& manifest_of(tb_view* view) { return *ContextApi::frame(view).manifest; }
bool read_only(tb_view* view) { return ContextApi::frame(view).read_only; }
tb_status ready(tb_view* view) { return ContextApi::ready(ContextApi::frame(view)); }

tb_status peek(tb_view* view, BytesView key, std::string* scratch,
               std::optional<BytesView>* value) {
  return ContextApi::peek(ContextApi::frame(view), key, scratch, value);
}

tb_status peek_scan(tb_view* view, BytesView prefix, BytesView bound, std::uint32_t limit,
                    bool back, const RowVisitor& visit) {
  return ContextApi::peek_scan(ContextApi::frame(view), prefix, bound, limit, back, visit);
}

void count(tb_view* view, std::uint32_t reads, std::uint32_t rows) {
  auto& f = ContextApi::frame(view);
  for (std::uint32_t i = 0; i < reads; ++i) {
    if (ContextApi::ready(f) != TB_OK || !ContextApi::count_read(f)) return;
  }
  for (std::uint32_t i = 0; i < rows; ++i) {
    if (ContextApi::ready(f) != TB_OK || !ContextApi::count_row(f)) return;
  }
}

bool patient(tb_view* view) { return ContextApi::frame(view).run->patient(); }

tb_status poison(tb_view* view, std::string text, bool caused) {
  StepRun& run = *ContextApi::frame(view).run;
  run.poison_by_child(std::move(text), caused);
  return TB_ABORTED;
}

}  // namespace blockd::foreign
