#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "collector/storage/logs/log_segment.h"
#include "collector/storage/maintenance/chore.h"
#include "collector/storage/partition_keeper.h"

namespace collector::storage {

struct LogMergerOptions {
  size_t segment_bytes = size_t{1} << 20;  // of records, in a full segment
  // A file's blocks of a day are merged once they hold so much, are so many, or the oldest record
  // is so old. A segment below worth_bytes is merged again with what follows.
  size_t worth_bytes = size_t{256} << 10;
  int64_t worth_blocks = 256;
  std::chrono::seconds patience{600};
  std::chrono::milliseconds piece{2000};  // a Run ends after about so long
};

// Merges the rows of pgvigil.log_block into pgvigil.log_segment, and keeps pgvigil.log_pattern and
// log_pattern_count. A transaction takes the first blocks of one file and day, 8 MiB at most, and
// the file's last segment of the day when that is small; it deletes them and inserts what they
// hold. It fails, and changes nothing, when another has taken any of them meanwhile. A block that
// cannot be read stays where it is, and is told in the log once.
class LogMerger final : public Chore {
 public:
  // `partitions` must outlive it.
  explicit LogMerger(PartitionKeeper& partitions, LogMergerOptions options = {})
      : options_(options), partitions_(partitions) {}

  [[nodiscard]] std::string_view name() const override { return "log_merging"; }
  shared::Result<std::chrono::milliseconds> Run(shared::postgres::Connection& connection,
                                                shared::WallTime now,
                                                std::stop_token stop) override;

 private:
  // The blocks of one file and one day.
  struct Pile {
    int64_t file_id = 0;
    int32_t host_id = 0;
    int32_t tenant_id = 0;
    std::string source;
    shared::WallTime day;
  };
  // What one transaction takes.
  struct Input {
    std::deque<std::string> contents;                 // that the records look into
    std::vector<RecordParts> records;                 // in the order of the file
    std::vector<std::pair<int64_t, int64_t>> blocks;  // time in microseconds, offset
    std::optional<std::pair<int64_t, int64_t>> segment;
  };

  shared::Result<std::deque<Pile>> FindPiles(shared::postgres::Connection& connection,
                                             shared::WallTime now);
  // Whether there was anything to merge.
  shared::Result<bool> Merge(shared::postgres::Connection& connection, const Pile& pile);
  shared::Result<void> TakeSmallSegment(shared::postgres::Connection& connection, const Pile& pile,
                                        Input& input);
  static shared::Result<void> TakeBlock(std::string_view data, Input& input);
  shared::Result<void> TakeBlocks(shared::postgres::Connection& connection, const Pile& pile,
                                  Input& input);
  shared::Result<void> Delete(shared::postgres::Connection& connection, const Pile& pile,
                              const Input& input);
  // What was found before, from pgvigil.log_pattern, on first use.
  shared::Result<TemplateMiner*> MinerOf(shared::postgres::Connection& connection,
                                         const Pile& pile);
  shared::Result<void> Vacuum(shared::postgres::Connection& connection, uint64_t least_rows);

  const LogMergerOptions options_;
  PartitionKeeper& partitions_;
  // Still to be merged. Looked for when it is empty: that reads all of log_block.
  std::deque<Pile> piles_;
  std::map<std::pair<int32_t, std::string>, TemplateMiner> miners_;  // by tenant and source
  std::set<std::tuple<int64_t, int64_t, int64_t>> unreadable_;       // file, time, offset
  std::map<std::string, uint64_t> deleted_;  // rows by partition, since its last VACUUM
};

}  // namespace collector::storage
