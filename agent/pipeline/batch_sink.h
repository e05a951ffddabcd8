#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "shared/base/clock.h"
#include "shared/base/result.h"

namespace agent::pipeline {

// Where the batcher puts a stream's finished batches: the spool. Called from the batcher's thread
// only. A batch carries its own name, so the name is asked for first:
//   batch.set_incarnation(sink.incarnation());
//   batch.set_sequence(sink.next_sequence());
//   sink.Append(Compress(batch), items);
class BatchSink {
 public:
  virtual ~BatchSink() = default;
  [[nodiscard]] virtual uint64_t incarnation() const = 0;
  [[nodiscard]] virtual uint64_t last_sequence() const = 0;  // of this incarnation; 0: none yet
  [[nodiscard]] uint64_t next_sequence() const { return last_sequence() + 1; }

  // Takes a batch of `items` samples or deltas and returns its sequence, which is the
  // next_sequence() of before. From then on it survives the end of the process, after Sync also the
  // end of the machine. An error: it was not taken, and its sequence is still the next.
  virtual shared::Result<uint64_t> Append(std::string_view payload, uint64_t items) = 0;
  virtual shared::Result<void> Sync() = 0;
  // When Sync must be called at the latest; nullopt: nothing waits for it.
  [[nodiscard]] virtual std::optional<shared::MonotonicTime> sync_due() const = 0;
};

}  // namespace agent::pipeline
