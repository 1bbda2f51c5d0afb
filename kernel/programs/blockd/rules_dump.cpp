#include "kernel/programs/blockd/rules_dump.hpp"

#include "kernel/manifest/dashboards.hpp"
#include "kernel/manifest/rules.hpp"
#include "kernel/programs/blockd/dump.hpp"

namespace blockd {

int print_rules(const std::string& program, const std::vector<std::string>& words) {
  Result<DumpRequest> request = read_dump_request(program, words, "--dir");
  if (!request.ok()) return refuse_dump(request.status());
  ManifestList manifests = request->kernel;
  manifests.insert(manifests.end(), request->plugins.begin(), request->plugins.end());
  for (const auto& manifest : manifests) {
    Result<std::string> text = prometheus_rules(*manifest, RuleOptions{});
    if (!text.ok()) return refuse_dump(text.status().in("plugin " + manifest->id));
    if (text->empty()) continue;
    const std::string path =
        request->out.empty() ? "" : request->out + "/" + manifest->id + ".rules.yml";
    if (Status written = write_dump(path, *text); !written.ok()) return refuse_dump(written);
  }
  return 0;
}

int print_dashboards(const std::string& program, const std::vector<std::string>& words) {
  Result<DumpRequest> request = read_dump_request(program, words, "--dir");
  if (!request.ok()) return refuse_dump(request.status());
  if (request->out.empty()) {
    return refuse_dump(Status(Code::kInvalid, "--print-dashboards makes several files",
                              "say --dir DIR: where they go"));
  }
  ManifestList manifests = request->kernel;
  manifests.insert(manifests.end(), request->plugins.begin(), request->plugins.end());
  for (const auto& [name, text] : grafana_dashboards(manifests, DashboardOptions{})) {
    if (Status written = write_dump(request->out + "/" + name, text); !written.ok())
      return refuse_dump(written);
  }
  return 0;
}

}  // namespace blockd
