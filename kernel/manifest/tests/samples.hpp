// Manifests that several tests start from.
#pragma once

#include <gtest/gtest.h>

#include <boost/json/serialize.hpp>

#include "kernel/base/file.hpp"
#include "kernel/manifest/manifest.hpp"

namespace blockd::samples {

// The example of docs/manifest.md: between the line "```json complete" and the closing fence.
inline std::string documented() {
  Result<Bytes> page = read_file(std::string(TB_SOURCE_DIR) + "/docs/manifest.md");
  if (!page.ok()) return page.status().message();
  const std::string open = "```json complete\n";
  const std::size_t begin = page->find(open);
  if (begin == std::string::npos) return "no example in docs/manifest.md";
  const std::size_t end = page->find("\n```", begin + open.size());
  return page->substr(begin + open.size(), end - begin - open.size());
}

inline json::value documented_json() {
  Result<json::value> value = parse_json(documented());
  EXPECT_TRUE(value.ok()) << value.status().to_string();
  return value.ok() ? *value : json::value(nullptr);
}

inline Result<std::shared_ptr<const Manifest>> parse(const json::value& value) {
  return Manifest::parse(json::serialize(value));
}

inline std::shared_ptr<const Manifest> must(const json::value& value) {
  auto manifest = parse(value);
  EXPECT_TRUE(manifest.ok()) << manifest.status().to_string();
  return manifest.ok() ? *manifest : std::make_shared<const Manifest>();
}

}  // namespace blockd::samples
