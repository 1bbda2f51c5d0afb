/* Draft: a face asks other machines over HTTP.
 *
 * A face opens no sockets. What it must fetch, such as the reading of a meter, the host fetches for
 * it: connections, TLS, deadlines and bounds are the kernel's. The answer comes later, on the
 * thread of timers and events.
 *
 *   const tb_host_http *http = host->api->extension(host, TB_STR("tb.host.http/1"));
 *
 * NULL: this kernel does not offer it. Drafts may still change; when this one is stable it keeps
 * its id.
 */
#ifndef TB_DRAFT_HOST_HTTP_H
#define TB_DRAFT_HOST_HTTP_H

#include "tb/face.h"

#ifdef __cplusplus
extern "C" {
#endif

#define TB_HOST_HTTP_1 "tb.host.http/1"

/* What is asked for. Borrowed for the call. */
typedef struct tb_http_fetch {
  uint32_t size;
  uint32_t timeout_ms; /* connect to last byte; 0: 5,000; at most 15,000 */
  uint64_t max_bytes;  /* of the answer's body; 0: 64 KiB; at most 16 MiB */
  tb_str method;       /* "GET" or "POST" */
  tb_str url;          /* http, https, or unix:PATH:/target; no user information */
  /* Further headers, TB_TYPE_STR with their names; not Host, Content-Length, Connection. */
  const tb_value* headers;
  uint32_t header_count; /* at most 16 */
  uint32_t reserved;     /* 0 */
  tb_str body;
} tb_http_fetch;

typedef struct tb_host_http {
  /* Starts a request and returns at once. on_reply with `cookie` tells the end: ok with the record
   * {status u64, content_type, body, json (the body as a value tree, when it is JSON)} for every
   * answer, whatever its status; or not ok with {code (a TB_E_* of this header's kind, negative),
   * message} when none came: TB_E_TIMEOUT, TB_E_LIMIT (the body is larger than max_bytes), else
   * TB_ABORTED (no connection, TLS, not HTTP). Redirects are not followed.
   * TB_E_BUSY: 256 requests of all plugins wait already; TB_E_INVALID: a member is out of bounds.
   * [face] */
  tb_status (*fetch)(tb_host* host, const tb_http_fetch* request, uint64_t cookie);
} tb_host_http;

#ifdef __cplusplus
}
#endif
#endif
