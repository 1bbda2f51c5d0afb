// What a face asks of its host. The functions of the real tb_host check everything else.
#include <algorithm>

#include "kernel/host/isolation/session.hpp"
#include "tb/draft/host_http.h"

namespace blockd::isolation {
namespace {

void keep_value(void* user, const tb_value* value) {
  auto& out = *static_cast<Bytes*>(user);
  if (value == nullptr || !out.empty()) return;
  put_u8(out, 1);
  put_value(out, *value);
}

}  // namespace

bool Session::told_of_host(Op op) {
  if (host_ == nullptr) return false;
  if (op == Op::kHostLog) {
    const std::uint32_t level = in_.u32();
    const tb_str text = to_str(text_of(in_));
    if (in_.ok()) host_->api->log(host_, level, text);
    return true;
  }
  if (op != Op::kHostMetric) return false;
  const std::uint32_t metric = in_.u32();
  const std::uint64_t value = in_.u64();
  std::vector<tb_str> texts;
  if (!labels(&texts)) return false;
  if (metric < manifest_.metrics.size() && texts.size() == manifest_.metrics[metric].labels.size())
    host_->api->metric(host_, metric, texts.data(), static_cast<std::uint32_t>(texts.size()),
                       static_cast<std::int64_t>(value));
  return true;
}

void Session::open_view() {
  struct Body {
    Session* self;
    bool ran;
  } body{this, false};
  const auto inside = [](void* user, tb_view* opened) {
    Body& b = *static_cast<Body*>(user);
    Session& s = *b.self;
    b.ran = true;
    s.targets_.push_back({opened, nullptr, s.host_});
    s.current_ = s.targets_.size() - 1;
    s.answer(TB_OK);
    put_u8(s.answer_, 1);
    put_block(s.answer_, *opened->block);
    const tb_status status = s.run(Until::kViewEnd);
    s.targets_.pop_back();
    s.current_ = s.targets_.size() - 1;
    return status;
  };
  const tb_status status = host_->api->with_view(host_, inside, &body);
  if (over_) return;
  answer(status);
  put_u8(answer_, 0);
}

void Session::host_call() {
  struct Read {
    Bytes value;
    std::uint32_t ok;
  } read{{}, 0};
  const tb_str method = to_str(text_of(in_));
  Played params{text_of(in_)};
  const std::uint32_t timeout_ms = in_.u32();
  if (!in_.ok()) return;
  const auto keep = [](void* user, std::uint32_t ok, const tb_value* value) {
    Read& r = *static_cast<Read*>(user);
    r.ok = ok;
    keep_value(&r.value, value);
  };
  answer(host_->api->call(host_, method, Played::fill, &params, timeout_ms, keep, &read));
  whole(params);
  put_u8(answer_, read.value.empty() ? 0 : 1);
  put_u32(answer_, read.ok);
  if (!read.value.empty()) answer_.append(read.value, 1);
}

void Session::fetch() {
  tb_http_fetch request{};
  request.size = sizeof request;
  request.timeout_ms = in_.u32();
  request.max_bytes = in_.u64();
  request.method = to_str(text_of(in_));
  request.url = to_str(text_of(in_));
  ValueArena arena;
  if (!read_values(in_, arena, &request.headers, &request.header_count)) {
    damaged("a request that cannot be read");
    return;
  }
  request.body = to_str(text_of(in_));
  const std::uint64_t cookie = in_.u64();
  if (!in_.ok()) return;
  const auto* http =
      static_cast<const tb_host_http*>(host_->api->extension(host_, to_str(TB_HOST_HTTP_1)));
  answer(http != nullptr ? http->fetch(host_, &request, cookie) : TB_E_UNSUPPORTED);
}

bool Session::question_of_host(Op op) {
  if (host_ == nullptr || op < Op::kUnixMs || op > Op::kFetch) return false;
  switch (op) {
    case Op::kUnixMs:
      answer(TB_OK);
      put_u64(answer_, host_->api->unix_ms(host_));
      return true;
    case Op::kConfig: {
      Bytes value;
      answer(host_->api->config(host_, in_.u32(), keep_value, &value));
      if (value.empty()) put_u8(value, 0);
      answer_.append(value);
      return true;
    }
    case Op::kPublish: {
      const std::uint32_t event = in_.u32();
      Played said{text_of(in_)};
      answer(in_.ok() ? host_->api->publish(host_, event, Played::fill, &said) : TB_E_INVALID);
      return whole(said);
    }
    case Op::kView:
      return open_view(), true;
    case Op::kHostCall:
      return host_call(), true;
    case Op::kPost: {
      const tb_str method = to_str(text_of(in_));
      Played params{text_of(in_)};
      const std::uint64_t cookie = in_.u64();
      answer(in_.ok() ? host_->api->post(host_, method, Played::fill, &params, cookie)
                      : TB_E_INVALID);
      return whole(params);
    }
    case Op::kFetch:
      return fetch(), true;
    default:
      return false;
  }
}

void Session::store_scan() {
  struct Page {
    Bytes rows;
    std::uint32_t n;
    bool more;
  } page{{}, 0, false};
  const bool back = in_.u8() != 0;
  const tb_str prefix = to_str(text_of(in_)), edge = to_str(text_of(in_));
  const std::uint32_t limit = in_.u32();
  if (!in_.ok()) return;
  const tb_row_sink sink{&page, [](void* user, tb_str key, tb_str value) -> std::uint32_t {
                           Page& p = *static_cast<Page*>(user);
                           put_text(p.rows, key);
                           put_text(p.rows, value);
                           ++p.n;
                           p.more = p.rows.size() >= kMaxPageBytes || p.n >= kMaxPageRows;
                           return p.more ? 0 : 1;
                         }};
  const auto* api = host_->api;
  answer((back ? api->store_scan_back : api->store_scan)(host_, prefix, edge, limit, &sink));
  put_u8(answer_, page.more ? 1 : 0);
  put_u32(answer_, page.n);
  answer_.append(page.rows);
}

bool Session::question_of_store(Op op) {
  if (host_ == nullptr) return false;
  const tb_host_api& api = *host_->api;
  switch (op) {
    case Op::kStoreGet: {
      const tb_str key = to_str(text_of(in_));
      if (!in_.ok()) return true;
      Bytes value;
      const tb_sink sink{&value, [](void* user, tb_str text) {
                           auto& out = *static_cast<Bytes*>(user);
                           put_u8(out, 1);
                           put_text(out, text);
                         }};
      answer(api.store_get(host_, key, &sink));
      if (value.empty()) put_u8(value, 0);
      answer_.append(value);
      return true;
    }
    case Op::kStoreScan:
      return store_scan(), true;
    case Op::kStorePut: {
      const tb_str key = to_str(text_of(in_)), value = to_str(text_of(in_));
      return answer(in_.ok() ? api.store_put(host_, key, value) : TB_E_INVALID);
    }
    case Op::kStoreErase: {
      const tb_str key = to_str(text_of(in_));
      return answer(in_.ok() ? api.store_erase(host_, key) : TB_E_INVALID);
    }
    default:
      return false;
  }
}

}  // namespace blockd::isolation
