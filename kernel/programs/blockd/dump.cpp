#include "kernel/programs/blockd/dump.hpp"

#include <filesystem>
#include <iostream>

#include "kernel/base/file.hpp"
#include "kernel/manifest/clash.hpp"
#include "kernel/programs/blockd/library_manifest.hpp"
#include "kernel/rpc/rpc.hpp"

namespace blockd {

Result<DumpRequest> read_dump_request(const std::string& program,
                                      const std::vector<std::string>& words,
                                      const std::string& flag) {
  DumpRequest request;
  request.kernel = Rpc::kernel_manifests();
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == flag && i + 1 < words.size()) {
      request.out = words[++i];
      continue;
    }
    if (words[i].starts_with("--")) {
      return Status(Code::kInvalid, "unknown flag or flag without a value: " + words[i],
                    "expected " + flag + " and paths of libraries");
    }
    auto manifest = manifest_of_library(program, words[i]);
    if (!manifest.ok()) return manifest.status();
    request.plugins.push_back(*manifest);
  }
  ManifestList all = request.kernel;
  all.insert(all.end(), request.plugins.begin(), request.plugins.end());
  if (Status clash = check_clashes(all); !clash.ok()) return clash;
  return request;
}

Status write_dump(const std::string& path, const std::string& text) {
  if (path.empty()) {
    std::cout << text << std::flush;
    return std::cout ? Status() : Status(Code::kIo, "standard output cannot be written");
  }
  if (const auto folder = std::filesystem::path(path).parent_path(); !folder.empty())
    TB_TRY(make_directories(folder.string(), 0755));
  return write_file_atomic(path, text, 0644);
}

int refuse_dump(const Status& status) {
  std::cerr << "error[" << code_name(status.code()) << "]: " << status.message() << "\n";
  if (!status.hint().empty()) std::cerr << "  " << status.hint() << "\n";
  return 1;
}

}  // namespace blockd
