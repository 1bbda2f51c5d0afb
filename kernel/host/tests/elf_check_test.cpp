// check_elf reads files of strangers: whatever the bytes are, it answers and touches nothing
// outside of them.
#include <elf.h>

#include <cstring>
#include <random>

#include "kernel/host/tests/loader_fixture.hpp"

namespace blockd {
namespace {

class ElfCheck : public LoaderTest {
 protected:
  // Checks a copy that ends where its memory ends, so that a sanitizer sees every step beyond.
  static bool accepts(const Bytes& image) {
    const std::unique_ptr<char[]> exact(new char[image.size()]);
    if (!image.empty()) std::memcpy(exact.get(), image.data(), image.size());
    return check_elf(BytesView(exact.get(), image.size())).ok();
  }
  template <class T>
  static T at(const Bytes& image, std::size_t offset) {
    T out{};
    std::memcpy(&out, image.data() + offset, sizeof out);
    return out;
  }
  template <class T>
  static void put(Bytes& image, std::size_t offset, const T& value) {
    std::memcpy(image.data() + offset, &value, sizeof value);
  }
  // Calls `change` on each program header of `type` in a copy of the good library, and returns the
  // refusal.
  std::string with_segment(std::uint32_t type, const std::function<void(Elf64_Phdr&)>& change) {
    Bytes image = bytes_of("good");
    const auto header = at<Elf64_Ehdr>(image, 0);
    for (unsigned i = 0; i < header.e_phnum; ++i) {
      const std::size_t offset = header.e_phoff + i * sizeof(Elf64_Phdr);
      auto segment = at<Elf64_Phdr>(image, offset);
      if (segment.p_type != type) continue;
      change(segment);
      put(image, offset, segment);
    }
    return check_elf(image).message();
  }
};

TEST_F(ElfCheck, accepts_the_good_library) { EXPECT_TRUE(accepts(bytes_of("good"))); }

TEST_F(ElfCheck, refuses_headers_that_lie) {
  auto has = [](const std::string& text, const char* words) {
    return text.find(words) != std::string::npos;
  };
  EXPECT_TRUE(
      has(with_segment(PT_LOAD, [](auto& s) { s.p_filesz = 1ull << 40; }), "outside the file"));
  EXPECT_TRUE(
      has(with_segment(PT_LOAD, [](auto& s) { s.p_offset = ~0ull - 5; }), "outside the file"));
  EXPECT_TRUE(has(with_segment(PT_LOAD, [](auto& s) { s.p_memsz = 0; }), "lies about its size"));
  EXPECT_TRUE(has(with_segment(PT_LOAD, [](auto& s) { s.p_vaddr = 0; }), "overlap"));
  EXPECT_TRUE(has(with_segment(PT_LOAD, [](auto& s) { s.p_align = 3; }), "alignment"));
  EXPECT_TRUE(has(with_segment(PT_LOAD, [](auto& s) { s.p_flags = PF_R | PF_W | PF_X; }),
                  "writable and executable"));
  EXPECT_TRUE(
      has(with_segment(PT_GNU_STACK, [](auto& s) { s.p_type = PT_NULL; }), "no stack marking"));
  EXPECT_TRUE(has(with_segment(PT_DYNAMIC, [](auto& s) { s.p_vaddr += 16; }),
                  "not where its address says"));
  EXPECT_TRUE(has(with_segment(PT_DYNAMIC, [](auto& s) { s.p_filesz = 0; }), "no end"));
  EXPECT_TRUE(
      has(with_segment(PT_DYNAMIC, [](auto& s) { s.p_type = PT_NULL; }), "no dynamic section"));
}

TEST_F(ElfCheck, refuses_another_kind_of_file) {
  auto with = [&](const std::function<void(Elf64_Ehdr&)>& change) {
    Bytes image = bytes_of("good");
    auto header = at<Elf64_Ehdr>(image, 0);
    change(header);
    put(image, 0, header);
    return check_elf(image).message();
  };
  EXPECT_NE(with([](auto& h) { h.e_machine = EM_RISCV; }).find("another processor"),
            std::string::npos);
  EXPECT_NE(with([](auto& h) { h.e_ident[EI_CLASS] = ELFCLASS32; }).find("not 64-bit"),
            std::string::npos);
  EXPECT_NE(with([](auto& h) { h.e_type = ET_REL; }).find("not a shared library"),
            std::string::npos);
  EXPECT_NE(with([](auto& h) { h.e_phnum = 0; }).find("program header table"), std::string::npos);
  EXPECT_NE(with([](auto& h) { h.e_phoff = ~0ull - 64; }).find("outside the file"),
            std::string::npos);
}

TEST_F(ElfCheck, a_table_outside_the_file_is_refused) {
  const Bytes good = bytes_of("good");
  const auto header = at<Elf64_Ehdr>(good, 0);
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    const auto segment = at<Elf64_Phdr>(good, header.e_phoff + i * sizeof(Elf64_Phdr));
    if (segment.p_type != PT_DYNAMIC) continue;
    for (std::size_t n = 0; n * sizeof(Elf64_Dyn) < segment.p_filesz; ++n) {
      const std::size_t offset = segment.p_offset + n * sizeof(Elf64_Dyn);
      auto entry = at<Elf64_Dyn>(good, offset);
      const bool table = entry.d_tag == DT_STRTAB || entry.d_tag == DT_SYMTAB ||
                         entry.d_tag == DT_GNU_HASH || entry.d_tag == DT_STRSZ;
      if (!table) continue;
      entry.d_un.d_val = 1ull << 39;
      Bytes image = good;
      put(image, offset, entry);
      EXPECT_FALSE(accepts(image)) << "tag " << entry.d_tag;
    }
  }
}

TEST_F(ElfCheck, survives_every_truncation_of_its_first_pages) {
  const Bytes good = bytes_of("good");
  for (std::size_t n = 0; n < std::min<std::size_t>(good.size(), 6000); n += 13)
    EXPECT_FALSE(accepts(good.substr(0, n)));
}

// The seed is fixed: a failure can be repeated.
TEST_F(ElfCheck, survives_random_damage) {
  const Bytes good = bytes_of("good");
  std::mt19937_64 random(20240611);
  std::size_t refused = 0;
  for (int round = 0; round < 20'000; ++round) {
    Bytes image = good;
    // Most of the damage goes where the tables are.
    const std::size_t range =
        round % 4 == 0 ? image.size() : std::min<std::size_t>(image.size(), 4096);
    for (std::uint64_t flips = 1 + random() % 4; flips > 0; --flips) {
      const std::size_t i = random() % range;
      image[i] = round % 2 ? static_cast<char>(random())
                           : static_cast<char>(image[i] ^ (1 << (random() % 8)));
    }
    if (round % 16 == 0) image.resize(random() % image.size());
    refused += accepts(image) ? 0 : 1;
  }
  EXPECT_GT(refused, 1000u);
}

}  // namespace
}  // namespace blockd
