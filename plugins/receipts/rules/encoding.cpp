#include "plugins/receipts/rules/encoding.hpp"

#include <algorithm>

namespace receipts {

void put_le(std::string& out, std::uint64_t value, std::size_t bytes) {
  char buffer[8];
  for (std::size_t i = 0; i < bytes; ++i) buffer[i] = static_cast<char>(value >> (8 * i));
  out.append(buffer, bytes);
}

void put_text(std::string& out, std::string_view text) {
  put_le(out, text.size(), 8);
  out.append(text);
}

namespace {

void encode_list(const FieldSpec& spec, const std::vector<Entry>& list, std::string& out) {
  put_le(out, list.size(), 8);
  for (const Entry& entry : list) {
    switch (spec.kind) {
      case Kind::kRoutes:
        put_le(out, 2, 8);
        put_text(out, "role");
        put_text(out, entry.key);
        put_text(out, "address");
        put_text(out, entry.value);
        break;
      case Kind::kLinks:
        put_le(out, 2, 8);
        put_text(out, "device_hash");
        put_text(out, entry.key);
        put_text(out, "opt_in");
        put_le(out, entry.number, 8);
        break;
      case Kind::kBreakdown:
        put_text(out, entry.key);
        put_le(out, entry.number, 8);
        break;
      default:
        put_text(out, entry.key);
    }
  }
}

void encode_field(const FieldSpec& spec, const Field& field, std::string& out) {
  put_text(out, spec.name);
  switch (spec.kind) {
    case Kind::kText:
    case Kind::kBytes:
    case Kind::kDigest:
      return put_text(out, field.bytes);
    case Kind::kNumber:
    case Kind::kSmall:
    case Kind::kFlag:
      return put_le(out, field.number, 8);
    default:
      return encode_list(spec, field.list, out);
  }
}

}  // namespace

void encode(const Receipt& receipt, std::string& out) {
  const Schema& schema = receipt.schema();
  std::uint64_t count = 1;
  for (const Field& field : receipt.fields()) count += field.present ? 1 : 0;
  put_le(out, count, 8);
  put_text(out, "type");
  put_text(out, schema.type);
  for (std::size_t i = 0; i < schema.fields.size(); ++i) {
    if (receipt.fields()[i].present) encode_field(schema.fields[i], receipt.fields()[i], out);
  }
}

std::string encode(const Receipt& receipt) {
  std::string out;
  out.reserve(512);
  encode(receipt, out);
  return out;
}

bool valid_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = [&](std::size_t at) { return static_cast<std::uint8_t>(text[at]); };
    const std::uint8_t lead = byte(i);
    if (lead < 0x80) {
      ++i;
      continue;
    }
    const std::size_t more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    if (lead < 0xc2 || lead > 0xf4 || i + more >= text.size()) return false;
    for (std::size_t k = 1; k <= more; ++k) {
      if ((byte(i + k) & 0xc0) != 0x80) return false;
    }
    const std::uint8_t next = byte(i + 1);
    if ((lead == 0xe0 && next < 0xa0) || (lead == 0xed && next > 0x9f) ||
        (lead == 0xf0 && next < 0x90) || (lead == 0xf4 && next > 0x8f)) {
      return false;  // overlong, a surrogate, or beyond U+10FFFF
    }
    i += more + 1;
  }
  return true;
}

namespace {

// Reads in the order in which encode() writes; `good` is false once anything differs.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  bool good() const { return good_; }
  std::string_view rest() const { return rest_; }
  void fail() { good_ = false; }

  std::uint64_t number() {
    const std::string_view bytes = take(8);
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i)
      value |= static_cast<std::uint64_t>(static_cast<std::uint8_t>(bytes[i])) << (8 * i);
    return value;
  }
  std::string_view bytes() { return take(number()); }
  std::string_view text() {
    const std::string_view text = bytes();
    good_ = good_ && valid_utf8(text);
    return text;
  }
  void expect_number(std::uint64_t value) { good_ = number() == value && good_; }
  void expect_text(std::string_view text) { good_ = bytes() == text && good_; }
  // Whether the next field has that name; only then it is consumed.
  bool field(std::string_view name) {
    Reader ahead(rest_);
    if (!good_ || ahead.bytes() != name || !ahead.good()) return false;
    rest_ = ahead.rest_;
    return true;
  }

 private:
  std::string_view take(std::uint64_t count) {
    if (!good_ || count > rest_.size()) {
      good_ = false;
      return {};
    }
    const std::string_view taken = rest_.substr(0, static_cast<std::size_t>(count));
    rest_.remove_prefix(taken.size());
    return taken;
  }

  std::string_view rest_;
  bool good_ = true;
};

void read_entry(Reader& in, const FieldSpec& spec, std::size_t place, Entry& entry) {
  switch (spec.kind) {
    case Kind::kRoutes:
      in.expect_number(2);
      in.expect_text("role");
      entry.key = in.text();
      in.expect_text("address");
      entry.value = in.text();
      break;
    case Kind::kLinks:
      in.expect_number(2);
      in.expect_text("device_hash");
      entry.key = in.text();
      in.expect_text("opt_in");
      entry.number = in.number();
      if (entry.number > 1) in.fail();
      break;
    case Kind::kBreakdown:
      entry.key = kBreakdownNames[place];
      in.expect_text(entry.key);
      entry.number = in.number();
      break;
    default:
      entry.key = in.text();
  }
}

// A list that is there is not empty; every element takes eight bytes at least.
void read_list(Reader& in, const FieldSpec& spec, std::vector<Entry>& list) {
  const std::uint64_t count = in.number();
  if (count == 0 || count > in.rest().size() / 8 ||
      (spec.kind == Kind::kBreakdown && count != std::size(kBreakdownNames))) {
    in.fail();
  }
  const bool sorted = spec.kind == Kind::kRoutes || spec.kind == Kind::kLinks;
  for (std::uint64_t i = 0; i < count && in.good(); ++i) {
    Entry entry;
    read_entry(in, spec, static_cast<std::size_t>(i), entry);
    if (sorted && !list.empty() && list.back().key >= entry.key) in.fail();
    list.push_back(std::move(entry));
  }
}

void read_field(Reader& in, const FieldSpec& spec, Field& field) {
  field.present = true;
  switch (spec.kind) {
    case Kind::kText:
      field.bytes = in.text();
      break;
    case Kind::kBytes:
      field.bytes = in.bytes();
      break;
    case Kind::kDigest:
      field.bytes = in.bytes();
      if (field.bytes.size() != 32) in.fail();
      break;
    case Kind::kNumber:
      field.number = in.number();
      break;
    case Kind::kSmall:
      field.number = in.number();
      if (field.number >> 32 != 0) in.fail();
      break;
    case Kind::kFlag:
      field.number = in.number();
      if (field.number > 1) in.fail();
      break;
    default:
      read_list(in, spec, field.list);
  }
}

// The bundle of a compute receipt is there as a whole or not at all; two of its texts may be left
// out, which the checks of a receipt treat.
bool bundle_whole(const Receipt& receipt) {
  if (receipt.type() != Type::kCompute) return true;
  std::size_t required = 0, texts = 0;
  const auto specs = receipt.schema().fields;
  for (std::size_t i = 0; i < specs.size(); ++i) {
    if (!specs[i].optional || !receipt.fields()[i].present) continue;
    (specs[i].kind == Kind::kText ? texts : required) += 1;
  }
  return required == 4 || (required == 0 && texts == 0);
}

}  // namespace

std::optional<Receipt> decode_next(std::string_view& rest) {
  Reader in(rest);
  const std::uint64_t count = in.number();
  in.expect_text("type");
  const std::optional<Type> type = type_named(in.bytes());
  if (!in.good() || !type) return std::nullopt;
  Receipt receipt(*type);
  const auto specs = receipt.schema().fields;
  std::uint64_t found = 1;
  for (std::size_t i = 0; i < specs.size() && in.good(); ++i) {
    if (in.field(specs[i].name)) {
      read_field(in, specs[i], receipt.fields()[i]);
      ++found;
    } else if (!specs[i].optional) {
      in.fail();
    }
  }
  if (!in.good() || found != count || !bundle_whole(receipt)) return std::nullopt;
  rest = in.rest();
  return receipt;
}

std::optional<Receipt> decode(std::string_view encoding) {
  std::optional<Receipt> receipt = decode_next(encoding);
  if (!encoding.empty()) return std::nullopt;
  return receipt;
}

}  // namespace receipts
