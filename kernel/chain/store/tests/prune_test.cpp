#include "kernel/chain/store/prune.hpp"

#include <gtest/gtest.h>

#include "kernel/base/merkle.hpp"
#include "kernel/chain/block_codec.hpp"
#include "kernel/chain/store/store_check.hpp"
#include "kernel/chain/tests/test_machines.hpp"

namespace blockd::test {
namespace {

std::unique_ptr<BlockLog> log_of(World& w) {
  std::string cut;
  auto log = BlockLog::open(w.disk, "chain", {.segment_bytes = 1u << 20}, &cut);
  EXPECT_TRUE(log.ok()) << log.status().to_string();
  return log.ok() ? *std::move(log) : nullptr;
}

// A chain of 30 blocks with applied, refused and charged commands, records and events.
void fill(World& w) {
  ASSERT_TRUE(w.open().ok());
  for (std::uint64_t i = 0; i < 30; ++i) {
    w.block({w.op("put", "a", i), w.op("fail", "b"), w.op("charge", "c"), w.op("vault", "d")});
  }
}

PruneCount prune_world(World& w, std::uint64_t height) {
  EXPECT_TRUE(w.chain->checkpoint().ok());
  w.chain.reset();
  auto log = log_of(w);
  PruneCount count;
  EXPECT_TRUE(log->close_segment().ok());
  for (;;) {
    auto one = log->rewrite_below(height, prune_records(height, &count, nullptr));
    EXPECT_TRUE(one.ok()) << one.status().to_string();
    if (!one.ok() || one->blocks == 0) return count;
  }
}

StoreCheckReport check(World& w, const KvReader* state = nullptr) {
  StoreCheckInput input;
  input.disk = &w.disk;
  input.log_dir = "chain";
  input.genesis = &w.genesis;
  input.state = state ? state : w.state.get();
  auto report = check_store(input);
  EXPECT_TRUE(report.ok()) << report.status().to_string();
  return *report;
}

TEST(Prune, keeps_headers_roots_and_records_and_nothing_else) {
  World w;
  fill(w);
  std::vector<std::shared_ptr<const BlockRecord>> before;
  for (std::uint64_t h = 0; h <= 30; ++h) before.push_back(*w.chain->block(h));
  const PruneCount count = prune_world(w, 20);
  EXPECT_EQ(count.blocks, 20u);
  EXPECT_EQ(count.events, 19u);
  EXPECT_GT(count.bytes, 1000u);
  auto log = log_of(w);
  ASSERT_EQ(log->first(), 20u);
  for (std::uint64_t h = 1; h < 20; ++h) {
    auto payload = log->read(LogRecordType::kPruned, h);
    ASSERT_TRUE(payload.ok());
    auto pruned = decode_pruned(*payload);
    ASSERT_TRUE(pruned.ok()) << pruned.status().to_string();
    EXPECT_EQ(encode_pruned(*pruned), *payload);
    EXPECT_EQ(pruned->front.header.hash(), before[h]->header.hash());
    EXPECT_EQ(pruned->front.certificate, before[h]->certificate);
    EXPECT_EQ(pruned->command_root(), before[h]->header.command_root);
    EXPECT_EQ(pruned->receipt_root(), before[h]->header.receipt_root);
    ASSERT_EQ(pruned->commands.size(), 4u);
    EXPECT_EQ(pruned->commands[2].id, before[h]->commands[2]->id);
    for (std::size_t cut = 0; cut < payload->size(); cut += 7)
      EXPECT_FALSE(decode_pruned(BytesView(*payload).substr(0, cut)).ok());
  }
}

TEST(Prune, a_kept_record_is_a_leaf_of_the_receipt_root) {
  World w;
  BlockRecord block;
  block.commands = {w.op("put"), w.op("put")};
  block.steps.resize(3);
  block.steps[0].kind = StepKind::kBegin;  // silent: no leaf
  for (std::uint32_t i = 0; i < 2; ++i) {
    block.steps[i + 1].command = i;
    block.steps[i + 1].records = {{"bank.note", "{\"op\":\"x\"}"}, {"bank.note", "{}"}};
  }
  block.header.height = 3;
  block.header.command_root = command_root(block.commands);
  block.header.receipt_root = receipt_root(block);
  const Bytes payload = encode_block(block), batch = encode_batch(1, block.commands);
  auto pruned = prune_block(payload, batch);
  ASSERT_TRUE(pruned.ok()) << pruned.status().to_string();
  pruned = decode_pruned(encode_pruned(*pruned));
  ASSERT_TRUE(pruned.ok());
  ASSERT_EQ(pruned->receipt_leaves.size(), 7u);
  ASSERT_EQ(pruned->records.size(), 4u);
  for (const auto& record : pruned->records) {
    const Bytes leaf = "{\"data\":" + record.data + ",\"kind\":\"" + record.kind + "\"}";
    EXPECT_EQ(pruned->receipt_leaves.at(record.leaf), merkle_leaf(leaf));
    const auto path = merkle_path(pruned->receipt_leaves, record.leaf);
    EXPECT_TRUE(
        verify_merkle_path(merkle_leaf(leaf), record.leaf, 7, path, block.header.receipt_root));
  }
  block.steps[1].records[0].data = "{\"op\":\"y\"}";
  EXPECT_EQ(prune_block(encode_block(block), batch).status().code(), Code::kCorrupt);
}

TEST(Prune, a_pruned_chain_goes_on_and_says_what_it_has_not) {
  World w;
  fill(w);
  const Hash head = w.chain->view()->head_hash;
  const Hash root = *w.chain->state_root(w.chain->view());
  const Hash fifth = w.chain->header(5)->hash();
  prune_world(w, 20);
  const Status opened = w.open();
  ASSERT_TRUE(opened.ok()) << opened.to_string();
  EXPECT_EQ(w.chain->view()->head_hash, head);
  EXPECT_EQ(*w.chain->state_root(w.chain->view()), root);
  EXPECT_EQ(w.chain->first_height(), 20u);
  EXPECT_EQ(w.chain->header(5)->hash(), fifth);
  EXPECT_EQ(*w.chain->height_of(fifth), 5u);
  EXPECT_EQ(w.chain->block(5).status().code(), Code::kNotFound);
  const ReplayReport replay = w.chain->replay(false, nullptr);
  EXPECT_FALSE(replay.ok);
  EXPECT_NE(replay.difference.find("begins at height 20"), std::string::npos) << replay.difference;
  EXPECT_EQ(w.run("put", "z", 1).outcome, Outcome::kApplied);
  w.chain.reset();
  EXPECT_EQ(check(w).count(), 0u);
  EXPECT_EQ(check(w).pruned, 20u);
  // Without the deltas a lost state cannot be made again, and that is said.
  w.state = open_memory();
  EXPECT_EQ(w.open().code(), Code::kCorrupt);
}

TEST(Prune, stops_where_it_is_told_and_refuses_what_is_damaged) {
  World w;
  fill(w);
  ASSERT_TRUE(w.chain->checkpoint().ok());
  w.chain.reset();
  auto log = log_of(w);
  ASSERT_TRUE(log->close_segment().ok());
  PruneCount count;
  auto stopped =
      log->rewrite_below(20, prune_records(20, &count, [](std::uint64_t h) { return h < 7; }));
  EXPECT_EQ(stopped.status().code(), Code::kAborted);
  EXPECT_EQ(log->first(), 0u);
  Bytes block = *log->read(LogRecordType::kBlock, 9);
  const Bytes batch = *log->read(LogRecordType::kBatch, 10);
  EXPECT_EQ(prune_block(block, batch).status().code(), Code::kCorrupt);
}

TEST(HeightPins, the_lowest_counts_until_it_is_let_go) {
  HeightPins pins;
  EXPECT_EQ(pins.lowest(), std::nullopt);
  auto a = pins.pin(9), b = pins.pin(4), c = pins.pin(4);
  EXPECT_EQ(pins.lowest(), 4u);
  b.reset();
  EXPECT_EQ(pins.lowest(), 4u);
  c.reset();
  EXPECT_EQ(pins.lowest(), 9u);
  a.reset();
  EXPECT_EQ(pins.lowest(), std::nullopt);
}

TEST(StoreCheck, a_whole_chain_is_clean_and_the_state_is_the_sum_of_its_deltas) {
  World w;
  fill(w);
  w.chain.reset();
  const StoreCheckReport report = check(w);
  EXPECT_EQ(report.count(), 0u) << (report.findings.empty() ? "" : report.findings[0].what);
  EXPECT_EQ(report.blocks, 31u);
  EXPECT_EQ(report.commands, 120u);
  EXPECT_TRUE(report.state_sum.has_value());
  EXPECT_EQ(report.exit_code(), 0);
}

TEST(StoreCheck, a_row_that_was_changed_added_or_lost_is_found) {
  for (const auto& write : {KvWrite{"s/bank/a", "v2:1"}, KvWrite{"s/bank/new", "x"},
                            KvWrite{"s/bank/a", std::nullopt}}) {
    World w;
    fill(w);
    w.chain.reset();
    ASSERT_TRUE(w.state->write({&write, 1}, false).ok());
    const StoreCheckReport report = check(w);
    ASSERT_EQ(report.major, 1u);
    EXPECT_NE(report.findings[0].what.find("not what the deltas"), std::string::npos);
    EXPECT_EQ(report.exit_code(), 5);
  }
}

// Every bit of the log counts: whichever is flipped, something is found.
TEST(StoreCheck, a_flipped_bit_anywhere_in_the_log_is_found) {
  World w;
  fill(w);
  ASSERT_TRUE(w.chain->checkpoint().ok());
  w.chain.reset();
  const std::string file = "chain/" + w.disk.list("chain")->front();
  const std::uint64_t used = log_of(w)->bytes();
  std::mt19937_64 random(11);
  int body = 0, major = 0;
  for (int i = 0; i < 200; ++i) {
    const std::uint64_t at = random() % used;
    const unsigned bit = random() % 8;
    w.disk.flip_bit(file, at, bit);
    const StoreCheckReport report = check(w);
    EXPECT_GT(report.count(), 0u) << "offset " << at << " bit " << bit;
    body += report.exit_code() == 4;
    major += report.exit_code() == 5;
    w.disk.flip_bit(file, at, bit);
  }
  EXPECT_EQ(check(w).count(), 0u);
  EXPECT_GT(body, 10);
  EXPECT_GT(major, 10);
}

}  // namespace
}  // namespace blockd::test
