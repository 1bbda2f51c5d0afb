/* The machine: the deterministic half of a plugin.
 *
 * A machine is a table of pure functions of ctx. It has no instance, no host pointer and no mutable
 * statics, so the host may run it on any thread, several at once, on different views: live, dry
 * run, replay, preview, rehearsal. All that it produces is an effect of ctx (writes, events,
 * records, metric increments, log lines): published together when the block is committed live,
 * dropped otherwise.
 *
 * Integers only; no clock but the block's, no randomness but the block's seed, no iteration over
 * unordered containers, no I/O. Overflow is an error of the command, never a wrap.
 *
 * Keys are relative to the plugin's own namespace. Limits of a step (command or hook), beyond which
 * the command fails with limit_exceeded: 100,000 reads, 1,000,000 rows scanned, 15 MiB written,
 * 10,000 events, 10,000 service calls, 16 deep; a key has at most 1,024 bytes, a value at most 8
 * MiB.
 */
#ifndef TB_MACHINE_H
#define TB_MACHINE_H

#include "tb/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The block in which a step runs, or the state a query reads. */
#define TB_BLOCK_LAST_OF_EPOCH 1u
typedef struct tb_block {
  uint32_t size;
  uint32_t flags;
  uint64_t height;
  uint64_t time_ms;      /* of the header; seconds are floor(time_ms / 1000) */
  uint64_t epoch;        /* height / epoch_length */
  uint64_t epoch_length; /* blocks */
  uint32_t sm;           /* the state machine version of this plugin that is in force */
  uint32_t schema;
  uint8_t seed[32]; /* the only randomness of apply */
  /* The values in force of this plugin's governance parameters, by their place in the manifest, as
   * tb_view_api.param answers. A host that has no such table leaves both zero: ask param() then. */
  const uint64_t* params;
  uint64_t param_count;
} tb_block;

/* Who sent a command. In a hook `account` is empty. */
#define TB_ROLE_OPERATOR 1u
#define TB_ROLE_ADMIN 2u
#define TB_LANE_SERVICE 0u
#define TB_LANE_CONSUMER 1u
#define TB_LANE_INDUSTRIAL 2u
typedef struct tb_caller {
  uint32_t size;
  uint32_t roles; /* TB_ROLE_*: what roles/1 (or the genesis) says of the account */
  tb_str account; /* tb1... */
  uint8_t command_id[32];
  uint64_t nonce;
  uint32_t index; /* place of the command in its block */
  uint32_t cosigner_count;
  const tb_str* cosigners; /* addresses, in the order of their keys */
  uint64_t fee;            /* of the envelope; 0 in lane `service` */
  uint32_t pct;            /* share of the fee that goes to the consumer pool, 0 to 100 */
  uint32_t lane;           /* TB_LANE_* */
  uint32_t envelope_bytes; /* size of the command with its signatures */
  uint32_t reserved;
  tb_str memo;    /* at most 1,024 bytes */
  tb_str session; /* 32 bytes: the session key that signed instead of the account; else empty */
} tb_caller;

/* A read-only view of state. Everything in it is of one height. */
typedef struct tb_view tb_view;
typedef struct tb_view_api {
  /* The value of `key`, or TB_NOT_FOUND. [machine] [face] */
  tb_status (*get)(tb_view* view, tb_str key, const tb_sink* value);
  /* Rows for `count` keys in the order of the keys; absent ones are not delivered. [machine] [face]
   */
  tb_status (*get_many)(tb_view* view, const tb_str* keys, uint32_t count, const tb_row_sink* rows);
  /* Up to `limit` rows with `prefix` and key > `after`, ascending. An empty `after` starts at the
   * first. [machine] [face] */
  tb_status (*scan)(tb_view* view, tb_str prefix, tb_str after, uint32_t limit,
                    const tb_row_sink* rows);
  /* The same, descending, key < `before`. [machine] [face] */
  tb_status (*scan_back)(tb_view* view, tb_str prefix, tb_str before, uint32_t limit,
                         const tb_row_sink* rows);
  /* The value in force of governance parameter `index` of this plugin's manifest. [machine] [face]
   */
  tb_status (*param)(tb_view* view, uint32_t index, uint64_t* value);
  /* The roles (TB_ROLE_*) of an account. [machine] [face] */
  tb_status (*roles)(tb_view* view, tb_str account, uint32_t* roles);
  /* Calls function `function` of kind "read" of service slot `slot` (its place in the manifest's
   * `requires`). TB_E_UNSUPPORTED: an optional service whose plugin is not in the roster.
   * TB_FAILED: the service refused, and `error`, if given, received {code, name, text} as a record.
   * [machine] [face] */
  tb_status (*ask)(tb_view* view, uint32_t slot, uint32_t function, const tb_value* args,
                   uint32_t count, tb_out* result, tb_out* error);
} tb_view_api;
struct tb_view {
  const tb_view_api* api;
  const tb_block* block;
};

#define TB_LOG_DEBUG 0u
#define TB_LOG_INFO 1u
#define TB_LOG_WARN 2u
#define TB_LOG_ERROR 3u

/* A step in the making. The first member is a view of the state as the step has made it so far. */
typedef struct tb_ctx tb_ctx;
typedef struct tb_ctx_api {
  tb_status (*put)(tb_ctx* ctx, tb_str key, tb_str value); /* [machine] */
  tb_status (*erase)(tb_ctx* ctx, tb_str key);             /* [machine] */
  /* Emits event `event` (its place in the manifest) with the data that `fill` writes. [machine] */
  tb_status (*emit)(tb_ctx* ctx, uint32_t event, tb_fill fill, void* user);
  /* Issues record `record` (its place in the manifest): it stays with the block under the receipt
   * root. [machine] */
  tb_status (*record)(tb_ctx* ctx, uint32_t record, tb_fill fill, void* user);
  /* Adds `value` to a counter, sets a gauge, or observes it in a histogram; the manifest's `scale`
   * divides it. `labels` holds one text for each declared label. [machine] */
  tb_status (*metric)(tb_ctx* ctx, uint32_t metric, const tb_str* labels, uint32_t count,
                      int64_t value);
  /* As tb_view_api.ask, for functions of any kind; what the service writes belongs to this step.
   * [machine] */
  tb_status (*call)(tb_ctx* ctx, uint32_t slot, uint32_t function, const tb_value* args,
                    uint32_t count, tb_out* result, tb_out* error);
  /* Opens a savepoint around `body`: an answer other than TB_OK takes back what it wrote, and is
   * returned. [machine] */
  tb_status (*attempt)(tb_ctx* ctx, tb_status (*body)(void* user, tb_ctx* ctx), void* user);
  /* The error of this step: `code` and `name` as the manifest declares them, `text` for people,
   * `data` (may be NULL) writes members of the error object's `data`. Always returns TB_FAILED:
   * `return ctx->api->fail(...)`. Metrics and log lines that the plugin of the command reports
   * after this call are kept although the rest is taken back: refusals can be counted. [machine] */
  tb_status (*fail)(tb_ctx* ctx, int32_t code, tb_str name, tb_str text, tb_fill data, void* user);
  /* After fail(): rolls the command back in all namespaces and keeps what is written from here on;
   * the command ends "charged" with that error. Only the plugin that owns the command, once.
   * [machine] */
  tb_status (*charge)(tb_ctx* ctx);
  /* TB_OK if `signature` (64 bytes) over `message` verifies under `key` (32 bytes), else
   * TB_NOT_FOUND. Pure; the host may have computed it before. [machine] */
  tb_status (*verify)(tb_ctx* ctx, tb_str key, tb_str message, tb_str signature);
  /* Rows of the block's budget for hooks (`begin`, `end`, `epoch`) that are left. [machine] */
  uint64_t (*rows_left)(tb_ctx* ctx);
  /* Tells the chain that time-driven work is waiting, so that an idle chain keeps its block
   * cadence. [machine] */
  void (*pending_work)(tb_ctx* ctx);
  void (*log)(tb_ctx* ctx, uint32_t level, tb_str text); /* [machine] */
} tb_ctx_api;
struct tb_ctx {
  tb_view view;
  const tb_ctx_api* api;
  const tb_caller* caller;
};

/* One governance parameter that changes in a block. */
typedef struct tb_param_change {
  uint32_t index; /* in the manifest's `params` */
  uint32_t reserved;
  uint64_t old_value;
  uint64_t new_value;
} tb_param_change;

/* The table of a machine. Unused entries are NULL. Stable; grows by extensions only. */
typedef struct tb_machine {
  uint32_t size;
  uint32_t sm;     /* the newest state machine version that it implements */
  uint32_t sm_min; /* the oldest; every version in between works too */
  uint32_t schema; /* of the state that `sm` writes */
  /* Writes the state of block 0. `alloc` is the genesis allocation: a record of account -> amount.
   */
  tb_status (*genesis)(tb_ctx* ctx, const tb_value* alloc, uint32_t count);
  /* Executes command `method` (its place in the manifest's `methods`). TB_OK: applied. TB_FAILED:
   * rejected, or charged. */
  tb_status (*apply)(tb_ctx* ctx, uint32_t method, const tb_value* params, uint32_t count,
                     tb_out* result);
  tb_status (*begin)(tb_ctx* ctx); /* of each block, in dependency order */
  tb_status (*end)(tb_ctx* ctx);   /* of each block, in reverse dependency order */
  tb_status (*epoch)(tb_ctx* ctx); /* in the last block of an epoch, after every `end` */
  /* Function `function` of the service at `service` (its place in the manifest's `provides`),
   * called by plugin `caller`. */
  tb_status (*serve)(tb_ctx* ctx, uint32_t service, uint32_t function, tb_str caller,
                     const tb_value* args, uint32_t count, tb_out* result);
  /* The same for functions of kind "read". On TB_FAILED it writes {code, name, text} to `error`. */
  tb_status (*answer)(tb_view* view, uint32_t service, uint32_t function, tb_str caller,
                      const tb_value* args, uint32_t count, tb_out* result, tb_out* error);
  /* Whether the changed parameters make sense together; asked at submission and at activation. */
  tb_status (*check_params)(tb_ctx* ctx, const tb_param_change* changes, uint32_t count);
  /* The new values are in force: called in the parameter-activation step, before any `begin`. */
  tb_status (*params_changed)(tb_ctx* ctx, const tb_param_change* changes, uint32_t count);
  /* Rewrites up to `rows` rows of the previous schema behind `cursor`; puts the new cursor into
   * `next`, or nothing when done. Called at the start of each block until done. */
  tb_status (*migrate_step)(tb_ctx* ctx, uint32_t from_schema, tb_str cursor, uint32_t rows,
                            const tb_sink* next);
} tb_machine;

#ifdef __cplusplus
}
#endif
#endif
