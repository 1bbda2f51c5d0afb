// JSON text as a tree of tb_value, and a tb_out that writes JSON: for the vectors. [any]
#pragma once

#include <boost/json.hpp>
#include <deque>
#include <vector>

#include <tb/values.hpp>

namespace receipts {

// Owns the nodes of a tree of values made from JSON; texts point into the JSON, which must live as
// long.
class JsonTree {
 public:
  explicit JsonTree(const boost::json::value& json) : root_(node({}, json)) {}
  tb::Value root() const { return tb::Value(&root_); }

 private:
  tb_value node(std::string_view name, const boost::json::value& json) {
    tb_value out{};
    out.name = tb::to_str(name);
    switch (json.kind()) {
      case boost::json::kind::bool_:
        out.type = TB_TYPE_BOOL;
        out.num = json.get_bool() ? 1 : 0;
        break;
      case boost::json::kind::int64:
        out.type = json.get_int64() < 0 ? TB_TYPE_I64 : TB_TYPE_U64;
        out.num = static_cast<std::uint64_t>(json.get_int64());
        break;
      case boost::json::kind::uint64:
        out.type = TB_TYPE_U64;
        out.num = json.get_uint64();
        break;
      case boost::json::kind::string:
        out.type = TB_TYPE_STR;
        out.str = tb::to_str(std::string_view(json.get_string()));
        break;
      case boost::json::kind::array:
        out.type = TB_TYPE_LIST;
        for (auto& items = hold(out, json.get_array().size()); const auto& item : json.get_array())
          items.push_back(node({}, item));
        break;
      case boost::json::kind::object:
        out.type = TB_TYPE_RECORD;
        for (auto& items = hold(out, json.get_object().size());
             const auto& [key, item] : json.get_object())
          items.push_back(node(key, item));
        break;
      default:
        break;
    }
    return out;
  }
  // Room for exactly `count` items, so that the pointer stays.
  std::vector<tb_value>& hold(tb_value& owner, std::size_t count) {
    std::vector<tb_value>& items = lists_.emplace_back();
    items.reserve(count);
    owner.items = items.data();
    owner.count = static_cast<std::uint32_t>(count);
    return items;
  }

  std::deque<std::vector<tb_value>> lists_;
  tb_value root_;
};

}  // namespace receipts
