// What the SDK costs on the hot path, as ratios: a command through the ABI against a virtual call
// with the same work, a counter increment, a row, a service call. The goals: 20 ns above the
// virtual call, 25 ns an increment.
#include <benchmark/benchmark.h>

#include "tb/sdk.hpp"

namespace {

inline constexpr tb::Counter kCalls{0};
inline constexpr tb::Service kSlot{0};

struct Params {
  std::string_view name;
  std::uint64_t amount = 0;
};
BOOST_DESCRIBE_STRUCT(Params, (), (name, amount))
inline constexpr tb::Function<Params> kMove{kSlot, 0};

struct Row {
  std::string owner;
  std::uint64_t a = 0, b = 0, c = 0;
  bool flag = false;
};
BOOST_DESCRIBE_STRUCT(Row, (), (owner, a, b, c, flag))

std::uint64_t sum = 0;

tb::Status add(tb::Ctx&, const Params& in, tb::Out&) {
  sum += in.amount + in.name.size();
  return tb::ok();
}

void describe(tb::Plugin& p) {
  p.id("bench").version("1.0.0").sm(1).schema(1);
  p.command("bench.add", &add).role("operator");
}

// A host that does nothing, so that only the SDK is measured.
const tb_ctx_api& idle_table() {
  static const tb_ctx_api table = [] {
    tb_ctx_api made{};
    made.metric = [](tb_ctx*, std::uint32_t, const tb_str*, std::uint32_t,
                     std::int64_t) -> tb_status { return TB_OK; };
    made.put = [](tb_ctx*, tb_str, tb_str) -> tb_status { return TB_OK; };
    made.call = [](tb_ctx*, std::uint32_t, std::uint32_t, const tb_value*, std::uint32_t, tb_out*,
                   tb_out*) -> tb_status { return TB_OK; };
    return made;
  }();
  return table;
}

struct Idle {
  tb_block block{};
  tb_caller caller{};
  tb_ctx ctx{{nullptr, &block}, &idle_table(), &caller};
};

struct Virtual {
  virtual ~Virtual() = default;
  virtual void add(std::string_view name, std::uint64_t amount) { sum += amount + name.size(); }
};

void virtual_call(benchmark::State& state) {
  Virtual object;
  Virtual* called = &object;
  benchmark::DoNotOptimize(called);
  for (auto _ : state) {
    called->add("name", 3);
    benchmark::ClobberMemory();
  }
}
BENCHMARK(virtual_call);

void command_through_the_abi(benchmark::State& state) {
  const tb_machine* machine = tb::detail::Library<&describe>::entry(nullptr)->machine;
  benchmark::DoNotOptimize(machine);
  Idle idle;
  tb_value params[2]{};
  params[0].type = TB_TYPE_STR;
  params[0].str = tb::to_str("name");
  params[1].type = TB_TYPE_U64;
  params[1].num = 3;
  for (auto _ : state) {
    machine->apply(&idle.ctx, 0, params, 2, nullptr);
    benchmark::ClobberMemory();
  }
}
BENCHMARK(command_through_the_abi);

void counter_increment(benchmark::State& state) {
  Idle idle;
  tb::Ctx ctx(&idle.ctx);
  for (auto _ : state) {
    ctx.add(kCalls, 1, {"label"});
    benchmark::ClobberMemory();
  }
}
BENCHMARK(counter_increment);

void row_encode_and_put(benchmark::State& state) {
  Idle idle;
  tb::Ctx ctx(&idle.ctx);
  const Row row{"tb1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqq", 1, 2, 3, true};
  for (auto _ : state) ctx.store(tb::Key("row/").u64(7), row);
}
BENCHMARK(row_encode_and_put);

void row_decode(benchmark::State& state) {
  const std::string bytes = tb::encode_row(Row{"tb1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqq", 1, 2, 3, true});
  Row row;
  for (auto _ : state) benchmark::DoNotOptimize(tb::decode_row(bytes, row));
}
BENCHMARK(row_decode);

void service_call(benchmark::State& state) {
  Idle idle;
  tb::Ctx ctx(&idle.ctx);
  for (auto _ : state) benchmark::DoNotOptimize(ctx.call(kMove, {"name", 3}).ok());
}
BENCHMARK(service_call);

}  // namespace

BENCHMARK_MAIN();
