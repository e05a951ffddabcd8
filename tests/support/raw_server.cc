#include "tests/support/raw_server.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <string_view>

#include "shared/base/check.h"

namespace tests {
namespace {

uint16_t BindLoopback(int socket) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  CHECK(::bind(socket, generic, length) == 0);
  CHECK(::getsockname(socket, generic, &length) == 0);
  return ::ntohs(address.sin_port);
}

// Looks at the stop token every 10 ms.
bool WaitFor(int fd, short events, const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    pollfd entry{.fd = fd, .events = events, .revents = 0};
    if (::poll(&entry, 1, 10) > 0) return true;
  }
  return false;
}

}  // namespace

RawServer::RawServer(Script script)
    : script_(std::move(script)),
      listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
      port_(BindLoopback(listener_.get())) {
  CHECK(::listen(listener_.get(), 16) == 0);
  thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
}

RawServer::~RawServer() {
  thread_.request_stop();
  thread_.join();
}

std::string RawServer::Url(const std::string& target) const {
  return "http://127.0.0.1:" + std::to_string(port_) + target;
}

void RawServer::Run(const std::stop_token& stop) {
  while (WaitFor(listener_.get(), POLLIN, stop)) {
    const shared::UniqueFd peer(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (peer.valid()) Serve(peer.get(), stop);
  }
}

void RawServer::Serve(int peer, const std::stop_token& stop) {
  std::array<char, 4096> ignored{};
  if (!WaitFor(peer, POLLIN, stop) || ::recv(peer, ignored.data(), ignored.size(), 0) <= 0) return;
  std::string_view unsent = script_.first;
  while (true) {
    if (unsent.empty()) unsent = script_.again;
    if (unsent.empty()) break;
    if (!WaitFor(peer, POLLOUT, stop)) return;
    const ssize_t sent = ::send(peer, unsent.data(), unsent.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) return;
    unsent.remove_prefix(static_cast<size_t>(sent));
  }
  if (script_.close_after_first) return;
  while (WaitFor(peer, POLLIN, stop) && ::recv(peer, ignored.data(), ignored.size(), 0) > 0) {
  }
}

ClosedPort::ClosedPort()
    : bound_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), port_(BindLoopback(bound_.get())) {}

}  // namespace tests
