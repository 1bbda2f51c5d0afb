/* counter: a whole plugin in C11, with nothing but the ABI headers. It keeps one number.
 *
 * State: "value" -> 8 bytes, little-endian. The manifest at the top is the plugin's declaration;
 * the place of an entry in its list is the number by which the tables below are called.
 */
#include <stddef.h>
#include <string.h>

#include "tb/plugin.h"

static const char kManifest[] =
    "{\"id\":\"counter\",\"version\":\"1.0.0\",\"sm\":1,\"sm_min\":1,\"schema\":1,"
    "\"summary\":\"Keeps one number.\","
    "\"methods\":["
    "{\"name\":\"counter.add\",\"kind\":\"command\",\"role\":\"operator\",\"summary\":\"Add to the "
    "number\","
    "\"params\":[{\"name\":\"amount\",\"type\":\"u64\",\"min\":1,\"help\":\"what is added\"}],"
    "\"result\":[{\"name\":\"value\",\"type\":\"u64\"}],"
    "\"errors\":[{\"code\":-40101,\"name\":\"CounterOverflow\",\"help\":\"the sum does not fit 64 "
    "bits\"}],"
    "\"cli\":{\"path\":\"counter add\",\"positionals\":[\"amount\"]}},"
    "{\"name\":\"counter.value\",\"kind\":\"query\",\"role\":\"read\",\"summary\":\"The number\","
    "\"result\":[{\"name\":\"value\",\"type\":\"u64\"}],"
    "\"cli\":{\"path\":\"counter value\"}}],"
    "\"metrics\":[{\"name\":\"counter_value\",\"type\":\"gauge\",\"help\":\"The number\"}]}";

/* Places in the manifest. */
#define METHOD_ADD 0u
#define METHOD_VALUE 1u
#define METRIC_VALUE 0u

/* A text literal as tb_str. */
#define TEXT(literal) ((tb_str){(literal), sizeof(literal) - 1})

/* Receives a row of eight bytes. */
struct number {
  uint64_t value;
  uint32_t damaged;
};

static void take_number(void* user, tb_str row) {
  struct number* number = user;
  number->value = 0;
  number->damaged = row.len != 8;
  for (uint64_t i = 0; i < row.len && i < 8; ++i) {
    number->value |= (uint64_t)(unsigned char)row.ptr[i] << (8 * i);
  }
}

/* Reads the number; 0 before the first add. */
static tb_status load(tb_view* view, struct number* number) {
  const tb_sink sink = {number, take_number};
  const tb_status status = view->api->get(view, TEXT("value"), &sink);
  return status == TB_NOT_FOUND ? TB_OK : status;
}

static tb_status store(tb_ctx* ctx, uint64_t value) {
  char row[8];
  for (int i = 0; i < 8; ++i) row[i] = (char)(unsigned char)(value >> (8 * i));
  return ctx->api->put(ctx, TEXT("value"), (tb_str){row, sizeof(row)});
}

static tb_status add(tb_ctx* ctx, uint64_t amount, tb_out* result) {
  struct number number = {0, 0};
  tb_status status = load(&ctx->view, &number);
  if (status != TB_OK) return status;
  if (number.damaged) {
    return ctx->api->fail(ctx, -32603, TEXT("internal_plugin_error"),
                          TEXT("the row 'value' is not 8 bytes"), NULL, NULL);
  }
  if (amount > UINT64_MAX - number.value) {
    return ctx->api->fail(ctx, -40101, TEXT("CounterOverflow"),
                          TEXT("the sum does not fit 64 bits"), NULL, NULL);
  }
  number.value += amount;
  status = store(ctx, number.value);
  if (status != TB_OK) return status;
  if (number.value <= INT64_MAX) {
    status = ctx->api->metric(ctx, METRIC_VALUE, NULL, 0, (int64_t)number.value);
    if (status != TB_OK) return status;
  }
  result->api->put_u64(result, TEXT("value"), number.value);
  return TB_OK;
}

static tb_status apply(tb_ctx* ctx, uint32_t method, const tb_value* params, uint32_t count,
                       tb_out* result) {
  if (method != METHOD_ADD || count != 1) return TB_E_UNSUPPORTED;
  return add(ctx, params[0].num, result);
}

static tb_status create(tb_host* host, void** instance) {
  (void)host;
  *instance = NULL; /* the face remembers nothing */
  return TB_OK;
}

static void destroy(void* instance) { (void)instance; }

static tb_status query(void* instance, tb_view* view, uint32_t method, const tb_value* params,
                       uint32_t count, tb_out* result, tb_out* error) {
  (void)instance, (void)params, (void)count, (void)error;
  if (method != METHOD_VALUE) return TB_E_UNSUPPORTED;
  struct number number = {0, 0};
  const tb_status status = load(view, &number);
  if (status != TB_OK) return status;
  result->api->put_u64(result, TEXT("value"), number.value);
  return TB_OK;
}

static const tb_machine kMachine = {
    .size = sizeof(tb_machine), .sm = 1, .sm_min = 1, .schema = 1, .apply = apply};

static const tb_face kFace = {
    .size = sizeof(tb_face), .create = create, .destroy = destroy, .query = query};

static const tb_plugin kPlugin = {
    .size = sizeof(tb_plugin),
    .abi_major = TB_ABI_MAJOR,
    .abi_minor = TB_ABI_MINOR,
    .manifest = {kManifest, sizeof(kManifest) - 1},
    .machine = &kMachine,
    .face = &kFace,
};

const tb_plugin* tb_plugin_entry(const tb_host_info* host) {
  (void)host;
  return &kPlugin;
}
