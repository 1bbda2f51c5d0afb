#include "plugins/governance/files.hpp"

#include <tb/files.hpp>

#include "plugins/gov-core/params_catalogue.hpp"
#include "plugins/gov-core/provenance.hpp"
#include "plugins/governance/params.hpp"

namespace governance {
namespace {

constexpr std::uint32_t kShownChanges = 512;
constexpr std::uint64_t kMaxFile = 256u << 20;
constexpr std::string_view kPolicies[] = {"runtime_backend_policy", "storage_engine_policy",
                                          "transport_provider_policy"};

std::string change_text(const ParamRow& row) {
  using gov::json_number, gov::json_text;
  std::string text = tb::cat(
      R"({"actor":)", json_text(row.actor), R"(,"epoch":)", json_number(row.epoch), R"(,"event":)",
      json_text(row.event), R"(,"height":)", json_number(row.height), R"(,"key":)",
      json_text(row.key), R"(,"new_value":)", json_number(row.new_value), R"(,"old_value":)",
      json_number(row.old_value), R"(,"proposal_id":)", json_number(row.proposal_id));
  if (row.script) text += tb::cat(R"(,"script":)", json_text(*row.script));
  return text + tb::cat(R"(,"seq":)", json_number(row.seq), R"(,"time":)", json_number(row.time),
                        R"(,"voted_value":)", json_number(row.voted_value), "}");
}

// Rows of one key, oldest first.
std::vector<ParamRow> rows_of(const tb::Host& host, std::string_view key) {
  std::vector<ParamRow> rows;
  const tb::Key prefix = tb::Key("k/").text(key);
  host.store_scan(prefix, {}, kShownChanges,
                  [&](std::string_view at, std::string_view) {
                    const std::uint64_t seq = tb::Key::read_u64(at, prefix.view().size());
                    if (const auto row = host.store_get(id_key("h/", seq)))
                      rows.push_back(tb::row_as<ParamRow>(*row));
                    return true;
                  })
      .ignore();
  return rows;
}

void add(std::string& list, const std::string& item) {
  if (!list.empty()) list += ",\n";
  list += item;
}

PolicyRow policy_row(std::string_view key, std::uint64_t epoch, std::uint64_t proposal,
                     std::uint64_t mask) {
  PolicyRow row{epoch, proposal, std::string(key.substr(0, key.find('_'))), {}};
  for (const std::string_view name : gov::mask_names(key, mask)) row.allowed.emplace_back(name);
  return row;
}

}  // namespace

std::vector<PolicyRow> policy_rows(const tb::Host& host) {
  std::vector<PolicyRow> rows;
  for (const std::string_view key : kPolicies) {
    const std::vector<ParamRow> changes = rows_of(host, key);
    const std::uint64_t first =
        changes.empty() ? gov::find_entry(key)->default_value : changes.front().old_value;
    rows.push_back(policy_row(key, 0, 0, first));
    for (const ParamRow& change : changes)
      rows.push_back(policy_row(key, change.epoch, change.proposal_id, change.new_value));
  }
  return rows;
}

std::string param_changes_text(const tb::Host& host) {
  std::string list;
  host.store_scan_back("h/", {}, kShownChanges,
                       [&](std::string_view, std::string_view row) {
                         add(list, change_text(tb::row_as<ParamRow>(row)));
                         return true;
                       })
      .ignore();
  return tb::cat("{\"changes\":[\n", list, "\n]}\n");
}

std::string fee_floor_text(const tb::Host& host) {
  std::string list;
  for (const std::string_view key : {"fee_floor_percentile", "fee_floor_window"}) {
    for (const ParamRow& row : rows_of(host, key)) add(list, change_text(row));
  }
  return tb::cat("{\"changes\":[\n", list, "\n]}\n");
}

std::string policy_text(const tb::Host& host) {
  std::string list;
  for (const PolicyRow& row : policy_rows(host)) {
    std::string names;
    for (const std::string& name : row.allowed)
      names += tb::cat(names.empty() ? "" : ",", gov::json_text(name));
    add(list, tb::cat(R"({"allowed":[)", names, R"(],"epoch":)", gov::json_number(row.epoch),
                      R"(,"kind":)", gov::json_text(row.kind), R"(,"proposal_id":)",
                      gov::json_number(row.proposal_id), "}"));
  }
  return tb::cat("[\n", list, "\n]\n");
}

std::string values_text(tb::View& view) {
  std::string list;
  for (const Spec& spec : all_specs(view))
    add(list, tb::cat(gov::json_text(spec.key), ":", gov::json_number(value_of(view, spec).value)));
  return tb::cat("{\"epoch\":", gov::json_number(view.epoch()), ",\"params\":{\n", list, "\n}}\n");
}

std::string read_whole_file(const tb::Host& host, const std::string& path) {
  std::string unreadable;
  return tb::Files(host).read(path, kMaxFile, &unreadable).value_or(std::string());
}

std::string write_whole_file(const tb::Host& host, const std::string& path,
                             const std::string& text) {
  return tb::Files(host).write(path, text);
}

}  // namespace governance
