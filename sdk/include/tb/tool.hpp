// For tools that a plugin gives to contract-cli and that need no node: what is wrong with a command
// line, and the files that it names. [tool]
//
//   try {
//     const std::string text = tb::read_tool_file(flags.at("--file"), kMaxFileBytes);
//     ...
//   } catch (const tb::Misuse& misuse) {
//     err << "error[usage]: " << misuse.what() << "\n";
//     return 2;
//   }
#pragma once

#include <cstddef>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>

namespace tb {

// What is wrong with the command line; the tool turns it into a message and exit code 2.
struct Misuse : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The text of a file of at most `most_bytes`, or of standard input where the path is "-". Throws
// Misuse when there is no such file, when it is a folder, and when it is larger.
inline std::string read_tool_file(const std::string& path, std::size_t most_bytes) {
  std::ifstream file;
  std::istream* in = &std::cin;
  if (path != "-") {
    file.open(path, std::ios::binary);
    if (!file)
      throw Misuse("cannot read " + path + "; name a file that is there, or - for standard input");
    in = &file;
  }
  std::string text(most_bytes + 1, '\0');
  in->read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in->bad()) throw Misuse("cannot read " + path + ": it is no file, or its disk failed");
  text.resize(static_cast<std::size_t>(in->gcount()));
  if (text.size() > most_bytes)
    throw Misuse(path + " is above " + std::to_string(most_bytes >> 20) +
                 " MiB; give less at once");
  return text;
}

}  // namespace tb
