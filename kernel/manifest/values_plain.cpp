// Params -> tb_value[] straight from canonical text: what decode_params() does for the commands
// that make up nearly all of a log, without a tree in between.
#include <algorithm>

#include "kernel/base/address.hpp"
#include "kernel/base/canonical_text.hpp"
#include "kernel/base/hex_wide.hpp"
#include "kernel/manifest/plain_params.hpp"
#include "kernel/manifest/values.hpp"

namespace blockd {
namespace {

constexpr std::size_t kMaxFields = 64;  // one bit each tells which have been seen

bool in_range(const Field& field, std::uint64_t number) {
  return (!field.min || number >= *field.min) && (!field.max || number <= *field.max);
}

bool plain_number(const Field& field, CanonicalText& in, std::uint64_t type_max, tb_value* out) {
  out->type = field.type == FieldType::kU128  ? TB_TYPE_U128
              : field.type == FieldType::kI64 ? TB_TYPE_I64
                                              : TB_TYPE_U64;
  return in.number(&out->num) && out->num <= type_max && in_range(field, out->num);
}

bool plain_text(const Field& field, CanonicalText& in, tb_value* out) {
  std::string_view text;
  if (!in.text(&text) || !in_range(field, text.size())) return false;
  out->type = TB_TYPE_STR;
  out->str = to_str(text);
  if (field.ignore_case) return false;
  return field.choices.empty() ||
         std::find(field.choices.begin(), field.choices.end(), text) != field.choices.end();
}

bool plain_address(CanonicalText& in, tb_value* out) {
  std::string_view text;
  if (!in.text(&text) || !is_address(text) || text.front() != 't') return false;
  out->type = TB_TYPE_STR;
  out->str = to_str(text);
  return true;
}

bool plain_hex(const Field& field, CanonicalText& in, ValueArena& arena, tb_value* out) {
  std::string_view text;
  if (!in.text(&text)) return false;
  if (text.starts_with("0x")) text.remove_prefix(2);
  const std::size_t size = text.size() / 2;
  const bool fits = field.type == FieldType::kHash ? size == 32 : in_range(field, size);
  if (text.size() % 2 != 0 || !fits) return false;
  auto* raw = static_cast<char*>(arena.allocate(size, 1));
  out->type = TB_TYPE_BYTES;
  out->str = tb_str{raw, size};
  return read_hex_digits<true>(text.data(), size, raw);
}

bool plain_bool(CanonicalText& in, tb_value* out) {
  out->type = TB_TYPE_BOOL;
  out->num = in.take("true") ? 1 : 0;
  return out->num == 1 || in.take("false");
}

bool plain_value(const Field& field, CanonicalText& in, ValueArena& arena, tb_value* out) {
  switch (field.type) {
    case FieldType::kU8:
      return plain_number(field, in, 0xff, out);
    case FieldType::kU16:
      return plain_number(field, in, 0xffff, out);
    case FieldType::kU32:
      return plain_number(field, in, 0xffffffff, out);
    case FieldType::kU64:
    case FieldType::kU128:
    case FieldType::kI64:
      return plain_number(field, in, kMaxSafeInteger, out);
    case FieldType::kString:
      return plain_text(field, in, out);
    case FieldType::kAddress:
      return plain_address(in, out);
    case FieldType::kBytes:
    case FieldType::kHash:
      return plain_hex(field, in, arena, out);
    case FieldType::kBool:
      return plain_bool(in, out);
    default:
      return false;
  }
}

// Fields that the text did not give.
bool fill_absent(const std::vector<Field>& fields, std::uint64_t seen, ValueArena& arena,
                 tb_value* out) {
  for (std::size_t i = 0; i < fields.size(); ++i) {
    out[i].name = to_str(fields[i].name);
    if ((seen >> i & 1) != 0) continue;
    if (fields[i].default_value) {
      if (decode_field(fields[i], *fields[i].default_value, arena, &out[i])) return false;
    } else if (fields[i].required) {
      return false;
    }
  }
  return true;
}

}  // namespace

bool PlainParams::decode(const std::vector<Field>& fields, BytesView text, ValueArena& arena,
                         std::vector<tb_value>* out) {
  if (text.empty() || fields.size() > kMaxFields) return false;
  out->assign(fields.size(), tb_value{});
  CanonicalText in(text);
  CanonicalText::Members members(in);
  std::uint64_t seen = 0;
  std::size_t count = 0;
  for (std::string_view name;; ++count) {
    std::size_t i = count < order_.size() ? order_[count] : fields.size();
    if (i >= fields.size() || !members.next_is(fields[i].name)) {
      if (!members.next(&name)) return false;
      if (name.data() == nullptr) break;
      for (i = 0; i < fields.size() && fields[i].name != name;) ++i;
      if (i == fields.size()) return false;  // an alias, or unknown
      order_.resize(count);
      order_.push_back(i);
    }
    if (!plain_value(fields[i], in, arena, &(*out)[i])) return false;
    seen |= std::uint64_t{1} << i;
  }
  return in.done() && fill_absent(fields, seen, arena, out->data());
}

bool decode_plain_params(const std::vector<Field>& fields, BytesView text, ValueArena& arena,
                         std::vector<tb_value>* out) {
  return PlainParams().decode(fields, text, arena, out);
}

}  // namespace blockd
