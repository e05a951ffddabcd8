#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "shared/base/result.h"
#include "shared/base/unique_fd.h"

namespace shared {

// Tells systemd how this service goes (sd_notify(3)): datagrams of NAME=value lines to the Unix
// socket that $NOTIFY_SOCKET names, for units of Type=notify:
//   RELOADING=1
//   MONOTONIC_USEC=5123456789
// Started by anything else, it does nothing. What cannot be sent is lost: a service does not fail
// because its manager does not listen. Not thread-safe.
class ServiceNotifier {
 public:
  ServiceNotifier() = default;  // nobody listens

  // From $NOTIFY_SOCKET ("/path" or "@abstract"), $WATCHDOG_USEC and $WATCHDOG_PID.
  // kInvalidInput: "NOTIFY_SOCKET is "x": expected an absolute path or @name".
  static Result<ServiceNotifier> FromEnvironment();
  static Result<ServiceNotifier> Connect(std::string_view socket_address);

  // The service is up; also the end of a reload.
  void Ready(std::string_view status);
  // A new configuration is taken in until Ready().
  void Reloading();
  void Stopping();
  // It still makes progress: the watchdog waits once more. Call every alive_period().
  void Alive();

  // A third of the watchdog's patience. nullopt: nobody watches.
  [[nodiscard]] std::optional<std::chrono::milliseconds> alive_period() const {
    return alive_period_;
  }

 private:
  void Send(std::string_view message) const;

  UniqueFd socket_;
  std::optional<std::chrono::milliseconds> alive_period_;
};

}  // namespace shared
