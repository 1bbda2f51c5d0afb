#include "kernel/base/file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

namespace blockd {
namespace {

class File : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/blockd-file-XXXXXX";
    dir_ = ::mkdtemp(name);
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  std::size_t entries() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(dir_), {}));
  }
  std::string dir_;
};

TEST_F(File, written_content_is_read_back_with_its_mode) {
  const Bytes content(200000, 'x');
  ASSERT_TRUE(write_file_atomic(dir_ + "/f", content, 0640).ok());
  EXPECT_EQ(*read_file(dir_ + "/f"), content);
  struct stat info {};
  ASSERT_EQ(::stat((dir_ + "/f").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0640u);
  ASSERT_TRUE(write_file_atomic(dir_ + "/f", "short").ok());
  EXPECT_EQ(*read_file(dir_ + "/f"), "short");
  EXPECT_EQ(entries(), 1u);
}

TEST_F(File, a_file_above_the_bound_is_refused) {
  ASSERT_TRUE(write_file_atomic(dir_ + "/f", "12345").ok());
  EXPECT_TRUE(read_file(dir_ + "/f", 5).ok());
  EXPECT_EQ(read_file(dir_ + "/f", 4).status().code(), Code::kLimit);
}

TEST_F(File, a_missing_file_and_a_missing_directory_are_named) {
  EXPECT_EQ(read_file(dir_ + "/none").status().code(), Code::kNotFound);
  const Status status = write_file_atomic(dir_ + "/none/f", "x");
  EXPECT_EQ(status.code(), Code::kNotFound);
  EXPECT_NE(status.message().find(dir_ + "/none/f"), std::string::npos);
}

TEST_F(File, a_failed_write_leaves_no_temporary_file) {
  ASSERT_TRUE(make_directories(dir_ + "/target/inside").ok());
  EXPECT_FALSE(write_file_atomic(dir_ + "/target", "x").ok());
  EXPECT_EQ(entries(), 1u);
}

TEST_F(File, writers_of_one_file_never_mix) {
  std::vector<std::thread> threads;
  for (char c : {'a', 'b', 'c', 'd'}) {
    threads.emplace_back([this, c] {
      for (int i = 0; i < 20; ++i) EXPECT_TRUE(write_file_atomic(dir_ + "/f", Bytes(5000, c)).ok());
    });
  }
  for (std::thread& thread : threads) thread.join();
  const Bytes content = *read_file(dir_ + "/f");
  EXPECT_EQ(content, Bytes(5000, content[0]));
  EXPECT_EQ(entries(), 1u);
}

TEST_F(File, directories_are_made_with_their_parents) {
  EXPECT_TRUE(make_directories(dir_ + "/a/b/c").ok());
  EXPECT_TRUE(make_directories(dir_ + "/a/b/c/").ok());
  EXPECT_TRUE(file_exists(dir_ + "/a/b/c"));
  ASSERT_TRUE(write_file_atomic(dir_ + "/f", "x").ok());
  EXPECT_FALSE(make_directories(dir_ + "/f").ok());
  EXPECT_FALSE(make_directories(dir_ + "/f/g").ok());
}

TEST_F(File, a_directory_has_one_owner_at_a_time) {
  {
    Result<DirectoryLock> first = DirectoryLock::acquire(dir_);
    ASSERT_TRUE(first.ok());
    const Status second = DirectoryLock::acquire(dir_).status();
    EXPECT_EQ(second.code(), Code::kBusy);
    EXPECT_EQ(second.message(),
              "data directory in use by pid " + std::to_string(::getpid()) + ": " + dir_);
    DirectoryLock moved = std::move(*first);
    EXPECT_EQ(DirectoryLock::acquire(dir_).status().code(), Code::kBusy);
  }
  EXPECT_TRUE(DirectoryLock::acquire(dir_).ok());
}

TEST_F(File, the_lock_ends_with_the_process) {
  const pid_t child = ::fork();
  if (child == 0) {
    Result<DirectoryLock> lock = DirectoryLock::acquire(dir_);
    ::_exit(lock.ok() ? 0 : 1);
  }
  int result = -1;
  ASSERT_EQ(::waitpid(child, &result, 0), child);
  EXPECT_EQ(result, 0);
  EXPECT_TRUE(DirectoryLock::acquire(dir_).ok());
}

}  // namespace
}  // namespace blockd
