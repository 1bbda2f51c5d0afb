// The lease: which executor may execute, by block time (7.4). The watermark of nonces outlives
// every holder.
#include "plugins/treasury/commands.hpp"
#include "plugins/treasury/errors.hpp"
#include "plugins/treasury/events.hpp"
#include "plugins/treasury/services.hpp"

namespace treasury {
namespace {

constexpr std::uint64_t kLeastTtl = 5, kMostTtl = 3600;

struct AcquireParams {
  std::string holder;
  std::uint64_t ttl_secs = 60;
};
BOOST_DESCRIBE_STRUCT(AcquireParams, (), (holder, ttl_secs))

struct ReleaseParams {
  std::string holder;
};
BOOST_DESCRIBE_STRUCT(ReleaseParams, (), (holder))

void put_lease(tb::Ctx& ctx, const Lease& lease, tb::Out& out) {
  ctx.store(kLeaseKey, lease);
  ctx.emit(kLeaseEvent, lease);
  out.put("ok", true);
  out.write(lease);
}

tb::Status acquire(tb::Ctx& ctx, const AcquireParams& in, tb::Out& out) {
  if (auto s = need_executor(ctx); !s) return s;
  Lease lease = ctx.load<Lease>(kLeaseKey).value_or(Lease{});
  const std::uint64_t now = ctx.time_s();
  const bool ours = lease.holder == in.holder && lease.account == ctx.account();
  if (lease.held_at(now) && !ours) {
    return refuse(ctx, "lease_held",
                  tb::cat("lease_held_by ", lease.holder, " for ", lease.expires_at - now,
                          " s more; it can be taken when it is released or has expired"));
  }
  lease.holder = in.holder;
  lease.account = ctx.account();
  lease.renewed_at = now;
  lease.expires_at = now + std::clamp(in.ttl_secs, kLeastTtl, kMostTtl);
  lease.released = false;
  put_lease(ctx, lease, out);
  return tb::ok();
}

// The holder's account may release, and an operator whose executor is gone for good.
tb::Status release(tb::Ctx& ctx, const ReleaseParams& in, tb::Out& out) {
  if (auto s = need_executor(ctx); !s) return s;
  Lease lease = ctx.load<Lease>(kLeaseKey).value_or(Lease{});
  if (!lease.held_at(ctx.time_s()) || lease.holder != in.holder ||
      (lease.account != ctx.account() && !ctx.is_operator())) {
    return refuse(ctx, "lease_not_held",
                  tb::cat("'", in.holder, "' does not hold the lease; see gov treasury lease"));
  }
  lease.holder.clear();
  lease.released = true;
  lease.expires_at = ctx.time_s();
  put_lease(ctx, lease, out);
  return tb::ok();
}

}  // namespace

void describe_lease(tb::Plugin& p) {
  p.command("gov.treasury.lease_acquire", &acquire)
      .role("treasury.executor")
      .summary("Take or renew the executor's lease")
      .error(error("lease_held"), "another holder's lease has not expired at block time")
      .error(error("not_authorized"))
      .field("holder")
      .min(1)
      .max(64)
      .help("name of the executor")
      .field("ttl_secs")
      .default_value(std::uint64_t{60})
      .unit("seconds")
      .help("5 to 3600; what lies outside is moved to the bound")
      .cli("gov treasury lease acquire")
      .example("contract-cli gov treasury lease acquire --holder node_a", "prints the lease");
  p.command("gov.treasury.lease_release", &release)
      .role("treasury.executor")
      .summary("Give the executor's lease back; its nonce stays")
      .error(error("lease_not_held"))
      .error(error("not_authorized"))
      .field("holder")
      .min(1)
      .max(64)
      .help("name of the executor that holds it")
      .cli("gov treasury lease release")
      .example("contract-cli gov treasury lease release --holder node_a",
               "frees the lease at once");
}

}  // namespace treasury
