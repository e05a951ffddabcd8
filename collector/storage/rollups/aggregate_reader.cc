#include "collector/storage/rollups/aggregate_reader.h"

#include <algorithm>
#include <map>

#include "collector/storage/rollups/rollup_rows.h"
#include "collector/storage/rollups/unrolled_hours.h"
#include "collector/storage/sample_tiers.h"
#include "collector/storage/sql_text.h"

namespace collector::storage {
namespace {

using namespace std::chrono_literals;
using api::SampleAggregate;
using api::TimeRange;
using shared::ErrorCode;
using shared::Fail;
using shared::Result;
using shared::WallTime;
using shared::postgres::Rows;

// Of one statement, so that it meets few partitions and its answer is some megabytes.
constexpr std::chrono::hours kDaysAtOnce{24 * 31};
constexpr size_t kSeriesDaysAtOnce = 8192;

bool IsGrowth(SampleAggregate aggregate) {
  return aggregate == SampleAggregate::kIncrease || aggregate == SampleAggregate::kRate;
}

double ValueOf(const Bucket& bucket, SampleAggregate aggregate, std::chrono::nanoseconds step) {
  switch (aggregate) {
    case SampleAggregate::kMin:
      return bucket.min;
    case SampleAggregate::kMax:
      return bucket.max;
    case SampleAggregate::kAvg:
      return bucket.sum / static_cast<double>(bucket.count);
    case SampleAggregate::kSum:
      return bucket.sum;
    case SampleAggregate::kCount:
      return static_cast<double>(bucket.count);
    case SampleAggregate::kLast:
      return bucket.last;
    case SampleAggregate::kIncrease:
      return bucket.increase;
    case SampleAggregate::kRate:
      return bucket.increase / std::chrono::duration<double>(step).count();
  }
  return 0;
}

class AggregateScan {
 public:
  AggregateScan(ReadSession& session, const api::SampleQuery& query,
                std::vector<api::SeriesRow> series, const SampleMemory& memory,
                const SampleLimits& limits)
      : query_(query),
        memory_(memory),
        step_(query.step),
        tier_(CoarsestTier(query.step)),
        series_(std::move(series)),
        question_{session, limits, {}, series_.size(), SampleMerge(series_.size())} {
    for (size_t i = 0; i < series_.size(); ++i) {
      question_.hosts[series_[i].host_id].push_back({series_[i].id, i});
    }
  }

  Result<api::SampleAnswer> Run() {
    RETURN_IF_ERROR(Check());
    // Rollups, and what they do not know, as of one moment.
    question_.session.HoldSnapshot();
    stored_.resize(series_.size());
    std::vector<TimeRange> unrolled{range_};
    if (tier_ != SampleTier::kMeasured) {
      ASSIGN_OR_RETURN(unrolled, ReadStored());
    }
    const auto before = IsGrowth(*query_.aggregate) ? kIncreaseGap : 0h;
    for (const TimeRange& part : unrolled) {
      RETURN_IF_ERROR(AddSamples({part.from - before, part.to}, memory_, question_));
    }
    RETURN_IF_ERROR(question_.Check());
    return Answer(unrolled);
  }

 private:
  Result<void> Check() {
    if (step_ <= 0ns) {
      return Fail(ErrorCode::kInvalidInput, "an aggregate needs a step, {} ms is none",
                  query_.step.count());
    }
    const auto into = query_.range.from.time_since_epoch() % step_;
    range_.from = query_.range.from - (into < 0ns ? into + step_ : into);
    range_.to = range_.from + (query_.range.to - range_.from + step_ - 1ns) / step_ * step_;
    const auto steps = static_cast<size_t>((range_.to - range_.from) / step_);
    if (steps > question_.limits.samples / series_.size()) {
      return Fail(ErrorCode::kResourceExhausted,
                  "{} steps of {} series are more than {} values: ask for a longer step, a shorter"
                  " time or fewer series",
                  steps, series_.size(), question_.limits.samples);
    }
    if (!IsGrowth(*query_.aggregate)) return {};
    for (const api::SeriesRow& one : series_) {
      if (one.kind == shared::model::MetricKind::kCounter) continue;
      return Fail(ErrorCode::kInvalidInput, "only counters have an increase; {} of host {} is a {}",
                  one.name, one.host_name, shared::model::KindName(one.kind));
    }
    return {};
  }

  // What rollups know; gives the parts of the range of which they do not know all.
  Result<std::vector<TimeRange>> ReadStored() {
    RETURN_IF_ERROR(FindFamilies());
    const UnrolledHours unrolled(range_, question_);
    const size_t before = unrolled.statements().size();
    const std::vector<ReadStatement> pieces = Pieces();
    // The first piece travels along.
    std::vector<ReadStatement> statements = unrolled.statements();
    if (!pieces.empty()) statements.push_back(pieces.front());
    std::vector<Rows> answers;
    if (!statements.empty()) {
      ASSIGN_OR_RETURN(answers, question_.session.QueryAll(statements));
    }
    if (!pieces.empty()) RETURN_IF_ERROR(AddStored(answers[before]));
    for (size_t i = 1; i < pieces.size(); ++i) {
      ASSIGN_OR_RETURN(const std::vector<Rows> rows, question_.session.QueryAll({pieces[i]}));
      RETURN_IF_ERROR(AddStored(rows.front()));
    }
    return unrolled.From(std::span(answers).first(before));
  }

  Result<void> FindFamilies() {
    std::vector<int64_t> ids;
    for (const api::SeriesRow& one : series_) ids.push_back(one.id);
    ASSIGN_OR_RETURN(const auto places, memory_.families.Find(question_.session, ids));
    for (size_t i = 0; i < series_.size(); ++i) {
      const auto place = places.find(series_[i].id);
      if (place != places.end()) answers_[{place->second.family_id, place->second.ord}] = i;
    }
    return {};
  }

  [[nodiscard]] std::vector<ReadStatement> Pieces() const {
    std::vector<RollupSeries> wanted;
    for (const auto& [series, answer] : answers_) wanted.push_back(series);
    std::vector<ReadStatement> out;
    const WallTime first = std::chrono::floor<std::chrono::days>(range_.from);
    for (WallTime from = first; from < range_.to && !wanted.empty(); from += kDaysAtOnce) {
      const WallTime to = std::min<WallTime>(from + kDaysAtOnce, range_.to);
      const auto days = static_cast<size_t>((to - from + 24h - 1ns) / 24h);
      const size_t at_once = std::max<size_t>(1, kSeriesDaysAtOnce / days);
      for (size_t i = 0; i < wanted.size(); i += at_once) {
        const size_t count = std::min(at_once, wanted.size() - i);
        RollupStatement piece =
            MakeRollupStatement(Tier(), std::span(wanted).subspan(i, count), from, to);
        out.push_back({std::move(piece.sql), std::move(piece.parameters), Planning::kGeneric});
      }
    }
    return out;
  }

  [[nodiscard]] const RollupTier& Tier() const {
    return tier_ == SampleTier::kHour ? kHourTier : kFiveMinuteTier;
  }

  Result<void> AddStored(const Rows& answer) {
    ASSIGN_OR_RETURN(const std::vector<StoredRollup> rows, ToRollups(answer, Tier()));
    for (const StoredRollup& row : rows) {
      std::vector<Bucket>& stored = stored_[answers_.at(row.series)];
      for (const Bucket& bucket : row.buckets) {
        const WallTime start = shared::FromUnixNanos(bucket.start_unix_nano);
        if (start >= range_.from && start < range_.to) stored.push_back(bucket);
      }
    }
    return question_.Check();
  }

  Result<api::SampleAnswer> Answer(std::span<const TimeRange> unrolled) {
    std::vector<std::vector<api::SampleRow>> samples = question_.found.Take();
    api::SampleAnswer answer;
    answer.resolution = ResolutionOf(tier_);
    for (size_t i = 0; i < series_.size(); ++i) {
      const std::vector<Bucket> buckets = Put(samples[i], unrolled, stored_[i]);
      api::SeriesSamples& one = answer.series.emplace_back();
      one.series = std::move(series_[i]);
      one.samples.reserve(buckets.size());
      for (const Bucket& bucket : buckets) {
        one.samples.push_back({bucket.start_unix_nano, ValueOf(bucket, *query_.aggregate, step_)});
      }
    }
    return answer;
  }

  // Buckets of a step: of samples, of rollups.
  [[nodiscard]] std::vector<Bucket> Put(std::span<const api::SampleRow> samples,
                                        std::span<const TimeRange> unrolled,
                                        std::span<const Bucket> stored) const {
    const std::chrono::nanoseconds narrow =
        tier_ == SampleTier::kMeasured ? step_ : std::chrono::nanoseconds(kFiveMinuteTier.step);
    std::vector<Bucket> fresh;
    for (const TimeRange& part : unrolled) MakeBuckets(samples, part, narrow, fresh);
    if (tier_ == SampleTier::kMeasured) return fresh;
    if (tier_ == SampleTier::kHour) {
      std::vector<Bucket> hours;
      WidenBuckets(fresh, kHourTier.step, hours);
      fresh.swap(hours);
    }
    const std::vector<Bucket> all = MergeBuckets(stored, fresh);
    std::vector<Bucket> out;
    WidenBuckets(all, step_, out);
    return out;
  }

  const api::SampleQuery& query_;
  const SampleMemory& memory_;
  const std::chrono::nanoseconds step_;
  const SampleTier tier_;
  TimeRange range_;  // whole steps
  std::vector<api::SeriesRow> series_;
  SampleQuestion question_;
  std::map<RollupSeries, size_t> answers_;   // index in series_
  std::vector<std::vector<Bucket>> stored_;  // by series
};

}  // namespace

Result<api::SampleAnswer> ReadAggregates(ReadSession& session, const api::SampleQuery& query,
                                         std::vector<api::SeriesRow> series,
                                         const SampleMemory& memory, const SampleLimits& limits) {
  return AggregateScan(session, query, std::move(series), memory, limits).Run();
}

}  // namespace collector::storage
