#pragma once

#include <map>
#include <span>
#include <vector>

#include "collector/storage/chunks/chunk_codec.h"
#include "collector/storage/partition_keeper.h"
#include "collector/storage/rollups/rollup_metrics.h"
#include "collector/storage/rollups/rollup_rows.h"

namespace collector::storage {

struct RollupDay {
  int32_t host_id = 0;
  shared::WallTime day;  // midnight UTC
  friend auto operator<=>(const RollupDay&, const RollupDay&) = default;
};

// Makes the rollups of a host's day from its chunks, in one transaction, which also forgets that
// they are due. Run again it changes nothing; cut short it has changed nothing. Run thread only;
// references must outlive it.
class DayRoller {
 public:
  DayRoller(PartitionKeeper& partitions, const RollupMetrics& metrics)
      : partitions_(partitions), metrics_(metrics) {}

  // `closed`: days that begin earlier are over. When the day's last hour is new, the next day's
  // first increases may be others: if that day is over it becomes due, too.
  shared::Result<void> Roll(shared::postgres::Connection& connection, const RollupDay& job,
                            shared::WallTime closed);

  // Of the last Roll that failed in its transaction; "" when it was something else.
  [[nodiscard]] const std::string& failed_sqlstate() const { return failed_sqlstate_; }

 private:
  struct Member {
    bool exists = false;
    bool counter = false;
  };
  using Members = std::array<Member, kFamilySeries>;  // by ord
  using Families = std::map<int64_t, Members>;
  struct Totals {
    size_t five_minute_rows = 0;
    size_t hour_rows = 0;
    size_t samples = 0;
    size_t kept = 0;
  };
  // One tier of the families under way.
  struct TierWork {
    TierWork(const RollupTier& which, shared::WallTime day)
        : tier(which), encoder(shared::ToUnixNanos(day), which.step, which.slots) {}
    const RollupTier& tier;
    std::map<RollupSeries, std::vector<Bucket>> stored;  // what is there of the day
    RollupEncoder encoder;
    std::vector<RollupRow> rows;  // to be written
  };

  shared::Result<Totals> Write(shared::postgres::Connection& connection, const RollupDay& job,
                               shared::WallTime closed);
  shared::Result<void> WriteFamilies(shared::postgres::Connection& connection, const RollupDay& job,
                                     std::span<const std::pair<int64_t, Members>> families,
                                     Totals& totals);
  static shared::Result<void> ReadStored(shared::postgres::Connection& connection,
                                         shared::WallTime day, std::span<const RollupSeries> series,
                                         TierWork& work);
  // Adds the family's rows to both tiers, if they are others than those that are there.
  static void RollFamily(std::span<const std::vector<api::SampleRow>> samples, const RollupDay& job,
                         int64_t family_id, const Members& members, TierWork& five_minutes,
                         TierWork& hours, Totals& totals);
  // Adds a series to the row under way; whether it is another than what is there.
  static bool Put(const RollupSeries& series, bool counter, const std::vector<Bucket>& fresh,
                  TierWork& work, Totals& totals);
  // Rows begin to end, all chunks of one family. Samples by ord.
  std::vector<std::vector<api::SampleRow>> Decode(const shared::postgres::Rows& chunks,
                                                  size_t begin, size_t end);

  PartitionKeeper& partitions_;
  const RollupMetrics& metrics_;
  ChunkDecoder decoder_;
  std::vector<ChunkGroup> groups_;
  std::string failed_sqlstate_;
};

}  // namespace collector::storage
