#pragma once

#include <functional>
#include <map>
#include <string>

#include "collector/storage/maintenance/chore.h"
#include "collector/storage/retention/retention_policy.h"
#include "shared/metrics/registry.h"

namespace collector::storage {

struct RetentionOptions {
  RetentionPolicy policy;
  // A directory on the disk of PostgreSQL, when that is this machine's; "": unknown. When less than
  // min_free_bytes are free there, the oldest partitions go.
  std::string disk_path;
  uint64_t min_free_bytes = 0;
  std::chrono::milliseconds interval{60'000};
};

// Drops what is older than it is kept, and the oldest when room is short: DETACH PARTITION …
// CONCURRENTLY, which waits for readers without holding up writers, then DROP TABLE. What was cut
// short between the two is ended by the next run. Also the size of every table as a metric.
//
// `may_drop` says whether the content of a partition is safe elsewhere (L0 blocks that are not
// compacted yet are not); it is asked for expired ones only: when the disk is full, it is full. It
// is asked again when the partition is detached, for data may have come meanwhile: then it is
// attached again, and its time comes later.
class Retention final : public Chore {
 public:
  using Guard =
      std::function<shared::Result<bool>(shared::postgres::Connection&, const StoredPartition&)>;
  Retention(RetentionOptions options, Guard may_drop, shared::metrics::Registry& registry);

  [[nodiscard]] std::string_view name() const override { return "retention"; }
  shared::Result<std::chrono::milliseconds> Run(shared::postgres::Connection& connection,
                                                shared::WallTime now,
                                                std::stop_token stop) override;

 private:
  // Bytes that are missing to min_free_bytes.
  [[nodiscard]] shared::Result<uint64_t> MissingOnDisk() const;
  shared::Result<void> Drop(shared::postgres::Connection& connection, PartitionDrop drop);
  static shared::Result<void> Detach(shared::postgres::Connection& connection,
                                     StoredPartition& partition);
  shared::Result<void> AttachAgain(shared::postgres::Connection& connection,
                                   const StoredPartition& partition);
  void CountBytes(std::span<const StoredPartition> partitions);

  const RetentionOptions options_;
  const Guard may_drop_;
  shared::metrics::Registry& registry_;
};

}  // namespace collector::storage
