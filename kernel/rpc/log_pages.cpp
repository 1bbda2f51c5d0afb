#include "kernel/rpc/log_pages.hpp"

#include "kernel/log/log_cipher.hpp"
#include "kernel/log/log_index.hpp"

namespace blockd {
namespace {

using Answer = std::optional<RpcError>;
using Get = std::function<std::string(std::string_view)>;

std::optional<std::uint64_t> number_of(const std::string& text) { return parse_u64(text); }

RpcError bad(const std::string& name, const std::string& what) {
  RpcError error = rpc_error(-32602, "invalid_params", name + ": " + what);
  error.data["field"] = name;
  return error;
}

// The filters by name, as text; an empty text is no filter.
Answer read_query(const Get& get, LogQuery* query) {
  query->peer = get("peer");
  query->tx = get("tx");
  query->block = get("block");
  query->correlation = get("correlation");
  query->level = get("level");
  const std::pair<const char*, std::uint64_t*> times[] = {{"since", &query->since_ms},
                                                          {"until", &query->until_ms}};
  for (const auto& [name, to] : times) {
    const std::string text = get(name);
    const auto seconds = number_of(text);
    if (!text.empty() && (!seconds || *seconds > UINT64_MAX / 1000 - 1))
      return bad(name, "expected seconds since 1970, found '" + text.substr(0, 32) + "'");
    if (seconds) *to = *seconds * 1000 + (to == &query->until_ms ? 999 : 0);
  }
  if (const std::string text = get("after_id"); !text.empty()) {
    const auto id = number_of(text);
    if (!id) return bad("after_id", "expected the id of a row");
    query->after_id = *id;
  }
  if (const std::string text = get("limit"); !text.empty()) {
    const auto limit = number_of(text);
    if (!limit || *limit == 0 || *limit > kMaxLogRows)
      return bad("limit", "expected 1..1000, found '" + text.substr(0, 32) + "'");
    query->limit = static_cast<std::size_t>(*limit);
  }
  if (!query->level.empty() && query->level != "info" && query->level != "warn" &&
      query->level != "error")
    return bad("level", "expected info, warn or error");
  return std::nullopt;
}

std::string rows_json(const std::vector<LogRow>& rows) {
  std::string out = "[";
  for (const LogRow& row : rows) out.append(out.size() > 1 ? "," : "").append(log_row_json(row));
  return out + "]";
}

RpcError unavailable(const Status& status) {
  if (status.code() != Code::kDenied) return rpc_error(-34006, "not_found", status.message(), 404);
  RpcError error = rpc_error(-34003, "log_passphrase", status.message(), 403);
  error.data["hint"] =
      "give the passphrase of `contract-cli logs rotate-key`: --passphrase, or the "
      "header x-log-passphrase";
  return error;
}

// Opening takes a good part of a second by design, so it belongs on a worker. An empty passphrase
// opens plain rows only.
Result<std::vector<LogRow>> search_rows(RpcImpl& rpc, const LogQuery& query,
                                        const std::string& passphrase) {
  const std::string folder = log_folder(*rpc.parts().config(), rpc.parts().data_dir);
  std::unique_ptr<LogOpener> opener;
  if (!passphrase.empty()) {
    Result<std::unique_ptr<LogOpener>> opened = LogOpener::unlock(folder, passphrase);
    if (!opened.ok() && opened.status().code() != Code::kNotFound) return opened.status();
    if (opened.ok()) opener = *std::move(opened);
  }
  Result<std::vector<LogRow>> rows = LogIndex::search_folder(folder, query, opener.get());
  if (rows.ok() && rows->empty() && !query.correlation.empty())
    rpc.metrics().log_correlation_fails->add();
  return rows;
}

Answer logs_search(RpcImpl& rpc, const Call& call, std::string* result) {
  LogQuery query;
  const auto get = [&](std::string_view name) {
    const tb_value& v = call.param(name);
    return v.type == TB_TYPE_U64 ? std::to_string(v.num) : call.text(name);
  };
  if (auto error = read_query(get, &query)) return error;
  Result<std::vector<LogRow>> rows = search_rows(rpc, query, call.text("passphrase"));
  if (!rows.ok()) return unavailable(rows.status());
  *result = rows_json(*rows);
  return std::nullopt;
}

// In the header, where no log of a proxy keeps it; older clients put it into the query.
std::string passphrase_of(const HttpRequest& request) {
  const std::string_view sent = request.headers.get("x-log-passphrase");
  return std::string(sent.empty() ? request.query_value("passphrase") : sent);
}

Get from_request(std::shared_ptr<const HttpRequest> request) {
  return [request = std::move(request)](std::string_view name) {
    return std::string(request->query_value(name));
  };
}

// Sends what is new every second until the client goes.
class Tail final : public std::enable_shared_from_this<Tail> {
 public:
  Tail(RpcImpl& rpc, std::string folder, LogQuery query, std::string passphrase)
      : rpc_(rpc),
        folder_(std::move(folder)),
        query_(std::move(query)),
        passphrase_(std::move(passphrase)) {}

  void open(std::shared_ptr<WsPeer> peer) {
    {
      std::lock_guard lock(mutex_);
      peer_ = std::move(peer);
    }
    look();
  }
  void close() {
    std::lock_guard lock(mutex_);
    peer_ = nullptr;
  }

 private:
  void look() {
    rpc_.run_later([self = shared_from_this()] { self->send_new(); });
  }

  void send_new() {
    std::shared_ptr<WsPeer> peer;
    {
      std::lock_guard lock(mutex_);
      peer = peer_;
    }
    if (peer == nullptr || !peer->is_open() || rpc_.is_stopping()) return;
    // A client that does not read gets nothing more until it does.
    if (peer->queue_size() == 0) {
      Result<std::vector<LogRow>> rows = new_rows();
      if (!rows.ok()) return peer->close(1011, rows.status().message().substr(0, 120));
      if (!rows->empty()) {
        query_.after_id = rows->back().id;
        query_.limit = kMaxLogRows;
        peer->send(rows_json(*rows));
      } else if (!query_.after_id) {
        query_.after_id = 0;
      }
    }
    rpc_.parts().io->post_after(kTailEveryMs, [weak = weak_from_this()] {
      if (auto self = weak.lock()) self->look();
    });
  }

  // With the keys of the moment of the first look: after a rotation the client comes again.
  Result<std::vector<LogRow>> new_rows() {
    if (!passphrase_.empty() && opener_ == nullptr) {
      Result<std::unique_ptr<LogOpener>> opened = LogOpener::unlock(folder_, passphrase_);
      if (!opened.ok() && opened.status().code() != Code::kNotFound) return opened.status();
      if (opened.ok()) opener_ = *std::move(opened);
    }
    return LogIndex::search_folder(folder_, query_, opener_.get());
  }

  RpcImpl& rpc_;
  const std::string folder_;
  LogQuery query_;  // of one look at a time
  const std::string passphrase_;
  std::unique_ptr<LogOpener> opener_;  // of one look at a time
  std::mutex mutex_;
  std::shared_ptr<WsPeer> peer_;
};

class TailHandler final : public WsHandler {
 public:
  explicit TailHandler(std::shared_ptr<Tail> tail) : tail_(std::move(tail)) {}
  void on_open(std::shared_ptr<WsPeer> peer) override { tail_->open(std::move(peer)); }
  void on_message(std::string_view) override {}  // the filters stand in the URL
  void on_close() override { tail_->close(); }

 private:
  std::shared_ptr<Tail> tail_;
};

std::optional<RpcError> refuse(const Access& access, const Caller& caller) {
  if (caller.bad_credential)
    return rpc_error(-34000, "unauthorized", "the credential that was sent is not valid here", 401);
  if (caller.may("operator", access.credentials->roles())) return std::nullopt;
  return rpc_error(-34003, "forbidden", "the log needs the role operator", 403);
}

constexpr KernelEntry kLogEntries[] = {{"logs.search", logs_search, KernelRun::kWorker}};

}  // namespace

std::string log_folder(const Config& config, const std::string& data_dir) {
  const std::string given = config.text("log.index");
  if (given == "off") return {};
  return given.empty() ? data_dir + "/logs.db" : given;
}

void serve_log_search(RpcImpl& rpc, const Access& access,
                      const std::shared_ptr<const HttpRequest>& request, const HttpReply& reply) {
  const Caller caller = access.credentials->identify(*request);
  if (auto refused = rpc.take_tokens(caller, 1)) return reply(error_response(*refused));
  if (auto refused = refuse(access, caller)) return reply(error_response(*refused));
  LogQuery query;
  if (auto error = read_query(from_request(request), &query)) {
    error->http_status = 400;
    return reply(error_response(*error));
  }
  rpc.run_later([&rpc, query = std::move(query), passphrase = passphrase_of(*request), reply] {
    Result<std::vector<LogRow>> rows = search_rows(rpc, query, passphrase);
    if (!rows.ok()) return reply(error_response(unavailable(rows.status())));
    HttpResponse response;
    response.body = rows_json(*rows);
    reply(std::move(response));
  });
}

WsAnswer accept_log_tail(RpcImpl& rpc, const Access& access, const HttpRequest& request,
                         const Caller& caller) {
  WsAnswer answer;
  if (auto refused = refuse(access, caller)) {
    answer.refusal = error_response(*refused);
    return answer;
  }
  LogQuery query;
  const auto get = [&request](std::string_view name) {
    return std::string(request.query_value(name));
  };
  if (auto error = read_query(get, &query)) {
    error->http_status = 400;
    answer.refusal = error_response(*error);
    return answer;
  }
  if (!request.has_query("limit")) query.limit = kTailFirstRows;
  answer.handler = std::make_unique<TailHandler>(
      std::make_shared<Tail>(rpc, log_folder(*rpc.parts().config(), rpc.parts().data_dir),
                             std::move(query), passphrase_of(request)));
  return answer;
}

std::span<const KernelEntry> log_methods() { return kLogEntries; }

}  // namespace blockd
