#include "tests/plugins/gov-core/vectors.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <stdexcept>

#include "plugins/gov-core/text.hpp"

namespace gov {

namespace json = boost::json;

std::uint64_t u64_of(const json::value& value) {
  if (value.is_uint64()) return value.get_uint64();
  if (value.is_int64() && value.get_int64() >= 0)
    return static_cast<std::uint64_t>(value.get_int64());
  if (value.is_string()) {
    if (const auto number = digits_to_u64(value.get_string())) return *number;
  }
  throw std::runtime_error("expected a number of 0 to 2^64 - 1");
}

std::uint64_t u64_in(const json::object& object, std::string_view name) {
  return u64_of(object.at(name));
}

std::string text_in(const json::object& object, std::string_view name) {
  return std::string(object.at(name).as_string());
}

std::string replay_governance_case(std::string_view, std::string_view input) {
  json::parse_options options;
  options.max_depth = 256;
  const json::value parsed = json::parse(input, {}, options);
  const json::object& object = parsed.as_object();
  const std::string fn = text_in(object, "fn");
  for (const auto replay :
       {&replay_payloads, &replay_disbursements, &replay_proposals, &replay_audit}) {
    if (const Answered answer = replay(fn, object)) return json::serialize(*answer);
  }
  throw std::runtime_error("there is no function '" + fn + "'");
}

}  // namespace gov
