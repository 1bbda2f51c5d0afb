// What clients ask of receipts (receipts spec 5.4, 5.5, 5.8). [worker]
#pragma once

#include <tb/plugin.hpp>

#include "plugins/receipts/store.hpp"

namespace receipts {

inline constexpr std::uint32_t kMaxList = 500;

// Filters of receipts.list and of the HTTP routes. An empty text filters nothing.
struct ListParams {
  std::optional<std::string_view> market, provider, domain;
  std::optional<std::uint64_t> from_block, to_block;
  std::uint32_t limit = 100;
  std::optional<std::string_view> cursor;  // "<height>-<index>", behind which the page begins
};
BOOST_DESCRIBE_STRUCT(ListParams, (),
                      (market, provider, domain, from_block, to_block, limit, cursor))
tb::Status list_receipts(tb::View& view, const ListParams& in, tb::Out& out);

struct GetParams {
  std::optional<tb::Hash> id;
  std::optional<std::uint64_t> height;
  std::optional<std::uint32_t> index;
};
BOOST_DESCRIBE_STRUCT(GetParams, (), (id, height, index))
tb::Status get_receipt(tb::View& view, const GetParams& in, tb::Out& out);

struct HeaderParams {
  std::uint64_t height = 0;
};
BOOST_DESCRIBE_STRUCT(HeaderParams, (), (height))
tb::Status get_header(tb::View& view, const HeaderParams& in, tb::Out& out);

void describe_queries(tb::Plugin& p);

}  // namespace receipts
