// The words in which a plugin declares itself, each an entry of the manifest (docs/manifest.md).
// Used inside describe(), while the library loads; never in a handler.
//
// Declarations are fluent and read like a table of contents. help() and alias() speak of what was
// named last: the entry itself, or the field() or cli() selected since. A mistake does not throw:
// the first one is kept, and the library refuses to load with its text.
#pragma once

#include <initializer_list>

#include "tb/detail/schema.hpp"
#include "tb/status.hpp"

namespace tb {

namespace detail {

// The first mistake of a declaration.
class Problem {
 public:
  void report(std::string text) {
    if (text_.empty()) text_ = std::move(text);
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

}  // namespace detail

using Texts = std::initializer_list<std::string_view>;

// What all entries share: the JSON object they write and the words for their fields.
template <class Self>
class Entry {
 public:
  Entry(detail::Json& json, detail::Problem& problem, std::string name)
      : json_(&json), target_(&json), problem_(&problem), name_(std::move(name)) {}

  Self& help(std::string_view text) { return set_target("help", text); }
  Self& unit(std::string_view text) { return set_target("unit", text); }
  Self& alias(std::string_view name) {
    target_->array_at("aliases").push(name);
    return self();
  }

 protected:
  template <class T>
  Self& set(std::string_view key, const T& value) {
    json_->set(key, value);
    return self();
  }
  template <class T>
  Self& set_target(std::string_view key, const T& value) {
    target_->set(key, value);
    return self();
  }
  Self& set_texts(std::string_view key, Texts texts) {
    detail::Json& list = json_->array_at(key);
    for (std::string_view text : texts) list.push(text);
    return self();
  }
  Self& self() { return static_cast<Self&>(*this); }
  void report(std::string_view what) { problem_->report("'" + name_ + "': " + std::string(what)); }

  detail::Json* json_;
  detail::Json* target_;  // json_, or the part of it that was named last
  detail::Problem* problem_;
  std::string name_;
};

// Entries with fields. The words below REQUIRE a field() before them.
template <class Self>
class FieldsEntry : public Entry<Self> {
 public:
  using Entry<Self>::Entry;

  // Selects a field by name; "keys.public_key" reaches into records and lists of records.
  Self& field(std::string_view path) {
    detail::Json* list = this->json_->find(fields_key());
    detail::Json* found = nullptr;
    top_field_ = path;
    for (std::string_view rest = path; list != nullptr;) {
      const std::size_t dot = rest.find('.');
      found = list->element_named(rest.substr(0, dot));
      if (found == nullptr || dot == std::string_view::npos) break;
      rest = rest.substr(dot + 1);
      while (detail::Json* items = found->find("items")) found = items;
      list = found->find("fields");
      found = nullptr;
    }
    if (found == nullptr) {
      this->report("field '" + std::string(path) + "' is not a described member");
    } else {
      this->target_ = found;
    }
    field_ = found;
    return this->self();
  }
  // Bounds of a number, of the length in bytes of a text, or of the count of a list.
  template <class T>
  Self& min(T value) {
    return set_field("min", value);
  }
  template <class T>
  Self& max(T value) {
    return set_field("max", value);
  }
  template <class T>
  Self& default_value(const T& value) {
    return set_field("default", value);
  }
  // The default is what the struct's member initializer says.
  Self& defaulted() {
    detail::Json* initial = initials_.find(top_field_);
    if (initial == nullptr) {
      this->report("defaulted() needs a selected number, bool or text with an initializer");
      return this->self();
    }
    return set_field("default", *initial);
  }
  Self& choices(Texts texts) {
    detail::Json list = detail::Json::array();
    for (std::string_view text : texts) list.push(text);
    return set_field("choices", list);
  }
  Self& ignore_case() { return set_field("ignore_case", true); }
  Self& secret() { return set_field("secret", true); }

  // For the SDK: takes the fields from a described struct.
  template <class T>
  void take_fields() {
    if constexpr (detail::checked<T>()) {
      this->json_->set(fields_key(), detail::fields_of<T>());
      initials_ = detail::initials_of<T>();
    }
  }

 protected:
  template <class T>
  Self& set_field(std::string_view key, const T& value) {
    if (field_ == nullptr) {
      this->report(std::string(key) + "() needs a field() before it");
    } else {
      field_->set(key, value);
    }
    return this->self();
  }

  detail::Json* field_ = nullptr;

 private:
  static constexpr const char* fields_key() { return Self::kFieldsKey; }
  detail::Json initials_ = detail::Json::object();
  std::string top_field_;
};

class Method : public FieldsEntry<Method> {
 public:
  static constexpr const char* kFieldsKey = "params";
  using FieldsEntry::FieldsEntry;

  Method& role(std::string_view role) { return set("role", role); }
  Method& summary(std::string_view text) { return set("summary", text); }
  Method& hidden() { return set("hidden", true); }
  Method& rate_class(std::string_view name) { return set("rate_class", name); }
  Method& max_bytes(std::uint32_t bytes) { return set("max_bytes", bytes); }
  Method& error(std::int32_t code, std::string_view name, std::string_view help = {}) {
    detail::Json& entry = json_->array_at("errors").push(detail::Json::object());
    entry.set("code", code);
    entry.set("name", name);
    if (!help.empty()) entry.set("help", help);
    return *this;
  }
  Method& error(const Error& error, std::string_view text = {}) {
    return this->error(error.code, error.name, text);
  }
  // The shape of the result, for documentation.
  template <class T>
  Method& result() {
    if constexpr (detail::checked<T>()) json_->set("result", detail::fields_of<T>());
    return *this;
  }
  Method& example(std::string_view command, std::string_view shows) {
    detail::Json pair = detail::Json::array();
    pair.push(command);
    pair.push(shows);
    json_->array_at("examples").push(pair);
    return *this;
  }

  // The place in contract-cli; alias() after it adds another path.
  Method& cli(std::string_view path) {
    target_ = &json_->object_at("cli");
    field_ = nullptr;
    return set_target("path", path);
  }
  Method& positional(std::string_view field) {
    cli_object().array_at("positionals").push(field);
    return *this;
  }
  Method& flag(std::string_view field, std::string_view flag) {
    cli_object().object_at("flags").set(field, flag);
    return *this;
  }
  Method& file_field(std::string_view field) {
    cli_object().array_at("file_fields").push(field);
    return *this;
  }
  Method& merge_json(std::string_view flag) {
    cli_object().array_at("merge_json").push(flag);
    return *this;
  }
  // The member of the result that a table shows, its columns, and the one that --ids prints.
  Method& list(std::string_view member) {
    cli_object().set("list", member);
    return *this;
  }
  Method& columns(Texts names) {
    for (std::string_view name : names) cli_object().array_at("columns").push(name);
    return *this;
  }
  Method& id_field(std::string_view name) {
    cli_object().set("id_field", name);
    return *this;
  }
  // A bool of the result: contract-cli prints the result, and ends with exit code 1 if it is false.
  Method& ok_member(std::string_view name) {
    cli_object().set("ok_member", name);
    return *this;
  }
  // What contract-cli prints on a terminal instead of JSON: "proposal {id} submitted", with members
  // of the result. A result without one of them is printed as JSON.
  Method& say(std::string_view text) {
    cli_object().set("say", text);
    return *this;
  }
  // contract-cli fills this param with the present time, in seconds, unless its flag is given.
  Method& now_field(std::string_view field) {
    cli_object().set("now_field", field);
    return *this;
  }
  // contract-cli gives this text for the param unless its flag is given; other callers get the
  // param's own default.
  Method& given(std::string_view field, std::string_view text) {
    cli_object().object_at("given").set(field, text);
    return *this;
  }
  // A second verb that sends this command once for each row of a file. Rows with the same value of
  // the param `by` are sent one after the other; an error of `known` says that a row was taken
  // before, in an import that was interrupted.
  Method& import_verb(std::string_view path, std::string_view by, Texts known) {
    detail::Json& entry = cli_object().object_at("import");
    entry.set("path", path);
    entry.set("by", by);
    for (std::string_view name : known) entry.array_at("known").push(name);
    return *this;
  }
  // The result is a document: printed as JSON on a terminal too, and not in parts for people.
  Method& document() {
    cli_object().set("format", "json");
    return *this;
  }

 private:
  detail::Json& cli_object() {
    if (json_->find("cli") == nullptr) report("cli(path) comes before what it shows");
    return json_->object_at("cli");
  }
};

class EventEntry : public FieldsEntry<EventEntry> {
 public:
  static constexpr const char* kFieldsKey = "fields";
  using FieldsEntry::FieldsEntry;
  // Published by the face, never part of a block.
  EventEntry& ephemeral() { return set("durable", false); }
};

class RecordEntry : public FieldsEntry<RecordEntry> {
 public:
  static constexpr const char* kFieldsKey = "fields";
  using FieldsEntry::FieldsEntry;
};

class MetricEntry : public Entry<MetricEntry> {
 public:
  using Entry::Entry;
  MetricEntry& labels(Texts names) { return set_texts("labels", names); }
  // Label values that exist at 0 from the start; repeat for more.
  MetricEntry& preset(Texts values) {
    detail::Json list = detail::Json::array();
    for (std::string_view value : values) list.push(value);
    json_->array_at("preset").push(list);
    return *this;
  }
  MetricEntry& buckets(std::initializer_list<double> bounds) {
    for (double bound : bounds) json_->array_at("buckets").push(bound);
    return *this;
  }
  // The values of the ABI are integers: the shown value is value / scale.
  MetricEntry& scale(std::uint64_t divisor) { return set("scale", divisor); }
  MetricEntry& label_limit(std::uint32_t limit) { return set("label_limit", limit); }
  MetricEntry& not_exported() { return set("exported", false); }
};

class ParamEntry : public Entry<ParamEntry> {
 public:
  using Entry::Entry;
  ParamEntry& timelock(std::uint32_t epochs) { return set("timelock_epochs", epochs); }
  ParamEntry& rollback(std::uint32_t epochs) { return set("rollback_epochs", epochs); }
  ParamEntry& owner(std::string_view name) { return set("owner", name); }
  ParamEntry& affects(Texts what) { return set_texts("affects", what); }
};

// A config key is a field of its own: min(), choices() and the like speak of it at once.
class ConfigEntry : public FieldsEntry<ConfigEntry> {
 public:
  static constexpr const char* kFieldsKey = "fields";
  ConfigEntry(detail::Json& json, detail::Problem& problem, std::string name)
      : FieldsEntry(json, problem, std::move(name)) {
    field_ = &json;
  }
  ConfigEntry& env(std::string_view name) { return set("env", name); }
  ConfigEntry& needs_restart() { return set("reload", false); }
  // The node mirrors the plugin's namespace in this folder, with the rows of its local store below
  // the prefixes, and begins an empty namespace from what lies there.
  ConfigEntry& mirror(Texts local_prefixes = {}) {
    return set("mirror", true).set_texts("mirror_local", local_prefixes);
  }
  // The mirror is for copies, and for snapshots restore --namespace: no chain begins with it by
  // itself. Those of the plugins `also` lie in folders of their names in it.
  ConfigEntry& mirror_copy(Texts also = {}) {
    return set("mirror", true).set("mirror_copy_only", true).set_texts("mirror_also", also);
  }
};

class RoleEntry : public Entry<RoleEntry> {
 public:
  using Entry::Entry;
  RoleEntry& within(std::string_view role) { return set("within", role); }
  RoleEntry& token_env(std::string_view name) { return set("token_env", name); }
  RoleEntry& token_config(std::string_view key) { return set("token_config", key); }
  // The node key that signs unsigned calls admitted by this role: operator, admin or oracle.
  RoleEntry& key(std::string_view name) { return set("key", name); }
  // The operator of the node names it, in this config key of the plugin.
  RoleEntry& key_config(std::string_view key) { return set("key", "config:" + std::string(key)); }
};

class RateClassEntry : public Entry<RateClassEntry> {
 public:
  using Entry::Entry;
  // The config key that holds the class's calls per second; while it is unset there is no limit.
  RateClassEntry& config(std::string_view key) { return set("config", key); }
};

class RouteEntry : public Entry<RouteEntry> {
 public:
  using Entry::Entry;
  RouteEntry& listener(std::string_view name) { return set("listener", name); }
  RouteEntry& role(std::string_view name) { return set("role", name); }
  RouteEntry& summary(std::string_view text) { return set("summary", text); }
};

class AlertEntry : public Entry<AlertEntry> {
 public:
  using Entry::Entry;
  AlertEntry& expr(std::string_view promql) { return set("expr", promql); }
  // "10m", or "3ep": three lengths of an epoch.
  AlertEntry& for_duration(std::string_view duration) { return set("for", duration); }
  AlertEntry& severity(std::string_view level) { return set("severity", level); }
  AlertEntry& summary(std::string_view text) { return set("summary", text); }
  AlertEntry& runbook(std::string_view anchor) { return set("runbook", anchor); }
  // Of rules, and page of runbooks; the plugin's id unless given.
  AlertEntry& group(std::string_view name) { return set("group", name); }
  AlertEntry& alias(std::string_view name) { return set("alias", name); }
};

class PanelEntry : public Entry<PanelEntry> {
 public:
  using Entry::Entry;
  PanelEntry& type(std::string_view type) { return set("type", type); }
  PanelEntry& thresholds(std::initializer_list<double> values) {
    for (double value : values) json_->array_at("thresholds").push(value);
    return *this;
  }
};

}  // namespace tb
