// Shared by the probe and the loader: opening an image and asking its entry. Not for other folders.
#pragma once

#include <boost/dll/shared_library.hpp>
#include <string>

#include "kernel/host/library.hpp"

namespace blockd {

inline constexpr std::string_view kNodeVersion = "0.1.0";

// Opens `path` with rtld_now | rtld_local, calls tb_plugin_entry inside a guard, and checks ABI
// version, sizes and tables. The result lives as long as *library is loaded. Errors: kInvalid, one
// sentence.
Result<const tb_plugin*> open_plugin(const std::string& path, boost::dll::shared_library* library);

inline BytesView to_view_of(const tb_plugin& plugin) {
  return {plugin.manifest.ptr, static_cast<std::size_t>(plugin.manifest.len)};
}

// Whether the tables have the entries that the manifest promises. Errors: kInvalid, one sentence.
Status check_entries(const Manifest& manifest, const tb_plugin& plugin);

// What `<file>.sig` proves, told in two steps so that no code of a file runs before its signature
// was looked at.
struct SignedFile {
  SignatureState state = SignatureState::kMissing;
  std::string statement;  // canonical, as signed; empty when it could not be read
  std::string signer;     // the first listed one
  std::string why;        // of everything but valid
};
// Verifies every signature over the statement, and that the statement names this file's hash.
SignedFile read_signed_file(std::string_view sig_text, const Hash& file,
                            const std::vector<PublicKey>& signers);
// The statement must say what the probe found; else the state becomes bad.
void compare_statement(const SignatureStatement& found, SignedFile* file);

}  // namespace blockd
