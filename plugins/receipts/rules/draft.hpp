// Receipts as value trees: what other plugins and clients hand in, and what queries answer. [any]
//
// Names are those of the JSON form (receipts spec 3.1): the BlockTorch fields are a record
// `blocktorch` without the prefix, `mesh_transport` is `transport`, claim_routes is a record of
// role -> address. Bytes may be raw (typed callers) or hexadecimal (JSON); numbers may be decimal
// texts. In a draft the signature, the nonce and block_height may be left out.
#pragma once

#include <tb/out.hpp>
#include <tb/values.hpp>

#include "plugins/receipts/rules/receipt.hpp"

namespace receipts {

// The receipt, or nothing and `problem`.
std::optional<Receipt> read_receipt(const tb::Value& tree, std::string* problem);

// All present fields as members of the record at hand.
void write_receipt(const Receipt& receipt, tb::Out& out);

// Raw bytes of an even number of hexadecimal digits.
std::optional<std::string> from_hex(std::string_view text);

}  // namespace receipts
