// Guesses: what a plugin's process takes for the answer of a question, so that it need not wait.
//
// A question that was answered in the same way several times in a row (a transfer that went well, a
// signature that holds, a row that is not there yet) is told with that answer behind it, and the
// plugin goes on at once. The node answers every question in its order; where its answer is another
// one it says so, and the child runs the entry once more with the answers that are known by then
// (child_lane.hpp). An entry of a machine is a function of its ctx, so it comes to the same place.
// A wrong guess costs time and never another outcome; a question that is often guessed wrong is
// asked. One thread.
#pragma once

#include <unordered_map>

#include "kernel/base/bytes.hpp"

namespace blockd::isolation {

class Guesses {
 public:
  // What the question at `site` is expected to be answered, or null: it has to be asked. Borrowed
  // until the next call.
  const Bytes* find(std::uint64_t site) const;
  void answered(std::uint64_t site, BytesView answer);
  // What became of a guess.
  void held(std::uint64_t site);
  void failed(std::uint64_t site, BytesView answer);

 private:
  struct Site {
    Bytes last;
    std::uint32_t same = 0;  // times in a row
    std::uint32_t need = 2;  // before it is guessed
  };
  Site* site_for(std::uint64_t site, BytesView answer);
  std::unordered_map<std::uint64_t, Site> sites_;
};

}  // namespace blockd::isolation
