#include "plugins/governance/releases.hpp"

#include <algorithm>

#include "plugins/gov-core/params_catalogue.hpp"
#include "plugins/gov-core/release.hpp"
#include "plugins/governance/keysets.hpp"
#include "plugins/governance/verbs.hpp"

namespace governance {
namespace {

constexpr std::uint64_t kDeadlineEpochs = 32;
constexpr std::size_t kMaxInstalls = 64, kMaxSignatures = 64;
constexpr std::uint32_t kReleasePage = 16;

tb::Key release_key(std::string_view hash) { return name_key("release/", hash); }

struct ReleaseParams {
  std::string_view build_hash;
  std::optional<std::string_view> artifact;
  std::string_view target = "node";
  std::optional<std::uint32_t> sm;
  std::optional<tb::Hash> consensus_hash;
  std::optional<std::uint32_t> schema;
  std::optional<std::uint64_t> activation_epoch;
  std::optional<std::vector<std::string>> signers, signatures, signer_set;
  std::uint64_t threshold = 0;
  std::uint64_t deadline = kDeadlineEpochs;
};
BOOST_DESCRIBE_STRUCT(ReleaseParams, (),
                      (build_hash, artifact, target, sm, consensus_hash, schema, activation_epoch,
                       signers, signatures, signer_set, threshold, deadline))

gov::ReleaseVerdict judge(tb::Ctx& ctx, const ReleaseParams& in,
                          const std::vector<gov::Attestation>& attestations) {
  gov::ReleaseSubmission submission;
  submission.build_hash = in.build_hash;
  submission.signatures = attestations;
  submission.threshold = in.threshold;
  submission.signer_set = in.signer_set.value_or(std::vector<std::string>{});
  for (const tb::Hash& key : keyset(ctx, kKeysets[0]))
    submission.configured_signers.push_back(key.hex());
  return gov::check_release(
      submission, [&](std::string_view hash) { return ctx.has(release_key(hash)); },
      [&](std::string_view signer, std::string_view message, std::string_view signature) {
        const auto key = raw_bytes(signer), bytes = raw_bytes(signature);
        return key && key->size() == 32 && bytes && bytes->size() == 64 &&
               ctx.verify(*key, message, *bytes);
      });
}

// What a release asks of the roster must differ from what is there as a whole, or not at all.
Refused check_entry(tb::View& view, const ReleaseParams& in, bool* switches) {
  *switches = false;
  if (in.target.empty() || in.target.size() > 64)
    return Refusal(kInvalidReleaseEntry, "a target is `node` or the id of a plugin");
  const bool is_node = in.target == "node";
  if (is_node && (in.consensus_hash || in.schema))
    return Refusal(kInvalidReleaseEntry, "the node has no consensus hash and no schema");
  if (!in.sm && !in.schema && !in.consensus_hash) return std::nullopt;
  const auto now = view.ask(kPlugin, {in.target});
  if (!now) {
    if (is_node || !in.sm || !in.schema || !in.consensus_hash)
      return Refusal(kInvalidReleaseEntry,
                     tb::cat("the roster has no ", in.target,
                             "; a new plugin is named with sm, schema and consensus hash"));
    *switches = true;
    return std::nullopt;
  }
  const bool other_sm = in.sm && *in.sm != now->sm;
  const bool other_rules = (in.schema && *in.schema != now->schema) ||
                           (in.consensus_hash && *in.consensus_hash != now->consensus_hash);
  if (!other_sm && other_rules)
    return Refusal(kInvalidReleaseEntry,
                   tb::cat("sm ", now->sm, " of ", in.target,
                           " is in force with another consensus hash or schema; raise the sm"));
  *switches = other_sm;
  return std::nullopt;
}

Refused read_attestations(const ReleaseParams& in, std::vector<gov::Attestation>* out) {
  const auto signers = in.signers.value_or(std::vector<std::string>{});
  const auto signatures = in.signatures.value_or(std::vector<std::string>{});
  if (signers.size() != signatures.size() || signers.size() > kMaxSignatures)
    return Refusal(kReleaseCode, "invalid_attestation",
                   "every --signer needs a --signature, in the same order; at most 64");
  for (std::size_t i = 0; i < signers.size(); ++i) out->push_back({signers[i], signatures[i]});
  return std::nullopt;
}

std::string explain(const gov::ReleaseVerdict& verdict) {
  if (verdict.error == "insufficient_release_signers")
    return tb::cat(verdict.signers, " signers attest, ", verdict.threshold, " are needed");
  if (verdict.error == "invalid_release_hash") return "a build hash has 64 hex digits";
  if (verdict.error == "invalid_attestation")
    return "a signer is not in the set, or its signature over `release:<hash>` is wrong";
  return tb::cat("threshold ", verdict.threshold, " of ", verdict.signer_set.size(), " signers");
}

struct Refusals {
  Refused refused;
  gov::ReleaseVerdict verdict;
};

Refusals propose_build(tb::Ctx& ctx, const ReleaseParams& in, Proposal* opened) {
  std::vector<gov::Attestation> attestations;
  gov::ReleaseVerdict verdict;
  if (auto refused = read_attestations(in, &attestations)) return {refused, verdict};
  verdict = judge(ctx, in, attestations);
  if (!verdict.error.empty())
    return {Refusal(kReleaseCode, verdict.error, explain(verdict)), verdict};
  bool switches = false;
  if (auto refused = check_entry(ctx, in, &switches)) return {refused, verdict};
  Draft draft;
  draft.kind = ProposalKind::kRelease;
  draft.subject = verdict.build_hash;
  if (auto refused = read_deadline(ctx, {in.deadline, {}, {}}, {}, &draft.deadline))
    return {refused, verdict};
  if (auto refused = check_limits(ctx, draft)) return {refused, verdict};
  *opened = open_proposal(ctx, draft);
  Release release;
  release.build_hash = verdict.build_hash;
  release.artifact = in.artifact.value_or(std::string_view());
  release.target = in.target;
  release.proposal_id = opened->id;
  release.proposer = opened->proposer;
  for (const gov::Attestation& a : attestations)
    release.signatures.push_back({gov::lower_hex(a.signer, 64), a.signature});
  release.signature_threshold = verdict.threshold;
  release.signer_set = verdict.signer_set;
  if (switches) {
    release.sm = in.sm;
    release.schema = in.schema;
    release.consensus_hash = in.consensus_hash;
  }
  release.asked_epoch = in.activation_epoch.value_or(0);
  release.submitted_at = ctx.time_s();
  ctx.store(release_key(release.build_hash), release);
  return {std::nullopt, verdict};
}

tb::Status propose_release(tb::Ctx& ctx, const ReleaseParams& in, tb::Out& out) {
  Proposal opened;
  const Refusals done = propose_build(ctx, in, &opened);
  const tb::Status status = done.refused ? done.refused->fail(ctx) : tb::ok();
  // Counted after fail(), so that it stays.
  if (done.verdict.valid > 0)
    ctx.add(kAttestations, static_cast<std::int64_t>(done.verdict.valid), {"valid"});
  if (done.verdict.invalid > 0)
    ctx.add(kAttestations, static_cast<std::int64_t>(done.verdict.invalid), {"invalid"});
  ctx.add(done.refused ? kBuildInvalid : kBuildValid);
  if (!status) return status;
  put_opened(opened, out);
  out.put("build_hash", opened.subject);
  return tb::ok();
}

struct InstallParams {
  std::string_view build_hash;
};
BOOST_DESCRIBE_STRUCT(InstallParams, (), (build_hash))

tb::Status record_install(tb::Ctx& ctx, const InstallParams& in, tb::Out& out) {
  if (const auto refused = require_role(ctx, "operator")) return refused->fail(ctx);
  const std::string hash = gov::lower_hex(in.build_hash, 64);
  if (hash.empty() || !ctx.has(release_key(hash)))
    return ctx.fail(kUnknownRelease, tb::cat("no release ", in.build_hash.substr(0, 64)));
  const tb::Key key = tb::Key("install/").raw(hash).raw("/").raw(ctx.account());
  Installs installs = ctx.load<Installs>(key).value_or(Installs{});
  if (installs.install_times.size() >= kMaxInstalls)
    installs.install_times.erase(installs.install_times.begin());
  installs.install_times.push_back(ctx.time_s());
  ctx.store(key, installs);
  ctx.add(kInstalls);
  out.put("ok", true);
  return tb::ok();
}

void tell(tb::Ctx& ctx, const Release& release) {
  ctx.store(release_key(release.build_hash), release);
  ctx.emit(kReleaseChanged,
           {release.build_hash, release.target, release.status, release.proposal_id});
}

std::vector<std::string> listed(tb::View& view, std::string_view prefix, std::uint64_t epoch) {
  std::vector<std::string> hashes;
  view.scan(prefix, {}, kReleasePage, [&](std::string_view key, std::string_view) {
    if (tb::Key::read_u64(key, prefix.size()) > epoch) return false;
    hashes.emplace_back(key.substr(prefix.size() + 8));
    return true;
  });
  return hashes;
}

void finish(tb::Ctx& ctx, Release& release) {
  const auto now = ctx.ask(kPlugin, {release.target});
  const bool there = now && now->sm == release.sm &&
                     (!release.consensus_hash || now->consensus_hash == *release.consensus_hash);
  release.status = there ? "activated" : "failed";
  if (there) release.activated_epoch = ctx.epoch();
  tell(ctx, release);
  if (!there)
    ctx.log(TB_LOG_ERROR, tb::cat("release ", release.build_hash, " failed: the roster switch of ",
                                  release.target, " was not made; the roster is as it was"));
}

}  // namespace

Refused approve(tb::Ctx& ctx, const Proposal& proposal, std::uint64_t epoch) {
  auto release = ctx.load<Release>(release_key(proposal.subject));
  if (!release) return Refusal(kUnknownRelease, "the release is not there");
  release->status = "approved";
  if (release->sm) {
    release->activation_epoch = std::max(release->asked_epoch, epoch + gov::kActivationDelay);
    ctx.put(tb::Key("switch-at/").u64(*release->activation_epoch).raw(release->build_hash), {});
  }
  tell(ctx, *release);
  ctx.set(kAttestationSigners, static_cast<std::int64_t>(release->signatures.size()),
          {release->target});
  ctx.set(kAttestationThreshold, static_cast<std::int64_t>(release->signature_threshold),
          {release->target});
  ctx.set(kAttestationAge, static_cast<std::int64_t>(ctx.time_s() - release->submitted_at),
          {release->target});
  return std::nullopt;
}

void refuse_release(tb::Ctx& ctx, const Proposal& proposal, gov::Verdict verdict) {
  if (verdict == gov::Verdict::kQuorumNotReached) ctx.add(kReleaseQuorumFail);
  auto release = ctx.load<Release>(release_key(proposal.subject));
  if (!release) return;
  release->status = "rejected";
  tell(ctx, *release);
}

void switch_releases(tb::Ctx& ctx, std::uint64_t boundary) {
  for (const std::string& hash : listed(ctx, "switch-at/", boundary)) {
    auto release = ctx.load<Release>(release_key(hash));
    if (!release || !release->sm) continue;
    ctx.erase(tb::Key("switch-at/").u64(*release->activation_epoch).raw(hash));
    const auto now = ctx.ask(kPlugin, {release->target});
    const auto done =
        ctx.call(kSwitchPlugin,
                 {release->target, *release->sm, release->schema.value_or(now ? now->schema : 1),
                  release->consensus_hash.value_or(tb::Hash{}), ctx.height() + 1});
    if (done) {
      ctx.put(tb::Key("switching/").u64(*release->activation_epoch).raw(hash), {});
    } else {
      release->status = "failed";
      ctx.log(TB_LOG_ERROR, tb::cat("release ", hash, " failed: ", done.text));
      tell(ctx, *release);
    }
  }
}

void finish_switches(tb::Ctx& ctx) {
  for (const std::string& hash : listed(ctx, "switching/", ctx.epoch())) {
    auto release = ctx.load<Release>(release_key(hash));
    if (!release) continue;
    ctx.erase(tb::Key("switching/").u64(*release->activation_epoch).raw(hash));
    finish(ctx, *release);
  }
}

Refused roll_back_release(tb::Ctx& ctx, const Proposal& proposal) {
  auto release = ctx.load<Release>(release_key(proposal.subject));
  if (!release) return Refusal(kUnknownRelease, "the release is not there");
  if (release->sm && release->status != "approved")
    return Refusal(kRollbackCode, "superseded",
                   "the roster was switched; only a new release takes it back");
  if (release->activation_epoch)
    ctx.erase(tb::Key("switch-at/").u64(*release->activation_epoch).raw(release->build_hash));
  release->status = "rolled_back";
  tell(ctx, *release);
  return std::nullopt;
}

void describe_releases(tb::Plugin& p) {
  auto& method = p.command("gov.propose_release", &propose_release)
                     .role("open")
                     .summary("Propose a build of the node or of a plugin");
  for (std::string_view name :
       {"invalid_release_hash", "release_known", "invalid_attestation",
        "insufficient_release_signers", "threshold_exceeds_signer_set", "no_release_signers"})
    method.error(kReleaseCode, name);
  method.error(kInvalidReleaseEntry)
      .error(kInvalidPayload)
      .error(kTooManyOpen)
      .error(kDuplicateProposal)
      .field("build_hash")
      .alias("hash")
      .max(128)
      .help("BLAKE3 of the file, 64 hex digits")
      .field("artifact")
      .max(512)
      .field("target")
      .defaulted()
      .help("node, or the id of a plugin")
      .field("sm")
      .help("state machine version that it brings; absent: the one in force")
      .field("activation_epoch")
      .unit("epoch")
      .field("signers")
      .help("public keys, in the order of the signatures")
      .field("signatures")
      .help("over the ASCII text release:<hash>")
      .field("threshold")
      .alias("signature_threshold")
      .defaulted()
      .help("0: all of the set")
      .field("deadline")
      .alias("vote_window")
      .defaulted()
      .unit("epochs");
  verb(method, "gov release propose", {"gov propose-release"})
      .positional("build_hash")
      .flag("build_hash", "--hash")
      .flag("signers", "--signer")
      .flag("signatures", "--signature");
  auto& install = p.command("gov.record_release_install", &record_install)
                      .role("operator")
                      .summary("Note that this account installed a release")
                      .error(kNotAuthorized)
                      .error(kUnknownRelease)
                      .field("build_hash")
                      .alias("hash");
  verb(install, "gov release installed").positional("build_hash").flag("build_hash", "--hash");
}

}  // namespace governance
