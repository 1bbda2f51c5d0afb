// Every fuzz target over its corpus and over random damage to it, so that ./dev test exercises them
// without libFuzzer.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <random>
#include <vector>

#include "kernel/base/crypto.hpp"
#include "kernel/base/file.hpp"
#include "kernel/chain/block.hpp"
#include "tests/fuzz/targets.hpp"

namespace blockd::fuzz {
namespace {

constexpr int kMutations = 400;  // of each seed
constexpr std::size_t kLongest = 256u << 10;

Bytes read(const std::string& path) {
  auto bytes = read_file(path);
  EXPECT_TRUE(bytes.ok()) << bytes.status().to_string();
  return bytes.ok() ? *std::move(bytes) : Bytes();
}

CommandPtr signed_command() {
  std::array<std::uint8_t, 32> seed{};
  seed.fill(7);
  CommandDraft draft;
  draft.chain = "dev";
  draft.method = "ledger.transfer";
  draft.nonce = 1;
  draft.fee = 900;
  draft.params = json::object{{"to", "treasury"}, {"amount", 5}};
  auto made = sign_command(draft, SigningKey::from_seed(seed));
  EXPECT_TRUE(made.ok());
  return *made;
}

// Files of the corpus, and what is easier made than kept: signed commands, blocks, a library of
// this build.
std::vector<Bytes> seeds(std::string_view target) {
  std::vector<Bytes> out{Bytes()};
  std::vector<std::string> files;
  for (const auto& file : std::filesystem::directory_iterator(TB_SOURCE_DIR "/tests/fuzz/corpus/" +
                                                              std::string(target))) {
    files.push_back(file.path().string());
  }
  std::sort(files.begin(), files.end());
  for (const std::string& file : files) out.push_back(read(file));
  if (target == "envelope") out.push_back(signed_command()->envelope);
  if (target == "elf") out.push_back(read(TB_BINARY_DIR "/plugins/counter.so"));
  if (target == "block") {
    BlockRecord record;
    record.header.macro = Header::Macro{};
    record.proposer_signature = Bytes(64, 's');
    Step step;
    step.plugin = "ledger";
    step.name = "insufficient_funds";
    step.events.push_back({"ledger.moved", "{}"});
    step.delta.push_back({"ledger", "a/x", std::nullopt, "1"});
    record.steps.push_back(step);
    out.push_back(encode_block(record));
    out.push_back(encode_batch(1, {signed_command()}));
    out.push_back(record.header.encode());
  }
  return out;
}

// One to four small damages: a flipped bit, an odd byte, a piece removed, doubled or taken from
// elsewhere.
Bytes damaged(Bytes input, std::mt19937_64& random) {
  constexpr std::string_view kOdd("\0\x01\x7f\x80\xff\"\\{}[]:,-0e9\n", 19);
  for (std::uint64_t n = 1 + random() % 4; n > 0; --n) {
    if (input.empty()) {
      input.push_back(kOdd[random() % kOdd.size()]);
      continue;
    }
    const std::size_t at = random() % input.size(),
                      length = 1 + random() % std::min<std::size_t>(input.size() - at, 64);
    switch (random() % 5) {
      case 0:
        input[at] =
            static_cast<char>(static_cast<unsigned char>(input[at]) ^ (1u << (random() % 8)));
        break;
      case 1:
        input[at] = kOdd[random() % kOdd.size()];
        break;
      case 2:
        input.erase(at, length);
        break;
      case 3:
        input.insert(random() % input.size(), input.substr(at, length));
        break;
      default:
        input.replace(random() % input.size(), 1, input.substr(at, length));
    }
  }
  return input;
}

class Corpus : public testing::TestWithParam<Target> {};

TEST_P(Corpus, target_holds_its_promises_on_seeds_and_on_damaged_ones) {
  crypto_init();
  std::mt19937_64 random(20240914);
  const std::vector<Bytes> all = seeds(GetParam().name);
  ASSERT_GE(all.size(), 2u);
  for (const Bytes& seed : all) {
    ASSERT_LE(seed.size(), kLongest);
    GetParam().run(seed);
    for (int i = 0; i < kMutations; ++i) GetParam().run(damaged(seed, random));
  }
}

INSTANTIATE_TEST_SUITE_P(All, Corpus, testing::ValuesIn(targets().begin(), targets().end()),
                         [](const auto& param) { return std::string(param.param.name); });

}  // namespace
}  // namespace blockd::fuzz
