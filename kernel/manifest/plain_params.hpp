// PlainParams: decode_plain_params() for one command after another. Commands of one method nearly
// always name the same members, so each is first looked for where the last text had it. What is
// accepted, and with which values, does not depend on what came before. One thread at a time.
#pragma once

#include <vector>

#include "kernel/manifest/values.hpp"

namespace blockd {

class PlainParams {
 public:
  bool decode(const std::vector<Field>& fields, BytesView text, ValueArena& arena,
              std::vector<tb_value>* out);

 private:
  std::vector<std::size_t> order_;  // places of the fields, as the last text had them
};

}  // namespace blockd
