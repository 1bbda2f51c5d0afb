// What a disbursement (or a proposal) waits for, and whether waiting ends.
//
// Canonical dependencies are ascending and distinct, at most kMaxDependencies. They come from the
// explicit list or, if that is empty, from a hint in the memo: a JSON object with the array
// `depends_on`, or the text `depends_on=1,2`. The JSON reader walks at most kMaxMemoDepth levels
// and does not recurse without bound; what it cannot read is no hint. Pure. Spec: 6.2.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace gov {

inline constexpr std::size_t kMaxMemoDepth = 64;

using Ids = std::vector<std::uint64_t>;

Ids memo_deps(std::string_view memo);
Ids canonical_deps(const Ids& explicit_deps, std::string_view memo);

struct Node {
  std::uint64_t id = 0;
  Ids deps;
};

// The first cycle of the graph, rotated to begin at its smallest id; empty if there is none. Depth
// first from ascending ids, dependencies ascending; edges to ids that are not there are passed
// over.
Ids find_cycle(std::span<const Node> graph);

enum class Closes : std::uint8_t { kNo, kYes, kTooLarge };

// Whether a new node `id` with `deps` would close a cycle. `deps_of` answers for an existing node,
// absent for others; at most `limit` nodes are asked, then kTooLarge.
Closes closes_cycle(std::uint64_t id, const Ids& deps,
                    const std::function<std::optional<Ids>(std::uint64_t)>& deps_of,
                    std::size_t limit);

}  // namespace gov
