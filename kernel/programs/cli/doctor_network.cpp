// doctor: whether the node can listen, and reach those that it dials.
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <sstream>

#include "kernel/base/file.hpp"
#include "kernel/programs/cli/doctor.hpp"

namespace blockd::cli {
namespace {

namespace fs = std::filesystem;

struct HostPort {
  std::string host, port;
};

// "127.0.0.1:80", "[::1]:80", "name:80".
std::optional<HostPort> split_address(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos || colon == 0) return std::nullopt;
  HostPort out{address.substr(0, colon), address.substr(colon + 1)};
  if (out.host.starts_with('[') && out.host.ends_with(']'))
    out.host = out.host.substr(1, out.host.size() - 2);
  const auto port = parse_u64(out.port);
  if (!port || *port > 65535) return std::nullopt;
  return out;
}

using AddressList = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;
AddressList resolve(const HostPort& at, int flags, std::string* why) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags;
  addrinfo* found = nullptr;
  if (const int code = ::getaddrinfo(at.host.c_str(), at.port.c_str(), &hints, &found); code != 0)
    *why = ::gai_strerror(code);
  return {found, ::freeaddrinfo};
}

// Why this machine does not let a node listen there; empty if it does.
std::string refused_listen(const HostPort& at) {
  std::string why;
  const AddressList list = resolve(at, AI_PASSIVE, &why);
  if (!list) return why;
  const int socket = ::socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return std::strerror(errno);
  const int on = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(socket, list->ai_addr, list->ai_addrlen) != 0 || ::listen(socket, 1) != 0)
    why = std::strerror(errno);
  ::close(socket);
  return why;
}

// Names ("socket:[INODE]") of the sockets that listen on a port: a line of /proc/net/tcp has the
// local address as hexadecimal "ADDRESS:PORT" second, the state fourth (0A: listens) and the inode
// tenth.
std::set<std::string> listening_sockets(std::uint64_t port) {
  std::set<std::string> out;
  for (const char* table : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    std::ifstream in(table);
    for (std::string line; std::getline(in, line);) {
      std::istringstream words(line);
      std::array<std::string, 10> word;
      for (std::string& one : word) words >> one;
      if (word[3] != "0A") continue;
      const std::size_t colon = word[1].rfind(':') + 1;
      unsigned found = 0;
      std::from_chars(word[1].data() + colon, word[1].data() + word[1].size(), found, 16);
      if (found == port) out.insert("socket:[" + word[9] + "]");
    }
  }
  return out;
}

struct Holder {
  std::string pid, program;
};

// Who listens on a port; nullopt where this user may not see it.
std::optional<Holder> holder_of(std::uint64_t port) {
  const std::set<std::string> sockets = listening_sockets(port);
  std::error_code error;
  for (const auto& process : fs::directory_iterator("/proc", error)) {
    const std::string pid = process.path().filename().string();
    if (!parse_u64(pid)) continue;
    for (const auto& file : fs::directory_iterator(process.path() / "fd", error)) {
      std::error_code gone;
      if (!sockets.contains(fs::read_symlink(file.path(), gone).string())) continue;
      const Result<Bytes> name = read_file((process.path() / "comm").string(), 64);
      return Holder{pid, name.ok() ? name->substr(0, name->find('\n')) : "?"};
    }
  }
  return std::nullopt;
}

Finding judge_port(const std::string& key, const std::string& address,
                   const std::string& node_pid) {
  const auto at = split_address(address);
  if (!at) return {Mark::kBad, key, address + " is no address", "expected HOST:PORT"};
  if (at->port == "0") return {Mark::kOk, key, address + " (any free port)"};
  const std::string why = refused_listen(*at);
  if (why.empty()) return {Mark::kOk, key, address + " is free"};
  const auto holder = holder_of(*parse_u64(at->port));
  if (!holder) {
    return {Mark::kBad, key, address + ": " + why,
            "find who holds it: ss -ltnp (as root); or set another address"};
  }
  if (holder->pid == node_pid) return {Mark::kOk, key, address + " is held by this node"};
  return {Mark::kBad, key,
          address + ": " + why + ", by process " + holder->pid + " (" + holder->program + ")",
          "stop that process, or set another address"};
}

// Waits until a connection that was begun stands; empty if it does.
std::string wait_connected(int socket) {
  pollfd ready{socket, POLLOUT, 0};
  int found = 0;
  while ((found = ::poll(&ready, 1, kPeerTimeoutMs)) < 0 && errno == EINTR) {
  }
  if (found == 0) return "no answer within " + std::to_string(kPeerTimeoutMs) + " ms";
  int error = 0;
  socklen_t size = sizeof error;
  if (found < 0 || ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  return error == 0 ? "" : std::strerror(error);
}

// Why a peer cannot be reached over TCP; empty if it can.
std::string refused_connect(const HostPort& at) {
  std::string why;
  const AddressList list = resolve(at, 0, &why);
  for (const addrinfo* one = list.get(); one != nullptr; one = one->ai_next) {
    const int socket = ::socket(one->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (socket < 0) return std::strerror(errno);
    const bool begun = ::connect(socket, one->ai_addr, one->ai_addrlen) == 0;
    why = begun ? "" : errno == EINPROGRESS ? wait_connected(socket) : std::strerror(errno);
    ::close(socket);
    if (why.empty()) return why;
  }
  return why;
}

// "host:port" of a peer's address, which may carry a key in front: "KEY@host:port".
std::string address_of_peer(const std::string& peer) {
  const std::size_t at = peer.rfind('@');
  return at == std::string::npos ? peer : peer.substr(at + 1);
}

}  // namespace

void look_at_ports(const Config& config, Findings& out) {
  const Result<Bytes> pid_file = read_file(config.text("data_dir") + "/node.pid", 64);
  const std::string pid =
      pid_file.ok() ? pid_file->substr(0, pid_file->find_first_not_of("0123456789")) : "";
  for (const char* name : {"rpc", "metrics", "status"}) {
    const std::string key = std::string("listeners.") + name;
    for (const std::string& address : config.list(key)) {
      if (address.empty() || address == "off" || address.starts_with("unix:")) continue;
      out.push_back(judge_port(key, address, pid));
    }
  }
}

void look_at_peers(const Config& config, Findings& out) {
  const std::vector<std::string> peers = config.list("net.bootstrap_peers");
  for (std::size_t i = 0; i < peers.size() && i < kMaxPeersTried; ++i) {
    const auto at = split_address(address_of_peer(peers[i]));
    if (!at) {
      out.push_back({Mark::kBad, "peer " + peers[i], "is no address",
                     "expected HOST:PORT in net.bootstrap_peers"});
      continue;
    }
    const std::string why = refused_connect(*at);
    out.push_back({why.empty() ? Mark::kOk : Mark::kWarn, "peer " + peers[i],
                   why.empty() ? "can be reached" : why,
                   why.empty() ? ""
                               : "is it up, and does a firewall between let " + at->port +
                                     "/tcp pass? else correct net.bootstrap_peers"});
  }
  if (peers.size() > kMaxPeersTried) {
    out.push_back({Mark::kOk, "peers",
                   "only the first " + std::to_string(kMaxPeersTried) + " of " +
                       std::to_string(peers.size()) + " were tried"});
  }
}

}  // namespace blockd::cli
