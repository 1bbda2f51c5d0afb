// Ctx: a step in the making, a View that can also be written. [machine]
//
// All that a step does is an effect of ctx and is published with the block, or dropped. Valid until
// the entry that received it returns. Once any call was aborted by the host, the SDK returns that
// to the host whatever the handler says.
#pragma once

#include "tb/view.hpp"

namespace tb {

class Ctx : public View {
 public:
  explicit Ctx(tb_ctx* raw) : View(raw, &raw->view), raw_ctx_(raw) {}

  tb_ctx* raw_ctx() const { return raw_ctx_; }

  // Who sent the command. In a hook the account is empty.
  std::string_view account() const { return to_view(raw_ctx_->caller->account); }
  const tb_caller& caller() const { return *raw_ctx_->caller; }
  bool is_admin() const { return (raw_ctx_->caller->roles & TB_ROLE_ADMIN) != 0; }
  bool is_operator() const { return (raw_ctx_->caller->roles & TB_ROLE_OPERATOR) != 0; }
  Hash command_id() const {
    Hash id;
    std::memcpy(id.bytes.data(), raw_ctx_->caller->command_id, id.bytes.size());
    return id;
  }

  void put(std::string_view key, std::string_view value) {
    note(raw_ctx_->api->put(raw_ctx_, to_str(key), to_str(value)));
  }
  void erase(std::string_view key) { note(raw_ctx_->api->erase(raw_ctx_, to_str(key))); }
  // Writes a row in the form of codec.hpp. Rows up to 512 bytes cost no allocation.
  template <class T>
  void store(std::string_view key, const T& value) {
    if constexpr (detail::checked<T>()) {
      char small[kSmallRow];
      const std::size_t size = 1 + detail::row_size(value);
      if (size > kSmallRow) return put(key, tb::encode_row(value));
      small[0] = static_cast<char>(detail::layout_of<T>());
      detail::write_row(small + 1, value);
      put(key, {small, size});
    }
  }

  template <class T>
  void emit(Event<T> event, const std::type_identity_t<T>& data) {
    note(raw_ctx_->api->emit(raw_ctx_, event.index, &fill_with<T>, const_cast<T*>(&data)));
  }
  template <class T>
  void record(Record<T> record, const std::type_identity_t<T>& data) {
    note(raw_ctx_->api->record(raw_ctx_, record.index, &fill_with<T>, const_cast<T*>(&data)));
  }

  // Metrics: `labels` holds one text for each declared label.
  void add(Counter counter, std::int64_t value = 1,
           std::initializer_list<std::string_view> labels = {}) {
    metric(counter.index, value, labels);
  }
  void set(Gauge gauge, std::int64_t value, std::initializer_list<std::string_view> labels = {}) {
    metric(gauge.index, value, labels);
  }
  void observe(Histogram histogram, std::int64_t value,
               std::initializer_list<std::string_view> labels = {}) {
    metric(histogram.index, value, labels);
  }

  // Calls a function of a required service; what it writes belongs to this step.
  template <class Args, class Result>
  Answer<Result> call(Function<Args, Result> function, const std::type_identity_t<Args>& args) {
    return invoke<Result>(args, [&](std::span<const tb_value> values, tb_out* result,
                                    tb_out* error) {
      return raw_ctx_->api->call(raw_ctx_, function.service.index, function.index, values.data(),
                                 static_cast<std::uint32_t>(values.size()), result, error);
    });
  }

  // Opens a savepoint around body(): an answer other than ok takes back what it wrote, and is
  // returned. An exception takes it back too, and goes on.
  template <class Body>
  Status attempt(Body&& body) {
    struct State {
      std::remove_reference_t<Body>* body;
      std::exception_ptr error;
    } state{&body, nullptr};
    const tb_status status = raw_ctx_->api->attempt(
        raw_ctx_,
        [](void* user, tb_ctx*) -> tb_status {
          auto& run = *static_cast<State*>(user);
          Status answer(TB_FAILED);
          shield(run.error, [&] { answer = (*run.body)(); });
          return answer.code();
        },
        &state);
    rethrow(state.error);
    return Status(note(status));
  }

  // After fail(): rolls the command back in all namespaces; what is written from here on stays, and
  // the command ends "charged" with that error. Return the failed status afterwards:
  //   const auto failed = ctx.fail(kForged, "..."); if (auto s = ctx.charge(); !s) return s;
  //   <penalty>; return failed;
  Status charge() { return Status(note(raw_ctx_->api->charge(raw_ctx_))); }

  // True if `signature` (64 bytes) over `message` verifies under the Ed25519 `key` (32 bytes).
  bool verify(std::string_view key, std::string_view message, std::string_view signature) {
    return note(raw_ctx_->api->verify(raw_ctx_, to_str(key), to_str(message), to_str(signature))) ==
           TB_OK;
  }
  // Rows of the block's budget for hooks that are left.
  std::uint64_t rows_left() { return raw_ctx_->api->rows_left(raw_ctx_); }
  // Time-driven work is waiting: an idle chain keeps its block cadence.
  void pending_work() { raw_ctx_->api->pending_work(raw_ctx_); }
  void log(std::uint32_t level, std::string_view text) {
    raw_ctx_->api->log(raw_ctx_, level, to_str(text));
  }

 private:
  static constexpr std::size_t kSmallRow = 512;
  static constexpr std::size_t kMaxLabels = 8;

  template <class T>
  static void fill_with(void* user, tb_out* raw) {
    Out out(raw);
    out.write_sorted(*static_cast<const T*>(user));
  }
  void metric(std::uint32_t index, std::int64_t value,
              std::initializer_list<std::string_view> labels) {
    if (labels.size() > kMaxLabels) throw std::length_error("a metric has at most 8 labels");
    tb_str texts[kMaxLabels];
    std::uint32_t count = 0;
    for (std::string_view label : labels) texts[count++] = to_str(label);
    note(raw_ctx_->api->metric(raw_ctx_, index, texts, count, value));
  }

  tb_ctx* raw_ctx_;
};

}  // namespace tb
