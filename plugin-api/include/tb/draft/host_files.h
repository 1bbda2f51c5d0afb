/* Draft: a face keeps files.
 *
 * A face opens no files itself: in a process of its own (isolation: process) it could not. The host
 * writes and reads for it, in both modes alike, below the places that the plugin's own config keys
 * name: those of type string whose `unit` is "folder", or "file" for the folder that it lies in. A
 * default has to lie in a folder
 * below "${data}/" that begins with the plugin's id ("-" as "_"); what the operator sets may lie
 * anywhere but among the node's own files. Names below a folder have 1 to 128 of a-z, A-Z, 0-9,
 * '.',
 * '_' and '-', and neither begin with '.' nor end with ".tmp".
 *
 *   const tb_host_files *files = host->api->extension(host, TB_STR("tb.host.files/1"));
 *
 * NULL: this kernel does not offer it. Drafts may still change; when this one is stable it keeps
 * its id.
 *
 * Answers: TB_OK; TB_NOT_FOUND; TB_E_INVALID (the path is not the plugin's, or no name); TB_E_LIMIT
 * (more than 1 GiB in a file, a million files or 16 GiB in a folder); TB_FAILED (the system: the
 * disk is full, no right). `problem` (may be NULL) then hears a sentence for people.
 */
#ifndef TB_DRAFT_HOST_FILES_H
#define TB_DRAFT_HOST_FILES_H

#include "tb/face.h"

#ifdef __cplusplus
extern "C" {
#endif

#define TB_HOST_FILES_1 "tb.host.files/1"

enum {
  TB_FILE_BEGIN = 1,  /* a new version of the file begins with this text */
  TB_FILE_END = 2,    /* it ends with it */
  TB_FILE_PRIVATE = 4 /* with TB_FILE_BEGIN: nobody but the node's user may read it */
};

typedef struct tb_host_files {
  /* Adds `text` (at most 16 MiB) to the new version of the file `path`. With TB_FILE_END that
   * version is synced and takes the place of the old one: readers, and a crash, find the one or the
   * other whole. Folders are made. [face] */
  tb_status (*write)(tb_host* host, tb_str path, uint32_t flags, tb_str text,
                     const tb_sink* problem);
  /* At most `limit` bytes (at most 16 MiB) from `offset` on; fewer at the end of the file. [face]
   */
  tb_status (*read)(tb_host* host, tb_str path, uint64_t offset, uint64_t limit,
                    const tb_sink* text, const tb_sink* problem);
  /* The files of a folder, by name, each with its size in decimal digits. [face] */
  tb_status (*list)(tb_host* host, tb_str folder, const tb_row_sink* files, const tb_sink* problem);
  /* [face] */
  tb_status (*remove)(tb_host* host, tb_str path, const tb_sink* problem);
} tb_host_files;

#ifdef __cplusplus
}
#endif
#endif
