// The example libraries, opened as a node opens them and called over the ABI.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include "fakes.hpp"

namespace {

class Opened {
 public:
  explicit Opened(const std::string& name)
      : library_(dlopen((std::string(TB_PLUGIN_DIR) + "/" + name).c_str(), RTLD_NOW | RTLD_LOCAL)) {
    if (library_ == nullptr) throw std::runtime_error(dlerror());
    tb_host_info host{};
    host.size = sizeof(host);
    host.abi_major = TB_ABI_MAJOR;
    const auto entry = reinterpret_cast<tb_plugin_entry_fn>(dlsym(library_, "tb_plugin_entry"));
    plugin_ = entry == nullptr ? nullptr : entry(&host);
  }
  ~Opened() { dlclose(library_); }
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;
  const tb_plugin* operator->() const { return plugin_; }

 private:
  void* library_;
  const tb_plugin* plugin_ = nullptr;
};

TEST(Greeter, greets_counts_and_stops_at_its_parameter) {
  const Opened greeter("greeter.so");
  fakes::Step step;
  step.params[0] = 2;
  const std::vector<tb_value> params = {fakes::text("Ada"), fakes::text("de")};
  const auto greet = [&] {
    fakes::TextOut result;
    const tb_status status = greeter->machine->apply(step.ctx(), 0, params.data(), 2, result.out());
    return std::to_string(status) + " " + result.text();
  };
  EXPECT_EQ(greet(), "0 name:'Ada',count:1");
  EXPECT_EQ(greet(), "0 name:'Ada',count:2");
  EXPECT_EQ(greet(), "-1 ");
  EXPECT_EQ(
      step.failure,
      "-40001 TooManyGreetings all 2 greetings are used up; raise greeter_max_greetings {limit:2}");
  EXPECT_EQ(step.events,
            (std::vector<std::string>{"0 count:1,name:'Ada'", "0 count:2,name:'Ada'"}));
  EXPECT_EQ(step.metrics, (std::vector<std::string>{"0 de = 1", "0 de = 1"}));
}

TEST(Greeter, lists_whom_it_greeted) {
  const Opened greeter("greeter.so");
  fakes::Step step;
  step.params[0] = 10;
  for (const char* name : {"Ada", "Grace"}) {
    const std::vector<tb_value> params = {fakes::text(name), fakes::text("en")};
    fakes::TextOut result;
    ASSERT_EQ(greeter->machine->apply(step.ctx(), 0, params.data(), 2, result.out()), TB_OK);
  }
  void* face = nullptr;
  ASSERT_EQ(greeter->face->create(nullptr, &face), TB_OK);
  const auto list = [&](tb_value name) {
    const std::vector<tb_value> params = {name, fakes::number(50)};
    fakes::TextOut result, error;
    EXPECT_EQ(greeter->face->query(face, step.read_only(), 1, params.data(), 2, result.out(),
                                   error.out()),
              TB_OK);
    return result.text();
  };
  EXPECT_EQ(list(tb_value{}),
            "greetings:[{name:'Ada',count:1,last_height:7},{name:'Grace',count:1,last_height:7}]");
  EXPECT_EQ(list(fakes::text("Grace")), "greetings:[{name:'Grace',count:1,last_height:7}]");
  EXPECT_EQ(list(fakes::text("Nobody")), "greetings:[]");
  greeter->face->destroy(face);
}

TEST(Counter, adds_and_refuses_an_overflow) {
  const Opened counter("counter.so");
  fakes::Step step;
  const auto add = [&](std::uint64_t amount) {
    const tb_value params = fakes::number(amount);
    fakes::TextOut result;
    const tb_status status = counter->machine->apply(step.ctx(), 0, &params, 1, result.out());
    return std::to_string(status) + " " + result.text();
  };
  EXPECT_EQ(add(5), "0 value:5");
  EXPECT_EQ(add(258), "0 value:263");
  EXPECT_EQ(step.metrics, (std::vector<std::string>{"0 = 5", "0 = 263"}));
  EXPECT_EQ(add(UINT64_MAX), "-1 ");
  EXPECT_EQ(step.failure, "-40101 CounterOverflow the sum does not fit 64 bits {}");
  fakes::TextOut result, error;
  EXPECT_EQ(
      counter->face->query(nullptr, step.read_only(), 1, nullptr, 0, result.out(), error.out()),
      TB_OK);
  EXPECT_EQ(result.text(), "value:263");
}

}  // namespace
