#include "kernel/programs/blockd/reference_dump.hpp"

#include <boost/json/serialize.hpp>
#include <map>

#include "kernel/manifest/reference.hpp"
#include "kernel/programs/blockd/dump.hpp"
#include "kernel/programs/blockd/plugin_config.hpp"

namespace blockd {
namespace {

constexpr const char* kMade =
    "<!-- Made from the manifests by `./dev docs`; change them, not this page. -->\n\n";

// Text inside a table's cell.
std::string cell(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out.push_back('\\');
    out.push_back(c == '\n' ? ' ' : c);
  }
  return out.empty() ? "–" : out;
}

std::string joined(const std::vector<std::string>& list) {
  std::string out;
  for (const std::string& text : list) out += (out.empty() ? "`" : ", `") + text + "`";
  return out;
}

std::string help_of(const ConfigKey& key) {
  std::string out = key.help;
  if (!key.unit.empty()) out += " (" + key.unit + ")";
  if (!key.flag.empty()) out += "; flag `" + key.flag + "`";
  if (!key.aliases.empty()) out += "; also " + joined(key.aliases);
  if (key.secret) out += "; secret";
  return cell(out);
}

std::string row_of(const ConfigKey& key) {
  const std::string fallback =
      key.default_value.is_null() ? "–" : "`" + cell(json::serialize(key.default_value)) + "`";
  return "| `" + key.name + "` | " + std::string(config_type_name(key.type)) + " | " + fallback +
         " | " + cell(key.expected()) + " | " + joined(key.variables()) + " | " +
         std::string(reload_kind_name(key.reload)) + " | " + help_of(key) + " |\n";
}

std::string config_page(const ConfigSchema& schema) {
  std::map<std::string, std::string>
      sections;  // the part of the name before its first dot; keys without one come first
  for (const auto& [name, key] : schema.keys()) {
    const std::size_t dot = name.find('.');
    sections[dot == std::string::npos ? "" : name.substr(0, dot)] += row_of(key);
  }
  std::string out = kMade;
  out +=
      "# Configuration keys\n\nEvery key of `config/node.yaml`, with those of the plugins that "
      "ship with the node. A value comes from a flag, else "
      "from the variable, else from `.env` beside the file, the file, the profile, the default. "
      "Reload: `yes` = at the next generation, "
      "`no` = at the next start, `genesis` = read once, when the chain is made.\n";
  for (const auto& [section, rows] : sections) {
    out += "\n## " + (section.empty() ? "The process" : "`" + section + "`") +
           "\n\n| Key | Type | Default | Range | Variable | Reload | Meaning |\n| --- | --- | --- "
           "| --- | --- | --- | --- |\n" +
           rows;
  }
  return out;
}

using Pages = std::vector<std::pair<std::string, std::string>>;  // name of the file, text

Result<Pages> pages_of(const DumpRequest& request) {
  Pages pages;
  std::string node = kMade;
  for (const auto& manifest : request.kernel)
    node += (node == kMade ? "" : "\n") + reference_markdown(*manifest);
  pages.emplace_back("node.md", std::move(node));
  for (const auto& manifest : request.plugins)
    pages.emplace_back(manifest->id + ".md", kMade + reference_markdown(*manifest));
  auto schema = make_schema(request.plugins);
  if (!schema.ok()) return schema.status();
  pages.emplace_back("config.md", config_page(**schema));
  return pages;
}

}  // namespace

int print_reference(const std::string& program, const std::vector<std::string>& words) {
  Result<DumpRequest> request = read_dump_request(program, words, "--dir");
  if (!request.ok()) return refuse_dump(request.status());
  Result<Pages> pages = pages_of(*request);
  if (!pages.ok()) return refuse_dump(pages.status());
  for (const auto& [name, text] : *pages) {
    const Status written = write_dump(request->out.empty() ? "" : request->out + "/" + name, text);
    if (!written.ok()) return refuse_dump(written);
  }
  return 0;
}

}  // namespace blockd
