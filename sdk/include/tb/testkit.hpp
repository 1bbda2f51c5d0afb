// The test kit: a chain of one node in memory, with the real executor and no network, disk or
// clock. [test thread]
//
// A plugin's tests load their plugin into a TestChain, run commands and queries with JSON texts,
// and look at what came out. The chain is deterministic: heights and times are the test's, keys are
// derived from account names. The kernel's library tb_testkit implements it; this header needs
// nothing but the standard library and the ABI.
//
//   tb::TestChain chain;
//   chain.add(tb_plugin_entry);
//   chain.start();
//   auto done = chain.run("greeter.greet", R"({"name":"Ada"})", {.from = "operator"});
//   EXPECT_EQ(done.outcome, tb::Outcome::kApplied) << done.error_text;
//   EXPECT_EQ(chain.query("greeter.greetings", "{}").json, R"({"greetings":[...]})");
//
// Not thread safe. Misuse (a call before start(), an unknown method) is reported as
// std::runtime_error with what to do.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tb/plugin.h"

namespace tb {

enum class Outcome : std::uint8_t {
  kApplied,
  kCharged,   // rolled back, and the penalty stays
  kRejected,  // refused in apply: no trace but the nonce
  kRefused,   // not admitted: unknown method, fields, role
};

// Who sends a command or a query.
struct Sender {
  std::string_view from =
      "operator";      // a name; account() tells the address that is derived from it
  bool admin = false;  // has role admin for this call
  std::vector<std::string_view> roles{};  // roles of manifests, "energy.oracle"
  std::vector<std::string_view> cosigners{};
  // Members of the envelope. `pct` of the fee goes to the consumer pool; `lane` is "consumer",
  // "industrial" or "service"; `session` names the key that signs in place of the account.
  std::uint64_t fee = 0;
  std::uint32_t pct = 100;
  std::string_view lane{}, memo{}, session{};
};

// How a command or a query ended. Texts are compact JSON, members as the plugin put them.
struct Ran {
  Outcome outcome = Outcome::kRefused;
  std::string json;  // the result; empty on error
  std::int32_t error_code = 0;
  std::string error_name;  // "TooManyGreetings"
  std::string error_text;
  std::string error_data;  // the JSON of data; empty if none

  bool ok() const { return outcome == Outcome::kApplied; }
};

// An event or a record of a committed block.
struct Emitted {
  std::uint64_t height = 0;
  std::uint32_t step = 0;  // in its block
  std::string plugin;
  std::string name;  // topic or kind
  std::string json;  // canonical
};

// A request of a face to the world outside (tb/outside.hpp), and what the world answers.
struct TestHttpRequest {
  std::string method, url;
  std::string headers;  // "Name: value", one a line
  std::string body;
};
struct TestHttpAnswer {
  std::uint32_t status = 0;  // 0: no answer; then `body` says why
  std::string body;
};

struct TestOptions {
  std::string chain_id = "test";
  std::uint64_t start_time_ms = 1'700'000'000'000;
  std::uint64_t block_ms = 1000;    // time between blocks that are not given one
  std::uint64_t epoch_length = 10;  // blocks
  // Executes every block a second time on another view and compares; on unless a test measures
  // time.
  bool execute_twice = true;
};

struct TestCommand {
  std::string_view method;
  std::string_view params;  // JSON
  Sender sender{};
};

class TestChain {
 public:
  explicit TestChain(TestOptions options = {});
  ~TestChain();
  TestChain(const TestChain&) = delete;
  TestChain& operator=(const TestChain&) = delete;

  // Before start(): what runs on the chain, in any order (services give the order of dependency).
  void add(tb_plugin_entry_fn entry);
  void add(const tb_plugin* plugin);
  void add_library(const std::string& path);  // NAME.so, loaded as the node does
  void allocate(std::string_view account,
                std::uint64_t amount);  // a name or a system account ("energy:pool")
  void set_role(std::string_view account, bool is_operator, bool is_admin);
  void set_genesis_param(std::string_view key, std::uint64_t value);
  void set_config(std::string_view plugin, std::string_view key, std::string_view json);
  // What answers the requests of faces to other machines; nobody does unless it is set.
  void set_http(std::function<TestHttpAnswer(const TestHttpRequest&)> world);
  // What a method of the node itself, which no plugin here has, answers to faces.
  void set_node_answer(std::string_view method, std::string_view json);
  // Makes block 0.
  void start();

  // The address of a test account: a name is hashed to a key, an address or system account stays
  // what it is.
  std::string account(std::string_view name) const;
  // Signs as that account: 64 bytes. Its public key: 32 bytes.
  std::string sign(std::string_view name, std::string_view message) const;
  std::string public_key(std::string_view name) const;

  // One block with these commands, in this order; returns how each ended.
  std::vector<Ran> block(const std::vector<TestCommand>& commands);
  // The same in two halves, for a height's time of the test's choice: begin_block, any number of
  // run, end_block. Heights go up by one; begin_block makes the empty blocks in between.
  void begin_block(std::uint64_t height, std::uint64_t time_ms);
  void end_block();
  // One command: in the open block, or in a block of its own.
  Ran run(std::string_view method, std::string_view params, const Sender& sender = {});
  // What the command would do, on a view; nothing stays.
  Ran dry_run(std::string_view method, std::string_view params, const Sender& sender = {});
  // `count` empty blocks (hooks run).
  void advance(std::uint64_t count = 1);
  // Empty blocks up to and with the last one of the epoch.
  void finish_epoch();

  // A query or a local method, on the newest committed state.
  Ran query(std::string_view method, std::string_view params,
            const Sender& sender = {.admin = true});
  // A route of a face: {status, body}.
  std::pair<std::uint32_t, std::string> http(std::string_view method, std::string_view target,
                                             std::string_view body = {});
  // Runs the timer `name` of `plugin` once, and delivers waiting events and commit notices to the
  // faces.
  void run_timer(std::string_view plugin, std::string_view name);
  // From now on each call of the local store of `plugin`'s face fails, as on a disk that is
  // damaged; false: it works again, with all that it held.
  void break_store(std::string_view plugin, bool broken = true);
  void deliver();

  // Brings another version of a plugin of this chain into force through the log, as `plugin
  // upgrade` does, and makes empty blocks until its migration is done. Empty, or why the chain
  // refuses it; the version before stays then. replay_check() executes each block with the version
  // of its time.
  std::string upgrade(tb_plugin_entry_fn entry);
  std::string upgrade_library(const std::string& path);

  // Takes effect as an activated proposal at the next block; false, with `why`, if check_params
  // refuses.
  bool set_param(std::string_view key, std::uint64_t value, std::string* why = nullptr);
  std::uint64_t param(std::string_view key) const;

  std::uint64_t height() const;
  std::uint64_t epoch() const;
  std::uint64_t time_ms() const;
  std::string state_root() const;  // 64 hexadecimal digits
  // Events and records of committed blocks since the last clear; `name` empty: all.
  std::vector<Emitted> events(std::string_view name = {}) const;
  std::vector<Emitted> records(std::string_view name = {}) const;
  void clear_events();
  // The shown value of a metric series, labels in declared order; 0 for a series that is not there.
  double metric(std::string_view name, const std::vector<std::string_view>& labels = {}) const;
  std::vector<std::string> logs() const;

  // Raw state of a plugin, keys ascending; and as JSON for a failed expectation, keys and values in
  // hexadecimal.
  std::vector<std::pair<std::string, std::string>> rows(std::string_view plugin,
                                                        std::string_view prefix = {}) const;
  std::string dump(std::string_view plugin) const;

  // Executes all blocks again from genesis on a fresh state; empty if outcomes, events, write sets
  // and roots are the same, else the first difference (height, step, key).
  std::string replay_check();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tb
