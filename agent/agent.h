#pragma once

#include <memory>

#include "agent/config/agent_config.h"
#include "shared/base/result.h"

namespace agent {

// The running agent: builds its parts, starts them, and stops them in the order of the flow. Every
// part is known only here.
class Agent {
 public:
  // Fails when the state directory cannot be used (the message says what to do), another agent uses
  // it, or a newer one wrote it (kInvalidInput). A PostgreSQL or collector that is away is no
  // failure.
  static shared::Result<std::unique_ptr<Agent>> Start(const config::AgentConfig& config);
  ~Agent();
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  // Stops the sources, sends what can be sent within agent.shutdown_timeout, leaves the rest in the
  // spool. Idempotent.
  void Stop();

  // Whether every thread of the flow still turns; a PostgreSQL or collector that hangs is none of
  // this. kTimeout: names the thread.
  [[nodiscard]] shared::Result<void> CheckAlive() const;

 private:
  struct Parts;
  explicit Agent(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace agent
