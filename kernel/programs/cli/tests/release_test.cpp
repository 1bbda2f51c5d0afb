// gov release fetch against a node and a source of files that answers a line "ready" to every GET.
#include "kernel/base/blake3.hpp"
#include "kernel/base/crypto.hpp"
#include "kernel/base/file.hpp"
#include "kernel/base/hex.hpp"
#include "kernel/programs/cli/tests/cli_fixture.hpp"

namespace blockd::cli {
namespace {

class ReleaseFetch : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    crypto_init();
    environment["TB_RELEASE_SOURCE_URL"] = node.url() + "/files";
    answer(hash, "approved", {attestation(1, hash)});
  }

  static SigningKey key(std::uint8_t seed) {
    std::array<std::uint8_t, 32> bytes;
    bytes.fill(seed);
    return SigningKey::from_seed(bytes);
  }
  static std::string signer(std::uint8_t seed) { return to_hex(key(seed).public_key()); }
  static std::string signature(std::uint8_t seed, const std::string& of) {
    return to_hex(key(seed).sign("release:" + of));
  }
  static json::value attestation(std::uint8_t seed, const std::string& of) {
    return json::object{{"signer", signer(seed)}, {"signature", signature(seed, of)}};
  }
  // Two of the signers 1, 2 and 3 are needed.
  void answer(const std::string& of, const std::string& status, json::array attestations) {
    node.on("gov.release",
            json::object{{"build_hash", of},
                         {"status", status},
                         {"signature_threshold", 2},
                         {"signer_set", json::array{signer(1), signer(2), signer(3)}},
                         {"signatures", std::move(attestations)}});
  }
  Answer fetch(std::vector<std::string> more = {}) {
    std::vector<std::string> args = {"gov", "release", "fetch", "--hash", hash, "--dest", path};
    args.insert(args.end(), more.begin(), more.end());
    return run(args);
  }
  std::vector<std::string> second() {
    return {"--signer", signer(2), "--signature", signature(2, hash)};
  }

  std::string hash = to_hex(blake3("ready\n"));
  std::string path = home.file("blockd.bin");
};

TEST_F(ReleaseFetch, writes_the_file_that_was_voted_on) {
  answer(hash, "activated", {attestation(1, hash), attestation(3, hash)});
  const Answer done = fetch();
  ASSERT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(*read_file(path, 100), "ready\n");
  EXPECT_EQ(parse_json(done.out)->at("attestations"), 2);
  EXPECT_EQ(parse_json(done.out)->at("install_recorded"), false);
  EXPECT_TRUE(node.asked("gov.record_release_install").empty());
}

TEST_F(ReleaseFetch, counts_attestations_of_the_command_line_and_records_the_install) {
  node.on("gov.record_release_install", json::object{{"ok", true}});
  std::vector<std::string> more = second();
  more.push_back("--install");
  const Answer done = run([&] {
    std::vector<std::string> args = {"gov", "fetch-release", hash, "--dest", home.path()};
    args.insert(args.end(), more.begin(), more.end());
    return args;
  }());
  ASSERT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(*read_file(home.file(hash + ".bin"), 100), "ready\n");
  EXPECT_EQ(sent("gov.record_release_install"), "{\"build_hash\":\"" + hash + "\"}");
}

TEST_F(ReleaseFetch, keeps_nothing_of_another_file) {
  hash = std::string(64, 'a');
  answer(hash, "approved", {attestation(1, hash), attestation(2, hash)});
  const Answer refused = fetch({"--install"});
  EXPECT_EQ(refused.code, 1);
  EXPECT_NE(refused.err.find("error[artifact_mismatch]"), std::string::npos) << refused.err;
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_TRUE(node.asked("gov.record_release_install").empty());
}

TEST_F(ReleaseFetch, needs_enough_true_attestations_and_an_approval) {
  const auto refusal = [&](std::vector<std::string> more = {}) {
    const Answer refused = fetch(std::move(more));
    EXPECT_EQ(refused.code, 1);
    EXPECT_FALSE(std::filesystem::exists(path));
    return refused.err.substr(0, refused.err.find(':'));
  };
  EXPECT_EQ(refusal(), "error[insufficient_release_signers]");
  // The same signer twice is one signer.
  EXPECT_EQ(refusal({"--signer", signer(1), "--signature", signature(1, hash)}),
            "error[insufficient_release_signers]");
  EXPECT_EQ(refusal({"--signer", signer(4), "--signature", signature(4, hash)}),
            "error[invalid_attestation]");
  EXPECT_EQ(refusal({"--signer", signer(2), "--signature", signature(2, std::string(64, 'b'))}),
            "error[invalid_attestation]");
  answer(hash, "rolled_back", {attestation(1, hash), attestation(2, hash)});
  EXPECT_EQ(refusal(), "error[release_not_approved]");
}

TEST_F(ReleaseFetch, says_what_is_missing) {
  EXPECT_EQ(run({"gov", "release", "fetch", "--hash", "ab"}).code, 2);
  EXPECT_EQ(fetch({"--signer", signer(2)}).code, 2);
  environment.erase("TB_RELEASE_SOURCE_URL");
  const Answer unset = fetch();
  EXPECT_EQ(unset.code, 2);
  EXPECT_NE(unset.err.find("TB_RELEASE_SOURCE_URL is not set"), std::string::npos) << unset.err;
}

}  // namespace
}  // namespace blockd::cli
