// Files of a plugin: whole or not at all, also when several write the same one.
#include "kernel/base/file_area.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "kernel/base/file.hpp"

namespace blockd {
namespace {

namespace fs = std::filesystem;

class FileAreaTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/tb-area-XXXXXX";
    dir_ = ::mkdtemp(name);
    path_ = dir_ + "/report.json";
  }
  void TearDown() override { fs::remove_all(dir_); }

  FileArea area(std::uint64_t writer) const { return FileArea({dir_}, writer); }
  std::string text() const { return *read_file(path_); }
  std::size_t files() const {
    std::size_t n = 0;
    for ([[maybe_unused]] const auto& entry : fs::directory_iterator(dir_)) ++n;
    return n;
  }

  std::string dir_, path_;
};

TEST_F(FileAreaTest, two_writers_of_one_file_do_not_mix) {
  const FileArea old_face = area(1), new_face = area(2);
  ASSERT_TRUE(old_face.write(path_, true, false, "old ").ok());
  ASSERT_TRUE(new_face.write(path_, true, false, "new ").ok());
  ASSERT_TRUE(old_face.write(path_, false, true, "text").ok());
  EXPECT_EQ(text(), "old text");
  ASSERT_TRUE(new_face.write(path_, false, true, "words").ok());
  EXPECT_EQ(text(), "new words");
  EXPECT_EQ(files(), 1u);
}

TEST_F(FileAreaTest, who_may_read_is_said_with_each_version) {
  const auto rights = [&] { return fs::status(path_).permissions(); };
  ASSERT_TRUE(area(1).write(path_, true, true, "for all").ok());
  EXPECT_EQ(rights(), fs::perms(0644));
  // What a killed process left of a version was for everybody; the private one is not, from its
  // first byte on.
  ASSERT_TRUE(area(1).write(path_, true, false, "half").ok());
  ASSERT_TRUE(area(1).write(path_, true, false, "sec", FileArea::Readers::kOwner).ok());
  EXPECT_EQ(fs::status(path_ + ".1.tmp").permissions(), fs::perms(0600));
  ASSERT_TRUE(area(1).write(path_, false, true, "ret").ok());
  EXPECT_EQ(text(), "secret");
  EXPECT_EQ(rights(), fs::perms(0600));
  ASSERT_TRUE(area(1).write(path_, true, true, "for all").ok());
  EXPECT_EQ(rights(), fs::perms(0644));
}

TEST_F(FileAreaTest, a_version_that_is_made_is_neither_listed_nor_within_reach) {
  ASSERT_TRUE(area(7).write(path_, true, false, "half").ok());
  std::size_t listed = 0;
  ASSERT_TRUE(area(7)
                  .list(dir_,
                        [&](const std::string&, std::uint64_t) {
                          ++listed;
                          return true;
                        })
                  .ok());
  EXPECT_EQ(listed, 0u);
  EXPECT_EQ(files(), 1u);
  EXPECT_EQ(area(7).read(path_ + ".7.tmp", 0, 100).status().code(), Code::kInvalid);
  EXPECT_EQ(area(7).read(path_, 0, 100).status().code(), Code::kNotFound);
}

TEST_F(FileAreaTest, leftovers_of_a_killed_process_go_and_fresh_ones_stay) {
  const auto leave = [&](const std::string& name, std::chrono::hours age) {
    std::ofstream(dir_ + "/" + name) << "half";
    fs::last_write_time(dir_ + "/" + name, fs::file_time_type::clock::now() - age);
  };
  leave("report.json.3.tmp", kAreaLeftoverAge * 2);
  leave("report.json.tmp", kAreaLeftoverAge * 2);
  leave("report.json.4.tmp", std::chrono::hours(0));   // another face is at it
  leave("report.json.old.tmp", kAreaLeftoverAge * 2);  // not ours
  leave("another.json.3.tmp", kAreaLeftoverAge * 2);   // of another file
  ASSERT_TRUE(area(9).write(path_, true, true, "whole").ok());
  EXPECT_EQ(text(), "whole");
  EXPECT_FALSE(file_exists(dir_ + "/report.json.3.tmp"));
  EXPECT_FALSE(file_exists(dir_ + "/report.json.tmp"));
  for (const char* kept : {"report.json.4.tmp", "report.json.old.tmp", "another.json.3.tmp"})
    EXPECT_TRUE(file_exists(dir_ + "/" + kept)) << kept;
}

TEST_F(FileAreaTest, what_went_wrong_is_named_and_the_old_file_stays) {
  ASSERT_TRUE(area(1).write(path_, true, true, "old").ok());
  fs::create_directory(path_ + ".2.tmp");
  const Status refused = area(2).write(path_, true, true, "new");
  EXPECT_NE(refused.message().find(path_), std::string::npos) << refused.message();
  EXPECT_EQ(text(), "old");
  EXPECT_EQ(area(1).write(dir_ + "/../out.json", true, true, "x").code(), Code::kInvalid);
}

}  // namespace
}  // namespace blockd
