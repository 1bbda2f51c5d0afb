// MarketBench: the machine of the plugin on rows in memory, with parameters that a test sets at
// will, a ledger of plain balances, and a receipts service that takes everything. [any, one thread]
//
// It speaks the plugin's ABI, so what runs is what a node runs; it stands aside from the kernel so
// that the golden sequences can change parameters and heights between two commands. For vectors and
// unit tests; no part of the plugin.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "kernel/manifest/manifest.hpp"
#include "kernel/manifest/values.hpp"
#include "tb/plugin.h"

namespace energy {

// How a command ended.
struct BenchAnswer {
  bool applied = false, charged = false;
  boost::json::value result;  // of an applied command
  std::int32_t code = 0;
  std::string name, text;
  boost::json::object data;
  std::size_t rows_written = 0,
              rows_read = 0;  // distinct keys of the command, of those whose value changed
};

struct BenchEvent {
  std::string topic;
  boost::json::object data;
};

class MarketBench {
 public:
  explicit MarketBench(tb_plugin_entry_fn entry);
  ~MarketBench();

  const blockd::Manifest& manifest() const { return *manifest_; }
  void set_param(std::string_view key, std::uint64_t value);  // at once, with params_changed
  void set_balance(const std::string& account, std::uint64_t amount) {
    balances_[account] = amount;
  }
  std::uint64_t balance(const std::string& account) const;
  // Of all accounts that ever held something or were given a balance.
  const std::map<std::string, std::uint64_t>& balances() const { return balances_; }
  std::uint64_t money() const;
  // What the treasury was told of that source.
  std::uint64_t accrued(const std::string& source) const {
    const auto row = accrued_.find(source);
    return row == accrued_.end() ? 0 : row->second;
  }

  // Starts a block: begin runs. Rows of the hook's budget are `budget`.
  void begin(std::uint64_t height, std::uint64_t time_s, std::uint64_t budget = 100'000);
  void end_epoch();
  BenchAnswer run(std::string_view method, const boost::json::object& params,
                  std::string_view sender = "node", bool admin = true);

  // Runs `body` on a view of the rows, as a query would see them.
  void look(const std::function<void(tb_view*)>& body);

  const std::map<std::string, std::string>& rows() const { return rows_; }
  std::vector<BenchEvent> take_events();
  bool pending_work() const { return pending_work_; }
  // Rows that the last begin() wrote.
  std::size_t hook_rows() const { return hook_rows_; }
  double counted(std::string_view metric) const;
  const std::vector<boost::json::object>& receipts() const { return receipts_; }
  const std::vector<boost::json::object>& samples() const { return samples_; }

 private:
  struct Ctx;
  struct Saved;
  Saved save() const;
  void restore(Saved saved);
  void hook(tb_status (*entry)(tb_ctx*), std::string_view name);

  const tb_plugin* plugin_;
  std::shared_ptr<const blockd::Manifest> manifest_;
  std::vector<std::uint64_t> params_;
  std::map<std::string, std::string> rows_;
  std::map<std::string, std::uint64_t> balances_;
  std::map<std::string, std::uint64_t> accrued_;  // by source, as told to treasury/1
  std::vector<BenchEvent> events_;
  std::vector<boost::json::object> receipts_, samples_;
  std::map<std::string, double, std::less<>> metrics_;
  tb_block block_{};
  std::uint64_t budget_ = 0, nonce_ = 0;
  std::size_t hook_rows_ = 0;
  bool pending_work_ = false;
};

}  // namespace energy
