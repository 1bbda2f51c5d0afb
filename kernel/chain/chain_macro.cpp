// Macro points of a chain: who computes their roots, and which header carries them.
#include <algorithm>

#include "kernel/chain/chain_impl.hpp"
#include "kernel/chain/kernel_rows.hpp"

namespace blockd {
namespace {

// The state after an earlier block: the newest one with the deltas since taken back. It owns what
// it stands on. One thread.
class EarlierState final : public KvReader {
 public:
  explicit EarlierState(std::shared_ptr<const KvReader> newest) : newest_(std::move(newest)) {
    past_.reset(newest_.get(), nullptr);
  }
  Overlay* past() { return &past_; }
  Status get(BytesView key, std::optional<Bytes>* value) const override {
    return past_.get(key, value);
  }
  Status scan(BytesView prefix, BytesView after, std::size_t limit,
              const RowVisitor& visit) const override {
    return past_.scan(prefix, after, limit, visit);
  }
  Status scan_back(BytesView prefix, BytesView before, std::size_t limit,
                   const RowVisitor& visit) const override {
    return past_.scan_back(prefix, before, limit, visit);
  }

 private:
  std::shared_ptr<const KvReader> newest_;
  Overlay past_;
};

}  // namespace

// The root that the next header can carry. A block that is late must, and waits for it. A block in
// flight that carries one, or is a point, takes its part once it is durable: before, no root is
// ready.
Status ChainImpl::take_macro_root(BlockInput* input) {
  const bool in_flight = std::any_of(flight_.begin(), flight_.end(), [](const Appended& block) {
    return block.macro_point || block.record->header.macro;
  });
  if (in_flight) {
    if (input->time_ms < flight_.front().record->header.time_ms + kMacroDeadlineMs) return {};
    TB_TRY(drain());
  }
  const std::shared_ptr<const MacroPoint> point = macro_.point();
  if (point == nullptr) return {};
  if (!point->done()) {
    if (input->time_ms < point->time_ms + kMacroDeadlineMs) return {};
    point->wait();
  }
  if (!point->status().ok()) return point->status();
  input->macro = Header::Macro{point->height, point->root()};
  return {};
}

// The newest block is a macro point, and its view is published.
void ChainImpl::start_macro() {
  const StateViewPtr head = view();
  macro_.start(std::make_shared<MacroPoint>(head->height, head->time_ms, head->head_hash,
                                            head->state, true));
}

// A point of before the restart: its state is the present one without the blocks since.
Status ChainImpl::resume_macro() {
  const StateViewPtr head = view();
  Result<MacroRow> row = read_macro_row(*head->state);
  if (!row.ok()) return row.status();
  if (!row->waits()) return {};
  if (row->point == head->height) {
    start_macro();
    return {};
  }
  auto earlier = std::make_shared<EarlierState>(head->state);
  for (std::uint64_t h = head->height; h > row->point; --h) {
    Result<Bytes> block = log_->read(LogRecordType::kBlock, h);
    if (!block.ok()) return block.status();
    TB_TRY(take_back(*block, earlier->past()));
  }
  Result<Header> header = this->header(row->point);
  if (!header.ok()) return header.status();
  macro_.start(std::make_shared<MacroPoint>(row->point, row->time_ms, header->hash(),
                                            std::move(earlier), false));
  return {};
}

}  // namespace blockd
