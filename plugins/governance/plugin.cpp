// governance: the table of contents of the plugin. What is stored stands in state.hpp, rules
// without state in plugins/gov-core.
#include "plugins/governance/approvals.hpp"
#include "plugins/governance/decide.hpp"
#include "plugins/governance/describe.hpp"
#include "plugins/governance/face.hpp"
#include "plugins/governance/houses.hpp"
#include "plugins/governance/keysets.hpp"
#include "plugins/governance/propose.hpp"
#include "plugins/governance/queries.hpp"
#include "plugins/governance/releases.hpp"
#include "plugins/governance/rollback.hpp"
#include "plugins/governance/scripts.hpp"
#include "plugins/governance/services.hpp"
#include "plugins/governance/votes.hpp"

namespace governance {
namespace {

void describe(tb::Plugin& p) {
  p.id("governance")
      .version("1.0.0")
      .sm(1)
      .schema(1)
      .summary("Votes of two houses on parameters, scripts, releases, members, keys and approvals")
      .method_prefix("gov");
  describe_services(p);
  describe_propose(p);
  describe_settlement(p);
  describe_votes(p);
  describe_rollback(p);
  describe_scripts(p);
  describe_releases(p);
  describe_approvals(p);
  describe_houses(p);
  describe_keysets(p);
  describe_queries(p);
  describe_release_queries(p);
  describe_face(p);
  describe_events(p);
  describe_metrics(p);
  describe_own_params(p);
  describe_monitoring(p);
  p.genesis(&write_genesis).begin(&on_begin).epoch(&on_epoch);
}

}  // namespace
}  // namespace governance

TB_PLUGIN(governance::describe)
