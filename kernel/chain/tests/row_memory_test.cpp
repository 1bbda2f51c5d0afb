// Memory for rows: what is held stays as it was written, and what is given back is used again.
#include "kernel/chain/row_memory.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace blockd {
namespace {

struct Held {
  RowMemory::Place place;
  std::size_t size;
  char mark;
};

bool is_whole(const RowMemory& memory, const Held& held) {
  const char* at = memory.at(held.place);
  return std::all_of(at, at + held.size, [&](char c) { return c == held.mark; });
}

TEST(RowMemory, rows_of_every_size_keep_what_was_written) {
  RowMemory memory;
  std::mt19937_64 random(5);
  std::vector<Held> rows;
  for (int i = 0; i < 20'000; ++i) {
    if (random() % 3 != 0 || rows.empty()) {
      const std::size_t most = random() % 200 == 0 ? 100'000 : 1500;
      Held held{0, 1 + random() % most, static_cast<char>('a' + random() % 26)};
      held.place = memory.take(held.size);
      ASSERT_NE(held.place, 0u);
      std::fill_n(memory.at(held.place), held.size, held.mark);
      rows.push_back(held);
    } else {
      std::swap(rows[random() % rows.size()], rows.back());
      ASSERT_TRUE(is_whole(memory, rows.back())) << rows.back().size;
      memory.give(rows.back().place, rows.back().size);
      rows.pop_back();
    }
  }
  for (const Held& held : rows) EXPECT_TRUE(is_whole(memory, held)) << held.size;
}

TEST(RowMemory, a_row_larger_than_a_chunk_has_one_of_its_own) {
  RowMemory memory;
  const std::size_t sizes[] = {kHugePage - 1, kHugePage, kHugePage + 1, 5 * kHugePage};
  std::vector<Held> rows;
  for (const std::size_t size : sizes) {
    rows.push_back({memory.take(size), size, static_cast<char>('a' + rows.size())});
    std::fill_n(memory.at(rows.back().place), size, rows.back().mark);
    rows.push_back({memory.take(40), 40, 'z'});
    std::fill_n(memory.at(rows.back().place), 40, 'z');
  }
  for (const Held& held : rows) EXPECT_TRUE(is_whole(memory, held)) << held.size;
}

TEST(RowMemory, what_was_given_back_is_used_again) {
  RowMemory memory;
  for (const std::size_t size : {std::size_t{1}, std::size_t{16}, std::size_t{1000},
                                 std::size_t{1025}, std::size_t{70'000}, 3 * kHugePage}) {
    const RowMemory::Place first = memory.take(size);
    const std::uint64_t held = memory.bytes();
    for (int i = 0; i < 1000; ++i) {
      memory.give(first, size);
      ASSERT_EQ(memory.take(size), first) << size;
    }
    EXPECT_EQ(memory.bytes(), held) << size;
  }
}

}  // namespace
}  // namespace blockd
