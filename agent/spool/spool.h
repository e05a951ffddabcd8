#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/pipeline/batch_sink.h"
#include "agent/pipeline/drops.h"
#include "agent/ship/outbox.h"
#include "agent/spool/files.h"
#include "agent/spool/format.h"
#include "agent/spool/quarantine.h"
#include "agent/spool/segment.h"
#include "agent/spool/superblock_file.h"
#include "shared/base/clock.h"
#include "shared/base/result.h"
#include "shared/log/log.h"

namespace agent::spool {

struct SpoolOptions {
  std::string directory;  // of this stream alone: "/var/lib/pgvigil-agent/spool/metrics"
  pgvigil::v1::Stream stream = pgvigil::v1::STREAM_METRICS;
  uint64_t max_bytes = uint64_t{64} << 20;     // of segments; at least two segments
  uint64_t segment_bytes = uint64_t{4} << 20;  // a multiple of 4096
  uint64_t quarantine_bytes = uint64_t{16} << 20;
  uint64_t sync_bytes = uint64_t{256} << 10;  // appended bytes that make Append sync
  std::chrono::milliseconds sync_period{1000};
};

// One stream's finished batches on disk, from the batcher until the collector has them; format.h
// has the bytes, README.md the promises. One thread appends (the BatchSink part), one delivers (the
// Outbox part); neither waits while the other reads, writes or syncs a segment.
class Spool final : public pipeline::BatchSink, public ship::Outbox {
 public:
  // Opens the spool of a directory or makes one, whatever bytes are found there. Fails only when
  // another process has it (kUnavailable) or the directory cannot be made. All references must
  // outlive it.
  static Result<std::unique_ptr<Spool>> Open(SpoolOptions options, Files& files,
                                             const shared::Clock& clock, pipeline::Drops& drops);
  // Syncs what was appended and what was settled. Both threads must be done.
  ~Spool() override;
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  // Appending. The incarnation changes, in Sync(), when the collector turns out to know batches
  // that this spool never made: then it is an older copy (a restored machine), and its names are
  // taken.
  [[nodiscard]] uint64_t incarnation() const override { return incarnation_; }
  [[nodiscard]] uint64_t last_sequence() const override { return last_sequence_; }
  // Fails with kInvalidInput for a batch larger than a segment, else as the disk failed. A record
  // is handed to Next() only once it is durable.
  Result<uint64_t> Append(std::string_view payload, uint64_t items) override;
  Result<void> Sync() override;
  [[nodiscard]] std::optional<shared::MonotonicTime> sync_due() const override;

  // Delivering.
  [[nodiscard]] pgvigil::v1::Stream stream() const override { return options_.stream; }
  std::optional<ship::OutgoingBatch> Next() override;
  void Acknowledge(uint64_t incarnation, uint64_t sequence) override;
  void SetAside(uint64_t incarnation, uint64_t sequence, std::string_view reason) override;
  void SetReadyCallback(std::function<void()> ready) override { ready_ = std::move(ready); }

  // What waits for the collector. From any thread.
  [[nodiscard]] pgvigil::v1::StreamStatus waiting() const;
  // Failed reads, writes and syncs. From any thread.
  [[nodiscard]] uint64_t errors() const { return errors_; }

 private:
  // A place between two records, and how many items and bytes are before it.
  struct Place {
    uint64_t segment = 0;
    uint64_t offset = kFirstRecordOffset;
    uint64_t items = 0;
  };
  struct Pending {  // appended, not yet durable: written again elsewhere when a sync fails
    RecordHeader header;
    std::string payload;
  };
  struct Current {  // what Next() returned last
    Name name;
    Place place;
    Place after;
    uint64_t epoch = 0;
  };
  struct Reading {                     // what Next() needs to know, copied out of the lock
    std::shared_ptr<Segment> segment;  // null: nothing waits
    Place head;
    Place end;           // no record of this segment reaches beyond
    Place continuation;  // where the records go on behind `end`
    Name settled;
    uint64_t epoch = 0;
  };

  Spool(SpoolOptions options, Files& files, const shared::Clock& clock, pipeline::Drops& drops);

  // spool_recovery.cc
  void Recover();
  void LoadSegments(const std::optional<Superblock>& superblock);
  void RecoverTail(const std::optional<Superblock>& superblock);
  bool MakeDurable(const Segment& segment, uint64_t begin, uint64_t end);
  void RecoverHead(const std::optional<Superblock>& superblock);

  // spool.cc
  Result<void> OpenTail();
  Result<std::shared_ptr<Segment>> TakeSegment();
  Result<std::shared_ptr<Segment>> CreateSegmentFile();
  bool DropOldest();
  Result<void> WriteRecord(const Segment& segment, uint64_t& offset, const Pending& pending);
  Result<void> SyncTail();
  void CloseTail(const shared::Error& error);
  Result<void> PersistSuperblock(bool sync);
  void BeginNewLife();
  void CountError(const shared::Error& error);
  [[nodiscard]] uint64_t SegmentCount() const;
  [[nodiscard]] uint64_t PendingItems() const;

  // spool_delivery.cc
  Reading LookAtHead();
  void SkipBadSpan(const Reading& reading);
  bool MoveHead(uint64_t epoch, const Place& to);
  void CountLost(uint64_t items);
  void RetireBeforeHead();  // mutex_ is held

  // Constant after Open.
  const SpoolOptions options_;
  Files& files_;
  const shared::Clock& clock_;
  pipeline::Drops& drops_;
  std::unique_ptr<Lock> lock_;
  std::function<void()> ready_ = [] {};

  // Appending thread only.
  std::shared_ptr<Segment> tail_;  // null: the next append opens one
  uint64_t tail_offset_ = kFirstRecordOffset;
  uint64_t last_sequence_ = 0;
  uint64_t items_ = 0;  // of all records ever
  uint64_t bytes_ = 0;
  uint64_t next_segment_sequence_ = 1;
  uint32_t next_file_number_ = 0;
  std::deque<Pending> pending_;
  uint64_t pending_bytes_ = 0;
  shared::MonotonicTime first_pending_;

  // Delivering thread only.
  std::optional<Current> current_;
  Quarantine quarantine_;

  // Held across writes and syncs of the superblock; taken before mutex_.
  std::mutex superblock_mutex_;
  std::optional<SuperblockFile> superblock_;

  mutable std::mutex mutex_;
  // Under mutex_:
  std::deque<std::shared_ptr<Segment>> live_;  // oldest first; the last may be the tail
  std::vector<std::shared_ptr<Segment>>
      retired_;                          // all settled; used again after a superblock sync
  Place head_;                           // of the first record that is not settled
  uint64_t epoch_ = 0;                   // how often the head moved
  uint64_t head_created_unix_nano_ = 0;  // 0: not known yet
  Place durable_;                        // behind the last durable record
  Name durable_name_;
  uint64_t durable_bytes_ = 0;
  Name settled_;
  Name handed_out_;

  std::atomic<uint64_t> incarnation_ = 0;         // written by the appending thread
  std::atomic<uint64_t> forked_incarnation_ = 0;  // the collector knows more of it than we do
  std::atomic<bool> settled_since_sync_ = false;
  std::atomic<uint64_t> errors_ = 0;
  shared::log::RateLimit error_log_;
};

}  // namespace agent::spool
