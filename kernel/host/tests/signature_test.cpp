// Release signatures: the worked example of the specification, and the three policies.
#include <algorithm>

#include "kernel/base/blake3.hpp"
#include "kernel/base/hex.hpp"
#include "kernel/host/library_internal.hpp"
#include "kernel/host/tests/loader_fixture.hpp"

namespace blockd {
namespace {

SigningKey key_of(std::uint8_t byte) {
  std::array<std::uint8_t, 32> seed;
  seed.fill(byte);
  return SigningKey::from_seed(seed);
}

SignatureStatement greeter() {
  SignatureStatement s;
  s.abi = "1.0";
  s.arch = "x86_64-linux-gnu";
  s.file = "39ccc15d0e0dc3b6aebcd94fbcead5aaa84d281bf6e4b46489f7eacfc83cb0bb";
  s.id = "greeter";
  s.manifest = "0d197521d9a48760576da1c87dfd828a60d397ea1e16f92a5b7c44b4f4060ce1";
  s.sm = 1;
  s.version = "1.2.0";
  return s;
}

TEST(SignatureStatement, the_example_of_the_specification_to_the_byte) {
  const SignatureStatement s = greeter();
  EXPECT_EQ(
      s.canonical(),
      R"({"abi":"1.0","arch":"x86_64-linux-gnu","file":"39ccc15d0e0dc3b6aebcd94fbcead5aaa84d281bf6e4b46489f7eacfc83cb0bb",)"
      R"("id":"greeter","manifest":"0d197521d9a48760576da1c87dfd828a60d397ea1e16f92a5b7c44b4f4060ce1","sm":1,"version":"1.2.0"})");
  EXPECT_EQ(to_hex(blake3(s.canonical())),
            "6c3a12603bc97c6d29749d34d04af6231d3b3f7c30f9e9e9fb0d8c123423748d");
  const SigningKey key = key_of(1);
  EXPECT_EQ(sign_statement(s, key), "{\"signatures\":[{\"key\":\"" + to_hex(key.public_key()) +
                                        "\",\"sig\":"
                                        "\"03927d02b803b738d419ebaf528d135825cd36fe4a9e395694f792b3"
                                        "745ded5f392cba4b812c7c4fa7d454e3d4a233f39f727996026fe"
                                        "3366a52db2ea3f8ef0f\"}],\"statement\":" +
                                        s.canonical() + "}\n");
}

TEST(SignatureStatement, is_valid_by_a_listed_key_only_and_for_its_file_only) {
  const SigningKey key = key_of(1), other = key_of(2);
  const std::string text = sign_statement(greeter(), key);
  const Hash file = *array_from_hex<32>(greeter().file);
  SignedFile found = read_signed_file(text, file, {other.public_key(), key.public_key()});
  EXPECT_EQ(found.state, SignatureState::kValid);
  EXPECT_EQ(found.signer, to_hex(key.public_key()));
  compare_statement(greeter(), &found);
  EXPECT_EQ(found.state, SignatureState::kValid);
  EXPECT_EQ(read_signed_file(text, file, {other.public_key()}).state, SignatureState::kUntrusted);
  EXPECT_EQ(read_signed_file(text, kZeroHash, {key.public_key()}).state, SignatureState::kBad);
  SignatureStatement newer = greeter();
  newer.version = "1.2.1";
  compare_statement(newer, &found);
  EXPECT_EQ(found.state, SignatureState::kBad);
  EXPECT_NE(found.why.find("1.2.1"), std::string::npos);
}

TEST(SignatureStatement, no_change_of_a_byte_stays_valid) {
  const SigningKey key = key_of(1);
  const std::string text = sign_statement(greeter(), key);
  const Hash file = *array_from_hex<32>(greeter().file);
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {  // the last byte is the newline
    std::string changed = text;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    SignedFile found = read_signed_file(changed, file, {key.public_key()});
    compare_statement(greeter(), &found);
    EXPECT_NE(found.state, SignatureState::kValid) << "byte " << i;
  }
}

TEST(SignatureStatement, one_bad_signature_spoils_the_rest) {
  const SigningKey key = key_of(1), other = key_of(2);
  std::string text = sign_statement(greeter(), key);
  const std::string second = sign_statement(greeter(), other);
  const Hash file = *array_from_hex<32>(greeter().file);
  const std::string extra = second.substr(15, second.find("],") - 15);
  text.insert(text.find("],"), "," + extra);
  EXPECT_EQ(read_signed_file(text, file, {key.public_key()}).state, SignatureState::kValid);
  text[text.rfind("\"}],\"statement\"") - 1] ^= 1;
  EXPECT_EQ(read_signed_file(text, file, {key.public_key()}).state, SignatureState::kBad);
  EXPECT_EQ(read_signed_file(R"({"signatures":[],"statement":{}})", file, {}).state,
            SignatureState::kBad);
  EXPECT_EQ(read_signed_file("no json", file, {}).state, SignatureState::kBad);
}

TEST(Signers, are_read_with_comments_and_commas) {
  const std::string a(64, 'a'), b(64, 'b');
  auto keys = parse_signers("# release keys\n" + a + ", " + b + "# the second\n\n" + a);
  ASSERT_TRUE(keys.ok()) << keys.status().to_string();
  EXPECT_EQ(keys->size(), 3u);
  auto wrong = parse_signers(a + "\nabc\n");
  ASSERT_FALSE(wrong.ok());
  EXPECT_NE(wrong.status().message().find("line 2"), std::string::npos);
}

class SignedLibrary : public LoaderTest {
 protected:
  void SetUp() override {
    LoaderTest::SetUp();
    path_ = file_of("good.so", bytes_of("good"));
    rules_.signers = {key_.public_key()};
  }
  void sign(const SigningKey& key, const std::string& version) {
    auto checked = Library::check(rules_, path_, nullptr);
    ASSERT_TRUE(checked.ok()) << checked.status().to_string();
    SignatureStatement s;
    s.abi = "1.0";
#if defined(__x86_64__)
    s.arch = "x86_64-linux-gnu";
#else
    s.arch = "aarch64-linux-gnu";
#endif
    s.file = to_hex(checked->first.blake3);
    s.id = checked->second->id;
    s.manifest = to_hex(checked->second->hash);
    s.sm = checked->second->sm;
    s.version = version;
    file_of("good.so.sig", sign_statement(s, key));
  }
  // What each policy says of the file as it stands: "valid", or "refused".
  std::string under(SignaturePolicy policy) {
    rules_.policy = policy;
    Result<std::shared_ptr<Library>> library = Library::load(rules_, path_, nullptr);
    if (library.ok()) return std::string(signature_state_name((*library)->file().signature));
    EXPECT_EQ(library.status().code(), Code::kDenied) << library.status().to_string();
    return "refused";
  }
  using Policies = std::vector<std::string>;
  Policies under_all() {
    return {under(SignaturePolicy::kOff), under(SignaturePolicy::kWarn),
            under(SignaturePolicy::kEnforce)};
  }

  SigningKey key_ = key_of(1);
  std::string path_;
};

TEST_F(SignedLibrary, policies_decide_what_is_loaded) {
  EXPECT_EQ(under_all(), (Policies{"unchecked", "missing", "refused"}));
  rules_.policy = SignaturePolicy::kOff;
  sign(key_, "1.0.0");
  EXPECT_EQ(under_all(), (Policies{"unchecked", "valid", "valid"}));
  rules_.policy = SignaturePolicy::kOff;
  sign(key_of(2), "1.0.0");
  EXPECT_EQ(under_all(), (Policies{"unchecked", "untrusted", "refused"}));
  rules_.policy = SignaturePolicy::kOff;
  sign(key_, "1.0.1");
  EXPECT_EQ(under_all(), (Policies{"unchecked", "bad", "refused"}));
}

TEST_F(SignedLibrary, under_enforce_no_code_runs_before_the_signature_was_looked_at) {
  path_ = file_of("bad.so", bytes_of("bad-hang"));
  EXPECT_EQ(under(SignaturePolicy::kEnforce),
            "refused");  // would wait for the probe's deadline otherwise
}

}  // namespace
}  // namespace blockd
