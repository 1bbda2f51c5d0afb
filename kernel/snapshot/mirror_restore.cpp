#include "kernel/snapshot/mirror_restore.hpp"

#include <algorithm>

#include "kernel/base/json.hpp"
#include "kernel/chain/kernel_rows.hpp"
#include "kernel/chain/overlay.hpp"
#include "kernel/chain/state_root.hpp"
#include "kernel/storage/kv_store.hpp"

namespace blockd {
namespace {

constexpr std::size_t kErasedAtOnce = 4096;  // rows

NamespaceSummary summary_of(const Mirror& mirror) {
  StateSummaryBuilder builder;
  builder.begin(mirror.state.space);
  for (const auto& [key, value] : mirror.state.rows) builder.add(key, value);
  builder.finish();
  return builder.namespaces().front();
}

Result<std::uint64_t> schema_in_roster(const KvReader& state, const std::string& plugin) {
  std::optional<Bytes> row;
  TB_TRY(state.get(std::string(kPluginRows) + plugin, &row));
  if (!row)
    return Status(Code::kInvalid, "the state has no plugin '" + plugin + "'",
                  "`contract-cli plugin list` of the node that made it shows its plugins");
  const Result<json::value> parsed = parse_json(*row);
  const json::object* entry = parsed.ok() ? parsed->if_object() : nullptr;
  const json::value* schema = entry ? entry->if_contains("schema") : nullptr;
  boost::system::error_code wrong;
  if (schema != nullptr && schema->is_number()) {
    const auto number = schema->to_number<std::uint64_t>(wrong);
    if (!wrong) return number;
  }
  return Status(Code::kCorrupt, "the roster entry of '" + plugin + "' cannot be read",
                "restore the snapshot anew");
}

Status empty_space(KvStore& store, const std::string& space) {
  const std::string prefix = space_prefix(space);
  for (std::size_t found = kErasedAtOnce; found == kErasedAtOnce;) {
    std::vector<KvWrite> gone;
    TB_TRY(store.scan(prefix, {}, kErasedAtOnce, [&](BytesView key, BytesView) {
      gone.push_back({Bytes(key), std::nullopt});
      return true;
    }));
    found = gone.size();
    TB_TRY(store.write(gone, false));
  }
  return {};
}

}  // namespace

Result<MirrorRoots> roots_with_mirror(const KvReader& state, const Mirror& mirror) {
  Result<std::vector<NamespaceSummary>> spaces = summarize_state(state, nullptr);
  if (!spaces.ok()) return spaces.status();
  MirrorRoots out;
  out.stored = state_root_of(*spaces);
  const NamespaceSummary brought = summary_of(mirror);
  const auto at = std::lower_bound(
      spaces->begin(), spaces->end(), brought.id,
      [](const NamespaceSummary& space, const std::string& id) { return space.id < id; });
  if (at != spaces->end() && at->id == brought.id) {
    *at = brought;
  } else {
    spaces->insert(at, brought);
  }
  out.resulting = state_root_of(*spaces);
  return out;
}

Status begin_with_mirror(const std::string& state_dir, const Mirror& mirror) {
  const std::string& space = mirror.state.space;
  Result<std::unique_ptr<KvStore>> store = open_leveldb(state_dir, {});
  if (!store.ok()) return store.status();
  Result<std::uint64_t> schema = schema_in_roster(**store, space);
  if (!schema.ok()) return schema.status();
  if (*schema != mirror.state.schema)
    return Status(Code::kInvalid,
                  "the mirror of '" + space + "' has schema " +
                      std::to_string(mirror.state.schema) + ", the plugin of the state has " +
                      std::to_string(*schema),
                  "take a mirror that was written by the same schema");
  TB_TRY(empty_space(**store, space));
  const std::vector<KvWrite> rows{{std::string(kImportingRows) + space,
                                   importing_row({space, mirror.state.height, mirror.blake3})}};
  TB_TRY((*store)->write(rows, true));
  return (*store)->flush();
}

}  // namespace blockd
