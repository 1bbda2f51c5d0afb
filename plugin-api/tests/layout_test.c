/* Holds the layout of the ABI: a size, offset or constant that differs from the released one does
 * not compile.
 *
 * The numbers are for the LP64 machines on which the node runs. They never change; a struct that
 * the host passes grows at its end, and its line for the size is the only one that may be edited
 * then, together with TB_ABI_MINOR.
 */
#include <stddef.h>

#include "tb/plugin.h"

#ifdef __cplusplus
#define TB_HOLDS(condition, text) static_assert(condition, text)
#else
#define TB_HOLDS(condition, text) _Static_assert(condition, text)
#endif
#define TB_SIZE(type, bytes) TB_HOLDS(sizeof(struct type) == (bytes), "size of " #type)
#define TB_AT(type, member, bytes) \
  TB_HOLDS(offsetof(struct type, member) == (bytes), #type "." #member)
#define TB_IS(constant, value) TB_HOLDS((constant) == (value), #constant)

TB_HOLDS(sizeof(void*) == 8, "the ABI is declared for 64-bit machines");

TB_IS(TB_ABI_MAJOR, 1u);
TB_IS(TB_ABI_MINOR, 0u);
TB_IS(TB_OK, 0);
TB_IS(TB_NOT_FOUND, 1);
TB_IS(TB_FAILED, (-1));
TB_IS(TB_ABORTED, (-2));
TB_IS(TB_E_WRONG_THREAD, (-3));
TB_IS(TB_E_INVALID, (-4));
TB_IS(TB_E_LIMIT, (-5));
TB_IS(TB_E_UNSUPPORTED, (-6));
TB_IS(TB_E_BUSY, (-7));
TB_IS(TB_E_TIMEOUT, (-8));
TB_IS(TB_TYPE_NONE, 0u);
TB_IS(TB_TYPE_BOOL, 1u);
TB_IS(TB_TYPE_U64, 2u);
TB_IS(TB_TYPE_I64, 3u);
TB_IS(TB_TYPE_U128, 4u);
TB_IS(TB_TYPE_STR, 5u);
TB_IS(TB_TYPE_BYTES, 6u);
TB_IS(TB_TYPE_LIST, 7u);
TB_IS(TB_TYPE_RECORD, 8u);
TB_IS(TB_BLOCK_LAST_OF_EPOCH, 1u);
TB_IS(TB_ROLE_OPERATOR, 1u);
TB_IS(TB_ROLE_ADMIN, 2u);
TB_IS(TB_LOG_DEBUG, 0u);
TB_IS(TB_LOG_INFO, 1u);
TB_IS(TB_LOG_WARN, 2u);
TB_IS(TB_LOG_ERROR, 3u);

TB_SIZE(tb_str, 16);
TB_AT(tb_str, ptr, 0);
TB_AT(tb_str, len, 8);

TB_SIZE(tb_value, 64);
TB_AT(tb_value, name, 0);
TB_AT(tb_value, type, 16);
TB_AT(tb_value, count, 20);
TB_AT(tb_value, num, 24);
TB_AT(tb_value, num_hi, 32);
TB_AT(tb_value, str, 40);
TB_AT(tb_value, items, 56);

TB_SIZE(tb_sink, 16);
TB_AT(tb_sink, user, 0);
TB_AT(tb_sink, put, 8);

TB_SIZE(tb_row_sink, 16);
TB_AT(tb_row_sink, user, 0);
TB_AT(tb_row_sink, row, 8);

TB_SIZE(tb_out_api, 96);
TB_AT(tb_out_api, put_null, 0);
TB_AT(tb_out_api, put_bool, 8);
TB_AT(tb_out_api, put_u64, 16);
TB_AT(tb_out_api, put_i64, 24);
TB_AT(tb_out_api, put_u128, 32);
TB_AT(tb_out_api, put_scaled, 40);
TB_AT(tb_out_api, put_str, 48);
TB_AT(tb_out_api, put_bytes, 56);
TB_AT(tb_out_api, put_value, 64);
TB_AT(tb_out_api, begin_record, 72);
TB_AT(tb_out_api, begin_list, 80);
TB_AT(tb_out_api, end, 88);

TB_SIZE(tb_out, 8);
TB_AT(tb_out, api, 0);

TB_SIZE(tb_block, 96);
TB_AT(tb_block, size, 0);
TB_AT(tb_block, flags, 4);
TB_AT(tb_block, height, 8);
TB_AT(tb_block, time_ms, 16);
TB_AT(tb_block, epoch, 24);
TB_AT(tb_block, epoch_length, 32);
TB_AT(tb_block, sm, 40);
TB_AT(tb_block, schema, 44);
TB_AT(tb_block, seed, 48);
TB_AT(tb_block, params, 80);
TB_AT(tb_block, param_count, 88);

TB_SIZE(tb_caller, 136);
TB_AT(tb_caller, size, 0);
TB_AT(tb_caller, roles, 4);
TB_AT(tb_caller, account, 8);
TB_AT(tb_caller, command_id, 24);
TB_AT(tb_caller, nonce, 56);
TB_AT(tb_caller, index, 64);
TB_AT(tb_caller, cosigner_count, 68);
TB_AT(tb_caller, cosigners, 72);
TB_AT(tb_caller, fee, 80);
TB_AT(tb_caller, pct, 88);
TB_AT(tb_caller, lane, 92);
TB_AT(tb_caller, envelope_bytes, 96);
TB_AT(tb_caller, reserved, 100);
TB_AT(tb_caller, memo, 104);
TB_AT(tb_caller, session, 120);

TB_SIZE(tb_view_api, 56);
TB_AT(tb_view_api, get, 0);
TB_AT(tb_view_api, get_many, 8);
TB_AT(tb_view_api, scan, 16);
TB_AT(tb_view_api, scan_back, 24);
TB_AT(tb_view_api, param, 32);
TB_AT(tb_view_api, roles, 40);
TB_AT(tb_view_api, ask, 48);

TB_SIZE(tb_view, 16);
TB_AT(tb_view, api, 0);
TB_AT(tb_view, block, 8);

TB_SIZE(tb_ctx_api, 104);
TB_AT(tb_ctx_api, put, 0);
TB_AT(tb_ctx_api, erase, 8);
TB_AT(tb_ctx_api, emit, 16);
TB_AT(tb_ctx_api, record, 24);
TB_AT(tb_ctx_api, metric, 32);
TB_AT(tb_ctx_api, call, 40);
TB_AT(tb_ctx_api, attempt, 48);
TB_AT(tb_ctx_api, fail, 56);
TB_AT(tb_ctx_api, charge, 64);
TB_AT(tb_ctx_api, verify, 72);
TB_AT(tb_ctx_api, rows_left, 80);
TB_AT(tb_ctx_api, pending_work, 88);
TB_AT(tb_ctx_api, log, 96);

TB_SIZE(tb_ctx, 32);
TB_AT(tb_ctx, view, 0);
TB_AT(tb_ctx, api, 16);
TB_AT(tb_ctx, caller, 24);

TB_SIZE(tb_param_change, 24);
TB_AT(tb_param_change, index, 0);
TB_AT(tb_param_change, reserved, 4);
TB_AT(tb_param_change, old_value, 8);
TB_AT(tb_param_change, new_value, 16);

TB_SIZE(tb_machine, 96);
TB_AT(tb_machine, size, 0);
TB_AT(tb_machine, sm, 4);
TB_AT(tb_machine, sm_min, 8);
TB_AT(tb_machine, schema, 12);
TB_AT(tb_machine, genesis, 16);
TB_AT(tb_machine, apply, 24);
TB_AT(tb_machine, begin, 32);
TB_AT(tb_machine, end, 40);
TB_AT(tb_machine, epoch, 48);
TB_AT(tb_machine, serve, 56);
TB_AT(tb_machine, answer, 64);
TB_AT(tb_machine, check_params, 72);
TB_AT(tb_machine, params_changed, 80);
TB_AT(tb_machine, migrate_step, 88);

TB_SIZE(tb_host_api, 144);
TB_AT(tb_host_api, extension, 0);
TB_AT(tb_host_api, log, 8);
TB_AT(tb_host_api, unix_ms, 16);
TB_AT(tb_host_api, random, 24);
TB_AT(tb_host_api, blake3, 32);
TB_AT(tb_host_api, ed25519_public, 40);
TB_AT(tb_host_api, ed25519_sign, 48);
TB_AT(tb_host_api, config, 56);
TB_AT(tb_host_api, metric, 64);
TB_AT(tb_host_api, publish, 72);
TB_AT(tb_host_api, with_view, 80);
TB_AT(tb_host_api, call, 88);
TB_AT(tb_host_api, post, 96);
TB_AT(tb_host_api, store_get, 104);
TB_AT(tb_host_api, store_scan, 112);
TB_AT(tb_host_api, store_scan_back, 120);
TB_AT(tb_host_api, store_put, 128);
TB_AT(tb_host_api, store_erase, 136);

TB_SIZE(tb_host, 8);
TB_AT(tb_host, api, 0);

TB_SIZE(tb_http_request, 72);
TB_AT(tb_http_request, size, 0);
TB_AT(tb_http_request, route, 4);
TB_AT(tb_http_request, path, 8);
TB_AT(tb_http_request, path_count, 16);
TB_AT(tb_http_request, query_count, 20);
TB_AT(tb_http_request, query, 24);
TB_AT(tb_http_request, body, 32);
TB_AT(tb_http_request, content_type, 48);
TB_AT(tb_http_request, json, 64);

TB_SIZE(tb_http_reply, 24);
TB_AT(tb_http_reply, size, 0);
TB_AT(tb_http_reply, status, 4);
TB_AT(tb_http_reply, json, 8);
TB_AT(tb_http_reply, send, 16);

TB_SIZE(tb_event, 48);
TB_AT(tb_event, size, 0);
TB_AT(tb_event, index, 4);
TB_AT(tb_event, height, 8);
TB_AT(tb_event, time_ms, 16);
TB_AT(tb_event, topic, 24);
TB_AT(tb_event, data, 40);

TB_SIZE(tb_face, 88);
TB_AT(tb_face, size, 0);
TB_AT(tb_face, reserved, 4);
TB_AT(tb_face, create, 8);
TB_AT(tb_face, destroy, 16);
TB_AT(tb_face, query, 24);
TB_AT(tb_face, local, 32);
TB_AT(tb_face, http, 40);
TB_AT(tb_face, on_config, 48);
TB_AT(tb_face, on_timer, 56);
TB_AT(tb_face, on_reply, 64);
TB_AT(tb_face, on_event, 72);
TB_AT(tb_face, on_commit, 80);

TB_SIZE(tb_host_info, 32);
TB_AT(tb_host_info, size, 0);
TB_AT(tb_host_info, abi_major, 4);
TB_AT(tb_host_info, abi_minor, 8);
TB_AT(tb_host_info, reserved, 12);
TB_AT(tb_host_info, version, 16);

TB_SIZE(tb_plugin, 56);
TB_AT(tb_plugin, size, 0);
TB_AT(tb_plugin, abi_major, 4);
TB_AT(tb_plugin, abi_minor, 8);
TB_AT(tb_plugin, reserved, 12);
TB_AT(tb_plugin, manifest, 16);
TB_AT(tb_plugin, machine, 32);
TB_AT(tb_plugin, face, 40);
TB_AT(tb_plugin, extension, 48);

/* Every table is a table of pointers without holes: an entry more or less shows in the size. */
TB_HOLDS(sizeof(tb_out_api) == 12 * sizeof(void*), "tb_out_api has twelve functions");
TB_HOLDS(sizeof(tb_view_api) == 7 * sizeof(void*), "tb_view_api has seven functions");
