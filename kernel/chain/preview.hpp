// Preview: the newest blocks once more, with other values of parameters or with another script, and
// what would have been different (architecture: deltas serve preview).
//
// The state in front of the window is rebuilt from the deltas in memory that nobody else sees
// (past_state.hpp); the values and the script are put in force before its first block, and the
// commands of the log run again. Signatures are trusted. Nothing of the node is touched. A block
// whose receipts have the logged root did the same in every command, record and event; only the
// others are taken apart. As long as every block changes the rows of the log, none is compared.
// Slow, any thread; Chain::preview() does it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace blockd {

inline constexpr std::size_t kMaxPreviewParams = 64;
inline constexpr std::size_t kMaxPreviewObserved = 16;
inline constexpr std::size_t kMaxPreviewCommands = 1000;    // that differ and are listed
inline constexpr std::size_t kMaxPreviewAccounts = 10'000;  // whose sums are kept
inline constexpr std::size_t kMaxPreviewKeys = 20;          // listed of a plugin
// Of rows that the window touches.
inline constexpr std::uint64_t kMaxPreviewBytes = 512ull << 20;

struct PreviewRequest {
  // The blocks of that many closed epochs and of the open one; fewer when the log keeps fewer.
  std::uint64_t epochs = 1;
  std::vector<std::pair<std::string, std::uint64_t>> params;  // by key or alias
  std::string script;                                         // source text; empty: none
  // An event that moves an amount: names of its members, each may be empty.
  struct Observed {
    std::string topic, from, to, amount;
  };
  std::vector<Observed> observe;
};

struct PreviewProgress {
  std::uint64_t blocks = 0, total_blocks = 0, commands = 0;
};
// false: stop.
using PreviewWatcher = std::function<bool(const PreviewProgress&)>;

struct PreviewReport {
  struct Command {
    std::uint64_t height = 0;
    std::uint32_t index = 0;
    std::string method, before, after;  // outcome and error, as logged and in the preview
  };
  struct Method {
    std::uint64_t commands = 0, differing = 0;
  };
  // Of the blocks that differ; `differing` are those without an equal on the other side.
  struct Count {
    std::uint64_t logged = 0, previewed = 0, differing = 0;
  };
  struct Sum {
    std::int64_t logged = 0, previewed = 0;  // of differing events only: what is equal cancels out
  };
  struct Rows {
    std::uint64_t count = 0;
    std::vector<std::string> first;  // keys, in hex when not printable
  };
  std::uint64_t from = 0, to = 0, blocks_differing = 0, commands = 0, commands_differing = 0;
  std::uint64_t commands_per_second = 0;
  std::vector<Command> listed;
  std::map<std::string, Method, std::less<>> methods;
  std::map<std::string, Count, std::less<>> records, events;
  std::map<std::string, Sum, std::less<>> accounts;  // only those whose sums differ
  bool accounts_complete = true;                     // false: more than kMaxPreviewAccounts
  std::map<std::string, Rows, std::less<>> rows;     // that differ at the end, by plugin
};

}  // namespace blockd
