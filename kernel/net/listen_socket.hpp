// A listening socket, opened with plain POSIX calls: close-on-exec from the start, and errors that
// name the address. Internal to net. A Unix socket's file appears at its path with the right mode
// and group at once (it is bound beside and renamed), and its destructor removes the file only if
// it is still the one it made.
#pragma once

#include <sys/types.h>

#include <string>

#include "kernel/base/status.hpp"
#include "kernel/net/url.hpp"

namespace blockd {

class ListenSocket {
 public:
  // Errors: kExists (in use), kDenied, kInvalid (no such host, path too long, unknown group), kIo.
  static Result<ListenSocket> open(const ListenAddress& address, unsigned unix_mode,
                                   const std::string& unix_group);
  ListenSocket(ListenSocket&& other) noexcept;
  ListenSocket& operator=(ListenSocket&& other) = delete;
  ~ListenSocket();

  int fd() const { return fd_; }
  // With the port that was really bound.
  const ListenAddress& bound() const { return bound_; }

 private:
  ListenSocket(int fd, ListenAddress bound) : fd_(fd), bound_(std::move(bound)) {}
  static Result<ListenSocket> open_tcp(const ListenAddress& address);
  static Result<ListenSocket> open_unix(const ListenAddress& address, unsigned mode,
                                        const std::string& group);
  int fd_ = -1;
  ListenAddress bound_;
  dev_t device_ = 0;  // which file it made
  ino_t inode_ = 0;
};

}  // namespace blockd
