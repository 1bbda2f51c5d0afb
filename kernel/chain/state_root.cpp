#include "kernel/chain/state_root.hpp"

#include <algorithm>

#include "kernel/chain/kernel_rows.hpp"
#include "kernel/chain/overlay.hpp"

namespace blockd {
namespace {

constexpr std::size_t kRowsBetweenQuestions = 4096;

}  // namespace

Result<std::vector<std::string>> state_spaces(const KvReader& state) {
  std::vector<std::string> spaces;
  Bytes after;
  for (bool more = true; more;) {
    more = false;
    Status status = state.scan("s/", after, 1, [&](BytesView key, BytesView) {
      spaces.emplace_back(split_key(key).first);
      after = space_prefix(spaces.back());
      after.back() = static_cast<char>(after.back() + 1);  // behind every key of this namespace
      more = true;
      return false;
    });
    if (!status.ok()) return status;
  }
  std::sort(spaces.begin(), spaces.end());
  spaces.erase(std::unique(spaces.begin(), spaces.end()), spaces.end());
  return spaces;
}

Status visit_state(const KvReader& state, const StateVisitor& visit) {
  Result<std::vector<std::string>> spaces = state_spaces(state);
  if (!spaces.ok()) return spaces.status();
  for (const std::string& space : *spaces) {
    TB_TRY(state.scan(space_prefix(space), {}, SIZE_MAX, [&](BytesView key, BytesView value) {
      visit(space, key, value);
      return true;
    }));
  }
  return {};
}

Result<Hash> root_of(const KvReader& state) {
  StateRoot root;
  TB_TRY(visit_state(state, [&](BytesView space, BytesView key, BytesView value) {
    root.add(space, key.substr(space_prefix_size(space)), value);
  }));
  return root.finish();
}

void StateSummaryBuilder::begin(std::string_view id) {
  end();
  spaces_.emplace_back().id = id;
}

void StateSummaryBuilder::add(BytesView key, BytesView value) {
  NamespaceSummary& space = spaces_.back();
  char length[4];
  for (unsigned i = 0; i < sizeof length; ++i)
    length[i] = static_cast<char>(key.size() >> (8 * i) & 255);
  rows_.add({BytesView(length, sizeof length), key, value});
  const std::size_t size = kStateEntryBytes + key.size() + value.size();
  space.pages += cutter_.add(size) ? 1 : 0;
  space.bytes += size;
  ++space.entries;
}

void StateSummaryBuilder::end() {
  if (spaces_.empty()) return;
  spaces_.back().root = rows_.root();
  cutter_.end_space();
}

void StateSummaryBuilder::finish() { end(); }

Hash state_root_of(const std::vector<NamespaceSummary>& spaces) {
  MerkleBuilder outer;
  for (const NamespaceSummary& space : spaces) {
    if (space.entries == 0) continue;
    Bytes leaf;
    put_u8(leaf, static_cast<std::uint8_t>(space.id.size()));
    leaf.append(space.id);
    put_u64(leaf, space.entries);
    leaf.append(view(space.root));
    outer.add(leaf);
  }
  return outer.root();
}

Result<std::vector<NamespaceSummary>> summarize_state(const KvReader& state,
                                                      const std::function<bool()>& go_on) {
  Result<std::vector<std::string>> spaces = state_spaces(state);
  if (!spaces.ok()) return spaces.status();
  StateSummaryBuilder builder;
  for (const std::string& space : *spaces) {
    builder.begin(space);
    const std::size_t prefix = space_prefix_size(space);
    std::size_t rows = 0;
    bool stopped = false;
    Status status =
        state.scan(space_prefix(space), {}, SIZE_MAX, [&](BytesView key, BytesView value) {
          builder.add(key.substr(prefix), value);
          stopped = ++rows % kRowsBetweenQuestions == 0 && go_on != nullptr && !go_on();
          return !stopped;
        });
    if (!status.ok()) return status;
    if (stopped) return Status(Code::kAborted, "the walk over the state was stopped");
  }
  builder.finish();
  return builder.namespaces();
}

}  // namespace blockd
