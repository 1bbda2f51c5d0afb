#include "kernel/programs/blockd/manifests_dump.hpp"

#include <boost/json/serialize.hpp>

#include "kernel/programs/blockd/dump.hpp"

namespace blockd {

int print_manifests(const std::string& program, const std::vector<std::string>& words) {
  Result<DumpRequest> request = read_dump_request(program, words, "--out");
  if (!request.ok()) return refuse_dump(request.status());
  json::array list;
  for (const ManifestList* part : {&request->kernel, &request->plugins}) {
    for (const auto& manifest : *part) list.push_back(manifest->source);
  }
  const Status written = write_dump(request->out, json::serialize(list) + "\n");
  return written.ok() ? 0 : refuse_dump(written);
}

}  // namespace blockd
