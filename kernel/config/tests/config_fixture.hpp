// A directory of its own for a test, with files in it.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "kernel/config/config_loader.hpp"
#include "kernel/config/kernel_keys.hpp"

namespace blockd {

class ConfigFixture : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    dir_ = std::filesystem::temp_directory_path() /
           ("config_test_" + std::to_string(::getpid()) + "_" + safe(info->test_suite_name()) +
            "_" + safe(info->name()));
    std::filesystem::create_directories(dir_ / "profiles");
    write("profiles/dev.yaml", "");
    schema_ = std::make_shared<ConfigSchema>();
    add_kernel_keys(*schema_);
    inputs_.file = path("node.yaml");
    inputs_.profile_dirs = {path("profiles")};
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  static std::string safe(std::string name) {  // parameterised names have slashes
    for (char& c : name) c = c == '/' ? '_' : c;
    return name;
  }
  std::string path(const std::string& name) const { return (dir_ / name).string(); }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path(name)) << text;
  }
  std::string content(const std::string& name) const {
    std::stringstream s;
    s << std::ifstream(path(name)).rdbuf();
    return s.str();
  }
  ConfigLoad load() const { return load_config(schema_, inputs_); }
  ConfigLoad load_text(const std::string& yaml) const {
    write("node.yaml", yaml);
    return load();
  }
  // All errors with the directory's name taken out.
  std::vector<std::string> errors(const ConfigLoad& loaded) const { return bare(loaded.errors()); }
  std::vector<std::string> warnings(const ConfigLoad& loaded) const {
    return bare(loaded.warnings());
  }

  std::filesystem::path dir_;
  std::shared_ptr<ConfigSchema> schema_;
  ConfigInputs inputs_;

 private:
  std::vector<std::string> bare(std::vector<std::string> texts) const {
    const std::string prefix = dir_.string() + "/";
    for (std::string& t : texts) {
      for (auto at = t.find(prefix); at != std::string::npos; at = t.find(prefix))
        t.erase(at, prefix.size());
    }
    return texts;
  }
};

}  // namespace blockd
