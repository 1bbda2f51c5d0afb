// Libraries that a node must refuse, one per macro. What is wrong with some of them is how they are
// linked (see CMakeLists.txt).
#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <string>

#include "tb/plugin.h"

namespace {

constexpr char kManifest[] =
#if defined(BAD_MANIFEST)
    R"({"id":"bad","version":"1.0.0","summary":"x","colour":"red"})";
#elif defined(BAD_DEPENDENCY)
    R"({"id":"bad","version":"1.0.0","summary":"Needs what nobody has.","requires":[{"name":"absent/1","functions":["f"]}]})";
#elif defined(BAD_CLASH)
    R"({"id":"bad","version":"1.0.0","summary":"Takes a name.","method_prefixes":["good."],)"
    R"("methods":[{"name":"good.get","kind":"query","role":"read","summary":"Mine"}]})";
#elif defined(BAD_NULL_ENTRY)
    R"({"id":"bad","version":"1.0.0","summary":"Promises.","methods":[{"name":"bad.local","kind":"local","role":"read","summary":"None"}]})";
#elif defined(BAD_CREATE)
    R"({"id":"bad","version":"1.0.0","summary":"Has a face that cannot be made."})";
#else
    R"({"id":"bad","version":"1.0.0","summary":"A bad one."})";
#endif

#if defined(BAD_CRASH)
[[gnu::constructor]] void crash() { std::raise(SIGSEGV); }
#elif defined(BAD_EXIT)
[[gnu::constructor]] void leave() { std::_Exit(0); }
#elif defined(BAD_HANG)
[[gnu::constructor]] void hang() {
  for (volatile int i = 0; i == 0;) continue;
}
#elif defined(BAD_CLOSE)
[[gnu::destructor]] void crash_at_the_end() { std::raise(SIGSEGV); }
#elif defined(BAD_THREAD_LOCAL)
struct Noisy {
  ~Noisy() { static_cast<void>(text.size()); }
  std::string text;
};
thread_local Noisy noisy;
#endif

tb_status create(tb_host*, void**) {
#if defined(BAD_CREATE)
  throw std::runtime_error("no room for a face");
#else
  return TB_OK;
#endif
}

tb_status query(void*, tb_view*, uint32_t, const tb_value*, uint32_t, tb_out*, tb_out*) {
  return TB_OK;
}

constexpr tb_face kFace = {
#if defined(BAD_FACE_SIZE)
    16,
#else
    sizeof(tb_face),
#endif
    0,  create, nullptr, query, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr};

const tb_plugin kPlugin = {
#if defined(BAD_SIZE)
    1u << 30,
#else
    sizeof(tb_plugin),
#endif
#if defined(BAD_ABI)
    TB_ABI_MAJOR + 1,
#else
    TB_ABI_MAJOR,
#endif
    TB_ABI_MINOR,     0,
#if defined(BAD_EMPTY)
    {nullptr, 12},
#else
    {kManifest, sizeof kManifest - 1},
#endif
    nullptr,
#if defined(BAD_TABLES)
    nullptr,
#else
    &kFace,
#endif
    nullptr};

}  // namespace

#if defined(BAD_EXPORT)
extern "C" TB_EXPORT int tb_surplus() { return 1; }
#endif
#if defined(BAD_UNIQUE)
template <class T>
struct Shared {
  static inline T value{};
};
#endif

extern "C" TB_EXPORT const tb_plugin* tb_plugin_entry(const tb_host_info*) {
#if defined(BAD_THROWS)
  throw std::runtime_error("out of spirits");
#elif defined(BAD_NULL)
  return nullptr;
#elif defined(BAD_THREAD_LOCAL)
  noisy.text += "x";
  return &kPlugin;
#elif defined(BAD_UNIQUE)
  return ++Shared<int>::value > 0 ? &kPlugin : nullptr;
#else
  return &kPlugin;
#endif
}
