// Rows and progress of an import, without a node; tests/integration/test_import.py runs the verb.
#include <gtest/gtest.h>

#include <fstream>

#include "kernel/base/file.hpp"
#include "kernel/programs/cli/import_progress.hpp"
#include "kernel/programs/cli/import_rows.hpp"
#include "kernel/programs/cli/output.hpp"
#include "kernel/programs/cli/tests/cli_fixture.hpp"

namespace blockd::cli {
namespace {

using Cells = std::vector<std::string>;

TEST(CsvCells, quotes_hold_commas_and_quotes_and_nothing_stands_behind_them) {
  EXPECT_EQ(*csv_cells("a,b"), (Cells{"a", "b"}));
  EXPECT_EQ(*csv_cells(""), (Cells{""}));
  EXPECT_EQ(*csv_cells("a,,"), (Cells{"a", "", ""}));
  EXPECT_EQ(*csv_cells(R"("a,b","say ""hi""","")"), (Cells{"a,b", "say \"hi\"", ""}));
  EXPECT_EQ(*csv_cells(R"(5" pipe,x)"), (Cells{"5\" pipe", "x"}));
  EXPECT_FALSE(csv_cells(R"("open)").ok());
  EXPECT_FALSE(csv_cells(R"("a"b)").ok());
  EXPECT_FALSE(csv_cells(std::string(300, ',')).ok());
}

class ImportFiles : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    for (const auto& [name, type] :
         {std::pair("meter_id", FieldType::kString), std::pair("kwh", FieldType::kU64)}) {
      CliArg arg;
      arg.field.name = name;
      arg.field.type = type;
      verb.row_fields.push_back(arg);
    }
    verb.method = "market.report";
  }

  std::string write(const std::string& name, const std::string& text) {
    std::ofstream(home.file(name), std::ios::binary) << text;
    return home.file(name);
  }
  Result<RowFile> open(const std::string& path) { return RowFile::open(world, verb, path); }

  CliNode verb;
  std::ostringstream out, err;
  std::istringstream in;
  World world{out, err, in, environment, false, false, home.path(), {}, clock};
};

TEST_F(ImportFiles, rows_know_their_line_and_what_is_wrong_with_them) {
  auto file = open(write("a.csv", "\xEF\xBB\xBFkwh,meter-id\r\n5,m0\r\n\r\nfive,m1\n7,m2,x\n8,m3"));
  ASSERT_TRUE(file.ok()) << file.status().to_string();
  std::vector<std::string> seen;
  for (auto row = file->next(); row.ok() && *row; row = file->next()) {
    seen.push_back(
        std::to_string((*row)->line) + " " +
        ((*row)->problem.ok() ? json_text((*row)->params, false) : (*row)->problem.message()));
  }
  ASSERT_EQ(seen.size(), 4u);
  EXPECT_EQ(seen[0], R"(2 {"kwh":5,"meter_id":"m0"})");
  EXPECT_NE(seen[1].find("4 kwh: must be an unsigned integer"), std::string::npos) << seen[1];
  EXPECT_EQ(seen[2], "5 3 cells, the first line names 2");
  EXPECT_EQ(seen[3], R"(6 {"kwh":8,"meter_id":"m3"})");
  EXPECT_FALSE(open(write("b.csv", "kwh,kwh\n")).ok());
  EXPECT_FALSE(open(write("c.csv", "kwh\n")).ok()) << "meter_id is required";
}

TEST_F(ImportFiles, an_import_goes_on_behind_the_row_that_was_done_unless_the_file_was_changed) {
  const std::string path = write("rows.jsonl", "{\"kwh\":1}\n{\"kwh\":2}\n{\"kwh\":3}");
  auto file = open(path);
  const Row first = **file->next();
  const Hash prefix = file->prefix();
  auto again = open(path);
  ASSERT_TRUE(again->skip_to(first.end, first.line, prefix).ok());
  EXPECT_EQ((**again->next()).line, 2u);
  const Row last = **again->next();
  EXPECT_EQ(last.line, 3u);
  // The last row had no line feed: one may be added, and rows behind it, but nothing to the row.
  const Hash all = again->prefix();
  write("rows.jsonl", "{\"kwh\":1}\n{\"kwh\":2}\n{\"kwh\":3}\n{\"kwh\":4}\n");
  auto longer = open(path);
  ASSERT_TRUE(longer->skip_to(last.end, last.line, all).ok());
  EXPECT_EQ((**longer->next()).line, 4u);
  write("rows.jsonl", "{\"kwh\":1}\n{\"kwh\":2}\n{\"kwh\":3} \n");
  EXPECT_FALSE(open(path)->skip_to(last.end, last.line, all).ok());
  write("rows.jsonl", "{\"kwh\":9}\n{\"kwh\":2}\n{\"kwh\":3}");
  EXPECT_FALSE(open(path)->skip_to(last.end, last.line, all).ok());
}

TEST_F(ImportFiles, what_the_report_holds_beyond_the_saved_progress_is_written_again) {
  ImportState fresh;
  fresh.chain = "chain";
  fresh.method = "m";
  const std::string path = home.file("p.import"), report = home.file("p.rejected");
  {
    auto progress = ImportProgress::open(path, report, fresh, false);
    ASSERT_TRUE(progress.ok()) << progress.status().to_string();
    ASSERT_TRUE(progress->reject({{"line", 1}}).ok());
    progress->state.line = 1;
    ASSERT_TRUE(progress->save().ok());
    ASSERT_TRUE(progress->reject({{"line", 2}}).ok());
    EXPECT_FALSE(ImportProgress::open(path, report, fresh, false).ok()) << "one at a time";
  }  // killed here: the second line was never counted
  auto progress = ImportProgress::open(path, report, fresh, false);
  ASSERT_TRUE(progress.ok()) << progress.status().to_string();
  EXPECT_EQ(progress->state.line, 1u);
  EXPECT_EQ(progress->state.count.rejected, 1u);
  EXPECT_EQ(*read_file(report), "{\"line\":1}\n");
}

TEST_F(ImportFiles, the_progress_of_another_chain_or_a_damaged_one_is_refused) {
  ImportState fresh;
  fresh.chain = "one";
  const std::string path = home.file("p.import"), report = home.file("p.rejected");
  ASSERT_TRUE(ImportProgress::open(path, report, fresh, false)->save().ok());
  fresh.chain = "two";
  EXPECT_FALSE(ImportProgress::open(path, report, fresh, false).ok());
  EXPECT_TRUE(ImportProgress::open(path, report, fresh, true).ok()) << "restart forgets it";
  write("p.import", "{}");
  EXPECT_FALSE(ImportProgress::open(path, report, fresh, false).ok());
}

}  // namespace
}  // namespace blockd::cli
