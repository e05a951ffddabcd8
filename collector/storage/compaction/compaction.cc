#include "collector/storage/compaction/compaction.h"

#include <algorithm>
#include <map>

#include "collector/storage/partition.h"
#include "collector/storage/partition_reader.h"
#include "collector/storage/sql_text.h"

namespace collector::storage {
namespace {

using shared::Result;
using shared::WallTime;
using shared::postgres::Connection;

constexpr std::chrono::hours kHour{1};
// Partitions that ended longer ago than this get late blocks only.
constexpr std::chrono::hours kRecent{1};
// Windows older than this may have chunks that pgvigil.compacted_window has forgotten.
constexpr std::chrono::hours kRemembered{24};

}  // namespace

Compaction::Compaction(CompactionOptions options, PartitionKeeper& partitions,
                       shared::metrics::Registry& registry)
    : options_(options),
      partitions_(partitions),
      metrics_(registry),
      compactor_(partitions, metrics_),
      merger_(partitions, metrics_) {}

void Compaction::StartOver(int backend_pid) {
  backend_pid_ = backend_pid;
  compactor_.Forget();
  merger_.Forget();
  jobs_.clear();
  hours_.clear();
  next_look_ = next_look_at_all_ = WallTime{};
}

WallTime Compaction::Closed(WallTime now) const {
  return now - options_.lateness;
}

Result<std::chrono::milliseconds> Compaction::Run(Connection& connection, WallTime now,
                                                  std::stop_token stop) {
  if (connection.backend_pid() != backend_pid_) StartOver(connection.backend_pid());
  // The clock was set back: what waits for a time waits no longer.
  if (now < last_run_) {
    next_look_ = next_look_at_all_ = WallTime{};
    merger_.Forget();
  }
  last_run_ = now;
  const Budget end = std::chrono::steady_clock::now() + options_.budget;
  if (jobs_.empty() && hours_.empty() && now >= next_look_) {
    RETURN_IF_ERROR(Look(connection, now));
  }
  TellLag(now);
  while ((!jobs_.empty() || !hours_.empty()) && !stop.stop_requested()) {
    const bool merging = jobs_.empty();
    Result<void> done = merging ? MergeFront(connection) : CompactFront(connection);
    if (!done) {
      const std::string sqlstate =
          merging ? merger_.failed_sqlstate() : compactor_.failed_sqlstate();
      // Somebody dropped a partition: it is made again at the next try.
      if (sqlstate == "23514") RETURN_IF_ERROR(partitions_.Reload(connection));
      if (sqlstate == "23505") always_may_have_chunks_ = true;
      StartOver(backend_pid_);
      return tl::make_unexpected(std::move(done).error());
    }
    if (std::chrono::steady_clock::now() >= end) break;
  }
  TellLag(now);
  if (!jobs_.empty() || !hours_.empty()) return std::chrono::milliseconds(0);
  return std::chrono::milliseconds(options_.look_interval);
}

Result<void> Compaction::Look(Connection& connection, WallTime now) {
  const bool all = now >= next_look_at_all_;
  ASSIGN_OR_RETURN(const std::vector<WallTime> starts,
                   ReadPartitionStarts(connection, kBlockTable));
  if (all && !starts.empty()) RETURN_IF_ERROR(ForgetWindows(connection, starts.front()));
  for (const WallTime start : starts) {
    const WallTime end = start + kHour;
    if (start + kCompactionWindow > Closed(now)) break;
    if (!all && end + kRecent < now) continue;
    ASSIGN_OR_RETURN(std::vector<UncompactedWindow> windows,
                     ReadUncompactedWindows(connection, start, end));
    std::erase_if(windows, [&](const UncompactedWindow& window) {
      return window.window_start + kCompactionWindow > Closed(now) || (window.late && !all);
    });
    AddJobs(windows, now);
  }
  ASSIGN_OR_RETURN(const std::vector<WallTime> hours, merger_.FindHours(connection, Closed(now)));
  hours_.assign(hours.begin(), hours.end());
  merged_family_ = 0;
  next_look_ = now + options_.look_interval;
  if (all) next_look_at_all_ = now + options_.look_at_all_interval;
  return {};
}

// Windows of one hour.
void Compaction::AddJobs(const std::vector<UncompactedWindow>& windows, WallTime now) {
  std::map<WallTime, CompactionJob> jobs;
  for (const UncompactedWindow& window : windows) {
    const WallTime hour = std::chrono::floor<std::chrono::hours>(window.window_start);
    const bool hour_is_over = hour + kHour <= Closed(now);
    CompactionJob& job = jobs[hour_is_over ? hour : window.window_start];
    job.window_start = hour_is_over ? hour : window.window_start;
    job.span = hour_is_over ? std::chrono::minutes(kHour) : kCompactionWindow;
    if (job.windows.empty()) {
      job.may_have_chunks = always_may_have_chunks_ || hour_is_over || hour + kRemembered < now;
    }
    job.may_have_chunks = job.may_have_chunks || window.late;
    job.windows.push_back(window);
  }
  for (auto& [start, job] : jobs) {
    std::sort(job.windows.begin(), job.windows.end(), [](const auto& a, const auto& b) {
      return std::pair(a.host_id, a.window_start) < std::pair(b.host_id, b.window_start);
    });
    jobs_.push_back(std::move(job));
  }
}

Result<void> Compaction::ForgetWindows(Connection& connection, WallTime before) {
  RETURN_IF_ERROR(
      connection.Query("/* pgvigil */ DELETE FROM pgvigil.compacted_window"
                       " WHERE window_start < $1::timestamptz"
                       " AND window_start < now() - interval '1 day'",
                       {FormatTimestamp(before)}));
  return {};
}

Result<void> Compaction::CompactFront(Connection& connection) {
  CompactionJob& job = jobs_.front();
  ASSIGN_OR_RETURN(const size_t taken, compactor_.Compact(connection, job));
  job.windows.erase(job.windows.begin(), job.windows.begin() + static_cast<std::ptrdiff_t>(taken));
  if (job.windows.empty()) jobs_.pop_front();
  return {};
}

Result<void> Compaction::MergeFront(Connection& connection) {
  ASSIGN_OR_RETURN(const std::optional<int64_t> last,
                   merger_.MergeSome(connection, hours_.front(), merged_family_));
  merged_family_ = last.value_or(0);
  if (!last) hours_.pop_front();
  return {};
}

void Compaction::TellLag(WallTime now) const {
  if (jobs_.empty()) return metrics_.lag_seconds.Set(0);
  const WallTime closed = jobs_.front().windows.front().window_start + kCompactionWindow;
  metrics_.lag_seconds.Set(std::chrono::duration<double>(now - closed).count());
}

}  // namespace collector::storage
