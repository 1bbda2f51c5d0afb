#include "kernel/storage/paced_file.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "kernel/base/file.hpp"

namespace {

bool disk_loses_pieces = false;

}  // namespace

// In place of the system's: a disk that could not write what is waited for, and says so this once.
extern "C" int sync_file_range(int fd, off64_t at, off64_t size, unsigned flags) {
  if (!disk_loses_pieces || (flags & SYNC_FILE_RANGE_WAIT_BEFORE) == 0)
    return static_cast<int>(::syscall(SYS_sync_file_range, fd, at, size, flags));
  errno = EIO;
  return -1;
}

namespace blockd {
namespace {

namespace fs = std::filesystem;

struct PacedFileTest : ::testing::Test {
  void SetUp() override {
    dir = fs::temp_directory_path() / ("tb-paced-" + std::to_string(::getpid()));
    fs::remove_all(dir);
    fs::create_directories(dir);
  }
  void TearDown() override { fs::remove_all(dir); }
  fs::path dir;
};

TEST_F(PacedFileTest, holds_what_was_appended_in_pieces_of_any_size) {
  const PacedFileOptions kinds[] = {
      {}, {.paced = false}, {.rests = true, .forget = true, .reserve_bytes = 5 << 20}};
  for (const PacedFileOptions& options : kinds) {
    const std::string path = dir / "file";
    Bytes all;
    PacedFile file(path, options);
    std::uint32_t state = 1;
    for (std::size_t size = 0; all.size() < 4 * PacedFile::kPieceBytes; size = size * 2 + 7) {
      Bytes part(size, '\0');
      for (char& c : part) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
      all += part;
      ASSERT_TRUE(file.append(part).ok());
      EXPECT_EQ(file.bytes(), all.size());
    }
    ASSERT_TRUE(file.sync().ok());
    EXPECT_TRUE(*read_file(path) == all);
    ASSERT_TRUE(file.append("more").ok());
    ASSERT_TRUE(file.close().ok());
    EXPECT_TRUE(*read_file(path) == all + "more");
  }
}

TEST_F(PacedFileTest, blocks_behind_the_end_go_back) {
  const std::string path = dir / "file";
  PacedFile file(path, {.reserve_bytes = 8 << 20});
  ASSERT_TRUE(file.append("a row").ok());
  ASSERT_TRUE(file.sync().ok());
  struct stat about {};
  ASSERT_EQ(::stat(path.c_str(), &about), 0);
  EXPECT_EQ(about.st_size, 5);
  EXPECT_LE(about.st_blocks * 512, 64 << 10);
}

TEST_F(PacedFileTest, the_first_failure_stays_and_names_the_file) {
  PacedFile nowhere(dir / "no" / "file");
  EXPECT_EQ(nowhere.failed().code(), Code::kNotFound);
  EXPECT_EQ(nowhere.append("x").code(), Code::kNotFound);
  EXPECT_EQ(nowhere.sync().code(), Code::kNotFound);
  PacedFile full("/dev/full");
  ASSERT_TRUE(full.append("x").ok()) << "it waits in memory";
  EXPECT_EQ(full.push().code(), Code::kNoSpace);
  EXPECT_EQ(full.sync().code(), Code::kNoSpace);
  EXPECT_NE(full.failed().message().find("/dev/full"), std::string::npos);
}

TEST_F(PacedFileTest, a_piece_that_the_disk_lost_is_not_passed_over) {
  PacedFile file(dir / "file");
  ASSERT_TRUE(file.append(Bytes(PacedFile::kPieceBytes, 'x')).ok()) << "nobody has waited for it";
  disk_loses_pieces = true;
  const Status status = file.sync();
  disk_loses_pieces = false;
  EXPECT_EQ(status.code(), Code::kIo);
  EXPECT_EQ(file.sync().code(), Code::kIo);
  EXPECT_EQ(file.append("more").code(), Code::kIo);
}

}  // namespace
}  // namespace blockd
