#include "tests/plugins/energy/market_bench.hpp"

#include <boost/json.hpp>
#include <set>
#include <stdexcept>

#include "kernel/base/crypto.hpp"

namespace energy {

namespace json = boost::json;

namespace {

std::string text_of(tb_str s) { return std::string(blockd::to_view(s)); }

json::object object_of(blockd::JsonOut& out) {
  const std::string text = out.finish();
  if (!out.error().empty())
    throw std::runtime_error("the plugin wrote no proper value: " + out.error());
  return json::parse(text).as_object();
}

void put_error(tb_out* error, std::string_view name, std::string_view text) {
  if (error == nullptr) return;
  error->api->put_i64(error, blockd::to_str("code"), -1);
  error->api->put_str(error, blockd::to_str("name"), blockd::to_str(name));
  error->api->put_str(error, blockd::to_str("text"), blockd::to_str(text));
}

}  // namespace

struct MarketBench::Saved {
  std::map<std::string, std::string> rows;
  std::map<std::string, std::uint64_t> balances, accrued;
  std::vector<BenchEvent> events;
  std::vector<json::object> receipts;
};

// The step in the making, as the plugin sees it. The first member is the ABI's.
struct MarketBench::Ctx {
  tb_ctx abi{};
  MarketBench* bench = nullptr;
  tb_caller caller{};
  std::string sender;
  BenchAnswer answer;
  Saved at_start;
  std::set<std::string> read;

  static Ctx& of(tb_ctx* ctx) { return *reinterpret_cast<Ctx*>(ctx); }
  static Ctx& of(tb_view* view) { return *reinterpret_cast<Ctx*>(view); }

  Ctx(MarketBench& owner, std::string_view from, bool admin);

  static tb_status get(tb_view* v, tb_str key, const tb_sink* value) {
    Ctx& c = of(v);
    c.read.insert(text_of(key));
    const auto row = c.bench->rows_.find(text_of(key));
    if (row == c.bench->rows_.end()) return TB_NOT_FOUND;
    if (value != nullptr) value->put(value->user, blockd::to_str(row->second));
    return TB_OK;
  }
  static tb_status get_many(tb_view*, const tb_str*, uint32_t, const tb_row_sink*) {
    return TB_E_UNSUPPORTED;
  }
  static tb_status scan(tb_view* v, tb_str prefix, tb_str after, uint32_t limit,
                        const tb_row_sink* sink) {
    const std::map<std::string, std::string> rows =
        of(v).bench->rows_;  // a copy: the callback may write
    const std::string begin = text_of(prefix), from = text_of(after);
    auto row = from.empty() || from < begin ? rows.lower_bound(begin) : rows.upper_bound(from);
    for (; limit > 0 && row != rows.end() && row->first.starts_with(begin); ++row, --limit) {
      if (sink->row(sink->user, blockd::to_str(row->first), blockd::to_str(row->second)) == 0)
        break;
    }
    return TB_OK;
  }
  static tb_status scan_back(tb_view* v, tb_str prefix, tb_str before, uint32_t limit,
                             const tb_row_sink* sink) {
    const std::map<std::string, std::string> rows = of(v).bench->rows_;
    const std::string begin = text_of(prefix);
    auto row = before.len == 0 ? rows.lower_bound(begin + std::string(64, '\xff'))
                               : rows.lower_bound(text_of(before));
    for (; limit > 0 && row != rows.begin(); --limit) {
      if (!(--row)->first.starts_with(begin)) break;
      if (sink->row(sink->user, blockd::to_str(row->first), blockd::to_str(row->second)) == 0)
        break;
    }
    return TB_OK;
  }
  static tb_status param(tb_view* v, uint32_t index, uint64_t* value) {
    *value = of(v).bench->params_.at(index);
    return TB_OK;
  }
  static tb_status roles(tb_view*, tb_str, uint32_t* value) {
    *value = 0;
    return TB_OK;
  }
  static tb_status ask(tb_view* v, uint32_t slot, uint32_t function, const tb_value* args,
                       uint32_t count, tb_out* result, tb_out* error) {
    return call(reinterpret_cast<tb_ctx*>(v), slot, function, args, count, result, error);
  }
  static tb_status put(tb_ctx* c, tb_str key, tb_str value) {
    of(c).bench->rows_[text_of(key)] = text_of(value);
    return TB_OK;
  }
  static tb_status erase(tb_ctx* c, tb_str key) {
    of(c).bench->rows_.erase(text_of(key));
    return TB_OK;
  }
  static tb_status emit(tb_ctx* c, uint32_t event, tb_fill fill, void* user) {
    blockd::JsonOut out(true);
    fill(user, out.out());
    of(c).bench->events_.push_back(
        {of(c).bench->manifest_->events.at(event).topic, object_of(out)});
    return TB_OK;
  }
  static tb_status record(tb_ctx*, uint32_t, tb_fill, void*) { return TB_OK; }
  static tb_status metric(tb_ctx* c, uint32_t index, const tb_str* labels, uint32_t count,
                          int64_t value) {
    const blockd::MetricSpec& spec = of(c).bench->manifest_->metrics.at(index);
    if (spec.labels.size() != count) throw std::runtime_error("labels of " + spec.name);
    std::string name = spec.name;
    for (uint32_t i = 0; i < count; ++i) name += "/" + text_of(labels[i]);
    double& shown = of(c).bench->metrics_[name];
    shown = (spec.type == blockd::MetricType::kGauge ? 0 : shown) +
            static_cast<double>(value) / static_cast<double>(spec.scale);
    return TB_OK;
  }
  static tb_status call(tb_ctx* c, uint32_t slot, uint32_t function, const tb_value* args,
                        uint32_t count, tb_out* result, tb_out* error) {
    MarketBench& bench = *of(c).bench;
    const std::string& service = bench.manifest_->requires_.at(slot).name;
    const std::string& name = bench.manifest_->requires_.at(slot).functions.at(function);
    if (service == "ledger/1") return ledger(bench, name, args, count, result, error);
    if (service == "treasury/1") {
      bench.accrued_[text_of(args[0].str)] += args[2].num;
      return TB_OK;
    }
    blockd::JsonOut text;
    for (uint32_t i = 0; i < count; ++i)
      blockd::write_value(text.out(), blockd::to_view(args[i].name), args[i]);
    (name == "market_sample" ? bench.samples_ : bench.receipts_).push_back(object_of(text));
    return TB_OK;
  }
  static tb_status ledger(MarketBench& bench, const std::string& name, const tb_value* args,
                          uint32_t count, tb_out* result, tb_out* error) {
    if (name == "balance") {
      result->api->put_u64(result, blockd::to_str("amount"), bench.balance(text_of(args[0].str)));
      return TB_OK;
    }
    if (count < 4) return TB_E_INVALID;
    const std::string from = text_of(args[0].str), to = text_of(args[1].str);
    if (bench.balance(from) < args[2].num) {
      put_error(error, "insufficient_funds", from + " holds less");
      return TB_FAILED;
    }
    bench.balances_[from] -= args[2].num;
    bench.balances_[to] += args[2].num;
    return TB_OK;
  }
  static tb_status attempt(tb_ctx* c, tb_status (*body)(void*, tb_ctx*), void* user) {
    Saved saved = of(c).bench->save();
    const tb_status status = body(user, c);
    if (status != TB_OK) of(c).bench->restore(std::move(saved));
    return status;
  }
  static tb_status fail(tb_ctx* c, int32_t code, tb_str name, tb_str text, tb_fill data,
                        void* user) {
    BenchAnswer& answer = of(c).answer;
    answer.code = code;
    answer.name = text_of(name);
    answer.text = text_of(text);
    blockd::JsonOut out;
    if (data != nullptr) data(user, out.out());
    answer.data = object_of(out);
    return TB_FAILED;
  }
  static tb_status charge(tb_ctx* c) {
    if (of(c).answer.charged || of(c).answer.name.empty()) return TB_E_INVALID;
    of(c).answer.charged = true;
    of(c).bench->restore(of(c).at_start);
    return TB_OK;
  }
  static tb_status verify(tb_ctx*, tb_str key, tb_str message, tb_str signature) {
    blockd::PublicKey public_key{};
    blockd::Signature sig{};
    if (key.len != public_key.size() || signature.len != sig.size()) return TB_NOT_FOUND;
    std::copy_n(key.ptr, key.len, reinterpret_cast<char*>(public_key.data()));
    std::copy_n(signature.ptr, signature.len, reinterpret_cast<char*>(sig.data()));
    return blockd::ed25519_verify(public_key, blockd::to_view(message), sig) ? TB_OK : TB_NOT_FOUND;
  }
  static uint64_t rows_left(tb_ctx* c) {
    const std::size_t used = changed(of(c).at_start.rows, of(c).bench->rows_);
    return of(c).bench->budget_ > used ? of(c).bench->budget_ - used : 0;
  }
  static void pending(tb_ctx* c) { of(c).bench->pending_work_ = true; }
  static void log(tb_ctx*, uint32_t, tb_str) {}

  // Keys whose value differs.
  static std::size_t changed(const std::map<std::string, std::string>& before,
                             const std::map<std::string, std::string>& after) {
    std::size_t count = 0;
    for (const auto& [key, value] : after) {
      const auto old = before.find(key);
      count += old == before.end() || old->second != value ? 1 : 0;
    }
    for (const auto& [key, value] : before) count += after.count(key) == 0 ? 1 : 0;
    return count;
  }
};

MarketBench::Ctx::Ctx(MarketBench& owner, std::string_view from, bool admin)
    : bench(&owner), sender(from), at_start(owner.save()) {
  static const tb_view_api kView = {&get, &get_many, &scan, &scan_back, &param, &roles, &ask};
  static const tb_ctx_api kCtx = {&put,  &erase,  &emit,   &record,    &metric,  &call, &attempt,
                                  &fail, &charge, &verify, &rows_left, &pending, &log};
  caller.size = sizeof caller;
  caller.roles = admin ? TB_ROLE_ADMIN | TB_ROLE_OPERATOR : 0;
  caller.account = blockd::to_str(sender);
  abi.view = {&kView, &owner.block_};
  abi.api = &kCtx;
  abi.caller = &caller;
}

MarketBench::MarketBench(tb_plugin_entry_fn entry) : plugin_(entry(nullptr)) {
  blockd::crypto_init();
  if (plugin_ == nullptr) throw std::runtime_error("the plugin refused its own declaration");
  auto parsed = blockd::Manifest::parse(blockd::to_view(plugin_->manifest));
  if (!parsed.ok()) throw std::runtime_error(parsed.status().message());
  manifest_ = *parsed;
  for (const blockd::ParamSpec& spec : manifest_->params) params_.push_back(spec.default_value);
  block_.size = sizeof block_;
  block_.epoch_length = 120;
}

MarketBench::~MarketBench() = default;

void MarketBench::look(const std::function<void(tb_view*)>& body) {
  Ctx ctx(*this, "node", true);
  body(&ctx.abi.view);
}

MarketBench::Saved MarketBench::save() const {
  return {rows_, balances_, accrued_, events_, receipts_};
}
void MarketBench::restore(Saved saved) {
  rows_ = std::move(saved.rows);
  balances_ = std::move(saved.balances);
  accrued_ = std::move(saved.accrued);
  events_ = std::move(saved.events);
  receipts_ = std::move(saved.receipts);
}

void MarketBench::set_param(std::string_view key, std::uint64_t value) {
  for (std::uint32_t i = 0; i < params_.size(); ++i) {
    if (manifest_->params[i].key != key) continue;
    const tb_param_change change{i, 0, params_[i], value};
    Ctx ctx(*this, {}, false);
    if (plugin_->machine->check_params(&ctx.abi, &change, 1) != TB_OK)
      throw std::runtime_error(ctx.answer.text);
    params_[i] = value;
    if (plugin_->machine->params_changed(&ctx.abi, &change, 1) != TB_OK)
      throw std::runtime_error(ctx.answer.text);
    return;
  }
  throw std::runtime_error("no parameter '" + std::string(key) + "'");
}

std::uint64_t MarketBench::balance(const std::string& account) const {
  const auto found = balances_.find(account);
  return found == balances_.end() ? 0 : found->second;
}
std::uint64_t MarketBench::money() const {
  std::uint64_t sum = 0;
  for (const auto& [account, amount] : balances_) sum += amount;
  return sum;
}

void MarketBench::hook(tb_status (*entry)(tb_ctx*), std::string_view name) {
  Ctx ctx(*this, {}, false);
  if (entry(&ctx.abi) != TB_OK)
    throw std::runtime_error(std::string(name) + " failed: " + ctx.answer.name + ": " +
                             ctx.answer.text);
  hook_rows_ = Ctx::changed(ctx.at_start.rows, rows_);
}

void MarketBench::begin(std::uint64_t height, std::uint64_t time_s, std::uint64_t budget) {
  block_.height = height;
  block_.time_ms = time_s * 1000;
  block_.epoch = height / block_.epoch_length;
  block_.flags = (height + 1) % block_.epoch_length == 0 ? TB_BLOCK_LAST_OF_EPOCH : 0;
  budget_ = budget;
  pending_work_ = false;
  hook(plugin_->machine->begin, "begin");
}

void MarketBench::end_epoch() {
  block_.flags = TB_BLOCK_LAST_OF_EPOCH;
  hook(plugin_->machine->end, "end");
  hook(plugin_->machine->epoch, "epoch");
}

BenchAnswer MarketBench::run(std::string_view method, const json::object& params,
                             std::string_view sender, bool admin) {
  const blockd::MethodSpec* spec = manifest_->find_method(method);
  if (spec == nullptr) throw std::runtime_error("no method " + std::string(method));
  if (spec->kind != blockd::MethodKind::kCommand)
    throw std::runtime_error(std::string(method) + " is no command; a sequence asks for nothing");
  Ctx ctx(*this, sender, admin);
  blockd::ValueArena arena;
  std::vector<tb_value> values;
  const json::value given(params);  // decoded texts are borrowed from it
  if (auto wrong = blockd::decode_params(spec->params, given, arena, &values)) {
    ctx.answer.code = -32602;
    ctx.answer.name = manifest_->invalid_params_name;
    ctx.answer.text = wrong->field + ": " + wrong->message;
    ctx.answer.data["nearest"] = wrong->nearest;
    return ctx.answer;
  }
  blockd::JsonOut out;
  const auto place = static_cast<std::uint32_t>(spec - manifest_->methods.data());
  const tb_status status = plugin_->machine->apply(
      &ctx.abi, place, values.data(), static_cast<std::uint32_t>(values.size()), out.out());
  ctx.answer.applied = status == TB_OK;
  if (ctx.answer.applied) {
    ctx.answer.result = object_of(out);
  } else if (!ctx.answer.charged) {
    restore(ctx.at_start);
  }
  ctx.answer.rows_written = Ctx::changed(ctx.at_start.rows, rows_);
  ctx.answer.rows_read = ctx.read.size();
  return ctx.answer;
}

std::vector<BenchEvent> MarketBench::take_events() { return std::exchange(events_, {}); }
double MarketBench::counted(std::string_view metric) const {
  const auto found = metrics_.find(metric);
  return found == metrics_.end() ? 0 : found->second;
}

}  // namespace energy
