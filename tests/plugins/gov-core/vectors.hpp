// Replays golden cases of governance and treasury with the rules of this folder: for tests and for
// the vectors tool. Not part of any plugin. [any, one thread]
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "plugins/gov-core/payload.hpp"

namespace gov {

// The answer to one case: its input to what was found, both as JSON texts. What is replayed follows
// from the member `fn` of the input; `kind` is not looked at. Throws std::runtime_error for an
// unknown fn or an input that is no case of it.
std::string replay_governance_case(std::string_view kind, std::string_view input);

// The adapters, one a file; absent for a fn that is another one's.
using Answered = std::optional<boost::json::value>;
Answered replay_payloads(std::string_view fn, const boost::json::object& input);
Answered replay_disbursements(std::string_view fn, const boost::json::object& input);
Answered replay_proposals(std::string_view fn, const boost::json::object& input);
Answered replay_audit(std::string_view fn, const boost::json::object& input);

// What the adapters share. Numbers that are none of u64, also as a text of digits, throw.
std::uint64_t u64_of(const boost::json::value& value);
std::uint64_t u64_in(const boost::json::object& object, std::string_view name);
std::string text_in(const boost::json::object& object, std::string_view name);
// Absent: `invalid_params`, a field is missing, unknown or of another type.
std::optional<Payload> decode_payload(const boost::json::value& value);

}  // namespace gov
