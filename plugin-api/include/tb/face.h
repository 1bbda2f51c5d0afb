/* The face: the outward half of a plugin.
 *
 * A face has an instance and the host. It answers queries on committed views, serves HTTP routes,
 * runs timers, follows the log, and changes replicated state only by submitting commands. It starts
 * no threads, opens no sockets and handles one request, message or event a call; what it must
 * remember in between it keeps in its local store (survives a restart) or in its instance (does
 * not).
 *
 * Entries of one instance may run on several threads at once, except create, destroy, on_config,
 * on_timer, on_event and on_commit, which the host never overlaps with each other.
 */
#ifndef TB_FACE_H
#define TB_FACE_H

#include "tb/machine.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What the kernel offers to a face. Valid from create to destroy. */
typedef struct tb_host tb_host;
typedef struct tb_host_api {
  /* A table of an extension the host offers ("tb.host.rpc/1"), or NULL. [face] */
  const void* (*extension)(tb_host* host, tb_str id);
  void (*log)(tb_host* host, uint32_t level, tb_str text);                             /* [any] */
  uint64_t (*unix_ms)(tb_host* host);                                                  /* [any] */
  void (*random)(tb_host* host, void* out, uint64_t n);                                /* [any] */
  void (*blake3)(tb_host* host, const tb_str* parts, uint32_t count, uint8_t out[32]); /* [any] */
  tb_status (*ed25519_public)(tb_host* host, const uint8_t seed[32],
                              uint8_t public_key[32]); /* [any] */
  tb_status (*ed25519_sign)(tb_host* host, const uint8_t seed[32], tb_str message,
                            uint8_t signature[64]); /* [any] */
  /* The value in force of config key `index` of this plugin's manifest, as a typed value that is
   * borrowed for the call of `read`. [face] */
  tb_status (*config)(tb_host* host, uint32_t index,
                      void (*read)(void* user, const tb_value* value), void* user);
  /* As tb_ctx_api.metric; may be called from any thread. [any] */
  tb_status (*metric)(tb_host* host, uint32_t metric, const tb_str* labels, uint32_t count,
                      int64_t value);
  /* Publishes an ephemeral event on the bus (never replicated, may be dropped). [any] */
  tb_status (*publish)(tb_host* host, uint32_t event, tb_fill fill, void* user);
  /* Runs `body` on a view of the newest committed state. [face] */
  tb_status (*with_view)(tb_host* host, tb_status (*body)(void* user, tb_view* view), void* user);
  /* Calls any method of this node as the plugin (role `operator` and the roles its manifest asks
   * for), waits up to `timeout_ms`, and hands the result or the error {code, message, data} to
   * `read` as a value tree. A command is answered when it is committed. [worker] */
  tb_status (*call)(tb_host* host, tb_str method, tb_fill params, void* params_user,
                    uint32_t timeout_ms,
                    void (*read)(void* user, uint32_t ok, const tb_value* value), void* user);
  /* The same without waiting: the answer arrives at on_reply with `cookie`. TB_E_BUSY: 1,024 are
   * under way. [face] */
  tb_status (*post)(tb_host* host, tb_str method, tb_fill params, void* user, uint64_t cookie);
  /* The local store of the plugin. Writes made inside on_event are committed together with its
   * cursor; others at once. [face] */
  tb_status (*store_get)(tb_host* host, tb_str key, const tb_sink* value);
  tb_status (*store_scan)(tb_host* host, tb_str prefix, tb_str after, uint32_t limit,
                          const tb_row_sink* rows);
  tb_status (*store_scan_back)(tb_host* host, tb_str prefix, tb_str before, uint32_t limit,
                               const tb_row_sink* rows);
  tb_status (*store_put)(tb_host* host, tb_str key, tb_str value);
  tb_status (*store_erase)(tb_host* host, tb_str key);
} tb_host_api;
struct tb_host {
  const tb_host_api* api;
};

/* A request to a route of the manifest's `http`. */
typedef struct tb_http_request {
  uint32_t size;
  uint32_t route;       /* place in the manifest */
  const tb_value* path; /* the ":name" parts of the route, in order, TB_TYPE_STR */
  uint32_t path_count;
  uint32_t query_count;
  const tb_value* query; /* decoded query parameters with their names, TB_TYPE_STR */
  tb_str body;
  tb_str content_type;
  const tb_value* json; /* the body as a value tree when it is JSON, else NULL */
} tb_http_request;
typedef struct tb_http_reply {
  uint32_t size;
  uint32_t status; /* 200 unless set */
  /* Write a JSON body into `json`, or any other body with `send`; not both. Valid during the call.
   */
  tb_out* json;
  void (*send)(struct tb_http_reply* reply, tb_str content_type, tb_str body);
} tb_http_reply;

/* A committed event of this plugin or of a topic that its manifest follows. */
typedef struct tb_event {
  uint32_t size;
  uint32_t index; /* in its block, over all steps */
  uint64_t height;
  uint64_t time_ms;
  tb_str topic;
  const tb_value* data; /* a record */
} tb_event;

/* The table of a face. Unused entries are NULL. Stable; grows by extensions only. */
typedef struct tb_face {
  uint32_t size;
  uint32_t reserved;
  tb_status (*create)(tb_host* host, void** instance);
  void (*destroy)(void* instance);
  /* Answers query `method` (its place in the manifest's `methods`) on `view`. On failure it writes
   * {code, name, text} and any members of `data` to `error`. [worker] */
  tb_status (*query)(void* instance, tb_view* view, uint32_t method, const tb_value* params,
                     uint32_t count, tb_out* result, tb_out* error);
  /* Carries out method `method` of kind "local": it may call the host but writes no replicated
   * state. [worker] */
  tb_status (*local)(void* instance, uint32_t method, const tb_value* params, uint32_t count,
                     tb_out* result, tb_out* error);
  tb_status (*http)(void* instance, tb_view* view, const tb_http_request* request,
                    tb_http_reply* reply);          /* [worker] */
  void (*on_config)(void* instance);                /* config keys of this plugin have changed */
  void (*on_timer)(void* instance, uint32_t timer); /* place in the manifest's `timers` */
  void (*on_reply)(void* instance, uint64_t cookie, uint32_t ok,
                   const tb_value* value); /* of post() */
  /* Each event once, in chain order, resumed behind the committed cursor after a restart. TB_OK
   * moves the cursor on. */
  tb_status (*on_event)(void* instance, const tb_event* event);
  /* After commits, with the newest view; several commits may be told in one call. */
  void (*on_commit)(void* instance, tb_view* view);
} tb_face;

#ifdef __cplusplus
}
#endif
#endif
