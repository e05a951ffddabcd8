#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "collector/http/server.h"
#include "shared/concurrency/guarded.h"

namespace collector::http {

// Who may connect and how much may be read, and the counters of both. Thread-safe.
class Admission {
 public:
  explicit Admission(const Limits& limits) : limits_(limits) {}

  // Takes a place for a connection from `address` (no port). nullptr: taken, give it back with
  // Disconnected. Else the reason of the refusal, which is counted.
  const char* Connect(const std::string& address);
  void Disconnected(const std::string& address);

  // Takes room for `bytes` of a body of which `announced` are still to come, these included. False:
  // there is no room for all that; counted as "overload". What is announced holds no room, or a few
  // who never send it would keep all others out.
  bool ReserveBody(size_t bytes, size_t announced);
  void ReleaseBody(size_t bytes);

  void CountRequest();
  void CountResponse(int status);
  void CountRefused(std::string_view reason);
  void CountHandshakeFailure(const std::string& reason);
  [[nodiscard]] ServerStatistics Statistics() const;

 private:
  struct State {
    ServerStatistics statistics;
    std::map<std::string, size_t> connections_by_address;
    size_t body_bytes = 0;
  };
  const Limits limits_;
  shared::Guarded<State> state_;
};

}  // namespace collector::http
