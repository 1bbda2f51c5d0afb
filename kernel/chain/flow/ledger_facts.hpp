// LedgerFacts: what admission asks the roster's ledger about one state, through the service
// ledger/1: prices of the next block, balances, session keys. A roster without a ledger, or with
// one that lacks a function, answers nothing, and the check that wanted to know is left out.
//
// Thread safe as the view is; an answer costs one or two rows.
#pragma once

#include <optional>

#include "kernel/chain/chain.hpp"
#include "kernel/manifest/values.hpp"

namespace blockd {

// The base fee of the first block, and of a chain whose ledger tells none.
inline constexpr std::uint64_t kBaseFee = 1;

class LedgerFacts {
 public:
  explicit LedgerFacts(const StateViewPtr& view) : view_(view) {}

  struct Fees {
    std::uint64_t base_fee = kBaseFee;
    std::uint64_t floor[2] = {0, 0};  // consumer, industrial
  };
  Fees fees() const;
  // 0 of an account that does not exist.
  std::optional<std::uint64_t> balance(std::string_view account) const;
  // Whether the account was ever credited.
  std::optional<bool> exists(std::string_view account) const;
  // Until when `session_key` (hex) signs for the account; 0: it is not open.
  std::optional<std::uint64_t> session_end(std::string_view account,
                                           std::string_view session_key) const;

 private:
  // One answer: the members of what the function says, alive as long as this.
  struct Answer {
    bool asked = false;  // false: nobody has the function
    bool ok = false;
    ValueArena arena, error_arena;
    const tb_value* value = nullptr;
    const tb_value* member(std::string_view name) const;
  };
  void ask(std::string_view function, std::initializer_list<tb_value> args, Answer* answer) const;
  std::optional<std::uint64_t> number(std::string_view function, std::string_view account,
                                      std::string_view member) const;

  const StateViewPtr& view_;
};

}  // namespace blockd
