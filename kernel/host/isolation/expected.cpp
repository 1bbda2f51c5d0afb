#include "kernel/host/isolation/expected.hpp"

#include <algorithm>

namespace blockd::isolation {
namespace {

constexpr std::size_t kMaxKinds = 1024;
constexpr std::size_t kMaxParams = 64;
constexpr std::size_t kLeastText = 2;  // a shorter argument is found everywhere
constexpr std::uint32_t kMaxUseless = 8;

constexpr std::size_t kMaxCandidates = 32;
constexpr std::size_t kLeastHex = 16;  // digits

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool from_digits(BytesView digits, Bytes* bytes) {
  if (digits.size() < kLeastHex || digits.size() % 2 != 0) return false;
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    const int high = hex_value(digits[i]), low = hex_value(digits[i + 1]);
    if (high < 0 || low < 0) return false;
    bytes->push_back(static_cast<char>(high << 4 | low));
  }
  return true;
}

}  // namespace

bool Expected::form_of_text(BytesView from, Form form, Bytes* text) {
  text->clear();
  if (from.size() < kLeastText || from.size() > 255) return false;
  if (form == Form::kHex) return from_digits(from, text);
  if (form == Form::kFramed) text->push_back(static_cast<char>(from.size()));
  text->append(from);
  return true;
}

// The same of an argument, or a number in eight bytes.
bool Expected::form_of(const tb_value& value, Form form, Bytes* text) {
  if (value.type == TB_TYPE_STR || value.type == TB_TYPE_BYTES)
    return form_of_text(to_view(value.str), form, text);
  if (value.type != TB_TYPE_U64 || form != Form::kPlain) return false;
  text->clear();
  put_be64(*text, value.num);
  return true;
}

std::uint64_t Expected::kind_of(const CallShape& call) {
  return static_cast<std::uint64_t>(call.entry) << 56 | std::uint64_t{call.service} << 28 |
         call.index;
}

std::vector<Expected::Part> Expected::cut(const CallShape& call, BytesView key) {
  std::vector<Part> forms;
  Bytes text;
  for (Form form : {Form::kFramed, Form::kHex, Form::kPlain}) {
    if (form_of_text(call.account, form, &text)) forms.push_back({kAccount, form, text});
    for (std::uint32_t i = 0; i < call.count; ++i) {
      if (form_of(call.args[i], form, &text))
        forms.push_back({static_cast<std::int32_t>(i), form, text});
    }
  }
  std::stable_sort(forms.begin(), forms.end(),
                   [](const Part& a, const Part& b) { return a.text.size() > b.text.size(); });
  std::vector<Part> parts;
  while (!key.empty()) {
    const auto found = std::find_if(forms.begin(), forms.end(),
                                    [&](const Part& f) { return key.starts_with(f.text); });
    if (found != forms.end()) {
      parts.push_back({found->arg, found->form, {}});
      key.remove_prefix(found->text.size());
      continue;
    }
    if (parts.empty() || parts.back().arg != kLiteral) parts.push_back({});
    parts.back().text.push_back(key.front());
    key.remove_prefix(1);
  }
  return parts;
}

bool Expected::fill(const CallShape& call, const Pattern& pattern, Bytes* key) {
  Bytes text;
  for (const Part& part : pattern.parts) {
    if (part.arg == kLiteral) {
      key->append(part.text);
    } else if (part.arg == kAccount && form_of_text(call.account, part.form, &text)) {
      key->append(text);
    } else if (part.arg >= 0 && static_cast<std::uint32_t>(part.arg) < call.count &&
               form_of(call.args[part.arg], part.form, &text)) {
      key->append(text);
    } else {
      return false;
    }
  }
  return true;
}

void Expected::guess(const CallShape& call, Guess* out) {
  std::lock_guard lock(mutex_);
  const auto kind = kinds_.find(kind_of(call));
  if (kind == kinds_.end()) return;
  out->version = kind->second.version;
  for (const Pattern& pattern : kind->second.patterns) {
    Bytes key;
    if (!fill(call, pattern, &key)) key.clear();  // its bit stays unused
    out->keys.push_back(std::move(key));
  }
  out->params = kind->second.params;
}

void Expected::missed_row(const CallShape& call, BytesView key) {
  std::lock_guard lock(mutex_);
  if (kinds_.size() >= kMaxKinds && !kinds_.contains(kind_of(call))) return;
  Kind& kind = kinds_[kind_of(call)];
  if (kind.patterns.size() >= kMaxExpected) return;
  std::vector<Part> parts = cut(call, key);
  const bool known = std::any_of(kind.patterns.begin(), kind.patterns.end(),
                                 [&](const Pattern& p) { return p.parts == parts; });
  if (known) return;
  const auto before = std::find(kind.candidates.begin(), kind.candidates.end(), parts);
  if (before != kind.candidates.end()) {
    before->clear();
    kind.patterns.push_back({std::move(parts), 0});
  } else if (kind.candidates.size() < kMaxCandidates) {
    kind.candidates.push_back(std::move(parts));
  } else {
    kind.candidates[kind.oldest++ % kMaxCandidates] = std::move(parts);
  }
}

void Expected::missed_param(const CallShape& call, std::uint32_t index) {
  std::lock_guard lock(mutex_);
  if (kinds_.size() >= kMaxKinds && !kinds_.contains(kind_of(call))) return;
  std::vector<std::uint32_t>& params = kinds_[kind_of(call)].params;
  if (params.size() < kMaxParams && std::find(params.begin(), params.end(), index) == params.end())
    params.push_back(index);
}

void Expected::used(const CallShape& call, const Guess& guess, std::uint64_t bits) {
  if (guess.keys.empty()) return;
  std::lock_guard lock(mutex_);
  const auto kind = kinds_.find(kind_of(call));
  if (kind == kinds_.end() || kind->second.version != guess.version) return;
  std::vector<Pattern>& patterns = kind->second.patterns;
  bool useless = false;
  for (std::size_t i = 0; i < guess.keys.size() && i < patterns.size(); ++i) {
    patterns[i].useless = (bits >> i & 1) != 0 ? 0 : patterns[i].useless + 1;
    useless = useless || patterns[i].useless > kMaxUseless;
  }
  if (!useless) return;
  std::erase_if(patterns, [](const Pattern& p) { return p.useless > kMaxUseless; });
  ++kind->second.version;
}

}  // namespace blockd::isolation
