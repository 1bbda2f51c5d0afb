/* The Block plugin ABI: what a library exports.
 *
 * One symbol, tb_plugin_entry. The host calls it once after loading, and reads the manifest, a JSON
 * text in which the plugin declares everything that concerns others: methods, events, metrics,
 * parameters, services (docs/manifest.md). Link with the version script that the SDK brings
 * (tb_add_plugin() does): a library that exports more is refused. No threads, no thread_local with
 * a destructor, no atexit: they would outlive the library.
 */
#ifndef TB_PLUGIN_H
#define TB_PLUGIN_H

#include "tb/face.h"
#include "tb/machine.h"
#include "tb/types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tb_host_info {
  uint32_t size;
  uint32_t abi_major;
  uint32_t abi_minor;
  uint32_t reserved;
  tb_str version; /* of the node */
} tb_host_info;

typedef struct tb_plugin {
  uint32_t size;
  uint32_t abi_major; /* TB_ABI_MAJOR the plugin was built with; must equal the host's */
  uint32_t abi_minor; /* must not be above the host's */
  uint32_t reserved;
  tb_str manifest;           /* JSON, UTF-8; valid until the library is closed */
  const tb_machine* machine; /* or NULL: a local plugin */
  const tb_face* face;       /* or NULL */
  /* A table of an extension that the plugin implements, or NULL. The entry itself may be NULL.
   * [any] */
  const void* (*extension)(tb_str id);
} tb_plugin;

/* Returns the plugin's description, valid until the library is closed, or NULL if it cannot run
 * under `host`. */
typedef const tb_plugin* (*tb_plugin_entry_fn)(const tb_host_info* host);

#if defined(_WIN32)
#define TB_EXPORT __declspec(dllexport)
#else
#define TB_EXPORT __attribute__((visibility("default")))
#endif

#define TB_PLUGIN_ENTRY tb_plugin_entry
TB_EXPORT const tb_plugin* tb_plugin_entry(const tb_host_info* host);

#ifdef __cplusplus
}
#endif
#endif
