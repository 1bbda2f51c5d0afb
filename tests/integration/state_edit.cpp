// Reads or overwrites one row of the state of a node that does not run, as a broken disk or a
// careless hand would: for tests that must find the damage. Key and value are in hexadecimal.
//
//   state_edit STATE-DIR NAMESPACE KEY          prints the value
//   state_edit STATE-DIR NAMESPACE KEY VALUE    replaces it
#include <iostream>

#include "kernel/base/hex.hpp"
#include "kernel/storage/kv_store.hpp"

namespace {

using namespace blockd;

Result<std::string> edit(const std::string& dir, const std::string& space, const std::string& key,
                         const char* value) {
  Result<Bytes> raw = from_hex(key);
  if (!raw.ok()) return raw.status().in("key");
  const Bytes row = "s/" + space + "/" + *raw;
  Result<std::unique_ptr<KvStore>> store = open_leveldb(dir, LevelDbOptions());
  if (!store.ok()) return store.status();
  std::optional<Bytes> found;
  TB_TRY((*store)->get(row, &found));
  if (!found) return Status(Code::kNotFound, space + " has no such row");
  if (value == nullptr) return to_hex(*found);
  Result<Bytes> bytes = from_hex(value);
  if (!bytes.ok()) return bytes.status().in("value");
  const KvWrite write{row, *bytes};
  TB_TRY((*store)->write({&write, 1}, true));
  return std::string(value);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4 && argc != 5) {
    std::cerr << "usage: state_edit STATE-DIR NAMESPACE KEY [VALUE]\n";
    return 2;
  }
  const Result<std::string> done = edit(argv[1], argv[2], argv[3], argc == 5 ? argv[4] : nullptr);
  if (!done.ok()) {
    std::cerr << "error: " << done.status().to_string() << "\n";
    return 1;
  }
  std::cout << *done << "\n";
  return 0;
}
