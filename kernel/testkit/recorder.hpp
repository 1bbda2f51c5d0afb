// Recorder: writes the chain of a test to a file, so that every later build can execute it again
// (tests/recorded). Works when the variable TB_RECORD_CHAINS names a folder; else it does nothing.
//
// The first line is {"genesis","header"}, each further one a block: {"header","commands","ends"}.
// Headers are in hexadecimal and bear all roots; `ends` tells how each command ended, for whoever
// has to find a difference. A file has at most kMaxRecordedBlocks blocks. One thread.
#pragma once

#include <unistd.h>

#include <boost/json/serialize.hpp>
#include <cstdlib>
#include <fstream>
#include <string>

#include "kernel/base/hex.hpp"
#include "kernel/chain/chain.hpp"

namespace tb {

class Recorder {
 public:
  static constexpr std::uint64_t kMaxRecordedBlocks = 1000;

  void begin(const blockd::Genesis& genesis, const blockd::Header& header) {
    const char* folder = std::getenv("TB_RECORD_CHAINS");
    if (folder == nullptr || *folder == '\0') return;
    static int count = 0;
    out_.open(std::string(folder) + "/" + std::to_string(getpid()) + "-" + std::to_string(count++) +
                  ".jsonl",
              std::ios::binary);
    out_ << "{\"genesis\":" << genesis.to_json() << ",\"header\":\""
         << blockd::to_hex(header.encode()) << "\"}\n";
  }

  void block(const blockd::BlockRecord& block) {
    if (!out_.is_open() || block.header.height > kMaxRecordedBlocks) return;
    out_ << "{\"header\":\"" << blockd::to_hex(block.header.encode()) << "\",\"commands\":[";
    for (std::size_t i = 0; i < block.commands.size(); ++i)
      out_ << (i == 0 ? "" : ",") << block.commands[i]->envelope;
    out_ << "],\"ends\":[";
    bool first = true;
    for (const blockd::Step& step : block.steps) {
      if (step.kind != blockd::StepKind::kCommand) continue;
      const std::string end = std::string(blockd::outcome_name(step.outcome)) +
                              (step.name.empty() ? "" : " " + step.name);
      out_ << (first ? "" : ",") << boost::json::serialize(boost::json::string(end));
      first = false;
    }
    out_ << "]}\n" << std::flush;
  }

 private:
  std::ofstream out_;
};

}  // namespace tb
