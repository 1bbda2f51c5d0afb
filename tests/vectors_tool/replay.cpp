#include "tests/vectors_tool/replay.hpp"

#include <boost/json/serialize.hpp>
#include <filesystem>
#include <fstream>

#include "kernel/base/mmr_vectors.hpp"
#include "kernel/lua/vectors.hpp"
#include "plugins/economics/tests/vectors.hpp"
#include "plugins/receipts/vectors.hpp"
#include "tests/plugins/energy/vectors.hpp"
#include "tests/plugins/gov-core/vectors.hpp"
#include "tests/vectors_tool/compare.hpp"
#include "tests/vectors_tool/wide.hpp"

namespace blockd {
namespace {

constexpr std::size_t kShownDifferences = 5;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";  // some editors begin a file so

// Cases of the plugins travel as text, so that plugins need no type of the kernel.
template <class Replay>
Result<json::value> replay_text(Replay replay, const std::string& kind, const json::value& input) {
  try {
    return parse_json(replay(kind, json::serialize(input)));
  } catch (const std::exception& problem) {
    return Status(Code::kInvalid, problem.what());
  }
}

struct Case {
  std::string name = "(no name)", kind;
  json::value input, expected;
};

Result<Case> parse_case(const std::string& line, const std::string& file_stem) {
  Result<json::value> parsed = parse_json(line);
  if (!parsed.ok()) return parsed.status();
  json::object* object = parsed->if_object();
  if (object == nullptr) return Status(Code::kInvalid, "a case is a JSON object");
  Case found;
  found.kind = file_stem;
  for (std::string_view member : {"name", "kind"}) {
    const json::value* value = object->if_contains(member);
    if (value == nullptr) continue;
    if (!value->is_string()) return Status(Code::kInvalid, std::string(member) + " is not text");
    (member == "name" ? found.name : found.kind) = std::string(value->get_string());
  }
  if (!object->contains("input") || !object->contains("expected")) {
    return Status(Code::kInvalid, "a case has the members 'input' and 'expected'");
  }
  found.input = std::move(object->at("input"));
  found.expected = std::move(object->at("expected"));
  return found;
}

bool run_case(const std::string& subsystem, const Case& one, std::ostream& out) {
  const Result<json::value> got = replay_case(subsystem, one.kind, one.input);
  if (!got.ok()) {
    out << "FAIL " << one.name << "\n  " << got.status().to_string() << "\n";
    return false;
  }
  const std::vector<Difference> differences =
      compare_expected(one.expected, *got, kShownDifferences);
  out << (differences.empty() ? "PASS " : "FAIL ") << one.name << "\n";
  for (const Difference& d : differences) {
    out << "  " << d.path << "\n    expected " << d.expected << "\n    got      " << d.got << "\n";
  }
  return differences.empty();
}

}  // namespace

Result<json::value> replay_case(const std::string& subsystem, const std::string& kind,
                                const json::value& input) {
  if (subsystem == "mmr") return replay_mmr_case(input);
  if (subsystem == "economics") return replay_text(economics::replay_economics_case, kind, input);
  if (subsystem == "energy") return replay_text(energy::replay_energy_case, kind, input);
  if (subsystem == "receipts") return replay_text(receipts::replay_receipts_case, kind, input);
  if (subsystem == "governance") {
    const json::object* object = input.if_object();
    const json::value* fn = object == nullptr ? nullptr : object->if_contains("fn");
    if (fn != nullptr && *fn == "param_change_hook") return lua::replay_hook_case(input);
    return replay_text(gov::replay_governance_case, kind, input);
  }
  return Status(Code::kNotFound, "there are no vectors of '" + subsystem + "'",
                "the subsystems are mmr, economics, energy, governance and receipts");
}

Tally replay_lines(const std::string& subsystem, const std::string& file_stem, std::istream& text,
                   std::ostream& out) {
  Tally tally;
  std::size_t number = 0;
  for (std::string line; std::getline(text, line);) {
    if (++number == 1 && line.starts_with(kByteOrderMark)) line.erase(0, kByteOrderMark.size());
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    // Only the laws of economics count beyond 64 bits; elsewhere such a number is bad input.
    const bool wide = subsystem == "economics";
    const Result<Case> one = parse_case(wide ? quote_wide_numbers(line) : line, file_stem);
    if (!one.ok()) out << "FAIL line " << number << "\n  " << one.status().to_string() << "\n";
    const bool passed = one.ok() && run_case(subsystem, *one, out);
    ++(passed ? tally.passed : tally.failed);
  }
  return tally;
}

Result<Tally> replay_file(const std::string& subsystem, const std::string& path,
                          std::ostream& out) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return Status(Code::kNotFound, "cannot read '" + path + "'");
  const std::string stem = std::filesystem::path(path).stem().string();
  const Tally tally = replay_lines(subsystem, stem, in, out);
  if (in.bad()) return Status(Code::kIo, "'" + path + "' could not be read to its end");
  if (tally.passed + tally.failed == 0)
    return Status(Code::kInvalid, "'" + path + "' holds no case");
  return tally;
}

}  // namespace blockd
