// For a host that carries calls of a plugin over from another process: what such a plugin's stub
// needs of the running step beyond the ABI. Reads without counting let the other side prefetch and
// page; it tells with count() what the plugin really read, so that the limits of a step fall where
// they fall for a plugin inside the node. All on the thread of the step. [machine]
#pragma once

#include <optional>
#include <string>

#include "kernel/chain/context.hpp"
#include "kernel/storage/kv_store.hpp"

namespace blockd::foreign {

// The machine whose ctx or view this is; null for a plugin without one.
const BoundMachine* machine_of(tb_view* view);
const Manifest& manifest_of(tb_view* view);
bool read_only(tb_view* view);
// Whether calls may go on: TB_OK, TB_ABORTED, TB_E_LIMIT.
tb_status ready(tb_view* view);
// A row of the plugin's namespace, not counted. The value is borrowed until the next call.
tb_status peek(tb_view* view, BytesView key, std::string* scratch, std::optional<BytesView>* value);
// Rows as tb_view_api.scan delivers them, not counted; keys relative.
tb_status peek_scan(tb_view* view, BytesView prefix, BytesView bound, std::uint32_t limit,
                    bool back, const RowVisitor& visit);
// Counts reads and then scanned rows as if the plugin had made them here.
void count(tb_view* view, std::uint32_t reads, std::uint32_t rows);
// Whether the step belongs to a block, for which it is better to wait for a new child than to fail.
bool patient(tb_view* view);
// The process of the plugin is in trouble: the step counts no more. `caused` false: by another call
// than this one, so that the step may be tried again. Returns what the entry has to return.
tb_status poison(tb_view* view, std::string text, bool caused);

}  // namespace blockd::foreign
