#include "kernel/chain/script_tally.hpp"

namespace blockd {

void ScriptTally::note(std::string_view caller, std::string_view name, bool ok) {
  Key key{caller, name};
  auto it = runs_.find(key);
  const bool created = it == runs_.end();
  if (created) {
    if (runs_.size() >= kMaxNames) return;
    it = runs_.emplace(key, Runs{}).first;
  }
  undo_.push_back({std::move(key), it->second, created});
  if (ok) {
    it->second = {true, 0};
  } else {
    ++it->second.failed;
  }
}

const ScriptTally::Runs* ScriptTally::find(std::string_view caller, std::string_view name) const {
  auto it = runs_.find(Key{caller, name});
  return it == runs_.end() ? nullptr : &it->second;
}

std::vector<std::pair<std::string, ScriptTally::Runs>> ScriptTally::of(
    std::string_view caller) const {
  std::vector<std::pair<std::string, Runs>> out;
  for (auto it = runs_.lower_bound(Key(caller, std::string()));
       it != runs_.end() && it->first.first == caller; ++it)
    out.emplace_back(it->first.second, it->second);
  return out;
}

void ScriptTally::take_back() {
  for (; !undo_.empty(); undo_.pop_back()) {
    Undo& undo = undo_.back();
    if (undo.created) {
      runs_.erase(undo.key);
    } else {
      runs_[undo.key] = undo.before;
    }
  }
}

}  // namespace blockd
