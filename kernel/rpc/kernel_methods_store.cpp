// storage.stats, maintenance.*, and proofs over the headers of the chain.

#include <algorithm>

#include "kernel/base/hex.hpp"
#include "kernel/chain/store/log_views.hpp"
#include "kernel/rpc/kernel_methods.hpp"

namespace blockd {
namespace {

using Answer = std::optional<RpcError>;
constexpr std::uint64_t kWaitStepMs = 1000;

Answer storage_stats(RpcImpl& rpc, const Call&, std::string* result) {
  json::object out = rpc.store_jobs().stats();
  out["capacity_bytes"] = rpc.parts().config()->u64("storage.total_limit_bytes");
  out["events"] = rpc.parts().views ? rpc.parts().views->events() : 0;
  *result = to_text(out);
  return std::nullopt;
}

json::object job_of(const StoreJobs::Shown& job) {
  json::object out = job.report;
  out["job"] = job.number;
  out["kind"] = job.kind;
  out["state"] = job.state;
  out["done"] = job.done;
  out["total"] = job.total;
  if (job.state == "failed") {
    out["error"] = job.failure.message();
    if (!job.failure.hint().empty()) out["hint"] = job.failure.hint();
  }
  return out;
}

// With `background` the job's number at once; else its end.
Answer answer_job(RpcImpl& rpc, const Call& call, const Result<std::uint64_t>& job,
                  std::string* result) {
  if (!job.ok()) {
    const std::string& text = job.status().message();
    for (const char* word : {"pruning_disabled", "too_recent"}) {
      if (text.starts_with(word)) return rpc_error(-34006, word, text, 400);
    }
    return from_status(job.status());
  }
  std::optional<StoreJobs::Shown> shown = rpc.store_jobs().find(*job);
  while (!call.flag("background") && shown && shown->state == "running" && !rpc.is_stopping())
    shown = rpc.store_jobs().wait(*job, kWaitStepMs);
  if (!shown) return rpc_error(-34004, "not_ready", "another job has followed this one");
  if (shown->state == "failed") return from_status(shown->failure);
  *result = to_text(job_of(*shown));
  return std::nullopt;
}

Answer compact(RpcImpl& rpc, const Call& call, std::string* result) {
  return answer_job(rpc, call, rpc.store_jobs().compact(call.text("store")), result);
}

Answer prune(RpcImpl& rpc, const Call& call, std::string* result) {
  const std::shared_ptr<const Config> config = rpc.parts().config();
  PruneRequest request;
  request.below = call.number("before_height", 0);
  request.allowed = config->boolean("storage.pruning");
  request.keep_blocks =
      std::max(config->u64("storage.prune_keep_blocks"), config->u64("chain.history_blocks"));
  request.dry_run = call.flag("dry_run");
  return answer_job(rpc, call, rpc.store_jobs().prune(request), result);
}

Answer verify(RpcImpl& rpc, const Call& call, std::string* result) {
  VerifyRequest request;
  request.from_height = call.number("from_height", 0);
  if (has_param(call, "to_height")) request.to_height = call.number("to_height", 0);
  request.fast = call.flag("fast");
  request.signatures = call.flag("signatures");
  // All of it is executed again, unless only a part was asked for or kept.
  request.replay = !request.fast && request.from_height == 0 && !request.to_height &&
                   rpc.parts().chain->first_height() == 0;
  return answer_job(rpc, call, rpc.store_jobs().verify(request), result);
}

Answer job_status(RpcImpl& rpc, const Call& call, std::string* result) {
  std::optional<std::uint64_t> number;
  if (has_param(call, "job")) number = call.number("job", 0);
  const std::optional<StoreJobs::Shown> job = rpc.store_jobs().find(number);
  if (!job && number)
    return rpc_error(-34006, "not_found",
                     "there is no maintenance job " + std::to_string(*number) +
                         "; only the newest is remembered");
  *result = to_text(job ? job_of(*job) : json::object{{"job", nullptr}, {"state", "none"}});
  return std::nullopt;
}

Answer cancel_job(RpcImpl& rpc, const Call& call, std::string* result) {
  const std::optional<StoreJobs::Shown> newest = rpc.store_jobs().find();
  const std::uint64_t number = call.number("job", newest ? newest->number : 0);
  if (!rpc.store_jobs().cancel(number))
    return rpc_error(-34006, "not_found", "there is no maintenance job " + std::to_string(number));
  *result = R"({"status":"ok"})";
  return std::nullopt;
}

// ---- proofs

std::optional<RpcError> no_views(const RpcImpl& rpc) {
  if (rpc.parts().views) return std::nullopt;
  return rpc_error(-34004, "not_ready", "this node keeps no MMR");
}

// A block under the MMR root of a later header.
Answer proof_inclusion(RpcImpl& rpc, const Call& call, std::string* result) {
  if (auto refusal = no_views(rpc)) return refusal;
  const Chain& chain = *rpc.parts().chain;
  const std::uint64_t head = call.view->height, height = call.number("height", 0);
  const std::uint64_t at = has_param(call, "at") ? call.number("at", 0) : head;
  if (height >= head)
    return rpc_error(-34006, "not_found",
                     "no later header holds block " + std::to_string(height) +
                         " yet; the head is " + std::to_string(head));
  if (at <= height || at > head)
    return param_error(
        call, "at",
        "a height above " + std::to_string(height) + " and at most " + std::to_string(head));
  Result<MmrInclusionProof> proof = rpc.parts().views->prove_inclusion(height, at);
  if (!proof.ok()) return from_status(proof.status());
  Result<Header> header = chain.header(height), committed = chain.header(at);
  if (!header.ok()) return from_status(header.status());
  if (!committed.ok()) return from_status(committed.status());
  json::array siblings, peaks;
  for (const MmrSibling& sibling : proof->siblings)
    siblings.push_back(json::object{{"hash", to_hex(sibling.hash)},
                                    {"position", sibling.right ? "right" : "left"}});
  for (const Hash& peak : proof->peaks) peaks.push_back(json::value(to_hex(peak)));
  json::object out;
  out["block_height"] = height;
  out["block_hash"] = to_hex(header->hash());
  out["header"] = to_hex(header->encode());
  out["mmr"] =
      json::object{{"leaf_index", proof->leaf_index},     {"pos", proof->position},
                   {"leaf", to_hex(proof->leaf)},         {"siblings", std::move(siblings)},
                   {"peak_pos", proof->peak_position},    {"peaks", std::move(peaks)},
                   {"mmr_size", proof->mmr_size},         {"leaf_count", proof->leaf_count},
                   {"root", to_hex(committed->mmr_root)}, {"committed_in", at}};
  *result = to_text(out);
  return std::nullopt;
}

Answer proof_consistency(RpcImpl& rpc, const Call& call, std::string* result) {
  if (auto refusal = no_views(rpc)) return refusal;
  const LogViews& views = *rpc.parts().views;
  const std::uint64_t from = call.number("from_height", 0), to = call.number("to_height", 0);
  if (to > call.view->height)
    return rpc_error(-34006, "not_found",
                     "block " + std::to_string(to) + " is not made yet; the newest is " +
                         std::to_string(call.view->height));
  if (from >= to) return param_error(call, "from_height", "a height below to_height");
  Result<std::vector<Hash>> proof = views.prove_consistency(from + 1, to + 1);
  if (!proof.ok()) return from_status(proof.status());
  Result<Hash> old_root = views.mmr_root(from + 1), new_root = views.mmr_root(to + 1);
  if (!old_root.ok()) return from_status(old_root.status());
  if (!new_root.ok()) return from_status(new_root.status());
  json::array hashes;
  for (const Hash& hash : *proof) hashes.push_back(json::value(to_hex(hash)));
  json::object out;
  out["from_height"] = from;
  out["to_height"] = to;
  out["old_size"] = from + 1;
  out["new_size"] = to + 1;
  out["from_root"] = to_hex(*old_root);
  out["to_root"] = to_hex(*new_root);
  out["proof"] = std::move(hashes);
  *result = to_text(out);
  return std::nullopt;
}

// ---- checkpoints

Answer list_checkpoints(RpcImpl& rpc, const Call& call, std::string* result) {
  *result = to_text(rpc.checkpoints().list(call.number("limit", 20)));
  return std::nullopt;
}

Answer show_checkpoint(RpcImpl& rpc, const Call& call, std::string* result) {
  if (auto refusal = no_views(rpc)) return refusal;
  const std::optional<std::uint64_t> newest = rpc.checkpoints().newest();
  if (!newest && !has_param(call, "height"))
    return rpc_error(-34006, "not_found",
                     "no epoch has ended yet; the first does with block " +
                         std::to_string(rpc.parts().chain->genesis().epoch_length - 1));
  const std::uint64_t height = call.number("height", newest.value_or(0));
  Result<json::object> checkpoint = rpc.checkpoints().make(height);
  if (checkpoint.status().code() == Code::kInvalid)
    return param_error(call, "height", checkpoint.status().message());
  if (!checkpoint.ok()) return from_status(checkpoint.status());
  *result = to_text(*checkpoint);
  return std::nullopt;
}

constexpr KernelEntry kStoreEntries[] = {
    {"chain.checkpoints", list_checkpoints, KernelRun::kWorker},
    {"chain.checkpoint", show_checkpoint, KernelRun::kWorker},
    {"storage.stats", storage_stats, KernelRun::kWorker},
    {"maintenance.compact", compact, KernelRun::kWorker},
    {"maintenance.prune", prune, KernelRun::kWorker},
    {"maintenance.verify", verify, KernelRun::kWorker},
    {"maintenance.job", job_status},
    {"maintenance.cancel", cancel_job},
    {"chain.proof_inclusion", proof_inclusion, KernelRun::kWorker},
    {"chain.proof_consistency", proof_consistency, KernelRun::kWorker},
};

}  // namespace

std::span<const KernelEntry> store_methods() { return kStoreEntries; }

}  // namespace blockd
