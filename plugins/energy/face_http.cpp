// The HTTP routes and the shapes of the local index. Bodies are those of the queries, with the time
// they were made.
#include <charconv>

#include "plugins/energy/face.hpp"
#include "plugins/energy/face_shapes.hpp"

namespace energy {
namespace {

void put_details(const TimelineRow& row, tb::Out& out) {
  if (row.event_type == "receipt") {
    out.put("buyer", row.buyer);
    out.put("kwh_delivered", row.kwh_delivered);
    out.put("price_paid", row.price_paid);
    out.put("treasury_fee", row.treasury_fee);
    out.put("slash_applied", row.slash_amount);
  } else if (row.event_type == "slash") {
    out.put("slash_amount", row.slash_amount);
    out.put("reason", row.reason);
  } else if (row.event_type == "dispute_opened") {
    out.put("dispute_id", row.dispute_id);
    out.put("reason", row.reason);
    out.put("reporter", row.reporter);
    out.put("opened_at", row.opened_at);
  } else {
    out.put("dispute_id", row.dispute_id);
    out.put("resolver", row.resolver);
    out.put("resolved_at", row.resolved_at);
    row.resolution_note ? out.put("resolution_note", *row.resolution_note)
                        : out.null("resolution_note");
    out.put("outcome", row.outcome);
  }
  out.put("meter_hash", row.meter_hash);
}

tb::Status bad_request(tb::HttpReply& reply, std::string_view what) {
  reply.status(400).json().put("error", what);
  return tb::ok();
}

std::optional<std::string_view> text_of(const tb::HttpRequest& request, std::string_view name) {
  const std::string_view text = request.query(name);
  return text.empty() ? std::nullopt : std::optional(text);
}

// False if the parameter is there and no number.
bool number_of(const tb::HttpRequest& request, std::string_view name, std::uint64_t* value) {
  const std::string_view text = request.query(name);
  if (text.empty()) return true;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value);
  return error == std::errc() && end == text.data() + text.size();
}

bool good_hash(const std::optional<std::string_view>& text) {
  return !text || parse_meter_hash(*text);
}
bool good_provider(const std::optional<std::string_view>& text) {
  return !text || parse_provider_id(*text);
}

}  // namespace

void put_slashes(const std::vector<SlashRow>& rows, tb::Out& out) { out.put("slashes", rows); }

void put_timeline(const std::vector<TimelineRow>& rows, tb::Out& out) {
  out.list("entries", [&](tb::Out& list) {
    for (const TimelineRow& row : rows) {
      list.record({}, [&](tb::Out& entry) {
        entry.put("event_id", row.event_id);
        entry.put("event_type", row.event_type);
        entry.put("provider_id", row.provider_id);
        entry.put("meter_hash", row.meter_hash);
        entry.put("block_height", row.block_height);
        entry.put("recorded_at", row.recorded_at);
        entry.record("details", [&](tb::Out& details) { put_details(row, details); });
      });
    }
  });
}

std::string_view event_type_named(std::string_view text) {
  if (text == "receipt") return "receipt";
  if (text == "dispute_opened" || text == "dispute_open") return "dispute_opened";
  if (text == "dispute_resolved" || text == "dispute_closed") return "dispute_resolved";
  if (text == "slash" || text == "slashed") return "slash";
  return {};
}

tb::Status Face::http_slashes(tb::View&, const tb::HttpRequest& request, tb::HttpReply& reply) {
  const auto provider_id = text_of(request, "provider_id");
  if (!good_provider(provider_id))
    return bad_request(reply, "provider_id is no id such as energy-0x00000000");
  PageOf<SlashRow> page(0, kMaxPageSize);
  page.page_size = kSlashesKept;
  if (!find_slashes(provider_id, std::nullopt, page)) {
    reply.status(500).json().put("error", "SlashHistoryFailed: the local store cannot be read");
    return tb::ok();
  }
  tb::Out out = reply.json();
  out.put("status", "ok");
  put_slashes(page.items, out);
  out.put("refreshed_at", host_.unix_ms() / 1000);
  return tb::ok();
}

tb::Status Face::http_timeline(tb::View& view, const tb::HttpRequest& request,
                               tb::HttpReply& reply) {
  TimelineParams in{text_of(request, "provider_id"), text_of(request, "event_type"),
                    text_of(request, "meter_hash")};
  if (!good_provider(in.provider_id))
    return bad_request(reply, "provider_id is no id such as energy-0x00000000");
  if (in.event_type && event_type_named(*in.event_type).empty()) {
    return bad_request(reply,
                       "event_type is none of receipt, dispute_opened, dispute_resolved, slash");
  }
  if (!good_hash(in.meter_hash)) return bad_request(reply, "meter_hash is not 32 bytes of hex");
  if (!number_of(request, "page", &in.page) || !number_of(request, "page_size", &in.page_size)) {
    return bad_request(reply, "page and page_size are numbers");
  }
  PageOf<TimelineRow> page(in.page, in.page_size);
  if (!find_timeline(in, page)) {
    reply.status(500).json().put("error", "the local store cannot be read");
    return tb::ok();
  }
  tb::Out out = reply.json();
  put_page(page, Reader(view, false).height(), out);
  put_timeline(page.items, out);
  out.put("refreshed_at", host_.unix_ms() / 1000);
  return tb::ok();
}

tb::Status Face::http_providers(tb::View& view, const tb::HttpRequest& request,
                                tb::HttpReply& reply) {
  const auto provider_id = text_of(request, "provider_id");
  if (!good_provider(provider_id))
    return bad_request(reply, "provider_id is no id such as energy-0x00000000");
  Reader reader(view, false);
  std::vector<Provider> found;
  if (provider_id) {
    if (auto one = reader.provider(*parse_provider_id(*provider_id)))
      found.push_back(std::move(*one));
  } else {
    reader.walk(reader.keys().providers(), false, [&](std::string_view, std::string_view value) {
      found.push_back(row_of<Provider>(value));
      bring_up_to_date(found.back(), reader.totals());
      return found.size() < kMarketLimit;
    });
  }
  tb::Out out = reply.json();
  out.put("status", "ok");
  out.put("refreshed_at", host_.unix_ms() / 1000);
  put_providers(reader, found, out);
  return tb::ok();
}

tb::Status Face::http_disputes(tb::View& view, const tb::HttpRequest& request,
                               tb::HttpReply& reply) {
  DisputesParams in{text_of(request, "provider_id"), text_of(request, "status"),
                    text_of(request, "meter_hash"), std::nullopt};
  if (!good_provider(in.provider_id))
    return bad_request(reply, "provider_id is no id such as energy-0x00000000");
  if (in.status && *in.status != "open" && *in.status != "resolved")
    return bad_request(reply, "status is neither open nor resolved");
  if (!good_hash(in.meter_hash)) return bad_request(reply, "meter_hash is not 32 bytes of hex");
  if (!number_of(request, "page", &in.page) || !number_of(request, "page_size", &in.page_size)) {
    return bad_request(reply, "page and page_size are numbers");
  }
  Reader reader(view, false);
  PageOf<Dispute> page(in.page, in.page_size);
  if (auto status = find_disputes(reader, in, page); !status) return status;
  tb::Out out = reply.json();
  put_page(page, reader.height(), out);
  put_disputes(page.items, out);
  out.put("refreshed_at", host_.unix_ms() / 1000);
  return tb::ok();
}

}  // namespace energy
