// What the kernel itself declares for those who watch a node: its metrics, the panels and alerts
// over them. The series are registered where they are counted; a test that scrapes a node holds the
// two lists to each other.

#include "kernel/rpc/kernel_monitoring.hpp"

#include <cstdio>
#include <cstdlib>
#include <string>

#include "kernel/base/json.hpp"

namespace blockd {
namespace {

constexpr std::string_view kMetrics = R"json({
"id": "kernel", "version": "1.0.0", "summary": "What the kernel counts, and the panels and alerts over it",
"metrics": [
{"name": "admission_mode", "type": "gauge", "labels": ["mode"], "help": "1 for the present mode: tight while the comfort guard holds the industrial lane back, brownout while a lane is nearly full"},
{"name": "balance_overflow_reject_total", "type": "counter", "help": "Commands refused because the receiver's balance would overflow"},
{"name": "block_apply_fail_total", "type": "counter", "help": "Blocks that could not be made"},
{"name": "block_mined_total", "type": "counter", "help": "Blocks that this node proposed"},
{"name": "chain_apply_pause_longest_seconds", "type": "gauge", "labels": ["cause"], "help": "The longest of these pauses since the start"},
{"name": "chain_apply_pause_seconds", "type": "histogram", "buckets": [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5], "labels": ["cause"], "help": "Time in which no command was executed: commit of a block, or a task between two blocks"},
{"name": "chain_log_sync_longest_seconds", "type": "gauge", "help": "The longest sync of the block log since the start"},
{"name": "chain_log_sync_seconds", "type": "histogram", "buckets": [0.0001, 0.00025, 0.0005, 0.001, 0.002, 0.003, 0.004, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5], "help": "Time that the disk took for a sync of the block log, of one block or several; execution goes on meanwhile, answers wait for it"},
{"name": "checkpoint_fail_total", "type": "counter", "help": "Checkpoint files that could not be written"},
{"name": "config_reload_last_ts", "type": "gauge", "help": "Unix seconds of the last reload that was accepted"},
{"name": "config_reload_total", "type": "counter", "labels": ["result"], "help": "Reloads of the configuration that changed something or were refused"},
{"name": "consumer_fee_p50", "type": "gauge", "help": "Median fee of the consumer lane's commands"},
{"name": "consumer_fee_p90", "type": "gauge", "help": "90th percentile of the fees of the consumer lane's commands"},
{"name": "current_block_height", "type": "gauge", "aliases": ["block_height_total", "block_height", "moloch_chain_height"], "help": "Height of the newest block"},
{"name": "drop_not_found_total", "type": "counter", "help": "Drops of commands that had left the pool already"},
{"name": "dup_tx_reject_total", "type": "counter", "help": "Commands refused because they wait already"},
{"name": "evictions_total", "type": "counter", "aliases": ["mempool_evictions_total"], "help": "Commands that left the pool for better ones or for want of another"},
{"name": "fee_floor_override_total", "type": "counter", "labels": ["lane"], "help": "Wallets that sent a fee below the floor of the lane"},
{"name": "fee_floor_reject_total", "type": "counter", "help": "Commands refused below the fee floor"},
{"name": "fee_floor_warning_total", "type": "counter", "labels": ["lane"], "help": "Wallets that raised a fee to the floor of the lane"},
{"name": "finalized_height", "type": "gauge", "help": "Height of the newest final block"},
{"name": "http_connections_dropped_total", "type": "counter", "labels": ["reason"], "help": "Connections that the node did not take, or cut, by reason"},
{"name": "http_errors_total", "type": "counter", "labels": ["status"], "help": "HTTP requests that were answered with this status"},
{"name": "industrial_admitted_total", "type": "counter", "help": "Commands of the industrial lane that were admitted"},
{"name": "industrial_deferred_total", "type": "counter", "help": "Industrial commands that the comfort guard held back"},
{"name": "industrial_rejected_total", "type": "counter", "labels": ["reason"], "help": "Commands of the industrial lane that were refused"},
{"name": "invalid_selector_reject_total", "type": "counter", "help": "Commands refused for their pct"},
{"name": "log_correlation_fail_total", "type": "counter", "help": "Searches of the log by a correlation id that found nothing"},
{"name": "log_drop_total", "type": "counter", "labels": ["reason"], "help": "Log lines that were not written"},
{"name": "log_emit_total", "type": "counter", "help": "Log lines written"},
{"name": "log_entries_indexed_total", "type": "counter", "help": "Log lines that can be searched"},
{"name": "log_size_bytes", "type": "gauge", "help": "Bytes of the searchable log"},
{"name": "lua_local_errors_total", "type": "counter", "labels": ["script"], "help": "Calls of a script of this node that failed"},
{"name": "lua_local_value", "type": "gauge", "labels": ["script", "name"], "help": "What a script of this node gave to metrics.set"},
{"name": "mempool_size", "type": "gauge", "labels": ["lane"], "help": "Commands that wait for a block"},
{"name": "metrics_label_overflow_total", "type": "counter", "help": "Look-ups of label values that became \"other\" because the family was full"},
{"name": "mirror_fail_total", "type": "counter", "labels": ["plugin"], "help": "Mirrors that could not be written"},
{"name": "moloch_api_latency_ms", "type": "histogram", "buckets": [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000], "labels": ["method", "code"], "help": "Time of a request on the status listener, from its arrival to its answer"},
{"name": "moloch_blocks_total", "type": "counter", "help": "Blocks committed here"},
{"name": "moloch_disk_io_bytes_total", "type": "counter", "labels": ["direction"], "help": "Bytes that this process read from and wrote to the disk"},
{"name": "moloch_finality_lag", "type": "gauge", "help": "Blocks behind the newest that are not final yet"},
{"name": "moloch_block_time_ms", "type": "gauge", "help": "Time between the newest two blocks"},
{"name": "moloch_mempool_size", "type": "gauge", "help": "Commands that wait for a block, all lanes"},
{"name": "moloch_storage_bytes", "type": "gauge", "help": "Bytes in the data directory"},
{"name": "moloch_storage_capacity", "type": "gauge", "help": "Bytes that the data directory may have; 0 without a limit"},
{"name": "moloch_sync_lag", "type": "gauge", "help": "Blocks that this node is behind its peers"},
{"name": "moloch_verify_findings", "type": "gauge", "labels": ["class"], "help": "What the last verification of the stores has found"},
{"name": "orphan_sweep_total", "type": "counter", "help": "Commands that were swept because the chain does not know their sender"},
{"name": "plugin_child_crashes_total", "type": "counter", "labels": ["plugin", "reason"], "help": "Processes of isolated plugins that ended, by reason"},
{"name": "plugin_child_restarts_total", "type": "counter", "labels": ["plugin"], "help": "Processes of isolated plugins that were started again"},
{"name": "plugin_commands_total", "type": "counter", "labels": ["plugin", "result"], "help": "Commands in blocks, by their outcome"},
{"name": "plugin_image_draining", "type": "gauge", "labels": ["plugin"], "help": "1 while an image that was replaced is still in use"},
{"name": "plugin_images_leaked", "type": "gauge", "help": "Images that stayed mapped after they were closed"},
{"name": "plugin_info", "type": "gauge", "labels": ["plugin", "version", "state"], "help": "1 for the present state of a plugin"},
{"name": "plugin_migration_rows", "type": "gauge", "labels": ["plugin"], "help": "Rows that the migration under way has rewritten; 0 without one"},
{"name": "plugin_results_dropped_total", "type": "counter", "labels": ["plugin"], "help": "Applied commands whose result was not taken: no UTF-8, too large"},
{"name": "plugin_upgrade_ready", "type": "gauge", "labels": ["plugin"], "help": "1 while a staged version waits for its switch"},
{"name": "process_cpu_seconds_total", "type": "counter", "help": "Processor time of the node, whole seconds"},
{"name": "process_resident_memory_bytes", "type": "gauge", "help": "Memory of the node that is in RAM"},
{"name": "remote_signer_discovery_success_total", "type": "counter", "help": "Searches that found a remote signer"},
{"name": "remote_signer_discovery_total", "type": "counter", "help": "Searches for remote signers, as wallets told"},
{"name": "remote_signer_error_total", "type": "counter", "labels": ["reason"], "help": "Requests to remote signers that failed, as wallets told"},
{"name": "remote_signer_key_rotation_total", "type": "counter", "help": "Remote signers that were found with another key"},
{"name": "remote_signer_latency_seconds", "type": "histogram", "buckets": [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10], "help": "Time until a remote signer had answered, tries included"},
{"name": "remote_signer_request_total", "type": "counter", "help": "Requests to remote signers, as wallets told"},
{"name": "remote_signer_success_total", "type": "counter", "help": "Requests to remote signers that were answered"},
{"name": "request_duration_seconds", "type": "histogram", "buckets": [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10], "help": "HTTP requests, first byte read to last byte written"},
{"name": "rpc_bans_total", "type": "counter", "help": "Clients that were banned after their rate ran out"},
{"name": "rpc_client_error_total", "type": "counter", "labels": ["code"], "help": "Calls that were answered with an error"},
{"name": "rpc_latency_seconds", "type": "histogram", "buckets": [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10], "labels": ["module"], "help": "Time of a call from its arrival to its answer"},
{"name": "rpc_rate_limit_attempt_total", "type": "counter", "help": "Requests that were counted against a client's rate"},
{"name": "rpc_rate_limit_reject_total", "type": "counter", "help": "Requests that were refused over a client's rate"},
{"name": "rpc_tokens_available", "type": "gauge", "labels": ["client"], "help": "Requests that the client with the fewest left may send now"},
{"name": "runtime_backend_info", "type": "gauge", "labels": ["backend"], "help": "1 for the runtime that is built in"},
{"name": "runtime_pending_tasks", "type": "gauge", "help": "Tasks that wait for a worker"},
{"name": "runtime_read_without_ready_total", "type": "counter", "help": "Reads that succeeded without an event of the socket"},
{"name": "runtime_write_without_ready_total", "type": "counter", "help": "Writes that succeeded without an event of the socket"},
{"name": "runtime_spawn_latency_seconds", "type": "histogram", "buckets": [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10], "help": "Time that a call waited for a worker"},
{"name": "snapshot_created_total", "type": "counter", "help": "Snapshots made"},
{"name": "snapshot_duration_seconds", "type": "histogram", "buckets": [0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600], "help": "Time to make a snapshot, from the request to the file"},
{"name": "snapshot_fail_total", "type": "counter", "help": "Snapshots that could not be made"},
{"name": "snapshot_interval", "type": "gauge", "help": "Blocks between automatic snapshots"},
{"name": "snapshot_interval_changed", "type": "gauge", "help": "Unix time of the last change of snapshot_interval"},
{"name": "snapshot_restore_fail_total", "type": "counter", "help": "Snapshots that could not be restored at a start"},
{"name": "startup_ttl_drop_total", "type": "counter", "help": "Commands of the journal whose time had ended at the start"},
{"name": "storage_compaction_total", "type": "counter", "help": "Compactions that were asked for"},
{"name": "storage_disk_full_total", "type": "counter", "help": "Writes that were refused for lack of space"},
{"name": "storage_engine_info", "type": "gauge", "labels": ["engine", "name"], "help": "1 for the engine of a store"},
{"name": "storage_engine_level0_files", "type": "gauge", "labels": ["db", "engine"], "help": "Tables that wait for their first compaction"},
{"name": "storage_engine_memtable_bytes", "type": "gauge", "labels": ["db", "engine"], "help": "Bytes that a store holds in memory"},
{"name": "storage_engine_pending_compactions", "type": "gauge", "labels": ["db", "engine"], "help": "1 while level 0 is due for a compaction"},
{"name": "storage_engine_running_compactions", "type": "gauge", "labels": ["db", "engine"], "help": "Compactions that an operator has asked for"},
{"name": "storage_engine_size_bytes", "type": "gauge", "labels": ["db", "engine"], "help": "Bytes of a store's files"},
{"name": "storage_engine_sst_bytes", "type": "gauge", "labels": ["db", "engine"], "help": "Bytes of a store's tables"},
{"name": "storage_engine_sst_files", "type": "gauge", "labels": ["db", "engine"], "help": "Tables of a store"},
{"name": "telemetry_alloc_bytes", "type": "gauge", "help": "Bytes that the series of this node's metrics take"},
{"name": "tls_env_warning_last_seen_seconds", "type": "gauge", "labels": ["prefix", "code"], "help": "Unix time at which a TLS warning was seen last"},
{"name": "tls_env_warning_total", "type": "counter", "labels": ["prefix", "code"], "help": "Configurations with such a defect in their TLS settings"},
{"name": "ttl_drop_total", "type": "counter", "help": "Commands that left the pool because their time ended"},
{"name": "tx_admitted_total", "type": "counter", "help": "Commands that were admitted"},
{"name": "tx_rejected_total", "type": "counter", "labels": ["reason"], "help": "Commands that were refused at admission"},
{"name": "tx_submitted_total", "type": "counter", "help": "Commands that were handed in"},
{"name": "wal_corrupt_recovery_total", "type": "counter", "help": "Torn or damaged files that were cut off or made again at an opening"}],
)json";

constexpr std::string_view kPanels = R"json(
"recordings": [{"name": "remote_signer_discovery_success_ratio",
  "expr": "sum by (instance) (remote_signer_discovery_success_total) / clamp_min(sum by (instance) (remote_signer_discovery_total), 1)"}],
"panels": [
{"row": "Runtime", "title": "Missed wake-ups (5m delta)", "expr": "increase(runtime_read_without_ready_total[5m])", "legend": "read", "queries": [{"expr": "increase(runtime_write_without_ready_total[5m])", "legend": "write"}], "help": "Reads and writes that succeeded without a readiness event"},
{"row": "Runtime", "title": "Spawn latency p95, pending tasks", "expr": "histogram_quantile(0.95, sum by (le) (rate(runtime_spawn_latency_seconds_bucket[5m])))", "legend": "spawn p95", "queries": [{"expr": "runtime_pending_tasks", "legend": "pending"}], "help": "How long calls wait for a worker, and how many wait"},
{"row": "Runtime", "title": "Block height", "expr": "block_height_total", "legend": "{{instance}}", "help": "Height of the newest block"},
{"row": "Runtime", "title": "Mempool", "expr": "mempool_size", "legend": "{{lane}}", "help": "Commands that wait for a block"},
{"row": "Runtime", "title": "RPC latency p95 by module", "expr": "histogram_quantile(0.95, sum by (le, module) (rate(rpc_latency_seconds_bucket[5m])))", "legend": "{{module}}", "help": "From the arrival of a call to its answer"},
{"row": "Runtime", "title": "request_duration_seconds p95", "expr": "histogram_quantile(0.95, sum by (le) (rate(request_duration_seconds_bucket[5m])))", "legend": "p95", "help": "HTTP requests, first byte read to last byte written"},
{"row": "Runtime", "title": "Pauses of execution p95", "expr": "histogram_quantile(0.95, sum by (le, cause) (rate(chain_apply_pause_seconds_bucket[5m])))", "legend": "{{cause}}", "queries": [{"expr": "histogram_quantile(0.95, sum by (le) (rate(chain_log_sync_seconds_bucket[5m])))", "legend": "sync"}], "help": "Time in which no command was executed, and what a sync of the log took beside the execution"},
{"row": "Remote Signers", "title": "remote_signer_discovery_total", "expr": "increase(remote_signer_discovery_total[5m])", "help": "Searches for remote signers in 5 minutes"},
{"row": "Remote Signers", "title": "remote_signer_discovery_success_total", "expr": "increase(remote_signer_discovery_success_total[5m])", "help": "Searches that found one in 5 minutes"},
{"row": "Remote Signers", "title": "remote_signer_discovery_success_ratio", "expr": "remote_signer_discovery_success_ratio", "legend": "{{instance}}", "help": "Searches that found one, as a share"},
{"row": "Remote Signers", "title": "remote_signer_request_total", "expr": "increase(remote_signer_request_total[5m])", "help": "Requests to remote signers in 5 minutes"},
{"row": "Remote Signers", "title": "remote_signer_success_total", "expr": "increase(remote_signer_success_total[5m])", "help": "Requests that were answered in 5 minutes"},
{"row": "Remote Signers", "title": "remote_signer_latency_seconds", "expr": "histogram_quantile(0.95, sum by (le) (rate(remote_signer_latency_seconds_bucket[5m])))", "legend": "p95", "help": "Time until a remote signer had answered"},
{"row": "TLS", "title": "TLS env warnings (5m delta)", "expr": "max by (prefix, code) (increase(tls_env_warning_total[5m]))", "legend": "{{prefix}} · {{code}}", "help": "Configurations with a defect in their TLS settings in 5 minutes"},
{"row": "TLS", "title": "TLS env warnings (last seen)", "expr": "max by (prefix, code) (tls_env_warning_last_seen_seconds)", "legend": "{{prefix}} · {{code}}", "help": "Unix time at which a TLS warning was seen last"},
{"row": "TLS", "title": "TLS env warnings (age seconds)", "expr": "clamp_min(time() - max by (prefix, code) (tls_env_warning_last_seen_seconds), 0)", "legend": "{{prefix}} · {{code}}", "help": "Seconds since a TLS warning was seen last"},
{"row": "Storage", "title": "Storage engine size", "expr": "storage_engine_size_bytes", "legend": "{{db}}", "help": "Bytes of the stores"},
{"row": "Plugins", "title": "Loaded plugins", "expr": "plugin_info", "legend": "{{plugin}} {{version}} {{state}}", "type": "table", "help": "Plugins, their versions and states"},
{"row": "Plugins", "title": "Commands by plugin (5m rate)", "expr": "sum by (plugin, result) (rate(plugin_commands_total[5m]))", "legend": "{{plugin}} {{result}}", "help": "Commands in blocks a second, by outcome"},
{"row": "Logs", "title": "log_emit_total, log_drop_total (5m delta)", "expr": "increase(log_emit_total[5m])", "legend": "emit", "queries": [{"expr": "sum by (instance) (increase(log_drop_total[5m]))", "legend": "drop"}], "dashboards": ["compute-market"], "help": "Lines of the log that were written, and that were not"},
{"row": "Moloch", "title": "Chain Health / Block height over time", "expr": "moloch_chain_height", "legend": "{{instance}}", "dashboards": ["moloch"], "help": "Height of the newest block"},
{"row": "Moloch", "title": "Chain Health / Block production rate", "expr": "rate(moloch_blocks_total[5m])", "legend": "{{instance}}", "dashboards": ["moloch"], "help": "Blocks a second"},
{"row": "Moloch", "title": "Chain Health / Finalization lag", "expr": "moloch_finality_lag", "legend": "{{instance}}", "dashboards": ["moloch"], "help": "Blocks behind the newest that are not final yet"},
{"row": "Moloch", "title": "Performance / API latency percentiles", "expr": "histogram_quantile(0.5, sum by (le) (rate(moloch_api_latency_ms_bucket[5m])))", "legend": "p50", "queries": [{"expr": "histogram_quantile(0.95, sum by (le) (rate(moloch_api_latency_ms_bucket[5m])))", "legend": "p95"}, {"expr": "histogram_quantile(0.99, sum by (le) (rate(moloch_api_latency_ms_bucket[5m])))", "legend": "p99"}], "dashboards": ["moloch"], "help": "How long the status listener takes for a request"},
{"row": "Moloch", "title": "Performance / Mempool depth", "expr": "moloch_mempool_size", "legend": "{{instance}}", "dashboards": ["moloch"], "help": "Commands that wait for a block"},
{"row": "Moloch", "title": "Performance / Block time", "expr": "moloch_block_time_ms", "legend": "{{instance}}", "dashboards": ["moloch"], "help": "Time between the newest two blocks"},
{"row": "Moloch", "title": "Resources / CPU usage", "expr": "rate(process_cpu_seconds_total[1m])", "legend": "{{instance}}", "dashboards": ["moloch"], "help": "Processors that the node keeps busy"},
{"row": "Moloch", "title": "Resources / Memory usage", "expr": "process_resident_memory_bytes", "legend": "{{instance}}", "dashboards": ["moloch"], "help": "Memory of the node that is in RAM"},
{"row": "Moloch", "title": "Resources / Disk I/O", "expr": "sum by (direction) (rate(moloch_disk_io_bytes_total[1m]))", "legend": "{{direction}}", "dashboards": ["moloch"], "help": "Bytes a second from and to the disk"},
{"row": "Moloch", "title": "Resources / Storage", "expr": "moloch_storage_bytes", "legend": "{{instance}} used", "queries": [{"expr": "moloch_storage_capacity", "legend": "{{instance}} capacity"}], "dashboards": ["moloch"], "help": "Bytes in the data directory, and what it may have; 0 without a limit"}],
)json";

constexpr std::string_view kAlerts = R"json(
"alerts": [
{"name": "ConfigReloadFailing", "group": "chain-health", "expr": "increase(config_reload_total{result=\"err\"}[10m]) > 0", "for": "0m", "severity": "warning", "summary": "a configuration was refused"},
{"name": "StorageDiskFull", "group": "chain-health", "expr": "increase(storage_disk_full_total[5m]) > 0", "for": "0m", "severity": "critical", "summary": "disk full"},
{"name": "SnapshotFailing", "group": "chain-health", "expr": "increase(snapshot_fail_total[30m]) > 0", "for": "0m", "severity": "warning", "summary": "a snapshot failed"},
{"name": "CheckpointFailing", "group": "chain-health", "expr": "increase(checkpoint_fail_total[30m]) > 0", "for": "0m", "severity": "warning", "summary": "a checkpoint file could not be written"},
{"name": "RuntimeMissedWakeups", "group": "chain-health", "expr": "increase(runtime_read_without_ready_total[15m]) + increase(runtime_write_without_ready_total[15m]) > 100", "for": "15m", "severity": "warning", "summary": "reads or writes succeed without a readiness event"},
{"name": "TlsEnvWarningBurst", "group": "tls", "expr": "sum by (prefix, code) (increase(tls_env_warning_total[15m])) > 0", "for": "5m", "severity": "warning", "summary": "a defect in the TLS settings of {{ $labels.prefix }}: {{ $labels.code }}"},
{"name": "NodeMetricsAbsent", "group": "chain-health", "expr": "absent(block_height_total)", "for": "5m", "severity": "critical", "summary": "no node reports its height"},
{"name": "MolochNotProducingBlocks", "group": "moloch", "expr": "increase(moloch_chain_height[5m]) == 0", "for": "5m", "severity": "critical", "summary": "No new blocks in 5 minutes"},
{"name": "MolochApiLatencyHigh", "group": "moloch", "expr": "histogram_quantile(0.99, sum by (le) (rate(moloch_api_latency_ms_bucket[5m]))) > 500", "for": "5m", "severity": "warning", "summary": "API p99 above 500 ms"},
{"name": "MolochHighMempool", "group": "moloch", "expr": "moloch_mempool_size > 10000", "for": "10m", "severity": "warning", "summary": "Mempool backlog: {{ $value }} events"},
{"name": "MolochSyncLag", "group": "moloch", "expr": "moloch_sync_lag > 10", "for": "5m", "severity": "warning", "summary": "Node is {{ $value }} blocks behind"},
{"name": "MolochDiskSpaceLow", "group": "moloch", "expr": "moloch_storage_bytes / (moloch_storage_capacity > 0) > 0.8", "for": "30m", "severity": "warning", "summary": "Disk usage above 80%"},
{"name": "MolochBlockTimeHigh", "group": "moloch", "expr": "moloch_block_time_ms > 2000 and moloch_mempool_size > 0", "for": "5m", "severity": "warning", "summary": "block production slower than 2 s"}]})json";

}  // namespace

std::shared_ptr<const Manifest> kernel_monitoring() {
  std::string text;
  for (std::string_view part : {kMetrics, kPanels, kAlerts}) text.append(part);
  Result<std::shared_ptr<const Manifest>> parsed = Manifest::parse(text);
  if (parsed.ok()) return *parsed;
  std::fprintf(stderr, "the kernel's own list of metrics does not hold: %s\n",
               parsed.status().to_string().c_str());
  std::abort();  // a defect of this file, found by the first test that runs
}

}  // namespace blockd
