#include "plugins/treasury/views.hpp"

#include <algorithm>

#include "plugins/gov-core/dependencies.hpp"

namespace treasury {
namespace {

std::string_view name_of(gov::Dependency dependency) {
  switch (dependency) {
    case gov::Dependency::kMissing:
      return "dependency_missing";
    case gov::Dependency::kRolledBack:
      return "dependency_failed";
    case gov::Dependency::kPending:
      return "dependency_pending";
    case gov::Dependency::kFinalized:
      break;
  }
  return {};
}

std::vector<std::uint64_t> ids_in(tb::View& view, gov::State state) {
  std::vector<std::uint64_t> ids;
  const tb::Key prefix = state_key(state);
  view.scan(prefix, {}, kMaxWaiting, [&](std::string_view key, std::string_view) {
    ids.push_back(tb::Key::read_u64(key, prefix.view().size()));
  });
  return ids;
}

Waiting waiting_of(tb::View& view, std::uint64_t id, const Progress& progress) {
  Waiting found{id, progress.amount, progress.matured_at, {}, 0};
  const auto dependencies = dependencies_of(view, progress);
  for (std::size_t i = 0; i < dependencies.size(); ++i) {
    const std::string_view name = name_of(dependencies[i]);
    if (name.empty()) continue;
    found.blocked = name;
    found.blocking_dep = progress.deps[i];
    break;
  }
  return found;
}

}  // namespace

std::vector<Waiting> find_waiting(tb::View& view, std::uint64_t epoch) {
  std::vector<Waiting> found;
  for (std::uint64_t id : ids_in(view, gov::State::kTimelocked)) {
    const auto progress = view.load<Progress>(progress_key(id));
    if (progress && progress->scheduled_epoch <= epoch)
      found.push_back(waiting_of(view, id, *progress));
  }
  return found;
}

std::uint64_t count_matured(const std::vector<Waiting>& waiting) {
  return static_cast<std::uint64_t>(std::count_if(
      waiting.begin(), waiting.end(), [](const Waiting& w) { return w.blocked.empty(); }));
}

gov::Ids find_pending_cycle(tb::View& view) {
  using enum gov::State;
  std::vector<gov::Node> graph;
  for (gov::State state : {kDraft, kVoting, kQueued, kTimelocked}) {
    for (std::uint64_t id : ids_in(view, state)) {
      if (auto progress = view.load<Progress>(progress_key(id)))
        graph.push_back({id, std::move(progress->deps)});
    }
  }
  return gov::find_cycle(graph);
}

std::uint64_t oldest_age(tb::View& view, gov::State state, std::uint64_t now) {
  std::uint64_t oldest = now;
  view.scan(state_key(state), {}, kMaxWaiting, [&](std::string_view, std::string_view value) {
    oldest = std::min(oldest, tb::row_as<Entered>(value).at);
  });
  return now - oldest;
}

}  // namespace treasury
