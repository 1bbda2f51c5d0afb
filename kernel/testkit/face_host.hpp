// FaceHost: the host that a face sees in a test: one face, a local store in memory, the chain's
// newest view, metrics and log lines kept for the test to look at. No threads: what a face posts is
// answered by the test kit's deliver(). [test thread]
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "kernel/chain/chain.hpp"
#include "kernel/manifest/values.hpp"
#include "tb/face.h"

namespace blockd {

class FaceHost : public tb_host {
 public:
  struct Answer {
    bool ok = false;
    std::string json;  // the result, or {code, message, data}
  };
  struct Services {
    std::function<StateViewPtr()> view;
    std::function<std::uint64_t()> unix_ms;
    std::function<Answer(const std::string& method, const std::string& params)> call;
    std::function<void(const std::string& metric, const std::string& labels, double add, bool set)>
        metric;
    std::function<void(const std::string& line)> log;
    std::function<Answer(const std::string& method, const std::string& url,
                         const std::string& headers, const std::string& body)>
        fetch{};  // what the world outside answers; headers one a line
  };

  FaceHost(std::shared_ptr<const Manifest> manifest, const tb_face* face, Services services);
  ~FaceHost();
  FaceHost(const FaceHost&) = delete;
  FaceHost& operator=(const FaceHost&) = delete;

  tb_status create();
  // Values of config keys as JSON; others have their defaults.
  void set_config(const std::string& key, const std::string& json);
  void break_store(bool broken) { store_broken_ = broken; }
  const tb_face* face() const { return face_; }
  void* instance() const { return instance_; }
  // What stands for "${data}" in config values: a folder that ends with this object.
  const std::string& data_dir();
  // Answers what was posted so far. True if there was anything.
  bool answer_posts();

 private:
  friend struct FaceHostApi;
  Result<json::value> config_value(const ConfigSpec& spec);
  struct Post {
    std::string method, params;
    std::uint64_t cookie;
    std::string url{}, headers{};  // of a request to the world outside; then params is its body
  };
  std::shared_ptr<const Manifest> manifest_;
  const tb_face* face_;
  Services services_;
  void* instance_ = nullptr;
  std::map<std::string, std::string> config_;
  std::map<std::string, std::string, std::less<>> store_;
  bool store_broken_ = false;
  std::vector<Post> posts_;
  std::uint64_t random_ = 1;
  std::string data_dir_;
};

}  // namespace blockd
