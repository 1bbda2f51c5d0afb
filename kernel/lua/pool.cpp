#include <list>
#include <map>

#include "kernel/lua/script.hpp"

namespace blockd::lua {

struct ScriptPool::Impl {
  struct Place {
    std::unique_ptr<Script> script;
    std::list<Hash>::iterator age;
  };
  std::size_t capacity;
  std::map<Hash, Place> scripts;
  std::list<Hash> ages;  // the least recently used first
};

ScriptPool::ScriptPool(std::size_t capacity) : impl_(new Impl{capacity, {}, {}}) {
  TB_ASSERT(capacity > 0);
}
ScriptPool::~ScriptPool() = default;

Script* ScriptPool::find(const Hash& hash) {
  const auto found = impl_->scripts.find(hash);
  if (found == impl_->scripts.end()) return nullptr;
  impl_->ages.splice(impl_->ages.end(), impl_->ages, found->second.age);
  return found->second.script.get();
}

Script* ScriptPool::add(std::string_view source, Answer* answer) {
  std::unique_ptr<Script> script = Script::compile(source, answer);
  if (!script) return nullptr;
  if (Script* known = find(script->hash())) return known;
  if (impl_->scripts.size() >= impl_->capacity) {
    impl_->scripts.erase(impl_->ages.front());
    impl_->ages.pop_front();
  }
  const Hash hash = script->hash();
  const auto age = impl_->ages.insert(impl_->ages.end(), hash);
  Script* const added = script.get();
  impl_->scripts.emplace(hash, Impl::Place{std::move(script), age});
  return added;
}

}  // namespace blockd::lua
