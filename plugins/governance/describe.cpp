#include "plugins/governance/describe.hpp"

#include "plugins/governance/handles.hpp"
#include "tb/panels.hpp"

namespace governance {

void describe_events(tb::Plugin& p) {
  p.event(kProposed, "gov.proposed").help("A proposal was opened");
  p.event(kVoted, "gov.voted").help("A ballot was cast, or replaced");
  p.event(kStatusChanged, "gov.proposal_status").help("A proposal went on");
  p.event(kParamChanged, "gov.param_changed")
      .help("A parameter has another value: event activate, rollback or script");
  p.event(kReleaseChanged, "gov.release").help("A release was approved, activated or withdrawn");
  p.event(kKeysetChanged, "gov.keyset_changed").help("A key set has other keys");
  p.event(kHouseChanged, "gov.house_changed").help("A member of a house has another weight");
  p.event(kRoleChanged, "gov.role_changed").help("An account has another role");
  p.event(kScriptDisabled, "gov.script_disabled").help("A script does not run any more");
  p.event(kScriptEmitted, "gov.script_event").help("A script says something");
  p.event(kSettlementChanged, "gov.energy_settlement")
      .help("The energy market settles in another way, or that was taken back");
  p.event(kProvenanceAdded, "gov.provenance").help("An entry of the provenance log");
}

namespace {

void describe_proposal_metrics(tb::Plugin& p) {
  p.counter(kProposals, "gov_proposals_total")
      .labels({"status"})
      .preset({"open"})
      .preset({"passed"})
      .preset({"rejected"})
      .preset({"activated"})
      .preset({"failed"})
      .preset({"rolled_back"})
      .help("Proposals that entered the status");
  p.gauge(kOpenProposals, "gov_open_proposals").help("Proposals that are voted on");
  p.gauge(kPendingProposals, "gov_proposals_pending").help("Proposals that passed and wait");
  p.gauge(kQuorumRequired, "gov_quorum_required").help("Least weight of yes in sum");
  p.counter(kVotes, "gov_votes_total")
      .labels({"choice"})
      .preset({"yes"})
      .preset({"no"})
      .preset({"abstain"})
      .help("Ballots");
  p.counter(kReleaseVotes, "release_votes_total").labels({"choice"}).help("Ballots on releases");
  p.counter(kActivations, "gov_activation_total").labels({"key"}).help("Parameters activated");
  p.counter(kRollbacks, "gov_rollback_total").labels({"key"}).help("Parameters rolled back");
  p.histogram(kActivationDelay, "gov_activation_delay_seconds")
      .labels({"key"})
      .unit("seconds")
      .help("From the count of the votes to the activation")
      .buckets({60, 300, 900, 1800, 3600, 7200, 21600, 86400, 604800});
  p.gauge(kParamPending, "param_change_pending").labels({"key"}).help("Newest proposed value");
  p.gauge(kParamActive, "param_change_active").labels({"key"}).help("Value by the newest change");
  p.gauge(kPolicyAllowed, "gov_dependency_policy_allowed")
      .labels({"kind", "label"})
      .help("1 while the provider is allowed");
}

void describe_release_metrics(tb::Plugin& p) {
  p.counter(kInstalls, "release_installs_total").help("Installs that operators noted");
  p.counter(kReleaseQuorumFail, "release_quorum_fail_total").help("Releases without a quorum");
  p.counter(kBuildValid, "build_provenance_valid_total").help("Releases whose attestations hold");
  p.counter(kBuildInvalid, "build_provenance_invalid_total").help("Releases that were refused");
  p.counter(kAttestations, "release_attestation_total")
      .labels({"result"})
      .preset({"valid"})
      .preset({"invalid"})
      .help("Attestations that were checked");
  p.gauge(kAttestationSigners, "release_attestation_signers")
      .labels({"target"})
      .help("Attestations of the newest approved release");
  p.gauge(kAttestationThreshold, "release_attestation_threshold")
      .labels({"target"})
      .help("Signers that it needed");
  p.gauge(kAttestationAge, "release_attestation_age_seconds")
      .labels({"target"})
      .unit("seconds")
      .help("From its submission to its approval");
  p.gauge(kRolledBackRunning, "release_rolled_back_running")
      .help("1 while this node runs a build that was rolled back");
}

void describe_script_metrics(tb::Plugin& p) {
  p.counter(kScriptRuns, "gov_script_runs_total")
      .labels({"script", "event", "result"})
      .help("Runs of voted scripts");
  p.histogram(kScriptInstructions, "gov_script_instructions")
      .labels({"script"})
      .help("Instructions that a run used")
      .buckets({100, 1000, 10'000, 100'000, 200'000, 1'000'000, 5'000'000});
  p.gauge(kScriptDisabledGauge, "gov_script_disabled")
      .labels({"script"})
      .help("1 while a script is suspended or disabled");
  p.counter(kFileErrors, "governance_file_write_errors_total")
      .alias("treasury_provenance_write_errors_total")
      .help("Files of history and provenance that could not be written");
  p.gauge(kScriptsDamaged, "gov_scripts_damaged")
      .help("Voted scripts whose stored text is not the one that was voted on, at the start");
}

}  // namespace

void describe_metrics(tb::Plugin& p) {
  describe_proposal_metrics(p);
  describe_release_metrics(p);
  describe_script_metrics(p);
}

void describe_own_params(tb::Plugin& p) {
  p.param(kQuorumOperators, "gov_quorum_operators_ppm", 0, 0, 1'000'000)
      .unit("ppm")
      .help("share of the operators' weight that must say yes");
  p.param(kQuorumBuilders, "gov_quorum_builders_ppm", 0, 0, 1'000'000)
      .unit("ppm")
      .help("share of the builders' weight that must say yes");
  p.param(kVoteWindow, "gov_vote_window_epochs", 4, 1, 10'000)
      .unit("epochs")
      .help("how long a proposal is voted on unless it says otherwise");
  p.param(kKillSwitchTimelock, "governance.kill_switch_timelock_epochs", 10'800, 1, 1'000'000)
      .unit("epochs")
      .help("timelock of kill_switch_subsidy_reduction; set by the genesis, not by votes");
  p.param(kDirectApprovals, "governance.direct_approvals", 0, 0, 1)
      .help("1: an admin approves payloads without a vote; set by the genesis, not by votes");
  p.param(kBadgeMembership, "governance.badge_membership", 0, 0, 1)
      .help(
          "1: a badge makes its holder a member of the operators; set by the genesis, not by "
          "votes");
}

void describe_monitoring(tb::Plugin& p) {
  p.alert("GovScriptDisabled")
      .expr("gov_script_disabled == 1")
      .for_duration("0m")
      .severity("warning")
      .summary("A voted script is suspended or disabled")
      .group("treasury");
  p.alert("GovScriptsDamaged")
      .expr("gov_scripts_damaged > 0")
      .for_duration("0m")
      .severity("critical")
      .summary("The stored text of a voted script is not the one that was voted on");
  p.alert("ReleaseAttestationInvalid")
      .expr("increase(release_attestation_total{result=\"invalid\"}[10m]) > 0")
      .for_duration("0m")
      .severity("warning")
      .summary("A release came with an attestation that does not hold")
      .group("treasury");
  tb::panel(p, "Treasury", "Release attestations", "release_attestation_signers")
      .legend("{{target}} signers")
      .query("release_attestation_threshold", "{{target}} threshold")
      .help("Attestations of the newest approved release, and how many it needed");
  tb::panel(p, "Treasury", "param_change_active", "param_change_active")
      .legend("{{key}}")
      .type("table")
      .help("Parameters by their newest change");
  tb::panel(p, "Governance", "Proposals by status (1h)",
            "max by (status) (increase(gov_proposals_total[1h]))")
      .legend("{{status}}")
      .help("Proposals that entered a status");
  tb::panel(p, "Governance", "Open and waiting proposals", "gov_open_proposals")
      .legend("voted on")
      .query("gov_proposals_pending", "passed, waiting")
      .help("What is decided, and what waits for its time");
  tb::panel(p, "Governance", "Ballots (1h)", "max by (choice) (increase(gov_votes_total[1h]))")
      .legend("{{choice}}")
      .help("Ballots on proposals");
  tb::panel(p, "Governance", "Attestations by result (1d)",
            "sum by (result) (increase(release_attestation_total[1d]))")
      .legend("{{result}}")
      .help("Attestations of releases that were checked");
  tb::panel(p, "Governance", "Runs of scripts (5m delta)",
            "max by (script, result) (sum by (instance, script, result) "
            "(increase(gov_script_runs_total[5m])))")
      .legend("{{script}} {{result}}")
      .help("Runs of voted scripts");
}

}  // namespace governance
