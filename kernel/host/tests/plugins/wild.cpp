// A plugin for the tests of isolation: it uses every function of ctx, and it misbehaves on demand.
// Macros: WILD_VERSION; WILD_TRAP (it crashes where the other build does not: a fault that shows
// only later), WILD_CALM (its hook does not).
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "tb/plugin.h"

#ifndef WILD_VERSION
#define WILD_VERSION "1.0.0"
#endif
#ifndef WILD_CALM
#define WILD_CALM 0
#endif
#ifndef WILD_TRAP
#define WILD_TRAP 0
#endif

namespace {

constexpr char kManifest[] = R"({"id":"wild","version":")" WILD_VERSION
                             R"(","sm":1,"sm_min":1,"schema":1,"summary":"Misbehaves.",
"params":[{"key":"wild_step","default":3,"min":1,"max":100,"help":"a number"}],
"methods":[
{"name":"wild.mix","kind":"command","role":"operator","summary":"Use every function","params":[{"name":"n","type":"u64"}]},
{"name":"wild.boom","kind":"command","role":"operator","summary":"Misbehave","params":[{"name":"how","type":"string"}]},
{"name":"wild.arm","kind":"command","role":"operator","summary":"Keep a text","params":[{"name":"how","type":"string"}]},
{"name":"wild.fire","kind":"command","role":"operator","summary":"Misbehave as the kept text says"},
{"name":"wild.slash","kind":"command","role":"operator","summary":"Be charged","params":[{"name":"n","type":"u64"}]},
{"name":"wild.verify","kind":"command","role":"operator","summary":"Check a signature","params":[{"name":"key","type":"bytes"},{"name":"text","type":"string"},{"name":"signature","type":"bytes"}]},
{"name":"wild.query","kind":"query","role":"read","summary":"The sum, or misbehave"},
{"name":"wild.misquery","kind":"query","role":"read","summary":"Crash"}],
"events":[{"topic":"wild.mixed","fields":[{"name":"n","type":"u64"}]}],
"metrics":[{"name":"wild_mixes_total","type":"counter","labels":["kind"],"help":"Calls"}]})";

template <std::size_t N>
tb_str text(const char (&literal)[N]) {
  return {literal, N - 1};
}
tb_str text(const std::string& s) { return {s.data(), s.size()}; }
std::string copy(tb_str s) { return s.len == 0 ? std::string() : std::string(s.ptr, s.len); }

void keep(void* user, tb_str value) { *static_cast<std::string*>(user) = copy(value); }

std::string read(tb_view* view, const std::string& key) {
  std::string value;
  const tb_sink sink{&value, keep};
  return view->api->get(view, text(key), &sink) == TB_OK ? value : "";
}

[[gnu::noinline]] int deep(int n) {
  volatile char room[4096];
  std::memset(const_cast<char*>(room), n, sizeof room);
  return n == -1 ? 0 : deep(n + 1) + room[0];
}

void misbehave(const std::string& how) {
  if (how == "crash") *static_cast<volatile int*>(nullptr) = 1;
  if (how == "stack") (void)deep(0);
  if (how == "hang") {
    for (;;) asm volatile("" ::: "memory");
  }
  if (how == "eat") {
    std::vector<std::string> all;
    for (;;) all.push_back(std::string(1u << 20, 'x'));
  }
  if (how == "write") std::memset(reinterpret_cast<void*>(&misbehave), 0, 64);
  if (how == "socket") (void)::socket(AF_INET, SOCK_STREAM, 0);
  if (how == "open" && (::open("/etc/passwd", O_RDONLY) >= 0 || errno != EACCES))
    throw std::runtime_error("it opened a file");
  if (how == "fork") (void)::fork();
  if (how == "exec") (void)::execl("/bin/true", "true", nullptr);
  if (how == "kill") ::kill(::getppid(), SIGKILL);
  if (how == "code")
    (void)::mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                 0);
  if (how == "ptrace") ::syscall(SYS_ptrace, 0, 0, 0, 0);
  if (how == "exit") ::_exit(0);
  if (how == "abort") std::abort();
  if (how == "throw") throw std::runtime_error("thrown on demand");
}

// Writes a message of its own into the memory that it shares with the node, which it finds behind
// its ctx, wakes the node, and crashes: "forge:<seed>".
void forge(tb_ctx* ctx, const std::string& how) {
  std::uint64_t seed = std::strtoull(how.c_str() + 6, nullptr, 10) * 0x9e3779b97f4a7c15u + 1;
  const auto random = [&seed] {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return static_cast<std::uint32_t>(seed >> 16);
  };
  char* child_lane = *reinterpret_cast<char**>(reinterpret_cast<char*>(ctx) + sizeof(tb_ctx));
  char* lane = *reinterpret_cast<char**>(child_lane + 8);
  auto* to_node = reinterpret_cast<std::uint32_t*>(lane + 64);
  auto* sizes = reinterpret_cast<std::uint32_t*>(lane + 128);
  char* data = lane + 144;
  const std::uint32_t size = random() % 200;
  for (std::uint32_t i = 0; i < size; ++i)
    data[i] = static_cast<char>(random() % 4 ? random() % 8 : random());
  constexpr unsigned char kOps[] = {1,  2,  4,  6,  7,  10, 11, 13,  65,
                                    66, 67, 70, 72, 74, 77, 80, 128, 129};
  data[0] = static_cast<char>(kOps[random() % sizeof kOps]);
  sizes[0] = random() % 8 ? size : random();
  sizes[1] = random() % 8 ? 0 : 1;
  __atomic_fetch_add(to_node, 1, __ATOMIC_SEQ_CST);
  ::syscall(SYS_futex, to_node, 1, INT32_MAX, nullptr, nullptr, 0);
  for (int i = 0; i < 50'000'000; ++i) asm volatile("" ::: "memory");
  misbehave("crash");
}

struct Walk {
  tb_ctx* ctx;
  std::string seen;
  std::uint64_t rows = 0;
};

// Writes while it walks: the row behind the next one appears, an old one goes.
std::uint32_t walk_row(void* user, tb_str key, tb_str value) {
  Walk& w = *static_cast<Walk*>(user);
  w.seen += copy(key) + "=" + copy(value) + " ";
  ++w.rows;
  if (w.rows == 2) {
    w.ctx->api->put(w.ctx, text(copy(key) + "+"), text("new"));
    w.ctx->api->erase(w.ctx, text("row/9"));
  }
  return w.rows < 12 ? 1 : 0;
}

tb_status attempted(void* user, tb_ctx* ctx) {
  const std::uint64_t n = *static_cast<std::uint64_t*>(user);
  ctx->api->put(ctx, text("tried"), text(std::to_string(n)));
  ctx->api->put(ctx, text("row/tried" + std::to_string(n)), text("x"));
  if (read(&ctx->view, "tried") != std::to_string(n)) return TB_E_INVALID;
  return n % 2 == 0 ? TB_OK : TB_FAILED;
}

void fill_number(void* user, tb_out* out) {
  out->api->put_u64(out, text("n"), *static_cast<std::uint64_t*>(user));
}

std::uint32_t count_rows(void* user, tb_str, tb_str) {
  ++*static_cast<std::uint64_t*>(user);
  return 1;
}

tb_status mix(tb_ctx* ctx, std::uint64_t n, tb_out* result) {
  std::uint64_t step = 0;
  ctx->view.api->param(&ctx->view, 0, &step);
  const std::uint64_t sum = std::strtoull(read(&ctx->view, "sum").c_str(), nullptr, 10) + n * step;
  ctx->api->put(ctx, text("sum"), text(std::to_string(sum)));
  ctx->api->put(ctx, text("row/" + std::to_string(n % 17)), text(std::to_string(sum)));
  Walk walk{ctx, {}, 0};
  const tb_row_sink rows{&walk, walk_row};
  const tb_str all = text("row/");
  if (ctx->view.api->scan(&ctx->view, all, {}, 100, &rows) != TB_OK) return TB_ABORTED;
  Walk back{ctx, {}, 5};
  const tb_row_sink rows_back{&back, walk_row};
  ctx->view.api->scan_back(&ctx->view, all, text("row/5"), 7, &rows_back);
  std::uint64_t tried = n;
  const tb_status attempt = ctx->api->attempt(ctx, attempted, &tried);
  const std::string keys[] = {"row/0", "row/1", "nothing", "sum", "tried"};
  std::vector<tb_str> wanted;
  for (const std::string& key : keys) wanted.push_back(text(key));
  std::uint64_t found = 0;
  const tb_row_sink counted{&found, count_rows};
  ctx->view.api->get_many(&ctx->view, wanted.data(), 5, &counted);
  std::uint32_t roles = 0;
  ctx->view.api->roles(&ctx->view, ctx->caller->account, &roles);
  const tb_str kind = text("mix");
  ctx->api->metric(ctx, 0, &kind, 1, 1);
  ctx->api->emit(ctx, 0, fill_number, &found);
  ctx->api->log(ctx, TB_LOG_DEBUG, text("mixed"));
  ctx->api->put(ctx, text("seen"), text(walk.seen + "|" + back.seen + std::to_string(roles)));
  result->api->put_u64(result, text("sum"), sum);
  result->api->put_i64(result, text("attempt"), attempt);
  result->api->begin_list(result, text("found"));
  result->api->put_u64(result, {}, found);
  result->api->end(result);
  if (n % 7 == 5)
    return ctx->api->fail(ctx, -32000, text("seven"), text("as asked"), fill_number, &tried);
#if WILD_TRAP
  if (n == 13) misbehave("crash");
#endif
  return TB_OK;
}

tb_status slash(tb_ctx* ctx, std::uint64_t n) {
  ctx->api->put(ctx, text("lost"), text("never kept"));
  const tb_status failed =
      ctx->api->fail(ctx, -32001, text("slashed"), text("a charge"), nullptr, nullptr);
  if (ctx->api->charge(ctx) != TB_OK) return TB_ABORTED;
  const std::string before = read(&ctx->view, "lost");
  ctx->api->put(ctx, text("charged"), text(before + std::to_string(n)));
  return failed;
}

tb_status apply(tb_ctx* ctx, std::uint32_t method, const tb_value* params, std::uint32_t,
                tb_out* result) {
  switch (method) {
    case 0:
      return mix(ctx, params[0].num, result);
    case 1:
      if (copy(params[0].str).starts_with("forge:")) forge(ctx, copy(params[0].str));
      misbehave(copy(params[0].str));
      return TB_OK;
    case 2:
      if (copy(params[0].str).starts_with("hook:"))
        return ctx->api->put(ctx, text("hook"), text(copy(params[0].str).substr(5)));
      return ctx->api->put(ctx, text("armed"), params[0].str);
    case 3:
      misbehave(read(&ctx->view, "armed"));
      return TB_OK;
    case 4:
      return slash(ctx, params[0].num);
    default:
      return ctx->api->verify(ctx, params[0].str, params[1].str, params[2].str) == TB_OK
                 ? ctx->api->put(ctx, text("verified"), params[1].str)
                 : ctx->api->fail(ctx, -32002, text("bad_signature"), text("no"), nullptr, nullptr);
  }
}

// What is kept under "hook" happens at the begin of every block from then on.
tb_status begin(tb_ctx* ctx) {
#if !WILD_CALM
  misbehave(read(&ctx->view, "hook"));
#endif
  const std::string height = std::to_string(ctx->view.block->height);
  return ctx->api->put(ctx, text("begun"), text(height));
}

tb_status create(tb_host*, void** instance) {
  *instance = new int(0);
  return TB_OK;
}
void destroy(void* instance) { delete static_cast<int*>(instance); }

tb_status query(void*, tb_view* view, std::uint32_t method, const tb_value*, std::uint32_t,
                tb_out* result, tb_out*) {
  if (method == 7) misbehave("crash");
  result->api->put_str(result, text("sum"), text(read(view, "sum")));
  return TB_OK;
}

constexpr tb_machine kMachine = {sizeof(tb_machine),
                                 1,
                                 1,
                                 1,
                                 nullptr,
                                 apply,
                                 begin,
                                 nullptr,
                                 nullptr,
                                 nullptr,
                                 nullptr,
                                 nullptr,
                                 nullptr,
                                 nullptr};
constexpr tb_face kFace = {sizeof(tb_face), 0,       create,  destroy, query,   nullptr,
                           nullptr,         nullptr, nullptr, nullptr, nullptr, nullptr};
const tb_plugin kPlugin = {
    sizeof(tb_plugin), TB_ABI_MAJOR, TB_ABI_MINOR, 0, {kManifest, sizeof kManifest - 1},
    &kMachine,         &kFace,       nullptr};

}  // namespace

extern "C" TB_EXPORT const tb_plugin* tb_plugin_entry(const tb_host_info*) { return &kPlugin; }
