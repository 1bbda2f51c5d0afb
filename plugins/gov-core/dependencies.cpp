#include "plugins/gov-core/dependencies.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "plugins/gov-core/memo_json.hpp"
#include "plugins/gov-core/payload.hpp"
#include "plugins/gov-core/text.hpp"

namespace gov {
namespace {

void make_canonical(Ids& ids) {
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  if (ids.size() > kMaxDependencies) ids.resize(kMaxDependencies);
}

Ids ids_of_list(std::string_view list) {
  Ids ids;
  for (std::size_t parts = 0; parts < kMaxDependencies; ++parts) {
    const std::size_t comma = list.find(',');
    if (const auto id = digits_to_u64(trimmed(list.substr(0, comma)))) ids.push_back(*id);
    if (comma == std::string_view::npos) break;
    list.remove_prefix(comma + 1);
  }
  return ids;
}

// Depth first with a stack of its own; finds the cycle that `start` leads into.
class CycleSearch {
 public:
  explicit CycleSearch(std::span<const Node> graph) {
    for (const Node& node : graph) {
      Mark& mark = nodes_[node.id];
      mark.deps = node.deps;
      std::sort(mark.deps.begin(), mark.deps.end());
    }
  }

  Ids run() {
    for (auto& [id, mark] : nodes_) {
      if (mark.done) continue;
      if (Ids cycle = from(id); !cycle.empty()) return cycle;
    }
    return {};
  }

 private:
  struct Mark {
    Ids deps;              // ascending
    std::size_t next = 0;  // dependency to look at; above 0 while on the path
    bool done = false;
  };

  Ids from(std::uint64_t start) {
    Ids path{start};
    while (!path.empty()) {
      Mark& top = nodes_.at(path.back());
      if (top.next == top.deps.size()) {
        top.done = true;
        path.pop_back();
        continue;
      }
      const std::uint64_t next = top.deps[top.next++];
      const auto found = nodes_.find(next);
      if (found == nodes_.end() || found->second.done) continue;
      const auto at =
          found->second.next == 0 ? path.end() : std::find(path.begin(), path.end(), next);
      if (at != path.end()) return rotated({at, path.end()});
      path.push_back(next);
    }
    return {};
  }

  static Ids rotated(Ids cycle) {
    std::rotate(cycle.begin(), std::min_element(cycle.begin(), cycle.end()), cycle.end());
    return cycle;
  }

  std::map<std::uint64_t, Mark> nodes_;
};

}  // namespace

Ids memo_deps(std::string_view memo) {
  memo = trimmed(memo);
  if (memo.empty() || memo.size() > kMaxMemoBytes) return {};
  Ids ids;
  if (std::optional<Ids> hinted = json_depends_on(memo)) {
    ids = std::move(*hinted);
  } else if (memo.starts_with("depends_on=") || memo.starts_with("depends_on:")) {
    ids = ids_of_list(memo.substr(11));
  }
  make_canonical(ids);
  return ids;
}

Ids canonical_deps(const Ids& explicit_deps, std::string_view memo) {
  if (explicit_deps.empty()) return memo_deps(memo);
  Ids ids = explicit_deps;
  make_canonical(ids);
  return ids;
}

Ids find_cycle(std::span<const Node> graph) { return CycleSearch(graph).run(); }

Closes closes_cycle(std::uint64_t id, const Ids& deps,
                    const std::function<std::optional<Ids>(std::uint64_t)>& deps_of,
                    std::size_t limit) {
  std::set<std::uint64_t> seen;
  Ids waiting = deps;
  while (!waiting.empty()) {
    const std::uint64_t next = waiting.back();
    waiting.pop_back();
    if (next == id) return Closes::kYes;
    if (!seen.insert(next).second) continue;
    if (seen.size() > limit) return Closes::kTooLarge;
    if (const std::optional<Ids> further = deps_of(next))
      waiting.insert(waiting.end(), further->begin(), further->end());
  }
  return Closes::kNo;
}

}  // namespace gov
