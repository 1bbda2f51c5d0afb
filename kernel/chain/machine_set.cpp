#include "kernel/chain/machine_set.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "kernel/base/blake3.hpp"
#include "kernel/base/hex.hpp"
#include "kernel/base/json.hpp"
#include "kernel/manifest/clash.hpp"

namespace blockd {
namespace {

Status clash(std::string_view what, std::string_view name, std::string_view a, std::string_view b) {
  return Status(Code::kInvalid,
                "plugins " + std::string(a) + " and " + std::string(b) + " both have the " +
                    std::string(what) + " '" + std::string(name) + "'",
                "leave one of them out, or use versions that fit together");
}

// Adds `name` of `owner`, unless another plugin has it already.
Status claim(std::map<std::string, std::string>& owners, std::string_view what,
             const std::string& name, const std::string& owner) {
  auto [it, fresh] = owners.emplace(name, owner);
  if (fresh) return {};
  return clash(what, name, it->second, owner);
}

Status check_clashes(const std::vector<BoundMachine>& machines) {
  std::map<std::string, std::string> methods, events, escrows, services;
  // A plugin's id is a prefix of its own, declared or not.
  for (const BoundMachine& m : machines) escrows.emplace(m.roster.id, m.roster.id);
  for (const BoundMachine& m : machines) {
    const Manifest& manifest = *m.machine.manifest;
    for (const MethodSpec& method : manifest.methods) {
      TB_TRY(claim(methods, "method", method.name, manifest.id));
      for (const std::string& alias : method.aliases)
        TB_TRY(claim(methods, "method", alias, manifest.id));
    }
    for (const EventSpec& event : manifest.events)
      TB_TRY(claim(events, "event", event.topic, manifest.id));
    for (const std::string& prefix : manifest.escrow_prefixes) {
      if (prefix != manifest.id) TB_TRY(claim(escrows, "escrow prefix", prefix, manifest.id));
    }
    for (const ServiceProvided& service : manifest.provides) {
      TB_TRY(claim(services, "service", service.name, manifest.id));
    }
  }
  return {};
}

using Entries = std::vector<std::pair<RosterEntry, Machine>>;

bool is_kernel_service(std::string_view name) {
  const std::vector<ServiceProvided>& own = chain_machine().manifest->provides;
  return std::any_of(own.begin(), own.end(),
                     [&](const ServiceProvided& s) { return s.name == name; });
}

// Providers stand before those who need them; among the free ones the smallest id comes first.
Result<std::vector<std::size_t>> sort_by_services(const Entries& entries) {
  std::map<std::string, std::size_t> providers;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    for (const ServiceProvided& service : entries[i].second.manifest->provides)
      providers.emplace(service.name, i);
  }
  std::vector<std::set<std::size_t>> users(entries.size());
  std::vector<std::size_t> missing(entries.size(), 0);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    for (const ServiceRequired& need : entries[i].second.manifest->requires_) {
      if (is_kernel_service(need.name)) continue;  // the kernel's machine stands in front of all
      auto provider = providers.find(need.name);
      if (provider == providers.end()) {
        if (need.optional) continue;
        return Status(Code::kInvalid,
                      "plugin " + entries[i].first.id + " requires the service " + need.name +
                          ", which no plugin provides",
                      "add the plugin that provides " + need.name);
      }
      if (users[provider->second].insert(i).second) ++missing[i];
    }
  }
  std::set<std::pair<std::string, std::size_t>> ready;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (missing[i] == 0) ready.emplace(entries[i].first.id, i);
  }
  std::vector<std::size_t> order;
  while (!ready.empty()) {
    std::size_t i = ready.begin()->second;
    ready.erase(ready.begin());
    order.push_back(i);
    for (std::size_t user : users[i]) {
      if (--missing[user] == 0) ready.emplace(entries[user].first.id, user);
    }
  }
  if (order.size() == entries.size()) return order;
  std::string circle;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (missing[i] != 0) circle += (circle.empty() ? "" : ", ") + entries[i].first.id;
  }
  return Status(Code::kInvalid, "plugins " + circle + " require each other's services in a circle");
}

Status check_machine(const RosterEntry& entry, const Machine& machine) {
  if (machine.manifest == nullptr || machine.table == nullptr) {
    return Status(Code::kInvalid, "plugin " + entry.id + " has no machine");
  }
  const tb_machine& t = *machine.table;
  if (t.size < sizeof(tb_machine))
    return Status(Code::kInvalid, "plugin " + entry.id + ": its machine table is too short");
  if (machine.manifest->id != entry.id) {
    return Status(Code::kInvalid,
                  "plugin " + machine.manifest->id + " was found for the roster entry " + entry.id);
  }
  if (entry.sm < t.sm_min || entry.sm > t.sm) {
    return Status(Code::kInvalid, "plugin " + entry.id + " implements sm " +
                                      std::to_string(t.sm_min) + ".." + std::to_string(t.sm) +
                                      ", the roster says " + std::to_string(entry.sm));
  }
  return {};
}

}  // namespace

std::string_view roster_status_name(RosterStatus status) {
  return status == RosterStatus::kActive ? "active" : "suspended";
}

std::string roster_row(const RosterEntry& entry) {
  std::string out = "{\"consensus_hash\":\"" + to_hex(entry.consensus_hash) + "\",\"id\":";
  append_json_string(out, entry.id);
  out.append(",\"schema\":").append(std::to_string(entry.schema));
  out.append(",\"since\":").append(std::to_string(entry.since));
  out.append(",\"sm\":").append(std::to_string(entry.sm));
  out.append(",\"status\":\"").append(roster_status_name(entry.status)).append("\"}");
  return out;
}

Result<RosterEntry> parse_roster_row(std::string_view row) {
  Status damaged(Code::kCorrupt, "a roster row of the state cannot be read");
  Result<json::value> value = parse_json(row);
  const json::object* object = value.ok() ? value->if_object() : nullptr;
  if (object == nullptr) return damaged;
  RosterEntry entry;
  auto text = [object](std::string_view member) -> std::string {
    const json::value* v = object->if_contains(member);
    return v != nullptr && v->is_string() ? std::string(v->get_string()) : std::string();
  };
  auto number = [object](std::string_view member) -> std::uint64_t {
    const json::value* v = object->if_contains(member);
    if (v == nullptr) return 0;
    if (const auto* i = v->if_int64()) return static_cast<std::uint64_t>(*i);
    const auto* u = v->if_uint64();
    return u == nullptr ? 0 : *u;
  };
  entry.id = text("id");
  entry.sm = static_cast<std::uint32_t>(number("sm"));
  entry.schema = static_cast<std::uint32_t>(number("schema"));
  entry.since = number("since");
  entry.status = text("status") == "active" ? RosterStatus::kActive : RosterStatus::kSuspended;
  Result<Hash> hash = array_from_hex<32>(text("consensus_hash"));
  if (!hash.ok() || entry.id.empty()) return damaged;
  entry.consensus_hash = *hash;
  return entry;
}

Hash roster_hash_of(std::uint32_t kernel_sm, const std::vector<RosterEntry>& ascending) {
  std::string text = "{\"kernel\":" + std::to_string(kernel_sm) + ",\"plugins\":[";
  for (const RosterEntry& entry : ascending) {
    if (text.back() != '[') text.push_back(',');
    text.append(roster_row(entry));
  }
  text.append("]}");
  return blake3({BytesView("tb/roster/v1"), text});
}

Result<std::shared_ptr<const MachineSet>> MachineSet::build(Entries machines,
                                                            std::uint32_t kernel_sm) {
  auto set = std::make_shared<MachineSet>();
  Entries active;
  std::sort(machines.begin(), machines.end(),
            [](const auto& a, const auto& b) { return a.first.id < b.first.id; });
  for (auto& [entry, machine] : machines) {
    set->roster_.push_back(entry);
    if (entry.status != RosterStatus::kActive) continue;
    TB_TRY(check_machine(entry, machine));
    active.emplace_back(entry, std::move(machine));
  }
  set->roster_hash_ = roster_hash_of(kernel_sm, set->roster_);
  Result<std::vector<std::size_t>> order = sort_by_services(active);
  if (!order.ok()) return order.status();

  RosterEntry own;
  own.id = "chain";
  own.sm = kernel_sm;
  own.schema = 1;
  set->machines_.push_back(BoundMachine{chain_machine(), own, 0, {}});
  for (std::size_t i : *order) {
    set->machines_.push_back(BoundMachine{std::move(active[i].second),
                                          active[i].first,
                                          static_cast<std::uint32_t>(set->machines_.size()),
                                          {}});
  }
  TB_TRY(check_clashes(set->machines_));
  TB_TRY(set->index_params());
  for (BoundMachine& m : set->machines_) {
    const Manifest& manifest = *m.machine.manifest;
    m.slots = set->bind(manifest);
    for (std::size_t i = 0; i < m.slots.size(); ++i) {
      const std::vector<std::uint32_t>& functions = m.slots[i].functions;
      auto bad = std::find(functions.begin(), functions.end(), ~0u);
      if (bad == functions.end()) continue;
      const BoundMachine& provider = set->machines_[static_cast<std::size_t>(m.slots[i].provider)];
      return Status(
          Code::kInvalid,
          "plugin " + manifest.id + " calls " + manifest.requires_[i].name + " function '" +
              manifest.requires_[i].functions[static_cast<std::size_t>(bad - functions.begin())] +
              "', which plugin " + provider.roster.id + " does not have");
    }
    for (std::uint32_t i = 0; i < manifest.methods.size(); ++i) {
      if (manifest.methods[i].kind != MethodKind::kCommand) continue;
      set->commands_.emplace(manifest.methods[i].name, std::pair(m.index, i));
      for (const std::string& alias : manifest.methods[i].aliases)
        set->commands_.emplace(alias, std::pair(m.index, i));
    }
  }
  return std::shared_ptr<const MachineSet>(std::move(set));
}

std::vector<BoundMachine::Slot> MachineSet::bind(const Manifest& manifest) const {
  std::vector<BoundMachine::Slot> slots;
  for (const ServiceRequired& need : manifest.requires_) {
    BoundMachine::Slot& slot = slots.emplace_back();
    const BoundMachine* provider = provider_of(need.name);
    if (provider == nullptr) continue;
    slot.provider = static_cast<int>(provider->index);
    const std::vector<ServiceProvided>& provides = provider->machine.manifest->provides;
    while (provides[slot.service].name != need.name) ++slot.service;
    const std::vector<ServiceFunction>& functions = provides[slot.service].functions;
    for (const std::string& name : need.functions) {
      auto it = std::find_if(functions.begin(), functions.end(),
                             [&](const auto& f) { return f.name == name; });
      slot.functions.push_back(
          it == functions.end() ? ~0u : static_cast<std::uint32_t>(it - functions.begin()));
    }
  }
  return slots;
}

const BoundMachine* MachineSet::provider_of(std::string_view service) const {
  for (const BoundMachine& m : machines_) {
    for (const ServiceProvided& provided : m.machine.manifest->provides) {
      if (provided.name == service) return &m;
    }
  }
  return nullptr;
}

std::string_view MachineSet::escrow_owner(std::string_view account) const {
  const std::size_t end = account.find_first_of("/:");
  if (end == std::string_view::npos) return {};
  for (const BoundMachine& m : machines_) {
    for (const std::string& prefix : m.machine.manifest->escrow_prefixes) {
      if (prefix == account.substr(0, end)) return m.roster.id;
    }
  }
  return {};
}

MachineSet::MethodRef MachineSet::find_command(std::string_view name) const {
  auto it = commands_.find(name);
  if (it == commands_.end()) return {};
  const BoundMachine& m = machines_[it->second.first];
  return {&m, &m.machine.manifest->methods[it->second.second], it->second.second};
}

MachineSet::FunctionRef MachineSet::find_function(std::string_view service,
                                                  std::string_view function) const {
  const BoundMachine* machine = provider_of(service);
  if (machine == nullptr) return {};
  const std::vector<ServiceProvided>& provides = machine->machine.manifest->provides;
  for (std::uint32_t s = 0; s < provides.size(); ++s) {
    if (provides[s].name != service) continue;
    for (std::uint32_t f = 0; f < provides[s].functions.size(); ++f) {
      if (provides[s].functions[f].name == function) return {machine, s, f};
    }
  }
  return {};
}

// Two plugins may share a parameter, when they declare it alike; a name has one meaning only.
Status MachineSet::index_params() {
  for (const BoundMachine& m : machines_) {
    const std::vector<ParamSpec>& specs = m.machine.manifest->params;
    for (std::uint32_t i = 0; i < specs.size(); ++i) {
      std::vector<ParamRef>& owners = params_[specs[i].key];
      if (!owners.empty() && !same_param(*owners[0].spec, specs[i])) {
        return Status(Code::kInvalid,
                      "plugins " + owners[0].machine->roster.id + " and " + m.roster.id +
                          " declare the parameter '" + specs[i].key +
                          "' with different defaults or ranges",
                      "leave one of them out, or use versions that fit together");
      }
      owners.push_back({&m, &specs[i], i});
    }
  }
  for (const auto& [key, owners] : params_) {
    for (const ParamRef& owner : owners) {
      for (const std::string& alias : owner.spec->aliases) {
        auto [it, fresh] = param_aliases_.emplace(alias, key);
        if ((fresh || it->second == key) && !params_.contains(alias)) continue;
        const std::string other = params_.contains(alias) ? alias : it->second;
        return clash("parameter", alias, owner.machine->roster.id,
                     find_param(other).machine->roster.id);
      }
    }
  }
  return {};
}

MachineSet::ParamRef MachineSet::find_param(std::string_view key) const {
  const std::vector<ParamRef>& owners = find_params(key);
  return owners.empty() ? ParamRef{} : owners.front();
}

const std::vector<MachineSet::ParamRef>& MachineSet::find_params(std::string_view key) const {
  static const std::vector<ParamRef> kNone;
  auto alias = param_aliases_.find(key);
  auto it = params_.find(alias == param_aliases_.end() ? key : std::string_view(alias->second));
  return it == params_.end() ? kNone : it->second;
}

const BoundMachine* MachineSet::find(std::string_view id) const {
  for (const BoundMachine& m : machines_) {
    if (m.roster.id == id) return &m;
  }
  return nullptr;
}

}  // namespace blockd
