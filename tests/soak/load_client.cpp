// soak_load: the clients of a soak. Commands, queries and event streams over real sockets, each
// with its own connection and thread, and every answer checked: a count that does not follow on the
// last one, an event out of order, a request that fails.
//
//   soak_load --socket PATH --port N [--commands N] [--queries N] [--streams N] [--breaks]
//
// It works until its standard input ends, then waits until every stream has seen the newest event,
// and prints a last line. Each second, and at the end, one line of JSON on standard output. With
// --breaks a connection may break (the node is killed): what was under way is then of unknown fate,
// and is looked up when the node answers again.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

constexpr int kReadTimeoutSecs = 60;  // a bound against hanging, not a measure
constexpr int kReconnectWaitMs = 20;
constexpr int kCatchUpSecs = 120;
constexpr std::size_t kMaxReasons = 8;
constexpr std::size_t kMaxMessage = 4u << 20;

struct Options {
  std::string socket;
  int port = 0, commands = 8, queries = 2, streams = 4;
  bool breaks = false;
};

// What all threads count into.
struct Totals {
  std::atomic<std::uint64_t> commands{0}, queries{0}, events{0}, failed{0}, unknown{0}, broken{0};
  std::atomic<std::uint64_t> disorder{0}, repeated{0}, lost{0}, transfers{0};
  std::atomic<std::uint64_t> newest_seq{0};  // of an answered command
  std::atomic<std::uint64_t> slowest_us{0};
  std::atomic<bool> stop{false}, no_streams{false};
  std::mutex mutex;
  std::vector<std::string> reasons;

  void fail(std::atomic<std::uint64_t>& counter, const std::string& why) {
    counter.fetch_add(1);
    std::lock_guard lock(mutex);
    if (reasons.size() < kMaxReasons) reasons.push_back(why.substr(0, 400));
  }
};

class Connection {
 public:
  Connection() = default;
  ~Connection() { close(); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  bool open_unix(const std::string& path) {
    close();
    fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return false;
    std::memcpy(address.sun_path, path.c_str(), path.size());
    return ready(::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address));
  }
  bool open_tcp(int port) {
    close();
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int one = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return ready(::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address));
  }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
    buffer_.clear();
  }
  bool is_open() const { return fd_ >= 0; }

  bool send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t n = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }
  // True when bytes are there within `ms`.
  bool wait(int ms) {
    if (!buffer_.empty()) return true;
    pollfd one{fd_, POLLIN, 0};
    return ::poll(&one, 1, ms) > 0;
  }
  std::optional<std::string> until(std::string_view mark) {
    std::size_t at;
    while ((at = buffer_.find(mark)) == std::string::npos) {
      if (!more()) return std::nullopt;
    }
    return take(at + mark.size());
  }
  std::optional<std::string> exactly(std::size_t n) {
    while (buffer_.size() < n) {
      if (!more()) return std::nullopt;
    }
    return take(n);
  }

 private:
  bool ready(int connected) {
    const timeval limit{kReadTimeoutSecs, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (connected == 0) return true;
    close();
    return false;
  }
  bool more() {
    std::array<char, 65536> part;
    const ssize_t n = ::recv(fd_, part.data(), part.size(), 0);
    if (n <= 0 || buffer_.size() > kMaxMessage) return false;
    buffer_.append(part.data(), static_cast<std::size_t>(n));
    return true;
  }
  std::string take(std::size_t n) {
    std::string out = buffer_.substr(0, n);
    buffer_.erase(0, n);
    return out;
  }
  int fd_ = -1;
  std::string buffer_;
};

std::optional<std::uint64_t> number_in(std::string_view text, std::string_view member) {
  const std::string mark = "\"" + std::string(member) + "\":";
  const std::size_t at = text.find(mark);
  if (at == std::string_view::npos) return std::nullopt;
  std::uint64_t value = 0;
  std::size_t digits = 0;
  for (std::size_t i = at + mark.size(); i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i) {
    value = value * 10 + static_cast<std::uint64_t>(text[i] - '0');
    ++digits;
  }
  return digits ? std::optional<std::uint64_t>(value) : std::nullopt;
}

std::string text_in(std::string_view text, std::string_view member) {
  const std::string mark = "\"" + std::string(member) + "\":\"";
  const std::size_t at = text.find(mark);
  if (at == std::string_view::npos) return {};
  const std::size_t end = text.find('"', at + mark.size());
  return std::string(text.substr(at + mark.size(), end - at - mark.size()));
}

// One JSON-RPC call over a kept HTTP connection; nullopt when the connection broke.
std::optional<std::string> call(Connection& connection, const Options& options,
                                std::string_view method, const std::string& params) {
  if (!connection.is_open() && !connection.open_unix(options.socket)) return std::nullopt;
  const std::string body = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"" + std::string(method) +
                           "\",\"params\":" + params + "}";
  std::optional<std::string> head, answer;
  if (connection.send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                      "Content-Length: " +
                      std::to_string(body.size()) + "\r\n\r\n" + body))
    head = connection.until("\r\n\r\n");
  if (head) {
    const std::size_t at = head->find("Content-Length: ");
    const std::size_t size =
        at == std::string::npos ? 0 : std::strtoull(head->c_str() + at + 16, nullptr, 10);
    answer = connection.exactly(size);
  }
  if (!answer) connection.close();
  return answer;
}

class Clients {
 public:
  Clients(const Options& options, Totals& totals) : options_(options), totals_(totals) {}

  void run_commands(int number) {
    Connection connection;
    const std::string name = "client-" + std::to_string(number);
    const std::string params = "{\"name\":\"" + name + "\"}";
    std::optional<std::uint64_t> last = look_up(connection, params);
    for (std::uint64_t n = 0; last && !totals_.stop; ++n) {
      if (number < kTransferClients && n % kTransferEvery == 0) transfer(connection);
      const auto begun = std::chrono::steady_clock::now();
      const std::optional<std::string> answer = call(connection, options_, "live.add", params);
      if (!answer) {
        const std::optional<std::uint64_t> now = after_break(connection, params);
        if (now && *now != *last && *now != *last + 1)
          totals_.fail(totals_.lost, name + ": " + std::to_string(*last) +
                                         " was answered, after a break it is " +
                                         std::to_string(*now));
        last = now;
        continue;
      }
      note_time(begun);
      const std::optional<std::uint64_t> count = number_in(*answer, "count");
      const std::optional<std::uint64_t> seq = number_in(*answer, "seq");
      if (!count || !seq) {
        if (!(options_.breaks && is_stopping(*answer)))
          totals_.fail(totals_.failed, "live.add: " + *answer);
        continue;
      }
      if (*count != *last + 1)
        totals_.fail(totals_.lost, name + ": count " + std::to_string(*count) + " behind " +
                                       std::to_string(*last));
      last = count;
      totals_.commands.fetch_add(1);
      raise(totals_.newest_seq, *seq);
    }
    std::lock_guard lock(totals_.mutex);
    if (last) acked_.emplace_back(name, *last);
  }

  // A count that goes down within one connection would be a view that went back.
  void run_queries(int number) {
    Connection connection;
    const std::string params = "{\"name\":\"client-" + std::to_string(number) + "\"}";
    std::uint64_t count = 0, height = 0;
    while (!totals_.stop) {
      const auto begun = std::chrono::steady_clock::now();
      const std::optional<std::string> answer = call(connection, options_, "live.get", params);
      if (!answer) {
        broke("live.get");
        wait_a_little();
        continue;
      }
      note_time(begun);
      const std::optional<std::uint64_t> now = number_in(*answer, "count"),
                                         at = number_in(*answer, "height");
      if (!now || !at) {
        if (!(options_.breaks && is_stopping(*answer)))
          totals_.fail(totals_.failed, "live.get: " + *answer);
        continue;
      }
      if (*now < count || *at < height)
        totals_.fail(totals_.disorder, "live.get went back to height " + std::to_string(*at));
      count = *now;
      height = *at;
      totals_.queries.fetch_add(1);
    }
  }

  void run_stream(int number) {
    Connection connection;
    std::string cursor = "head";
    std::uint64_t last = 0;
    while (!totals_.no_streams) {
      if (!connection.is_open() && !subscribe(connection, cursor)) {
        connection.close();
        broke("event stream " + std::to_string(number));
        wait_a_little();
        continue;
      }
      if (!connection.wait(kReconnectWaitMs)) {
        if (last != 0) raise_seen(number, last);
        continue;
      }
      const std::optional<std::string> message = receive(connection);
      if (!message) {
        connection.close();
        broke("event stream " + std::to_string(number));
        continue;
      }
      if (message->find("events.gap") != std::string::npos)
        totals_.fail(totals_.disorder, "stream: " + *message);
      if (message->find("\"events.event\"") == std::string::npos) continue;
      const std::uint64_t seq = number_in(*message, "seq").value_or(0);
      cursor = text_in(*message, "cursor");
      totals_.events.fetch_add(1);
      if (seq != 0 && seq <= last) {
        totals_.repeated.fetch_add(1);
      } else if (last != 0 && seq != last + 1) {
        totals_.fail(totals_.disorder, "stream " + std::to_string(number) + ": event " +
                                           std::to_string(seq) + " behind " + std::to_string(last));
      }
      if (seq > last) last = seq;
      raise_seen(number, last);
    }
  }

  void prepare(int streams) {
    for (int i = 0; i < streams; ++i)
      seen_.push_back(std::make_unique<std::atomic<std::uint64_t>>(0));
  }
  // Number of streams that have not seen the newest answered command.
  int behind() const {
    int out = 0;
    for (const auto& seen : seen_) out += seen->load() < totals_.newest_seq.load() ? 1 : 0;
    return out;
  }
  const std::vector<std::pair<std::string, std::uint64_t>>& acked() const { return acked_; }

 private:
  // All transfers are the operator's: below its limit of 16 waiting commands of a fee lane, and of
  // the money that a new chain gives it.
  static constexpr int kTransferClients = 8;
  static constexpr std::uint64_t kTransferEvery = 64;

  static bool is_stopping(std::string_view answer) {
    return answer.find("-34004") != std::string_view::npos;
  }
  void wait_a_little() const {
    std::this_thread::sleep_for(std::chrono::milliseconds(kReconnectWaitMs));
  }
  void broke(const std::string& what) {
    if (options_.breaks || totals_.stop) {
      totals_.broken.fetch_add(1);
    } else {
      totals_.fail(totals_.failed, what + ": the connection broke");
    }
  }
  static void raise(std::atomic<std::uint64_t>& value, std::uint64_t to) {
    std::uint64_t was = value.load();
    while (was < to && !value.compare_exchange_weak(was, to)) {
    }
  }
  void raise_seen(int number, std::uint64_t seq) {
    raise(*seen_[static_cast<std::size_t>(number)], seq);
  }
  void note_time(std::chrono::steady_clock::time_point begun) {
    const auto took = std::chrono::steady_clock::now() - begun;
    raise(totals_.slowest_us,
          static_cast<std::uint64_t>(
              std::chrono::duration_cast<std::chrono::microseconds>(took).count()));
  }
  // The count of this client's name; waits for the node where breaks are allowed.
  std::optional<std::uint64_t> look_up(Connection& connection, const std::string& params) {
    for (;;) {
      if (auto answer = call(connection, options_, "live.get", params)) {
        if (auto count = number_in(*answer, "count")) return count;
        if (!options_.breaks || !is_stopping(*answer)) {
          totals_.fail(totals_.failed, "live.get: " + *answer);
          return std::nullopt;
        }
      } else if (!options_.breaks) {
        totals_.fail(totals_.failed, "no connection to " + options_.socket);
        return std::nullopt;
      }
      if (totals_.no_streams) return std::nullopt;
      wait_a_little();
    }
  }
  std::optional<std::uint64_t> after_break(Connection& connection, const std::string& params) {
    if (!options_.breaks) {
      totals_.fail(totals_.failed, "live.add: the connection broke");
      return std::nullopt;
    }
    totals_.unknown.fetch_add(1);
    return look_up(connection, params);
  }
  // Money moves too, so that its conservation says something.
  void transfer(Connection& connection) {
    const auto answer =
        call(connection, options_, "ledger.transfer", R"({"to":"treasury","amount":1})");
    if (!answer) return;
    if (number_in(*answer, "height")) {
      totals_.transfers.fetch_add(1);
    } else if (!(options_.breaks && is_stopping(*answer))) {
      totals_.fail(totals_.failed, "ledger.transfer: " + *answer);
    }
  }

  bool subscribe(Connection& connection, const std::string& cursor) {
    if (!connection.open_tcp(options_.port)) return false;
    if (!connection.send("GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
                         "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                         "Sec-WebSocket-Key: c29hay1jbGllbnQta2V5IQ==\r\n\r\n"))
      return false;
    const std::optional<std::string> head = connection.until("\r\n\r\n");
    if (!head || head->find(" 101 ") == std::string::npos) return false;
    const std::string text =
        R"({"jsonrpc":"2.0","id":1,"method":"events.subscribe","params":{"topics":["live.added"],"from":")" +
        cursor + "\"}}";
    if (!connection.send(frame(text))) return false;
    const std::optional<std::string> answer = receive(connection);
    return answer && answer->find("\"result\"") != std::string::npos;
  }
  // A masked text frame; the mask is zero, which RFC 6455 allows a test to choose.
  static std::string frame(const std::string& text) {
    std::string out = "\x81";
    if (text.size() < 126) {
      out.push_back(static_cast<char>(0x80 | text.size()));
    } else {
      out.push_back(static_cast<char>(0x80 | 126));
      out.push_back(static_cast<char>(text.size() >> 8));
      out.push_back(static_cast<char>(text.size() & 0xFF));
    }
    return out.append(4, '\0').append(text);
  }
  // The next text message; pings are answered.
  std::optional<std::string> receive(Connection& connection) {
    for (;;) {
      const std::optional<std::string> head = connection.exactly(2);
      if (!head) return std::nullopt;
      const int opcode = (*head)[0] & 0x0F;
      std::size_t size = static_cast<unsigned char>((*head)[1]) & 0x7F;
      if (size >= 126) {
        const std::optional<std::string> more = connection.exactly(size == 126 ? 2 : 8);
        if (!more) return std::nullopt;
        size = 0;
        for (const char c : *more) size = (size << 8) | static_cast<unsigned char>(c);
      }
      std::optional<std::string> payload = connection.exactly(size);
      if (!payload || opcode == 8) return std::nullopt;
      if (opcode == 1) return payload;
      if (opcode == 9) {
        std::string pong = frame(*payload);
        pong[0] = static_cast<char>(0x8A);
        if (!connection.send(pong)) return std::nullopt;
      }
    }
  }

  const Options& options_;
  Totals& totals_;
  std::vector<std::unique_ptr<std::atomic<std::uint64_t>>> seen_;  // by stream
  std::vector<std::pair<std::string, std::uint64_t>> acked_;       // Totals::mutex
};

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(static_cast<unsigned char>(c) < 0x20 ? ' ' : c);
  }
  return out + "\"";
}

void print(Totals& t, const Clients& clients, bool last, int behind) {
  std::string out = "{";
  auto add = [&](const char* name, std::uint64_t value) {
    out += "\"" + std::string(name) + "\":" + std::to_string(value) + ",";
  };
  add("commands", t.commands);
  add("transfers", t.transfers);
  add("queries", t.queries);
  add("events", t.events);
  add("failed", t.failed);
  add("unknown", t.unknown);
  add("broken", t.broken);
  add("lost", t.lost);
  add("disorder", t.disorder);
  add("repeated", t.repeated);
  add("slowest_us", t.slowest_us);
  add("newest_seq", t.newest_seq);
  std::lock_guard lock(t.mutex);
  if (last) {
    add("behind", static_cast<std::uint64_t>(behind));
    out += "\"acked\":{";
    for (const auto& [name, count] : clients.acked())
      out += quoted(name) + ":" + std::to_string(count) + ",";
    if (out.back() == ',') out.pop_back();
    out += "},\"reasons\":[";
    for (const std::string& reason : t.reasons) out += quoted(reason) + ",";
    if (out.back() == ',') out.pop_back();
    out += "],";
  }
  out += std::string("\"last\":") + (last ? "true" : "false") + "}\n";
  std::fputs(out.c_str(), stdout);
  std::fflush(stdout);
}

// True when standard input has ended, within a second.
bool input_ended() {
  pollfd one{0, POLLIN, 0};
  if (::poll(&one, 1, 1000) <= 0) return false;
  char byte;
  return ::read(0, &byte, 1) <= 0;
}

std::optional<Options> parse(int argc, char** argv) {
  Options out;
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    if (flag == "--breaks") {
      out.breaks = true;
      continue;
    }
    if (i + 1 >= argc) return std::nullopt;
    const char* value = argv[++i];
    if (flag == "--socket") {
      out.socket = value;
    } else if (flag == "--port") {
      out.port = std::atoi(value);
    } else if (flag == "--commands") {
      out.commands = std::atoi(value);
    } else if (flag == "--queries") {
      out.queries = std::atoi(value);
    } else if (flag == "--streams") {
      out.streams = std::atoi(value);
    } else {
      return std::nullopt;
    }
  }
  if (out.socket.empty() || out.port == 0) return std::nullopt;
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  const std::optional<Options> options = parse(argc, argv);
  if (!options) {
    std::fputs(
        "usage: soak_load --socket PATH --port N [--commands N] [--queries N] [--streams N] "
        "[--breaks]\n",
        stderr);
    return 2;
  }
  Totals totals;
  Clients clients(*options, totals);
  clients.prepare(options->streams);
  std::vector<std::thread> workers, streams;
  for (int i = 0; i < options->streams; ++i)
    streams.emplace_back([&, i] { clients.run_stream(i); });
  for (int i = 0; i < options->commands; ++i)
    workers.emplace_back([&, i] { clients.run_commands(i); });
  for (int i = 0; i < options->queries; ++i)
    workers.emplace_back([&, i] { clients.run_queries(i); });
  while (!input_ended()) print(totals, clients, false, 0);
  totals.stop = true;
  for (std::thread& worker : workers) worker.join();
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(kCatchUpSecs);
  while (options->commands > 0 && clients.behind() > 0 && std::chrono::steady_clock::now() < until)
    std::this_thread::sleep_for(std::chrono::milliseconds(kReconnectWaitMs));
  const int behind = options->commands > 0 ? clients.behind() : 0;
  totals.no_streams = true;
  for (std::thread& stream : streams) stream.join();
  print(totals, clients, true, behind);
  return 0;
}
