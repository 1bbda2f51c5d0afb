// Queries of releases.
#include "plugins/governance/keysets.hpp"
#include "plugins/governance/releases.hpp"
#include "plugins/governance/verbs.hpp"

namespace governance {
namespace {

constexpr std::uint32_t kMaxReleasesShown = 1000, kMaxInstallers = 1000;

void put_release(tb::View& view, const Release& release, tb::Out& out) {
  out.write(release);
  const tb::Key prefix = tb::Key("install/").raw(release.build_hash).raw("/");
  out.list("installs", [&](tb::Out& list) {
    view.scan(prefix, {}, kMaxInstallers, [&](std::string_view key, std::string_view row) {
      list.record({}, [&](tb::Out& item) {
        item.put("account", key.substr(prefix.view().size()));
        item.write(tb::row_as<Installs>(row));
      });
    });
  });
}

struct ListReleasesParams {
  std::optional<std::string_view> target, status;
};
BOOST_DESCRIBE_STRUCT(ListReleasesParams, (), (target, status))

tb::Status releases(tb::View& view, const ListReleasesParams& in, tb::Out& out) {
  out.list("releases", [&](tb::Out& list) {
    view.scan("release/", {}, kMaxReleasesShown, [&](std::string_view, std::string_view row) {
      const Release release = tb::row_as<Release>(row);
      if ((in.target && *in.target != release.target) ||
          (in.status && *in.status != release.status))
        return;
      list.record({}, [&](tb::Out& item) { put_release(view, release, item); });
    });
  });
  return tb::ok();
}

struct OneParams {
  std::optional<std::uint64_t> id;
  std::optional<std::string_view> build_hash;
};
BOOST_DESCRIBE_STRUCT(OneParams, (), (id, build_hash))

tb::Status release(tb::View& view, const OneParams& in, tb::Out& out) {
  std::string hash(in.build_hash.value_or(std::string_view()).substr(0, 64));
  if (in.id) {
    const auto proposal = load_proposal(view, *in.id);
    if (proposal && proposal->kind_of() == ProposalKind::kRelease) hash = proposal->subject;
  }
  const auto found = view.load<Release>(name_key("release/", lower_hex_key(hash).value_or("-")));
  if (!found) return view.fail(kUnknownRelease, "there is no such release");
  put_release(view, *found, out);
  return tb::ok();
}

tb::Status signers(tb::View& view, tb::Out& out) {
  const std::vector<tb::Hash> keys = keyset(view, kKeysets[0]);
  out.put("signers", keys);
  out.put("threshold", static_cast<std::uint64_t>(keys.size()));
  return tb::ok();
}

}  // namespace

void describe_release_queries(tb::Plugin& p) {
  verb(p.query("gov.releases", &releases)
           .role("open")
           .summary("Releases")
           .field("target")
           .max(64)
           .field("status")
           .max(32),
       "gov release list")
      .list("releases")
      .columns({"build_hash", "target", "status", "proposal_id"})
      .id_field("build_hash");
  auto& one = p.query("gov.release", &release)
                  .role("open")
                  .summary("A release, by proposal or hash")
                  .error(kUnknownRelease)
                  .field("id")
                  .alias("proposal")
                  .field("build_hash")
                  .alias("hash")
                  .max(64);
  verb(one, "gov release status")
      .positional("id")
      .flag("id", "--proposal")
      .flag("build_hash", "--hash");
  verb(p.query("gov.release_signers", &signers)
           .role("open")
           .summary("Keys that may attest releases, and how many must"),
       "gov release signers");
}

}  // namespace governance
