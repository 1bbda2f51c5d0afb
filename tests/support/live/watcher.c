/* watcher: a local plugin for tests of change on a running node. It follows the events of `live`
 * and checks that each comes, in order, across every reload of either of them. WATCHER_VERSION
 * names the build.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tb/plugin.h"

#ifndef WATCHER_VERSION
#define WATCHER_VERSION "1.0.0"
#endif
#define TEXT(literal) ((tb_str){(literal), sizeof(literal) - 1})
#define SEEN_BYTES 96

static const char kManifest[] =
    "{\"id\":\"watcher\",\"version\":\"" WATCHER_VERSION
    "\",\"summary\":\"Checks the order of events.\",\"follows\":[\"live.added\"],\"methods\":["
    "{\"name\":\"watcher.seen\",\"kind\":\"local\",\"role\":\"read\",\"summary\":\"What came\"},"
    "{\"name\":\"watcher.limit\",\"kind\":\"local\",\"role\":\"read\",\"summary\":\"The key in "
    "force\"}],"
    "\"config\":[{\"key\":\"limit\",\"type\":\"u64\",\"default\":7,\"max\":1000,\"help\":\"a "
    "number\"}],"
    "\"http\":[{\"method\":\"GET\",\"path\":\"/watcher\",\"summary\":\"What came\"}]}";

struct text {
  char data[SEEN_BYTES + 1];
};

static void take(void* user, tb_str value) {
  struct text* out = user;
  const uint64_t n = value.len < SEEN_BYTES ? value.len : SEEN_BYTES;
  memcpy(out->data, value.ptr, (size_t)n);
  out->data[n] = 0;
}

/* Newest number, events, gaps. */
static tb_status load_seen(tb_host* host, uint64_t out[3]) {
  struct text text = {{0}};
  const tb_sink sink = {&text, take};
  memset(out, 0, 3 * sizeof *out);
  const tb_status status = host->api->store_get(host, TEXT("seen"), &sink);
  if (status == TB_OK) sscanf(text.data, "%lu %lu %lu", &out[0], &out[1], &out[2]);
  return status == TB_NOT_FOUND ? TB_OK : status;
}

static tb_status create(tb_host* host, void** instance) {
  *instance = host;
  return TB_OK;
}
static void destroy(void* instance) { (void)instance; }

/* Members stand in the order of their names. */
static uint64_t number_of(const tb_value* record, const char* name) {
  for (uint32_t i = 0; i < record->count; ++i) {
    const tb_str member = record->items[i].name;
    if (member.len == strlen(name) && memcmp(member.ptr, name, (size_t)member.len) == 0)
      return record->items[i].num;
  }
  return 0;
}

static tb_status on_event(void* instance, const tb_event* event) {
  tb_host* host = instance;
  uint64_t seen[3];
  const tb_status status = load_seen(host, seen);
  if (status != TB_OK) return status;
  const uint64_t seq = number_of(event->data, "seq");
  if (seq > seen[0] + 1) ++seen[2];
  if (seq > seen[0]) seen[0] = seq;
  ++seen[1];
  char buffer[SEEN_BYTES];
  const int n = snprintf(buffer, sizeof buffer, "%lu %lu %lu", seen[0], seen[1], seen[2]);
  return host->api->store_put(host, TEXT("seen"), (tb_str){buffer, (uint64_t)n});
}

static tb_status put_seen(tb_host* host, tb_out* result) {
  uint64_t seen[3];
  const tb_status status = load_seen(host, seen);
  if (status != TB_OK) return status;
  result->api->put_u64(result, TEXT("last"), seen[0]);
  result->api->put_u64(result, TEXT("events"), seen[1]);
  result->api->put_u64(result, TEXT("gaps"), seen[2]);
  result->api->put_str(result, TEXT("build"), TEXT(WATCHER_VERSION));
  return TB_OK;
}

static void take_number(void* user, const tb_value* value) { *(uint64_t*)user = value->num; }

static tb_status local(void* instance, uint32_t method, const tb_value* params, uint32_t count,
                       tb_out* result, tb_out* error) {
  (void)params, (void)count, (void)error;
  tb_host* host = instance;
  if (method == 0) return put_seen(host, result);
  uint64_t limit = 0;
  const tb_status status = host->api->config(host, 0, take_number, &limit);
  if (status == TB_OK) result->api->put_u64(result, TEXT("limit"), limit);
  return status;
}

static tb_status http(void* instance, tb_view* view, const tb_http_request* request,
                      tb_http_reply* reply) {
  (void)view, (void)request;
  return put_seen(instance, reply->json);
}

static const tb_face kFace = {
    .size = sizeof(tb_face),
    .create = create,
    .destroy = destroy,
    .local = local,
    .http = http,
    .on_event = on_event,
};
static const tb_plugin kPlugin = {
    .size = sizeof(tb_plugin),
    .abi_major = TB_ABI_MAJOR,
    .abi_minor = TB_ABI_MINOR,
    .manifest = {kManifest, sizeof kManifest - 1},
    .face = &kFace,
};

TB_EXPORT const tb_plugin* tb_plugin_entry(const tb_host_info* info) {
  (void)info;
  return &kPlugin;
}
