// A state store that runs full or breaks behind a log that goes on.
#include <gtest/gtest.h>

#include "kernel/chain/tests/test_machines.hpp"

namespace blockd::test {
namespace {

// As LevelDB: after a write without room it refuses all others until it is opened again, and then
// it may lack what it had not flushed.
class FullStore final : public KvStore {
 public:
  Status get(BytesView key, std::optional<Bytes>* v) const override { return rows_->get(key, v); }
  Status scan(BytesView p, BytesView a, std::size_t n, const RowVisitor& v) const override {
    return rows_->scan(p, a, n, v);
  }
  Status scan_back(BytesView p, BytesView b, std::size_t n, const RowVisitor& v) const override {
    return rows_->scan_back(p, b, n, v);
  }
  Status write(std::span<const KvWrite> batch, bool sync) override {
    broken_ = broken_ || full;
    if (broken_) return Status(code, "the test's disk says no");
    return rows_->write(batch, sync);
  }
  std::shared_ptr<const KvReader> snapshot() const override { return rows_->snapshot(); }
  Status flush() override { return broken_ || full ? Status(code, "no flush") : Status(); }
  std::uint64_t approximate_bytes() const override { return 0; }
  Status reopen() override {
    ++reopened;
    if (full) return Status(Code::kNoSpace, "still full");
    broken_ = false;
    if (forgets) {  // everything: the log has it
      rows_ = open_memory();
    }
    return {};
  }
  bool full = false, forgets = false;
  int reopened = 0;
  Code code = Code::kNoSpace;

 private:
  std::shared_ptr<KvStore> rows_ = open_memory();
  bool broken_ = false;
};

TEST(FullState, is_opened_again_and_gets_from_the_log_what_it_lacks) {
  for (const bool forgets : {false, true}) {
    World w;
    auto store = std::make_shared<FullStore>();
    store->forgets = forgets;
    w.state = store;
    ASSERT_TRUE(w.open().ok());
    for (std::uint64_t i = 0; i < 5; ++i) w.run("put", "a", i);
    store->full = true;
    // The log has room: this block is committed, and the state waits behind it.
    auto produced = w.chain->produce({w.op("put", "a", 77)});
    ASSERT_TRUE(produced.ok()) << produced.status().to_string();
    EXPECT_EQ(w.chain->stalled().code(), Code::kNoSpace);
    EXPECT_EQ(w.row("bank", "a"), "v2:4");  // the view of before is still read
    EXPECT_EQ(w.chain->produce({}).status().code(), Code::kNoSpace);
    EXPECT_EQ(w.chain->produce({}).status().code(), Code::kNoSpace);
    EXPECT_GE(store->reopened, 1);
    store->full = false;
    EXPECT_EQ(w.run("put", "b", 1).outcome, Outcome::kApplied);
    EXPECT_TRUE(w.chain->stalled().ok());
    EXPECT_EQ(w.row("bank", "a"), "v2:77");
    EXPECT_TRUE(w.chain->replay(false, nullptr).ok);
  }
}

TEST(FullState, an_io_error_ends_it_and_nothing_is_tried_again) {
  World w;
  auto store = std::make_shared<FullStore>();
  store->code = Code::kIo;
  w.state = store;
  ASSERT_TRUE(w.open().ok());
  w.run("put", "a", 1);
  store->full = true;
  ASSERT_TRUE(w.chain->produce({w.op("put", "a", 2)}).ok());
  EXPECT_EQ(w.chain->stalled().code(), Code::kIo);
  store->full = false;
  EXPECT_EQ(w.chain->produce({}).status().code(), Code::kIo);
  EXPECT_EQ(store->reopened, 0);
  const std::uint64_t syncs = w.disk.syncs();
  w.chain.reset();  // no checkpoint on the way out
  EXPECT_EQ(w.disk.syncs(), syncs);
  w.state = std::make_shared<FullStore>();
  ASSERT_TRUE(w.open().ok());
  EXPECT_EQ(w.row("bank", "a"), "v2:2");
}

TEST(LostBlocks, of_a_log_that_is_older_than_its_state_are_noticed) {
  World w;
  ASSERT_TRUE(w.open().ok());
  for (std::uint64_t i = 0; i < 3; ++i) w.run("put", "a", i);
  w.chain.reset();
  const std::string file = "chain/" + w.disk.list("chain")->front();
  const Bytes old_log = w.disk.content(file);
  ASSERT_TRUE(w.open().ok());
  for (std::uint64_t i = 0; i < 3; ++i) w.run("put", "a", 10 + i);
  w.chain.reset();
  auto handle = w.disk.open(file, false);
  ASSERT_TRUE(handle.ok());
  ASSERT_TRUE((*handle)->truncate(0).ok() && (*handle)->write_at(0, old_log).ok());
  const Status refused = w.open();
  EXPECT_EQ(refused.code(), Code::kCorrupt);
  EXPECT_NE(refused.message().find("committed blocks are missing"), std::string::npos)
      << refused.to_string();
  w.state = open_memory();  // the operator's decision to go on without them
  ASSERT_TRUE(w.open().ok());
  EXPECT_EQ(w.row("bank", "a"), "v2:2");
}

}  // namespace
}  // namespace blockd::test
