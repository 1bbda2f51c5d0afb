#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <iostream>

#include "kernel/base/crypto.hpp"
#include "kernel/programs/cli/cli.hpp"

extern char** environ;

namespace {

using namespace blockd;

// Reads from the terminal itself, so that a password can be asked for while data comes through a
// pipe.
Result<std::string> ask_password(const std::string& prompt) {
  FILE* terminal = std::fopen("/dev/tty", "r+");
  if (!terminal) return Status(Code::kUnavailable, "there is no terminal");
  termios before{};
  const int fd = fileno(terminal);
  if (::tcgetattr(fd, &before) != 0) {
    std::fclose(terminal);
    return Status(Code::kUnavailable, "the terminal cannot be read");
  }
  termios silent = before;
  silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  ::tcsetattr(fd, TCSAFLUSH, &silent);
  std::fputs(prompt.c_str(), terminal);
  std::fflush(terminal);
  std::string line;
  for (int c = std::fgetc(terminal); c != EOF && c != '\n' && line.size() < 1024;
       c = std::fgetc(terminal)) {
    line.push_back(static_cast<char>(c));
  }
  ::tcsetattr(fd, TCSAFLUSH, &before);
  std::fputs("\n", terminal);
  std::fclose(terminal);
  return line;
}

std::map<std::string, std::string> environment() {
  std::map<std::string, std::string> out;
  for (char** at = environ; *at; ++at) {
    const std::string entry = *at;
    if (const std::size_t equals = entry.find('='); equals != std::string::npos)
      out[entry.substr(0, equals)] = entry.substr(equals + 1);
  }
  return out;
}

std::size_t terminal_columns() {
  winsize size{};
  return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

std::string program_dir() {
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? "." : program.parent_path().string();
}

}  // namespace

int main(int argc, char** argv) {
  // `| head` ends this program by an error of write, not by a signal in the middle of a command.
  std::signal(SIGPIPE, SIG_IGN);
  crypto_init();
  cli::World world{std::cout,
                   std::cerr,
                   std::cin,
                   environment(),
                   ::isatty(STDOUT_FILENO) == 1,
                   ::isatty(STDIN_FILENO) == 1,
                   program_dir(),
                   ask_password,
                   system_clock(),
                   terminal_columns()};
  std::vector<std::string> args(argv + 1, argv + argc);
  // The name under which runbooks call the audit.
  if (argc > 0 && std::filesystem::path(argv[0]).filename() == "settlement_audit")
    args.insert(args.begin(), {"settlement", "audit"});
  // The name of the second guide's program: the same verbs behind a word of their own.
  if (argc > 0 && std::filesystem::path(argv[0]).filename() == "moloch" && !args.empty() &&
      !args[0].starts_with("-"))
    args.insert(args.begin(), "moloch");
  const int code = cli::run_cli(world, args);
  std::cout.flush();
  return code;
}
