// The kernel's own machine "chain": commands that change the roster and parameters, one that only
// uses up a nonce (node-and-cli spec 5.16, 5.6.2), and the services by which governance acts on the
// kernel. It speaks the same ABI as every plugin.
#include "kernel/chain/builtin.hpp"

#include "kernel/chain/machine_set.hpp"
#include "kernel/manifest/values.hpp"

namespace blockd {
namespace builtin {

std::string read_row(tb_view* view, const std::string& key, tb_status* status) {
  std::string out;
  tb_sink sink{&out, [](void* user, tb_str value) {
                 static_cast<std::string*>(user)->assign(to_view(value));
               }};
  *status = view->api->get(view, str(key), &sink);
  return out;
}

tb_status fail(tb_ctx* ctx, std::int32_t code, std::string_view name, const std::string& text,
               std::string_view nearest) {
  tb_fill fill = [](void* user, tb_out* out) {
    out->api->put_str(out, str("nearest"), str(*static_cast<const std::string_view*>(user)));
  };
  return ctx->api->fail(ctx, code, str(name), str(text), nearest.empty() ? nullptr : fill,
                        &nearest);
}

tb_status refuse(tb_out* error, std::int32_t code, std::string_view name, std::string_view text) {
  error->api->put_i64(error, str("code"), code);
  error->api->put_str(error, str("name"), str(name));
  error->api->put_str(error, str("text"), str(text));
  return TB_FAILED;
}

tb_status only_provider(tb_ctx* ctx, tb_str caller, std::string_view service) {
  const BoundMachine* provider = machines_of(ctx).provider_of(service);
  if (provider != nullptr && provider->roster.id == to_view(caller)) return TB_OK;
  const std::string name(service);
  return fail(ctx, kCodeForbidden, "forbidden",
              "plugin " + std::string(to_view(caller)) + " does not provide " + name +
                  ": only the plugin that does may call this");
}

}  // namespace builtin
namespace {

tb_status apply(tb_ctx* ctx, std::uint32_t method, const tb_value* params, std::uint32_t, tb_out*) {
  return method == 0   ? builtin::set_plugin(ctx, params)
         : method == 2 ? builtin::set_params(ctx, params)
         : method == 3 ? builtin::macro_point(ctx)
         : method == 4 ? builtin::import_namespace(ctx, params)
                       : TB_OK;
}

// The functions of chain/1 by their place in the manifest.
using Serve = tb_status (*)(tb_ctx*, tb_str caller, const tb_value* args, tb_out* result);
constexpr Serve kServe[] = {
    builtin::set_param,     nullptr, nullptr, nullptr, nullptr, builtin::set_role,
    builtin::switch_plugin, nullptr, nullptr, nullptr, nullptr};
using Answer = tb_status (*)(tb_view*, tb_str caller, const tb_value* args, tb_out* result,
                             tb_out* error);
constexpr Answer kAnswer[] = {nullptr,           builtin::param,        builtin::check_param,
                              builtin::spec,     builtin::specs,        nullptr,
                              nullptr,           builtin::plugin,       builtin::escrow_owner,
                              builtin::proposer, builtin::genesis_facts};

constexpr Answer kAnswerLua[] = {builtin::lua_check, builtin::lua_run, builtin::lua_tally};

tb_status serve(tb_ctx* ctx, std::uint32_t, std::uint32_t function, tb_str caller,
                const tb_value* args, std::uint32_t, tb_out* result) {
  return kServe[function](ctx, caller, args, result);
}

tb_status answer(tb_view* view, std::uint32_t service, std::uint32_t function, tb_str caller,
                 const tb_value* args, std::uint32_t, tb_out* result, tb_out* error) {
  return (service == 0 ? kAnswer[function] : kAnswerLua[function])(view, caller, args, result,
                                                                   error);
}

constexpr tb_machine kTable = {
    .size = sizeof(tb_machine),
    .sm = 0xffff'ffffu,  // the kernel implements every sm that it has had
    .sm_min = 1,
    .schema = 1,
    .genesis = nullptr,
    .apply = apply,
    .begin = nullptr,
    .end = nullptr,
    .epoch = nullptr,
    .serve = serve,
    .answer = answer,
    .check_params = nullptr,
    .params_changed = nullptr,
    .migrate_step = nullptr,
};

}  // namespace

const Machine& chain_machine() {
  static const Machine kMachine = [] {
    Result<std::shared_ptr<const Manifest>> manifest = Manifest::parse(builtin::manifest_text());
    TB_ASSERT(manifest.ok());
    return Machine{*manifest, &kTable, nullptr};
  }();
  return kMachine;
}

}  // namespace blockd
