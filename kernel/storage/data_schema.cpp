#include "kernel/storage/data_schema.hpp"

#include <charconv>
#include <filesystem>

#include "kernel/base/file.hpp"

namespace blockd {
namespace {

constexpr std::uint64_t kMaxSchemaFile = 64;

std::string schema_path(const std::string& data_dir) { return data_dir + "/schema"; }

}  // namespace

bool holds_chain(const std::string& data_dir) {
  std::error_code gone;  // no such directory: no chain
  for (const auto& entry : std::filesystem::directory_iterator(data_dir + "/chain", gone)) {
    const std::string name = entry.path().filename();
    if (name.starts_with("log-") && name.ends_with(".seg")) return true;
  }
  return false;
}

Result<std::uint32_t> read_data_schema(const std::string& data_dir) {
  const std::string path = schema_path(data_dir);
  if (!file_exists(path)) return holds_chain(data_dir) ? 1u : 0u;
  Result<Bytes> text = read_file(path, kMaxSchemaFile);
  if (!text.ok()) return text.status();
  std::uint32_t number = 0;
  const char* end = text->data() + text->size();
  const auto [at, error] = std::from_chars(text->data(), end, number);
  if (error == std::errc() && number != 0 && at + 1 == end && *at == '\n') return number;
  return Status(Code::kCorrupt, path + " is damaged: it holds no version number",
                "write the version of the data there: " + std::to_string(kDataSchema) +
                    " for the data of this program");
}

Status write_data_schema(const std::string& data_dir) {
  return write_file_atomic(schema_path(data_dir), std::to_string(kDataSchema) + "\n");
}

Status check_data_schema(const std::string& data_dir) {
  Result<std::uint32_t> found = read_data_schema(data_dir);
  if (!found.ok()) return found.status();
  if (*found == kDataSchema) return {};
  if (*found == 0) return write_data_schema(data_dir);
  const std::string both = data_dir + " has data of schema " + std::to_string(*found) +
                           ", this program reads schema " + std::to_string(kDataSchema);
  if (*found > kDataSchema)
    return Status(Code::kInvalid, both,
                  "use the program that wrote them, or restore a backup from before");
  return Status(Code::kInvalid, both, "run `contract-cli migrate --data-dir " + data_dir + "`");
}

}  // namespace blockd
