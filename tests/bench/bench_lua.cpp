// bench_lua: what a script in front of a command costs, beside the verification of the command's
// signature. CPU time of this thread; the median of many rounds, in turns, so that a busy machine
// slows both alike. Prints a line of JSON per result; run.py adds the goals.
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "kernel/base/crypto.hpp"
#include "kernel/lua/script.hpp"

namespace blockd::bench {
namespace {

constexpr int kRounds = 201, kCalls = 200, kVerifications = 50;

// Twenty lines as a house might vote them: a table of limits, a read, some arithmetic.
constexpr const char* kPolicy = R"(hook = {
  name = "policy", version = "1.0.0",
  on = {"before_apply"},
  methods = {"ledger.transfer", "energy.register"},
}
local closed = {["energy.register"] = 1000, ["energy.withdraw"] = 2000}
function before_apply(c)
  local from = closed[c.method]
  if from and c.height < from then
    return false, "not before block " .. from
  end
  local paused = params.get("transfers_paused") or 0
  if paused == 1 and c.from ~= "treasury" then
    return false, "transfers are paused"
  end
  if c.height % 7200 > 7190 then
    return false, "the last blocks of a day are for settlement"
  end
  return true
end
)";

double now_ns() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

template <class Work>
double nanoseconds(int times, const Work& work) {
  const double begin = now_ns();
  for (int i = 0; i < times; ++i) work();
  return (now_ns() - begin) / times;
}

double median(std::vector<double>& values) {
  std::nth_element(values.begin(), values.begin() + kRounds / 2, values.end());
  return values[kRounds / 2];
}

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "error: %s\n", what.c_str());
  std::exit(1);
}

void print(const char* name, double value, const char* unit) {
  std::printf("{\"name\": \"%s\", \"value\": %.4f, \"unit\": \"%s\"}\n", name, value, unit);
}

int run() {
  crypto_init();
  lua::Answer answer;
  const auto script = lua::Script::compile(kPolicy, &answer);
  if (!script) die(answer.text);
  lua::Reads reads;
  reads.param = [](std::string_view, std::optional<std::uint64_t>* value) {
    *value = 0;
    return Status();
  };
  const lua::Script::Member argument[] = {
      {"method", std::string_view("ledger.transfer")},
      {"from", std::string_view("tb1qqqsyqcyq5rqwzqfpg9scrgwpugpzysnzs23v9ccrydpk8qarc0sgxdxk")},
      {"height", std::int64_t{123'456}}};
  const auto call = [&] {
    answer = script->call("before_apply", argument, lua::kBudgetBlock, reads);
    if (!answer.ok() || answer.first != true) die("the policy refused: " + answer.text);
  };

  std::array<std::uint8_t, 32> seed{};
  seed.fill(9);
  const SigningKey key = SigningKey::from_seed(seed);
  const std::string message(400, 'm');
  const Signature signature = key.sign(message);
  const PublicKey signer = key.public_key();
  const auto check = [&] {
    if (!ed25519_verify(signer, message, signature)) die("the signature does not verify");
  };

  std::vector<double> calls, checks;
  for (int i = 0; i < kRounds; ++i) {
    calls.push_back(nanoseconds(kCalls, call));
    checks.push_back(nanoseconds(kVerifications, check));
  }
  const double call_ns = median(calls), check_ns = median(checks);
  print("lua_hook_us", call_ns / 1000, "us");
  print("lua_hook_share", 100 * call_ns / check_ns, "% of verify");
  print("lua_hook_instructions", static_cast<double>(answer.instructions), "");
  print("lua_hook_memory", static_cast<double>(answer.memory), "bytes");
  return 0;
}

}  // namespace
}  // namespace blockd::bench

int main() { return blockd::bench::run(); }
