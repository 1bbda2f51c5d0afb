// Rows of a file that become a namespace: by the genesis and by chain.import_namespace, what is
// refused, and replays that take the file again.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "kernel/base/hex.hpp"
#include "kernel/chain/kernel_rows.hpp"
#include "kernel/chain/tests/test_machines.hpp"

namespace blockd {
namespace {

using namespace blockd::test;

struct Shelf : ImportSource {
  std::map<Hash, std::shared_ptr<const NamespaceRows>> files;
  Result<std::shared_ptr<const NamespaceRows>> find(const Hash& blake3) override {
    const auto at = files.find(blake3);
    if (at == files.end()) return Status(Code::kUnavailable, "the file is missing");
    return at->second;
  }
};

Hash file_hash(std::uint8_t n) {
  Hash out;
  out.fill(n);
  return out;
}

// A bank that is told of an import: it refuses a row "666", and marks the others, two at a call.
tb_status take_rows(tb_ctx* ctx, std::uint32_t from, tb_str cursor, std::uint32_t limit,
                    const tb_sink* next) {
  std::string after = from == 2 && cursor.len == 8 ? std::string() : std::string(to_view(cursor));
  return bank_migrate(ctx, from, str(after), limit, next);
}

class ImportTest : public testing::Test {
 protected:
  void SetUp() override {
    w_.imports = &shelf_;
    keep(1, "vault", 1, {{"a", "1"}, {"b", "2"}});
    keep(2, "bank", 2, {{"row1", "1"}, {"row2", "2"}, {"row3", "3"}, {"row4", "4"}, {"x", "5"}});
  }
  void keep(std::uint8_t n, const std::string& space, std::uint32_t schema,
            std::vector<std::pair<Bytes, Bytes>> rows) {
    shelf_.files[file_hash(n)] =
        std::make_shared<const NamespaceRows>(NamespaceRows{space, 40, schema, std::move(rows)});
  }
  CommandPtr import(const std::string& space, std::uint8_t file, std::uint64_t height = 40) {
    return w_.command("chain.import_namespace", json::object{{"namespace", space},
                                                             {"height", height},
                                                             {"blake3", to_hex(file_hash(file))}});
  }
  Step sent(const CommandPtr& command) {
    const Chain::Produced p = w_.block({command});
    return p.block->steps.at(p.step_of.at(0));
  }
  void expect_refused(const CommandPtr& command, const std::string& name) {
    const Step step = sent(command);
    EXPECT_EQ(step.outcome, Outcome::kRejected);
    EXPECT_EQ(step.name, name) << step.text;
    EXPECT_EQ(w_.row("chain", "importing/vault"), "-");
  }
  void expect_replay() {
    const ReplayReport report = w_.chain->replay(false, nullptr);
    EXPECT_TRUE(report.ok) << report.difference;
  }

  Shelf shelf_;
  World w_;
};

TEST_F(ImportTest, the_next_block_begins_with_the_rows) {
  ASSERT_TRUE(w_.open().ok());
  const Step step = sent(import("vault", 1));
  ASSERT_EQ(step.outcome, Outcome::kApplied) << step.text;
  EXPECT_EQ(w_.row("vault", "a"), "-");
  ASSERT_TRUE(w_.open().ok());  // stopped in between
  const Chain::Produced p = w_.block({w_.op("vault", "c")});
  EXPECT_EQ(p.block->steps.at(0).kind, StepKind::kMigrate);
  EXPECT_EQ(p.block->steps.at(0).events.at(0).topic, "chain.namespace_imported");
  EXPECT_EQ(w_.row("vault", "a"), "1");
  EXPECT_EQ(w_.row("vault", "b"), "2");
  EXPECT_EQ(w_.row("vault", "c"), "from bank");
  EXPECT_EQ(w_.row("chain", "importing/vault"), "-");
  EXPECT_NE(w_.row("chain", "import/vault").find("\"height\":40"), std::string::npos);
  expect_replay();
  shelf_.files.clear();
  const ReplayReport without = w_.chain->replay(false, nullptr);
  EXPECT_FALSE(without.ok);
  EXPECT_NE(without.difference.find("the file is missing"), std::string::npos)
      << without.difference;
}

TEST_F(ImportTest, what_does_not_fit_is_refused) {
  ASSERT_TRUE(w_.open().ok());
  expect_refused(import("chain", 1), "plugin_unknown");
  expect_refused(import("nobody", 1), "mirror_differs");
  expect_refused(import("vault", 2), "mirror_differs");      // of another namespace
  expect_refused(import("vault", 1, 41), "mirror_differs");  // of another height
  keep(3, "vault", 7, {{"a", "1"}});
  expect_refused(import("vault", 3), "mirror_differs");  // of another schema
  EXPECT_EQ(w_.run("vault").outcome, Outcome::kApplied);
  expect_refused(import("vault", 1), "namespace_not_empty");
  expect_replay();
}

TEST_F(ImportTest, a_file_that_is_not_here_keeps_the_command_out_of_the_block) {
  ASSERT_TRUE(w_.open().ok());
  const CommandPtr command = import("vault", 9);
  w_.clock.now += 1000;
  const Result<Chain::Produced> made = w_.chain->produce({command});
  if (made.ok()) {
    EXPECT_TRUE(made->block->commands.empty());
  } else {
    EXPECT_NE(made.status().message().find("missing"), std::string::npos);
  }
  EXPECT_EQ(w_.row("chain", "importing/vault"), "-");
}

// A bank writes at the begin of each block: rows come in front of that, or not at all.
class ComingBank : public ImportTest {
 protected:
  void begin() {
    w_.provider.table.migrate_step = take_rows;
    w_.genesis.plugins = {World::entry("vault", 1, 1)};
    w_.genesis.params.clear();
    ASSERT_TRUE(w_.open().ok());
  }
  CommandPtr switch_bank() {
    return w_.command("chain.set_plugin", json::object{{"id", "bank"},
                                                       {"sm", 2},
                                                       {"schema", 2},
                                                       {"consensus_hash", std::string(64, '0')},
                                                       {"status", "active"}});
  }
};

TEST_F(ComingBank, begins_with_the_rows_that_wait_for_it) {
  begin();
  ASSERT_EQ(sent(import("bank", 2)).outcome, Outcome::kApplied);
  w_.block({});
  EXPECT_EQ(w_.row("bank", "row1"), "-");
  ASSERT_TRUE(w_.open().ok());
  ASSERT_EQ(sent(switch_bank()).outcome, Outcome::kApplied);
  w_.block({});
  EXPECT_EQ(w_.row("bank", "row4"), "v2:4");
  EXPECT_EQ(w_.row("bank", "begun"), std::to_string(w_.chain->view()->height));
  EXPECT_EQ(w_.row("chain", "importing/bank"), "-");
  expect_refused(import("bank", 2), "namespace_not_empty");
  expect_replay();
}

TEST_F(ComingBank, does_not_go_on_without_rows_that_it_cannot_take) {
  begin();
  keep(4, "bank", 2, {{"row1", "1"}, {"row2", "666"}});
  ASSERT_EQ(sent(import("bank", 4)).outcome, Outcome::kApplied);
  ASSERT_EQ(sent(switch_bank()).outcome, Outcome::kApplied);
  const std::vector<Step> steps = w_.block({}).block->steps;
  const auto refused = std::find_if(steps.begin(), steps.end(), [](const Step& step) {
    return step.kind == StepKind::kMigrate && step.outcome == Outcome::kRejected;
  });
  ASSERT_NE(refused, steps.end());
  EXPECT_EQ(refused->name, "UnreadableRow");
  EXPECT_EQ(w_.row("bank", "row1"), "-");
  // In that very block none of its hooks has run: what it left is nothing.
  EXPECT_EQ(w_.chain->view()->machines->find("bank"), nullptr);
  EXPECT_EQ(w_.row("bank", "begun"), "-");
  const std::uint64_t height = w_.chain->view()->height;
  w_.block({});
  EXPECT_EQ(w_.chain->view()->height, height + 1);
  // So rows that it can take may still come.
  ASSERT_TRUE(w_.open().ok());
  ASSERT_EQ(sent(import("bank", 2)).outcome, Outcome::kApplied);
  ASSERT_EQ(sent(switch_bank()).outcome, Outcome::kApplied);
  w_.block({});
  EXPECT_EQ(w_.row("bank", "row4"), "v2:4");
  EXPECT_NE(w_.row("bank", "begun"), "-");
  expect_replay();
}

TEST_F(ImportTest, a_network_refuses_it) {
  w_.genesis.validators.push_back({"v2", 1, SigningKey::from_seed(World::seed(3)).public_key()});
  ASSERT_TRUE(w_.open().ok());
  expect_refused(import("vault", 1), "import_needs_one_validator");
}

// What came into the namespace between the command and the next block stays.
TEST_F(ImportTest, rows_that_came_first_are_never_replaced) {
  ASSERT_TRUE(w_.open().ok());
  const Chain::Produced p = w_.block({import("vault", 1), w_.op("vault", "a")});
  ASSERT_EQ(p.block->steps.at(p.step_of.at(0)).outcome, Outcome::kApplied);
  const Step step = w_.block({}).block->steps.at(0);
  EXPECT_EQ(step.outcome, Outcome::kRejected);
  EXPECT_EQ(step.name, "namespace_not_empty");
  EXPECT_EQ(w_.row("vault", "a"), "from bank");
  EXPECT_EQ(w_.row("vault", "b"), "-");
  EXPECT_EQ(w_.row("chain", "importing/vault"), "-");
  expect_replay();
}

TEST_F(ImportTest, a_genesis_begins_with_the_rows_and_its_machine_is_told) {
  w_.provider.table.migrate_step = take_rows;
  w_.genesis.imports = {{"bank", 40, file_hash(2)}, {"vault", 40, file_hash(1)}};
  const Result<Genesis> again = Genesis::parse(w_.genesis.to_json());
  ASSERT_TRUE(again.ok()) << again.status().message();
  EXPECT_EQ(again->imports, w_.genesis.imports);
  ASSERT_TRUE(w_.open().ok());
  EXPECT_EQ(w_.row("vault", "b"), "2");
  EXPECT_EQ(w_.row("bank", "row1"), "v2:1");
  EXPECT_EQ(w_.row("bank", "row4"), "v2:4");
  EXPECT_EQ(w_.row("bank", "x"), "5");
  w_.block({});
  expect_replay();
}

TEST_F(ImportTest, a_machine_that_refuses_the_rows_leaves_none_of_them) {
  w_.provider.table.migrate_step = take_rows;
  keep(4, "bank", 2, {{"row1", "1"}, {"row2", "666"}});
  w_.genesis.imports = {{"bank", 40, file_hash(4)}};
  const Status refused = w_.open();
  EXPECT_EQ(refused.code(), Code::kInvalid);
  EXPECT_NE(refused.message().find("UnreadableRow"), std::string::npos) << refused.message();
  EXPECT_NE(refused.message().find("imports.bank"), std::string::npos);
}

}  // namespace
}  // namespace blockd
