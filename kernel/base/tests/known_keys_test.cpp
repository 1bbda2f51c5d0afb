#include "kernel/base/known_keys.hpp"

#include <gtest/gtest.h>
#include <sodium.h>

#include <thread>

#include "kernel/base/crypto.hpp"
#include "kernel/base/ed25519_table.hpp"
#include "kernel/base/hex.hpp"

namespace blockd {
namespace {

using internal::KeyTable;
using Scalar = KeyTable::Scalar;

SigningKey numbered_key(std::uint32_t number) {
  std::array<std::uint8_t, 32> seed{};
  std::memcpy(seed.data(), &number, sizeof number);
  return SigningKey::from_seed(seed);
}

Bytes numbered_message(std::uint32_t number) {
  return Bytes(number % 300, static_cast<char>('a' + number % 26)) + std::to_string(number);
}

// Has `keys` make the table of `key`.
void introduce(KnownKeys& keys, const SigningKey& key) {
  for (int i = 0; i < 2; ++i)
    ASSERT_TRUE(keys.verify(key.public_key(), "hello", key.sign("hello")));
}

// The secret scalar of a key, modulo the group's order.
Scalar secret_of(const SigningKey& key) {
  std::array<std::uint8_t, 64> digest, wide{};
  const auto seed = key.seed();
  crypto_hash_sha512(digest.data(), seed.data(), seed.size());
  digest[0] &= 248;
  digest[31] = static_cast<std::uint8_t>((digest[31] & 127) | 64);
  std::copy_n(digest.begin(), 32, wide.begin());
  Scalar out;
  crypto_core_ed25519_scalar_reduce(out.data(), wide.data());
  return out;
}

Scalar challenge(const PublicKey& r, const PublicKey& key, BytesView message) {
  Bytes text(view(r));
  text.append(view(key)).append(message);
  std::array<std::uint8_t, 64> digest;
  crypto_hash_sha512(digest.data(), reinterpret_cast<const unsigned char*>(text.data()),
                     text.size());
  Scalar out;
  crypto_core_ed25519_scalar_reduce(out.data(), digest.data());
  return out;
}

// s = r + h a.
Scalar response(const Scalar& r, const Scalar& h, const Scalar& a) {
  Scalar product, out;
  crypto_core_ed25519_scalar_mul(product.data(), h.data(), a.data());
  crypto_core_ed25519_scalar_add(out.data(), r.data(), product.data());
  return out;
}

Signature joined(const PublicKey& r, const Scalar& s) {
  Signature out;
  std::copy(r.begin(), r.end(), out.begin());
  std::copy(s.begin(), s.end(), out.begin() + 32);
  return out;
}

class KnownKeysTest : public testing::Test {
 protected:
  void SetUp() override { crypto_init(); }
};

TEST_F(KnownKeysTest, from_the_third_time_on_a_table_answers_for_every_good_signature) {
  KnownKeys keys;
  std::uint64_t expected = 0;
  for (std::uint32_t k = 0; k < 60; ++k) {
    const SigningKey key = numbered_key(k);
    for (std::uint32_t m = 0; m < 30; ++m) {
      const Bytes message = numbered_message(k * 100 + m);
      ASSERT_TRUE(keys.verify(key.public_key(), message, key.sign(message))) << k << " " << m;
      if (m >= 2) ++expected;
    }
  }
  EXPECT_EQ(keys.answered_by_table(), expected);
  EXPECT_EQ(keys.size(), 60u);
}

TEST_F(KnownKeysTest, a_table_confirms_nothing_that_was_changed) {
  KnownKeys keys;
  const SigningKey key = numbered_key(1), other = numbered_key(2);
  introduce(keys, key);
  const Signature good = key.sign("message");
  EXPECT_FALSE(keys.verify(key.public_key(), "massage", good));
  EXPECT_FALSE(keys.verify(other.public_key(), "message", good));
  for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
    Signature bad = good;
    bad[bit / 8] = static_cast<std::uint8_t>(bad[bit / 8] ^ 1u << bit % 8);
    EXPECT_FALSE(keys.verify(key.public_key(), "message", bad)) << bit;
  }
  EXPECT_EQ(keys.answered_by_table(), 0u);
  EXPECT_TRUE(keys.verify(key.public_key(), "message", good));
  EXPECT_EQ(keys.answered_by_table(), 1u);
}

TEST_F(KnownKeysTest, a_second_form_of_a_signature_is_refused) {
  KnownKeys keys;
  const SigningKey key = numbered_key(3);
  introduce(keys, key);
  const Scalar order =
      *array_from_hex<32>("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
  for (std::uint32_t m = 0; m < 20; ++m) {
    Signature signature = key.sign(numbered_message(m));
    unsigned carry = 0;  // S + the order, which is the same number to the curve
    for (std::size_t i = 0; i < 32; ++i) {
      carry += static_cast<unsigned>(signature[32 + i]) + order[i];
      signature[32 + i] = static_cast<std::uint8_t>(carry);
      carry >>= 8;
    }
    EXPECT_FALSE(ed25519_verify(key.public_key(), numbered_message(m), signature));
    EXPECT_FALSE(keys.verify(key.public_key(), numbered_message(m), signature));
  }
}

// The encodings of the eight points whose order divides eight.
const char* const kSmallOrder[] = {
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"};

// R = 0 with S = h a satisfies the equation; libsodium refuses such an R, and so must a table.
TEST_F(KnownKeysTest, points_of_small_order_are_refused_where_the_equation_holds) {
  KnownKeys keys;
  const SigningKey key = numbered_key(4);
  introduce(keys, key);
  const std::unique_ptr<const KeyTable> table = KeyTable::make(key.public_key());
  ASSERT_NE(table, nullptr);
  const PublicKey identity = *array_from_hex<32>(kSmallOrder[0]);
  const Scalar h = challenge(identity, key.public_key(), "message");
  const Scalar s = response(Scalar{}, h, secret_of(key));
  EXPECT_FALSE(table->holds(s, h, identity));
  EXPECT_FALSE(ed25519_verify(key.public_key(), "message", joined(identity, s)));
  EXPECT_FALSE(keys.verify(key.public_key(), "message", joined(identity, s)));
  // The same numbers with another R are an ordinary signature: the equation above did hold.
  const Scalar r = challenge(identity, identity, "any");
  PublicKey point;
  ASSERT_EQ(crypto_scalarmult_ed25519_base_noclamp(point.data(), r.data()), 0);
  const Scalar h2 = challenge(point, key.public_key(), "message");
  EXPECT_TRUE(table->holds(response(r, h2, secret_of(key)), h2, point));
}

TEST_F(KnownKeysTest, keys_of_small_order_never_get_a_table) {
  KnownKeys keys;
  for (const char* text : kSmallOrder) {
    const PublicKey key = *array_from_hex<32>(text);
    for (int i = 0; i < 3; ++i) {
      const Signature signature = joined(*array_from_hex<32>(kSmallOrder[0]), Scalar{});
      EXPECT_EQ(keys.verify(key, "message", signature), ed25519_verify(key, "message", signature));
    }
  }
  EXPECT_EQ(keys.size(), 0u);
}

// A key with a part of small order verifies for the one message in eight whose challenge is a
// multiple of eight: there is no factor of eight in the equation. Both must agree on which.
TEST_F(KnownKeysTest, a_key_with_a_part_of_small_order_is_judged_as_libsodium_does) {
  KnownKeys keys;
  const SigningKey pure = numbered_key(5);
  const PublicKey torsion = *array_from_hex<32>(kSmallOrder[4]);
  PublicKey mixed;
  ASSERT_EQ(crypto_core_ed25519_add(mixed.data(), pure.public_key().data(), torsion.data()), 0);
  const Scalar a = secret_of(pure);
  int good = 0;
  for (std::uint32_t m = 0; m < 400; ++m) {
    const Bytes message = numbered_message(m);
    const Scalar r = challenge(mixed, torsion, message);
    PublicKey point;
    ASSERT_EQ(crypto_scalarmult_ed25519_base_noclamp(point.data(), r.data()), 0);
    const Scalar s = response(r, challenge(point, mixed, message), a);
    const bool expected = ed25519_verify(mixed, message, joined(point, s));
    EXPECT_EQ(keys.verify(mixed, message, joined(point, s)), expected) << m;
    if (expected) ++good;
  }
  EXPECT_GT(good, 20);
  EXPECT_LT(good, 100);
  EXPECT_EQ(keys.answered_by_table(), static_cast<std::uint64_t>(good - 2));
}

TEST_F(KnownKeysTest, scalars_at_the_ends_of_their_range) {
  const SigningKey key = numbered_key(6);
  const std::unique_ptr<const KeyTable> table = KeyTable::make(key.public_key());
  ASSERT_NE(table, nullptr);
  const Scalar last =
      *array_from_hex<32>("ecd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
  Scalar one{}, zero{};
  one[0] = 1;
  PublicKey base;
  ASSERT_EQ(crypto_scalarmult_ed25519_base_noclamp(base.data(), one.data()), 0);
  EXPECT_TRUE(table->holds(one, zero, base));
  PublicKey negated = base;
  negated[31] ^= 0x80;
  EXPECT_TRUE(table->holds(last, zero, negated));
  EXPECT_TRUE(table->holds(zero, last, key.public_key()));
  negated = key.public_key();
  negated[31] ^= 0x80;
  EXPECT_TRUE(table->holds(zero, one, negated));
}

TEST_F(KnownKeysTest, what_is_no_point_has_no_table) {
  EXPECT_EQ(KeyTable::make(*array_from_hex<32>(
                "0200000000000000000000000000000000000000000000000000000000000000")),
            nullptr);
}

TEST_F(KnownKeysTest, the_number_of_keys_is_bounded_and_answers_stay_right) {
  KnownKeys keys(32);
  for (int round = 0; round < 3; ++round) {
    for (std::uint32_t k = 0; k < 100; ++k) {
      const SigningKey key = numbered_key(k);
      ASSERT_TRUE(keys.verify(key.public_key(), "m", key.sign("m")));
      ASSERT_FALSE(keys.verify(key.public_key(), "n", key.sign("m")));
      ASSERT_LE(keys.size(), 32u);
    }
  }
}

TEST_F(KnownKeysTest, threads_share_it) {
  KnownKeys keys(64);
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (std::uint32_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (std::uint32_t i = 0; i < 200; ++i) {
        const SigningKey key = numbered_key((i + t) % 40);
        if (!keys.verify(key.public_key(), "m", key.sign("m"))) ++wrong;
        if (keys.verify(key.public_key(), "n", key.sign("m"))) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(keys.answered_by_table(), 0u);
}

}  // namespace
}  // namespace blockd
