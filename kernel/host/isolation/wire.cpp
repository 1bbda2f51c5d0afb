#include "kernel/host/isolation/wire.hpp"

#include <algorithm>

namespace blockd::isolation {
namespace {

constexpr std::size_t kMaxValueDepth = 64;
constexpr std::size_t kLeastValueBytes = 5;  // type and the length of a name
constexpr std::uint32_t kMaxCosigners = 64;

void put_value_part(Bytes& out, const tb_value& value, std::size_t depth) {
  put_u8(out, static_cast<std::uint8_t>(value.type));
  put_text(out, value.name);
  switch (value.type) {
    case TB_TYPE_BOOL:
    case TB_TYPE_U64:
    case TB_TYPE_I64:
      return put_u64(out, value.num);
    case TB_TYPE_U128:
      put_u64(out, value.num);
      return put_u64(out, value.num_hi);
    case TB_TYPE_STR:
    case TB_TYPE_BYTES:
      return put_text(out, value.str);
    case TB_TYPE_LIST:
    case TB_TYPE_RECORD: {
      // A tree deeper than any writer takes is cut; the writer at the other end says so.
      const std::uint32_t count = depth < kMaxValueDepth + 2 ? value.count : 0;
      put_u32(out, count);
      for (std::uint32_t i = 0; i < count; ++i) put_value_part(out, value.items[i], depth + 1);
      return;
    }
    default:
      return;
  }
}

// What is left of a tree. Its values take many times their bytes in memory, so that counts, also of
// lists in lists, are held against the bytes that are there before any memory is taken.
struct ValueBudget {
  explicit ValueBudget(const Reader& in)
      : values(std::min<std::size_t>(in.rest().size() / kLeastValueBytes, kMaxValues)) {}
  std::size_t values;
};

bool read_value_part(Reader& in, ValueArena& arena, ValueBudget& left, tb_value* value,
                     std::size_t depth);

const tb_value* read_items(Reader& in, ValueArena& arena, ValueBudget& left, std::uint32_t count,
                           std::size_t depth) {
  if (!in.ok() || count > left.values) return nullptr;
  left.values -= count;
  auto* items = static_cast<tb_value*>(
      arena.allocate((count + std::size_t{1}) * sizeof(tb_value), alignof(tb_value)));
  for (std::uint32_t i = 0; i < count; ++i) {
    items[i] = tb_value{};
    if (!read_value_part(in, arena, left, &items[i], depth)) return nullptr;
  }
  return items;
}

bool read_value_part(Reader& in, ValueArena& arena, ValueBudget& left, tb_value* value,
                     std::size_t depth) {
  value->type = in.u8();
  value->name = to_str(text_of(in));
  switch (value->type) {
    case TB_TYPE_NONE:
      break;
    case TB_TYPE_BOOL:
    case TB_TYPE_U64:
    case TB_TYPE_I64:
      value->num = in.u64();
      break;
    case TB_TYPE_U128:
      value->num = in.u64();
      value->num_hi = in.u64();
      break;
    case TB_TYPE_STR:
    case TB_TYPE_BYTES:
      value->str = to_str(text_of(in));
      break;
    case TB_TYPE_LIST:
    case TB_TYPE_RECORD:
      if (depth > kMaxValueDepth + 2) return false;
      value->count = in.u32();
      value->items = read_items(in, arena, left, value->count, depth + 1);
      if (value->items == nullptr) return false;
      break;
    default:
      return false;
  }
  return in.ok();
}

}  // namespace

void put_value(Bytes& out, const tb_value& value) { put_value_part(out, value, 0); }

void put_values(Bytes& out, const tb_value* values, std::uint32_t count) {
  put_u32(out, count);
  for (std::uint32_t i = 0; i < count; ++i) put_value(out, values[i]);
}

bool read_value(Reader& in, ValueArena& arena, tb_value* value) {
  *value = tb_value{};
  ValueBudget left(in);
  return read_value_part(in, arena, left, value, 0);
}

bool read_values(Reader& in, ValueArena& arena, const tb_value** values, std::uint32_t* count) {
  *count = in.u32();
  ValueBudget left(in);
  *values = read_items(in, arena, left, *count, 1);
  return *values != nullptr;
}

void put_block(Bytes& out, const tb_block& block) {
  put_u32(out, block.flags);
  put_u64(out, block.height);
  put_u64(out, block.time_ms);
  put_u64(out, block.epoch);
  put_u64(out, block.epoch_length);
  put_u32(out, block.sm);
  put_u32(out, block.schema);
  out.append(reinterpret_cast<const char*>(block.seed), sizeof block.seed);
}

bool read_block(Reader& in, tb_block* block) {
  *block = tb_block{};
  block->size = sizeof(tb_block);
  block->flags = in.u32();
  block->height = in.u64();
  block->time_ms = in.u64();
  block->epoch = in.u64();
  block->epoch_length = in.u64();
  block->sm = in.u32();
  block->schema = in.u32();
  const auto seed = in.array<32>();
  std::memcpy(block->seed, seed.data(), seed.size());
  return in.ok();
}

void put_caller(Bytes& out, const tb_caller& caller) {
  put_u32(out, caller.roles);
  put_text(out, caller.account);
  out.append(reinterpret_cast<const char*>(caller.command_id), sizeof caller.command_id);
  put_u64(out, caller.nonce);
  put_u32(out, caller.index);
  put_u64(out, caller.fee);
  put_u32(out, caller.pct);
  put_u32(out, caller.lane);
  put_u32(out, caller.envelope_bytes);
  put_text(out, caller.memo);
  put_text(out, caller.session);
  put_u32(out, caller.cosigner_count);
  for (std::uint32_t i = 0; i < caller.cosigner_count; ++i) put_text(out, caller.cosigners[i]);
}

bool read_caller(Reader& in, tb_caller* caller, std::vector<tb_str>* cosigners) {
  *caller = tb_caller{};
  caller->size = sizeof(tb_caller);
  caller->roles = in.u32();
  caller->account = to_str(text_of(in));
  const auto id = in.array<32>();
  std::memcpy(caller->command_id, id.data(), id.size());
  caller->nonce = in.u64();
  caller->index = in.u32();
  caller->fee = in.u64();
  caller->pct = in.u32();
  caller->lane = in.u32();
  caller->envelope_bytes = in.u32();
  caller->memo = to_str(text_of(in));
  caller->session = to_str(text_of(in));
  caller->cosigner_count = in.u32();
  if (!in.ok() || caller->cosigner_count > kMaxCosigners) return false;
  cosigners->clear();
  for (std::uint32_t i = 0; i < caller->cosigner_count; ++i)
    cosigners->push_back(to_str(text_of(in)));
  caller->cosigners = cosigners->data();
  return in.ok();
}

struct StreamOutApi {
  static Bytes* begin(tb_out* out, Put put, tb_str name) {
    auto& self = *static_cast<StreamOut*>(out);
    if (self.bytes_.size() - self.first_ > kMaxStream) return nullptr;
    put_u8(self.bytes_, static_cast<std::uint8_t>(put));
    put_text(self.bytes_, name);
    return &self.bytes_;
  }
  static void put_null(tb_out* out, tb_str name) { begin(out, Put::kNull, name); }
  static void put_bool(tb_out* out, tb_str name, std::uint32_t value) {
    if (Bytes* b = begin(out, Put::kBool, name)) put_u32(*b, value);
  }
  static void put_u64(tb_out* out, tb_str name, std::uint64_t value) {
    if (Bytes* b = begin(out, Put::kU64, name)) blockd::put_u64(*b, value);
  }
  static void put_i64(tb_out* out, tb_str name, std::int64_t value) {
    if (Bytes* b = begin(out, Put::kI64, name))
      blockd::put_u64(*b, static_cast<std::uint64_t>(value));
  }
  static void put_u128(tb_out* out, tb_str name, std::uint64_t lo, std::uint64_t hi) {
    Bytes* b = begin(out, Put::kU128, name);
    if (b == nullptr) return;
    blockd::put_u64(*b, lo);
    blockd::put_u64(*b, hi);
  }
  static void put_scaled(tb_out* out, tb_str name, std::int64_t value, std::uint32_t decimals) {
    Bytes* b = begin(out, Put::kScaled, name);
    if (b == nullptr) return;
    blockd::put_u64(*b, static_cast<std::uint64_t>(value));
    put_u32(*b, decimals);
  }
  static void put_str(tb_out* out, tb_str name, tb_str value) {
    if (Bytes* b = begin(out, Put::kStr, name)) put_text(*b, value);
  }
  static void put_bytes(tb_out* out, tb_str name, tb_str value) {
    if (Bytes* b = begin(out, Put::kBytes, name)) put_text(*b, value);
  }
  static void put_tree(tb_out* out, tb_str name, const tb_value* value) {
    if (value == nullptr) return put_null(out, name);
    if (Bytes* b = begin(out, Put::kValue, name)) put_value(*b, *value);
  }
  static void begin_record(tb_out* out, tb_str name) { begin(out, Put::kRecord, name); }
  static void begin_list(tb_out* out, tb_str name) { begin(out, Put::kList, name); }
  static void end(tb_out* out) { begin(out, Put::kEnd, {}); }
};

StreamOut::StreamOut(Bytes& bytes) : bytes_(bytes), first_(bytes.size()) {
  using A = StreamOutApi;
  static constexpr tb_out_api kApi = {A::put_null, A::put_bool,     A::put_u64,    A::put_i64,
                                      A::put_u128, A::put_scaled,   A::put_str,    A::put_bytes,
                                      A::put_tree, A::begin_record, A::begin_list, A::end};
  api = &kApi;
}

bool play_stream(BytesView stream, tb_out* out) {
  const tb_out_api& to = *out->api;
  Reader in(stream);
  while (in.ok() && !in.rest().empty()) {
    const auto put = static_cast<Put>(in.u8());
    const tb_str name = to_str(text_of(in));
    const bool has_number = put >= Put::kU64 && put <= Put::kScaled;
    const bool has_text = put == Put::kStr || put == Put::kBytes;
    const std::uint64_t number = has_number ? in.u64() : 0;
    const tb_str text = has_text ? to_str(text_of(in)) : tb_str{};
    const std::uint64_t high = put == Put::kU128 ? in.u64() : 0;
    const std::uint32_t small = put == Put::kBool || put == Put::kScaled ? in.u32() : 0;
    if (!in.ok()) return false;
    switch (put) {
      case Put::kNull:
        to.put_null(out, name);
        break;
      case Put::kBool:
        to.put_bool(out, name, small);
        break;
      case Put::kU64:
        to.put_u64(out, name, number);
        break;
      case Put::kI64:
        to.put_i64(out, name, static_cast<std::int64_t>(number));
        break;
      case Put::kU128:
        to.put_u128(out, name, number, high);
        break;
      case Put::kScaled:
        to.put_scaled(out, name, static_cast<std::int64_t>(number), small);
        break;
      case Put::kStr:
        to.put_str(out, name, text);
        break;
      case Put::kBytes:
        to.put_bytes(out, name, text);
        break;
      case Put::kValue: {
        ValueArena arena;
        tb_value value{};
        if (!read_value(in, arena, &value)) return false;
        to.put_value(out, name, &value);
        break;
      }
      case Put::kRecord:
        to.begin_record(out, name);
        break;
      case Put::kList:
        to.begin_list(out, name);
        break;
      case Put::kEnd:
        to.end(out);
        break;
      default:
        return false;
    }
  }
  return in.ok();
}

void Played::fill(void* user, tb_out* out) {
  auto& self = *static_cast<Played*>(user);
  self.asked = true;
  self.good = play_stream(self.stream, out);
}

bool Played::whole() {
  if (asked) return good;
  Bytes unheard;
  StreamOut out(unheard);
  return play_stream(stream, &out);
}

}  // namespace blockd::isolation
