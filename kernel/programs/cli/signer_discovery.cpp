// wallet discover-signers: who answers on the local network.
#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <ostream>
#include <set>

#include "kernel/base/file.hpp"
#include "kernel/programs/cli/catalogue.hpp"
#include "kernel/programs/cli/output.hpp"
#include "kernel/programs/cli/remote_signer.hpp"

namespace blockd::cli {
namespace {

constexpr std::string_view kQuestion = "theblock:signer?", kAnswer = "theblock:signer!";
constexpr std::uint16_t kDiscoveryPort = 7878;
constexpr std::size_t kMaxFound = 256;

// "10.0.0.255:7878": where the question goes when it is not the whole network.
Result<sockaddr_in> target_of(const World& world) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(kDiscoveryPort);
  to.sin_addr.s_addr = INADDR_BROADCAST;
  const std::string given = world.variable("TB_SIGNER_DISCOVERY_ADDR");
  if (given.empty()) return to;
  const std::size_t colon = given.rfind(':');
  const auto port = colon == std::string::npos ? std::nullopt : parse_u64(given.substr(colon + 1));
  if (!port || *port == 0 || *port > 65535 ||
      ::inet_pton(AF_INET, given.substr(0, colon).c_str(), &to.sin_addr) != 1)
    return Status(Code::kInvalid,
                  "TB_SIGNER_DISCOVERY_ADDR: expected ADDRESS:PORT, found '" + given + "'");
  to.sin_port = htons(static_cast<std::uint16_t>(*port));
  return to;
}

struct Socket {
  int fd = -1;
  ~Socket() {
    if (fd >= 0) ::close(fd);
  }
};

int discover(Session& session, const LocalArgs& args) {
  // The flag is the verb's own here: milliseconds.
  const auto timeout = parse_u64(args.get("--timeout", "500"));
  if (!timeout || *timeout == 0 || *timeout > 600'000)
    return session.fail(Status(Code::kInvalid, "--timeout: expected 1..600000 milliseconds"));
  session.options.timeout_ms.reset();
  Result<std::vector<std::string>> found =
      discover_signers(session.world, static_cast<std::uint32_t>(*timeout));
  if (!found.ok()) return session.fail(found.status());
  SignerTally tally;
  tally.discoveries = 1;
  tally.discovered = found->empty() ? 0 : 1;
  NodeClient client(session);
  report_signers(session, client, tally);
  if (session.options.format == Format::kJson) {
    json::array signers;
    for (const std::string& url : *found) signers.emplace_back(url);
    Result<std::string> text = format_result(
        session, json::object{{"timeout_ms", *timeout}, {"signers", std::move(signers)}},
        {"", {}, "", false});
    if (!text.ok()) return session.fail(text.status());
    session.world.out << *text;
    return kExitOk;
  }
  for (const std::string& url : *found) session.world.out << url << '\n';
  if (found->empty()) session.world.out << "no signers found\n";
  return kExitOk;
}

}  // namespace

Result<std::vector<std::string>> discover_signers(World& world, std::uint32_t timeout_ms) {
  Result<sockaddr_in> to = target_of(world);
  if (!to.ok()) return to.status();
  Socket socket{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  const int on = 1;
  if (socket.fd < 0 || ::setsockopt(socket.fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof on) != 0)
    return errno_status("discovery socket");
  if (::sendto(socket.fd, kQuestion.data(), kQuestion.size(), 0,
               reinterpret_cast<const sockaddr*>(&*to), sizeof *to) < 0)
    return errno_status("asking the local network");
  std::set<std::string> found;
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    pollfd waiting{socket.fd, POLLIN, 0};
    if (left.count() <= 0 || ::poll(&waiting, 1, static_cast<int>(left.count())) == 0) break;
    std::array<char, 64> text;
    sockaddr_in from{};
    socklen_t size = sizeof from;
    const ssize_t got = ::recvfrom(socket.fd, text.data(), text.size(), 0,
                                   reinterpret_cast<sockaddr*>(&from), &size);
    if (got < 0 || std::string_view(text.data(), static_cast<std::size_t>(got)) != kAnswer)
      continue;
    std::array<char, INET_ADDRSTRLEN> ip{};
    if (::inet_ntop(AF_INET, &from.sin_addr, ip.data(), ip.size()) != nullptr &&
        found.size() < kMaxFound)
      found.insert("http://" + std::string(ip.data()) + ":" + std::to_string(ntohs(to->sin_port)));
  }
  return std::vector<std::string>(found.begin(), found.end());
}

std::vector<LocalVerb> signer_verbs() {
  return {{"wallet discover-signers",
           "",
           "Remote signers on the local network",
           {{"--timeout", "MS", "How long to collect answers (500)"}},
           0,
           0,
           discover,
           {{"contract-cli wallet discover-signers --timeout 500 --json",
             "{\"timeout_ms\":500,\"signers\":[\"http://10.0.0.7:7878\"]}"}},
           {"wallet remote-discover"}}};
}

}  // namespace blockd::cli
