// checkpoint export: a checkpoint of the node as a file to be kept elsewhere.
#include "kernel/base/file.hpp"
#include "kernel/base/json.hpp"
#include "kernel/programs/cli/catalogue.hpp"
#include "kernel/programs/cli/node_client.hpp"
#include "kernel/programs/cli/output.hpp"

namespace blockd::cli {
namespace {

int export_checkpoint(Session& session, const LocalArgs& args) {
  const auto height = parse_u64(args.words[0]);
  if (!height || !args.has("--out"))
    return session.fail(
        Status(Code::kInvalid,
               height ? "--out is missing: which file?" : "'" + args.words[0] + "' is not a height",
               "usage: contract-cli checkpoint export HEIGHT --out FILE; "
               "`contract-cli checkpoint list` names heights"));
  const std::string file = args.get("--out");
  if (!args.has("--force") && file_exists(file))
    return session.fail(
        Status(Code::kExists, file + " is there already", "overwrite it with --force"));
  NodeClient client(session);
  Result<json::value> checkpoint =
      client.call("chain.checkpoint", json::object{{"height", *height}});
  if (!checkpoint.ok())
    return session.refused ? session.fail(*session.refused) : session.fail(checkpoint.status());
  const Result<std::string> text = canonical_json(*checkpoint);
  if (!text.ok()) return session.fail(text.status().in("the answer of chain.checkpoint"));
  if (Status status = write_file_atomic(file, *text + "\n"); !status.ok())
    return session.fail(status);
  return print_result(
      session, json::object{{"file", file}, {"height", *height}, {"bytes", text->size() + 1}},
      {"", {}, "file", false});
}

}  // namespace

std::vector<LocalVerb> checkpoint_verbs() {
  return {{"checkpoint export",
           "<height>",
           "Write a checkpoint of the node into a file, as canonical JSON",
           {{"--out", "FILE", "The file"}, {"--force", "", "Overwrite a file there"}},
           1,
           1,
           export_checkpoint,
           {{"contract-cli checkpoint export 119 --out checkpoint-119.json",
             "It vouches for the chain up to there"}},
           {"moloch checkpoint export"}}};
}

}  // namespace blockd::cli
