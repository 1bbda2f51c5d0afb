#include "kernel/programs/blockd/library_manifest.hpp"

#include <stdlib.h>

#include <filesystem>

#include "kernel/base/file.hpp"

namespace blockd {

Result<std::shared_ptr<const Manifest>> manifest_of_library(const std::string& blockd,
                                                            const std::string& file) {
  LoadRules rules;
  rules.policy = SignaturePolicy::kOff;
  return manifest_of_library(blockd, file, std::move(rules));
}

Result<std::shared_ptr<const Manifest>> manifest_of_library(const std::string& blockd,
                                                            const std::string& file,
                                                            LoadRules rules) {
  std::string folder = (std::filesystem::temp_directory_path() / "the-block-XXXXXX").string();
  if (!::mkdtemp(folder.data())) return errno_status(folder);
  rules.probe_program = blockd;
  rules.store_dir = folder;
  auto checked = Library::check(rules, file, nullptr);
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
  if (!checked.ok()) return checked.status();
  return checked->second;
}

}  // namespace blockd
