// tb_host in a plugin's process. What is pure is computed here; the rest is asked of the node.
#include <cstring>

#include "kernel/base/blake3.hpp"
#include "kernel/base/crypto.hpp"
#include "kernel/host/isolation/child_lane.hpp"
#include "tb/draft/host_crypto.h"
#include "tb/draft/host_files.h"
#include "tb/draft/host_http.h"

namespace blockd::isolation {
namespace {

// The lane of a face entry on this thread, or null.
ChildLane* face_lane() {
  ChildLane* lane = ChildLane::current();
  return lane != nullptr && lane->in_face() ? lane : nullptr;
}

void far_log(tb_host*, std::uint32_t level, tb_str text) {
  ChildLane* lane = face_lane();
  if (lane == nullptr) return;
  Bytes& out = lane->tell(Op::kHostLog);
  put_u32(out, level);
  put_text(out, text);
}

std::uint64_t far_unix_ms(tb_host*) {
  ChildLane* lane = face_lane();
  if (lane == nullptr) return 0;
  lane->tell(Op::kUnixMs);
  Reader answer{{}};
  return lane->ask(&answer) == TB_OK ? answer.u64() : 0;
}

void near_random(tb_host*, void* out, std::uint64_t n) {
  random_bytes(out, static_cast<std::size_t>(n));
}

void near_blake3(tb_host*, const tb_str* parts, std::uint32_t count, std::uint8_t out[32]) {
  Blake3 hasher;
  for (std::uint32_t i = 0; i < count; ++i) hasher.update(to_view(parts[i]));
  const Hash hash = hasher.finish();
  std::memcpy(out, hash.data(), hash.size());
}

SigningKey near_key(const std::uint8_t seed[32]) {
  std::array<std::uint8_t, 32> copy{};
  std::memcpy(copy.data(), seed, copy.size());
  return SigningKey::from_seed(copy);
}

tb_status near_public(tb_host*, const std::uint8_t seed[32], std::uint8_t public_key[32]) {
  const SigningKey key = near_key(seed);
  std::memcpy(public_key, key.public_key().data(), 32);
  return TB_OK;
}

tb_status near_sign(tb_host*, const std::uint8_t seed[32], tb_str message,
                    std::uint8_t signature[64]) {
  const Signature made = near_key(seed).sign(to_view(message));
  std::memcpy(signature, made.data(), made.size());
  return TB_OK;
}

tb_status near_verify(tb_host*, tb_str key, tb_str message, tb_str signature) {
  if (key.len != 32 || signature.len != 64) return TB_NOT_FOUND;
  PublicKey public_key{};
  Signature bytes{};
  std::memcpy(public_key.data(), key.ptr, public_key.size());
  std::memcpy(bytes.data(), signature.ptr, bytes.size());
  return ed25519_verify(public_key, to_view(message), bytes) ? TB_OK : TB_NOT_FOUND;
}

tb_status far_config(tb_host*, std::uint32_t index, void (*read)(void*, const tb_value*),
                     void* user) {
  ChildLane* lane = face_lane();
  if (lane == nullptr) return TB_E_WRONG_THREAD;
  if (read == nullptr) return TB_E_INVALID;
  put_u32(lane->tell(Op::kConfig), index);
  Reader answer{{}};
  const tb_status status = lane->ask(&answer);
  const Bytes held = lane->take_answer();
  Reader in(BytesView(held).substr(sizeof(std::uint32_t)));
  ValueArena arena;
  tb_value value{};
  if (in.u8() != 0 && read_value(in, arena, &value)) read(user, &value);
  return status;
}

tb_status far_metric(tb_host*, std::uint32_t metric, const tb_str* labels, std::uint32_t count,
                     std::int64_t value) {
  ChildLane* lane = face_lane();
  if (lane == nullptr) return TB_E_WRONG_THREAD;
  const auto& metrics = lane->manifest().metrics;
  if (metric >= metrics.size() || count != metrics[metric].labels.size()) return TB_E_INVALID;
  Bytes& out = lane->tell(Op::kHostMetric);
  put_u32(out, metric);
  put_u64(out, static_cast<std::uint64_t>(value));
  put_u32(out, count);
  for (std::uint32_t i = 0; i < count; ++i) put_text(out, labels[i]);
  return TB_OK;
}

// What `fill` writes, behind what was told so far. It may itself tell something, so it comes first.
Bytes filled_stream(tb_fill fill, void* user) {
  Bytes text;
  StreamOut out(text);
  if (fill != nullptr) fill(user, &out);
  return text;
}

tb_status far_publish(tb_host*, std::uint32_t event, tb_fill fill, void* user) {
  ChildLane* lane = face_lane();
  if (lane == nullptr) return TB_E_WRONG_THREAD;
  const Bytes text = filled_stream(fill, user);
  Bytes& out = lane->tell(Op::kPublish);
  put_u32(out, event);
  put_text(out, BytesView(text));
  Reader answer{{}};
  return lane->ask(&answer);
}

tb_status far_with_view(tb_host*, tb_status (*body)(void*, tb_view*), void* user) {
  ChildLane* lane = face_lane();
  if (lane == nullptr) return TB_E_WRONG_THREAD;
  if (body == nullptr) return TB_E_UNSUPPORTED;
  lane->tell(Op::kView);
  Reader answer{{}};
  const tb_status opened = lane->ask(&answer);
  if (answer.u8() == 0) return opened;
  tb_status status = TB_OK;
  {
    ChildCtx ctx(*lane, false);
    read_block(answer, &ctx.block);
    status = body(user, &ctx.view);
  }
  put_status(lane->tell(Op::kViewEnd), status);
  return lane->ask(&answer);
}

tb_status far_call(tb_host*, tb_str method, tb_fill params, void* params_user,
                   std::uint32_t timeout_ms, void (*read)(void*, std::uint32_t, const tb_value*),
                   void* user) {
  ChildLane* lane = face_lane();
  if (lane == nullptr) return TB_E_WRONG_THREAD;
  const Bytes text = filled_stream(params, params_user);
  Bytes& out = lane->tell(Op::kHostCall);
  put_text(out, method);
  put_text(out, BytesView(text));
  put_u32(out, timeout_ms);
  Reader answer{{}};
  const tb_status status = lane->ask(&answer);
  const Bytes held = lane->take_answer();
  Reader in(BytesView(held).substr(sizeof(std::uint32_t)));
  const bool answered = in.u8() != 0;
  const std::uint32_t ok = in.u32();
  ValueArena arena;
  tb_value value{};
  if (answered && read != nullptr && read_value(in, arena, &value)) read(user, ok, &value);
  return status;
}

tb_status far_post(tb_host*, tb_str method, tb_fill params, void* user, std::uint64_t cookie) {
  ChildLane* lane = face_lane();
  if (lane == nullptr) return TB_E_WRONG_THREAD;
  const Bytes text = filled_stream(params, user);
  Bytes& out = lane->tell(Op::kPost);
  put_text(out, method);
  put_text(out, BytesView(text));
  put_u64(out, cookie);
  Reader answer{{}};
  return lane->ask(&answer);
}

tb_status far_fetch(tb_host*, const tb_http_fetch* fetch, std::uint64_t cookie) {
  ChildLane* lane = face_lane();
  if (lane == nullptr) return TB_E_WRONG_THREAD;
  if (fetch == nullptr || fetch->size < sizeof(tb_http_fetch)) return TB_E_INVALID;
  Bytes& out = lane->tell(Op::kFetch);
  put_u32(out, fetch->timeout_ms);
  put_u64(out, fetch->max_bytes);
  put_text(out, fetch->method);
  put_text(out, fetch->url);
  put_values(out, fetch->headers, fetch->header_count);
  put_text(out, fetch->body);
  put_u64(out, cookie);
  Reader answer{{}};
  return lane->ask(&answer);
}

tb_status far_store_get(tb_host*, tb_str key, const tb_sink* value) {
  ChildLane* lane = face_lane();
  if (lane == nullptr) return TB_E_WRONG_THREAD;
  put_text(lane->tell(Op::kStoreGet), key);
  Reader answer{{}};
  const tb_status status = lane->ask(&answer);
  const Bytes held = lane->take_answer();
  Reader in(BytesView(held).substr(sizeof(std::uint32_t)));
  if (in.u8() == 0) return status;
  if (value != nullptr) value->put(value->user, to_str(text_of(in)));
  return status;
}

tb_status far_store_walk(bool back, tb_str prefix, tb_str edge_text, std::uint32_t limit,
                         const tb_row_sink* rows) {
  ChildLane* lane = face_lane();
  if (lane == nullptr) return TB_E_WRONG_THREAD;
  if (rows == nullptr) return TB_E_INVALID;
  const Bytes from(to_view(prefix));
  Bytes edge(to_view(edge_text));
  for (bool more = true; more && limit > 0;) {
    Bytes& out = lane->tell(Op::kStoreScan);
    put_u8(out, back ? 1 : 0);
    put_text(out, BytesView(from));
    put_text(out, BytesView(edge));
    put_u32(out, limit);
    Reader answer{{}};
    if (tb_status s = lane->ask(&answer); s != TB_OK) return s;
    const Bytes page = lane->take_answer();
    Reader in(BytesView(page).substr(sizeof(std::uint32_t)));
    more = in.u8() != 0;
    for (std::uint32_t n = in.u32(); n > 0; --n) {
      const BytesView key = text_of(in), value = text_of(in);
      edge = key;
      --limit;
      if (rows->row(rows->user, to_str(key), to_str(value)) == 0) return TB_OK;
    }
  }
  return TB_OK;
}
tb_status far_store_scan(tb_host*, tb_str prefix, tb_str after, std::uint32_t limit,
                         const tb_row_sink* rows) {
  return far_store_walk(false, prefix, after, limit, rows);
}
tb_status far_store_scan_back(tb_host*, tb_str prefix, tb_str before, std::uint32_t limit,
                              const tb_row_sink* rows) {
  return far_store_walk(true, prefix, before, limit, rows);
}

tb_status far_store_put(tb_host*, tb_str key, tb_str value) {
  ChildLane* lane = face_lane();
  if (lane == nullptr) return TB_E_WRONG_THREAD;
  Bytes& out = lane->tell(Op::kStorePut);
  put_text(out, key);
  put_text(out, value);
  Reader answer{{}};
  return lane->ask(&answer);
}

tb_status far_store_erase(tb_host*, tb_str key) {
  ChildLane* lane = face_lane();
  if (lane == nullptr) return TB_E_WRONG_THREAD;
  put_text(lane->tell(Op::kStoreErase), key);
  Reader answer{{}};
  return lane->ask(&answer);
}

constexpr tb_host_http kFarHttp = {far_fetch};
constexpr tb_host_crypto kNearCrypto = {near_verify};

const void* far_extension(tb_host*, tb_str id) {
  if (to_view(id) == TB_HOST_HTTP_1) return &kFarHttp;
  if (to_view(id) == TB_HOST_FILES_1) return child_files_api();
  return to_view(id) == TB_HOST_CRYPTO_1 ? static_cast<const void*>(&kNearCrypto) : nullptr;
}

}  // namespace

const tb_host_api* child_host_api() {
  static constexpr tb_host_api kApi = {
      far_extension,       far_log,       far_unix_ms,    near_random,   near_blake3,
      near_public,         near_sign,     far_config,     far_metric,    far_publish,
      far_with_view,       far_call,      far_post,       far_store_get, far_store_scan,
      far_store_scan_back, far_store_put, far_store_erase};
  return &kApi;
}

}  // namespace blockd::isolation
