// Rows of a file on their way into a namespace, and what the state notes of them.
#include "kernel/chain/import.hpp"

#include "kernel/base/hex.hpp"
#include "kernel/base/json.hpp"
#include "kernel/chain/context.hpp"

namespace blockd {

namespace {

Status damaged_row(const std::string& row) {
  return Status(Code::kCorrupt, "the kernel's row '" + row + "' cannot be read",
                "run `contract-cli storage repair`, or restore a snapshot");
}

std::optional<std::uint64_t> number_in(const json::object& object, std::string_view member) {
  const json::value* value = object.if_contains(member);
  boost::system::error_code wrong;
  if (value == nullptr || !value->is_number()) return std::nullopt;
  const auto out = value->to_number<std::uint64_t>(wrong);
  return wrong ? std::nullopt : std::optional(out);
}

std::string printed(const json::object& row) {
  Result<std::string> text = canonical_json(row);
  TB_ASSERT(text.ok());  // heights of files are below 2^53
  return *std::move(text);
}

}  // namespace

std::string importing_row(const NamespaceImport& import) {
  return printed({{"blake3", to_hex(import.blake3)}, {"height", import.height}});
}

Result<NamespaceImport> parse_importing_row(std::string space, std::string_view row) {
  const Result<json::value> value = parse_json(row);
  const json::object* object = value.ok() ? value->if_object() : nullptr;
  const json::value* hash = object ? object->if_contains("blake3") : nullptr;
  const auto height = object ? number_in(*object, "height") : std::nullopt;
  if (!height || hash == nullptr || !hash->is_string()) return damaged_row("importing/" + space);
  const Result<Hash> blake3 = array_from_hex<32>(std::string_view(hash->get_string()));
  if (!blake3.ok()) return damaged_row("importing/" + space);
  return NamespaceImport{std::move(space), *height, *blake3};
}

std::string import_row(std::uint64_t at, const NamespaceImport& import) {
  return printed({{"at", at}, {"blake3", to_hex(import.blake3)}, {"height", import.height}});
}

Result<ImportNote> parse_import_row(std::string space, std::string_view row) {
  const Result<json::value> value = parse_json(row);
  const auto at =
      value.ok() && value->is_object() ? number_in(value->get_object(), "at") : std::nullopt;
  if (!at) return damaged_row("import/" + space);
  Result<NamespaceImport> import = parse_importing_row(std::move(space), row);
  if (!import.ok()) return import.status();
  return ImportNote{*at, *std::move(import)};
}

Result<std::shared_ptr<const NamespaceRows>> StepRun::find_import(const Hash& blake3) const {
  if (scope_.imports == nullptr)
    return Status(Code::kUnavailable, "mirror " + to_hex(blake3) + " cannot be looked up here",
                  "run it on the node whose data directory holds the file in imports/");
  return scope_.imports->find(blake3);
}

Status StepRun::write_import(const NamespaceRows& rows) {
  std::string key = space_prefix(rows.space);
  const std::size_t prefix = key.size();
  for (const auto& [name, value] : rows.rows) {
    key.resize(prefix);
    key.append(name);
    TB_TRY(overlay_.put(key, value));
    bytes_ += key.size() + value.size();
  }
  return {};
}

Result<bool> StepRun::is_empty_space(std::string_view space) const {
  bool empty = true;
  Status status = overlay_.scan(space_prefix(space), {}, 1,
                                [&](BytesView, BytesView) { return empty = false; });
  return status.ok() ? Result<bool>(empty) : Result<bool>(status);
}

}  // namespace blockd
