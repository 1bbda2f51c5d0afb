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

// The last blocks of epochs. Height 0 ends none: an epoch has two blocks or more.
bool ends_epoch(std::uint64_t height, std::uint64_t length) { return (height + 1) % length == 0; }

Answer list_checkpoints(RpcImpl& rpc, const Call& call, std::string* result) {
  const Chain& chain = *rpc.parts().chain;
  const std::uint64_t length = chain.genesis().epoch_length, head = call.view->height;
  const std::uint64_t limit = call.number("limit", 20);
  json::array out;
  for (std::uint64_t end = (head + 1) / length * length; end != 0 && out.size() < limit;
       end -= length) {
    Result<Header> header = chain.header(end - 1);
    if (!header.ok()) break;  // the chain began behind it, from a snapshot
    out.push_back(json::object{{"height", end - 1},
                               {"epoch", header->epoch},
                               {"hash", to_hex(header->hash())},
                               {"time_ms", header->time_ms}});
  }
  *result = to_text(out);
  return std::nullopt;
}

json::array validators_json(const Genesis& genesis) {
  json::array out;
  for (const Genesis::Validator& v : genesis.validators)
    out.push_back(
        json::object{{"name", v.name}, {"power", v.power}, {"public_key", to_hex(v.key)}});
  return out;
}

json::object certificate_json(const BlockRecord& block) {
  json::array signatures;
  Reader in(block.certificate);
  for (std::uint16_t left = in.u16(); left > 0 && in.ok(); --left) {
    const std::uint16_t index = in.u16();
    const Signature signature = in.array<64>();
    if (in.ok())
      signatures.push_back(json::object{{"index", index}, {"signature", to_hex(signature)}});
  }
  return {{"height", block.header.height},
          {"hash", to_hex(block.header.hash())},
          {"signatures", std::move(signatures)}};
}

// Events of the chain up to and with `height`: all that are indexed, but those behind it.
Result<std::uint64_t> events_up_to(const RpcImpl& rpc, std::uint64_t height) {
  constexpr std::uint64_t kMaxWalk = 100'000;  // blocks
  Result<LogViews::Extent> all = rpc.parts().views->extent();
  if (!all.ok()) return all.status();
  const std::uint64_t next = all->below;
  std::uint64_t events = all->events;
  if (next <= height)
    return Status(Code::kUnavailable, "block " + std::to_string(height) + " is not indexed yet",
                  "try again in a moment");
  if (next > height + 1 + kMaxWalk)
    return Status(Code::kLimit,
                  "height " + std::to_string(height) + " is more than " + std::to_string(kMaxWalk) +
                      " blocks below the head",
                  "`contract-cli checkpoint list` names newer ones");
  for (std::uint64_t h = height + 1; h < next; ++h) {
    Result<std::shared_ptr<const BlockRecord>> block = rpc.parts().chain->block(h);
    if (!block.ok()) return block.status();
    for (const Step& step : (*block)->steps) events -= step.events.size();
  }
  return events;
}

Answer show_checkpoint(RpcImpl& rpc, const Call& call, std::string* result) {
  if (auto refusal = no_views(rpc)) return refusal;
  const Chain& chain = *rpc.parts().chain;
  const std::uint64_t length = chain.genesis().epoch_length, head = call.view->height;
  const std::uint64_t newest = (head + 1) / length * length;
  if (newest == 0 && !has_param(call, "height"))
    return rpc_error(
        -34006, "not_found",
        "no epoch has ended yet; the first does with block " + std::to_string(length - 1));
  const std::uint64_t height = has_param(call, "height") ? call.number("height", 0) : newest - 1;
  if (height > head || !ends_epoch(height, length))
    return param_error(call, "height",
                       "the last block of an epoch, at most " + std::to_string(head) +
                           ": epochs have " + std::to_string(length) + " blocks");
  Result<std::shared_ptr<const BlockRecord>> block = chain.block(height);
  if (!block.ok()) return from_status(block.status());
  Result<Hash> root = rpc.parts().views->mmr_root(height + 1);
  if (!root.ok()) return from_status(root.status());
  Result<std::uint64_t> events = events_up_to(rpc, height);
  if (!events.ok()) return from_status(events.status());
  json::object out{{"chain_id", chain.genesis().chain_id},
                   {"height", height},
                   {"hash", to_hex((*block)->header.hash())},
                   {"mmr_root", to_hex(*root)},
                   {"validators_hash", to_hex((*block)->header.validators_hash)},
                   {"total_events", *events},
                   {"validators", validators_json(chain.genesis())},
                   {"certificate", certificate_json(**block)}};
  Result<std::string> text = canonical_json(out);
  if (!text.ok()) return from_status(text.status());
  json::array signatures;
  if (const auto& key = rpc.parts().keys.validator; key != nullptr)
    signatures.push_back(
        json::object{{"key", to_hex(key->public_key())},
                     {"signature", to_hex(key->sign("moloch/checkpoint/v1" + *text))}});
  out["signatures"] = std::move(signatures);
  *result = to_text(out);
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
