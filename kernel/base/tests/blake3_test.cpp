#include "kernel/base/blake3.hpp"

#include <gtest/gtest.h>

#include <array>

#include <vector>

#include "kernel/base/blake3_wide.hpp"
#include "kernel/base/hex.hpp"

namespace blockd {
namespace {

struct Vector {
  std::size_t size;
  const char* hash;
};

// Input byte i is i % 251, as in the official test vectors; hashes printed by b3sum.
constexpr Vector kVectors[] = {
    {0, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"},
    {1, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213"},
    {63, "e9bc37a594daad83be9470df7f7b3798297c3d834ce80ba85d6e207627b7db7b"},
    {64, "4eed7141ea4a5cd4b788606bd23f46e212af9cacebacdc7d1f4c6dc7f2511b98"},
    {65, "de1e5fa0be70df6d2be8fffd0e99ceaa8eb6e8c93a63f2d8d1c30ecb6b263dee"},
    {127, "d81293fda863f008c09e92fc382a81f5a0b4a1251cba1634016a0f86a6bd640d"},
    {128, "f17e570564b26578c33bb7f44643f539624b05df1a76c81f30acd548c44b45ef"},
    {129, "683aaae9f3c5ba37eaaf072aed0f9e30bac0865137bae68b1fde4ca2aebdcb12"},
    {1023, "10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11"},
    {1024, "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7"},
    {1025, "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444"},
    {2048, "e776b6028c7cd22a4d0ba182a8bf62205d2ef576467e838ed6f2529b85fba24a"},
    {2049, "5f4d72f40d7a5f82b15ca2b2e44b1de3c2ef86c426c95c1af0b6879522563030"},
    {3072, "b98cb0ff3623be03326b373de6b9095218513e64f1ee2edd2525c7ad1e5cffd2"},
    {4096, "015094013f57a5277b59d8475c0501042c0b642e531b0a1c8f58d2163229e969"},
    {5120, "9cadc15fed8b5d854562b26a9536d9707cadeda9b143978f319ab34230535833"},
    {6144, "3e2e5b74e048f3add6d21faab3f83aa44d3b2278afb83b80b3c35164ebeca205"},
    {8192, "aae792484c8efe4f19e2ca7d371d8c467ffb10748d8a5a1ae579948f718a2a63"},
    {8193, "bab6c09cb8ce8cf459261398d2e7aef35700bf488116ceb94a36d0f5f1b7bc3b"},
    {9216, "e5ef79624045ef3e98fd23342e61d7eb965997b32928f9de591cd0d465a223fb"},
    {16384, "f875d6646de28985646f34ee13be9a576fd515f76b5b0a26bb324735041ddde4"},
    {16385, "1dabe216be2578830263b049de1639f39f05a4da616b9b78c7a5e4e41662fd1f"},
    {31744, "62b6960e1a44bcc1eb1a611a8d6235b6b4b78f32e7abc4fb4c6cdcce94895c47"},
    {102400, "bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085"},
};

Bytes pattern(std::size_t size) {
  Bytes out(size, '\0');
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<char>(i % 251);
  return out;
}

TEST(Blake3, official_vectors_in_one_call) {
  for (const Vector& v : kVectors) EXPECT_EQ(to_hex(blake3(pattern(v.size))), v.hash) << v.size;
}

TEST(Blake3, hello) {
  EXPECT_EQ(to_hex(blake3("hello")),
            "ea8f163db38682925e4491c5e58d4bb3506ef8c14eb78a86e908c5624a67200f");
}

TEST(Blake3, same_hash_whatever_the_pieces) {
  for (const Vector& v : kVectors) {
    const Bytes input = pattern(v.size);
    for (std::size_t step :
         std::initializer_list<std::size_t>{1, 13, 64, 100, 1000, 1024, 1025, 8192, 9000}) {
      Blake3 hasher;
      for (std::size_t i = 0; i < input.size(); i += step)
        hasher.update(BytesView(input).substr(i, step));
      EXPECT_EQ(to_hex(hasher.finish()), v.hash) << v.size << " in steps of " << step;
    }
  }
}

TEST(Blake3, finish_leaves_the_hasher_usable) {
  const Bytes input = pattern(31744);
  Blake3 hasher;
  hasher.update(BytesView(input).substr(0, 5120));
  EXPECT_EQ(to_hex(hasher.finish()), to_hex(blake3(pattern(5120))));
  hasher.update(BytesView(input).substr(5120));
  EXPECT_EQ(to_hex(hasher.finish()), to_hex(blake3(input)));
}

TEST(Blake3, parts_hash_as_their_concatenation) {
  for (std::size_t size : std::initializer_list<std::size_t>{0, 10, 64, 1024, 1025, 5000}) {
    const Bytes input = pattern(size);
    const BytesView all(input);
    EXPECT_EQ(blake3({all.substr(0, size / 3), BytesView(), all.substr(size / 3)}), blake3(all));
  }
}

// Less than a chunk at a time never takes the wide path, many chunks do: both must give the same
// tree.
TEST(Blake3, wide_and_narrow_chunks_agree) {
  Bytes input(70000, '\0');
  std::uint32_t state = 1;
  for (char& c : input) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  for (std::size_t size = 7000; size < input.size(); size += 997) {
    BytesView data = BytesView(input).substr(0, size);
    Blake3 narrow;
    for (std::size_t i = 0; i < size; i += 700) narrow.update(data.substr(i, 700));
    EXPECT_EQ(narrow.finish(), blake3(data)) << size;
  }
}

// Pieces that begin in the middle of a chunk, of a group of chunks and of a subtree.
TEST(Blake3, subtrees_agree_wherever_pieces_begin) {
  const Bytes input = pattern(400'000);
  Blake3 narrow;
  for (std::size_t i = 0; i < input.size(); i += 1000)
    narrow.update(BytesView(input).substr(i, 1000));
  for (const std::size_t first : std::initializer_list<std::size_t>{
           1, 8, 1024, 5000, 16 * 1024, 65'536, 65'537, 100'000, 399'999}) {
    const BytesView all(input);
    const std::size_t middle = first + (all.size() - first) / 3;
    Blake3 pieces;
    pieces.update(all.substr(0, first)).update(all.substr(first, middle - first));
    EXPECT_EQ(pieces.update(all.substr(middle)).finish(), narrow.finish()) << first;
  }
  EXPECT_EQ(blake3(input), narrow.finish());
}

TEST(Blake3, many_inputs_hash_as_one_by_one) {
  const Bytes bytes = pattern(5000);
  std::vector<BytesView> inputs;
  for (std::size_t size : std::initializer_list<std::size_t>{0, 1, 63, 64, 65, 65, 128, 1023, 1024,
                                                             1025, 2048, 3, 700, 700, 640, 5})
    inputs.push_back(BytesView(bytes).substr(size % 7, size));
  for (std::size_t size = 0; size < 300; ++size)
    inputs.push_back(BytesView(bytes).substr(size, size * 5 % 1025));
  for (std::size_t n = 0; n <= inputs.size(); n += n < 20 ? 1 : 37) {
    std::vector<Hash> out(n + 1, kZeroHash);
    blake3_many(std::span(inputs).first(n), out.data());
    for (std::size_t i = 0; i < n; ++i)
      ASSERT_EQ(out[i], Blake3().update(inputs[i]).finish()) << i << " of " << n;
    EXPECT_EQ(out[n], kZeroHash);
  }
}

TEST(Blake3, many_inputs_behind_one_prefix_hash_as_joined) {
  const Bytes bytes = pattern(5000);
  for (std::size_t prefix = 0; prefix < 64; ++prefix) {
    const BytesView front = BytesView(bytes).substr(3, prefix);
    for (std::size_t size = 0; size < 1100; size += 1 + prefix % 5) {
      std::array<BytesView, 19> inputs;  // more than are hashed at once
      for (std::size_t i = 0; i < inputs.size(); ++i)
        inputs[i] = BytesView(bytes).substr(100 * i, (size + 61 * i) % 1100);
      std::array<Hash, 19> out;
      const std::size_t count = 1 + (size + prefix) % inputs.size();
      blake3_many(front, std::span(inputs).first(count), out.data());
      for (std::size_t i = 0; i < count; ++i)
        ASSERT_EQ(out[i], Blake3().update(front).update(inputs[i]).finish())
            << prefix << " " << size;
    }
  }
}

TEST(Blake3, every_lane_hashes_its_own_input) {
  const Bytes bytes = pattern(2048);
  for (std::size_t count = 1; count <= internal::kMaxShortInputs; ++count) {
    std::vector<BytesView> inputs;
    for (std::size_t i = 0; i < count; ++i)
      inputs.push_back(BytesView(bytes).substr(i, 1 + (i * 977) % 1000));
    std::vector<Hash> out(count);
    if (!internal::hash_short_inputs("p", inputs, out.data())) continue;  // without AVX2
    for (std::size_t i = 0; i < count; ++i)
      EXPECT_EQ(out[i], Blake3().update("p").update(inputs[i]).finish()) << count << " " << i;
  }
}

TEST(Blake3, short_inputs_of_one_group_do_not_touch_each_other) {
  const Bytes bytes = pattern(1024);
  const std::vector<BytesView> inputs = {BytesView(bytes), {}, BytesView(bytes).substr(0, 64)};
  std::vector<Hash> out(3);
  const bool wide = internal::hash_short_inputs({}, inputs, out.data());  // false without AVX2
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(out[i], wide ? blake3(inputs[i]) : Hash());
  const std::vector<BytesView> more(internal::kMaxShortInputs + 1);
  EXPECT_FALSE(internal::hash_short_inputs({}, more, out.data()));
}

}  // namespace
}  // namespace blockd
