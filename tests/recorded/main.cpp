// tb-recorded FILE...: executes recorded chains again and says of each file whether this build does
// the same. Exit code 1 if one differs.
#include <cstdio>

#include "tests/recorded/plugins.hpp"

int main(int argc, char** argv) {
  using namespace blockd;
  auto plugins = support::PluginImages::load(TB_BINARY_DIR "/plugins", recorded::plugin_names());
  if (!plugins.ok()) {
    std::fprintf(stderr, "error: %s\n", plugins.status().to_string().c_str());
    return 2;
  }
  bool good = argc > 1;
  for (int i = 1; i < argc; ++i) {
    Result<std::string> text = recorded::read_recording(argv[i]);
    Result<recorded::Tally> tally = text.ok() ? recorded::replay_recording(*text, **plugins)
                                              : Result<recorded::Tally>(text.status());
    good = good && tally.ok();
    if (tally.ok()) {
      std::printf("%s: same: %llu chains, %llu blocks, %llu commands\n", argv[i],
                  static_cast<unsigned long long>(tally->chains),
                  static_cast<unsigned long long>(tally->blocks),
                  static_cast<unsigned long long>(tally->commands));
    } else {
      std::printf("%s: %s\n", argv[i], tally.status().to_string().c_str());
    }
  }
  return good ? 0 : 1;
}
