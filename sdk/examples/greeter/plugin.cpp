// greeter: the smallest whole plugin in C++. Read describe() at the end first: it is the table of
// contents.
#include "state.hpp"

namespace greeter {
namespace {

inline constexpr tb::Error kTooMany{-40001, "TooManyGreetings"};
inline constexpr tb::Param kMaxGreetings{0};
inline constexpr tb::Counter kGreetings{0};
inline constexpr tb::Config<std::string> kMirror{0};

struct Greeted {
  std::string_view name;
  std::uint64_t count = 0;
};
BOOST_DESCRIBE_STRUCT(Greeted, (), (name, count))
inline constexpr tb::Event<Greeted> kGreeted{0};

struct GreetParams {
  std::string_view name;
  std::string_view language;
};
BOOST_DESCRIBE_STRUCT(GreetParams, (), (name, language))

// [machine]
tb::Status greet(tb::Ctx& ctx, const GreetParams& in, tb::Out& out) {
  Greeting total = ctx.load<Greeting>(kTotalKey).value_or(Greeting{});
  const std::uint64_t limit = ctx.param(kMaxGreetings);
  if (total.count >= limit) {
    return ctx.fail(kTooMany,
                    tb::cat("all ", limit, " greetings are used up; raise greeter_max_greetings"),
                    [&](tb::Out& data) { data.put("limit", limit); });
  }
  const tb::Key key = name_key(in.name);
  Greeting row = ctx.load<Greeting>(key).value_or(Greeting{});
  row.count += 1;  // cannot wrap: it is at most the total
  total.count += 1;
  row.last_height = total.last_height = ctx.height();
  ctx.store(key, row);
  ctx.store(kTotalKey, total);
  ctx.emit(kGreeted, {in.name, row.count});
  ctx.add(kGreetings, 1, {in.language});
  out.put("name", in.name);
  out.put("count", row.count);
  return tb::ok();
}

struct GreetingsParams {
  std::optional<std::string_view> name;
  std::uint32_t page_size = 50;
};
BOOST_DESCRIBE_STRUCT(GreetingsParams, (), (name, page_size))

void put_row(tb::Out& list, std::string_view name, const Greeting& row) {
  list.record({}, [&](tb::Out& out) {
    out.put("name", name);
    out.write(row);
  });
}

// [worker]
tb::Status greetings(tb::View& view, const GreetingsParams& in, tb::Out& out) {
  out.list("greetings", [&](tb::Out& list) {
    if (in.name) {
      if (const auto row = view.load<Greeting>(name_key(*in.name))) put_row(list, *in.name, *row);
      return;
    }
    view.scan(kNamePrefix, {}, in.page_size, [&](std::string_view key, std::string_view value) {
      put_row(list, key.substr(kNamePrefix.size()), tb::row_as<Greeting>(value));
    });
  });
  return tb::ok();
}

void describe(tb::Plugin& p) {
  p.id("greeter").version("1.0.0").sm(1).schema(1).summary(
      "Greets people and counts the greetings.");

  p.command("greeter.greet", &greet)
      .role("operator")
      .summary("Greet someone")
      .error(kTooMany, "the limit of greeter_max_greetings is reached")
      .field("name")
      .min(1)
      .max(64)
      .help("who is greeted")
      .field("language")
      .default_value("en")
      .choices({"en", "de", "fr"})
      .help("label of the metric")
      .cli("greeter greet")
      .positional("name")
      .example("contract-cli greeter greet Ada", "greets Ada and prints how often that was");
  p.query("greeter.greetings", &greetings)
      .role("read")
      .summary("Who was greeted, and how often")
      .field("name")
      .max(64)
      .help("only this name")
      .field("page_size")
      .defaulted()
      .min(1)
      .max(1000)
      .cli("greeter list")
      .flag("page_size", "--limit")
      .list("greetings")
      .columns({"name", "count", "last_height"})
      .id_field("name");

  p.event(kGreeted, "greeter.greeted")
      .help("Someone was greeted.")
      .field("count")
      .help("greetings of this name so far");
  p.counter(kGreetings, "greeter_greetings_total")
      .help("Greetings")
      .labels({"language"})
      .preset({"en"});
  p.panel("Greeter", "Greetings a second", "rate(greeter_greetings_total[5m])");
  p.alert("GreeterBusy")
      .expr("rate(greeter_greetings_total[5m]) > 100")
      .for_duration("5m")
      .severity("info")
      .summary("more than 100 greetings a second");
  p.config(kMirror, "mirror_dir", "${data}/greeter")
      .mirror()
      .help("copy of all rows, from which an empty greeter begins");
  p.param(kMaxGreetings, "greeter_max_greetings", 1000, 1, 1'000'000)
      .unit("greetings")
      .help("greetings that may be stored in all");
}

}  // namespace
}  // namespace greeter

TB_PLUGIN(greeter::describe)
