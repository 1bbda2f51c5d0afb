// What is wrong with the alerts, recordings and panels of one plugin, without the manifests of
// others and without a Prometheus: for an author, before anybody loads the plugin.
#pragma once

#include "kernel/monitoring/model.hpp"

namespace blockd {

struct OwnRules {
  // "alert 'MarketDear': what is wrong": an expression that is empty or malformed, a placeholder
  // without a value, and a series that looks like one of this plugin and is none. Series with other
  // names may be those of other plugins.
  std::vector<std::string> wrong;
  // The same for what goes beyond the language that is understood here (group_left, topk, @ …).
  std::vector<std::string> not_judged;
};
OwnRules look_at_own_rules(const Manifest& manifest);

}  // namespace blockd
