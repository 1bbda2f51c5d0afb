// economics: the table of contents of the plugin. The laws stand in rules/, state in state.hpp.
#include "plugins/economics/block.hpp"
#include "plugins/economics/boundary.hpp"
#include "plugins/economics/describe.hpp"
#include "plugins/economics/face.hpp"
#include "plugins/economics/outside.hpp"
#include "plugins/economics/queries.hpp"
#include "plugins/economics/service.hpp"
#include "plugins/economics/state.hpp"
#include "plugins/economics/tools.hpp"

namespace economics {
namespace {

void describe(tb::Plugin& p) {
  p.id("economics")
      .version("1.0.0")
      .sm(1)
      .schema(1)
      .summary("Economic control laws: block reward, subsidies, multipliers, ad split and tariff");
  describe_outside(p);
  describe_queries(p);
  describe_service(p);
  describe_face(p);
  describe_tools(p);
  p.event(kSnapshotEvent, "economics.snapshot").help("An epoch was closed and the laws were run");
  describe_metrics(p);
  describe_params(p);
  describe_monitoring(p);
  p.begin(&begin_block).end(&end_block).epoch(&close_epoch).check_params(&check_params);
}

}  // namespace
}  // namespace economics

TB_PLUGIN(economics::describe)
