// Reload all or nothing; generations, their difference and the way back.
#include "kernel/config/config_service.hpp"

#include "kernel/config/tests/config_fixture.hpp"

namespace blockd {
namespace {

using Texts = std::vector<std::string>;

class TestClock : public Clock {
 public:
  std::uint64_t unix_ms() const override { return now_ms; }
  std::uint64_t monotonic_us() const override { return now_ms * 1000; }
  std::uint64_t now_ms = 1'700'000'000'000;
};

class Service : public ConfigFixture {
 protected:
  std::unique_ptr<ConfigService> start(const std::string& yaml) {
    ConfigLoad first = load_text(yaml);
    EXPECT_TRUE(first.ok()) << first.status().to_string();
    auto service = std::make_unique<ConfigService>(schema_, inputs_, std::move(first));
    Result<ConfigStore> store = ConfigStore::open(path("generations"), clock_);
    EXPECT_TRUE(store.ok());
    EXPECT_TRUE(service->attach_store(std::move(*store)).ok());
    return service;
  }
  TestClock clock_;
};

TEST_F(Service, a_good_change_becomes_a_generation_and_is_told_once) {
  auto service = start("rpc: {max_batch: 5}\n");
  std::vector<Texts> told;
  service->add_listener([&](const auto& now, const Texts& changed) {
    EXPECT_EQ(now->u64("rpc.max_batch"), 6u);
    told.push_back(changed);
  });
  const auto before = service->current();
  write("node.yaml", "rpc: {max_batch: 6}\n");
  const ReloadReport report = service->reload("file");
  EXPECT_TRUE(report.ok);
  EXPECT_EQ(report.generation, 2u);
  EXPECT_EQ(report.changed, (Texts{"rpc.max_batch"}));
  EXPECT_EQ(told, (std::vector<Texts>{{"rpc.max_batch"}}));
  EXPECT_EQ(before->u64("rpc.max_batch"), 5u);  // who holds the old one keeps it
  EXPECT_EQ(service->current()->u64("rpc.max_batch"), 6u);
}

TEST_F(Service, one_error_keeps_every_old_value) {
  auto service = start("rpc: {max_batch: 5, ws_queue: 10}\n");
  service->add_listener([](const auto&, const Texts&) { FAIL() << "told of a refused change"; });
  write("node.yaml", "rpc:\n  max_batch: 6\n  ws_queue: none\n");
  const ReloadReport report = service->reload("signal");
  EXPECT_FALSE(report.ok);
  EXPECT_EQ(report.problems.at(0).line, 3);
  EXPECT_EQ(report.problems.at(0).key, "rpc.ws_queue");
  EXPECT_EQ(report.generation, 0u);
  EXPECT_EQ(service->current()->u64("rpc.max_batch"), 5u);
  EXPECT_EQ(service->store()->numbers().size(), 1u);
}

TEST_F(Service, a_validator_can_refuse_and_a_warning_does_not) {
  auto service = start("rpc: {max_batch: 5}\n");
  service->add_validator([](const Config& c) {
    std::vector<ConfigProblem> found;
    if (c.u64("rpc.max_batch") == 13) found.push_back({false, "", 0, "rpc.max_batch", "unlucky"});
    if (c.u64("rpc.max_batch") == 12) found.push_back({true, "", 0, "rpc.max_batch", "close"});
    return found;
  });
  write("node.yaml", "rpc: {max_batch: 13}\n");
  EXPECT_FALSE(service->reload("file").ok);
  EXPECT_EQ(service->current()->u64("rpc.max_batch"), 5u);
  write("node.yaml", "rpc: {max_batch: 12}\n");
  const ReloadReport report = service->reload("file");
  EXPECT_TRUE(report.ok);
  EXPECT_EQ(report.problems.at(0).to_string(), "rpc.max_batch: close");
}

TEST_F(Service, a_write_without_change_counts_nothing) {
  auto service = start("rpc: {max_batch: 5}\n");
  write("node.yaml", "# now with a comment\nrpc.max_batch: 5\n");
  const ReloadReport report = service->reload("file");
  EXPECT_TRUE(report.ok);
  EXPECT_TRUE(report.changed.empty());
  EXPECT_EQ(service->store()->numbers().size(), 1u);
}

TEST_F(Service, keys_that_wait_for_a_restart_or_a_genesis_are_listed) {
  auto service = start("");
  write("node.yaml", "rpc: {max_batch: 5}\nstorage: {cache_mb: 64}\nchain: {epoch_length: 60}\n");
  const ReloadReport report = service->reload("file");
  EXPECT_EQ(report.restart_required, (Texts{"storage.cache_mb"}));
  EXPECT_EQ(report.fixed_by_genesis, (Texts{"chain.epoch_length"}));
}

TEST_F(Service, environment_stays_in_force_over_a_reloaded_file) {
  inputs_.environment = {{"TB_RPC_MAX_BATCH", "9"}};
  auto service = start("rpc: {max_batch: 5}\n");
  write("node.yaml", "rpc: {max_batch: 6}\n");
  EXPECT_TRUE(service->reload("file").changed.empty());
  EXPECT_EQ(service->current()->u64("rpc.max_batch"), 9u);
}

TEST_F(Service, history_diff_and_rollback) {
  auto service = start("rpc: {max_batch: 5}\n");
  write("node.yaml", "rpc: {max_batch: 6, ws_queue: 20}\n");
  ASSERT_TRUE(service->reload("file").ok);
  const std::optional<ConfigStore> store = service->store();
  ASSERT_TRUE(store.has_value());
  const auto diff = *store->diff(1, 2);
  ASSERT_EQ(diff.size(), 2u);
  EXPECT_EQ(diff[0].key, "rpc.max_batch");
  EXPECT_EQ(diff[0].before.to_number<int>(), 5);
  EXPECT_EQ(diff[0].after.to_number<int>(), 6);
  const auto history = *store->history();
  EXPECT_EQ(history.at(0).source, "start");
  EXPECT_EQ(history.at(1).changed, (Texts{"rpc.max_batch", "rpc.ws_queue"}));

  Result<ReloadReport> back = service->roll_back(1, "operator");
  ASSERT_TRUE(back.ok()) << back.status().to_string();
  EXPECT_EQ(back->generation, 3u);
  EXPECT_EQ(service->current()->u64("rpc.max_batch"), 5u);
  EXPECT_EQ(content("node.yaml"), "rpc: {max_batch: 5}\n");
  EXPECT_EQ(content("node.yaml.before-1700000000"), "rpc: {max_batch: 6, ws_queue: 20}\n");
  EXPECT_EQ(service->roll_back(77, "operator").status().message(),
            "config generation 77 is not kept; there are 1..3");
}

TEST_F(Service, the_newest_fifty_generations_stay) {
  auto service = start("rpc: {max_batch: 1}\n");
  for (int i = 2; i <= 60; ++i) {
    write("node.yaml", "rpc: {max_batch: " + std::to_string(i) + "}\n");
    ASSERT_TRUE(service->reload("file").ok);
  }
  Result<ConfigStore> reopened = ConfigStore::open(path("generations"), clock_);
  ASSERT_EQ(reopened->numbers().size(), 50u);
  EXPECT_EQ(reopened->numbers().front(), 11u);
  EXPECT_EQ(reopened->numbers().back(), 60u);
}

TEST_F(Service, a_restart_without_change_makes_no_generation) {
  start("rpc: {max_batch: 1}\n");
  EXPECT_EQ(start("rpc: {max_batch: 1}\n")->store()->numbers().size(), 1u);
  EXPECT_EQ(start("rpc: {max_batch: 2}\n")->store()->numbers().size(), 2u);
}

TEST_F(Service, secrets_are_kept_as_hashes_only_and_never_written_back) {
  auto service = start("rpc:\n  auth_token: correct-horse-battery\n");
  write("node.yaml", "rpc:\n  auth_token: another-long-token\n");
  ASSERT_TRUE(service->reload("file").ok);
  for (const char* file : {"generations/1.json", "generations/2.json"}) {
    EXPECT_EQ(content(file).find("correct-horse"), std::string::npos);
    EXPECT_EQ(content(file).find("another-long"), std::string::npos);
  }
  EXPECT_EQ(service->store()->diff(1, 2)->at(0).key, "rpc.auth_token");
  const Status refused = service->roll_back(1, "operator").status();
  EXPECT_EQ(refused.code(), Code::kDenied);
  EXPECT_EQ(content("node.yaml"), "rpc:\n  auth_token: another-long-token\n");
}

TEST_F(Service, a_secret_that_is_still_in_force_is_put_back_with_the_rest) {
  auto service = start("rpc:\n  auth_token: correct-horse-battery\n  max_batch: 5\n");
  write("node.yaml", "rpc:\n  auth_token: correct-horse-battery\n  max_batch: 6\n");
  ASSERT_TRUE(service->reload("file").ok);
  Result<ReloadReport> back = service->roll_back(1, "operator");
  ASSERT_TRUE(back.ok()) << back.status().to_string();
  EXPECT_EQ(content("node.yaml"), "rpc:\n  auth_token: correct-horse-battery\n  max_batch: 5\n");
  EXPECT_EQ(service->current()->u64("rpc.max_batch"), 5u);
}

TEST_F(Service, a_rollback_that_is_refused_leaves_the_files_as_they_were) {
  auto service = start("rpc: {max_batch: 5}\n");
  write("node.yaml", "rpc: {max_batch: 6}\n");
  ASSERT_TRUE(service->reload("file").ok);
  bool refuse = true;
  service->add_validator([&](const Config&) {
    std::vector<ConfigProblem> problems;
    if (refuse) problems.push_back({false, "", 0, "rpc.max_batch", "not now"});
    return problems;
  });
  Result<ReloadReport> back = service->roll_back(1, "operator");
  ASSERT_TRUE(back.ok());
  EXPECT_FALSE(back->ok);
  EXPECT_EQ(content("node.yaml"), "rpc: {max_batch: 6}\n");
  EXPECT_EQ(service->current()->u64("rpc.max_batch"), 6u);
  refuse = false;
  EXPECT_TRUE(service->roll_back(1, "operator")->ok);
}

TEST_F(Service, the_schema_is_asked_for_and_the_end_is_told_each_time) {
  auto service = start("rpc: {max_batch: 5}\n");
  std::vector<std::string> ends;
  bool known = true;
  const std::shared_ptr<const ConfigSchema> schema(service->current(),
                                                   &service->current()->schema());
  service->set_hooks(
      [&]() -> Result<std::shared_ptr<const ConfigSchema>> {
        if (known) return schema;
        return Status(Code::kNotFound, "nobody.so: no such file");
      },
      [&](const ReloadReport& report, const std::string& source) {
        ends.push_back(source +
                       (report.ok ? report.changed.empty() ? " same" : " new" : " refused"));
      });
  EXPECT_TRUE(service->reload("signal").ok);
  write("node.yaml", "rpc: {max_batch: 6}\n");
  EXPECT_TRUE(service->reload("file").ok);
  known = false;
  write("node.yaml", "rpc: {max_batch: 7}\n");
  const ReloadReport refused = service->reload("file");
  EXPECT_FALSE(refused.ok);
  EXPECT_EQ(refused.problems.at(0).key, "plugins.load");
  EXPECT_EQ(ends, (Texts{"signal same", "file new", "file refused"}));
  EXPECT_EQ(service->current()->u64("rpc.max_batch"), 6u);
}

TEST_F(Service, secrets_that_lost_or_are_escaped_are_not_kept_either) {
  inputs_.environment = {{"TB_RPC_AUTH_TOKEN", "the-stronger-token-wins"}};
  start("rpc:\n  auth_token: the-weaker-token-lost\n");
  EXPECT_EQ(content("generations/1.json").find("weaker"), std::string::npos);
  inputs_.environment.clear();
  start("rpc:\n  auth_token: \"\\x65scaped-token-value\"\n");
  EXPECT_EQ(content("generations/2.json").find("scaped-token"), std::string::npos);
}

TEST_F(Service, a_damaged_generation_is_named) {
  auto service = start("");
  write("generations/1.json", "{\"number\": 1}");
  EXPECT_EQ(service->store()->get(1).status().code(), Code::kCorrupt);
  write("generations/1.json", "not json");
  EXPECT_EQ(service->store()->get(1).status().code(), Code::kCorrupt);
}

}  // namespace
}  // namespace blockd
