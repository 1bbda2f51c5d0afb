#include "plugins/receipts/roots.hpp"

#include <algorithm>

#include "plugins/receipts/emitters.hpp"
#include "plugins/receipts/face.hpp"
#include "plugins/receipts/rules/bundles.hpp"

namespace receipts {
namespace {

constexpr SizeClass kClasses[] = {SizeClass::kL2, SizeClass::kL3};
constexpr std::string_view kClassNames[] = {"L2", "L3"};
constexpr std::string_view kLaneNames[] = {"consumer", "industrial"};

std::uint8_t number_of(SizeClass size_class) { return static_cast<std::uint8_t>(size_class); }
std::string_view name_of_class(std::uint8_t number) { return kClassNames[number - 1]; }

tb::Key roots_prefix(SizeClass size_class) {
  return tb::Key("rcpt/root/").u8(number_of(size_class));
}
tb::Key root_key(SizeClass size_class, std::uint64_t seq) {
  return roots_prefix(size_class).u64(seq);
}
tb::Key queue_key(SizeClass size_class) { return tb::Key("rcpt/roots/").u8(number_of(size_class)); }
tb::Key bundle_key(std::uint64_t number) { return tb::Key(kBundlePrefix).u64(number); }

template <std::size_t N>
std::optional<std::size_t> place_of(const std::string_view (&names)[N], std::string_view name) {
  const auto* found = std::find(std::begin(names), std::end(names), name);
  if (found == std::end(names)) return std::nullopt;
  return static_cast<std::size_t>(found - std::begin(names));
}

void keep_bundle(tb::Ctx& ctx, const Bundle& bundle) {
  Bundles kept = ctx.load<Bundles>(kBundlesKey).value_or(Bundles{});
  ctx.store(bundle_key(kept.next++), bundle);
  if (kept.next - kept.first > kMaxBundles) ctx.erase(bundle_key(kept.first++));
  ctx.store(kBundlesKey, kept);
  ctx.emit(kBundleEvent, bundle);
}

void bundle_class(tb::Ctx& ctx, SizeClass size_class) {
  std::optional<RootQueue> queue = ctx.load<RootQueue>(queue_key(size_class));
  if (!queue || queue->first == queue->next) return;
  const std::uint64_t slot = bundle_slot(size_class, ctx.time_ms());
  // A queue has as many rows as one hook may erase in the worst block; without room it waits.
  const std::uint64_t rows = 2 * (queue->next - queue->first) + 4;
  if (slot <= queue->last_slot || ctx.rows_left() < rows) return ctx.pending_work();
  std::vector<RootEntry> entries;
  std::vector<std::string> keys;
  Bundle bundle{slot, number_of(size_class), {}, 0, 0};
  ctx.scan(roots_prefix(size_class), {}, kMaxRoots,
           [&](std::string_view key, std::string_view value) {
             const auto row = tb::row_as<RootRow>(value);
             keys.emplace_back(key);
             entries.push_back(
                 {row.root_hash, row.shard_id, row.lane, row.available_until, row.payload_bytes});
             bundle.available_until = std::max(bundle.available_until, row.available_until);
           });
  for (const std::string& key : keys) ctx.erase(key);
  bundle.bundle_hash = bundle_hash(slot, size_class, entries);
  bundle.entry_count = static_cast<std::uint32_t>(entries.size());
  queue->first = queue->next;
  queue->last_slot = slot;
  ctx.store(queue_key(size_class), *queue);
  keep_bundle(ctx, bundle);
}

tb::Status announce(tb::Ctx& ctx, const AnnounceParams& in, tb::Out& out) {
  if (auto may = check_emitter(ctx, "announcing a root"); !may) return may;
  return announce_root(ctx, in, out);
}

struct LastParams {
  std::uint32_t n = 1;
};
BOOST_DESCRIBE_STRUCT(LastParams, (), (n))

tb::Status last_bundles(tb::View& view, const LastParams& in, tb::Out& out) {
  out.list({}, [&](tb::Out& list) {
    view.scan_back(kBundlePrefix, {}, in.n, [&](std::string_view, std::string_view value) {
      const auto bundle = tb::row_as<Bundle>(value);
      list.record({}, [&](tb::Out& item) {
        item.put("slot", bundle.slot);
        item.put("size_class", name_of_class(bundle.size_class));
        item.put("bundle_hash", bundle.bundle_hash);
        item.put("entry_count", bundle.entry_count);
        item.put("available_until", bundle.available_until);
      });
    });
  });
  return tb::ok();
}

}  // namespace

void bundle_roots(tb::Ctx& ctx) {
  for (const SizeClass size_class : kClasses) bundle_class(ctx, size_class);
}

tb::Status announce_root(tb::Ctx& ctx, const AnnounceParams& in, tb::Out& out) {
  const auto named = place_of(kClassNames, in.size_class);
  const auto lane = place_of(kLaneNames, in.lane);
  if (!named || !lane)
    return ctx.fail(kReasonErrors[0], "size_class is L2 or L3, lane is consumer or industrial");
  const SizeClass size_class = kClasses[*named];
  RootQueue queue = ctx.load<RootQueue>(queue_key(size_class)).value_or(RootQueue{});
  const RootRow row{in.root_hash, in.shard_id, static_cast<std::uint8_t>(*lane),
                    ctx.time_ms() + 1000 * ctx.param(kDaWindowSecs), in.payload_bytes};
  ctx.store(root_key(size_class, queue.next++), row);
  if (queue.next - queue.first > kMaxRoots) {
    ctx.erase(root_key(size_class, queue.first++));
    ctx.add(kRootEvictions);
  }
  ctx.store(queue_key(size_class), queue);
  out.put("status", "queued");
  out.put("queued", queue.next - queue.first);
  out.put("available_until", row.available_until);
  return tb::ok();
}

void describe_roots(tb::Plugin& p) {
  p.method_prefix("microshard");
  p.command("microshard.roots.announce", &announce)
      .role("admin")
      .summary("Announce the root of a micro-shard's blob; a later block bundles it")
      .error(kNotAuthorized)
      .error(kReasonErrors[0])
      .field("size_class")
      .choices({"L2", "L3"})
      .help("L2 is bundled every 4 s, L3 every 16 s")
      .field("lane")
      .defaulted()
      .choices({"consumer", "industrial"})
      .cli("receipts announce-root");
  p.query("microshard.roots.last", &Face::timed<Query::kRoots, LastParams, &last_bundles>)
      .role("open")
      .summary("The newest bundles of micro-shard roots, newest first")
      .field("n")
      .defaulted()
      .min(1)
      .max(kMaxListedBundles)
      .cli("receipts roots")
      .flag("n", "--limit")
      .columns({"slot", "size_class", "entry_count", "available_until", "bundle_hash"});
}

}  // namespace receipts
