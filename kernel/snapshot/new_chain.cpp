#include "kernel/snapshot/new_chain.hpp"

#include "kernel/base/hex.hpp"
#include "kernel/base/json.hpp"
#include "kernel/chain/base_row.hpp"
#include "kernel/chain/kernel_rows.hpp"
#include "kernel/chain/macro_block.hpp"

namespace blockd {
namespace {

constexpr std::string_view kValidatorsRow = "s/chain/validators";

// As the genesis block writes it.
std::string validators_row(const Genesis& genesis) {
  json::array out;
  for (const Genesis::Validator& v : genesis.validators)
    out.push_back(
        json::object{{"name", v.name}, {"power", v.power}, {"public_key", to_hex(v.key)}});
  Result<std::string> text = canonical_json(out);
  TB_ASSERT(text.ok());
  return *std::move(text);
}

Result<BaseRow> base_of(const KvReader& state, const std::string& state_dir) {
  std::optional<Bytes> row;
  TB_TRY(state.get(kBaseRow, &row));
  if (row) return BaseRow::decode(*row);
  return Status(Code::kCorrupt, state_dir + " is not a state that was restored from a snapshot",
                "restore a snapshot of the whole state first");
}

}  // namespace

Status begin_new_chain(const std::string& state_dir, const NewChain& chain) {
  Result<std::unique_ptr<KvStore>> store = open_leveldb(state_dir, {});
  if (!store.ok()) return store.status();
  Result<BaseRow> base = base_of(**store, state_dir);
  if (!base.ok()) return base.status();
  Result<MacroRow> macro = read_macro_row(**store);
  if (!macro.ok()) return macro.status();
  base->genesis = macro->genesis = chain.genesis.hash();
  std::vector<KvWrite> rows{
      {Bytes(kBaseRow), base->encode()},
      {Bytes(kMacroRow), macro->encode()},
      {Bytes(kValidatorsRow), validators_row(chain.genesis)},
  };
  for (const auto& [account, role] : chain.roles)
    rows.push_back({Bytes(kRoleRows) + account, Bytes(role)});
  TB_TRY((*store)->write(rows, true));
  return (*store)->flush();
}

}  // namespace blockd
