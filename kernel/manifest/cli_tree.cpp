#include "kernel/manifest/cli_tree.hpp"

#include <algorithm>
#include <set>

#include "kernel/manifest/object_reader.hpp"

namespace blockd {
namespace {

constexpr std::size_t kMaxMethods = 10'000;

std::string hyphened(std::string_view text) {
  std::string out(text);
  std::replace(out.begin(), out.end(), '_', '-');
  return out;
}

std::string joined(const std::vector<std::string>& words, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += (i ? " " : "") + hyphened(words[i]);
  return out;
}

bool contains(const std::vector<std::string>& list, const std::string& text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

// What parse_cli_tree reads of a method before it is put together.
struct Raw {
  CliNode node;
  CliSpec cli;
  std::vector<Field> fields;
};

void read_extension(ObjectReader& in, Raw* out) {
  if (in.has("alias_of")) return in.accept_rest();  // an older name has no verb of its own
  CliNode& node = out->node;
  in.text("plugin", &node.plugin);
  in.word_as("kind", {"command", "query", "local"}, &node.kind, true);
  in.text("role", &node.role);
  in.couples("examples", &node.examples);
  in.object("cli", [&](ObjectReader& cli) {
    read_cli(cli, &out->cli);
    cli.accept_rest();
  });
  in.accept_rest();
}

void read_error_object(ObjectReader& in, ErrorSpec* out) {
  in.code("code", &out->code);
  in.text("message", &out->help);
  in.object("data", [&](ObjectReader& data) {
    data.text("name", &out->name);
    data.accept_rest();
  });
  in.accept_rest();
}

void read_param_object(ObjectReader& in, Field* out) {
  in.object("x-tb", [&](ObjectReader& field) {
    read_field(field, out);
    field.accept_rest();
  });
  in.accept_rest();
}

void read_method_object(ObjectReader& in, Raw* out) {
  in.text("name", &out->node.method, true);
  in.text("summary", &out->node.summary);
  in.text("description", &out->node.help);
  in.list("params", &out->fields, read_param_object, 256);
  in.list("errors", &out->node.errors, read_error_object, 256);
  in.object("x-tb", [&](ObjectReader& extension) { read_extension(extension, out); });
  in.accept_rest();
}

// Help shows what the verb gives, and not what the method would take without it.
void put_given(Raw* raw) {
  for (const auto& [name, text] : raw->cli.given) {
    for (Field& field : raw->fields) {
      if (field.name == name) field.default_value = json::value(text);
    }
  }
}

void put_args(const Raw& raw, CliNode* node, ObjectReader& in) {
  const auto& flags = raw.cli.flags;
  for (const Field& field : raw.fields) {
    const auto named = std::find_if(flags.begin(), flags.end(),
                                    [&](const auto& pair) { return pair.first == field.name; });
    const bool positional = contains(raw.cli.positionals, field.name);
    if (positional && named == flags.end()) continue;
    const bool file = contains(raw.cli.file_fields, field.name);
    node->flags.push_back(
        CliArg{field, named != flags.end() ? named->second : default_flag(field.name), file});
  }
  for (const std::string& name : raw.cli.positionals) {
    const auto field = std::find_if(raw.fields.begin(), raw.fields.end(),
                                    [&](const Field& f) { return f.name == name; });
    if (field == raw.fields.end())
      return in.problem(node->method + ": positional '" + name + "' is no param");
    const auto named = std::find_if(flags.begin(), flags.end(),
                                    [&](const auto& pair) { return pair.first == name; });
    node->positionals.push_back(CliArg{*field, named == flags.end() ? "" : named->second,
                                       contains(raw.cli.file_fields, name)});
  }
}

CliNode node_of(Raw& raw, ObjectReader& in) {
  CliNode node = std::move(raw.node);
  node.path = hyphened(raw.cli.path);
  for (const std::string& alias : raw.cli.aliases) node.aliases.push_back(hyphened(alias));
  node.merge_json = raw.cli.merge_json;
  node.list = raw.cli.list;
  node.columns = raw.cli.columns;
  node.id_field = raw.cli.id_field;
  node.ok_member = raw.cli.ok_member;
  node.say = raw.cli.say;
  node.now_field = raw.cli.now_field;
  node.given = raw.cli.given;
  node.format = raw.cli.format;
  node.imports = raw.cli.imports;
  put_given(&raw);
  put_args(raw, &node, in);
  return node;
}

Field import_flag(std::string name, FieldType type, bool required, std::string help) {
  Field field;
  field.name = std::move(name);
  field.type = type;
  field.required = required;
  field.help = std::move(help);
  return field;
}

// The verb that sends `node`'s method once for each row of a file.
CliNode import_of(const CliNode& node) {
  CliNode out;
  out.path = hyphened(node.imports.path);
  out.method = node.method;
  out.plugin = node.plugin;
  out.role = node.role;
  out.kind = node.kind;
  out.errors = node.errors;
  out.imports = node.imports;
  out.summary = "From a file, row by row: " + node.summary;
  out.help =
      "A .csv file names the fields in its first line; in any other file each line is a JSON "
      "object. What was done is kept in FILE.import, so the same line goes on where an interrupted "
      "one ended, and takes lines that were added since. Rows that are refused are listed in the "
      "report with their line and the reason; then the exit code is 1.";
  out.format = "table";
  out.row_fields = node.flags;
  for (const CliArg& arg : node.positionals) {
    if (arg.flag.empty()) out.row_fields.push_back(arg);
  }
  const auto add = [&out](std::string name, FieldType type, bool required, std::string help) {
    CliArg arg;
    arg.flag = default_flag(name);
    arg.field = import_flag(std::move(name), type, required, std::move(help));
    out.flags.push_back(std::move(arg));
  };
  add("file", FieldType::kString, true, "The rows: .csv, or lines of JSON");
  add("report", FieldType::kString, false, "Where refused rows are listed (FILE.rejected)");
  add("restart", FieldType::kBool, false, "Forget what was done and begin with the first row");
  add("progress", FieldType::kBool, false, "Show the progress also when this is no terminal");
  out.examples = {{"contract-cli " + out.path + " --file rows.csv",
                   "sends every row; the same line again goes on after an interruption"}};
  return out;
}

}  // namespace

std::string default_flag(std::string_view field) {
  std::string out = "--" + hyphened(field);
  std::replace(out.begin(), out.end(), '.', '-');
  return out;
}

const CliArg* CliNode::find_flag(std::string_view flag) const {
  const std::string wanted = hyphened(flag);
  const auto at = std::find_if(flags.begin(), flags.end(),
                               [&](const CliArg& arg) { return hyphened(arg.flag) == wanted; });
  if (at != flags.end()) return &*at;
  // Older names of a field are flags as well: `--proposal 7` where the field was called that.
  for (const CliArg& arg : flags) {
    for (const std::string& alias : arg.field.aliases) {
      if (hyphened(default_flag(alias)) == wanted) return &arg;
    }
  }
  return nullptr;
}

const CliNode* CliTree::find(const std::vector<std::string>& words, std::size_t* used) const {
  for (std::size_t count = std::min<std::size_t>(words.size(), 16); count > 0; --count) {
    const std::string path = joined(words, count);
    *used = count;
    for (const CliNode& node : nodes) {
      if (node.path == path || contains(node.aliases, path)) return &node;
    }
  }
  *used = 0;
  return nullptr;
}

std::vector<std::string> CliTree::next_words(const std::vector<std::string>& words) const {
  const std::string prefix = words.empty() ? "" : joined(words, words.size()) + " ";
  std::set<std::string> found;
  const auto look = [&](const std::string& path) {
    if (path.starts_with(prefix) && path.size() > prefix.size()) {
      found.insert(path.substr(prefix.size(), path.find(' ', prefix.size()) - prefix.size()));
    }
  };
  for (const CliNode& node : nodes) {
    look(node.path);
    for (const std::string& alias : node.aliases) look(alias);
  }
  return {found.begin(), found.end()};
}

std::optional<std::string> CliTree::nearest(const std::vector<std::string>& words) const {
  std::vector<std::string> paths;
  for (const CliNode& node : nodes) paths.push_back(node.path);
  return nearest_name(joined(words, std::min<std::size_t>(words.size(), 16)).substr(0, 128), paths);
}

Result<CliTree> parse_cli_tree(const json::value& openrpc) {
  Problems problems;
  ObjectReader in(problems, openrpc, "rpc.discover");
  if (!in.has("methods")) in.problem("'methods' is missing", "is this the URL of a node?");
  std::vector<Raw> raws;
  in.list("methods", &raws, read_method_object, kMaxMethods);
  CliTree tree;
  for (Raw& raw : raws) {
    if (raw.cli.path.empty()) continue;
    tree.nodes.push_back(node_of(raw, in));
    if (!tree.nodes.back().imports.path.empty()) tree.nodes.push_back(import_of(tree.nodes.back()));
  }
  if (problems.any()) return problems.first();
  std::sort(tree.nodes.begin(), tree.nodes.end(),
            [](const CliNode& a, const CliNode& b) { return a.path < b.path; });
  return tree;
}

}  // namespace blockd
