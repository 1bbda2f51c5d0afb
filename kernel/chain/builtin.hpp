// What the kernel's own machine, id "chain", is made of. Only builtin*.cpp include this.
#pragma once

#include <string>
#include <string_view>

#include "kernel/chain/context.hpp"
#include "kernel/manifest/values.hpp"

namespace blockd::builtin {

inline constexpr std::int32_t kCodeForbidden = -34003, kCodeBusy = -34005, kCodeRoster = -34008,
                              kCodeUnknownParam = -32060, kCodeGovernance = -32061;

std::string_view manifest_text();

inline tb_str str(std::string_view text) { return to_str(text); }
// The row `key` of namespace `chain`; `*status` is TB_NOT_FOUND when there is none.
std::string read_row(tb_view* view, const std::string& key, tb_status* status);
// `nearest` (may be empty) goes into the error's data.
tb_status fail(tb_ctx* ctx, std::int32_t code, std::string_view name, const std::string& text,
               std::string_view nearest = {});
// The same for a function that reads: always TB_FAILED.
tb_status refuse(tb_out* error, std::int32_t code, std::string_view name, std::string_view text);
// Fails unless `caller` provides `service`.
tb_status only_provider(tb_ctx* ctx, tb_str caller, std::string_view service);
// The run behind a view.
inline StepRun& run_of(tb_view* view) { return blockd::run_of(reinterpret_cast<tb_ctx*>(view)); }

// Commands (builtin_roster.cpp, builtin_params.cpp, builtin_import.cpp).
tb_status set_plugin(tb_ctx* ctx, const tb_value* params);
tb_status set_params(tb_ctx* ctx, const tb_value* params);
tb_status macro_point(tb_ctx* ctx);
tb_status import_namespace(tb_ctx* ctx, const tb_value* params);

// Functions of chain/1 that write, and that read.
tb_status set_param(tb_ctx* ctx, tb_str caller, const tb_value* args, tb_out* result);
tb_status set_role(tb_ctx* ctx, tb_str caller, const tb_value* args, tb_out* result);
tb_status switch_plugin(tb_ctx* ctx, tb_str caller, const tb_value* args, tb_out* result);
tb_status param(tb_view* view, tb_str caller, const tb_value* args, tb_out* result, tb_out* error);
tb_status check_param(tb_view* view, tb_str caller, const tb_value* args, tb_out* result,
                      tb_out* error);
tb_status spec(tb_view* view, tb_str caller, const tb_value* args, tb_out* result, tb_out* error);
tb_status specs(tb_view* view, tb_str caller, const tb_value* args, tb_out* result, tb_out* error);
tb_status plugin(tb_view* view, tb_str caller, const tb_value* args, tb_out* result, tb_out* error);
tb_status escrow_owner(tb_view* view, tb_str caller, const tb_value* args, tb_out* result,
                       tb_out* error);
tb_status genesis_facts(tb_view* view, tb_str caller, const tb_value* args, tb_out* result,
                        tb_out* error);
tb_status proposer(tb_view* view, tb_str caller, const tb_value* args, tb_out* result,
                   tb_out* error);

// Functions of lua/1: all read.
tb_status lua_check(tb_view* view, tb_str caller, const tb_value* args, tb_out* result,
                    tb_out* error);
tb_status lua_run(tb_view* view, tb_str caller, const tb_value* args, tb_out* result,
                  tb_out* error);
tb_status lua_tally(tb_view* view, tb_str caller, const tb_value* args, tb_out* result,
                    tb_out* error);

}  // namespace blockd::builtin
