#include "collector/storage/rollups/day_roller.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "collector/storage/lock_keys.h"
#include "collector/storage/sample_merge.h"
#include "collector/storage/sql_text.h"
#include "collector/storage/store_limits.h"
#include "shared/log/log.h"
#include "shared/model/layout.h"

namespace collector::storage {
namespace {

using namespace std::chrono_literals;
using shared::Result;
using shared::WallTime;
using shared::postgres::Connection;
using shared::postgres::Rows;
using shared::postgres::Transaction;

constexpr std::chrono::hours kDay{24};
// Their chunks of a day are some 6 MB.
constexpr size_t kFamiliesAtOnce = 64;

struct DirtyHour {
  WallTime hour;
  int64_t version = 0;
};

Result<std::vector<DirtyHour>> ReadDirtyHours(Connection& connection, const RollupDay& job) {
  ASSIGN_OR_RETURN(
      const Rows rows,
      connection.QueryBinary("/* pgvigil */ SELECT hour, version FROM pgvigil.rollup_dirty"
                             " WHERE host_id = $1::int4 AND hour >= $2::timestamptz"
                             " AND hour < $3::timestamptz",
                             {std::to_string(job.host_id), FormatTimestamp(job.day),
                              FormatTimestamp(job.day + kDay)}));
  std::vector<DirtyHour> out;
  for (size_t row = 0; row < rows.size(); ++row) {
    out.push_back({FromUnixMicros(rows.UnixMicros(row, 0)), rows.Int8(row, 1)});
  }
  return out;
}

// What changed since it was read stays due.
Result<void> ForgetDirtyHours(Connection& connection, const RollupDay& job,
                              std::span<const DirtyHour> dirty) {
  ArrayText hours, versions;
  for (const DirtyHour& one : dirty) {
    hours.Add(std::string_view(FormatTimestamp(one.hour)));
    versions.Add(one.version);
  }
  RETURN_IF_ERROR(connection.Query(
      "/* pgvigil */ DELETE FROM pgvigil.rollup_dirty d USING unnest($2::timestamptz[],"
      " $3::int8[]) AS seen(hour, version) WHERE d.host_id = $1::int4 AND d.hour = seen.hour"
      " AND d.version = seen.version",
      {std::to_string(job.host_id), hours.Take(), versions.Take()}));
  return {};
}

Result<void> MarkDirty(Connection& connection, int32_t host_id, WallTime hour) {
  RETURN_IF_ERROR(
      connection.Query("/* pgvigil */ INSERT INTO pgvigil.rollup_dirty AS d (host_id, hour)"
                       " VALUES ($1, $2)"
                       " ON CONFLICT (host_id, hour) DO UPDATE SET version = d.version + 1",
                       {std::to_string(host_id), FormatTimestamp(hour)}));
  return {};
}

// Those whose blocks may have samples of the day or of the hour before it.
std::string ChunksSql(WallTime day) {
  const WallTime from = day - kIncreaseGap;
  return fmt::format(
      "/* pgvigil */ SELECT family_id, window_start, data FROM pgvigil.chunk"
      " WHERE family_id = ANY ($1::int8[]) AND window_start >= '{}' AND window_start < '{}'"
      " AND first_time < '{}' AND last_time >= '{}' ORDER BY family_id, window_start",
      FormatTimestamp(from - StoreLimits{}.block_span - 1h), FormatTimestamp(day + kDay),
      FormatTimestamp(day + kDay), FormatTimestamp(from));
}

bool Same(const std::vector<Bucket>& a, const std::vector<Bucket>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), SameBucket);
}

// Those of `merged` that are `old` ones although there are fresh ones.
size_t CountKept(std::span<const Bucket> merged, std::span<const Bucket> fresh) {
  size_t kept = 0;
  size_t f = 0;
  for (const Bucket& bucket : merged) {
    while (f < fresh.size() && fresh[f].start_unix_nano < bucket.start_unix_nano) ++f;
    const bool is_fresh = f < fresh.size() && SameBucket(fresh[f], bucket);
    kept += is_fresh ? 0 : 1;
  }
  return kept;
}

}  // namespace

Result<void> DayRoller::Roll(Connection& connection, const RollupDay& job, WallTime closed) {
  failed_sqlstate_.clear();
  RETURN_IF_ERROR(partitions_.Ensure(connection, {PartitionOf(kFiveMinuteTier.table, job.day),
                                                  PartitionOf(kHourTier.table, job.day)}));
  ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(connection));
  const Result<Totals> written = Write(connection, job, closed);
  if (!written) {
    failed_sqlstate_ = connection.last_sqlstate();
    return tl::make_unexpected(written.error());
  }
  RETURN_IF_ERROR(transaction.Commit());
  metrics_.days.Increment();
  metrics_.five_minute_rows.Increment(static_cast<double>(written->five_minute_rows));
  metrics_.hour_rows.Increment(static_cast<double>(written->hour_rows));
  metrics_.samples.Increment(static_cast<double>(written->samples));
  metrics_.kept_buckets.Increment(static_cast<double>(written->kept));
  return {};
}

Result<DayRoller::Totals> DayRoller::Write(Connection& connection, const RollupDay& job,
                                           WallTime closed) {
  // Two collectors can both believe that they own maintenance while one's session is dying.
  RETURN_IF_ERROR(
      connection.Query("SELECT pg_advisory_xact_lock($1)", {std::to_string(kRollupLock)}));
  // Before the chunks: one that comes in between makes another version of its hour.
  ASSIGN_OR_RETURN(const std::vector<DirtyHour> dirty, ReadDirtyHours(connection, job));
  Totals totals;
  if (dirty.empty()) return totals;
  ASSIGN_OR_RETURN(const Rows rows,
                   connection.QueryBinary("/* pgvigil */ SELECT family_id, family_ord, kind"
                                          " FROM pgvigil.series WHERE host_id = $1::int4"
                                          " AND family_id IS NOT NULL",
                                          {std::to_string(job.host_id)}));
  Families families;
  for (size_t row = 0; row < rows.size(); ++row) {
    const auto ord = static_cast<size_t>(rows.Int2(row, 1));
    if (ord >= kFamilySeries) continue;
    const auto kind = static_cast<shared::model::MetricKind>(rows.Int2(row, 2));
    families[rows.Int8(row, 0)][ord] = {true, kind == shared::model::MetricKind::kCounter};
  }
  const std::vector<std::pair<int64_t, Members>> all(families.begin(), families.end());
  for (size_t i = 0; i < all.size(); i += kFamiliesAtOnce) {
    RETURN_IF_ERROR(WriteFamilies(
        connection, job, std::span(all).subspan(i, std::min(kFamiliesAtOnce, all.size() - i)),
        totals));
  }
  RETURN_IF_ERROR(ForgetDirtyHours(connection, job, dirty));
  const bool last_hour = std::any_of(dirty.begin(), dirty.end(), [&](const DirtyHour& one) {
    return one.hour + kIncreaseGap >= job.day + kDay;
  });
  if (last_hour && job.day + kDay < closed) {
    RETURN_IF_ERROR(MarkDirty(connection, job.host_id, job.day + kDay));
  }
  return totals;
}

Result<void> DayRoller::WriteFamilies(Connection& connection, const RollupDay& job,
                                      std::span<const std::pair<int64_t, Members>> families,
                                      Totals& totals) {
  ArrayText ids;
  std::vector<RollupSeries> series;
  for (const auto& [family_id, members] : families) {
    ids.Add(family_id);
    for (size_t ord = 0; ord < kFamilySeries; ++ord) {
      if (members[ord].exists) series.push_back({family_id, static_cast<int16_t>(ord)});
    }
  }
  ASSIGN_OR_RETURN(const Rows chunks, connection.QueryBinary(ChunksSql(job.day), {ids.Take()}));
  if (chunks.size() == 0) return {};
  TierWork five_minutes(kFiveMinuteTier, job.day);
  TierWork hours(kHourTier, job.day);
  RETURN_IF_ERROR(ReadStored(connection, job.day, series, five_minutes));
  RETURN_IF_ERROR(ReadStored(connection, job.day, series, hours));

  const std::map<int64_t, Members> members_of(families.begin(), families.end());
  for (size_t begin = 0; begin < chunks.size();) {
    const int64_t family_id = chunks.Int8(begin, 0);
    size_t end = begin;
    while (end < chunks.size() && chunks.Int8(end, 0) == family_id) ++end;
    RollFamily(Decode(chunks, begin, end), job, family_id, members_of.at(family_id), five_minutes,
               hours, totals);
    begin = end;
  }
  RETURN_IF_ERROR(ReplaceRollups(connection, kFiveMinuteTier, job.day, five_minutes.rows));
  RETURN_IF_ERROR(ReplaceRollups(connection, kHourTier, job.day, hours.rows));
  totals.five_minute_rows += five_minutes.rows.size();
  totals.hour_rows += hours.rows.size();
  return {};
}

Result<void> DayRoller::ReadStored(Connection& connection, WallTime day,
                                   std::span<const RollupSeries> series, TierWork& work) {
  const auto query = [&](std::string_view sql,
                         const std::vector<shared::postgres::Parameter>& parameters) {
    return connection.QueryBinary(sql, parameters);
  };
  ASSIGN_OR_RETURN(std::vector<StoredRollup> rows,
                   ReadRollups(query, work.tier, series, day, day + kDay));
  for (StoredRollup& row : rows) work.stored.emplace(row.series, std::move(row.buckets));
  return {};
}

void DayRoller::RollFamily(std::span<const std::vector<api::SampleRow>> samples,
                           const RollupDay& job, int64_t family_id, const Members& members,
                           TierWork& five_minutes, TierWork& hours, Totals& totals) {
  const int64_t first = shared::ToUnixNanos(job.day);
  five_minutes.encoder.Clear(first);
  hours.encoder.Clear(first);
  bool changed = false;
  std::vector<Bucket> narrow;
  std::vector<Bucket> wide;
  for (size_t ord = 0; ord < kFamilySeries; ++ord) {
    narrow.clear();
    wide.clear();
    MakeBuckets(samples[ord], {job.day, job.day + kDay}, kFiveMinuteTier.step, narrow);
    for (Bucket& bucket : narrow) {
      if (!members[ord].counter) bucket.increase = 0;
      totals.samples += static_cast<size_t>(bucket.count);
    }
    WidenBuckets(narrow, kHourTier.step, wide);
    const RollupSeries series{family_id, static_cast<int16_t>(ord)};
    changed = Put(series, members[ord].counter, narrow, five_minutes, totals) || changed;
    changed = Put(series, members[ord].counter, wide, hours, totals) || changed;
  }
  if (!changed) return;
  for (TierWork* work : {&five_minutes, &hours}) {
    if (work->encoder.row().ords.empty()) continue;
    work->rows.push_back({family_id, job.host_id, work->encoder.row()});
  }
}

bool DayRoller::Put(const RollupSeries& series, bool counter, const std::vector<Bucket>& fresh,
                    TierWork& work, Totals& totals) {
  const auto stored = work.stored.find(series);
  if (stored == work.stored.end()) {
    if (!fresh.empty()) work.encoder.Add(series.ord, counter, fresh);
    return !fresh.empty();
  }
  const std::vector<Bucket> merged = MergeBuckets(stored->second, fresh);
  totals.kept += CountKept(merged, fresh);
  if (!merged.empty()) work.encoder.Add(series.ord, counter, merged);
  return !Same(merged, stored->second);
}

std::vector<std::vector<api::SampleRow>> DayRoller::Decode(const Rows& chunks, size_t begin,
                                                           size_t end) {
  SampleMerge found(kFamilySeries);
  for (size_t row = begin; row < end; ++row) {
    if (Result<void> decoded = decoder_.Decode(chunks.Text(row, 2), kAllMembers, groups_);
        !decoded) {
      metrics_.damaged_chunks.Increment();
      shared::log::Error(
          "the chunk of family {} at {} is damaged and in no rollup: {}", chunks.Int8(row, 0),
          FormatTimestamp(FromUnixMicros(chunks.UnixMicros(row, 1))), decoded.error().message);
      continue;
    }
    // As chunk_samples.cc does for readers.
    const SampleOrigin origin{chunks.UnixMicros(row, 1), std::numeric_limits<int64_t>::min()};
    for (const ChunkGroup& group : groups_) {
      size_t index = 0;
      for (size_t ord = 0; ord < kFamilySeries; ++ord) {
        if ((group.members >> ord & 1u) == 0) continue;
        found.Add(ord, group.block.times_unix_nano, group.block.SeriesValues(index++), origin);
      }
    }
  }
  return found.Take();
}

}  // namespace collector::storage
