// Plugin files without a node: check, sign, verify.
#include "kernel/programs/cli/plugin_files.hpp"

#include <stdlib.h>

#include <filesystem>
#include <ostream>

#include "kernel/base/file.hpp"
#include "kernel/base/hex.hpp"
#include "kernel/monitoring/own_rules.hpp"
#include "kernel/programs/cli/catalogue.hpp"
#include "kernel/programs/cli/keys.hpp"
#include "kernel/programs/cli/output.hpp"
#include "kernel/programs/cli/plugin_advice.hpp"
#include "kernel/programs/cli/submit.hpp"

namespace blockd::cli {
namespace {

// A folder for the copies that the probe loads; gone with the object.
class ProbeFolder {
 public:
  ProbeFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "contract-cli-XXXXXX").string();
    if (::mkdtemp(name.data())) path_ = name;
  }
  ~ProbeFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  ProbeFolder(const ProbeFolder&) = delete;
  ProbeFolder& operator=(const ProbeFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

#if defined(__x86_64__)
constexpr const char* kArch = "x86_64-linux-gnu";
#else
constexpr const char* kArch = "aarch64-linux-gnu";
#endif

}  // namespace

Result<CheckedPlugin> check_plugin_file(Session& session, const std::string& path,
                                        SignaturePolicy policy, std::vector<PublicKey> signers,
                                        bool say) {
  const ProbeFolder folder;
  if (folder.path().empty()) return errno_status("temporary folder");
  LoadRules rules;
  rules.policy = policy;
  rules.signers = std::move(signers);
  rules.store_dir = folder.path();
  rules.probe_program = session.world.program_dir + "/blockd";
  const bool lines = say && !session.options.quiet && session.options.format != Format::kJson;
  auto found = Library::check(rules, path, [&](std::string_view line) {
    if (lines) session.world.err << "  " << escape_controls(line) << '\n';
  });
  if (found.ok()) return CheckedPlugin{found->first, found->second};
  // What is wrong with a library is a negative check, not wrong use of this program.
  const Status& status = found.status();
  const Code code = status.code() == Code::kUnavailable ? Code::kNotFound : Code::kDenied;
  return Status(code, status.message(), status.hint());
}

namespace {

json::object describe(const CheckedPlugin& found) {
  return {{"file", found.file.path},
          {"id", found.manifest->id},
          {"version", found.manifest->version},
          {"sm", found.manifest->sm},
          {"schema", found.manifest->schema},
          {"consensus_hash", to_hex(found.manifest->consensus_hash)},
          {"blake3", to_hex(found.file.blake3)},
          {"bytes", found.file.bytes},
          {"signature", signature_state_name(found.file.signature)}};
}

Status refused_rules(const std::string& file, const std::vector<std::string>& wrong) {
  std::string text = file + ": " + wrong.front();
  for (std::size_t i = 1; i < wrong.size(); ++i) text += "\n" + file + ": " + wrong[i];
  return Status(Code::kDenied, std::move(text),
                "Prometheus would refuse such a rule, or it would never have data; mend it where "
                "the plugin declares it");
}

int check(Session& session, const LocalArgs& args) {
  Result<CheckedPlugin> found =
      check_plugin_file(session, args.words[0], SignaturePolicy::kWarn, {}, true);
  if (!found.ok()) return session.fail(found.status());
  const bool has_machine = found->manifest->sm != 0;  // a face alone may ask whom it wants
  const Result<std::vector<std::string>> advice =
      has_machine ? advice_on_file(args.words[0]) : std::vector<std::string>();
  if (!advice.ok()) return session.fail(advice.status());
  const OwnRules rules = look_at_own_rules(*found->manifest);
  if (!rules.wrong.empty()) return session.fail(refused_rules(args.words[0], rules.wrong));
  json::object out = describe(*found);
  json::array warnings;
  for (const std::string& line : *advice) warnings.emplace_back(line);
  for (const std::string& line : rules.not_judged) warnings.emplace_back(line);
  if (!warnings.empty()) out["warnings"] = std::move(warnings);
  return print_result(session, out, shape_with_ids("id"));
}

Result<std::vector<PublicKey>> read_signers(Session& session, const LocalArgs& args) {
  Result<std::string> text =
      read_text(session.world, args.get("--signers", "config/release_signers.txt"));
  if (!text.ok()) return text.status().in("--signers");
  return parse_signers(*text);
}

int verify(Session& session, const LocalArgs& args) {
  Result<std::vector<PublicKey>> signers = read_signers(session, args);
  if (!signers.ok()) return session.fail(signers.status());
  Result<CheckedPlugin> found =
      check_plugin_file(session, args.words[0], SignaturePolicy::kEnforce, *signers, false);
  if (!found.ok()) return session.fail(found.status());
  json::object out = describe(*found);
  out["signer"] = found->file.signer;
  return print_result(session, out, shape_with_ids("id"));
}

int sign(Session& session, const LocalArgs& args) {
  const std::string& path = args.words[0];
  Result<SigningKey> key = signing_key(session);
  if (!key.ok()) return session.fail(key.status());
  Result<CheckedPlugin> found = check_plugin_file(session, path, SignaturePolicy::kOff, {}, false);
  if (!found.ok()) return session.fail(found.status());
  LoadRules rules;
  rules.probe_program = session.world.program_dir + "/blockd";
  Result<ProbeResult> probe = probe_plugin(rules, path);
  if (!probe.ok()) return session.fail(probe.status());
  SignatureStatement statement;
  statement.abi = std::to_string(probe->abi_major) + "." + std::to_string(probe->abi_minor);
  statement.arch = kArch;
  statement.file = to_hex(found->file.blake3);
  statement.id = found->manifest->id;
  statement.manifest = to_hex(found->manifest->hash);
  statement.sm = found->manifest->sm;
  statement.version = found->manifest->version;
  if (Status written = write_file_atomic(path + ".sig", sign_statement(statement, *key), 0644);
      !written.ok())
    return session.fail(written);
  // The reader's half: what was written must hold for who loads the file.
  Result<CheckedPlugin> again =
      check_plugin_file(session, path, SignaturePolicy::kEnforce, {key->public_key()}, false);
  if (!again.ok()) return session.fail(again.status());
  json::object out = describe(*again);
  out["signer"] = to_hex(key->public_key());
  out["signature_file"] = path + ".sig";
  return print_result(session, out, shape_with_ids("id"));
}

// What will go is printed before anything does.
int prune(Session& session, const LocalArgs& args) {
  CliNode node;
  node.method = "plugin.prune";
  node.plugin = "node";
  node.role = "admin";
  node.kind = MethodKind::kLocal;
  json::object params;
  if (args.has("--keep")) {
    const auto keep = parse_u64(args.get("--keep"));
    if (!keep || *keep > UINT32_MAX)
      return session.fail(Status(Code::kInvalid, "--keep: expected a number of images, found '" +
                                                     args.get("--keep") + "'"));
    params["keep"] = *keep;
  }
  auto ask = [&](bool dry_run) {
    json::object all = params;
    all["dry_run"] = dry_run;
    return call_verb(session, node, std::move(all));
  };
  auto fail = [&](const Status& status) {
    return session.refused ? session.fail(*session.refused) : session.fail(status);
  };
  const Result<json::value> plan = ask(true);
  if (!plan.ok()) return fail(plan.status());
  if (args.has("--dry-run")) return print_result(session, *plan, shape_with_ids("id"));
  const json::object* object = plan->if_object();
  const json::value* files = object ? object->if_contains("would_remove") : nullptr;
  if (!session.options.quiet && files != nullptr && files->is_array()) {
    for (const json::value& file : files->get_array()) {
      if (file.is_string())
        session.world.err << "removing " << escape_controls(std::string_view(file.get_string()))
                          << std::endl;
    }
  }
  const Result<json::value> done = ask(false);
  return done.ok() ? print_result(session, *done, shape_with_ids("id")) : fail(done.status());
}

}  // namespace

std::vector<LocalVerb> plugin_verbs() {
  return {{"plugin prune",
           "",
           "Remove images of the plugin store that nothing needs; prints them first",
           {{"--keep", "N", "Keep the newest N that do not run, whatever a replay needs"},
            {"--dry-run", "", "Print what would go, and remove nothing"}},
           0,
           0,
           prune,
           {{"contract-cli plugin prune --dry-run", "Lists the images that no replay needs"}},
           {"plugins prune"}},
          {"plugin check",
           "<file>",
           "Check a plugin file: image, probe, manifest, signature, alerts",
           {},
           1,
           1,
           check,
           {{"contract-cli plugin check plugins/energy.so",
             "Says what a node would say before it loads the file"}},
           {"plugins check"}},
          {"plugin verify",
           "<file>",
           "Check that a listed release signer signed a plugin file",
           {{"--signers", "FILE", "Keys of release signers (config/release_signers.txt)"}},
           1,
           1,
           verify,
           {},
           {"plugins verify"}},
          {"plugin sign",
           "<file>",
           "Sign a plugin file; writes <file>.sig",
           {},
           1,
           1,
           sign,
           {},
           {"plugins sign"},
           true}};
}

}  // namespace blockd::cli
