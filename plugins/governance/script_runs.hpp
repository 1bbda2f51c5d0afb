// Runs of voted Lua scripts through the kernel's sandbox. [machine]
//
// A script is run by its name and hash; the kernel reads its text and its store from this plugin's
// rows. A refusal is an answer; an error is a failure of the script, which the kernel counts in the
// block's tally, and after_block looks at.
#pragma once

#include "plugins/governance/params.hpp"

namespace governance {

inline ActiveScripts active_scripts(tb::View& view) {
  return view.load<ActiveScripts>(kActiveKey).value_or(ActiveScripts{});
}

inline bool lists(const std::vector<std::string>& names, std::string_view name) {
  for (const std::string& one : names) {
    if (one == name) return true;
  }
  return false;
}

// The one table that a function of a script gets.
class Argument {
 public:
  Argument() : out_(tree_.out()) {}
  template <class T>
  Argument& put(std::string_view name, const T& value) {
    out_.put(name, value);
    return *this;
  }
  // All members of a described struct.
  template <class T>
  Argument& put_all(const T& facts) {
    out_.write(facts);
    return *this;
  }
  tb::Value value() { return tb::Value(tree_.finish()); }

 private:
  tb::detail::Tree tree_;
  tb::Out out_;
};

tb::Answer<RunResult> run_script(tb::Ctx& ctx, const ActiveScript& script, std::string_view event,
                                 const tb::Value& argument);

// on_param_change of all scripts that list the key, each with the value left by the one before.
Refused run_change_scripts(tb::Ctx& ctx, const Spec& spec, const Wanted& wanted,
                           std::uint64_t* value);

// on_gate: the governor asks before it writes the flags of a gate.
struct GateArgs {
  std::string_view gate, action;
  std::uint64_t epoch = 0;
  std::string_view snapshot_hash;
  bool manual = false;
};
BOOST_DESCRIBE_STRUCT(GateArgs, (), (gate, action, epoch, snapshot_hash, manual))
Refused run_gate_scripts(tb::Ctx& ctx, const GateArgs& gate);

// on_gate with the gate `treasury`: the treasury asks before money leaves it. Nothing that is voted
// on, disabled or rolled back passes this gate, so a policy cannot keep itself in force.
struct PaymentArgs {
  std::uint64_t id = 0;
  std::string_view destination;
  std::uint64_t amount = 0;
  std::string_view memo, proposer;
  std::uint64_t scheduled_epoch = 0;
  std::uint64_t balance = 0;  // before this payment
  // Executed in this epoch before it, and not taken back: in sum, and to that destination.
  std::uint64_t paid_in_epoch = 0, paid_to_destination = 0;
};
BOOST_DESCRIBE_STRUCT(PaymentArgs, (),
                      (id, destination, amount, memo, proposer, scheduled_epoch, balance,
                       paid_in_epoch, paid_to_destination))
inline constexpr std::string_view kTreasuryGate = "treasury";
Refused run_payment_scripts(tb::Ctx& ctx, const PaymentArgs& payment);

// The service scripts/1, which the executor calls.
void describe_scripts_service(tb::Plugin& p);

}  // namespace governance
