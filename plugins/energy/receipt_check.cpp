#include "plugins/energy/receipt_check.hpp"

#include <tb/blake3.hpp>

#include "plugins/energy/market.hpp"
#include "plugins/energy/settlement.hpp"

namespace energy {
namespace {

class PlainHash final : public Crypto {
 public:
  Hash blake3(std::string_view data) const override {
    const tb::Hash hash = tb::blake3(data);
    Hash out{};
    std::copy_n(hash.view().begin(), out.size(), out.begin());
    return out;
  }
  bool verify(const PublicKey&, std::string_view, const Signature&) const override { return false; }
};

std::string_view signature_bytes(const Signature& signature) {
  return {reinterpret_cast<const char*>(signature.data()), signature.size()};
}

tb::Status verify_receipt(tb::View& view, const ReceiptFields& in, tb::Out& out) {
  const std::string difference = receipt_difference(view, in);
  out.put("valid", difference.empty());
  difference.empty() ? out.null("difference") : out.put("difference", difference);
  return tb::ok();
}

tb::Status serve_verify_receipt(tb::View& view, std::string_view, const ReceiptFields& in,
                                tb::Out& out) {
  return verify_receipt(view, in, out);
}

}  // namespace

std::string receipt_difference(tb::View& view, const ReceiptFields& in) {
  const auto held = load_row<Receipt>(view, Keys(Space::kReal).receipt(in.signature_nonce));
  if (!held) return tb::cat("there is no settlement ", in.signature_nonce);
  if (in.contract_id != contract_id(held->meter_hash)) return "contract_id";
  if (in.provider != format_provider_id(held->seller)) return "provider";
  if (in.energy_units != held->kwh_delivered) return "energy_units";
  if (in.price != held->price_paid) return "price";
  if (in.block_height != held->block_settled) return "block_height";
  if (in.provider_signature.data != signature_bytes(held->reading.signature))
    return "provider_signature";
  const Hash proof = reading_meter_hash(held->reading, PlainHash());
  if (in.proof_hash != to_tb(proof) || proof != held->meter_hash) return "proof_hash";
  return {};
}

void describe_receipt_check(tb::Plugin& p) {
  p.provides("energy/1").function("verify_receipt", &serve_verify_receipt);
  p.query("energy.verify_receipt", &verify_receipt)
      .role("energy.provider")
      .rate_class("read")
      .summary("Whether a receipt of a block is one that the market issued")
      .help("valid, or the first field that differs")
      .field("provider_signature")
      .max(64)
      .help("the signature of the reading")
      .field("signature_nonce")
      .help("number of the settlement");
}

}  // namespace energy
