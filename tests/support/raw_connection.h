#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "shared/base/unique_fd.h"

namespace tests {

// A TCP connection to this machine that sends and receives exact bytes: for peers that no
// well-behaved client can play.
class RawConnection {
 public:
  explicit RawConnection(uint16_t port, const char* to = "127.0.0.1")
      : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    ::inet_pton(AF_INET, to, &address.sin_addr);
    timeval limit{20, 0};  // a test that hangs fails instead
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    // NOLINTNEXTLINE: the sockets interface wants this cast.
    connected_ = ::connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }

  [[nodiscard]] bool connected() const { return connected_; }

  // False: the peer has closed.
  bool Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }
  // Everything until the peer closes.
  std::string ReceiveAll() {
    std::string out;
    while (ReceiveSome(out)) {
    }
    return out;
  }
  // One response with a Content-Length, header and body.
  std::string ReceiveResponse() {
    while (true) {
      const size_t header_end = pending_.find("\r\n\r\n");
      if (header_end != std::string::npos) {
        const size_t field = pending_.find("Content-Length: ");
        const size_t length = field < header_end ? std::stoul(pending_.substr(field + 16)) : 0;
        const size_t total = header_end + 4 + (head_ ? 0 : length);
        if (pending_.size() >= total) {
          std::string response = pending_.substr(0, total);
          pending_.erase(0, total);
          return response;
        }
      }
      if (!ReceiveSome(pending_)) return pending_;
    }
  }
  // Responses from now on have no body: their requests were HEAD.
  void ExpectNoBodies() { head_ = true; }
  void FinishSending() { ::shutdown(fd_.get(), SHUT_WR); }

 private:
  bool ReceiveSome(std::string& out) {
    char buffer[4096];
    const ssize_t got = ::recv(fd_.get(), buffer, sizeof buffer, 0);
    if (got <= 0) return false;
    out.append(buffer, static_cast<size_t>(got));
    return true;
  }

  shared::UniqueFd fd_;
  bool connected_ = false;
  bool head_ = false;
  std::string pending_;
};

}  // namespace tests
