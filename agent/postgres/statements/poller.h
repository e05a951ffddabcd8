#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "agent/pipeline/drops.h"
#include "agent/pipeline/telemetry.h"
#include "agent/postgres/instance.h"
#include "agent/postgres/statements/extension.h"
#include "agent/postgres/statements/lineage.h"
#include "agent/postgres/statements/names.h"
#include "agent/postgres/statements/text.h"
#include "shared/base/clock.h"
#include "shared/base/result.h"
#include "shared/postgres/connection.h"

namespace agent::postgres::statements {

struct PollerConfig {
  std::string target;  // the target's name in the configuration
  std::chrono::milliseconds interval{30'000};
  TextLane::Config text;
};

// Where a poller hands its work; all must outlive it.
struct PollerOutlets {
  Baselines& baselines;
  pipeline::TelemetryQueue& queue;
  pipeline::Capabilities& capabilities;
  const shared::Clock& clock;
};

// Polls pg_stat_statements of one target: reads all counters, sends what grew since the last
// reading, and now and then the texts of new statements. Tells how it fares as capability
// "pg_stat_statements:<target>". Used by the target's thread only.
class Poller final : public StatementPoller {
 public:
  Poller(const PollerConfig& config, const PollerOutlets& outlets);

  // One round. An extension that cannot be used is a capability with its remedy, not an error. When
  // the queue is full nothing is lost: the next interval covers this one too.
  shared::Result<void> Poll(shared::postgres::Connection& connection,
                            const InstanceIdentity& identity) override;
  [[nodiscard]] std::chrono::milliseconds interval() const override { return config_.interval; }

 private:
  shared::Result<bool> CheckExtension(shared::postgres::Connection& connection);
  shared::Result<void> SendDeltas(shared::postgres::Connection& connection,
                                  const pgvigil::v1::PostgresInstance& instance,
                                  const std::shared_ptr<const Reading>& reading);
  shared::Result<void> SendTexts(shared::postgres::Connection& connection,
                                 const pgvigil::v1::PostgresInstance& instance,
                                 const Reading& reading);
  void Report(const std::optional<shared::Error>& texts_error);

  const PollerConfig config_;
  PollerOutlets outlets_;
  std::shared_ptr<Lineage> lineage_;  // shared with its rounds in the queue
  ServerId server_;                   // of lineage_
  std::optional<Extension> extension_;
  int extension_checked_on_ = 0;  // backend pid
  shared::MonotonicTime extension_valid_until_{};
  std::optional<shared::MonotonicTime> last_eviction_;
  Names names_;
  TextLane texts_;
};

}  // namespace agent::postgres::statements
