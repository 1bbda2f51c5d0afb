// Shared by the probe and the loader: opening an image and asking its entry. Not for other folders.
#pragma once

#include <boost/dll/shared_library.hpp>
#include <string>

#include "kernel/host/library.hpp"

namespace blockd {

inline constexpr std::string_view kNodeVersion = "0.1.0";

// Opens `path` with rtld_now | rtld_local, calls tb_plugin_entry inside a guard, and checks ABI version, sizes and tables.
// The result lives as long as *library is loaded. Errors: kInvalid, one sentence.
Result<const tb_plugin*> open_plugin(const std::string& path, boost::dll::shared_library* library);

inline BytesView to_view_of(const tb_plugin& plugin) {
  return {plugin.manifest.ptr, static_cast<std::size_t>(plugin.manifest.len)};
}

// How `found` is signed by `sig_text`; `*why` explains everything but valid.
SignatureState check_signature(const SignatureStatement& found, std::string_view sig_text,
                               const std::vector<PublicKey>& signers, std::string* signer, std::string* why);

}  // namespace blockd
