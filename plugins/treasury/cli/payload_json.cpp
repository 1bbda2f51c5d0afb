#include "plugins/treasury/cli/payload_json.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <limits>
#include <stdexcept>
#include <vector>

#include "plugins/gov-core/text.hpp"

namespace treasury {
namespace {

namespace json = boost::json;

struct Bad : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// One object of the document, read member by member; what nobody asked for is unknown.
class Object {
 public:
  Object(const json::value& value, std::string path) : path_(std::move(path)) {
    object_ = value.if_object();
    if (object_ == nullptr) throw Bad(path_ + ": expected an object");
  }

  const json::value* find(std::string_view name) {
    known_.push_back(name);
    return object_->if_contains(name);
  }
  const json::value& need(std::string_view name) {
    if (const json::value* value = find(name)) return *value;
    throw Bad(at(name) + " is missing");
  }
  std::string at(std::string_view name) const {
    return path_.empty() ? std::string(name) : path_ + "." + std::string(name);
  }

  std::string text(std::string_view name) { return text_of(need(name), at(name)); }
  std::uint64_t number(std::string_view name) { return number_of(need(name), at(name)); }
  void text(std::string_view name, std::string* out) {
    if (const json::value* value = find(name)) *out = text_of(*value, at(name));
  }
  void number(std::string_view name, std::uint64_t* out) {
    if (const json::value* value = find(name)) *out = number_of(*value, at(name));
  }
  template <class Fn>
  void each(std::string_view name, Fn&& fn) {
    const json::value* value = find(name);
    if (value == nullptr) return;
    if (!value->is_array()) throw Bad(at(name) + ": expected a list");
    std::size_t place = 0;
    for (const json::value& item : value->get_array())
      fn(item, at(name) + "[" + std::to_string(place++) + "]");
  }
  void end() const {
    for (const auto& [name, value] : *object_) {
      if (std::find(known_.begin(), known_.end(), std::string_view(name)) == known_.end())
        throw Bad(at(name) + ": there is no such field");
    }
  }

  static std::uint64_t number_of(const json::value& value, const std::string& path) {
    if (value.is_uint64()) return value.get_uint64();
    if (value.is_int64() && value.get_int64() >= 0)
      return static_cast<std::uint64_t>(value.get_int64());
    if (value.is_string()) {
      if (const auto number = gov::digits_to_u64(value.get_string())) return *number;
    }
    throw Bad(path + ": expected a whole number of 0 or more");
  }
  static std::string text_of(const json::value& value, const std::string& path) {
    if (!value.is_string()) throw Bad(path + ": expected a text");
    return std::string(value.get_string());
  }

 private:
  const json::object* object_ = nullptr;
  std::string path_;
  std::vector<std::string_view> known_;
};

std::uint64_t ppm(Object& quorum, std::string_view name) {
  std::uint64_t value = 0;
  quorum.number(name, &value);
  if (value > std::numeric_limits<std::uint32_t>::max())
    throw Bad(quorum.at(name) + ": above 4294967295");
  return value;
}

void read_proposal(const json::value& value, gov::Payload* p) {
  Object in(value, "proposal");
  p->title = in.text("title");
  p->summary = in.text("summary");
  in.each("deps", [&](const json::value& item, const std::string& path) {
    p->deps.push_back(Object::number_of(item, path));
  });
  in.each("attachments", [&](const json::value& item, const std::string& path) {
    Object attachment(item, path);
    p->attachments.push_back({attachment.text("name"), attachment.text("uri")});
    attachment.end();
  });
  if (const json::value* found = in.find("quorum")) {
    Object quorum(*found, "proposal.quorum");
    p->quorum = {ppm(quorum, "operators_ppm"), ppm(quorum, "builders_ppm")};
    quorum.end();
  }
  in.number("vote_window_epochs", &p->vote_window_epochs);
  in.number("timelock_epochs", &p->timelock_epochs);
  in.number("rollback_window_epochs", &p->rollback_window_epochs);
  in.end();
}

void read_disbursement(const json::value& value, gov::Payload* p) {
  Object in(value, "disbursement");
  p->destination = in.text("destination");
  const bool newer = in.find("amount") != nullptr, older = in.find("amount_ct") != nullptr;
  if (newer && older) throw Bad("disbursement: amount and amount_ct are one field");
  p->amount = in.number(older ? "amount_ct" : "amount");
  in.text("memo", &p->memo);
  p->scheduled_epoch = in.number("scheduled_epoch");
  in.each("expected_receipts", [&](const json::value& item, const std::string& path) {
    Object receipt(item, path);
    p->expected_receipts.push_back({receipt.text("account"), receipt.number("amount")});
    receipt.end();
  });
  in.end();
}

}  // namespace

bool parse_payload(std::string_view text, gov::Payload* out, std::string* problem) {
  try {
    boost::system::error_code error;
    const json::value document = json::parse(text, error);
    if (error) throw Bad("not JSON: " + error.message());
    Object in(document, "");
    read_proposal(in.need("proposal"), out);
    read_disbursement(in.need("disbursement"), out);
    in.end();
    return true;
  } catch (const Bad& bad) {
    *problem = bad.what();
    return false;
  }
}

}  // namespace treasury
