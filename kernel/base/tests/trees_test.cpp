#include <gtest/gtest.h>

#include <algorithm>
#include <deque>

#include <sstream>

#include "kernel/base/blake3.hpp"
#include "kernel/base/file.hpp"
#include "kernel/base/hex.hpp"
#include "kernel/base/merkle.hpp"
#include "kernel/base/mmr.hpp"
#include "kernel/base/mmr_vectors.hpp"

namespace blockd {
namespace {

std::vector<Hash> some_leaves(std::size_t n) {
  std::vector<Hash> out;
  for (std::size_t i = 0; i < n; ++i) out.push_back(blake3("leaf" + std::to_string(i)));
  return out;
}

// The definition, level by level.
Hash plain_root(std::vector<Hash> level) {
  if (level.empty()) return kZeroHash;
  while (level.size() > 1) {
    std::vector<Hash> above;
    for (std::size_t i = 0; i + 1 < level.size(); i += 2)
      above.push_back(merkle_node(level[i], level[i + 1]));
    if (level.size() % 2 == 1) above.push_back(level.back());
    level = above;
  }
  return level[0];
}

std::string write_op(bool put, std::string_view key, std::string_view value) {
  Bytes out;
  put_u8(out, put ? 1 : 0);
  put_u32(out, static_cast<std::uint32_t>(key.size()));
  return out.append(key).append(value);
}

// Expected texts: moloch spec 6.16.
TEST(MerkleBatch, has_the_root_of_the_builder) {
  MerkleBatch batch;
  for (std::size_t n = 0; n < 70; ++n) {
    MerkleBuilder builder;
    std::deque<Bytes> kept;
    for (std::size_t i = 0; i < n; ++i) {
      const Bytes& data = kept.emplace_back(i * 37 % 1500, static_cast<char>(i));
      builder.add(data);
      if (i % 3 == 0) {
        batch.add_borrowed(data);
      } else if (i % 3 == 1) {
        batch.add({BytesView(data).substr(0, i), BytesView(),
                   BytesView(data).substr(std::min(i, data.size()))});
      } else if (i % 11 == 3) {
        batch.add_leaf(i % 2 == 0 ? kZeroHash : merkle_leaf(data));
        if (i % 2 == 0) batch.set_leaf(i, merkle_leaf(data));
      } else {
        batch.add(data);
      }
    }
    ASSERT_EQ(batch.count(), n);
    ASSERT_EQ(batch.root(), builder.root()) << n;
    ASSERT_EQ(batch.count(), 0u);
  }
  EXPECT_EQ(batch.root(), kZeroHash);
}

TEST(MerkleStream, has_the_root_of_the_builder) {
  MerkleStream stream;
  for (const std::size_t n : {0u, 1u, 5u, 1023u, 1024u, 1025u, 2048u, 3000u, 5 * 1024u}) {
    MerkleBuilder builder;
    for (std::size_t i = 0; i < n; ++i) {
      const Bytes data = std::to_string(i);
      builder.add(data);
      stream.add(data);
    }
    ASSERT_EQ(stream.root(), builder.root()) << n;
  }
}

TEST(Merkle, examples_of_the_spec) {
  MerkleBuilder tree;
  EXPECT_EQ(tree.root(), kZeroHash);
  for (const char* text : {"a", "b", "c"}) tree.add(text);
  EXPECT_EQ(to_hex(tree.root()),
            "6c62dd52a0971b7d00a7cead004e0c3f3c0766e3f5359a0f8297768d2b02d03c");

  MerkleBuilder writes;
  writes.add(write_op(true, "a", "1"));
  writes.add(write_op(false, "b", ""));
  EXPECT_EQ(to_hex(writes.root()),
            "d13659b041bc79a790ef301211c81744d447315637becc06329018c2f77e4c7b");
  MerkleBuilder spaces;
  spaces.add("\6ledger" + Bytes(view(writes.root())));
  EXPECT_TRUE(to_hex(spaces.root()).starts_with("ebf9ddc1"));
}

TEST(Merkle, builder_agrees_with_the_definition) {
  for (std::size_t n = 0; n <= 70; ++n)
    EXPECT_EQ(merkle_root(some_leaves(n)), plain_root(some_leaves(n))) << n;
}

TEST(Merkle, every_path_verifies_and_no_forged_one) {
  for (std::size_t n = 1; n <= 33; ++n) {
    const std::vector<Hash> leaves = some_leaves(n);
    const Hash root = merkle_root(leaves);
    for (std::size_t i = 0; i < n; ++i) {
      std::vector<Hash> path = merkle_path(leaves, i);
      EXPECT_TRUE(verify_merkle_path(leaves[i], i, n, path, root));
      EXPECT_FALSE(verify_merkle_path(blake3("x"), i, n, path, root));
      EXPECT_FALSE(verify_merkle_path(leaves[i], n, n, path, root));
      EXPECT_EQ(verify_merkle_path(leaves[i], (i + 1) % n, n, path, root), n == 1);
      path.push_back(kZeroHash);
      EXPECT_FALSE(verify_merkle_path(leaves[i], i, n, path, root));
      path.pop_back();
      for (Hash& sibling : path) {
        sibling[0] ^= 1;
        EXPECT_FALSE(verify_merkle_path(leaves[i], i, n, path, root));
        sibling[0] ^= 1;
      }
      if (!path.empty()) {
        path.pop_back();
        EXPECT_FALSE(verify_merkle_path(leaves[i], i, n, path, root));
      }
    }
  }
}

TEST(Mmr, golden_vectors) {
  std::size_t cases = 0;
  for (const char* file : {"roots", "inclusion", "consistency"}) {
    Result<Bytes> text =
        read_file(std::string(TB_SOURCE_DIR "/tests/vectors/mmr/") + file + ".jsonl");
    ASSERT_TRUE(text.ok()) << text.status().to_string();
    std::istringstream lines(*text);
    for (std::string line; std::getline(lines, line); ++cases) {
      Result<json::value> one = parse_json(line);
      ASSERT_TRUE(one.ok()) << one.status().to_string();
      Result<json::value> answer = replay_mmr_case(one->at("input"));
      ASSERT_TRUE(answer.ok()) << one->at("name") << answer.status().to_string();
      EXPECT_EQ(*answer, one->at("expected")) << one->at("name");
    }
  }
  EXPECT_EQ(cases, 20u);
}

TEST(Mmr, a_case_of_another_form_is_refused) {
  for (const char* text :
       {"1", "{}", R"({"op":"x"})", R"({"op":"root"})", R"({"op":"root","leaves":["00"]})",
        R"({"op":"inclusion","leaf_text":["a"],"leaf_index":1})",
        R"({"op":"consistency","leaf_text":["a"],"old_size":0,"new_size":2})",
        R"({"op":"verify_inclusion","proof":{},"root":"00"})"}) {
    EXPECT_EQ(replay_mmr_case(*parse_json(text)).status().code(), Code::kInvalid) << text;
  }
}

TEST(Mmr, roots_of_earlier_sizes_come_from_the_same_nodes) {
  MmrMemory mmr;
  std::vector<Hash> roots = {kZeroHash};
  for (const Hash& leaf : some_leaves(100)) {
    mmr.append(leaf);
    roots.push_back(*mmr_root(mmr, mmr.leaf_count()));
    EXPECT_EQ(mmr.nodes().size(), mmr_size(mmr.leaf_count()));
  }
  for (std::size_t n = 0; n <= 100; ++n) EXPECT_EQ(*mmr_root(mmr, n), roots[n]);
  EXPECT_EQ(mmr_root(mmr, 101).status().code(), Code::kNotFound);
  EXPECT_EQ(mmr_root(mmr, kMmrMaxLeaves + 1).status().code(), Code::kInvalid);
}

TEST(Mmr, every_inclusion_proof_verifies_and_no_forged_one) {
  MmrMemory mmr;
  const std::vector<Hash> leaves = some_leaves(40);
  for (const Hash& leaf : leaves) mmr.append(leaf);
  for (std::size_t n = 1; n <= leaves.size(); ++n) {
    const Hash root = *mmr_root(mmr, n);
    for (std::size_t i = 0; i < n; ++i) {
      const MmrInclusionProof good = *mmr_prove_inclusion(mmr, i, n);
      EXPECT_EQ(good.leaf, leaves[i]);
      EXPECT_TRUE(mmr_verify_inclusion(good, root));
      auto refused = [&](auto change) {
        MmrInclusionProof bad = good;
        change(bad);
        EXPECT_FALSE(mmr_verify_inclusion(bad, root)) << i << " of " << n;
      };
      refused([](auto& p) { p.leaf[31] ^= 1; });
      refused([](auto& p) { ++p.leaf_index; });
      refused([](auto& p) { ++p.position; });
      refused([](auto& p) { ++p.peak_position; });
      refused([](auto& p) { ++p.mmr_size; });
      refused([](auto& p) { ++p.leaf_count; });
      refused([](auto& p) { p.leaf_count = ~0ull; });
      refused([](auto& p) { p.peaks.push_back(kZeroHash); });
      refused([](auto& p) { p.peaks[0][0] ^= 1; });
      refused([](auto& p) { p.siblings.push_back({kZeroHash, true}); });
      for (std::size_t s = 0; s < good.siblings.size(); ++s) {
        refused([s](auto& p) { p.siblings[s].hash[0] ^= 1; });
        refused([s](auto& p) { p.siblings[s].right = !p.siblings[s].right; });
      }
    }
  }
  EXPECT_EQ(mmr_prove_inclusion(mmr, 40, 40).status().code(), Code::kInvalid);
}

TEST(Mmr, every_consistency_proof_verifies_and_no_forged_one) {
  MmrMemory mmr;
  for (const Hash& leaf : some_leaves(40)) mmr.append(leaf);
  for (std::size_t n = 0; n <= 40; ++n) {
    for (std::size_t m = 0; m <= n; ++m) {
      const Hash old_root = *mmr_root(mmr, m);
      const Hash new_root = *mmr_root(mmr, n);
      std::vector<Hash> proof = *mmr_prove_consistency(mmr, m, n);
      EXPECT_TRUE(mmr_verify_consistency(m, n, old_root, new_root, proof)) << m << " " << n;
      EXPECT_EQ(mmr_verify_consistency(n, m, new_root, old_root, proof), m == n);
      for (Hash& hash : proof) {
        hash[5] ^= 1;
        EXPECT_FALSE(mmr_verify_consistency(m, n, old_root, new_root, proof)) << m << " " << n;
        hash[5] ^= 1;
      }
      proof.push_back(kZeroHash);
      EXPECT_FALSE(mmr_verify_consistency(m, n, old_root, new_root, proof));
      proof.pop_back();
      if (proof.empty()) continue;
      proof.pop_back();
      EXPECT_FALSE(mmr_verify_consistency(m, n, old_root, new_root, proof));
    }
  }
  EXPECT_EQ(mmr_prove_consistency(mmr, 5, 4).status().code(), Code::kInvalid);
}

}  // namespace
}  // namespace blockd
