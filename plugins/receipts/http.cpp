#include "plugins/receipts/http.hpp"

#include <charconv>

#include "plugins/receipts/face.hpp"
#include "plugins/receipts/queries.hpp"
#include "plugins/receipts/retention.hpp"
#include "plugins/receipts/rules/draft.hpp"

namespace receipts {
namespace {

template <class T>
bool read_number(std::string_view text, T& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

tb::Status refuse(tb::HttpReply& reply, std::uint32_t status, std::string_view why) {
  reply.status(status);
  reply.json().put("error", why);
  return tb::ok();
}

tb::Status list_with(tb::View& view, const tb::HttpRequest& request, tb::HttpReply& reply,
                     ListParams in) {
  const auto text = [&](std::string_view name, std::optional<std::string_view>& to) {
    if (!request.query(name).empty()) to = request.query(name);
  };
  const auto number = [&](std::string_view name, auto& to) {
    std::uint32_t value = 0;
    const std::string_view given = request.query(name);
    if (given.empty()) return true;
    if (!read_number(given, value)) return false;
    to = value;
    return true;
  };
  text("market", in.market);
  if (!in.provider) text("provider", in.provider);
  text("cursor", in.cursor);
  if (!number("from", in.from_block) || !number("to", in.to_block) || !number("limit", in.limit))
    return refuse(reply, 400, "from, to and limit are numbers below 2^32");
  if (in.limit == 0 || in.limit > kMaxList) return refuse(reply, 400, "limit is 1 to 500");
  if (in.market && !market_named(*in.market))
    return refuse(reply, 400, "market is storage, compute, energy, ad or relay");
  tb::Out out = reply.json();
  return list_receipts(view, in, out);
}

}  // namespace

tb::Status Face::http_list(tb::View& view, const tb::HttpRequest& request, tb::HttpReply& reply) {
  return list_with(view, request, reply, ListParams{});
}
tb::Status Face::http_of_provider(tb::View& view, const tb::HttpRequest& request,
                                  tb::HttpReply& reply) {
  ListParams in;
  in.provider = request.path("id");
  return list_with(view, request, reply, in);
}
tb::Status Face::http_of_domain(tb::View& view, const tb::HttpRequest& request,
                                tb::HttpReply& reply) {
  ListParams in;
  in.domain = request.path("id");
  return list_with(view, request, reply, in);
}
tb::Status Face::http_one(tb::View& view, const tb::HttpRequest& request, tb::HttpReply& reply) {
  const auto id = from_hex(request.path("id"));
  if (!id || id->size() != 32) return refuse(reply, 400, "a receipt id has 64 hexadecimal digits");
  GetParams in;
  in.id = tb::Hash::from(*id);
  const auto place = view.load<Place>(id_key(*in.id));
  if (!place) return refuse(reply, 404, "no receipt with this id is in a block");
  if (dropped(view).covers(place->height))
    return refuse(reply, 410, tb::cat("the receipts of block ", place->height, " were dropped"));
  tb::Out out = reply.json();
  return get_receipt(view, in, out);
}
tb::Status Face::http_header(tb::View& view, const tb::HttpRequest& request, tb::HttpReply& reply) {
  HeaderParams in;
  if (!read_number(request.path("height"), in.height))
    return refuse(reply, 400, "height is a number");
  if (in.height > view.height()) return refuse(reply, 404, "the chain has no such block yet");
  tb::Out out = reply.json();
  return get_header(view, in, out);
}

void describe_http(tb::Plugin& p) {
  p.route("GET", "/receipts", &Face::http_list).summary("Receipts, oldest first");
  p.route("GET", "/receipts/:id", &Face::http_one).summary("One receipt");
  p.route("GET", "/receipts/provider/:id", &Face::http_of_provider)
      .summary("Receipts of a provider");
  p.route("GET", "/receipts/domain/:id", &Face::http_of_domain)
      .summary("Receipts of a contract, job or campaign");
  p.route("GET", "/receipts/header/:height", &Face::http_header)
      .summary("Header of a block's receipts");
}

}  // namespace receipts
