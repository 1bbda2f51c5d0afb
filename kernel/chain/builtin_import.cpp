// chain.import_namespace: the rows of a mirror become a plugin's namespace with the next block, or
// with the one in which the plugin comes into force, on a chain whose only validator is this node.
#include "kernel/base/hex.hpp"
#include "kernel/base/json.hpp"
#include "kernel/chain/builtin.hpp"
#include "kernel/chain/machine_set.hpp"

namespace blockd::builtin {
namespace {

// Every node of a network would need the very same file at the very same block.
tb_status check_single_validator(tb_ctx* ctx) {
  tb_status status = TB_OK;
  const std::string row = read_row(&ctx->view, "validators", &status);
  if (status < 0) return status;
  const Result<json::value> list = parse_json(row);
  if (!list.ok() || !list->is_array()) return TB_ABORTED;
  if (list->get_array().size() == 1) return TB_OK;
  return fail(ctx, kCodeRoster, "import_needs_one_validator",
              "import needs the same data on every node, and this chain has " +
                  std::to_string(list->get_array().size()) + " validators");
}

// The schema of a plugin that is to come into force counts when it does.
tb_status check_rows(tb_ctx* ctx, const NamespaceImport& wanted, const NamespaceRows& rows) {
  const BoundMachine* active = machines_of(ctx).find(wanted.space);
  std::string found;
  if (rows.space != wanted.space) {
    found = "it is of namespace '" + rows.space + "', not of '" + wanted.space + "'";
  } else if (rows.height != wanted.height) {
    found = "it is of height " + std::to_string(rows.height) + ", not of " +
            std::to_string(wanted.height);
  } else if (active != nullptr && rows.schema != active->roster.schema) {
    found = "it has schema " + std::to_string(rows.schema) + ", the plugin in force has " +
            std::to_string(active->roster.schema);
  }
  if (found.empty()) return TB_OK;
  return fail(ctx, kCodeRoster, "mirror_differs", "mirror " + to_hex(wanted.blake3) + ": " + found);
}

}  // namespace

tb_status import_namespace(tb_ctx* ctx, const tb_value* params) {
  if ((ctx->caller->roles & TB_ROLE_OPERATOR) == 0)
    return fail(ctx, kCodeForbidden, "forbidden", "this account does not have the role operator");
  if (tb_status s = check_single_validator(ctx); s != TB_OK) return s;
  NamespaceImport wanted{std::string(to_view(params[0].str)), params[1].num, {}};
  const std::string_view hash = to_view(params[2].str);
  if (hash.size() != wanted.blake3.size()) return TB_E_INVALID;
  std::copy(hash.begin(), hash.end(), wanted.blake3.begin());
  if (wanted.space == "chain")
    return fail(ctx, kCodeRoster, "plugin_unknown", "the kernel's own namespace has no mirror");
  StepRun& run = blockd::run_of(ctx);
  const Result<bool> empty = run.is_empty_space(wanted.space);
  if (!empty.ok()) return run.ended_by_host(empty.status());
  if (!*empty)
    return fail(ctx, kCodeRoster, "namespace_not_empty",
                "namespace '" + wanted.space + "' holds rows: an import never replaces them");
  // What the file holds decides the next block: without it there is none.
  const Result<std::shared_ptr<const NamespaceRows>> rows = run.find_import(wanted.blake3);
  if (!rows.ok()) return run.ended_by_host(rows.status());
  if (tb_status s = check_rows(ctx, wanted, **rows); s != TB_OK) return s;
  return ctx->api->put(ctx, str("importing/" + wanted.space), str(importing_row(wanted)));
}

}  // namespace blockd::builtin
