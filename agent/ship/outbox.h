#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "pgvigil/v1/batch.pb.h"

namespace agent::ship {

// A batch as it goes over the wire.
struct OutgoingBatch {
  uint64_t incarnation = 0;
  uint64_t sequence = 0;
  std::string body;  // zstd frame of a pgvigil.v1.Batch
};

// What the shipper needs of a stream: its batches in order, each until it is settled. The spool
// implements it for metrics and statements, the tailer's queue for logs. Called from the shipper's
// thread only, but for SetReadyCallback.
class Outbox {
 public:
  virtual ~Outbox() = default;
  [[nodiscard]] virtual pgvigil::v1::Stream stream() const = 0;

  // The oldest batch that is not settled; the same again until Settle…. nullopt: nothing waits.
  virtual std::optional<OutgoingBatch> Next() = 0;
  // The collector has everything up to and including this sequence durably: forget it.
  virtual void Acknowledge(uint64_t incarnation, uint64_t sequence) = 0;
  // The collector will never take this batch: keep a copy for people, count it, go on.
  virtual void SetAside(uint64_t incarnation, uint64_t sequence, std::string_view reason) = 0;
  // `ready` is called, from any thread, when Next() has something new. Set once, before use.
  virtual void SetReadyCallback(std::function<void()> ready) = 0;
};

}  // namespace agent::ship
