// Where private keys come from: the wallet's key stores, key files, and the password that opens
// them.
#pragma once

#include <string>

#include "kernel/base/crypto.hpp"
#include "kernel/programs/cli/world.hpp"

namespace blockd::cli {

// <home>/.the_block/keys. Errors: kInvalid (neither TB_HOME nor HOME is set).
Result<std::string> keys_dir(const World& world);
// The store of a key id. Errors: kInvalid (no key id).
Result<std::string> keystore_path(const World& world, const std::string& key_id);

// --password-file, TB_WALLET_PASSWORD_FILE (first line of the file), else asked on the terminal,
// twice for a new key. Errors: kInvalid (no terminal, empty, the two differ).
Result<std::string> read_password(Session& session, const std::string& prompt, bool is_new);

// A key store (PEM or JSON), an unencrypted PKCS#8 PEM, or 64 hex digits. Errors: kInvalid, kDenied
// (password).
Result<SigningKey> load_key_file(Session& session, const std::string& path);
// The key of --key or --key-id. Errors: kInvalid (both or none), and as above.
Result<SigningKey> signing_key(Session& session);

}  // namespace blockd::cli
