#include "kernel/programs/cli/world.hpp"

#include <boost/json/serialize.hpp>
#include <istream>
#include <iterator>
#include <ostream>

#include "kernel/base/file.hpp"
#include "kernel/programs/cli/output.hpp"

namespace blockd::cli {
namespace {

constexpr std::uint64_t kMaxInputBytes = 64u << 20;

// Names for what the CLI itself finds wrong; what the node refuses has its own.
std::string_view name_of(Code code) {
  switch (code) {
    case Code::kInvalid:
      return "usage";
    case Code::kUnavailable:
      return "unreachable";
    case Code::kDenied:
      return "refused";
    default:
      return code_name(code);
  }
}

int exit_of(Code code) {
  if (code == Code::kInvalid) return kExitUsage;
  return code == Code::kUnavailable || code == Code::kTimeout ? kExitUnreachable : kExitRefused;
}

void print_lines(std::ostream& err, const std::string& text) {
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    err << "  " << escape_controls(std::string_view(text).substr(begin, end - begin)) << '\n';
    begin = end + 1;
  }
}

std::string data_text(const json::object& data, const char* name) {
  const json::value* value = data.if_contains(name);
  if (!value || value->is_null()) return {};
  return value->is_string() ? std::string(value->get_string()) : json::serialize(*value);
}

}  // namespace

std::string World::variable(const std::string& name) const {
  const auto at = environment.find(name);
  return at == environment.end() ? std::string() : at->second;
}

std::string World::home() const {
  const std::string own = variable("TB_HOME");
  return own.empty() ? variable("HOME") : own;
}

bool Session::wants_json() const {
  if (options.format == Format::kAuto) return !world.out_is_terminal;
  return options.format == Format::kJson;
}

int Session::fail(const Status& status) {
  if (refused && status.code() == Code::kAborted) return fail(*refused);
  if (options.format == Format::kJson) {
    world.out << json::serialize(
                     json::object{{"error", json::object{{"code", exit_of(status.code())},
                                                         {"name", name_of(status.code())},
                                                         {"message", status.message()}}}})
              << '\n';
  }
  world.err << "error[" << name_of(status.code()) << "]: " << escape_controls(status.message())
            << '\n';
  print_lines(world.err, status.hint());
  return exit_of(status.code());
}

int Session::fail(const RpcError& error) {
  if (options.format == Format::kJson) {
    json::object body = {{"code", error.code}, {"name", error.name}, {"message", error.message}};
    if (!error.data.empty()) body["data"] = error.data;
    world.out << json::serialize(json::object{{"error", std::move(body)}}) << '\n';
  }
  // Messages of the node begin with the name, which stands in the brackets already.
  std::string text = error.message;
  if (text.starts_with(error.name + ": ")) text.erase(0, error.name.size() + 2);
  world.err << "error[" << escape_controls(error.name) << "]: " << escape_controls(text) << '\n';
  for (const char* member : {"field", "found", "expected", "outcome", "command_id", "height"}) {
    const std::string value = data_text(error.data, member);
    if (!value.empty()) world.err << "  " << member << ": " << escape_controls(value) << '\n';
  }
  if (const std::string nearest = data_text(error.data, "nearest"); !nearest.empty()) {
    world.err << "  did you mean " << escape_controls(nearest) << "?\n";
  }
  print_lines(world.err, data_text(error.data, "hint"));
  return error.name == "timeout" ? kExitUnreachable : kExitRefused;
}

std::string trimmed(const std::string& text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

Result<std::string> read_text(World& world, const std::string& path) {
  if (path == "-") {
    std::string text{std::istreambuf_iterator<char>(world.in), std::istreambuf_iterator<char>()};
    if (text.size() > kMaxInputBytes)
      return Status(Code::kInvalid, "standard input is above 64 MiB");
    return text;
  }
  Result<Bytes> text = read_file(path, kMaxInputBytes);
  if (!text.ok()) return Status(Code::kInvalid, text.status().message(), text.status().hint());
  return *std::move(text);
}

Result<json::value> read_json_argument(World& world, const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  const bool inline_json = first != std::string::npos && (text[first] == '{' || text[first] == '[');
  if (inline_json) return parse_json(text);
  const std::string path = text.starts_with('@') ? text.substr(1) : text;
  Result<std::string> content = read_text(world, path);
  if (!content.ok()) return content.status();
  Result<json::value> value = parse_json(*content);
  if (!value.ok()) return value.status().in(path);
  return value;
}

}  // namespace blockd::cli
