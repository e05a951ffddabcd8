#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/pipeline/drops.h"
#include "agent/ship/outbox.h"
#include "agent/ship/reply.h"
#include "agent/ship/transport.h"
#include "shared/base/clock.h"
#include "shared/base/secret.h"
#include "shared/concurrency/backoff.h"
#include "shared/log/log.h"

namespace agent::ship {

struct DeliveryOptions {
  std::string collector_url;  // "https://collector:8443"
  shared::Secret api_key{};
  shared::Backoff::Config retry{};         // the collector is away
  std::chrono::milliseconds hold{60'000};  // between attempts while a person must act
  std::chrono::milliseconds ramp{1'000};   // first pause between batches after an outage; halves
  uint64_t seed = 1;                       // of the jitter: differs from host to host
};

// Finds a layout by its hash (16 bytes): a zstd frame of a Batch with that layout. nullopt:
// unknown.
using FindLayout = std::function<std::optional<std::string>(std::string_view hash)>;

// Brings the batches of several outboxes to the collector: each outbox in its order, one request
// under way each, none waiting for another. Sets the capability "collector". Used by one thread;
// what it is given must outlive it.
class Delivery {
 public:
  Delivery(DeliveryOptions options, std::vector<Outbox*> outboxes, Transport& transport,
           FindLayout find_layout, const shared::Clock& clock, pipeline::Drops& drops,
           pipeline::Capabilities& capabilities);
  ~Delivery();

  // Starts what can be started now. Returns when something can be started next; nullopt: not before
  // an outbox has something new or a request ends.
  std::optional<shared::MonotonicTime> Step();

  // Whether nothing is under way and nothing more can be delivered at present: all is settled, or
  // the collector is away.
  [[nodiscard]] bool AtRest();

 private:
  struct Lane;

  void Send(Lane& lane, OutgoingBatch batch);
  void Finish(Lane& lane, const OutgoingBatch& batch,
              const shared::Result<shared::http::Response>& response);
  void Acknowledge(Lane& lane, const OutgoingBatch& batch, const Verdict& verdict);
  void PutLayoutsInFront(Lane& lane, const OutgoingBatch& batch, const Verdict& verdict);
  void SetAside(Lane& lane, const OutgoingBatch& batch, std::string_view reason,
                std::string_view message);
  void Hold(const Verdict& verdict);
  void Later(Lane& lane, const Verdict& verdict);
  void CountRefusals(const Lane& lane, const Verdict& verdict);

  const DeliveryOptions options_;
  Transport& transport_;
  const FindLayout find_layout_;
  const shared::Clock& clock_;
  pipeline::Drops& drops_;
  pipeline::Capabilities& capabilities_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  shared::Backoff hold_jitter_;
  shared::MonotonicTime held_until_{};
  bool away_ = false;  // the last attempt failed: a success is worth a line
  shared::log::RateLimit away_log_;
  shared::log::RateLimit refused_log_;
  shared::log::RateLimit set_aside_log_;
};

}  // namespace agent::ship
