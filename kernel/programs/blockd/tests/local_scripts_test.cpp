// Promises: scripts of one node refuse what is submitted to it and show figures, a broken one keeps
// nobody out, and a text that does not compile changes nothing.
#include "kernel/programs/blockd/local_scripts.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "kernel/base/file.hpp"

namespace blockd {
namespace {

constexpr char kHead[] = "hook = {name = \"mine\", version = \"1.0.0\"}\n";

class LocalScriptsTest : public testing::Test {
 protected:
  void SetUp() override {
    dir_ = std::filesystem::temp_directory_path() /
           ("local-scripts-" + std::to_string(::getpid()) + "-" +
            testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(dir_);
    auto made = LocalScripts::create(
        metrics_, [this](bool error, std::string_view script, std::string_view text) {
          std::lock_guard lock(mutex_);
          lines_.push_back((error ? "error " : "info ") + std::string(script) + " " +
                           std::string(text));
        });
    ASSERT_TRUE(made.ok()) << made.status().to_string();
    scripts_ = *std::move(made);
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  std::string file(const std::string& text, const std::string& name = "a.lua") {
    const std::string path = (dir_ / name).string();
    EXPECT_TRUE(write_file_atomic(path, text).ok());
    return path;
  }
  // Puts one text in force; the first problem, or "".
  std::string use(const std::string& text) {
    const std::string path = file(text);
    const std::vector<ConfigProblem> problems = scripts_->prepare({path});
    scripts_->install();
    if (problems.empty()) return "";
    return problems.front().to_string().substr(dir_.string().size() + 1);
  }
  std::optional<Refusal> admit(const std::string& method = "energy.settle") {
    Command command;
    command.method = method;
    command.from = "alice";
    command.envelope.resize(120);
    return scripts_->admit(command, Lane::kService);
  }
  void commit(std::uint64_t height) {
    BlockRecord block;
    block.header.height = height;
    block.header.epoch = 3;
    block.header.time_ms = 1'700'000'000'000;
    scripts_->committed(block);
  }
  double value(std::string_view name) {
    return metrics_.find("lua_local_value")->gauge({"mine", name})->value();
  }
  std::uint64_t errors() {
    return metrics_.find("lua_local_errors_total")->counter({"mine"})->value();
  }

  std::filesystem::path dir_;
  MetricRegistry metrics_;
  std::mutex mutex_;
  std::vector<std::string> lines_;
  std::unique_ptr<LocalScripts> scripts_;
};

TEST_F(LocalScriptsTest, without_scripts_everything_is_admitted) {
  EXPECT_FALSE(admit());
  commit(1);
  EXPECT_TRUE(scripts_->prepare({}).empty());
  scripts_->install();
  EXPECT_FALSE(admit());
}

TEST_F(LocalScriptsTest, on_admit_sees_the_command_and_refuses_with_its_reason) {
  ASSERT_EQ(use(std::string(kHead) +
                "function on_admit(c)\n"
                "  metrics.set(\"bytes\", c.bytes)\n"
                "  if c.method == \"energy.settle\" and c.from == \"alice\" and c.lane == "
                "\"service\" then return false, \"not here\" end\n"
                "end\n"),
            "");
  const std::optional<Refusal> refusal = admit();
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->code, -34003);
  EXPECT_EQ(refusal->name, "local_policy");
  EXPECT_EQ(refusal->message, "local_policy: not here");
  EXPECT_EQ(refusal->data.at("script").as_string(), "mine");
  EXPECT_FALSE(admit("energy.register"));
  EXPECT_EQ(value("bytes"), 120);
  EXPECT_EQ(errors(), 0u);
  ASSERT_TRUE(scripts_->prepare({}).empty());
  scripts_->install();
  EXPECT_FALSE(admit());
}

TEST_F(LocalScriptsTest, on_commit_sees_the_block_and_sets_metrics_and_logs) {
  ASSERT_EQ(use(std::string(kHead) + "function on_commit(b)\n"
                                     "  metrics.set(\"sum\", b.height + b.epoch + b.commands)\n"
                                     "  log.info(\"at \" .. b.time_ms)\n"
                                     "end\n"),
            "");
  commit(40);
  EXPECT_EQ(value("sum"), 43);
  EXPECT_EQ(lines_, std::vector<std::string>{"info mine at 1700000000000"});
}

TEST_F(LocalScriptsTest, a_failing_script_is_counted_and_admission_goes_on) {
  const std::pair<const char*, const char*> kBroken[] = {
      {"while true do end", "lua_budget_exceeded"},
      {"local x = nil; return x.y", "lua_runtime_error"},
      {"return 5", "lua_bad_return"},
      {"return false, \"\\255\"", "UTF-8"},
      {"local t = {} for i = 1, 1000000 do t[i] = string.rep(\"x\", 60000) .. i end", "lua_"}};
  std::uint64_t seen = 0;
  for (const auto& [body, word] : kBroken) {
    ASSERT_EQ(use(std::string(kHead) + "function on_admit(c) " + body + " end"), "");
    lines_.clear();
    EXPECT_FALSE(admit()) << body;
    EXPECT_FALSE(admit()) << body;
    seen += 2;
    EXPECT_EQ(errors(), seen) << body;
    ASSERT_EQ(lines_.size(), 1u) << body;  // the same failure is logged once
    EXPECT_NE(lines_[0].find(word), std::string::npos) << lines_[0];
  }
}

TEST_F(LocalScriptsTest, what_does_not_compile_is_told_with_file_and_line_and_changes_nothing) {
  const std::string good = std::string(kHead) + "function on_admit(c) return false, \"old\" end";
  ASSERT_EQ(use(good), "");
  const std::string text = use(std::string(kHead) + "\nfunction on_admit(c) retrun false end");
  EXPECT_TRUE(text.starts_with("a.lua:3: lua.local: lua_syntax_error: ")) << text;
  ASSERT_TRUE(admit());
  EXPECT_EQ(admit()->message, "local_policy: old");
  EXPECT_NE(use("function on_admit(c) end").find("the text begins with hook"), std::string::npos);
  EXPECT_NE(use(kHead).find("no function on_admit or on_commit"), std::string::npos);
  EXPECT_NE(use(std::string(kHead) + "function on_block(c) end").find("event of voted scripts"),
            std::string::npos);
  EXPECT_NE(use("hook = {name = \"a\", version = \"1.0.0\", on = {}} function on_admit() end")
                .find("unknown member on"),
            std::string::npos);
  const auto absent = scripts_->prepare({(dir_ / "none.lua").string()});
  ASSERT_EQ(absent.size(), 1u);
  EXPECT_FALSE(absent[0].warning);
  EXPECT_EQ(admit()->message, "local_policy: old");
}

TEST_F(LocalScriptsTest, two_scripts_of_one_name_are_refused) {
  const std::string a = file(std::string(kHead) + "function on_admit(c) end"),
                    b = file(std::string(kHead) + "function on_commit(c) end", "b.lua");
  const auto problems = scripts_->prepare({a, b});
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].file, b);
  EXPECT_EQ(problems[0].text, "two scripts have the name mine");
}

TEST_F(LocalScriptsTest, names_of_metrics_are_bounded) {
  ASSERT_EQ(use(std::string(kHead) +
                "function on_commit(b)\n"
                "  for i = 1, 40 do metrics.set(\"n\" .. b.height .. \"_\" .. i, i) end\n"
                "end\n"),
            "");
  commit(1);
  EXPECT_EQ(errors(), 0u);
  commit(2);
  EXPECT_EQ(errors(), 16u);  // 24 fit beside the first 40
  EXPECT_EQ(metrics_.find("lua_local_value")->series().size(), 64u);
  commit(1);
  EXPECT_EQ(errors(), 16u);
  ASSERT_EQ(use(std::string(kHead) + "function on_commit(b) metrics.set(\"a b\", 1) end"), "");
  commit(3);
  EXPECT_EQ(errors(), 17u);
}

TEST_F(LocalScriptsTest, many_threads_ask_at_once_while_scripts_change) {
  const std::string text =
      std::string(kHead) + "function on_admit(c) if c.method == \"t.no\" then return false end end";
  ASSERT_EQ(use(text), "");
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 200; ++n) {
        if (admit("t.yes") || !admit("t.no")) ++wrong;
      }
    });
  }
  for (int n = 0; n < 20; ++n)
    EXPECT_EQ(use(text + std::string(static_cast<std::size_t>(n % 2), '\n')), "");
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong.load(), 0);
  EXPECT_EQ(errors(), 0u);
}

TEST_F(LocalScriptsTest, the_example_compiles_and_keeps_the_pool_clean) {
  ASSERT_TRUE(scripts_->prepare({std::string(TB_SOURCE_DIR) + "/scripts-lua/local/house-rules.lua"})
                  .empty());
  scripts_->install();
  EXPECT_FALSE(admit());
  Command large;
  large.method = "storage.put";
  large.envelope.resize(200'000);
  ASSERT_TRUE(scripts_->admit(large, Lane::kService));
  EXPECT_EQ(scripts_->admit(large, Lane::kService)->name, "local_policy");
}

}  // namespace
}  // namespace blockd
