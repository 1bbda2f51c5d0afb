// Every recorded chain, executed by the libraries of this build.
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/recorded/plugins.hpp"

namespace blockd::recorded {
namespace {

const std::string kFolder = TB_SOURCE_DIR "/tests/recorded";

support::PluginImages& images() {
  static const std::unique_ptr<support::PluginImages> loaded = [] {
    auto plugins = support::PluginImages::load(TB_BINARY_DIR "/plugins", plugin_names());
    if (!plugins.ok()) throw std::runtime_error(plugins.status().to_string());
    return *std::move(plugins);
  }();
  return *loaded;
}

TEST(Recorded, every_chain_has_the_roots_that_were_recorded) {
  Tally all;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    const std::string path = entry.path().string();
    if (!path.ends_with(".jsonl.gz")) continue;
    const Result<std::string> text = read_recording(path);
    ASSERT_TRUE(text.ok()) << text.status().to_string();
    const Result<Tally> tally = replay_recording(*text, images());
    EXPECT_TRUE(tally.ok()) << path << ": " << tally.status().to_string()
                            << "\nthe same sm must do the same: raise sm, or undo the change "
                               "(tests/recorded/README.md)";
    if (tally.ok()) all.commands += tally->commands;
  }
  EXPECT_GE(all.commands, 1000u);
}

TEST(Recorded, each_machine_has_a_recording_for_every_sm_that_it_implements) {
  EXPECT_EQ(missing_recordings(kFolder, images(), plugin_names()), std::vector<std::string>());
}

TEST(Recorded, a_chain_that_was_changed_is_named_with_its_height) {
  const Result<std::string> text = read_recording(kFolder + "/ledger-sm1.jsonl.gz");
  ASSERT_TRUE(text.ok()) << text.status().to_string();
  std::string changed = *text;
  // The amount of the first payment, one more.
  const std::size_t at = changed.find("\"amount\"", changed.find("\"commands\""));
  ASSERT_NE(at, std::string::npos);
  const std::size_t place = changed.find_first_of("0123456789", at);
  ASSERT_LT(place, at + 14) << changed.substr(at, 20);
  changed[place] = changed[place] == '9' ? '8' : static_cast<char>(changed[place] + 1);
  const Result<Tally> tally = replay_recording(changed, images());
  ASSERT_FALSE(tally.ok());
  EXPECT_NE(tally.status().message().find("command_root differs"), std::string::npos)
      << tally.status().message();
  EXPECT_NE(tally.status().message().find("height "), std::string::npos);
}

}  // namespace
}  // namespace blockd::recorded
