#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "pgvigil/v1/batch.pb.h"
#include "shared/base/result.h"

namespace agent::status {

// The agent's own page, for people and scrapers on this host (answer.h says what it tells). Not for
// a network: it has two threads, and each serves one connection at a time. GET only, no bodies, one
// request a connection, five seconds of silence at most.
class StatusPage {
 public:
  // Listens on a loopback IP address; port 0: any free one. `status` is called for each request, on
  // the page's threads, two at once; what it uses must outlive the page. Errors: kInvalidInput for
  // another address, kUnavailable "status page: listen on 127.0.0.1:9187: Address already in use".
  static shared::Result<std::unique_ptr<StatusPage>> Start(
      const std::string& address, uint16_t port, std::function<pgvigil::v1::AgentStatus()> status);
  ~StatusPage();  // waits for requests under way

  [[nodiscard]] uint16_t port() const;

 private:
  struct Impl;
  explicit StatusPage(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace agent::status
