#include "plugins/receipts/rules/draft.hpp"

#include <algorithm>
#include <charconv>

#include "plugins/receipts/rules/encoding.hpp"

namespace receipts {

std::optional<std::string> from_hex(std::string_view text) {
  const auto digit = [](char c) -> int {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  if (text.size() % 2 != 0) return std::nullopt;
  std::string out;
  out.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = digit(text[i]), low = digit(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    out.push_back(static_cast<char>(high * 16 + low));
  }
  return out;
}

namespace {

std::optional<std::uint64_t> read_number(const tb::Value& value) {
  if (value.type() == TB_TYPE_U64) return value.u64();
  if (value.type() == TB_TYPE_I64 && value.i64(-1) >= 0) return value.u64();
  if (value.type() != TB_TYPE_STR) return std::nullopt;
  const std::string_view text = value.text();
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  if (!whole || (text.size() > 1 && text[0] == '0')) return std::nullopt;
  return number;
}

bool read_small(const tb::Value& value, Field& field) {
  const auto number = read_number(value);
  field.number = number.value_or(0);
  return number && field.number >> 32 == 0;
}

bool read_bytes(const tb::Value& value, Field& field) {
  if (value.type() == TB_TYPE_BYTES) {
    field.bytes = value.text();
    return true;
  }
  if (value.type() != TB_TYPE_STR) return false;
  auto bytes = from_hex(value.text());
  if (bytes) field.bytes = std::move(*bytes);
  return bytes.has_value();
}

bool read_text(const tb::Value& value, std::string& out) {
  out = value.text();
  return value.type() == TB_TYPE_STR && valid_utf8(out);
}

bool sort_unique(std::vector<Entry>& list) {
  const auto before = [](const Entry& a, const Entry& b) { return a.key < b.key; };
  std::sort(list.begin(), list.end(), before);
  return std::adjacent_find(list.begin(), list.end(), [](const Entry& a, const Entry& b) {
           return a.key == b.key;
         }) == list.end();
}

bool read_routes(const tb::Value& value, Field& field) {
  if (value.type() != TB_TYPE_RECORD) return false;
  for (const tb_value& item : value.items()) {
    Entry entry{std::string(tb::to_view(item.name)), {}, 0};
    if (!read_text(tb::Value(&item), entry.value)) return false;
    field.list.push_back(std::move(entry));
  }
  return sort_unique(field.list);
}

bool read_breakdown(const tb::Value& value, Field& field) {
  if (value.type() != TB_TYPE_RECORD || value.size() != std::size(kBreakdownNames)) return false;
  for (std::string_view name : kBreakdownNames) {
    const auto number = read_number(value[name]);
    if (!number) return false;
    field.list.push_back({std::string(name), {}, *number});
  }
  return true;
}

bool read_links(const tb::Value& value, Field& field) {
  if (value.type() != TB_TYPE_LIST) return false;
  for (const tb_value& item : value.items()) {
    const tb::Value link(&item);
    Entry entry;
    if (link.size() != 2 || !read_text(link["device_hash"], entry.key) ||
        link["opt_in"].type() != TB_TYPE_BOOL) {
      return false;
    }
    entry.number = link["opt_in"].boolean() ? 1 : 0;
    field.list.push_back(std::move(entry));
  }
  return sort_unique(field.list);
}

bool read_texts(const tb::Value& value, Field& field) {
  if (value.type() != TB_TYPE_LIST) return false;
  for (const tb_value& item : value.items()) {
    Entry entry;
    if (!read_text(tb::Value(&item), entry.key)) return false;
    field.list.push_back(std::move(entry));
  }
  return true;
}

bool read_field(const FieldSpec& spec, const tb::Value& value, Field& field) {
  field.present = true;
  switch (spec.kind) {
    case Kind::kText:
      return read_text(value, field.bytes);
    case Kind::kNumber: {
      const auto number = read_number(value);
      field.number = number.value_or(0);
      return number.has_value();
    }
    case Kind::kSmall:
      return read_small(value, field);
    case Kind::kFlag:
      field.number = value.boolean() ? 1 : 0;
      return value.type() == TB_TYPE_BOOL;
    case Kind::kDigest:
      return read_bytes(value, field) && field.bytes.size() == 32;
    case Kind::kBytes:
      return read_bytes(value, field);
    case Kind::kRoutes:
      return read_routes(value, field);
    case Kind::kBreakdown:
      return read_breakdown(value, field);
    case Kind::kLinks:
      return read_links(value, field);
    case Kind::kTexts:
      return read_texts(value, field);
  }
  return false;
}

bool may_be_left_out(const Receipt& receipt, std::string_view name) {
  return name == receipt.schema().signature || name == "signature_nonce" || name == "block_height";
}

tb::Value value_of(const tb::Value& tree, std::string_view name) {
  if (name.starts_with(kBlockTorchPrefix))
    return tree["blocktorch"][name.substr(kBlockTorchPrefix.size())];
  return tree[name == "mesh_transport" ? "transport" : name];
}

std::optional<Receipt> refuse(std::string* problem, std::string text) {
  if (problem != nullptr) *problem = std::move(text);
  return std::nullopt;
}

// Every member must have been read as a field: returns the first that was not.
std::string_view unknown_member(const Receipt& receipt, const tb::Value& tree, bool bundle) {
  for (const tb_value& item : tree.items()) {
    const std::string_view name = tb::to_view(item.name);
    if (!bundle && (name == "type" || (name == "blocktorch" && receipt.type() == Type::kCompute)))
      continue;
    const std::string field = bundle ? std::string(kBlockTorchPrefix) + std::string(name)
                              : name == "transport" ? "mesh_transport"
                                                    : std::string(name);
    const bool misplaced =
        !bundle && (name.starts_with(kBlockTorchPrefix) || name == "mesh_transport");
    if (misplaced || receipt.find(field) == nullptr) return name;
  }
  return {};
}

}  // namespace

std::optional<Receipt> read_receipt(const tb::Value& tree, std::string* problem) {
  const std::optional<Type> type = type_named(tree["type"].text());
  if (!type) {
    return refuse(problem,
                  "type must be storage, storage_slash, compute, compute_slash, energy, "
                  "energy_slash, ad or relay");
  }
  Receipt receipt(*type);
  for (const bool bundle : {false, true}) {
    const std::string_view unknown =
        unknown_member(receipt, bundle ? tree["blocktorch"] : tree, bundle);
    if (!unknown.empty())
      return refuse(problem, "'" + std::string(unknown) + "' is no field of this receipt type");
  }
  const auto specs = receipt.schema().fields;
  const bool has_bundle = !tree["blocktorch"].absent();
  for (std::size_t i = 0; i < specs.size(); ++i) {
    const FieldSpec& spec = specs[i];
    Field& field = receipt.fields()[i];
    const tb::Value value = value_of(tree, spec.name);
    const bool of_bundle = spec.name.starts_with(kBlockTorchPrefix) && spec.kind != Kind::kText;
    const bool needed = !spec.optional || (of_bundle && has_bundle);
    if (value.absent()) {
      if (needed && !may_be_left_out(receipt, spec.name))
        return refuse(problem, "field " + std::string(spec.name) + " is missing");
      field.present = needed;
    } else if (!read_field(spec, value, field)) {
      return refuse(problem, "field " + std::string(spec.name) + " does not have its type");
    }
    const bool list = spec.kind >= Kind::kRoutes;
    if (list && field.list.empty()) field = Field{};
  }
  return receipt;
}

namespace {

void write_field(const FieldSpec& spec, const Field& field, std::string_view name, tb::Out& out) {
  switch (spec.kind) {
    case Kind::kText:
      return out.put(name, field.bytes);
    case Kind::kNumber:
    case Kind::kSmall:
      return out.put(name, field.number);
    case Kind::kFlag:
      return out.put(name, field.number != 0);
    case Kind::kDigest:
    case Kind::kBytes:
      return out.put(name, tb::Bytes{field.bytes});
    case Kind::kRoutes:
      return out.record(name, [&](tb::Out& record) {
        for (const Entry& entry : field.list) record.put(entry.key, entry.value);
      });
    case Kind::kBreakdown:
      return out.record(name, [&](tb::Out& record) {
        for (const Entry& entry : field.list) record.put(entry.key, entry.number);
      });
    case Kind::kLinks:
      return out.list(name, [&](tb::Out& list) {
        for (const Entry& entry : field.list) {
          list.record({}, [&](tb::Out& record) {
            record.put("device_hash", entry.key);
            record.put("opt_in", entry.number != 0);
          });
        }
      });
    case Kind::kTexts:
      return out.list(name, [&](tb::Out& list) {
        for (const Entry& entry : field.list) list.element(entry.key);
      });
  }
}

}  // namespace

void write_receipt(const Receipt& receipt, tb::Out& out) {
  const auto specs = receipt.schema().fields;
  const auto write = [&](bool bundle, tb::Out& to) {
    for (std::size_t i = 0; i < specs.size(); ++i) {
      std::string_view name = specs[i].name;
      if (!receipt.fields()[i].present || name.starts_with(kBlockTorchPrefix) != bundle) continue;
      if (bundle) name.remove_prefix(kBlockTorchPrefix.size());
      if (name == "mesh_transport") name = "transport";
      write_field(specs[i], receipt.fields()[i], name, to);
    }
  };
  out.put("type", receipt.schema().type);
  write(false, out);
  if (receipt.has_blocktorch())
    out.record("blocktorch", [&](tb::Out& record) { write(true, record); });
}

}  // namespace receipts
