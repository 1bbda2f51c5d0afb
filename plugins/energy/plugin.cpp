// energy: the table of contents of the plugin. Rules stand in rules/, state in state.hpp, commands
// in commands.cpp.
#include "plugins/energy/commands.hpp"
#include "plugins/energy/describe.hpp"
#include "plugins/energy/face.hpp"
#include "plugins/energy/hooks.hpp"
#include "plugins/energy/import.hpp"
#include "plugins/energy/queries.hpp"
#include "plugins/energy/receipt_check.hpp"
#include "plugins/energy/services.hpp"

namespace energy {
namespace {

void describe(tb::Plugin& p) {
  p.id("energy")
      .version("1.0.0")
      .sm(1)
      .schema(1)
      .invalid_params_name("InvalidParams")
      .summary(
          "Energy market: signed meter readings become credits, buyers settle them, wrong ones are "
          "slashed.")
      .escrow_prefix("energy");
  describe_services(p);
  describe_roles(p);
  describe_commands(p);
  describe_state_queries(p);
  describe_receipt_check(p);
  describe_face(p);
  describe_events(p);
  describe_metrics(p);
  describe_params(p);
  describe_monitoring(p);
  p.begin(&begin_block).end(&end_block).epoch(&end_epoch);
  p.migrate(&take_import);
  p.check_params(&check_params).params_changed(&params_changed);
}

}  // namespace
}  // namespace energy

TB_PLUGIN(energy::describe)
