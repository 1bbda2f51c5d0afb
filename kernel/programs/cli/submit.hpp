// Sending a verb's request: queries as they are, commands signed by the node or, with --key-id or
// --key, here.
#pragma once

#include "kernel/manifest/cli_tree.hpp"
#include "kernel/programs/cli/command_signer.hpp"
#include "kernel/programs/cli/node_client.hpp"

namespace blockd::cli {

// What an unsigned call tells the node about the command that it shall make: fee, lane, memo, wait.
json::object tx_member(const Options& options);

// The result as the node gave it. Errors: as NodeClient::call, and kInvalid (flags that do not go
// together, key).
Result<json::value> call_verb(Session& session, const CliNode& node, json::object params);

// Builds and signs a command with the account's next nonce (or --nonce), --fee, --pct, --lane,
// --memo and the chain id that the node names.
Result<CommandPtr> sign_for_node(Session& session, NodeClient& client, CommandSigner& signer,
                                 const std::string& method, const json::value& params);
// Sends the envelope's canonical bytes inside a call of `method`; waits as --wait, --no-wait say.
Result<json::value> send_envelope(Session& session, NodeClient& client, const std::string& method,
                                  BytesView envelope, const std::string& plugin);

}  // namespace blockd::cli
