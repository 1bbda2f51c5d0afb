#include "kernel/base/file_pages.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "kernel/base/file.hpp"

namespace blockd {
namespace {

constexpr std::uint64_t kBound = 1u << 20;

class Pages : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/blockd-pages-XXXXXX";
    dir_ = ::mkdtemp(name);
    path_ = dir_ + "/f";
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  // Of bytes that differ, so that a wrong place shows.
  Bytes content(std::size_t size) const {
    Bytes out(size, '\0');
    for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<char>(i * 31 + i / 251);
    return out;
  }
  std::string dir_, path_;
};

TEST_F(Pages, hold_the_whole_file_whatever_its_size) {
  for (const std::size_t size : {0u, 1u, 4095u, 65535u, 65536u, 65537u, 300000u}) {
    ASSERT_TRUE(write_file_atomic(path_, content(size)).ok());
    const Result<FilePages> pages = FilePages::read(path_, kBound);
    ASSERT_TRUE(pages.ok()) << pages.status().message();
    EXPECT_TRUE(pages->view() == content(size)) << size;
  }
}

TEST_F(Pages, refuse_a_file_above_the_bound_and_one_that_is_not_there) {
  ASSERT_TRUE(write_file_atomic(path_, "12345").ok());
  EXPECT_TRUE(FilePages::read(path_, 5).ok());
  EXPECT_EQ(FilePages::read(path_, 4).status().code(), Code::kLimit);
  EXPECT_EQ(FilePages::read(dir_ + "/none", 5).status().code(), Code::kNotFound);
  EXPECT_EQ(FilePages::read(dir_, 5).status().code(), Code::kIo);
}

// A pipe tells no size, so the pages grow while it is read; the bound holds there too.
TEST_F(Pages, grow_with_what_tells_no_size) {
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  const auto read_of = [&](std::uint64_t bound) {
    std::thread writer([&] { std::ofstream(path_) << content(300000); });
    Result<FilePages> pages = FilePages::read(path_, bound);
    writer.join();
    return pages;
  };
  const Result<FilePages> pages = read_of(kBound);
  ASSERT_TRUE(pages.ok()) << pages.status().message();
  EXPECT_TRUE(pages->view() == content(300000));
  ::signal(SIGPIPE, SIG_IGN);  // the writer meets a reader that has gone
  EXPECT_EQ(read_of(1000).status().code(), Code::kLimit);
}

TEST_F(Pages, are_a_copy_that_moves) {
  ASSERT_TRUE(write_file_atomic(path_, content(100000)).ok());
  Result<FilePages> read = FilePages::read(path_, kBound);
  ASSERT_TRUE(read.ok());
  FilePages pages = *std::move(read);
  std::filesystem::resize_file(path_, 0);  // a mapped file would be gone now
  EXPECT_TRUE(pages.view() == content(100000));
  pages = FilePages();
  EXPECT_TRUE(pages.view().empty());
}

}  // namespace
}  // namespace blockd
