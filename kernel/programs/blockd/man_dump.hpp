// The manual pages blockd(8) and blockd.yaml(5), made from flags and configuration keys.
#pragma once

#include <string>
#include <vector>

namespace blockd {

// What `blockd` without words and `blockd --help` print.
const char* blockd_usage();
// `--dir DIR LIBRARY…`: writes DIR/blockd.8 and DIR/blockd.yaml.5, the latter with the keys of
// these plugins; without --dir both go to standard output. Returns the exit code.
int print_man(const std::string& program, const std::vector<std::string>& words);

}  // namespace blockd
