#pragma once

#include <cstdint>
#include <string>
#include <thread>

#include "shared/base/unique_fd.h"

namespace tests {

// A TCP peer on a free port of 127.0.0.1 that says to whoever connects: `first`, then `again`
// without end (nothing when it is empty) until the other side goes away. It waits for the beginning
// of a request first, and never closes on its own unless `close_after_first`.
class RawServer {
 public:
  struct Script {
    std::string first;
    std::string again{};
    bool close_after_first = false;
  };
  explicit RawServer(Script script);
  ~RawServer();
  RawServer(const RawServer&) = delete;
  RawServer& operator=(const RawServer&) = delete;

  [[nodiscard]] uint16_t port() const { return port_; }
  [[nodiscard]] std::string Url(const std::string& target) const;

 private:
  void Run(const std::stop_token& stop);
  void Serve(int peer, const std::stop_token& stop);

  const Script script_;
  shared::UniqueFd listener_;
  uint16_t port_ = 0;
  std::jthread thread_;  // last: uses all above
};

// A port of 127.0.0.1 on which nobody listens as long as the object lives.
class ClosedPort {
 public:
  ClosedPort();
  [[nodiscard]] uint16_t port() const { return port_; }

 private:
  shared::UniqueFd bound_;  // bound, but not listening: connections are refused
  uint16_t port_ = 0;
};

}  // namespace tests
