// Stored rows that somebody altered: a replay names the epoch and the member.
#include <map>

#include "plugins/economics/replay.hpp"
#include "plugins/economics/tests/chain.hpp"

namespace economics_test {
namespace {

using Rows = std::map<std::string, std::string>;

// A view of rows in memory; the ledger behind it has issued nothing of its 40,000,000.
struct RowsView {
  static const tb_view_api kApi;
  tb_view raw{};  // first: the functions find the rows behind it
  tb_block block{};
  const Rows* rows;

  explicit RowsView(const Rows& from) : rows(&from) {
    block.size = sizeof block;
    block.epoch_length = kEpochBlocks;
    raw.api = &kApi;
    raw.block = &block;
  }
  static const Rows& rows_of(tb_view* view) { return *reinterpret_cast<RowsView*>(view)->rows; }
  static tb_status get(tb_view* view, tb_str key, const tb_sink* value) {
    const auto at = rows_of(view).find(std::string(tb::to_view(key)));
    if (at == rows_of(view).end()) return TB_NOT_FOUND;
    value->put(value->user, tb::to_str(at->second));
    return TB_OK;
  }
  static tb_status scan(tb_view* view, tb_str prefix, tb_str after, uint32_t limit,
                        const tb_row_sink* sink) {
    const std::string start(after.len == 0 ? tb::to_view(prefix) : tb::to_view(after));
    for (auto at = rows_of(view).upper_bound(start);
         at != rows_of(view).end() && at->first.starts_with(tb::to_view(prefix)) && limit > 0;
         ++at, --limit) {
      if (sink->row(sink->user, tb::to_str(at->first), tb::to_str(at->second)) == 0) break;
    }
    return TB_OK;
  }
  static tb_status scan_back(tb_view* view, tb_str prefix, tb_str, uint32_t,
                             const tb_row_sink* sink) {
    auto at = rows_of(view).upper_bound(std::string(tb::to_view(prefix)) + "\xff");
    if (at == rows_of(view).begin()) return TB_OK;
    --at;
    if (at->first.starts_with(tb::to_view(prefix)))
      sink->row(sink->user, tb::to_str(at->first), tb::to_str(at->second));
    return TB_OK;
  }
  static tb_status param(tb_view*, uint32_t index, uint64_t* value) {
    *value = economics::param_table()[index].default_value;
    return TB_OK;
  }
  static tb_status ask(tb_view*, uint32_t, uint32_t function, const tb_value*, uint32_t,
                       tb_out* result, tb_out*) {
    result->api->put_u64(result, tb::to_str(function == 0 ? "issued" : "headroom"),
                         function == 0 ? 0 : 40'000'000);
    return TB_OK;
  }
};
const tb_view_api RowsView::kApi = {.get = RowsView::get,
                                    .get_many = nullptr,
                                    .scan = RowsView::scan,
                                    .scan_back = RowsView::scan_back,
                                    .param = RowsView::param,
                                    .roles = nullptr,
                                    .ask = RowsView::ask};

class Tampered : public Economics {
 protected:
  void SetUp() override {
    Economics::SetUp();
    start();
    ASSERT_TRUE(sample("energy", 0, 50, 100).ok());
    close(3);
    for (auto& [key, value] : chain_.rows("economics")) rows_[key] = value;
  }
  economics::Replayed replay(std::uint64_t epoch) {
    RowsView rows(rows_);
    tb::View view(&rows.raw);
    return economics::replay_epoch(view, epoch);
  }
  std::string& row(std::string_view key) { return rows_.at(std::string(key)); }
  // One occurrence of `from` in a row becomes `to`, of the same length.
  void alter(std::string_view key, std::string_view from, std::string_view to) {
    std::string& text = row(key);
    const std::size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos);
    text.replace(at, from.size(), to);
  }
  Rows rows_;
};

TEST_F(Tampered, untouched_rows_compute_again) {
  for (std::uint64_t epoch = 1; epoch <= 3; ++epoch) {
    const economics::Replayed again = replay(epoch);
    EXPECT_TRUE(again.match()) << epoch << ": " << again.differs;
    EXPECT_EQ(again.stored_hash, again.replayed_hash);
  }
}

TEST_F(Tampered, a_members_change_is_named) {
  alter(economics::snap_key(2), R"("tariff_bps":0)", R"("tariff_bps":9)");
  EXPECT_EQ(replay(2).differs, "tariff.tariff_bps");
  EXPECT_TRUE(replay(1).match());
}

TEST_F(Tampered, an_inputs_change_is_named) {
  alter(economics::snap_key(2), R"("payout_micro":50000000)", R"("payout_micro":50000001)");
  EXPECT_EQ(replay(2).differs, "inputs.markets.energy.payout_micro");
}

TEST_F(Tampered, a_changed_hash_is_told_there_and_at_the_next_epoch) {
  std::string& snap = row(economics::snap_key(2));
  snap[10] = snap[10] == 'a' ? 'b' : 'a';  // in the hash, behind layout and length
  EXPECT_EQ(replay(2).differs, "snapshot_hash");
  EXPECT_EQ(replay(3).differs, "prev_hash");
}

TEST_F(Tampered, a_missing_or_changed_parameter_set_is_told) {
  const auto set = rows_.lower_bound("params/");
  ASSERT_TRUE(set->first.starts_with("params/"));
  alter(set->first, R"("tariff_max_bps":200)", R"("tariff_max_bps":201)");
  EXPECT_EQ(replay(1).differs, "params_hash");
  rows_.erase(set);
  EXPECT_EQ(replay(1).differs, "params_hash");
}

TEST_F(Tampered, lost_inputs_and_rubbish_are_told) {
  rows_.erase(std::string(economics::closed_key(2).view()));
  EXPECT_EQ(replay(2).differs, "inputs");
  rows_[std::string(economics::snap_key(3).view())] =
      tb::encode_row(economics::Snap{"00", "not a snapshot"});
  EXPECT_EQ(replay(3).differs, "(form)");
}

}  // namespace
}  // namespace economics_test
