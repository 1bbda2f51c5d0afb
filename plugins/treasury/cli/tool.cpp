#include "plugins/treasury/cli/tool.hpp"

#include <tb/address.hpp>
#include <tb/tool.hpp>

#include <fstream>
#include <optional>
#include <sstream>

#include "plugins/gov-core/dependencies.hpp"
#include "plugins/gov-core/text.hpp"
#include "plugins/treasury/cli/payload_json.hpp"
#include "plugins/treasury/cli/texts.hpp"

namespace treasury {
namespace {

constexpr std::size_t kMaxFileBytes = 4u << 20;

using tb::Misuse;

struct Flags {
  std::optional<std::string> json;
  bool check = false, schema = false, help = false;
  std::uint64_t epoch = 0;
};

Flags read_flags(const std::vector<std::string>& args, bool preview) {
  Flags out;
  for (std::size_t i = 3; i < args.size(); ++i) {
    const std::size_t equals = args[i].find('=');
    const std::string name = args[i].substr(0, equals);
    const auto value = [&] {
      if (equals != std::string::npos) return args[i].substr(equals + 1);
      if (i + 1 == args.size()) throw Misuse(name + ": a value is missing");
      return args[++i];
    };
    if (name == "--help" || name == "-h") {
      out.help = true;
    } else if (name == "--json") {
      out.json = value();
    } else if (preview && name == "--check") {
      out.check = true;
    } else if (preview && name == "--schema") {
      out.schema = true;
    } else if (preview && name == "--epoch") {
      const auto epoch = gov::digits_to_u64(value());
      if (!epoch) throw Misuse("--epoch must be an unsigned integer");
      out.epoch = *epoch;
    } else {
      throw Misuse("there is no flag " + name);
    }
  }
  return out;
}

// 9500000 as 9,500,000.
std::string grouped(std::uint64_t amount) {
  const std::string digits = std::to_string(amount);
  std::string out;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i != 0 && (digits.size() - i) % 3 == 0) out += ',';
    out += digits[i];
  }
  return out;
}

void print_timeline(const gov::Payload& p, std::uint64_t submitted, std::ostream& out) {
  const std::uint64_t opens = submitted + 1;
  const std::uint64_t deadline = opens + p.vote_window_epochs;
  const std::uint64_t ready = deadline + p.timelock_epochs;
  const std::uint64_t executed = std::max(ready, p.scheduled_epoch);
  out << "Timeline (submitted in epoch " << submitted << "):\n"
      << "  Vote window:     epochs " << opens << " to " << deadline - 1 << "\n"
      << "  Activation:      epoch " << ready << " (timelock of " << p.timelock_epochs << ")\n"
      << "  Execution:       epoch " << executed << " at the earliest\n"
      << "  Rollback until:  epoch " << executed + p.rollback_window_epochs << "\n"
      << "  Paid out:        epoch " << executed + p.rollback_window_epochs + 1 << "\n";
}

void print_payload(const gov::Payload& p, std::uint64_t epoch, std::ostream& out) {
  out << "Title:           " << p.title << "\n"
      << "Summary:         " << p.summary << "\n"
      << "Destination:     " << p.destination << "\n"
      << "Amount:          " << grouped(p.amount) << " BLOCK\n"
      << "Scheduled epoch: " << p.scheduled_epoch << "\n";
  const gov::Ids deps = gov::canonical_deps(p.deps, p.memo);
  if (!deps.empty()) {
    out << "Depends on:      ";
    for (std::size_t i = 0; i < deps.size(); ++i) out << (i == 0 ? "" : ", ") << deps[i];
    out << "\n";
  }
  print_timeline(p, epoch, out);
  out << "Treasury delta:  -" << grouped(p.amount) << " BLOCK\n";
}

// The chain takes any text of the right form, since the account need not be there yet; so a letter
// that was mistyped is found here or not at all.
void warn_of_destination(const gov::Payload& p, std::ostream& out) {
  if (!gov::is_destination(p.destination) || tb::is_address(p.destination)) return;
  out << "Warning: " << p.destination
      << " has no right checksum, so no key signs for it and what is paid there is lost; compare "
         "it "
         "with what wallet show prints for the receiver\n";
}

int preview(const Flags& flags, std::ostream& out) {
  if (flags.schema) {
    out << kSchema;
    return 0;
  }
  if (!flags.json) throw Misuse("--json FILE is missing; gov disburse create writes one");
  gov::Payload payload;
  std::string problem;
  const bool decoded =
      parse_payload(tb::read_tool_file(*flags.json, kMaxFileBytes), &payload, &problem);
  const std::string_view error = decoded ? gov::check_payload(payload) : "invalid_params";
  out << "Validation: " << (error.empty() ? "PASSED" : "FAILED") << "\n";
  if (!error.empty())
    out << "Error: " << error << ": " << (decoded ? gov::payload_rule(error) : problem) << "\n";
  if (decoded) warn_of_destination(payload, out);
  if (decoded &&
      (error.empty() || (gov::is_destination(payload.destination) && payload.amount != 0)))
    print_payload(payload, flags.epoch, out);
  return flags.check && !error.empty() ? 1 : 0;
}

int create(const Flags& flags, std::ostream& out, std::ostream& err) {
  if (!flags.json || *flags.json == "-") {
    out << kTemplate;
    return 0;
  }
  if (std::ifstream(*flags.json)) throw Misuse(*flags.json + " exists already; name another file");
  std::ofstream file(*flags.json, std::ios::binary);
  file << kTemplate;
  file.close();
  if (!file) {
    err << "error[io]: cannot write " << *flags.json << "\n";
    return 1;
  }
  out << "Template written to " << *flags.json
      << "\nEdit it, look at it with: gov disburse preview --json " << *flags.json << " --check\n";
  return 0;
}

int help(bool preview, std::ostream& out) {
  out << (preview ? "Say what the chain would say of a payload, without a node\n\n"
                    "Usage: contract-cli gov disburse preview --json FILE [flags]\n\nFlags:\n"
                    "  --json FILE  The payload, or - for standard input\n"
                    "  --check      Exit with 1 if it is not valid\n"
                    "  --schema     Print the JSON schema of payloads\n"
                    "  --epoch N    Count the timeline from this epoch (0)\n"
                  : "Write a payload to start from\n\n"
                    "Usage: contract-cli gov disburse create [--json FILE]\n\nFlags:\n"
                    "  --json FILE  Where to; standard output unless given\n");
  return 0;
}

}  // namespace

const char* tool_catalogue() {
  return "gov disburse create\t\tWrite a payload to start from"
         "\t--json FILE\tWhere to; standard output unless given\n"
         "gov disburse preview\t\tSay what the chain would say of a payload, without a node"
         "\t--json FILE\tThe payload, or - for standard input\t--check\tExit with 1 if it is not "
         "valid\t--schema\tPrint the JSON schema of payloads\t--epoch N\tCount the timeline from "
         "this epoch (0)\n";
}

int run_treasury_tool(const std::vector<std::string>& args, std::ostream& out, std::ostream& err) {
  try {
    const std::string verb = args.size() > 2 ? args[2] : "";
    if (verb != "create" && verb != "preview") throw Misuse("expected create or preview");
    const Flags flags = read_flags(args, verb == "preview");
    if (flags.help) return help(verb == "preview", out);
    return verb == "preview" ? preview(flags, out) : create(flags, out, err);
  } catch (const Misuse& problem) {
    err << "error[usage]: " << problem.what() << "\n  see --help\n";
    return 2;
  } catch (const std::exception& problem) {
    err << "error[internal]: " << problem.what() << "\n";
    return 1;
  }
}

}  // namespace treasury
