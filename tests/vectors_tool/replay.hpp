// Replays files of golden vectors: JSON Lines of {"name","input","expected"} and, where a file
// mixes them, "kind"; without it the kind is the name of the file. [one thread]
#pragma once

#include <iosfwd>
#include <string>

#include "kernel/base/json.hpp"

namespace blockd {

struct Tally {
  std::size_t passed = 0, failed = 0;
};

// What the product answers to one case. Errors: kNotFound for a subsystem without vectors, kInvalid
// for an unknown kind or an input that is no case of it.
Result<json::value> replay_case(const std::string& subsystem, const std::string& kind,
                                const json::value& input);

// Replays the cases of `text` and prints a line a case to `out`, with the differences below a
// failed one. A line that is no case fails. `file_stem` is the kind of cases that name none.
Tally replay_lines(const std::string& subsystem, const std::string& file_stem, std::istream& text,
                   std::ostream& out);

// The same for a file. Errors: kNotFound (names the file), kInvalid when it holds no case.
Result<Tally> replay_file(const std::string& subsystem, const std::string& path, std::ostream& out);

}  // namespace blockd
