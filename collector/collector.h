#pragma once

#include <memory>

#include "collector/config/collector_config.h"
#include "shared/base/result.h"

namespace collector {

// The running collector: builds its parts, starts them, and stops them in the order of the flow.
class Collector {
 public:
  // Listens at once; while PostgreSQL is away it answers 503 and becomes ready by itself. Fails
  // when it cannot listen.
  static shared::Result<std::unique_ptr<Collector>> Start(const config::CollectorConfig& config);
  ~Collector();
  Collector(const Collector&) = delete;
  Collector& operator=(const Collector&) = delete;

  // Refuses new requests, stores what it has, answers it, ends. Idempotent.
  void Stop();

  // Reads the listener's certificate again; see http::Server::ReloadTls.
  shared::Result<void> ReloadTls();

  // Whether the listener still turns; a PostgreSQL or Kafka that hangs is none of this. Ask
  // regularly. kTimeout.
  [[nodiscard]] shared::Result<void> CheckAlive();

 private:
  struct Parts;
  explicit Collector(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace collector
