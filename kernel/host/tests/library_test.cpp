// Loading: a good library, every bad one, and what a reload leaves behind.
#include <algorithm>
#include <fstream>

#include "kernel/base/hex.hpp"
#include "kernel/host/tests/loader_fixture.hpp"

namespace blockd {
namespace {

std::size_t mappings() {
  std::ifstream maps("/proc/self/maps");
  std::size_t n = 0;
  for (std::string line; std::getline(maps, line);)
    n += line.find(".so") != std::string::npos ? 1 : 0;
  return n;
}

std::size_t resident_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return std::stoul(line.substr(6));
  }
  return 0;
}

TEST_F(LoaderTest, a_good_library_is_loaded_and_described) {
  std::vector<std::string> steps;
  Result<std::shared_ptr<Library>> loaded = Library::load(
      rules_, built("good"),
      [&](std::string_view line) { steps.emplace_back(line.substr(0, line.find(':'))); });
  ASSERT_TRUE(loaded.ok()) << loaded.status().to_string();
  const Library& library = **loaded;
  EXPECT_EQ(library.manifest()->id, "good");
  EXPECT_EQ(library.manifest()->version, "1.0.0");
  EXPECT_NE(library.plugin().machine, nullptr);
  EXPECT_NE(library.plugin().face, nullptr);
  EXPECT_EQ(library.file().path, built("good"));
  EXPECT_EQ(library.file().bytes, bytes_of("good").size());
  EXPECT_EQ(library.file().signature, SignatureState::kUnchecked);
  EXPECT_TRUE(file_exists(library.stored_as()));
  EXPECT_EQ(steps, (std::vector<std::string>{"read", "elf", "probe", "signature", "loaded"}));
}

TEST_F(LoaderTest, check_stops_at_the_probe_and_leaves_nothing) {
  auto checked = Library::check(rules_, built("good"), nullptr);
  ASSERT_TRUE(checked.ok()) << checked.status().to_string();
  EXPECT_EQ(checked->second->id, "good");
  EXPECT_EQ(stored_files(), 0u);
}

TEST_F(LoaderTest, a_file_in_the_store_ends_with_its_image_unless_it_is_kept) {
  std::shared_ptr<Library> kept = load(built("good")), gone = load(built("good"));
  EXPECT_NE(kept->stored_as(), gone->stored_as());
  EXPECT_EQ(stored_files(), 2u);
  kept->keep_stored();
  const std::string name = kept->stored_as();
  kept.reset();
  gone.reset();
  EXPECT_EQ(stored_files(), 1u);
  EXPECT_TRUE(file_exists(name));
}

struct Wrong {
  const char* library;
  const char* words;  // of the refusal
};
std::ostream& operator<<(std::ostream& out, const Wrong& wrong) { return out << wrong.library; }
class BadLibrary : public LoaderTest, public testing::WithParamInterface<Wrong> {};

TEST_P(BadLibrary, is_refused_with_the_reason_and_leaves_nothing) {
  const std::string why = refusal(built(GetParam().library));
  EXPECT_NE(why.find(GetParam().words), std::string::npos) << why;
  EXPECT_NE(why.find(built(GetParam().library)), std::string::npos) << why;
  EXPECT_EQ(stored_files(), 0u);
  EXPECT_TRUE(leaked_images().empty());
}

INSTANTIATE_TEST_SUITE_P(
    Each, BadLibrary,
    testing::Values(Wrong{"bad-crash", "crashed while loading (signal 11"},
                    Wrong{"bad-exit", "ended its process while loading (exit code 0)"},
                    Wrong{"bad-close", "crashed while loading"},
                    Wrong{"bad-throws", "tb_plugin_entry threw: out of spirits"},
                    Wrong{"bad-null", "returned null"},
                    Wrong{"bad-abi", "it was built for ABI 2.0, this node offers 1.0"},
                    Wrong{"bad-size", "lies about its size (1073741824 bytes)"},
                    Wrong{"bad-face_size", "its face table lies about its size (16 bytes)"},
                    Wrong{"bad-tables", "neither a machine nor a face"},
                    Wrong{"bad-empty", "its manifest is empty"}, Wrong{"bad-manifest", "colour"},
                    Wrong{"bad-null_entry",
                          "declares method bad.local, but the table has no local"},
                    Wrong{"bad-thread_local", "thread_local with a destructor"},
                    Wrong{"bad-export", "it exports tb_surplus"},
                    Wrong{"bad-unique", "unique symbol"},
                    Wrong{"bad-execstack", "executable stack"}, Wrong{"bad-runpath", "run path"},
                    Wrong{"bad-nodelete", "stay mapped for ever"}),
    [](const testing::TestParamInfo<Wrong>& wrong) {
      std::string name = wrong.param.library;
      std::replace(name.begin(), name.end(), '-', '_');
      return name;
    });

TEST_F(LoaderTest, a_hanging_constructor_costs_a_child_only) {
  rules_.probe_timeout_ms = 200;
  const std::string why = refusal(built("bad-hang"));
  EXPECT_NE(why.find("did not return within 200 ms"), std::string::npos) << why;
  EXPECT_EQ(stored_files(), 0u);
}

TEST_F(LoaderTest, what_is_no_library_is_refused) {
  EXPECT_NE(refusal((dir_ / "absent.so").string()).find("not_found"), std::string::npos);
  EXPECT_NE(refusal(file_of("empty.so", "")).find("shorter than an ELF header"), std::string::npos);
  EXPECT_NE(refusal(file_of("text.so", Bytes(4096, 'x'))).find("no ELF file"), std::string::npos);
  EXPECT_NE(refusal(TB_TEST_PROBE).find("a program, not a library"), std::string::npos);
  rules_.probe_program = dir_ / "nobody";
  EXPECT_NE(refusal(built("good")).find("unavailable"), std::string::npos);
}

TEST_F(LoaderTest, truncated_copies_are_refused) {
  const Bytes whole = bytes_of("good");
  for (std::size_t percent = 1; percent < 100; percent += 7) {
    const std::string path =
        file_of("cut.so", BytesView(whole).substr(0, whole.size() * percent / 100));
    EXPECT_NE(refusal(path).find("is it truncated?"), std::string::npos)
        << percent << " percent: " << refusal(path);
  }
}

TEST_F(LoaderTest, who_admits_libraries_has_the_last_word) {
  rules_.admit = [](std::string_view id, const Hash& file) {
    return Status(Code::kDenied, std::string(id) + " " + to_hex(file).substr(0, 4) + " is barred");
  };
  EXPECT_NE(refusal(built("good")).find(" is barred"), std::string::npos);
  rules_.admit = [](std::string_view id, const Hash&) {
    return id == "good" ? Status() : Status(Code::kDenied, "barred");
  };
  EXPECT_EQ(refusal(built("good")), "");
}

TEST_F(LoaderTest, a_version_below_the_least_is_refused_unless_signatures_are_off) {
  rules_.min_version = {{"good", "1.0.10"}, {"other", "9"}};
  EXPECT_EQ(refusal(built("good")), "");
  rules_.policy = SignaturePolicy::kWarn;
  EXPECT_NE(
      refusal(built("good")).find("version 1.0.0 is below plugins.min_version 1.0.10 of good"),
      std::string::npos);
  EXPECT_EQ(refusal(built("good-sm2")), "");
}

TEST_F(LoaderTest, two_hundred_reloads_give_everything_back) {
  for (int i = 0; i < 10; ++i) load(built("good"));  // what is allocated once
  const std::size_t mapped = mappings(), resident = resident_kib();
  for (int i = 0; i < 200; ++i) {
    std::shared_ptr<Library> library = load(built(i % 2 ? "good" : "good-build2"));
    ASSERT_NE(library, nullptr);
    ASSERT_EQ(library->manifest()->version, i % 2 ? "1.0.0" : "1.0.1");
  }
  EXPECT_EQ(mappings(), mapped);
  // A sanitizer keeps what was freed, to see who still uses it.
  if constexpr (!kSanitized) {
    EXPECT_LT(resident_kib(), resident + 2048);
  }
  EXPECT_TRUE(leaked_images().empty());
  EXPECT_EQ(stored_files(), 0u);
}

}  // namespace
}  // namespace blockd
