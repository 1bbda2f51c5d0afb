// The canonical binary encoding of receipts and its strict decoding (receipts spec 6.1). [any]
//
// decode() accepts exactly the bytes that encode() writes: nothing is allocated beyond the size of
// the input, and every other input is refused.
#pragma once

#include "plugins/receipts/rules/receipt.hpp"

namespace receipts {

void put_le(std::string& out, std::uint64_t value, std::size_t bytes);
void put_text(std::string& out, std::string_view text);  // le64 length, then the bytes

// E(r), appended.
void encode(const Receipt& receipt, std::string& out);
std::string encode(const Receipt& receipt);
// 8 + |E(r)|: what budgets count.
inline std::uint64_t encoded_length(std::string_view encoding) { return 8 + encoding.size(); }

std::optional<Receipt> decode(std::string_view encoding);
// The receipt at the front of `rest`, which then begins behind it.
std::optional<Receipt> decode_next(std::string_view& rest);

bool valid_utf8(std::string_view text);

}  // namespace receipts
