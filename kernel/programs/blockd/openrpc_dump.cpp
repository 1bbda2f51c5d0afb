#include "kernel/programs/blockd/openrpc_dump.hpp"

#include <boost/json/serialize.hpp>

#include "kernel/manifest/openrpc.hpp"
#include "kernel/programs/blockd/dump.hpp"

namespace blockd {

int print_openrpc(const std::string& program, const std::vector<std::string>& words) {
  Result<DumpRequest> request = read_dump_request(program, words, "--out");
  if (!request.ok()) return refuse_dump(request.status());
  OpenRpcOptions options;
  options.version = TB_VERSION;
  options.visible = [](const MethodSpec&) { return true; };
  ManifestList manifests = request->kernel;
  manifests.insert(manifests.end(), request->plugins.begin(), request->plugins.end());
  const Status written =
      write_dump(request->out, json::serialize(openrpc_document(manifests, options)) + "\n");
  return written.ok() ? 0 : refuse_dump(written);
}

}  // namespace blockd
