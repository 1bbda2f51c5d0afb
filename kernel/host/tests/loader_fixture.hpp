// What the tests of the loader share: a directory of their own, rules, and the libraries that the
// build made for them.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "kernel/base/file.hpp"
#include "kernel/host/library.hpp"

namespace blockd {

inline std::string built(const std::string& name) {
  return std::string(TB_TEST_PLUGIN_DIR) + "/" + name + ".so";
}

class LoaderTest : public testing::Test {
 protected:
  void SetUp() override {
    const testing::TestInfo* test = testing::UnitTest::GetInstance()->current_test_info();
    dir_ = std::filesystem::temp_directory_path() /
           ("host-" + std::to_string(::getpid()) + "-" + test->name());
    std::filesystem::create_directories(dir_ / "in");
    rules_.policy = SignaturePolicy::kOff;
    rules_.store_dir = dir_ / "store";
    rules_.probe_program = TB_TEST_PROBE;
    rules_.probe_timeout_ms = 60'000;
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  // A file of this test with these bytes.
  std::string file_of(const std::string& name, BytesView bytes) {
    const std::string path = dir_ / "in" / name;
    EXPECT_TRUE(write_file_atomic(path, bytes).ok());
    return path;
  }
  Bytes bytes_of(const std::string& name) {
    Result<Bytes> bytes = read_file(built(name));
    EXPECT_TRUE(bytes.ok()) << bytes.status().to_string();
    return bytes.ok() ? *bytes : Bytes();
  }
  std::shared_ptr<Library> load(const std::string& path) {
    Result<std::shared_ptr<Library>> library = Library::load(rules_, path, nullptr);
    EXPECT_TRUE(library.ok()) << library.status().to_string();
    return library.ok() ? *library : nullptr;
  }
  // The text of the refusal; "" when the library was loaded.
  std::string refusal(const std::string& path) {
    Result<std::shared_ptr<Library>> library = Library::load(rules_, path, nullptr);
    return library.ok() ? "" : library.status().to_string();
  }
  std::size_t stored_files() const {
    std::size_t n = 0;
    std::error_code none;
    for (const auto& entry : std::filesystem::directory_iterator(dir_ / "store", none))
      n += entry.path().extension() == ".so" ? 1 : 0;
    return n;
  }

  std::filesystem::path dir_;
  LoadRules rules_;
};

}  // namespace blockd
