#include "shared/base/service_notifier.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace shared {
namespace {

std::optional<uint64_t> NumberOf(const char* text) {
  if (text == nullptr) return std::nullopt;
  const char* end = text + std::strlen(text);
  uint64_t number = 0;
  const auto [rest, error] = std::from_chars(text, end, number);
  if (error != std::errc() || rest != end) return std::nullopt;
  return number;
}

// $WATCHDOG_PID may name another process of the service.
std::optional<std::chrono::milliseconds> AlivePeriod() {
  const std::optional<uint64_t> patience_us = NumberOf(std::getenv("WATCHDOG_USEC"));
  const std::optional<uint64_t> pid = NumberOf(std::getenv("WATCHDOG_PID"));
  if (!patience_us || *patience_us == 0) return std::nullopt;
  if (pid && *pid != static_cast<uint64_t>(::getpid())) return std::nullopt;
  return std::chrono::milliseconds(std::max<uint64_t>(*patience_us / 3000, 1));
}

// A status is one line of the message.
std::string OneLine(std::string_view text) {
  std::string line(text);
  std::replace(line.begin(), line.end(), '\n', ' ');
  return line;
}

}  // namespace

Result<ServiceNotifier> ServiceNotifier::FromEnvironment() {
  const char* address = std::getenv("NOTIFY_SOCKET");
  if (address == nullptr || *address == '\0') return ServiceNotifier();
  ASSIGN_OR_RETURN(ServiceNotifier notifier, Connect(address));
  notifier.alive_period_ = AlivePeriod();
  return notifier;
}

Result<ServiceNotifier> ServiceNotifier::Connect(std::string_view socket_address) {
  sockaddr_un peer{};
  peer.sun_family = AF_UNIX;
  const bool known = socket_address.starts_with('/') || socket_address.starts_with('@');
  if (!known || socket_address.size() >= sizeof peer.sun_path) {
    return Fail(ErrorCode::kInvalidInput,
                "NOTIFY_SOCKET is \"{}\": expected an absolute path or @name", socket_address);
  }
  socket_address.copy(peer.sun_path, socket_address.size());
  if (socket_address.starts_with('@')) peer.sun_path[0] = '\0';  // an abstract name, unix(7)
  ServiceNotifier notifier;
  notifier.socket_.Reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!notifier.socket_.valid()) return FailErrno(errno, "NOTIFY_SOCKET: socket");
  const size_t length = offsetof(sockaddr_un, sun_path) + socket_address.size();
  if (::connect(notifier.socket_.get(), reinterpret_cast<const sockaddr*>(&peer),
                static_cast<socklen_t>(length)) != 0) {
    return FailErrno(errno, fmt::format("NOTIFY_SOCKET: connect to {}", socket_address));
  }
  return notifier;
}

void ServiceNotifier::Ready(std::string_view status) {
  Send(fmt::format("READY=1\nSTATUS={}", OneLine(status)));
}

void ServiceNotifier::Reloading() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  Send(fmt::format("RELOADING=1\nMONOTONIC_USEC={}",
                   int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000));
}

void ServiceNotifier::Stopping() {
  Send("STOPPING=1");
}

void ServiceNotifier::Alive() {
  Send("WATCHDOG=1");
}

void ServiceNotifier::Send(std::string_view message) const {
  if (!socket_.valid()) return;
  [[maybe_unused]] const ssize_t sent =
      ::send(socket_.get(), message.data(), message.size(), MSG_NOSIGNAL);
}

}  // namespace shared
