// backup create, backup restore: the shipped scripts, wherever this program lies.
#include <unistd.h>

#include <filesystem>

#include "kernel/base/file.hpp"
#include "kernel/programs/cli/catalogue.hpp"

namespace blockd::cli {
namespace {

// Beside an installed program, or in the source tree of a build.
Result<std::string> find_script(const World& world, const std::string& name) {
  for (const char* place : {"/../share/the-block/scripts/", "/../../../scripts/"}) {
    const std::string path = world.program_dir + place + name;
    if (file_exists(path)) return std::filesystem::weakly_canonical(path).string();
  }
  return Status(Code::kNotFound, name + " is in neither of the places beside " + world.program_dir,
                "it ships in share/the-block/scripts");
}

// This process becomes the script: its output and exit code are the verb's.
int become(Session& session, const std::string& name, std::vector<std::string> words) {
  Result<std::string> script = find_script(session.world, name);
  if (!script.ok()) return session.fail(script.status());
  words.insert(words.begin(), *script);
  std::map<std::string, std::string> environment = session.world.environment;
  std::string& path = environment["PATH"];
  path = session.world.program_dir + (path.empty() ? "" : ":" + path);  // it calls contract-cli
  std::vector<std::string> variables;
  for (const auto& [key, value] : environment) variables.push_back(key + "=" + value);
  std::vector<char*> argv, envp;
  for (std::string& word : words) argv.push_back(word.data());
  for (std::string& variable : variables) envp.push_back(variable.data());
  argv.push_back(nullptr);
  envp.push_back(nullptr);
  ::execve(argv[0], argv.data(), envp.data());
  return session.fail(errno_status("cannot run " + words[0]));
}

int backup_create(Session& session, const LocalArgs& args) {
  std::vector<std::string> words{"--out", args.get("--path")};
  if (args.has("--data-dir")) words.insert(words.end(), {"--data-dir", args.get("--data-dir")});
  if (args.has("--stopped")) words.emplace_back("--stopped");
  if (!args.has("--path"))
    return session.fail(Status(Code::kInvalid, "--path is missing: where does the backup go?",
                               "usage: contract-cli backup create --path DIR"));
  return become(session, "backup.sh", std::move(words));
}

int backup_restore(Session& session, const LocalArgs& args) {
  if (!args.has("--path") || !args.has("--data-dir"))
    return session.fail(
        Status(Code::kInvalid, "--path or --data-dir is missing",
               "usage: contract-cli backup restore --path BACKUP --data-dir DIR [--force]"));
  std::vector<std::string> words{"--from", args.get("--path"), "--data-dir",
                                 args.get("--data-dir")};
  if (args.has("--force")) words.emplace_back("--force");
  return become(session, "restore.sh", std::move(words));
}

}  // namespace

std::vector<LocalVerb> backup_verbs() {
  return {
      {"backup create",
       "",
       "Copy all that a node needs to go on elsewhere; the node keeps running",
       {{"--path", "DIR", "The backup; it must not be there yet"},
        {"--data-dir", "DIR", "Data directory of the node (TB_DATA_DIR, or node-data)"},
        {"--stopped", "", "No node runs there: take its newest snapshot"}},
       0,
       0,
       backup_create,
       {{"contract-cli backup create --path /backup/2026-11-22", "docs/runbooks has the rest"}}},
      {"backup restore",
       "",
       "Make a data directory from a backup; nothing that is there is deleted",
       {{"--path", "DIR", "The backup"},
        {"--data-dir", "DIR", "The data directory to be made"},
        {"--force", "", "Move what is in the way to <name>.before-<unix> first"}},
       0,
       0,
       backup_restore,
       {{"contract-cli backup restore --path /backup/2026-11-22 --data-dir node-data",
         "Start the node afterwards"}}}};
}

}  // namespace blockd::cli
