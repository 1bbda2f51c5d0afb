// ScriptTally: how the runs of Lua scripts in a block have ended so far, by who ran them and the
// script's name (governance spec 5.9: the count is kept outside the savepoint of the command that
// called the script).
//
// It goes back only together with a whole command that is left out of its block. One thread at a
// time.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace blockd {

class ScriptTally {
 public:
  struct Runs {
    bool ok_since = false;     // a run succeeded
    std::uint32_t failed = 0;  // failures in a row since then, or since the block's start
  };
  using Key = std::pair<std::string, std::string>;  // who ran it, name

  void clear() {
    runs_.clear();
    undo_.clear();
  }
  // Beyond kMaxNames names of a block a run is not noted.
  void note(std::string_view caller, std::string_view name, bool ok);
  // Null: no run in this block.
  const Runs* find(std::string_view caller, std::string_view name) const;
  // Ascending by name.
  std::vector<std::pair<std::string, Runs>> of(std::string_view caller) const;
  bool empty() const { return runs_.empty(); }

  // From here on runs can be taken back.
  void mark() { undo_.clear(); }
  void take_back();

 private:
  static constexpr std::size_t kMaxNames = 1024;
  struct Undo {
    Key key;
    Runs before;
    bool created;
  };
  std::map<Key, Runs> runs_;
  std::vector<Undo> undo_;
};

}  // namespace blockd
