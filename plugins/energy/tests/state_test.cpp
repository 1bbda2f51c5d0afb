// Rows and keys of the energy state: what is written is read back, and nothing else is read.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "plugins/energy/keys.hpp"
#include "plugins/energy/state_codec.hpp"

namespace energy {
namespace {

Hash hash_of(std::uint8_t fill) {
  Hash hash;
  hash.fill(fill);
  return hash;
}

Reading reading(const std::string& id_as_sent) {
  Reading r{.provider_id = id_as_sent,
            .meter_address = "mock_meter_1",
            .kwh_reading = 12'000,
            .timestamp = 1'710'000'000,
            .nonce = 1};
  r.signature.fill(0xf1);
  return r;
}

Provider full_provider() {
  Provider p;
  p.id = 0x1f;
  p.owner = "acct";
  p.jurisdiction = "US_CA";
  p.meter_address = "z\xc3\xa4hler";
  p.capacity_kwh = kU64Max;
  p.available_kwh = kU64Max - 1;
  p.price_per_kwh = 120;
  p.total_delivered_kwh = 1;
  p.staked_balance = 5000;
  p.status = ProviderStatus::kDeactivated;
  p.last_reading = LastReading{.meter_value = 12'000, .timestamp = 1'710'000'000, .nonce = 0};
  p.last_settlement = 1'710'000'001;
  p.last_fulfillment_latency_ms = 0;
  p.reputation_score_ppm = 647'066;
  for (unsigned i = 0; i < kTraits; ++i) p.reputation.traits[i] = {1'000'000 + i, 2'000'000 + i};
  p.reputation.observations = 47;
  p.reputation.composite_ppm = 333'333;
  p.pending_credits = 3;
  p.open_disputes = 4;
  p.queued_settlements = 5;
  p.voided_kwh = 6;
  p.purged_kwh = 7;
  p.capacity_resets_seen = 8;
  p.height_base = -9;
  return p;
}

Totals full_totals() {
  Totals t;
  t.next_provider = std::uint64_t{1} << 32;
  t.queue_seq = 1;
  t.receipt_seq = 2;
  t.slash_seq = 3;
  t.dispute_seq = 4;
  t.event_seq = 5;
  t.provider_count = 6;
  t.open_disputes = 7;
  t.total_capacity_kwh = kU128Max;
  t.total_consumed_kwh = kU128Max - 1;
  t.total_kwh_settled = 8;
  t.total_price_paid = U128{kU64Max} * kU64Max;
  t.treasury_accrued = 9;
  t.expired_below = {.block = 10, .meter_hash = hash_of(0xaa)};
  t.purged_below = {.block = 11, .meter_hash = hash_of(0xbb)};
  t.open_since = 12;
  t.epoch_kwh = 13;
  t.epoch_payout = 14;
  t.epoch_low_price = 15;
  t.capacity_resets = 16;
  t.height_base = std::numeric_limits<std::int64_t>::min();
  return t;
}

// Round trip, and no shorter, longer or differently versioned form of the row is accepted.
template <class Row>
void check_row(const Row& row) {
  SCOPED_TRACE(Row::kRowName);
  const std::string bytes = encode_row(row);
  Row read;
  ASSERT_EQ(decode_row(bytes, read), RowError::kNone);
  EXPECT_EQ(read, row);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(decode_row(std::string_view(bytes).substr(0, size), read), RowError::kDamaged)
        << size;
  }
  EXPECT_EQ(decode_row(bytes + '\0', read), RowError::kDamaged);
  for (const int layout : {0, Row::kLayout + 1, 255}) {
    std::string other = bytes;
    other[0] = static_cast<char>(layout);
    EXPECT_EQ(decode_row(other, read), RowError::kUnknownLayout);
  }
  // Any change of a byte is either refused or read as another row: no two encodings of one value.
  for (std::size_t i = 1; i < bytes.size(); ++i) {
    for (const int flip : {0x01, 0x80, 0xff}) {
      std::string other = bytes;
      other[i] = static_cast<char>(other[i] ^ flip);
      Row changed;
      if (decode_row(other, changed) == RowError::kNone) {
        EXPECT_NE(changed, row);
        EXPECT_EQ(encode_row(changed), other);
      }
    }
  }
}

TEST(EnergyRows, every_row_reads_back_what_was_written_and_nothing_else) {
  check_row(Provider{});
  check_row(full_provider());
  check_row(MeterBinding{.provider = 0xffffffff});
  check_row(Credit{.provider = 0x1f,
                   .amount_kwh = 1,
                   .block = 2,
                   .reserved_kwh = 3,
                   .reading = reading("energy-0x1f")});
  check_row(CreditPlace{.provider = 128});
  check_row(QueuedSettlement{.queue_id = 1,
                             .due_block = 108,
                             .provider = 2,
                             .buyer = "acct",
                             .kwh_consumed = 400,
                             .meter_hash = hash_of(1),
                             .by_buyer = true,
                             .receipt_auth = ReceiptAuth{.signature = {1, 2, 3}, .nonce = 9}});
  check_row(QueuedSettlement{});
  check_row(Receipt{.seq = 1,
                    .buyer = "acct",
                    .seller = 3,
                    .kwh_delivered = 400,
                    .price_paid = kU64Max,
                    .block_settled = 101,
                    .treasury_fee = 1200,
                    .treasury_fee_bps = 1000,
                    .jurisdiction_fee = 7,
                    .slash_applied = 8,
                    .meter_hash = hash_of(2),
                    .reading = reading("energy-0x00000003")});
  check_row(ReceiptPlace{});
  check_row(
      SlashRecord{.seq = 1, .provider = 2, .block_height = 3, .amount = 4, .recorded_at = 5000});
  check_row(Dispute{.id = 1,
                    .provider = 2,
                    .meter_hash = hash_of(3),
                    .reporter = "ops-team",
                    .reason = "meter offline",
                    .opened_at = 110,
                    .opened_time = 1'710'000'000,
                    .resolution = std::nullopt});
  check_row(Dispute{.id = 1,
                    .provider = 2,
                    .meter_hash = hash_of(3),
                    .reporter = "r",
                    .reason = "x",
                    .opened_at = 1,
                    .opened_time = 2,
                    .resolution = Resolution{.resolved_at = 5,
                                             .note = "",
                                             .resolver = "system",
                                             .outcome = DisputeOutcome::kSlashed}});
  check_row(OpenDispute{.id = 7});
  check_row(TrustRoot{
      .public_key = hash_of(4), .scheme = KeyScheme::kEd25519, .registered_at_block = 99});
  check_row(KeyVersion{.version = 7});
  check_row(KeyDigest{.digest = hash_of(5)});
  check_row(Totals{});
  check_row(full_totals());
}

// The layout written down: an accidental change of it must fail a test, for stored state would no
// longer be read.
TEST(EnergyRows, layout_1_has_these_bytes) {
  EXPECT_EQ(encode_row(MeterBinding{.provider = 300}), std::string("\x01\xac\x02"));
  EXPECT_EQ(encode_row(KeyVersion{.version = 0}), std::string("\x01\x00", 2));
  EXPECT_EQ(encode_row(SlashRecord{
                .seq = 1, .provider = 2, .block_height = 128, .amount = 0, .recorded_at = 5}),
            std::string("\x01\x01\x02\x80\x01\x00\x05", 7));
  Provider p;
  p.owner = "o";
  p.height_base = -1;
  const std::string start("\x01\x00\x01o\x00\x00\x00\x00\x00\x00\x00\x00", 12);
  const std::string nothing_yet("\x00\x00\x00\xc0\x84\x3d", 6);
  EXPECT_EQ(encode_row(p).substr(0, 18), start + nothing_yet);
  EXPECT_EQ(encode_row(p).back(), '\x01');
}

TEST(EnergyRows, numbers_have_one_spelling) {
  KeyVersion version;
  EXPECT_EQ(decode_row(std::string_view("\x01\x80\x00", 3), version), RowError::kDamaged);
  const std::string largest = "\x01" + std::string(9, '\xff') + '\x01';
  ASSERT_EQ(decode_row(largest, version), RowError::kNone);
  EXPECT_EQ(version.version, kU64Max);
  EXPECT_EQ(decode_row("\x01" + std::string(9, '\xff') + '\x02', version), RowError::kDamaged);
  EXPECT_EQ(decode_row("\x01" + std::string(10, '\xff') + '\x01', version), RowError::kDamaged);
  MeterBinding binding;
  EXPECT_EQ(decode_row("\x01\xff\xff\xff\xff\x0f", binding), RowError::kNone);
  EXPECT_EQ(decode_row("\x01\xff\xff\xff\xff\x1f", binding), RowError::kDamaged)
      << "beyond 32 bits";
}

TEST(EnergyRows, a_length_beyond_the_row_is_refused_without_reserving_memory) {
  Provider p;
  const std::string huge = std::string("\x01\x00", 2) + std::string(9, '\xff') + '\x01';
  EXPECT_EQ(decode_row(huge, p), RowError::kDamaged);
}

TEST(EnergyRows, a_reading_keeps_the_provider_id_as_it_was_sent) {
  Credit sent_short{.provider = 0, .reading = reading("energy-0x00")};
  Credit sent_padded{.provider = 0, .reading = reading("energy-0x00000000")};
  Credit read;
  ASSERT_EQ(decode_row(encode_row(sent_short), read), RowError::kNone);
  EXPECT_EQ(read.reading.provider_id, "energy-0x00");
  ASSERT_EQ(decode_row(encode_row(sent_padded), read), RowError::kNone);
  EXPECT_EQ(read.reading.provider_id, "energy-0x00000000");
  EXPECT_LT(encode_row(sent_padded).size(), encode_row(sent_short).size());
}

TEST(EnergyRows, rows_of_a_reading_are_small) {
  EXPECT_LE(encode_row(full_provider()).size(), 160u);
  EXPECT_LE(
      encode_row(
          Credit{.amount_kwh = 12'000, .block = 100'000, .reading = reading("energy-0x00000000")})
          .size(),
      110u);
  EXPECT_LE(encode_row(CreditPlace{}).size(), 2u);
}

TEST(EnergyRows, an_error_names_the_row_and_what_to_do) {
  EXPECT_EQ(describe_row_error(RowError::kUnknownLayout, Credit::kRowName, "\x07", Credit::kLayout),
            "energy state: a credit row has layout 7, this build reads layout 1; run the plugin "
            "version that the "
            "roster names for this height");
  EXPECT_EQ(describe_row_error(RowError::kDamaged, Totals::kRowName, "\x01\x02", Totals::kLayout),
            "energy state: a totals row of 2 bytes does not decode; restore the newest verified "
            "snapshot and replay");
}

TEST(EnergyKeys, numbers_sort_as_numbers) {
  const Keys keys(Space::kReal);
  const CreditCursor low{.block = 255, .meter_hash = hash_of(0xff)},
      high{.block = 256, .meter_hash = hash_of(0)};
  EXPECT_LT(keys.credit_place(low).view(), keys.credit_place(high).view());
  EXPECT_LT(low, high);
  EXPECT_LT(keys.queued(9, kU64Max), keys.queued(10, 0));
  EXPECT_LT(keys.receipt(0xff), keys.receipt(0x100));
  EXPECT_LT(keys.provider(9).view(), keys.provider(0x10).view());
  EXPECT_LT(keys.receipt_place(hash_of(1), 255), keys.receipt_place(hash_of(1), 256));
}

TEST(EnergyKeys, keys_have_the_documented_form) {
  const Keys keys(Space::kReal);
  EXPECT_EQ(keys.provider(0x1f).view(), "p/energy-0x0000001f");
  EXPECT_EQ(keys.meter("meter_a"), "m/meter_a");
  EXPECT_EQ(keys.credit(hash_of('h')).view(), "c/" + std::string(32, 'h'));
  EXPECT_EQ(keys.receipt(0x0102), std::string("r/\0\0\0\0\0\0\1\2", 10));
  EXPECT_EQ(keys.slash(hash_of('h'), SlashReason::kExpiry),
            "sk/" + std::string(32, 'h') + "expiry");
  EXPECT_EQ(keys.open_dispute(hash_of('h')), "do/" + std::string(32, 'h'));
  EXPECT_EQ(keys.totals(), "tot");
  EXPECT_EQ(trust_root_key(1).view(), "k/energy-0x00000001");
  EXPECT_EQ(Keys(Space::kRehearsal).provider(0).view(), "rehearsal/p/energy-0x00000000");
  EXPECT_THROW(ShortKey().text(std::string(65, 'x')), std::length_error);
}

TEST(EnergyKeys, scanned_keys_say_their_place_and_other_keys_do_not) {
  const CreditCursor at{.block = 0x0102030405060708, .meter_hash = hash_of(7)};
  for (const Space space : {Space::kReal, Space::kRehearsal}) {
    const Keys keys(space);
    EXPECT_EQ(keys.read_credit_place(keys.credit_place(at)), at);
    EXPECT_EQ(keys.read_queued(keys.queued(108, 5)),
              (Keys::QueuePlace{.due_block = 108, .queue_id = 5}));
    EXPECT_EQ(keys.read_receipt_place(keys.receipt_place(hash_of(1), 42)), 42u);
    EXPECT_FALSE(keys.read_credit_place(keys.credit_place(at).text("x")));
    EXPECT_FALSE(keys.read_credit_place(keys.queued(1, 1)));
    EXPECT_FALSE(keys.read_queued(keys.credit_place(at)));
    EXPECT_FALSE(keys.read_receipt_place(""));
  }
  EXPECT_FALSE(Keys(Space::kReal).read_queued(Keys(Space::kRehearsal).queued(1, 1)));
  EXPECT_FALSE(Keys(Space::kRehearsal).read_queued(Keys(Space::kReal).queued(1, 1)));
}

// A scan over one kind of row must not meet another kind, nor the sandbox.
TEST(EnergyKeys, no_prefix_of_a_kind_covers_another_kind) {
  const Keys keys(Space::kReal);
  const std::vector<std::string> prefixes = {keys.providers(),
                                             keys.credits(),
                                             keys.credit_places(),
                                             keys.queue(),
                                             keys.receipts(),
                                             keys.disputes(),
                                             "m/",
                                             "rh/",
                                             "sk/",
                                             "do/",
                                             std::string(kTrustRootPrefix),
                                             std::string(kKeyVersionKey),
                                             std::string(kKeyDigestKey),
                                             keys.totals(),
                                             std::string(kRehearsalPrefix)};
  for (const std::string& a : prefixes) {
    int covered = 0;
    for (const std::string& b : prefixes) covered += b.starts_with(a) ? 1 : 0;
    EXPECT_EQ(covered, 1) << a;
  }
}

// Numbers of every size, near the end of a row and far from it.
TEST(EnergyRows, numbers_of_every_size_have_one_encoding) {
  for (unsigned bits = 0; bits <= 64; ++bits) {
    const std::uint64_t highest = bits == 0 ? 0 : kU64Max >> (64 - bits);
    for (const std::uint64_t number : {highest, highest - highest / 2, highest / 3}) {
      check_row(KeyVersion{.version = number});
      Totals totals;
      totals.next_provider = number;
      check_row(totals);
    }
  }
  const std::string too_large = std::string("\x01\xff\xff\xff\xff\x10", 6) + std::string(8, '\0');
  MeterBinding binding;
  EXPECT_EQ(decode_row(too_large, binding), RowError::kDamaged);
  EXPECT_EQ(decode_row(std::string_view("\x01\xff\xff\xff\xff\x0f", 6), binding), RowError::kNone);
  EXPECT_EQ(binding.provider, 0xffffffffu);
}

TEST(EnergyRows, a_credit_that_borrows_its_texts_is_written_like_one_that_owns_them) {
  for (const char* id : {"energy-0x0000001f", "energy-0x1f"}) {
    const Credit credit{.provider = 0x1f, .amount_kwh = 300, .block = 2, .reading = reading(id)};
    EXPECT_EQ(RowBytes(CreditView(credit)).view(), encode_row(credit));
  }
}

}  // namespace
}  // namespace energy
