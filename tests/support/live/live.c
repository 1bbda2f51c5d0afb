/* live: a plugin for tests of change on a running node. The build makes many versions of it:
 *
 *   LIVE_VERSION   "1.0.0"       version text
 *   LIVE_SM        1             newest state machine version
 *   LIVE_SM_MIN    LIVE_SM       oldest one that it still executes
 *   LIVE_SCHEMA    1             layout that LIVE_SM writes: "v<schema>:<count>/<sm>"
 *   LIVE_LIAR      0             1: counts one too many, at the same version
 *   LIVE_FAILS_AT  (unset)       name whose row no migration step can read
 *   LIVE_NO_STEPS  (unset)       has no migration
 *   LIVE_NAMES     (unset)       counts by name in a metric as well; its summary is markup
 *   LIVE_NO_PARAM  (unset)       has no parameter, which all but the first version have else
 *   LIVE_LEAKS     (unset)       opens itself once more, so that it stays mapped for ever
 *
 * It counts additions by name. What a state machine version changes is the number behind the slash,
 * so a replay with the wrong one differs. Rows of every layout up to its own can be read.
 *
 *   "n/" + name   the row above
 *   "seq"         number of additions, which is the number of events
 */
#ifdef LIVE_LEAKS
#define _GNU_SOURCE
#include <dlfcn.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tb/plugin.h"

#ifndef LIVE_VERSION
#define LIVE_VERSION "1.0.0"
#endif
#ifndef LIVE_SM
#define LIVE_SM 1
#endif
#ifndef LIVE_SM_MIN
#define LIVE_SM_MIN LIVE_SM
#endif
#ifndef LIVE_SCHEMA
#define LIVE_SCHEMA 1
#endif
#ifndef LIVE_LIAR
#define LIVE_LIAR 0
#endif

#ifdef LIVE_NAMES
#define LIVE_SUMMARY "<img src=x onerror=alert(1)>"
#define LIVE_MORE_METRICS                                                                       \
  ",{\"name\":\"live_names_total\",\"type\":\"counter\",\"labels\":[\"name\"],\"label_limit\":" \
  "10000,\"help\":"                                                                             \
  "\"Additions by name\"}"
#else
#define LIVE_SUMMARY "Counts additions by name."
#define LIVE_MORE_METRICS ""
#endif

#define STRING_OF(x) #x
#define NUMBER(x) STRING_OF(x)
#define TEXT(literal) ((tb_str){(literal), sizeof(literal) - 1})
#define ROW_BYTES 96
#define NAME_BYTES 64
#define HOLD_TURN_NS 2000000L /* between two looks for the release */

static const char kManifest[] =
    "{\"id\":\"live\",\"version\":\"" LIVE_VERSION "\",\"sm\":" NUMBER(LIVE_SM) ",\"sm_min\":" NUMBER(
        LIVE_SM_MIN) ",\"schema\":" NUMBER(LIVE_SCHEMA)
    ",\"summary\":\"" LIVE_SUMMARY "\",\"methods\":["
    "{\"name\":\"live.add\",\"kind\":\"command\",\"role\":\"operator\",\"summary\":\"Count one\","
    "\"params\":[{\"name\":\"name\",\"type\":\"string\",\"min\":1,\"max\":64}]},"
    "{\"name\":\"live.fill\",\"kind\":\"command\",\"role\":\"operator\",\"summary\":\"Make rows\","
    "\"params\":[{\"name\":\"from\",\"type\":\"u64\"},{\"name\":\"count\",\"type\":\"u64\",\"max\":5000}]},"
    "{\"name\":\"live.get\",\"kind\":\"query\",\"role\":\"read\",\"summary\":\"The count of a name\","
    "\"params\":[{\"name\":\"name\",\"type\":\"string\",\"min\":1,\"max\":64}]},"
    "{\"name\":\"live.hold\",\"kind\":\"query\",\"role\":\"read\",\"summary\":\"Answers after a release, from the view that it began with\","
    "\"params\":[{\"name\":\"name\",\"type\":\"string\",\"min\":1,\"max\":64}]},"
    "{\"name\":\"live.seen\",\"kind\":\"local\",\"role\":\"read\",\"summary\":\"Events that this face got\"}],"
    "\"events\":[{\"topic\":\"live.added\",\"fields\":[{\"name\":\"seq\",\"type\":\"u64\"},{\"name\":\"name\",\"type\":\"string\"},{\"name\":\"count\",\"type\":\"u64\"}]}],"
    "\"metrics\":[{\"name\":\"live_added_total\",\"type\":\"counter\",\"help\":\"Additions\"}" LIVE_MORE_METRICS "],"
    "\"config\":[{\"key\":\"limit\",\"type\":\"u64\",\"default\":7,\"help\":\"a number\"}]"
#if LIVE_SM > 1 && !defined(LIVE_NO_PARAM)
    /* Each version has one more parameter, so their consensus hashes differ. */
    ",\"params\":[{\"key\":\"live_step\",\"default\":" NUMBER(LIVE_SM) ",\"min\":0,\"max\":1000,\"help\":\"a number\"}]"
#endif
    "}";

enum { METHOD_ADD, METHOD_FILL, METHOD_GET, METHOD_HOLD };

struct text {
  char data[ROW_BYTES + 1];
  uint64_t len;
};

static void take(void* user, tb_str value) {
  struct text* out = user;
  out->len = value.len < ROW_BYTES ? value.len : ROW_BYTES;
  memcpy(out->data, value.ptr, (size_t)out->len);
  out->data[out->len] = 0;
}

static tb_status read_text(tb_view* view, tb_str key, struct text* out) {
  const tb_sink sink = {out, take};
  out->len = 0;
  out->data[0] = 0;
  const tb_status status = view->api->get(view, key, &sink);
  return status == TB_NOT_FOUND ? TB_OK : status;
}

struct row {
  uint64_t layout, count, sm;
};

/* Reads every layout up to its own; 0 when the row is of a later one or damaged. */
static int parse(const struct text* text, struct row* out) {
  memset(out, 0, sizeof *out);
  if (text->len == 0) return 1;
  const int fields = sscanf(text->data, "v%lu:%lu/%lu", &out->layout, &out->count, &out->sm);
  return fields == 3 && out->layout <= LIVE_SCHEMA;
}

static tb_str print_row(char* buffer, uint64_t layout, const struct row* row) {
  const int n = snprintf(buffer, ROW_BYTES, "v%lu:%lu/%lu", layout, row->count, row->sm);
  return (tb_str){buffer, (uint64_t)n};
}

static tb_str row_key(char* buffer, tb_str name) {
  memcpy(buffer, "n/", 2);
  memcpy(buffer + 2, name.ptr, (size_t)name.len);
  return (tb_str){buffer, name.len + 2};
}

static tb_status unreadable(tb_ctx* ctx, const char* what) {
  char text[ROW_BYTES * 2];
  const int n = snprintf(text, sizeof text, "a row cannot be read: %s", what);
  return ctx->api->fail(ctx, -40201, TEXT("UnreadableRow"), (tb_str){text, (uint64_t)n}, NULL,
                        NULL);
}

struct added {
  uint64_t seq, count;
  tb_str name;
};

static void fill_added(void* user, tb_out* out) {
  const struct added* added = user;
  out->api->put_u64(out, TEXT("seq"), added->seq);
  out->api->put_str(out, TEXT("name"), added->name);
  out->api->put_u64(out, TEXT("count"), added->count);
}

static tb_status add(tb_ctx* ctx, tb_str name, tb_out* result) {
  char key[NAME_BYTES + 2], buffer[ROW_BYTES];
  struct text text;
  struct row row;
  const tb_str at = row_key(key, name);
  tb_status status = read_text(&ctx->view, at, &text);
  if (status != TB_OK) return status;
  if (!parse(&text, &row)) return unreadable(ctx, text.data);
  row.count += 1 + LIVE_LIAR;
  row.sm = ctx->view.block->sm;
  if ((status = ctx->api->put(ctx, at, print_row(buffer, ctx->view.block->schema, &row))) != TB_OK)
    return status;
  if ((status = read_text(&ctx->view, TEXT("seq"), &text)) != TB_OK) return status;
  struct added added = {strtoull(text.data, NULL, 10) + 1, row.count, name};
  const int n = snprintf(buffer, sizeof buffer, "%lu", added.seq);
  status = ctx->api->put(ctx, TEXT("seq"), (tb_str){buffer, (uint64_t)n});
  if (status == TB_OK) status = ctx->api->emit(ctx, 0, fill_added, &added);
  if (status == TB_OK) status = ctx->api->metric(ctx, 0, NULL, 0, 1);
#ifdef LIVE_NAMES
  if (status == TB_OK) status = ctx->api->metric(ctx, 1, &name, 1, 1);
#endif
  if (status != TB_OK) return status;
  result->api->put_u64(result, TEXT("count"), row.count);
  result->api->put_u64(result, TEXT("seq"), added.seq);
  result->api->put_u64(result, TEXT("sm"), row.sm);
  return TB_OK;
}

static tb_status fill(tb_ctx* ctx, uint64_t from, uint64_t count) {
  char key[NAME_BYTES], buffer[ROW_BYTES];
  for (uint64_t i = from; i < from + count; ++i) {
    const int n = snprintf(key, sizeof key, "n/fill-%08lu", i);
    const struct row row = {0, i, ctx->view.block->sm};
    const tb_status status = ctx->api->put(ctx, (tb_str){key, (uint64_t)n},
                                           print_row(buffer, ctx->view.block->schema, &row));
    if (status != TB_OK) return status;
  }
  return TB_OK;
}

static tb_status apply(tb_ctx* ctx, uint32_t method, const tb_value* params, uint32_t count,
                       tb_out* result) {
  (void)count;
  if (method == METHOD_ADD) return add(ctx, params[0].str, result);
  return fill(ctx, params[0].num, params[1].num);
}

#ifndef LIVE_NO_STEPS
struct page {
  tb_ctx* ctx;
  struct text last;
  uint64_t rows;
  tb_status status;
};

static uint32_t migrate_row(void* user, tb_str key, tb_str value) {
  struct page* page = user;
  struct text text;
  struct row row;
  char buffer[ROW_BYTES];
  take(&text, value);
  take(&page->last, key);
  int readable = parse(&text, &row);
#ifdef LIVE_FAILS_AT
  readable = readable && strcmp(page->last.data, "n/" LIVE_FAILS_AT) != 0;
#endif
  if (!readable) {
    page->status = unreadable(page->ctx, page->last.data);
    return 0;
  }
  page->status =
      page->ctx->api->put(page->ctx, key, print_row(buffer, page->ctx->view.block->schema, &row));
  ++page->rows;
  return page->status == TB_OK;
}

static tb_status migrate_step(tb_ctx* ctx, uint32_t from, tb_str cursor, uint32_t rows,
                              const tb_sink* next) {
  (void)from;
  struct page page = {ctx, {{0}, 0}, 0, TB_OK};
  const tb_row_sink sink = {&page, migrate_row};
  const tb_status status = ctx->view.api->scan(&ctx->view, TEXT("n/"), cursor, rows, &sink);
  if (status < 0 || page.status != TB_OK) return page.status != TB_OK ? page.status : status;
  if (page.rows == rows) next->put(next->user, (tb_str){page.last.data, page.last.len});
  return TB_OK;
}
#endif

static tb_status refuse(tb_out* error, const char* text) {
  error->api->put_i64(error, TEXT("code"), -40201);
  error->api->put_str(error, TEXT("name"), TEXT("UnreadableRow"));
  error->api->put_str(error, TEXT("text"), (tb_str){text, strlen(text)});
  return TB_FAILED;
}

static tb_status put_count(tb_view* view, tb_str name, tb_out* result, tb_out* error) {
  char key[NAME_BYTES + 2];
  struct text text;
  struct row row;
  const tb_status status = read_text(view, row_key(key, name), &text);
  if (status != TB_OK) return status;
  if (!parse(&text, &row)) return refuse(error, text.data);
  result->api->put_u64(result, TEXT("count"), row.count);
  result->api->put_u64(result, TEXT("layout"), row.layout);
  result->api->put_u64(result, TEXT("height"), view->block->height);
  result->api->put_u64(result, TEXT("sm"), view->block->sm);
  result->api->put_str(result, TEXT("build"), TEXT(LIVE_VERSION));
  return TB_OK;
}

/* A view is of one height for ever, so the release cannot be a row: it is a file of that name in
 * TB_TEST_HOLD_DIR. "<name>.held" says that the call waits. */
static tb_status hold(tb_view* view, tb_str name, tb_out* result, tb_out* error) {
  const char* dir = getenv("TB_TEST_HOLD_DIR");
  char path[512], mark[520];
  snprintf(path, sizeof path, "%s/%.*s", dir ? dir : ".", (int)name.len, name.ptr);
  snprintf(mark, sizeof mark, "%s.held", path);
  FILE* held = fopen(mark, "w");
  if (held) fclose(held);
  const struct timespec turn = {0, HOLD_TURN_NS};
  FILE* released = NULL;
  while (!(released = fopen(path, "r"))) nanosleep(&turn, NULL);
  fclose(released);
  return put_count(view, name, result, error);
}

static tb_status create(tb_host* host, void** instance) {
  *instance = host;
  return TB_OK;
}
static void destroy(void* instance) { (void)instance; }

static tb_status query(void* instance, tb_view* view, uint32_t method, const tb_value* params,
                       uint32_t count, tb_out* result, tb_out* error) {
  (void)instance, (void)count;
  if (method == METHOD_HOLD) return hold(view, params[0].str, result, error);
  return put_count(view, params[0].str, result, error);
}

/* Of the events: the newest number, how many came, and what broke their order. A repeat after a
 * switch is allowed (at least once); a gap or a step back behind a repeat's next is not. */
static tb_status load_seen(tb_host* host, uint64_t out[3]) {
  struct text text;
  const tb_sink sink = {&text, take};
  text.len = 0;
  text.data[0] = 0;
  memset(out, 0, 3 * sizeof *out);
  const tb_status status = host->api->store_get(host, TEXT("seen"), &sink);
  if (status == TB_OK) sscanf(text.data, "%lu %lu %lu", &out[0], &out[1], &out[2]);
  return status == TB_NOT_FOUND ? TB_OK : status;
}

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
  tb_status status = load_seen(host, seen);
  if (status != TB_OK) return status;
  const uint64_t seq = number_of(event->data, "seq");
  if (seq > seen[0] + 1) ++seen[2];
  if (seq > seen[0]) seen[0] = seq;
  ++seen[1];
  char buffer[ROW_BYTES];
  const int n = snprintf(buffer, sizeof buffer, "%lu %lu %lu", seen[0], seen[1], seen[2]);
  return host->api->store_put(host, TEXT("seen"), (tb_str){buffer, (uint64_t)n});
}

static tb_status local(void* instance, uint32_t method, const tb_value* params, uint32_t count,
                       tb_out* result, tb_out* error) {
  (void)method, (void)params, (void)count, (void)error;
  uint64_t seen[3];
  const tb_status status = load_seen(instance, seen);
  if (status != TB_OK) return status;
  result->api->put_u64(result, TEXT("last"), seen[0]);
  result->api->put_u64(result, TEXT("events"), seen[1]);
  result->api->put_u64(result, TEXT("gaps"), seen[2]);
  result->api->put_str(result, TEXT("build"), TEXT(LIVE_VERSION));
  return TB_OK;
}

static const tb_machine kMachine = {
    .size = sizeof(tb_machine),
    .sm = LIVE_SM,
    .sm_min = LIVE_SM_MIN,
    .schema = LIVE_SCHEMA,
    .apply = apply,
#ifndef LIVE_NO_STEPS
    .migrate_step = migrate_step,
#endif
};
static const tb_face kFace = {
    .size = sizeof(tb_face),
    .create = create,
    .destroy = destroy,
    .query = query,
    .local = local,
    .on_event = on_event,
};
static const tb_plugin kPlugin = {
    .size = sizeof(tb_plugin),
    .abi_major = TB_ABI_MAJOR,
    .abi_minor = TB_ABI_MINOR,
    .manifest = {kManifest, sizeof kManifest - 1},
    .machine = &kMachine,
    .face = &kFace,
};

TB_EXPORT const tb_plugin* tb_plugin_entry(const tb_host_info* info) {
  (void)info;
#ifdef LIVE_LEAKS
  Dl_info self;
  if (dladdr(kManifest, &self) == 0 || dlopen(self.dli_fname, RTLD_NOW) == NULL) return NULL;
#endif
  return &kPlugin;
}
