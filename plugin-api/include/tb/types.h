/* The Block plugin ABI: values, texts and outputs.
 *
 * Pure C11, compiles as C++; needs no other header than <stdint.h>. Rules that hold for the whole
 * ABI:
 *
 *  - No memory changes owner. A pointer that is passed in is borrowed for the call; what a callee
 * wants to keep it copies. Outputs go through sinks and writers that the host (or the caller of a
 * service) provides.
 *  - Fixed-width integers only. Data structs that the host passes begin with `size` and grow at the
 * end; a field beyond `size` reads as zero, and zero means "as before". Tables of functions never
 * change once stable; an addition is a new extension id ("tb.face.http/2").
 *  - No exception crosses. The host calls plugin code inside a guard, but a plugin that lets one
 * escape aborts the step that called it.
 *  - The tag behind each function names the thread role on which it may be called:
 *      [machine] inside a machine entry, on the ctx or view that the entry was given;
 *      [face]    inside a face entry;
 *      [worker]  inside a face entry that runs on a worker thread (queries, HTTP, timers, replies):
 * it may wait; [any]     anywhere. Every host function checks its tag first and answers
 * TB_E_WRONG_THREAD.
 */
#ifndef TB_TYPES_H
#define TB_TYPES_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TB_ABI_MAJOR 1u
#define TB_ABI_MINOR 0u

/* Outcome of a call. Negative values are failures. */
typedef int32_t tb_status;
#define TB_OK 0
#define TB_NOT_FOUND 1  /* no such key or row: an answer, not a failure */
#define TB_FAILED (-1)  /* refused; the reason was told to fail() */
#define TB_ABORTED (-2) /* trouble of the host: return at once, nothing you do counts any more */
#define TB_E_WRONG_THREAD (-3) /* the function's tag does not allow this thread */
#define TB_E_INVALID (-4)      /* an argument is outside the contract */
#define TB_E_LIMIT (-5)        /* a limit of the step: the command ends with limit_exceeded */
#define TB_E_UNSUPPORTED (-6)  /* no such function, service or extension here */
#define TB_E_BUSY (-7)         /* a bounded queue is full; try later */
#define TB_E_TIMEOUT (-8)

/* A borrowed byte string. `ptr` may be NULL when `len` is 0. Texts are UTF-8 and not
 * zero-terminated. */
typedef struct tb_str {
  const char* ptr;
  uint64_t len;
} tb_str;

/* Types of a tb_value. */
#define TB_TYPE_NONE 0u   /* absent optional field, or null */
#define TB_TYPE_BOOL 1u   /* num: 0 or 1 */
#define TB_TYPE_U64 2u    /* num */
#define TB_TYPE_I64 3u    /* num, two's complement */
#define TB_TYPE_U128 4u   /* num_hi:num */
#define TB_TYPE_STR 5u    /* str, valid UTF-8 */
#define TB_TYPE_BYTES 6u  /* str, any bytes; hexadecimal in JSON */
#define TB_TYPE_LIST 7u   /* items[0..count) */
#define TB_TYPE_RECORD 8u /* items[0..count), each with its name */

/* A typed value. Parameters of a method arrive as an array of these in the order in which the
 * manifest declares the fields: aliases resolved, defaults filled in, ranges checked. */
typedef struct tb_value tb_value;
struct tb_value {
  tb_str name; /* member of a record, field of a method; empty in a list */
  uint32_t type;
  uint32_t count;
  uint64_t num;
  uint64_t num_hi;
  tb_str str;
  const tb_value* items;
};

/* Where a function delivers bytes. `put` may be called during the call that was given the sink,
 * never after; the bytes are borrowed for that call. */
typedef struct tb_sink {
  void* user;
  void (*put)(void* user, tb_str value);
} tb_sink;

/* Where a scan delivers rows. Return 0 to stop. */
typedef struct tb_row_sink {
  void* user;
  uint32_t (*row)(void* user, tb_str key, tb_str value);
} tb_row_sink;

/* A writer of structured values: results, events, records, error data. It starts inside a record:
 * put members by name. To write a list or a single value instead, put it with an empty name before
 * anything else. Inside a list names are ignored. A writer is valid until the call that gave or
 * received it returns. Whoever calls a service may pass a writer of its own, so these tables are
 * implemented on both sides. */
typedef struct tb_out tb_out;
typedef struct tb_out_api {
  void (*put_null)(tb_out* out, tb_str name);
  void (*put_bool)(tb_out* out, tb_str name, uint32_t value);
  void (*put_u64)(tb_out* out, tb_str name, uint64_t value);
  void (*put_i64)(tb_out* out, tb_str name, int64_t value);
  void (*put_u128)(tb_out* out, tb_str name, uint64_t lo, uint64_t hi);
  /* value / 10^decimals, printed with that many decimals; for display only, refused in events and
   * records */
  void (*put_scaled)(tb_out* out, tb_str name, int64_t value, uint32_t decimals);
  void (*put_str)(tb_out* out, tb_str name, tb_str value); /* UTF-8; invalid bytes fail the step */
  void (*put_bytes)(tb_out* out, tb_str name, tb_str value); /* lower-case hexadecimal in JSON */
  void (*put_value)(tb_out* out, tb_str name, const tb_value* value); /* a whole tree */
  void (*begin_record)(tb_out* out, tb_str name);
  void (*begin_list)(tb_out* out, tb_str name);
  void (*end)(tb_out* out); /* of the innermost begin_ */
} tb_out_api;
struct tb_out {
  const tb_out_api* api;
};

/* Fills a writer that the host opened. */
typedef void (*tb_fill)(void* user, tb_out* out);

#ifdef __cplusplus
}
#endif
#endif
