#include "kernel/programs/blockd/local_scripts.hpp"

#include <algorithm>
#include <map>

#include "kernel/base/file.hpp"
#include "kernel/lua/script.hpp"
#include "kernel/manifest/utf8.hpp"

namespace blockd {
namespace {

constexpr std::string_view kOnAdmit = "on_admit", kOnCommit = "on_commit";
constexpr std::size_t kMaxIdle = 8;        // compiled texts that wait for a call
constexpr std::size_t kMaxNameBytes = 64;  // of metrics.set

using Members = std::span<const lua::Script::Member>;

std::int64_t number(std::uint64_t value) {
  return static_cast<std::int64_t>(std::min<std::uint64_t>(value, INT64_MAX));
}

bool is_metric_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxNameBytes &&
         name.find_first_not_of(
             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:-") ==
             std::string_view::npos;
}

std::string fault_text(const lua::Answer& answer) {
  if (!answer.aborted.ok()) return answer.aborted.message();
  return std::string(lua::fault_name(answer.fault)) + ": " + answer.text;
}

// "script:12: text" is of line 12; "script: text" of none.
ConfigProblem problem_of(const std::string& file, const lua::Answer& answer) {
  constexpr std::string_view kChunk = "script:";
  ConfigProblem out;
  out.file = file;
  out.key = "lua.local";
  out.text = fault_text(answer);
  if (!answer.aborted.ok() || !answer.text.starts_with(kChunk)) return out;
  std::string_view rest = std::string_view(answer.text).substr(kChunk.size());
  const std::size_t colon = rest.find(':');
  if (colon != std::string_view::npos && colon <= 6) {
    if (const std::optional<std::uint64_t> line = parse_u64(rest.substr(0, colon))) {
      out.line = static_cast<int>(*line);
      rest.remove_prefix(colon + 1);
    }
  }
  out.text = std::string(lua::fault_name(answer.fault)) + ":" + std::string(rest);
  return out;
}

}  // namespace

// One text, and the compiled copies of it that no call uses now.
class LocalScript {
 public:
  LocalScript(std::string source, std::unique_ptr<lua::Script> first, MetricFamily* values,
              MetricFamily* errors, LocalScripts::Log log)
      : name_(first->header()->name),
        hash_(first->hash()),
        admits_(first->has(kOnAdmit)),
        commits_(first->has(kOnCommit)),
        source_(std::move(source)),
        values_(values),
        errors_(errors->counter({name_})),
        log_(std::move(log)) {
    idle_.push_back(std::move(first));
  }

  const std::string& name() const { return name_; }
  const Hash& hash() const { return hash_; }
  bool admits() const { return admits_; }
  bool commits() const { return commits_; }

  // Nothing was refused when the call failed: that is counted.
  lua::Verdict run(std::string_view event, Members argument) {
    lua::Answer answer;
    std::unique_ptr<lua::Script> script = take(&answer);
    lua::Verdict verdict;
    std::map<std::string, std::int64_t, std::less<>> values;
    if (script) {
      std::string bad_metric;
      answer = script->call(event, argument, lua::kBudgetLocal, reads(&values, &bad_metric));
      put_back(std::move(script));
      verdict = lua::read_verdict(event, &answer);
      if (answer.ok() && !bad_metric.empty()) note(event, bad_metric);
    }
    if (answer.ok() && !is_utf8(verdict.reason)) {
      answer.fault = lua::Fault::kReturn;
      answer.text = "the reason is not valid UTF-8";
    }
    if (!answer.ok()) {
      note(event, fault_text(answer));
      return {};
    }
    for (const auto& [name, value] : values) show(event, name, value);
    return verdict;
  }

 private:
  std::unique_ptr<lua::Script> take(lua::Answer* answer) {
    {
      std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        std::unique_ptr<lua::Script> out = std::move(idle_.back());
        idle_.pop_back();
        return out;
      }
    }
    return lua::Script::compile(source_, answer, lua::Scope::kLocal);
  }
  void put_back(std::unique_ptr<lua::Script> script) {
    std::lock_guard lock(mutex_);
    if (idle_.size() < kMaxIdle) idle_.push_back(std::move(script));
  }

  // Values are shown when the call has succeeded: a map of at most kMaxLocalScriptNames until then.
  lua::Reads reads(std::map<std::string, std::int64_t, std::less<>>* values,
                   std::string* bad_metric) const {
    lua::Reads out;
    out.log = [this](std::string_view text) {
      log_(false, name_, is_utf8(text) ? text : "(a text that is not valid UTF-8)");
    };
    out.set_metric = [values, bad_metric](std::string_view name, std::int64_t value) {
      if (!is_metric_name(name)) {
        *bad_metric = "metrics.set: a name has 1 to 64 characters of a-z, A-Z, 0-9, _ . : -";
      } else if (auto at = values->find(name); at != values->end()) {
        at->second = value;
      } else if (values->size() < kMaxLocalScriptNames) {
        values->emplace(name, value);
      } else {
        *bad_metric = too_many_names();
      }
    };
    return out;
  }
  static std::string too_many_names() {
    return "metrics.set: more than " + std::to_string(kMaxLocalScriptNames) +
           " names; the others are not shown";
  }

  void show(std::string_view event, const std::string& name, std::int64_t value) {
    Gauge* gauge = nullptr;
    {
      std::lock_guard lock(mutex_);
      const auto at = gauges_.find(name);
      if (at != gauges_.end()) {
        gauge = at->second;
      } else if (gauges_.size() < kMaxLocalScriptNames) {
        gauge = gauges_.emplace(name, values_->gauge({name_, name})).first->second;
      }
    }
    if (gauge != nullptr) {
      gauge->set(static_cast<double>(value));
    } else {
      note(event, too_many_names());
    }
  }

  // Every failure is counted; the log hears of it when it is another one than before.
  void note(std::string_view event, std::string_view what) {
    errors_->add();
    std::string text = std::string(event) + ": " + std::string(what);
    {
      std::lock_guard lock(mutex_);
      if (text == last_error_) return;
      last_error_ = text;
    }
    log_(true, name_, text);
  }

  const std::string name_;
  const Hash hash_;
  const bool admits_, commits_;
  const std::string source_;
  MetricFamily* const values_;
  Counter* const errors_;
  const LocalScripts::Log log_;
  std::mutex mutex_;  // a leaf: guards what follows, never held during a call
  std::vector<std::unique_ptr<lua::Script>> idle_;
  std::map<std::string, Gauge*, std::less<>> gauges_;
  std::string last_error_;
};

Result<std::unique_ptr<LocalScripts>> LocalScripts::create(MetricRegistry& metrics, Log log) {
  Result<MetricFamily*> values =
      metrics.declare("kernel", {.name = "lua_local_value",
                                 .type = MetricType::kGauge,
                                 .labels = {"script", "name"},
                                 .help = "What a script of this node gave to metrics.set",
                                 .label_limit = kMaxLocalScripts * kMaxLocalScriptNames});
  if (!values.ok()) return values.status();
  Result<MetricFamily*> errors =
      metrics.declare("kernel", {.name = "lua_local_errors_total",
                                 .labels = {"script"},
                                 .help = "Calls of a script of this node that failed"});
  if (!errors.ok()) return errors.status();
  return std::unique_ptr<LocalScripts>(new LocalScripts(*values, *errors, std::move(log)));
}

LocalScripts::~LocalScripts() = default;

std::shared_ptr<LocalScript> LocalScripts::make(const std::string& file,
                                                ConfigProblem* problem) const {
  problem->file = file;
  problem->key = "lua.local";
  Result<Bytes> text = read_file(file, lua::kMaxSource);
  if (!text.ok()) {
    problem->text = text.status().message();
    return nullptr;
  }
  std::string source(text->begin(), text->end());
  lua::Answer answer;
  std::unique_ptr<lua::Script> script = lua::Script::compile(source, &answer, lua::Scope::kLocal);
  if (!script) {
    *problem = problem_of(file, answer);
    return nullptr;
  }
  if (const std::shared_ptr<const Set> now = in_force()) {
    for (const auto& known : *now) {
      if (known->hash() == script->hash()) return known;
    }
  }
  return std::make_shared<LocalScript>(std::move(source), std::move(script), values_, errors_,
                                       log_);
}

std::vector<ConfigProblem> LocalScripts::prepare(const std::vector<std::string>& files) {
  prepared_ = nullptr;
  Set set;
  std::vector<ConfigProblem> problems;
  for (const std::string& file : files) {
    ConfigProblem problem;
    std::shared_ptr<LocalScript> script = make(file, &problem);
    if (script != nullptr) {
      const bool twice = std::any_of(set.begin(), set.end(), [&](const auto& other) {
        return other->name() == script->name();
      });
      if (twice) problem.text = "two scripts have the name " + script->name();
    }
    if (problem.text.empty()) {
      set.push_back(std::move(script));
    } else {
      problems.push_back(std::move(problem));
    }
  }
  if (problems.empty()) prepared_ = std::make_shared<const Set>(std::move(set));
  return problems;
}

void LocalScripts::install() {
  if (prepared_ == nullptr) return;
  const auto any = [&](bool (LocalScript::*has)() const) {
    return std::any_of(prepared_->begin(), prepared_->end(),
                       [has](const auto& script) { return ((*script).*has)(); });
  };
  const bool admits = any(&LocalScript::admits), commits = any(&LocalScript::commits);
  {
    std::lock_guard lock(mutex_);
    set_ = std::move(prepared_);
  }
  prepared_ = nullptr;
  admits_.store(admits, std::memory_order_relaxed);
  commits_.store(commits, std::memory_order_relaxed);
}

std::shared_ptr<const LocalScripts::Set> LocalScripts::in_force() const {
  std::lock_guard lock(mutex_);
  return set_;
}

std::optional<Refusal> LocalScripts::admit(const Command& command, Lane lane) {
  if (!admits_.load(std::memory_order_relaxed)) return std::nullopt;
  const lua::Script::Member argument[] = {{"method", std::string_view(command.method)},
                                          {"from", std::string_view(command.from)},
                                          {"lane", lane_name(lane)},
                                          {"bytes", number(command.envelope.size())}};
  const std::shared_ptr<const Set> set = in_force();
  for (const auto& script : *set) {
    if (!script->admits()) continue;
    const lua::Verdict verdict = script->run(kOnAdmit, argument);
    if (!verdict.refused) continue;
    Refusal out = make_refusal(
        kCodeLocalPolicy, "local_policy",
        verdict.reason.empty() ? "a script of this node refuses the command" : verdict.reason);
    out.data["script"] = script->name();
    out.hint = "this node's operator decides that; another node may take the command";
    return out;
  }
  return std::nullopt;
}

void LocalScripts::committed(const BlockRecord& block) {
  if (!commits_.load(std::memory_order_relaxed)) return;
  const lua::Script::Member argument[] = {{"height", number(block.header.height)},
                                          {"epoch", number(block.header.epoch)},
                                          {"commands", number(block.commands.size())},
                                          {"time_ms", number(block.header.time_ms)}};
  const std::shared_ptr<const Set> set = in_force();
  for (const auto& script : *set) {
    if (script->commits()) script->run(kOnCommit, argument);
  }
}

}  // namespace blockd
