// What others see: the queries, the route, and the timer.
#include "parking.hpp"

namespace parking {
namespace {

void put_permit(tb::Out& out, std::uint64_t id, const Permit& permit) {
  out.put("id", id);
  out.write(permit);
}

}  // namespace

// [worker]
tb::Status permit(tb::View& view, const PermitParams& in, tb::Out& out) {
  const auto found = load_permit(view, in.id);
  if (!found) return view.fail(kUnknownPermit, tb::cat("there is no open permit ", in.id));
  put_permit(out, in.id, *found);
  return tb::ok();
}

// A page: up to `limit` permits behind `after`; `next` is there while more may follow. [worker]
tb::Status permits(tb::View& view, const ListParams& in, tb::Out& out) {
  std::uint64_t last = 0;
  std::uint32_t count = 0;
  out.list("permits", [&](tb::Out& list) {
    count = view.scan(
        kPermits, permit_key(in.after), in.limit, [&](std::string_view key, std::string_view row) {
          last = tb::Key::read_u64(key, kPermits.size());
          list.record({}, [&](tb::Out& entry) { put_permit(entry, last, permit_of(row)); });
        });
  });
  if (count == in.limit) out.put("next", last);
  return tb::ok();
}

// [worker]
tb::Status totals(tb::View& view, tb::Out& out) {
  out.write(view.load<Totals>(kTotalsKey).value_or(Totals{}));
  return tb::ok();
}

// GET /parking/permits/:id, for the machine at the gate. [worker]
tb::Status Face::show(tb::View& view, const tb::HttpRequest& request, tb::HttpReply& reply) {
  const std::string_view text = request.path("id");
  std::uint64_t id = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), id);
  const bool number = parsed.ec == std::errc{} && parsed.ptr == text.data() + text.size();
  const auto found = number ? load_permit(view, id) : std::nullopt;
  if (!found) {
    reply.status(404);
    return view.fail(kUnknownPermit, tb::cat("there is no open permit '", text, "'"));
  }
  tb::Out body = reply.json();
  put_permit(body, id, *found);
  return tb::ok();
}

// Every five seconds: if a permit has ended, the command that settles it is sent, like anybody
// could. A face writes no state itself.
void Face::sweep() {
  bool due = false;
  const auto looked = host_.with_view([&](tb::View& view) {
    view.scan(kEnds, {}, 1, [&](std::string_view key, std::string_view) {
      due = tb::Key::read_u64(key, kEnds.size()) <= view.time_s();
    });
    return tb::ok();
  });
  if (!looked || !due) return;
  const std::uint32_t limit = host_.config(kSettleBatch);
  const auto sent = host_.post(
      "parking.settle", [&](tb::Out& params) { params.put("limit", limit); }, 0);
  if (!sent) host_.add(kSweepFailures);
}

void Face::swept(std::uint64_t, const tb::Reply& reply) {
  if (!reply.ok) host_.add(kSweepFailures);
}

}  // namespace parking
