#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "agent/logs/followed_file.h"
#include "agent/pipeline/drops.h"
#include "agent/ship/outbox.h"
#include "shared/concurrency/guarded.h"

namespace agent::logs {

// The batches between the tail thread, which makes them, and the ship thread, which sends them.
// Bounded: when it is full the tail thread stops reading, for the files are the buffer.
// Thread-safe.
//
// A batch that the collector refuses for good is copied to
// <quarantine>/logs-<incarnation>-<sequence>.zst, counted in Drops as "refused", and its position
// moves on like an acknowledged one. The oldest copies go when there are more than
// `quarantine_bytes`.
class BatchQueue final : public ship::Outbox {
 public:
  struct Options {
    uint64_t incarnation = 0;
    size_t capacity_bytes = size_t{1024} * 1024;
    std::string quarantine_directory;
    uint64_t quarantine_bytes = uint64_t{16} * 1024 * 1024;
  };
  // `drops` must outlive the queue.
  BatchQueue(Options options, pipeline::Drops& drops);

  // For the tail thread.
  [[nodiscard]] bool HasRoom() const;
  [[nodiscard]] uint64_t next_sequence() const;
  // Takes the next batch, also beyond the capacity: ask HasRoom first.
  void Push(std::string body, std::vector<FilePosition> positions, uint64_t records);
  // How far the files are durable, since the last call.
  std::vector<FilePosition> TakeSettled();
  [[nodiscard]] size_t waiting_bytes() const;
  // `settled` is called, from the ship thread, when TakeSettled has something. Set once, before
  // use.
  void SetSettledCallback(std::function<void()> settled);

  // For the ship thread.
  [[nodiscard]] pgvigil::v1::Stream stream() const override { return pgvigil::v1::STREAM_LOGS; }
  std::optional<ship::OutgoingBatch> Next() override;
  void Acknowledge(uint64_t incarnation, uint64_t sequence) override;
  void SetAside(uint64_t incarnation, uint64_t sequence, std::string_view reason) override;
  void SetReadyCallback(std::function<void()> ready) override;

 private:
  struct Waiting {
    uint64_t sequence;
    std::string body;
    std::vector<FilePosition> positions;
    uint64_t records;
  };
  struct State {
    std::deque<Waiting> waiting;
    size_t waiting_bytes = 0;
    uint64_t next_sequence = 1;
    std::vector<FilePosition> settled;
  };
  void Quarantine(const Waiting& batch);

  const Options options_;
  pipeline::Drops& drops_;
  shared::Guarded<State> state_;
  std::function<void()> ready_;
  std::function<void()> settled_;
};

}  // namespace agent::logs
