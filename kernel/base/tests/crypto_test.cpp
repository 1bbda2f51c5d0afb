#include "kernel/base/crypto.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "kernel/base/base64.hpp"
#include "kernel/base/crc32c.hpp"
#include "kernel/base/file.hpp"
#include "kernel/base/hex.hpp"

namespace blockd {
namespace {

std::array<std::uint8_t, 32> seed_of(std::uint8_t byte) {
  std::array<std::uint8_t, 32> out;
  out.fill(byte);
  return out;
}

class Crypto : public testing::Test {
 protected:
  void SetUp() override {
    crypto_init();
    char name[] = "/tmp/blockd-crypto-XXXXXX";
    dir_ = ::mkdtemp(name);
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  std::string dir_;
};

TEST_F(Crypto, public_keys_of_the_spec) {
  EXPECT_EQ(to_hex(SigningKey::from_seed(seed_of(1)).public_key()),
            "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c");
  EXPECT_EQ(to_hex(SigningKey::from_hex(std::string(64, '0').replace(0, 64, to_hex(seed_of(3))))
                       ->public_key()),
            "ed4928c628d1c2c6eae90338905995612959273a5c63f93636c14614ac8737d1");
}

TEST_F(Crypto, a_changed_message_key_or_signature_does_not_verify) {
  const SigningKey key = SigningKey::generate();
  const Signature good = key.sign("message");
  EXPECT_TRUE(ed25519_verify(key.public_key(), "message", good));
  EXPECT_FALSE(ed25519_verify(key.public_key(), "massage", good));
  EXPECT_FALSE(ed25519_verify(SigningKey::generate().public_key(), "message", good));
  for (std::size_t i = 0; i < good.size(); ++i) {
    Signature bad = good;
    bad[i] ^= 1;
    EXPECT_FALSE(ed25519_verify(key.public_key(), "message", bad)) << i;
  }
}

TEST_F(Crypto, a_moved_from_key_holds_no_secret) {
  SigningKey a = SigningKey::from_seed(seed_of(9));
  SigningKey b = std::move(a);
  EXPECT_EQ(b.seed(), seed_of(9));
  EXPECT_EQ(a.seed(), seed_of(0));  // NOLINT(bugprone-use-after-move): that is the promise
}

TEST_F(Crypto, secrets_compare_by_content) {
  EXPECT_TRUE(equal_secret("abc", "abc"));
  EXPECT_FALSE(equal_secret("abc", "abd"));
  EXPECT_FALSE(equal_secret("abc", "ab"));
}

// node-and-cli spec 6.13.
TEST_F(Crypto, signed_token_of_the_spec) {
  const std::string text =
      R"({"aud":"dev","exp":1700003600,"iat":1700000000,"id":"00112233445566aa","role":"operator","sub":"ci"})";
  const Signature signature = SigningKey::from_seed(seed_of(1)).sign("tb/rpc-token/v1" + text);
  EXPECT_EQ("tbt1." + to_base64url(text) + "." + to_base64url(view(signature)),
            "tbt1."
            "eyJhdWQiOiJkZXYiLCJleHAiOjE3MDAwMDM2MDAsImlhdCI6MTcwMDAwMDAwMCwiaWQiOiIwMDExMjIzMzQ0NT"
            "U2NmFhIi"
            "wicm9sZSI6Im9wZXJhdG9yIiwic3ViIjoiY2kifQ.Xft7P8v2oaW536xU-"
            "eAuFefEj36F2GDo0EDQ9lMQBZR0tKy1M7-DzEDpdA1"
            "r7U0iT5rQqZFe7IeMAF2Sz4S6Ag");
}

TEST_F(Crypto, base64_of_rfc_4648) {
  const std::pair<const char*, const char*> cases[] = {{"", ""},
                                                       {"f", "Zg=="},
                                                       {"fo", "Zm8="},
                                                       {"foo", "Zm9v"},
                                                       {"foob", "Zm9vYg=="},
                                                       {"fooba", "Zm9vYmE="},
                                                       {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, text] : cases) {
    EXPECT_EQ(to_base64(plain), text);
    EXPECT_EQ(*from_base64(text), plain);
  }
  EXPECT_EQ(to_base64url("\xFF\xFE"), "__4");
  EXPECT_EQ(*from_base64url("__4"), "\xFF\xFE");
  for (const char* bad : {"Zg", "Zg=", "Zh==", "Z", "Zg==x", "Zg ==", "Zm9v\n", "__4="}) {
    EXPECT_EQ(from_base64(bad).status().code(), Code::kInvalid) << bad;
  }
  for (const char* bad : {"Zg==", "Zh", "a", "+/8"}) {
    EXPECT_EQ(from_base64url(bad).status().code(), Code::kInvalid) << bad;
  }
}

// node-and-cli spec 3.6: the check value of the key store, at the default cost.
TEST_F(Crypto, keystore_check_value_of_the_spec) {
  KeystoreParams params;
  params.salt.emplace().fill(0x11);
  params.nonce.emplace().fill(0x22);
  const std::string text =
      seal_keystore_json(SigningKey::from_seed(seed_of(1)), "alice", "correct horse", params);
  EXPECT_EQ(
      text,
      R"({"version":1,"key_id":"alice","address":"tb1qm97tgjht8p63qy6568aq5fgytc6ue8cynzap2tr5thczc8j8w9s8np6z0",)"
      R"("public_key":"8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c",)"
      R"("kdf":{"name":"argon2id","ops":3,"mem_bytes":268435456,"salt":"11111111111111111111111111111111"},)"
      R"("box":{"name":"xsalsa20poly1305","nonce":"222222222222222222222222222222222222222222222222",)"
      R"("ciphertext":"0cb15e4823ef94b47ecedcd6e85ffc200d96c11d39ca8075284eb5afe04ab0f49e5341d451140fa27cbbf97c03ff4336"}})");
  EXPECT_EQ(open_keystore(text, "correct horse")->seed(), seed_of(1));
}

KeystoreParams cheap() { return {.ops = 1, .mem_bytes = 8ull << 20, .salt = {}, .nonce = {}}; }

TEST_F(Crypto, keystore_opens_with_its_password_only) {
  const SigningKey key = SigningKey::generate();
  const std::string pem = seal_keystore(key, "bob.1", "secret", cheap());
  EXPECT_TRUE(pem.starts_with("-----BEGIN TB KEYSTORE-----\n"));
  EXPECT_TRUE(pem.ends_with("-----END TB KEYSTORE-----\n"));
  EXPECT_EQ(inspect_keystore(pem)->key_id, "bob.1");
  EXPECT_EQ(inspect_keystore(pem)->public_key, key.public_key());
  EXPECT_EQ(open_keystore(pem, "secret")->seed(), key.seed());
  const Status wrong = open_keystore(pem, "Secret").status();
  EXPECT_EQ(wrong.code(), Code::kDenied);
  EXPECT_EQ(wrong.message(), "wrong password or damaged key file");
}

TEST_F(Crypto, keystore_with_strange_content_is_refused_before_any_work) {
  const std::string good = seal_keystore_json(SigningKey::from_seed(seed_of(1)), "a", "p", cheap());
  auto with = [&](std::string_view from, std::string_view to) {
    std::string out = good;
    out.replace(out.find(from), from.size(), to);
    return open_keystore(out, "p").status().code();
  };
  EXPECT_EQ(with("\"ops\":1", "\"ops\":11"), Code::kInvalid);
  EXPECT_EQ(with("\"ops\":1", "\"ops\":0"), Code::kInvalid);
  EXPECT_EQ(with("8388608", "8388607"), Code::kInvalid);
  EXPECT_EQ(with("8388608", "1073741825"), Code::kInvalid);
  EXPECT_EQ(with("argon2id", "argon2ix"), Code::kInvalid);
  EXPECT_EQ(with("\"version\":1", "\"version\":2"), Code::kInvalid);
  EXPECT_EQ(with("\"version\":1", "\"version\":1,\"x\":1"), Code::kInvalid);
  EXPECT_EQ(with("\"key_id\":\"a\"", "\"key_id\":\"a/b\""), Code::kInvalid);
  EXPECT_EQ(with("tb1qm97", "tb1qm98"), Code::kInvalid);
  EXPECT_EQ(open_keystore("", "p").status().code(), Code::kInvalid);
  EXPECT_EQ(open_keystore("-----BEGIN TB KEYSTORE-----\n%%\n-----END TB KEYSTORE-----", "p")
                .status()
                .code(),
            Code::kInvalid);
}

// Written by `openssl pkey` from the seed 32 x 01.
TEST_F(Crypto, pkcs8_key_of_openssl) {
  EXPECT_EQ(key_from_pkcs8("-----BEGIN PRIVATE KEY-----\n"
                           "MC4CAQAwBQYDK2VwBCIEIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB\n"
                           "-----END PRIVATE KEY-----\n")
                ->seed(),
            seed_of(1));
  EXPECT_EQ(key_from_pkcs8("-----BEGIN PRIVATE KEY-----\nMC4C\n-----END PRIVATE KEY-----\n")
                .status()
                .code(),
            Code::kInvalid);
}

TEST_F(Crypto, node_key_is_made_once_with_mode_0600) {
  const std::string path = dir_ + "/node.key";
  EXPECT_EQ(load_node_key(path, false).status().code(), Code::kNotFound);
  const auto made = load_node_key(path, true);
  ASSERT_TRUE(made.ok()) << made.status().to_string();
  EXPECT_EQ(load_node_key(path, true)->seed(), made->seed());
  struct stat info {};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  ASSERT_EQ(::chmod(path.c_str(), 0640), 0);
  EXPECT_EQ(load_node_key(path, true).status().code(), Code::kDenied);
}

TEST_F(Crypto, node_key_file_with_other_content_is_refused) {
  const std::string path = dir_ + "/node.key";
  ASSERT_TRUE(write_file_atomic(path, "not a key\n", 0600).ok());
  EXPECT_EQ(load_node_key(path, true).status().code(), Code::kInvalid);
}

TEST(Crc32c, check_values_of_rfc_3720) {
  EXPECT_EQ(crc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(crc32c(Bytes(32, '\0')), 0x8A9136AAu);
  EXPECT_EQ(crc32c(Bytes(32, '\xFF')), 0x62A8AB43u);
  EXPECT_EQ(crc32c("6789", crc32c("12345")), crc32c("123456789"));
}

TEST(Crc32c, hardware_and_table_agree) {
  Bytes data;
  for (unsigned i = 0; i < 300; ++i) {
    EXPECT_EQ(crc32c(data, i), internal::crc32c_portable(data, i)) << i;
    data.push_back(static_cast<char>(i * 7));
  }
}

TEST(Crc32c, long_texts_agree_too) {
  Bytes data;
  for (unsigned i = 0; i < 20'000; ++i) data.push_back(static_cast<char>(i * 7 + i / 13));
  for (const std::size_t n :
       std::initializer_list<std::size_t>{3071, 3072, 3073, 4000, 6143, 6144, 6151, 9999, 20'000}) {
    const BytesView part = BytesView(data).substr(0, n);
    EXPECT_EQ(crc32c(part), internal::crc32c_portable(part, 0)) << n;
    EXPECT_EQ(crc32c(part, 77), internal::crc32c_portable(part, 77)) << n;
    EXPECT_EQ(crc32c(part.substr(100), crc32c(part.substr(0, 100))), crc32c(part)) << n;
  }
}

TEST(Hex, both_ways) {
  EXPECT_EQ(to_hex(BytesView("\x00\xAB\xff", 3)), "00abff");
  EXPECT_EQ(*from_hex("0x00aBfF"), Bytes("\x00\xAB\xff", 3));
  EXPECT_EQ(*from_hex(""), "");
  for (const char* bad : {"0", "0g", "g0", "0x0", "00 "})
    EXPECT_EQ(from_hex(bad).status().code(), Code::kInvalid) << bad;
  EXPECT_EQ(array_from_hex<2>("00").status().code(), Code::kInvalid);
}

}  // namespace
}  // namespace blockd
