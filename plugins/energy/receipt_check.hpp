// Whether a receipt of a block is one that this market issued: service energy/1 and the query
// energy.verify_receipt (specification 9.4). It holds if the settlement of that number has the same
// fields, and its copy of the reading hashes to the receipt's proof. Pure over the state. [any]
//
// Only receipts that carry the reading's signature are looked up by number; one that carries a
// claim of the provider (receipt_auth) is verified by receipts/1 itself.
#pragma once

#include <tb/sdk.hpp>

namespace energy {

struct ReceiptFields {
  std::string contract_id, provider;
  std::uint64_t energy_units = 0, price = 0, block_height = 0;
  tb::Hash proof_hash;
  tb::Blob provider_signature;
  std::uint64_t signature_nonce = 0;
};
BOOST_DESCRIBE_STRUCT(ReceiptFields, (),
                      (contract_id, provider, energy_units, price, block_height, proof_hash,
                       provider_signature, signature_nonce))

// Empty: the receipt holds. Else what differs.
std::string receipt_difference(tb::View& view, const ReceiptFields& receipt);

void describe_receipt_check(tb::Plugin& p);

}  // namespace energy
