// Host: what the kernel offers to a face. [face], where not said otherwise
//
// A Host is a small value that a face receives in its constructor and keeps; it is valid until the
// face is destroyed. A face changes replicated state only through call() and post(), which submit
// commands like any client.
#pragma once

#include "tb/face.h"
#include "tb/view.hpp"

namespace tb {

// What a method answered to call(), and to post() at on_reply.
struct Reply {
  bool ok = false;
  Value value;  // the result, or {code, message, data}; borrowed for the callback
};

class Host {
 public:
  explicit Host(tb_host* raw) : raw_(raw) {}

  tb_host* raw() const { return raw_; }
  const void* extension(std::string_view id) const {
    return raw_->api->extension(raw_, to_str(id));
  }

  void log(std::uint32_t level, std::string_view text) const {
    raw_->api->log(raw_, level, to_str(text));
  }                                                                                       // [any]
  std::uint64_t unix_ms() const { return raw_->api->unix_ms(raw_); }                      // [any]
  void random(void* out, std::size_t size) const { raw_->api->random(raw_, out, size); }  // [any]
  // BLAKE3 over the parts, one after the other. [any]
  Hash blake3(std::initializer_list<std::string_view> parts) const;
  Status sign(const Hash& seed, std::string_view message,
              std::array<std::uint8_t, 64>& signature) const {  // [any]
    return Status(
        raw_->api->ed25519_sign(raw_, seed.bytes.data(), to_str(message), signature.data()));
  }
  Status public_key(const Hash& seed, Hash& key) const {  // [any]
    return Status(raw_->api->ed25519_public(raw_, seed.bytes.data(), key.bytes.data()));
  }

  // The value in force of a config key of this plugin.
  template <class T>
  T config(Config<T> key) const;

  // Metrics, as in Ctx. [any]
  void add(Counter counter, std::int64_t value = 1,
           std::initializer_list<std::string_view> labels = {}) const {
    metric(counter.index, value, labels);
  }
  void set(Gauge gauge, std::int64_t value,
           std::initializer_list<std::string_view> labels = {}) const {
    metric(gauge.index, value, labels);
  }
  void observe(Histogram histogram, std::int64_t value,
               std::initializer_list<std::string_view> labels = {}) const {
    metric(histogram.index, value, labels);
  }

  // Publishes an event that is declared ephemeral(). [any]
  template <class T>
  Status publish(Event<T> event, const std::type_identity_t<T>& data) const {
    return Status(raw_->api->publish(
        raw_, event.index,
        [](void* user, tb_out* raw) {
          Out out(raw);
          out.write(*static_cast<const T*>(user));
        },
        const_cast<T*>(&data)));
  }

  // Runs fn(tb::View&) on the newest committed state; fn returns a Status.
  template <class Fn>
  Status with_view(Fn&& fn) const;

  // Calls any method of this node and waits up to `timeout_ms`. params(tb::Out&) writes the params;
  // read(const tb::Reply&) receives the answer. A command is answered when it is committed.
  // [worker]
  template <class Params, class Read>
  Status call(std::string_view method, Params&& params, std::uint32_t timeout_ms,
              Read&& read) const;
  // The same without waiting: the answer arrives at on_reply with `cookie`.
  template <class Params>
  Status post(std::string_view method, Params&& params, std::uint64_t cookie) const;

  // The local store of the plugin (survives a restart, is not replicated).
  std::optional<std::string> store_get(std::string_view key) const;
  Status store_put(std::string_view key, std::string_view value) const {
    return Status(raw_->api->store_put(raw_, to_str(key), to_str(value)));
  }
  Status store_erase(std::string_view key) const {
    return Status(raw_->api->store_erase(raw_, to_str(key)));
  }
  // fn(key, value) returns false to stop.
  template <class Fn>
  Status store_scan(std::string_view prefix, std::string_view after, std::uint32_t limit,
                    Fn&& fn) const {
    return store_walk(raw_->api->store_scan, prefix, after, limit, fn);
  }
  template <class Fn>
  Status store_scan_back(std::string_view prefix, std::string_view before, std::uint32_t limit,
                         Fn&& fn) const {
    return store_walk(raw_->api->store_scan_back, prefix, before, limit, fn);
  }

 private:
  // A callback of the author, and the exception that must not cross the host's frames.
  template <class Fn>
  struct Held {
    std::remove_reference_t<Fn>* fn;
    std::exception_ptr error;

    template <class... Args>
    void run(Args&&... args) {
      try {
        if (!error) (*fn)(std::forward<Args>(args)...);
      } catch (...) {
        error = std::current_exception();
      }
    }
    void rethrow() const {
      if (error) std::rethrow_exception(error);
    }
  };
  template <class Fn>
  static void fill_held(void* user, tb_out* raw) {
    Out out(raw);
    static_cast<Held<Fn>*>(user)->run(out);
  }
  template <class Scan, class Fn>
  Status store_walk(Scan scan, std::string_view prefix, std::string_view from, std::uint32_t limit,
                    Fn& fn) const;

  void metric(std::uint32_t index, std::int64_t value,
              std::initializer_list<std::string_view> labels) const {
    if (labels.size() > 8) throw std::length_error("a metric has at most 8 labels");
    tb_str texts[8] = {};
    std::uint32_t count = 0;
    for (std::string_view label : labels) texts[count++] = to_str(label);
    raw_->api->metric(raw_, index, texts, count, value);
  }

  tb_host* raw_;
};

inline Hash Host::blake3(std::initializer_list<std::string_view> parts) const {
  std::vector<tb_str> texts;
  texts.reserve(parts.size());
  for (std::string_view part : parts) texts.push_back(to_str(part));
  Hash hash;
  raw_->api->blake3(raw_, texts.data(), static_cast<std::uint32_t>(texts.size()),
                    hash.bytes.data());
  return hash;
}

template <class T>
T Host::config(Config<T> key) const {
  static_assert(!detail::borrows<T>(), "the value is borrowed for a callback: use an owning type");
  struct State {
    T value{};
    bool good = false;
  } state;
  raw_->api->config(
      raw_, key.index,
      [](void* user, const tb_value* value) {
        auto& to = *static_cast<State*>(user);
        to.good = value != nullptr && decode(*value, to.value);
      },
      &state);
  if (!state.good) throw std::runtime_error("a config key does not have its declared type");
  return std::move(state.value);
}

template <class Fn>
Status Host::with_view(Fn&& fn) const {
  struct State {
    std::remove_reference_t<Fn>* fn;
    std::exception_ptr error;
  } state{&fn, nullptr};
  const Status status(raw_->api->with_view(
      raw_,
      [](void* user, tb_view* raw) -> tb_status {
        auto& run = *static_cast<State*>(user);
        try {
          View view(raw);
          const Status answer = (*run.fn)(view);
          return view.settle(answer);
        } catch (...) {
          run.error = std::current_exception();
          return TB_FAILED;
        }
      },
      &state));
  if (state.error) std::rethrow_exception(state.error);
  return status;
}

template <class Params, class Read>
Status Host::call(std::string_view method, Params&& params, std::uint32_t timeout_ms,
                  Read&& read) const {
  Held<Params> fill{&params, nullptr};
  Held<Read> reader{&read, nullptr};
  const Status status(raw_->api->call(
      raw_, to_str(method), &fill_held<Params>, &fill, timeout_ms,
      [](void* user, std::uint32_t ok, const tb_value* value) {
        static_cast<Held<Read>*>(user)->run(Reply{ok != 0, Value(value)});
      },
      &reader));
  fill.rethrow();
  reader.rethrow();
  return status;
}

template <class Params>
Status Host::post(std::string_view method, Params&& params, std::uint64_t cookie) const {
  Held<Params> fill{&params, nullptr};
  const Status status(raw_->api->post(raw_, to_str(method), &fill_held<Params>, &fill, cookie));
  fill.rethrow();
  return status;
}

inline std::optional<std::string> Host::store_get(std::string_view key) const {
  std::optional<std::string> value;
  const tb_sink sink{&value, [](void* user, tb_str bytes) {
                       static_cast<std::optional<std::string>*>(user)->emplace(to_view(bytes));
                     }};
  raw_->api->store_get(raw_, to_str(key), &sink);
  return value;
}

template <class Scan, class Fn>
Status Host::store_walk(Scan scan, std::string_view prefix, std::string_view from,
                        std::uint32_t limit, Fn& fn) const {
  struct State {
    Fn* fn;
    std::exception_ptr error;
  } state{&fn, nullptr};
  const tb_row_sink sink{&state, [](void* user, tb_str key, tb_str value) -> std::uint32_t {
                           auto& run = *static_cast<State*>(user);
                           try {
                             return (*run.fn)(to_view(key), to_view(value)) ? 1 : 0;
                           } catch (...) {
                             run.error = std::current_exception();
                             return 0;
                           }
                         }};
  const Status status(scan(raw_, to_str(prefix), to_str(from), limit, &sink));
  if (state.error) std::rethrow_exception(state.error);
  return status;
}

// How a local method answers: it may call the host, and refuses with fail().
class LocalCall {
 public:
  LocalCall(Host host, tb_out* error) : host_(host), error_(error) {}

  Host& host() { return host_; }
  Status fail(Error error, std::string_view text) {
    return fail(error, text, [](Out&) {});
  }
  template <class Fn>
  Status fail(Error error, std::string_view text, Fn&& data) {
    if (error_ == nullptr) return Status(TB_FAILED);
    Out out(error_);
    out.put("code", error.code);
    out.put("name", error.name);
    out.put("text", text);
    data(out);
    return Status(TB_FAILED);
  }

 private:
  Host host_;
  tb_out* error_;
};

// A request to a route of the plugin.
class HttpRequest {
 public:
  explicit HttpRequest(const tb_http_request* raw) : raw_(raw) {}

  // A ":name" part of the route, and a query parameter; empty when absent.
  std::string_view path(std::string_view name) const {
    return find(raw_->path, raw_->path_count, name);
  }
  std::string_view query(std::string_view name) const {
    return find(raw_->query, raw_->query_count, name);
  }
  std::string_view body() const { return to_view(raw_->body); }
  std::string_view content_type() const { return to_view(raw_->content_type); }
  Value json() const { return Value(raw_->json); }
  const tb_http_request* raw() const { return raw_; }

 private:
  static std::string_view find(const tb_value* values, std::uint32_t count, std::string_view name) {
    for (std::uint32_t i = 0; i < count; ++i) {
      if (to_view(values[i].name) == name) return to_view(values[i].str);
    }
    return {};
  }
  const tb_http_request* raw_;
};

// Write a JSON body with json(), or any other with send(); not both.
class HttpReply {
 public:
  explicit HttpReply(tb_http_reply* raw) : raw_(raw) {}

  HttpReply& status(std::uint32_t code) {
    raw_->status = code;
    return *this;
  }
  Out json() { return Out(raw_->json); }
  void send(std::string_view content_type, std::string_view body) {
    raw_->send(raw_, to_str(content_type), to_str(body));
  }

 private:
  tb_http_reply* raw_;
};

}  // namespace tb
