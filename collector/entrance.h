#pragma once

#include <atomic>
#include <optional>
#include <string>

#include "collector/access/gate.h"
#include "collector/access/key_ring.h"
#include "collector/config/collector_config.h"
#include "collector/http/server.h"
#include "collector/storage/key_table.h"
#include "shared/base/clock.h"
#include "shared/log/log.h"
#include "shared/metrics/registry.h"

namespace collector {

// The keys, the gate that asks for them, and the listener that opens to other machines only once
// there is a key.
class Entrance {
 public:
  // Begins to read the keys. Clock and registry must outlive it.
  Entrance(const config::CollectorConfig& config, const shared::Clock& clock,
           shared::metrics::Registry& registry);
  ~Entrance() { Stop(); }
  void Stop();

  // Lives as long as this.
  [[nodiscard]] const access::Gate& gate() const { return gate_; }
  [[nodiscard]] access::Quotas& quotas() { return quotas_; }
  // Whether it is known who may come in.
  [[nodiscard]] shared::Result<void> Ready() const;
  // Lets a server that has started listen where it shall as soon as it may, and tells the operator.
  // The server must live until Stop.
  void OpenWhenKeyed(http::Server& server);

 private:
  access::KeyRing* MakeRing(const config::CollectorConfig& config, const shared::Clock& clock,
                            shared::metrics::Registry& registry);
  void OnLook();

  const bool loopback_first_;
  const std::string wide_;  // "0.0.0.0:8480"
  storage::KeyTable table_;
  std::atomic<http::Server*> server_{nullptr};
  std::atomic<bool> opening_{false};
  bool said_ = false;  // ring's thread only
  shared::log::RateLimit error_limit_;
  std::optional<access::KeyRing> ring_;  // none: keys are not asked for
  access::Quotas quotas_;
  const access::Gate gate_;
};

}  // namespace collector
