// The byte-exact examples of the moloch specification, sections 6.4, 6.9 and 6.15 to 6.17.
#include <gtest/gtest.h>

#include "kernel/base/blake3.hpp"
#include "kernel/base/hex.hpp"
#include "kernel/chain/block_codec.hpp"
#include "kernel/chain/chain.hpp"

namespace blockd {
namespace {

constexpr std::string_view kGenesis =
    R"({"alloc":{"tb1qm97tgjht8p63qy6568aq5fgytc6ue8cynzap2tr5thczc8j8w9s8np6z0":10000000,"treasury":1000000},"chain_id":"dev","consensus":{"epoch_length":120},"plugins":[{"consensus_hash":"150cd4963e642af564f7896286cde02ed3de9ed341bafa042d257f47c5dd032b","id":"ledger","schema":1,"sm":1}],"timestamp_ms":1700000000000,"validators":[{"name":"v1","power":1,"public_key":"ed25519:8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c"}]})";
constexpr std::string_view kEnvelope =
    R"({"command":{"chain":"dev","fee":1000,"from":"tb1qm97tgjht8p63qy6568aq5fgytc6ue8cynzap2tr5thczc8j8w9s8np6z0","memo":"first","method":"ledger.transfer","nonce":1,"params":{"amount":250,"to":"tb1rppd3pnuevhgy82wkdk9ptvyg2c7zy3df39h0t6df4gnnnj7z62qvjg739"}},"signatures":[{"key":"8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c","sig":"d08e11e121c7e9e1c60b1f2e3478be9fb9792b34d54f1326b25b61c8b62accba9b011542e9bf629765ffb5e59f63c794623ec6863ae1505f186d4c3ec009a509"}]})";

Hash hash(std::string_view hex) { return *array_from_hex<32>(hex); }
SigningKey validator() {
  std::array<std::uint8_t, 32> seed;
  seed.fill(1);
  return SigningKey::from_seed(seed);
}

std::vector<DeltaRow> example_writes() {
  return {{"ledger", "a", std::nullopt, "1"}, {"ledger", "b", "2", std::nullopt}};
}
std::vector<RosterEntry> example_roster() {
  Genesis g = *Genesis::parse(kGenesis);
  return g.plugins;
}
Hash example_state_root() {
  StateRoot root;
  root.add("ledger", "a", "1");
  root.add("ledger", "c", "3");
  return root.finish();
}
Header header_0() {
  Header h;
  h.previous = Genesis::parse(kGenesis)->hash();
  h.time_ms = 1700000000000;
  h.write_set_root = write_set_root(example_writes());
  h.roster_hash = roster_hash_of(1, example_roster());
  h.validators_hash = validators_hash({{validator().public_key(), 1}});
  h.macro = Header::Macro{0, example_state_root()};
  return h;
}
BlockRecord block_1() {
  BlockRecord block;
  ParsedCommand parsed = parse_envelope(Bytes(kEnvelope));
  EXPECT_NE(parsed.command, nullptr);
  block.commands = {parsed.command};
  block.steps.resize(1);
  block.steps[0].plugin = "ledger";
  block.receipts_commitment =
      hash("5bf623df58af64673c7568070bc1bfdf38e2b66f34f350b7732198387e33edec");
  Header& h = block.header;
  h.height = 1;
  h.previous = header_0().hash();
  h.time_ms = 1700000001000;
  h.proposer = validator().public_key();
  h.command_root = command_root(block.commands);
  h.receipt_root = receipt_root(block);
  h.write_set_root = write_set_root(example_writes());
  h.roster_hash = roster_hash_of(1, example_roster());
  h.validators_hash = validators_hash({{validator().public_key(), 1}});
  MmrPeaks mmr;
  mmr.append(h.previous);
  h.mmr_root = mmr.root();
  return block;
}

TEST(Roots, tree_of_three_texts) {
  MerkleBuilder tree;
  for (std::string_view text : {"a", "b", "c"}) tree.add(text);
  EXPECT_EQ(to_hex(tree.root()),
            "6c62dd52a0971b7d00a7cead004e0c3f3c0766e3f5359a0f8297768d2b02d03c");
  EXPECT_EQ(MerkleBuilder().root(), kZeroHash);
}

TEST(Roots, mountains_of_five_leaves) {
  MmrPeaks mmr;
  EXPECT_EQ(mmr.root(), kZeroHash);
  for (int i = 0; i < 5; ++i) mmr.append(blake3("leaf" + std::to_string(i)));
  EXPECT_EQ(to_hex(mmr.root()), "89b32842675b742edf57cc089728e4b17dd0f001e671475ef79caca32b71b711");
}

TEST(Roots, genesis_text_and_hash) {
  Result<Genesis> g = Genesis::parse(kGenesis);
  ASSERT_TRUE(g.ok()) << g.status().to_string();
  EXPECT_EQ(g->to_json(), kGenesis);
  EXPECT_EQ(to_hex(g->hash()), "9e89450cec90685162b42c0ea1541f8dd2fd7788fb2e016f8780687b0a7b9a92");
}

TEST(Roots, write_set_state_roster_and_validators) {
  EXPECT_EQ(to_hex(write_set_root(example_writes())),
            "ebf9ddc197b830820ff3751dc3e7be517ca7e5948bc3b96b323b8785a65ee82e");
  EXPECT_EQ(to_hex(example_state_root()),
            "54a19f9846146e98acdd35ead943468795cce2ad6382f8f1631c77937a30e961");
  EXPECT_EQ(to_hex(roster_hash_of(1, example_roster())),
            "f271a357db41a20731fbe9f2206b153b98c055faf1b4c45c789fe06aeb754d41");
  EXPECT_EQ(to_hex(validators_hash({{validator().public_key(), 1}})),
            "24bb3deebf7b6f7dfca129dabdeedb13bc2f2efa8ac829754429b8618a38d030");
  PublicKey one, two;
  one.fill(1);
  two.fill(2);
  EXPECT_EQ(to_hex(validators_hash({{one, 1}, {two, 1}})),
            "d57665fa1a54ce5205a48121c8527df54738f7f419939e6b393690c218deda2a");
}

TEST(Roots, header_0_is_a_macro_block_of_323_bytes) {
  EXPECT_EQ(header_0().encode().size(), 323u);
  EXPECT_EQ(to_hex(header_0().hash()),
            "74e40bcedc186824b1e830c5ae674009133ccf4cbda407fa574961378159d4a1");
}

TEST(Roots, header_1_over_the_example_command) {
  BlockRecord block = block_1();
  EXPECT_EQ(to_hex(block.header.command_root),
            "b8ae2169ae1d8be8c733bef8d83a6274edac17bd72e1bccf69d7664c52342b66");
  EXPECT_EQ(to_hex(block.header.receipt_root),
            "09e0a34d38fbe6a242803544fd02077fa6864e99bcbf71af3e301b7d26378c7e");
  EXPECT_EQ(block.header.encode().size(), 283u);
  EXPECT_EQ(to_hex(block.header.hash()),
            "019da9906b750cf21dc3ea3cdd2892a92800abf6c267f3786ea298b57bcbb569");
  Result<Header> again = Header::decode(block.header.encode());
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->hash(), block.header.hash());
}

TEST(Roots, proposal_vote_and_certificate) {
  const Hash header = hash("019da9906b750cf21dc3ea3cdd2892a92800abf6c267f3786ea298b57bcbb569");
  EXPECT_EQ(to_hex(vote_bytes("dev", 1, header)),
            "74622f766f74652f763103646576"
            "0100000000000000"
            "019da9906b750cf21dc3ea3cdd2892a92800abf6c267f3786ea298b57bcbb569");
  Signature vote = validator().sign(vote_bytes("dev", 1, header));
  EXPECT_EQ(to_hex(vote),
            "851a04d035181d58884f2c4660e7021c5d28b18d4721009cfb5886c6c13f8a8562c5c442af5c2fdf8680e7"
            "434870d85847ad1be8449e1872c938a9e57c5eda04");
  EXPECT_EQ(to_hex(solo_certificate(vote)), "01000000" + to_hex(vote));
  EXPECT_EQ(to_hex(validator().sign(proposal_bytes("dev", 1, header))),
            "8387e1923b7991ba13df58cbc84afc2dda56566c8c64f20c8ee780bbef7cbc23ac69b195dbb3c74b6ee501"
            "b626f36f8a38e8422c3ed3fba18e68ef69d9c9bb04");
}

TEST(BlockCodec, block_and_batch_survive_the_log_and_damage_is_refused) {
  BlockRecord block = block_1();
  Step& step = block.steps[0];
  step.outcome = Outcome::kCharged;
  step.code = -7;
  step.name = "n";
  step.text = "t";
  step.result = "{}";
  step.events = {{"topic", "{}"}};
  step.records = {{"kind", "{\"a\":1}"}};
  step.plugins_run = {"ledger"};
  step.false_checks = {0, 3};
  step.delta = {{"ledger", "k", std::nullopt, "v"}, {"chain", "n", "old", std::nullopt}};
  Bytes bytes = encode_block(block);
  Result<BlockRecord> back = decode_block(bytes, true);
  ASSERT_TRUE(back.ok()) << back.status().to_string();
  EXPECT_EQ(encode_block(*back), bytes);
  EXPECT_TRUE(decode_block(bytes, false)->steps[0].delta.empty());
  Result<std::vector<FalseChecks>> checks = decode_false_checks(bytes);
  ASSERT_TRUE(checks.ok());
  ASSERT_EQ(checks->size(), 1u);
  EXPECT_EQ((*checks)[0].checks, (std::vector<std::uint32_t>{0, 3}));
  for (std::size_t n = 0; n < bytes.size(); ++n)
    EXPECT_FALSE(decode_block(BytesView(bytes).substr(0, n), true).ok()) << n;
  Bytes batch = encode_batch(5, block.commands);
  Result<Batch> batch_back = decode_batch(batch);
  ASSERT_TRUE(batch_back.ok());
  EXPECT_EQ(batch_back->commands[0]->id, block.commands[0]->id);
  for (std::size_t n = 0; n < batch.size(); ++n)
    EXPECT_FALSE(decode_batch(BytesView(batch).substr(0, n)).ok()) << n;
}

}  // namespace
}  // namespace blockd
