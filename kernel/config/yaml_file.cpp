#include "kernel/config/yaml_file.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <sstream>

namespace blockd {
namespace {

struct Refused {
  YamlFault fault;
};

// Builds the tree from yaml-cpp's events; `open_` is the path from the root to where the next event
// belongs.
class Builder : public YAML::EventHandler {
 public:
  YamlNode take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) refuse(mark, "a second document; a config file has one");
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    check(mark, "", anchor);
    YamlNode node;
    node.line = line(mark);
    add(mark, std::move(node), false);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    refuse(mark, "aliases are not allowed");
  }
  void OnAnchor(const YAML::Mark& mark, const std::string&) override {
    refuse(mark, "anchors are not allowed");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    check(mark, tag, anchor);
    YamlNode node;
    node.kind = YamlNode::Kind::kScalar;
    node.line = line(mark);
    node.quoted = tag == "!";
    node.text = value;
    const bool null_word =
        value.empty() || value == "~" || value == "null" || value == "Null" || value == "NULL";
    if (!node.quoted && null_word && !expects_key()) node.kind = YamlNode::Kind::kNull;
    add(mark, std::move(node), false);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    start(mark, tag, anchor, YamlNode::Kind::kList);
  }
  void OnSequenceEnd() override { open_.pop_back(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    start(mark, tag, anchor, YamlNode::Kind::kMap);
  }
  void OnMapEnd() override { open_.pop_back(); }

 private:
  struct Open {
    YamlNode* node;
    bool has_key = false;
    std::string key = {};
    int key_line = 0;
  };

  static int line(const YAML::Mark& mark) { return mark.line + 1; }
  [[noreturn]] static void refuse(const YAML::Mark& mark, std::string text) {
    throw Refused{{line(mark), std::move(text)}};
  }
  static void check(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (anchor != YAML::NullAnchor) refuse(mark, "anchors are not allowed");
    if (!tag.empty() && tag != "?" && tag != "!")
      refuse(mark, "tags are not allowed ('" + tag + "')");
  }
  bool expects_key() const {
    return !open_.empty() && open_.back().node->kind == YamlNode::Kind::kMap &&
           !open_.back().has_key;
  }
  void start(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
             YamlNode::Kind kind) {
    check(mark, tag, anchor);
    YamlNode node;
    node.kind = kind;
    node.line = line(mark);
    add(mark, std::move(node), true);
  }

  // Pointers in open_ stay valid: while a child is open its parent's vector does not grow.
  void add(const YAML::Mark& mark, YamlNode node, bool opens) {
    if (open_.size() >= static_cast<std::size_t>(kMaxYamlDepth))
      refuse(mark, "nested deeper than 32 levels");
    YamlNode* placed = nullptr;
    if (open_.empty()) {
      root_ = std::move(node);
      placed = &root_;
    } else if (Open& in = open_.back(); in.node->kind == YamlNode::Kind::kList) {
      placed = &in.node->items.emplace_back(std::move(node));
    } else if (!in.has_key) {
      if (node.kind != YamlNode::Kind::kScalar) refuse(mark, "a key must be a plain text");
      for (const auto& [name, value] : in.node->members) {
        if (name == node.text) {
          refuse(mark, "'" + name + "' is repeated; it stands on line " +
                           std::to_string(value.line) + " already");
        }
      }
      in.has_key = true;
      in.key = std::move(node.text);
      in.key_line = node.line;
      return;
    } else {
      in.has_key = false;
      // A section is told at its name, not at the first of its keys.
      if (node.kind == YamlNode::Kind::kMap) node.line = in.key_line;
      placed = &in.node->members.emplace_back(std::move(in.key), std::move(node)).second;
    }
    if (opens) open_.push_back({placed});
  }

  YamlNode root_;
  std::vector<Open> open_;
  int documents_ = 0;
};

bool is_utf8(std::string_view s, int& bad_line) {
  bad_line = 1;
  for (std::size_t i = 0; i < s.size();) {
    const auto c = static_cast<unsigned char>(s[i]);
    if (c == '\n') ++bad_line;
    const std::size_t tail = c < 0x80                ? 0
                             : c >= 0xC2 && c < 0xE0 ? 1
                             : c >= 0xE0 && c < 0xF0 ? 2
                             : c >= 0xF0 && c < 0xF5 ? 3
                                                     : 9;
    if (c == 0 || tail == 9 || i + tail >= s.size()) return false;
    for (std::size_t k = 1; k <= tail; ++k) {
      if ((static_cast<unsigned char>(s[i + k]) & 0xC0) != 0x80) return false;
    }
    i += tail + 1;
  }
  return true;
}

// Whether line `number` (from 0), where the parser gave up, or one next to it begins with a tab.
bool has_tab_near(std::string_view text, int number) {
  int line = 0;
  for (std::size_t at = 0; at < text.size() && line <= number + 1; ++line) {
    if (line >= number - 1) {
      const std::size_t begin = text.find_first_not_of(' ', at);
      if (begin != std::string_view::npos && text[begin] == '\t') return true;
    }
    const std::size_t end = text.find('\n', at);
    if (end == std::string_view::npos) break;
    at = end + 1;
  }
  return false;
}

}  // namespace

YamlNode::YamlNode() = default;
YamlNode::YamlNode(const YamlNode&) = default;
YamlNode::YamlNode(YamlNode&&) noexcept = default;
YamlNode& YamlNode::operator=(const YamlNode&) = default;
YamlNode& YamlNode::operator=(YamlNode&&) noexcept = default;
YamlNode::~YamlNode() = default;

bool parse_yaml(std::string_view text, YamlNode& root, YamlFault& fault) {
  int bad_line = 0;
  if (text.size() > kMaxConfigFileBytes) {
    fault = {1, "the file is larger than 1 MiB"};
    return false;
  }
  if (!is_utf8(text, bad_line)) {
    fault = {bad_line, "not UTF-8"};
    return false;
  }
  try {
    std::istringstream in{std::string(text)};
    YAML::Parser parser(in);
    Builder builder;
    while (parser.HandleNextDocument(builder)) {
    }
    root = builder.take();
  } catch (const Refused& refused) {
    fault = refused.fault;
    return false;
  } catch (const YAML::Exception& e) {
    fault = {e.mark.line + 1, "not YAML: " + e.msg};
    if (has_tab_near(text, e.mark.line))
      fault.text += "; a line is indented with a tab, and YAML takes blanks only";
    return false;
  }
  if (root.kind != YamlNode::Kind::kMap && root.kind != YamlNode::Kind::kNull) {
    fault = {root.line, "expected a mapping of sections"};
    return false;
  }
  return true;
}

}  // namespace blockd
