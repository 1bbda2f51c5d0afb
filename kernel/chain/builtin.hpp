// What the kernel's own machine, id "chain", is made of. Only builtin*.cpp include this.
#pragma once

#include <string>
#include <string_view>

#include "kernel/chain/context.hpp"
#include "kernel/manifest/values.hpp"

namespace blockd::builtin {

inline tb_str str(std::string_view text) { return to_str(text); }
// The row `key` of namespace `chain`; `*status` is TB_NOT_FOUND when there is none.
std::string read_row(tb_view* view, const std::string& key, tb_status* status);
// `nearest` (may be empty) goes into the error's data.
tb_status fail(tb_ctx* ctx, std::int32_t code, std::string_view name, const std::string& text,
               std::string_view nearest = {});

// chain.set_params.
tb_status set_params(tb_ctx* ctx, const tb_value* params);
// Functions of the service chain/1.
tb_status serve(tb_ctx* ctx, std::uint32_t service, std::uint32_t function, tb_str caller,
                const tb_value* args, std::uint32_t count, tb_out* result);
tb_status answer(tb_view* view, std::uint32_t service, std::uint32_t function, tb_str caller,
                 const tb_value* args, std::uint32_t count, tb_out* result, tb_out* error);

}  // namespace blockd::builtin
