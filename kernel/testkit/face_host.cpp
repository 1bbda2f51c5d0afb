#include "kernel/testkit/face_host.hpp"

#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <stdexcept>

#include "kernel/base/blake3.hpp"
#include "kernel/base/crypto.hpp"
#include "kernel/base/file_area.hpp"
#include "tb/draft/host_crypto.h"
#include "tb/draft/host_files.h"
#include "tb/draft/host_http.h"

namespace blockd {
namespace {
constexpr std::size_t kMaxPosts = 1024;
}

struct FaceHostApi {
  static FaceHost& self(tb_host* host) { return *static_cast<FaceHost*>(host); }

  static const void* extension(tb_host*, tb_str id) {
    if (to_view(id) == TB_HOST_HTTP_1) return &kHttp;
    if (to_view(id) == TB_HOST_FILES_1) return &kFiles;
    return to_view(id) == TB_HOST_CRYPTO_1 ? static_cast<const void*>(&kCrypto) : nullptr;
  }
  static tb_status verify(tb_host*, tb_str key, tb_str message, tb_str signature) {
    if (key.len != 32 || signature.len != 64) return TB_NOT_FOUND;
    PublicKey public_key{};
    Signature bytes{};
    std::memcpy(public_key.data(), key.ptr, public_key.size());
    std::memcpy(bytes.data(), signature.ptr, bytes.size());
    return ed25519_verify(public_key, to_view(message), bytes) ? TB_OK : TB_NOT_FOUND;
  }
  static tb_status fetch(tb_host* host, const tb_http_fetch* request, std::uint64_t cookie) {
    FaceHost& f = self(host);
    if (f.posts_.size() >= kMaxPosts) return TB_E_BUSY;
    std::string headers;
    for (std::uint32_t i = 0; i < request->header_count; ++i) {
      headers.append(to_view(request->headers[i].name)).append(": ");
      headers.append(to_view(request->headers[i].str)).append("\n");
    }
    f.posts_.push_back({std::string(to_view(request->method)), std::string(to_view(request->body)),
                        cookie, std::string(to_view(request->url)), std::move(headers)});
    return TB_OK;
  }
  // As a node judges them, but that every default is the plugin's: the test's own folder is below.
  static FileArea area_of(FaceHost& f) {
    std::vector<std::string> places;
    for (const ConfigSpec& spec : f.manifest_->config) {
      if (spec.field.unit != "folder" && spec.field.unit != "file") continue;
      const Result<json::value> value = f.config_value(spec);
      if (!value.ok() || !value->is_string() || value->get_string().empty()) continue;
      const std::filesystem::path place(std::string(value->get_string()));
      const bool file = spec.field.unit == "file";
      places.push_back((file ? place.parent_path() : place).lexically_normal().string());
    }
    return FileArea(std::move(places));
  }
  static tb_status told(const Status& status, const tb_sink* problem) {
    if (status.ok()) return TB_OK;
    if (problem != nullptr) problem->put(problem->user, to_str(status.message()));
    return status.code() == Code::kNotFound  ? TB_NOT_FOUND
           : status.code() == Code::kInvalid ? TB_E_INVALID
           : status.code() == Code::kLimit   ? TB_E_LIMIT
                                             : TB_FAILED;
  }
  static tb_status file_write(tb_host* host, tb_str path, std::uint32_t flags, tb_str text,
                              const tb_sink* problem) {
    const auto readers =
        (flags & TB_FILE_PRIVATE) != 0 ? FileArea::Readers::kOwner : FileArea::Readers::kEverybody;
    return told(area_of(self(host))
                    .write(to_view(path), (flags & TB_FILE_BEGIN) != 0, (flags & TB_FILE_END) != 0,
                           to_view(text), readers),
                problem);
  }
  static tb_status file_read(tb_host* host, tb_str path, std::uint64_t offset, std::uint64_t limit,
                             const tb_sink* text, const tb_sink* problem) {
    const Result<Bytes> found = area_of(self(host)).read(to_view(path), offset, limit);
    if (found.ok()) text->put(text->user, to_str(*found));
    return told(found.ok() ? Status() : found.status(), problem);
  }
  static tb_status file_list(tb_host* host, tb_str folder, const tb_row_sink* files,
                             const tb_sink* problem) {
    const auto visit = [&](const std::string& name, std::uint64_t bytes) {
      return files->row(files->user, to_str(name), to_str(std::to_string(bytes))) != 0;
    };
    return told(area_of(self(host)).list(to_view(folder), visit), problem);
  }
  static tb_status file_remove(tb_host* host, tb_str path, const tb_sink* problem) {
    return told(area_of(self(host)).remove(to_view(path)), problem);
  }
  static void log(tb_host* host, std::uint32_t, tb_str text) {
    self(host).services_.log(std::string(to_view(text)));
  }
  static std::uint64_t unix_ms(tb_host* host) { return self(host).services_.unix_ms(); }
  // The same bytes in every run of a test.
  static void random(tb_host* host, void* out, std::uint64_t n) {
    auto* bytes = static_cast<char*>(out);
    while (n > 0) {
      Hash block = blake3("testkit-random" + std::to_string(self(host).random_++));
      const std::size_t part = std::min<std::size_t>(n, block.size());
      std::memcpy(bytes, block.data(), part);
      bytes += part;
      n -= part;
    }
  }
  static void hash(tb_host*, const tb_str* parts, std::uint32_t count, std::uint8_t out[32]) {
    Blake3 hasher;
    for (std::uint32_t i = 0; i < count; ++i) hasher.update(to_view(parts[i]));
    Hash result = hasher.finish();
    std::memcpy(out, result.data(), result.size());
  }
  static SigningKey key_of(const std::uint8_t seed[32]) {
    std::array<std::uint8_t, 32> copy;
    std::memcpy(copy.data(), seed, copy.size());
    return SigningKey::from_seed(copy);
  }
  static tb_status ed25519_public(tb_host*, const std::uint8_t seed[32],
                                  std::uint8_t public_key[32]) {
    std::memcpy(public_key, key_of(seed).public_key().data(), 32);
    return TB_OK;
  }
  static tb_status ed25519_sign(tb_host*, const std::uint8_t seed[32], tb_str message,
                                std::uint8_t signature[64]) {
    Signature sig = key_of(seed).sign(to_view(message));
    std::memcpy(signature, sig.data(), sig.size());
    return TB_OK;
  }
  static tb_status config(tb_host* host, std::uint32_t index, void (*read)(void*, const tb_value*),
                          void* user) {
    FaceHost& f = self(host);
    if (index >= f.manifest_->config.size()) return TB_E_INVALID;
    const ConfigSpec& spec = f.manifest_->config[index];
    const Result<json::value> in_force = f.config_value(spec);
    if (!in_force.ok()) return TB_E_INVALID;
    const json::value& value = *in_force;
    // Decoded as a field of params would be, so that types and ranges are those of the manifest.
    Field field = spec.field;
    if (field.name.empty()) field.name = "value";
    ValueArena arena;
    std::vector<tb_value> out;
    json::value params(json::object{{field.name, value}});
    if (value.is_null()) {
      tb_value none{};
      read(user, &none);
      return TB_OK;
    }
    if (decode_params({field}, params, arena, &out)) return TB_E_INVALID;
    read(user, &out[0]);
    return TB_OK;
  }
  static tb_status metric(tb_host* host, std::uint32_t index, const tb_str* labels,
                          std::uint32_t count, std::int64_t value) {
    FaceHost& f = self(host);
    if (index >= f.manifest_->metrics.size() || count != f.manifest_->metrics[index].labels.size())
      return TB_E_INVALID;
    const MetricSpec& spec = f.manifest_->metrics[index];
    std::string text;
    for (std::uint32_t i = 0; i < count; ++i) text.append(to_view(labels[i])).push_back('\n');
    f.services_.metric(spec.name, text,
                       static_cast<double>(value) / static_cast<double>(spec.scale),
                       spec.type == MetricType::kGauge);
    return TB_OK;
  }
  static tb_status publish(tb_host* host, std::uint32_t event, tb_fill, void*) {
    return event < self(host).manifest_->events.size() ? TB_OK : TB_E_INVALID;  // nobody listens
  }
  static tb_status with_view(tb_host* host, tb_status (*body)(void*, tb_view*), void* user) {
    FaceHost& f = self(host);
    ViewContext context(f.services_.view(), f.manifest_);
    return body(user, context.view());
  }
  static std::string params_text(tb_fill fill, void* user) {
    JsonOut out;
    if (fill != nullptr) fill(user, out.out());
    return out.finish();
  }
  static void deliver(const FaceHost::Answer& answer,
                      const std::function<void(std::uint32_t, const tb_value*)>& read) {
    ValueArena arena;
    Result<json::value> value = parse_json(answer.json.empty() ? "{}" : answer.json);
    tb_value none{};
    read(answer.ok ? 1 : 0, value.ok() ? to_value(*value, arena) : &none);
  }
  static tb_status call(tb_host* host, tb_str method, tb_fill params, void* params_user,
                        std::uint32_t, void (*read)(void*, std::uint32_t, const tb_value*),
                        void* user) {
    deliver(
        self(host).services_.call(std::string(to_view(method)), params_text(params, params_user)),
        [&](std::uint32_t ok, const tb_value* value) { read(user, ok, value); });
    return TB_OK;
  }
  static tb_status post(tb_host* host, tb_str method, tb_fill params, void* user,
                        std::uint64_t cookie) {
    FaceHost& f = self(host);
    if (f.posts_.size() >= kMaxPosts) return TB_E_BUSY;
    f.posts_.push_back({std::string(to_view(method)), params_text(params, user), cookie});
    return TB_OK;
  }
  static tb_status store_get(tb_host* host, tb_str key, const tb_sink* value) {
    FaceHost& f = self(host);
    if (f.store_broken_) return TB_ABORTED;
    auto it = f.store_.find(to_view(key));
    if (it == f.store_.end()) return TB_NOT_FOUND;
    const std::string copy = it->second;
    if (value != nullptr) value->put(value->user, to_str(copy));
    return TB_OK;
  }
  static tb_status store_rows(tb_host* host, tb_str prefix, tb_str bound, std::uint32_t limit,
                              const tb_row_sink* rows, bool back) {
    if (self(host).store_broken_) return TB_ABORTED;
    std::vector<std::pair<std::string, std::string>> found;
    for (const auto& [key, value] : self(host).store_) {
      if (!key.starts_with(to_view(prefix))) continue;
      if (bound.len != 0 && (back ? key >= to_view(bound) : key <= to_view(bound))) continue;
      found.emplace_back(key, value);
    }
    if (back) std::reverse(found.begin(), found.end());
    for (std::size_t i = 0; i < std::min<std::size_t>(limit, found.size()); ++i) {
      if (rows->row(rows->user, to_str(found[i].first), to_str(found[i].second)) == 0) break;
    }
    return TB_OK;
  }
  static tb_status store_scan(tb_host* host, tb_str prefix, tb_str after, std::uint32_t limit,
                              const tb_row_sink* rows) {
    return store_rows(host, prefix, after, limit, rows, false);
  }
  static tb_status store_scan_back(tb_host* host, tb_str prefix, tb_str before, std::uint32_t limit,
                                   const tb_row_sink* rows) {
    return store_rows(host, prefix, before, limit, rows, true);
  }
  static tb_status store_put(tb_host* host, tb_str key, tb_str value) {
    if (self(host).store_broken_) return TB_ABORTED;
    self(host).store_[std::string(to_view(key))] = to_view(value);
    return TB_OK;
  }
  static tb_status store_erase(tb_host* host, tb_str key) {
    if (self(host).store_broken_) return TB_ABORTED;
    self(host).store_.erase(std::string(to_view(key)));
    return TB_OK;
  }

  static constexpr tb_host_http kHttp = {fetch};
  static constexpr tb_host_files kFiles = {file_write, file_read, file_list, file_remove};
  static constexpr tb_host_crypto kCrypto = {verify};
  static constexpr tb_host_api kApi = {
      extension,    log,       unix_ms,    random,          hash,      ed25519_public,
      ed25519_sign, config,    metric,     publish,         with_view, call,
      post,         store_get, store_scan, store_scan_back, store_put, store_erase};
};

FaceHost::FaceHost(std::shared_ptr<const Manifest> manifest, const tb_face* face, Services services)
    : tb_host{&FaceHostApi::kApi},
      manifest_(std::move(manifest)),
      face_(face),
      services_(std::move(services)) {}

FaceHost::~FaceHost() {
  if (instance_ != nullptr && face_->destroy != nullptr) face_->destroy(instance_);
  std::error_code ignored;
  if (!data_dir_.empty()) std::filesystem::remove_all(data_dir_, ignored);
}

Result<json::value> FaceHost::config_value(const ConfigSpec& spec) {
  json::value value = spec.field.default_value.value_or(json::value(nullptr));
  if (auto it = config_.find(spec.key); it != config_.end()) {
    Result<json::value> parsed = parse_json(it->second);
    if (!parsed.ok()) return parsed.status();
    value = *parsed;
  }
  if (value.is_string() && std::string_view(value.get_string()).starts_with("${data}"))
    value = data_dir() + std::string(std::string_view(value.get_string()).substr(7));
  return value;
}

const std::string& FaceHost::data_dir() {
  if (data_dir_.empty()) {
    std::string name = (std::filesystem::temp_directory_path() / "tb-testkit-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("TestChain: no " + name);
    data_dir_ = name;
  }
  return data_dir_;
}

tb_status FaceHost::create() {
  return face_->create == nullptr ? TB_OK : face_->create(this, &instance_);
}

void FaceHost::set_config(const std::string& key, const std::string& json) {
  config_[key] = json;
  if (instance_ != nullptr && face_->on_config != nullptr) face_->on_config(instance_);
}

bool FaceHost::answer_posts() {
  std::vector<Post> posts = std::move(posts_);
  posts_.clear();
  for (const Post& post : posts) {
    Answer answer = post.url.empty()
                        ? services_.call(post.method, post.params)
                        : services_.fetch(post.method, post.url, post.headers, post.params);
    if (face_->on_reply == nullptr) continue;
    FaceHostApi::deliver(answer, [&](std::uint32_t ok, const tb_value* value) {
      face_->on_reply(instance_, post.cookie, ok, value);
    });
  }
  return !posts.empty();
}

}  // namespace blockd
