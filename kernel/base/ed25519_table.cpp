// The curve of RFC 8032: -x^2 + y^2 = 1 + d x^2 y^2 over the integers modulo 2^255 - 19. Formulas:
// Hisil, Wong, Carter, Dawson, "Twisted Edwards curves revisited" (2008), section 3 and 3.3.
#include "kernel/base/ed25519_table.hpp"

#include <span>
#include <vector>

#include "kernel/base/assert.hpp"

namespace blockd::internal {
namespace {

using Fe = FieldElement;
using Encoded = std::array<std::uint8_t, 32>;

constexpr unsigned kLimbBits = 51;
constexpr std::uint64_t kLimbMask = (std::uint64_t{1} << kLimbBits) - 1;
constexpr Fe kZero{{0, 0, 0, 0, 0}}, kOne{{1, 0, 0, 0, 0}};

// --- field ---
//
// Limbs of a product are below 2^51 + 2^13, of a sum of two products below 2^52.1, of a difference
// with such a sum on the right below 2^53.9; a product takes limbs below 2^54.

[[gnu::always_inline]] inline Fe operator+(const Fe& a, const Fe& b) {
  return {{a.limb[0] + b.limb[0], a.limb[1] + b.limb[1], a.limb[2] + b.limb[2],
           a.limb[3] + b.limb[3], a.limb[4] + b.limb[4]}};
}

// Four times the prime is added, so that no limb falls below zero.
[[gnu::always_inline]] inline Fe operator-(const Fe& a, const Fe& b) {
  constexpr std::uint64_t kLowest = 4 * (kLimbMask - 18), kOthers = 4 * kLimbMask;
  return {{a.limb[0] + kLowest - b.limb[0], a.limb[1] + kOthers - b.limb[1],
           a.limb[2] + kOthers - b.limb[2], a.limb[3] + kOthers - b.limb[3],
           a.limb[4] + kOthers - b.limb[4]}};
}

// 2^255 is 19: what runs over the last limb comes back to the first, 19 times.
[[gnu::always_inline]] inline Fe carried(U128 r0, U128 r1, U128 r2, U128 r3, U128 r4) {
  r1 += static_cast<std::uint64_t>(r0 >> kLimbBits);
  r2 += static_cast<std::uint64_t>(r1 >> kLimbBits);
  r3 += static_cast<std::uint64_t>(r2 >> kLimbBits);
  r4 += static_cast<std::uint64_t>(r3 >> kLimbBits);
  const std::uint64_t over = static_cast<std::uint64_t>(r4 >> kLimbBits);
  const std::uint64_t low = (static_cast<std::uint64_t>(r0) & kLimbMask) + 19 * over;
  return {{low & kLimbMask, (static_cast<std::uint64_t>(r1) & kLimbMask) + (low >> kLimbBits),
           static_cast<std::uint64_t>(r2) & kLimbMask, static_cast<std::uint64_t>(r3) & kLimbMask,
           static_cast<std::uint64_t>(r4) & kLimbMask}};
}

[[gnu::always_inline]] inline U128 times(std::uint64_t a, std::uint64_t b) { return U128{a} * b; }

[[gnu::always_inline]] inline Fe operator*(const Fe& a, const Fe& b) {
  const std::uint64_t a0 = a.limb[0], a1 = a.limb[1], a2 = a.limb[2], a3 = a.limb[3],
                      a4 = a.limb[4];
  const std::uint64_t b0 = b.limb[0], b1 = b.limb[1], b2 = b.limb[2], b3 = b.limb[3],
                      b4 = b.limb[4];
  const std::uint64_t c1 = 19 * b1, c2 = 19 * b2, c3 = 19 * b3, c4 = 19 * b4;
  return carried(times(a0, b0) + times(a1, c4) + times(a2, c3) + times(a3, c2) + times(a4, c1),
                 times(a0, b1) + times(a1, b0) + times(a2, c4) + times(a3, c3) + times(a4, c2),
                 times(a0, b2) + times(a1, b1) + times(a2, b0) + times(a3, c4) + times(a4, c3),
                 times(a0, b3) + times(a1, b2) + times(a2, b1) + times(a3, b0) + times(a4, c4),
                 times(a0, b4) + times(a1, b3) + times(a2, b2) + times(a3, b1) + times(a4, b0));
}

[[gnu::always_inline]] inline Fe squared(const Fe& a) {
  const std::uint64_t a0 = a.limb[0], a1 = a.limb[1], a2 = a.limb[2], a3 = a.limb[3],
                      a4 = a.limb[4];
  const std::uint64_t d0 = 2 * a0, d1 = 2 * a1, c3 = 19 * a3, c4 = 19 * a4;
  return carried(times(a0, a0) + times(2 * a1, c4) + times(2 * a2, c3),
                 times(d0, a1) + times(2 * a2, c4) + times(a3, c3),
                 times(d0, a2) + times(a1, a1) + times(2 * a3, c4),
                 times(d0, a3) + times(d1, a2) + times(a4, c4),
                 times(d0, a4) + times(d1, a3) + times(a2, a2));
}

Fe squared(Fe a, int times_squared) {
  while (times_squared-- > 0) a = squared(a);
  return a;
}

// a^(2^250 - 1), and what the three powers below add to it.
struct Power {
  Fe most, of_3, of_11;
};
Power power_of(const Fe& a) {
  const Fe a2 = squared(a), a9 = squared(a2, 2) * a, a11 = a9 * a2;
  const Fe to_5 = squared(a11) * a9;  // a^(2^5 - 1), and so on
  const Fe to_10 = squared(to_5, 5) * to_5;
  const Fe to_20 = squared(to_10, 10) * to_10;
  const Fe to_40 = squared(to_20, 20) * to_20;
  const Fe to_50 = squared(to_40, 10) * to_10;
  const Fe to_100 = squared(to_50, 50) * to_50;
  const Fe to_200 = squared(to_100, 100) * to_100;
  return {squared(to_200, 50) * to_50, a2 * a, a11};
}
// a^(p - 2), a^((p - 5) / 8) and a^((p - 1) / 4) for the prime p.
Fe inverse_of(const Fe& a) {
  const Power power = power_of(a);
  return squared(power.most, 5) * power.of_11;
}
Fe root_power_of(const Fe& a) { return squared(power_of(a).most, 2) * a; }
Fe fourth_root_power_of(const Fe& a) {
  const Power power = power_of(a);
  return squared(power.most, 3) * power.of_3;
}

Fe decode_field(const Encoded& bytes) {
  std::uint64_t w[4];
  std::memcpy(w, bytes.data(), sizeof w);
  return {{w[0] & kLimbMask, (w[0] >> 51 | w[1] << 13) & kLimbMask,
           (w[1] >> 38 | w[2] << 26) & kLimbMask, (w[2] >> 25 | w[3] << 39) & kLimbMask,
           w[3] >> 12 & kLimbMask}};
}

// The one encoding below the prime.
Encoded encode_field(const Fe& a) {
  Fe r = a * kOne;  // limbs are nearly in their range now, and the value is below twice the prime
  std::uint64_t carry = 19;
  for (int i = 0; i < 5; ++i) carry = (r.limb[i] + carry) >> kLimbBits;
  carry *= 19;  // as often as the prime is in it
  for (int i = 0; i < 5; ++i) {
    r.limb[i] += carry;
    carry = r.limb[i] >> kLimbBits;
    r.limb[i] &= kLimbMask;
  }
  const std::uint64_t w[4] = {r.limb[0] | r.limb[1] << 51, r.limb[1] >> 13 | r.limb[2] << 38,
                              r.limb[2] >> 26 | r.limb[3] << 25, r.limb[3] >> 39 | r.limb[4] << 12};
  Encoded out;
  std::memcpy(out.data(), w, sizeof w);
  return out;
}

bool same(const Fe& a, const Fe& b) { return encode_field(a) == encode_field(b); }

// --- curve ---

// x = X / Z, y = Y / Z, and T = X Y / Z.
struct Point {
  Fe x, y, z, t;
};
constexpr Point kIdentity{kZero, kOne, kOne, kZero};

struct Constants {
  Fe d, twice_d, root_of_minus_one;
};
const Constants& constants() {
  static const Constants kConstants = [] {
    const Fe d = (kZero - Fe{{121665, 0, 0, 0, 0}}) * inverse_of(Fe{{121666, 0, 0, 0, 0}});
    return Constants{d, (d + d) * kOne, fourth_root_power_of(Fe{{2, 0, 0, 0, 0}})};
  }();
  return kConstants;
}

[[gnu::always_inline]] inline Point finished(const Fe& e, const Fe& f, const Fe& g, const Fe& h) {
  return {e * f, g * h, f * g, e * h};
}

inline Point doubled(const Point& p) {
  const Fe a = squared(p.x), b = squared(p.y), zz = squared(p.z);
  const Fe h = a + b, e = h - squared(p.x + p.y), g = a - b;
  return finished(e, zz + zz + g, g, h);
}

inline Point operator+(const Point& p, const TableEntry& q) {
  const Fe a = (p.y - p.x) * q.difference, b = (p.y + p.x) * q.sum, c = p.t * q.product;
  const Fe d = p.z + p.z;
  return finished(b - a, d - c, d + c, b + a);
}

// Section 5.1.3 of RFC 8032.
bool decode_point(const Encoded& bytes, Point* out) {
  const Fe y = decode_field(bytes), yy = squared(y);
  const Fe u = (yy - kOne) * kOne, v = constants().d * yy + kOne;
  const Fe v3 = squared(v) * v;
  Fe x = u * v3 * root_power_of(u * (squared(v3) * v));
  const Fe vxx = v * squared(x);
  if (!same(vxx, u)) {
    if (!same(vxx, kZero - u)) return false;
    x = x * constants().root_of_minus_one;
  }
  const bool odd = (encode_field(x)[0] & 1) != 0, wants_odd = bytes[31] >> 7 != 0;
  if (odd != wants_odd) x = (kZero - x) * kOne;
  *out = {x, y, kOne, x * y};
  return true;
}

// Affine forms of many points with a single inversion.
void to_entries(std::span<const Point> points, TableEntry* out) {
  std::vector<Fe> products;  // products[i]: of the z of all points in front of i
  Fe product = kOne;
  for (const Point& p : points) {
    products.push_back(product);
    product = product * p.z;
  }
  Fe inverse = inverse_of(product);
  for (std::size_t i = points.size(); i-- > 0;) {
    const Fe one_over_z = inverse * products[i];
    inverse = inverse * points[i].z;
    const Fe x = points[i].x * one_over_z, y = points[i].y * one_over_z;
    out[i] = {(y + x) * kOne, (y - x) * kOne, x * y * constants().twice_d};
  }
}

constexpr unsigned kScalarBits = 256;

// The comb of `point`: `out` has 2^rows - 1 entries, entry m - 1 is the sum of the rows in m.
void make_comb(const Point& point, unsigned rows, TableEntry* out) {
  std::vector<Point> row(rows, point);
  for (unsigned r = 1; r < rows; ++r) {
    row[r] = row[r - 1];
    for (unsigned i = 0; i < kScalarBits / rows; ++i) row[r] = doubled(row[r]);
  }
  std::vector<TableEntry> row_entries(rows);
  to_entries(row, row_entries.data());
  std::vector<Point> sums(std::size_t{1} << rows, kIdentity);
  for (std::size_t m = 1; m < sums.size(); ++m)
    sums[m] = sums[m & (m - 1)] + row_entries[static_cast<std::size_t>(std::countr_zero(m))];
  to_entries(std::span(sums).subspan(1), out);
}

// Which rows of a comb have a bit in column `i`.
template <unsigned kRows>
[[gnu::always_inline]] inline unsigned column(const KeyTable::Scalar& scalar, unsigned i) {
  unsigned m = 0;
  for (unsigned r = 0; r < kRows; ++r) {
    const unsigned bit = r * (kScalarBits / kRows) + i;
    m |= (scalar[bit / 8] >> (bit % 8) & 1u) << r;
  }
  return m;
}

constexpr unsigned kBaseRows = 8;
using BaseTable = std::array<TableEntry, (1u << kBaseRows) - 1>;

const BaseTable& base_table() {
  static const std::unique_ptr<const BaseTable> kTable = [] {
    Encoded encoded;  // y = 4/5 and an even x
    encoded.fill(0x66);
    encoded[0] = 0x58;
    Point base;
    TB_ASSERT(decode_point(encoded, &base));
    auto table = std::make_unique<BaseTable>();
    make_comb(base, kBaseRows, table->data());
    return table;
  }();
  return *kTable;
}

Encoded encode_point(const Point& p) {
  const Fe one_over_z = inverse_of(p.z);
  Encoded out = encode_field(p.y * one_over_z);
  const Encoded x = encode_field(p.x * one_over_z);
  out[31] = static_cast<std::uint8_t>(out[31] | (x[0] & 1) << 7);
  return out;
}

bool has_small_order(Point p) {
  for (int i = 0; i < 3; ++i) p = doubled(p);
  return same(p.x, kZero);  // the identity, or the point of order two, which 8 P never is
}

}  // namespace

std::unique_ptr<const KeyTable> KeyTable::make(const PublicKey& key) {
  Point point;
  if (!decode_point(key, &point)) return nullptr;
  const Point negated{(kZero - point.x) * kOne, point.y, point.z, (kZero - point.t) * kOne};
  std::unique_ptr<KeyTable> table(new KeyTable);
  make_comb(negated, kRows, table->entries_.data());
  return table;
}

bool KeyTable::holds(const Scalar& s, const Scalar& h, const Encoded& r) const {
  constexpr unsigned kColumns = kScalarBits / kRows, kBaseColumns = kScalarBits / kBaseRows;
  const BaseTable& base = base_table();
  Point p = kIdentity;
  for (unsigned i = kColumns; i-- > 0;) {
    p = doubled(p);
    if (const unsigned m = column<kRows>(h, i); m != 0) p = p + entries_[m - 1];
    if (i >= kBaseColumns) continue;
    if (const unsigned m = column<kBaseRows>(s, i); m != 0) p = p + base[m - 1];
  }
  return encode_point(p) == r && !has_small_order(p);
}

void KeyTable::fetch() const {
  const char* const begin = reinterpret_cast<const char*>(this);
  for (std::size_t at = 0; at < sizeof *this; at += 64) __builtin_prefetch(begin + at);
}

}  // namespace blockd::internal
