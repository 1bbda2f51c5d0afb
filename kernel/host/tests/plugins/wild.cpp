// A plugin for the tests of isolation: it uses every function of ctx, and it misbehaves on demand.
// Macros: WILD_ID; WILD_VERSION; WILD_TRAP (it crashes where the other build does not: a fault that
// shows only later), WILD_CALM (its hook does not), WILD_SM (of its rules and rows; from 2 on its
// migration does what is kept under "hook").
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "tb/draft/host_files.h"
#include "tb/plugin.h"

#ifndef WILD_ID
#define WILD_ID "wild"
#endif
#ifndef WILD_VERSION
#define WILD_VERSION "1.0.0"
#endif
#ifndef WILD_CALM
#define WILD_CALM 0
#endif
#ifndef WILD_TRAP
#define WILD_TRAP 0
#endif
#ifndef WILD_SM
#define WILD_SM 1
#endif
#define WILD_TEXT_OF(x) #x
#define WILD_TEXT(x) WILD_TEXT_OF(x)

namespace {

constexpr char kManifest[] =
    R"({"id":")" WILD_ID R"(","version":")" WILD_VERSION
    R"(","sm":)" WILD_TEXT(WILD_SM) R"(,"sm_min":)" WILD_TEXT(WILD_SM) R"(,"schema":)" WILD_TEXT(
        WILD_SM) R"(,"summary":"Misbehaves.",
"params":[{"key":")" WILD_ID R"(_step","default":3,"min":1,"max":100,"help":"a number"}],
"methods":[
{"name":")" WILD_ID
                 R"(.mix","kind":"command","role":"operator","summary":"Use every function","params":[{"name":"n","type":"u64"}]},
{"name":")" WILD_ID
                 R"(.boom","kind":"command","role":"operator","summary":"Misbehave","params":[{"name":"how","type":"string"}]},
{"name":")" WILD_ID
                 R"(.arm","kind":"command","role":"operator","summary":"Keep a text","params":[{"name":"how","type":"string"}]},
{"name":")" WILD_ID
                 R"(.fire","kind":"command","role":"operator","summary":"Misbehave as the kept text says"},
{"name":")" WILD_ID
                 R"(.slash","kind":"command","role":"operator","summary":"Be charged","params":[{"name":"n","type":"u64"}]},
{"name":")" WILD_ID
                 R"(.verify","kind":"command","role":"operator","summary":"Check a signature","params":[{"name":"key","type":"bytes"},{"name":"text","type":"string"},{"name":"signature","type":"bytes"}]},
{"name":")" WILD_ID R"(.query","kind":"query","role":"read","summary":"The sum, or misbehave"},
{"name":")" WILD_ID R"(.misquery","kind":"query","role":"read","summary":"Crash"},
{"name":")" WILD_ID
                 R"(.trust","kind":"command","role":"operator","summary":"Crash at an answer that is not so","params":[{"name":"n","type":"u64"}]},
{"name":")" WILD_ID
                 R"(.files","kind":"local","role":"read","summary":"Keep files where they may be, and try where not"},
{"name":")" WILD_ID
                 R"(.forge_view","kind":"query","role":"read","summary":"Send a message","params":[{"name":"how","type":"string"}]},
{"name":")" WILD_ID
                 R"(.forge_host","kind":"local","role":"read","summary":"Send a message","params":[{"name":"how","type":"string"}]}],
"config":[{"key":"dir","type":"string","default":"${data}/)" WILD_ID
                 R"(_files","unit":"folder","help":"files"},
{"key":"other","type":"string","default":"${data}/chain","unit":"folder","help":"what is not its own"}],
"events":[{"topic":")" WILD_ID R"(.mixed","fields":[{"name":"n","type":"u64"}]}],
"metrics":[{"name":")" WILD_ID
                 R"(_mixes_total","type":"counter","labels":["kind"],"help":"Calls"}]})";

constexpr std::uint32_t kForgeView = 10, kForgeHost = 11;  // places in the manifest

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

std::uint64_t thread_cpu_ms() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<std::uint64_t>(t.tv_sec) * 1000 +
         static_cast<std::uint64_t>(t.tv_nsec) / 1'000'000;
}

// "think:<ms>" computes that long, "hold:<MiB>" has that much memory for a moment.
void use_much(const std::string& how) {
  const std::uint64_t much = std::strtoull(how.c_str() + how.find(':') + 1, nullptr, 10);
  if (how.starts_with("think:")) {
    for (const std::uint64_t end = thread_cpu_ms() + much; thread_cpu_ms() < end;) {
    }
  }
  if (how.starts_with("hold:")) {
    std::vector<std::string> all;
    for (std::uint64_t i = 0; i < much; ++i) all.push_back(std::string(1u << 20, 'x'));
  }
}

// What it does wrong is to reach the system, not a sanitizer.
__attribute__((no_sanitize("address", "undefined"))) void misbehave(const std::string& how) {
  use_much(how);
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

std::string from_hex(const std::string& text) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string out;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2)
    out.push_back(static_cast<char>(digit(text[i]) * 16 + digit(text[i + 1])));
  return out;
}

// Sends a message of its own through the memory that it shares with the node, which it finds behind
// its ctx, and crashes when the node takes it: "forge:<places of size, more and data in a
// lane>:<size it claims, or ->:<more>:<hex>". With more = 2 it sends such parts until it is ended.
void forge(tb_view* view, const std::string& how) {
  std::vector<std::string> parts{{}};
  for (char c : how) {
    if (c == ':') {
      parts.emplace_back();
    } else {
      parts.back().push_back(c);
    }
  }
  const auto number = [&](std::size_t part) {
    return std::strtoul(parts[part].c_str(), nullptr, 10);
  };
  const std::string message = from_hex(parts[6]);
  char* child_lane = *reinterpret_cast<char**>(reinterpret_cast<char*>(view) + sizeof(tb_ctx));
  char* lane = *reinterpret_cast<char**>(child_lane + 8);
  auto* to_child = reinterpret_cast<std::uint32_t*>(lane);
  auto* to_node = reinterpret_cast<std::uint32_t*>(lane + 64);
  for (bool again = true; again; again = number(5) == 2) {
    std::memcpy(lane + number(3), message.data(), message.size());
    *reinterpret_cast<std::uint32_t*>(lane + number(1)) =
        static_cast<std::uint32_t>(parts[4] == "-" ? message.size() : number(4));
    *reinterpret_cast<std::uint32_t*>(lane + number(2)) = number(5) != 0;
    const std::uint32_t before = __atomic_load_n(to_child, __ATOMIC_SEQ_CST);
    __atomic_fetch_add(to_node, 1, __ATOMIC_SEQ_CST);
    ::syscall(SYS_futex, to_node, 1, INT32_MAX, nullptr, nullptr, 0);
    while (__atomic_load_n(to_child, __ATOMIC_SEQ_CST) == before) {
      __atomic_store_n(to_child + 1, 1, __ATOMIC_SEQ_CST);  // so that the node wakes this side
      ::syscall(SYS_futex, to_child, 0, before, nullptr, nullptr, 0);
    }
  }
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

// Rows t/0 to t/8 are never there, t/9 is once it was put (n = 109): who is told that it is not
// crashes.
tb_status trust(tb_ctx* ctx, std::uint64_t n) {
  if (n >= 100) return ctx->api->put(ctx, text("t/" + std::to_string(n - 100)), text("x"));
  const bool there = !read(&ctx->view, "t/" + std::to_string(n)).empty();
  if (n == 9 && !there) misbehave("crash");
  std::uint64_t rows = 0, tried = n;
  const tb_status attempt = ctx->api->attempt(ctx, attempted, &tried);
  const tb_row_sink counted{&rows, count_rows};
  ctx->view.api->scan(&ctx->view, text("row/tried" + std::to_string(n)), {}, 10, &counted);
  std::uint32_t roles = 0;
  ctx->view.api->roles(&ctx->view, ctx->caller->account, &roles);
  const std::string seen = std::to_string(n) + (there ? "+" : "-") + std::to_string(rows) + "," +
                           std::to_string(attempt) + "," + std::to_string(roles);
  ctx->api->put(ctx, text("trusted"), text(read(&ctx->view, "trusted") + seen + ";"));
  ctx->api->emit(ctx, 0, fill_number, &rows);
  return TB_OK;
}

tb_status apply(tb_ctx* ctx, std::uint32_t method, const tb_value* params, std::uint32_t,
                tb_out* result) {
  switch (method) {
    case 0:
      return mix(ctx, params[0].num, result);
    case 1:
      if (copy(params[0].str).starts_with("forge:")) forge(&ctx->view, copy(params[0].str));
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
    case 8:
      return trust(ctx, params[0].num);
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

struct Face {
  tb_host* host;
};

tb_status create(tb_host* host, void** instance) {
  *instance = new Face{host};
  return TB_OK;
}
void destroy(void* instance) { delete static_cast<Face*>(instance); }

std::string config_text(tb_host* host, std::uint32_t index) {
  std::string out;
  const auto read_text = [](void* user, const tb_value* value) {
    *static_cast<std::string*>(user) = copy(value->str);
  };
  host->api->config(host, index, read_text, &out);
  return out;
}

std::uint32_t note_file(void* user, tb_str name, tb_str size) {
  *static_cast<std::string*>(user) += copy(name) + ":" + copy(size) + " ";
  return 1;
}

// What becomes of paths that are not the plugin's, by status; `dir` is its folder, `foreign` one of
// the node.
std::string try_paths(tb_host* host, const tb_host_files& files, const std::string& dir,
                      const std::string& foreign) {
  const std::string paths[] = {
      dir + "/../escaped", dir + "/./x",  dir + "/.hidden",
      dir + "/a.tmp",      dir + "/a\nb", dir + "/" + std::string(129, 'x'),
      dir + "-sibling/x",  "/etc/wild",   "wild",
      foreign + "/x",      std::string(), dir + std::string("/x\0y", 4)};
  std::string seen;
  for (const std::string& path : paths) {
    std::string problem;
    const tb_sink say{&problem, keep};
    const tb_status status =
        files.write(host, text(path), TB_FILE_BEGIN | TB_FILE_END, text("x"), &say);
    seen += std::to_string(status) + (problem.empty() ? "! " : " ");
  }
  return seen;
}

tb_status forge_of_host(tb_host* host, std::string how) {
  const auto inside = [](void* user, tb_view* view) -> tb_status {
    forge(view, *static_cast<std::string*>(user));
    return TB_OK;
  };
  return host->api->with_view(host, inside, &how);
}

tb_status local(void* instance, std::uint32_t method, const tb_value* params, std::uint32_t,
                tb_out* result, tb_out*) {
  tb_host* host = static_cast<Face*>(instance)->host;
  if (method == kForgeHost) return forge_of_host(host, copy(params[0].str));
  const auto* files =
      static_cast<const tb_host_files*>(host->api->extension(host, text(TB_HOST_FILES_1)));
  const std::string dir = config_text(host, 0), a = dir + "/sub/a.json", b = dir + "/sub/b";
  std::string first, none, listed, gone;
  const tb_sink into{&first, keep}, nothing{&none, keep};
  const tb_row_sink rows{&listed, note_file};
  const auto write = [&](const std::string& path, std::uint32_t flags, const std::string& part) {
    return files->write(host, text(path), flags, text(part), nullptr);
  };
  tb_status status = write(a, TB_FILE_BEGIN, std::string(1000, 'x'));
  // A version that was never ended leaves nothing.
  if (status == TB_OK) status = write(a, TB_FILE_BEGIN, "he");
  if (status == TB_OK) status = write(a, TB_FILE_END, "llo");
  if (status == TB_OK) status = write(b, TB_FILE_BEGIN | TB_FILE_END, std::string(3u << 20, 'b'));
  if (status == TB_OK) status = files->read(host, text(a), 1, 3, &into, nullptr);
  if (status == TB_OK) status = files->list(host, text(dir + "/sub"), &rows, nullptr);
  if (status == TB_OK) status = files->remove(host, text(b), nullptr);
  gone = std::to_string(files->read(host, text(b), 0, 10, &nothing, nullptr)) + none;
  result->api->put_i64(result, text("status"), status);
  result->api->put_str(result, text("read"), text(first));
  result->api->put_str(result, text("listed"), text(listed));
  result->api->put_str(result, text("gone"), text(gone));
  result->api->put_str(result, text("refused"),
                       text(try_paths(host, *files, dir, config_text(host, 1))));
  return TB_OK;
}

tb_status query(void*, tb_view* view, std::uint32_t method, const tb_value* params, std::uint32_t,
                tb_out* result, tb_out*) {
  if (method == 7) misbehave("crash");
  if (method == kForgeView) forge(view, copy(params[0].str));
  result->api->put_str(result, text("sum"), text(read(view, "sum")));
  return TB_OK;
}

#if WILD_SM == 1
constexpr decltype(tb_machine::migrate_step) kMigrateStep = nullptr;
#else
tb_status migrate_step(tb_ctx* ctx, std::uint32_t, tb_str, std::uint32_t, const tb_sink*) {
  misbehave(read(&ctx->view, "hook"));
  return ctx->api->put(ctx, text("moved"), text("x"));
}
constexpr auto kMigrateStep = migrate_step;
#endif

constexpr tb_machine kMachine = {sizeof(tb_machine),
                                 WILD_SM,
                                 WILD_SM,
                                 WILD_SM,
                                 nullptr,
                                 apply,
                                 begin,
                                 nullptr,
                                 nullptr,
                                 nullptr,
                                 nullptr,
                                 nullptr,
                                 nullptr,
                                 kMigrateStep};
constexpr tb_face kFace = {sizeof(tb_face), 0,       create,  destroy, query,   local,
                           nullptr,         nullptr, nullptr, nullptr, nullptr, nullptr};
const tb_plugin kPlugin = {
    sizeof(tb_plugin), TB_ABI_MAJOR, TB_ABI_MINOR, 0, {kManifest, sizeof kManifest - 1},
    &kMachine,         &kFace,       nullptr};

}  // namespace

extern "C" TB_EXPORT const tb_plugin* tb_plugin_entry(const tb_host_info*) { return &kPlugin; }
