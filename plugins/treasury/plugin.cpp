// treasury: the table of contents of the plugin. Rules stand in plugins/gov-core, state in
// state.hpp, each command in a file of its own, the executor in executor.hpp.
#include "plugins/treasury/audit_face.hpp"
#include "plugins/treasury/commands.hpp"
#include "plugins/treasury/describe.hpp"
#include "plugins/treasury/hooks.hpp"
#include "plugins/treasury/metrics.hpp"
#include "plugins/treasury/services.hpp"

namespace treasury {
namespace {

void describe(tb::Plugin& p) {
  p.id("treasury")
      .version("1.0.0")
      .sm(1)
      .schema(1)
      .summary(
          "Community money: accruals come in, disbursements leave by vote, an executor with a "
          "lease "
          "pays them");
  p.method_prefix("gov.treasury").escrow_prefix("treasury");
  p.role("treasury.executor")
      .within("operator")
      .key_config("key")
      .help("executes matured disbursements; on the chain the role executor of governance");
  describe_services(p);
  describe_service(p);
  describe_submit(p);
  describe_votes(p);
  describe_queue(p);
  describe_execute(p);
  describe_rollback(p);
  describe_lease(p);
  describe_import(p);
  describe_effects(p);
  describe_metrics(p);
  describe_face(p);
  describe_audit(p);
  describe_monitoring(p);
  p.genesis(&genesis).begin(&begin_block).end(&end_block).epoch(&end_epoch);
}

}  // namespace
}  // namespace treasury

TB_PLUGIN(treasury::describe)
