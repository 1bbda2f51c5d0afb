// Queries on committed state: pure readers of a view, without memory. What needs the node's own
// lists is in face.hpp.
//
// Lists are paged; a walk ends after kMaxWalked rows and says so with "truncated". Totals of lists
// without a filter come from the walk too, so they are exact unless it was cut.
#pragma once

#include "plugins/energy/shapes.hpp"

namespace energy {

inline constexpr std::uint64_t kMaxWalked = 1'000'000;
inline constexpr std::uint64_t kMaxPageSize = 250;
inline constexpr std::uint64_t kMarketLimit =
    10'000;  // providers and credits in market_state without `full`

struct ProvidersParams {
  std::optional<std::string_view> status;
  std::uint64_t page = 0, page_size = 25;
  bool rehearsal = false;
};
BOOST_DESCRIBE_STRUCT(ProvidersParams, (), (status, page, page_size, rehearsal))

struct ProviderParams {
  std::string_view provider_id;
  bool rehearsal = false;
};
BOOST_DESCRIBE_STRUCT(ProviderParams, (), (provider_id, rehearsal))

struct CreditsParams {
  std::optional<std::string_view> provider_id, status;
  std::uint64_t page = 0, page_size = 25;
  bool rehearsal = false;
};
BOOST_DESCRIBE_STRUCT(CreditsParams, (), (provider_id, status, page, page_size, rehearsal))

struct ReceiptsParams {
  std::optional<std::string_view> provider_id, meter_hash;
  std::uint64_t page = 0, page_size = 25;
  bool rehearsal = false;
};
BOOST_DESCRIBE_STRUCT(ReceiptsParams, (), (provider_id, meter_hash, page, page_size, rehearsal))

struct DisputesParams {
  std::optional<std::string_view> provider_id, status, meter_hash;
  std::optional<std::uint64_t> id;
  std::uint64_t page = 0, page_size = 25;
  bool rehearsal = false;
};
BOOST_DESCRIBE_STRUCT(DisputesParams, (),
                      (provider_id, status, meter_hash, id, page, page_size, rehearsal))

struct QueueParams {
  std::optional<std::string_view> provider_id;
  std::uint64_t page = 0, page_size = 25;
  bool rehearsal = false;
};
BOOST_DESCRIBE_STRUCT(QueueParams, (), (provider_id, page, page_size, rehearsal))

// Which part of a list is asked for, and what was found of it.
template <class Item>
struct PageOf {
  std::uint64_t page = 0, page_size = 25, total = 0;
  bool truncated = false;
  std::vector<Item> items;

  PageOf(std::uint64_t asked_page, std::uint64_t asked_size)
      : page(asked_page), page_size(std::clamp<std::uint64_t>(asked_size, 1, kMaxPageSize)) {}
  // `make()` is called only for an item of this page.
  template <class Make>
  void offer(Make&& make) {
    if (total / page_size == page) items.push_back(make());
    ++total;
  }
};

// Reads of the market as of a view.
class Reader {
 public:
  Reader(tb::View& view, bool rehearsal);

  tb::View& view() { return view_; }
  const Keys& keys() const { return keys_; }
  const Params& params() const { return params_; }
  const Totals& totals() const { return totals_; }
  Height height() const { return view_.height() + static_cast<std::uint64_t>(totals_.height_base); }

  template <class Row>
  std::optional<Row> load(std::string_view key) {
    return load_row<Row>(view_, key);
  }
  std::optional<Provider> provider(ProviderId id);
  CreditStatus status_of(const Credit& credit, const Hash& meter_hash);
  // fn(key, value) -> bool for the rows of a prefix; false if the walk was cut by kMaxWalked.
  template <class Fn>
  bool walk(const std::string& prefix, bool backwards, Fn&& fn);
  // fn(credit, hash) -> bool, block descending, then hash ascending.
  template <class Fn>
  bool walk_credits(Fn&& fn);

 private:
  tb::View& view_;
  Keys keys_;
  Params params_;
  Totals totals_;
};

struct HeldCredit {
  Credit credit;
  Hash meter_hash{};
  CreditStatus status = CreditStatus::kPending;
};

// Errors are InvalidParams; absent filters match everything.
tb::Status find_providers(Reader& reader, const ProvidersParams& in, PageOf<Provider>& page);
tb::Status find_credits(Reader& reader, const CreditsParams& in, PageOf<HeldCredit>& page);
tb::Status find_receipts(Reader& reader, const ReceiptsParams& in, PageOf<Receipt>& page);
tb::Status find_disputes(Reader& reader, const DisputesParams& in, PageOf<Dispute>& page);

void put_providers(Reader& reader, const std::vector<Provider>& providers, tb::Out& out);
void put_disputes(const std::vector<Dispute>& disputes, tb::Out& out);

// The head of a paged answer; the list follows under its own name.
template <class Item>
void put_page(const PageOf<Item>& page, Height height, tb::Out& out) {
  out.put("status", "ok");
  out.put("page", page.page);
  out.put("page_size", page.page_size);
  out.put("total", page.total);
  if (page.truncated) out.put("truncated", true);
  out.put("height", height);
}

// A filter by provider, in any spelling. Unknown spellings match nothing, which a text that is no
// id never could.
bool parse_filter(const std::optional<std::string_view>& text, std::optional<ProviderId>* id);

template <class Fn>
bool Reader::walk(const std::string& prefix, bool backwards, Fn&& fn) {
  constexpr std::uint32_t kRows = 512;
  std::uint64_t walked = 0;
  std::string at;
  for (bool more = true; more;) {
    bool stopped = false;
    const auto deliver = [&](std::string_view key, std::string_view value) {
      at = key;
      ++walked;
      stopped = !fn(key, value);
      return !stopped;
    };
    const std::uint32_t rows = backwards ? view_.scan_back(prefix, at, kRows, deliver)
                                         : view_.scan(prefix, at, kRows, deliver);
    if (stopped) return true;
    more = rows == kRows && !view_.aborted();
    if (more && walked >= kMaxWalked) return false;
  }
  return true;
}

template <class Fn>
bool Reader::walk_credits(Fn&& fn) {
  std::vector<CreditCursor> block;  // of one height, descending by hash
  bool go_on = true;
  const auto flush = [&] {
    for (auto at = block.rbegin(); go_on && at != block.rend(); ++at) {
      if (const auto credit = load<Credit>(keys_.credit(at->meter_hash)))
        go_on = fn(*credit, at->meter_hash);
    }
    block.clear();
  };
  const bool whole = walk(keys_.credit_places(), true, [&](std::string_view key, std::string_view) {
    const auto place = keys_.read_credit_place(key);
    if (!place) return true;
    if (!block.empty() && block.back().block != place->block) flush();
    block.push_back(*place);
    return go_on;
  });
  flush();
  return whole;
}

// The queries of this file, in their order in the manifest.
void describe_state_queries(tb::Plugin& p);

}  // namespace energy
