// What a child tells of its library when it has loaded it.
#pragma once

#include <string>

#include "kernel/base/bytes.hpp"
#include "kernel/base/status.hpp"
#include "tb/plugin.h"

namespace blockd::isolation {

// What the node must know to call the plugin: its manifest and which entries it has.
struct Description {
  std::string manifest;
  std::uint32_t abi_major = 0, abi_minor = 0;
  bool has_machine = false, has_face = false;
  std::uint32_t sm = 0, sm_min = 0, schema = 0;
  // Bits by Entry.
  std::uint64_t entries = 0;
  friend bool operator==(const Description&, const Description&) = default;
};

Bytes describe(const tb_plugin& plugin);
// Errors: kInvalid. The bytes are the child's, and may be anything.
Result<Description> read_description(BytesView bytes);

}  // namespace blockd::isolation
