#include "collector/storage/newest/follower.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "collector/storage/session.h"
#include "collector/storage/sql_text.h"
#include "shared/concurrency/thread_name.h"
#include "shared/log/log.h"
#include "shared/postgres/kept.h"

namespace collector::storage::newest {
namespace {

using namespace std::chrono_literals;
using shared::ErrorCode;
using shared::Fail;
using shared::Result;
using shared::WallTime;
using shared::postgres::Connection;
using shared::postgres::Rows;

constexpr size_t kHostsAtOnce = 16;  // of a load: some 10 MB an answer
// No look for so long: what came meanwhile is as well read in pieces, as at the start.
constexpr std::chrono::seconds kTooLong = 120s;
constexpr std::chrono::milliseconds kDeadline = 30s;  // of one statement
constexpr std::chrono::milliseconds kConnectTimeout = 5s;
constexpr std::chrono::milliseconds kMaxPause = 30s;
// A block is at most so long (StoreLimits::block_span).
constexpr std::chrono::hours kBlockSpan{2};

constexpr std::string_view kSnapshotSql = "/* pgvigil newest */ SELECT pg_current_snapshot()::text";
constexpr std::string_view kColumns = "layout_id, first_time, last_time, ticks, data";
enum Column : size_t { kLayout, kFirstTime, kLastTime, kTicks, kData };

}  // namespace

Follower::Follower(FollowerOptions options, LayoutIndexes& layouts, const shared::Clock& clock,
                   const Readiness& readiness, shared::metrics::Registry& registry)
    : options_(std::move(options)),
      layouts_(layouts),
      clock_(clock),
      readiness_(readiness),
      bytes_(registry.AddGauge("collector_newest_bytes", "Memory of the newest minutes")),
      kept_blocks_(registry.AddGauge("collector_newest_blocks", "Blocks in the newest minutes")),
      pages_(registry.AddGauge("collector_newest_pages", "Pages that the newest blocks are in")),
      complete_(registry.AddGauge("collector_newest_complete",
                                  "Whether memory answers for the newest minutes (0 or 1)")),
      oldest_seconds_(registry.AddGauge("collector_newest_oldest_timestamp_seconds",
                                        "Since when memory holds everything; 0: it does not")),
      poll_seconds_(registry.AddGauge("collector_newest_poll_timestamp_seconds",
                                      "When new blocks were last asked for")),
      taken_(registry.AddCounter("collector_newest_blocks_total", "Blocks taken into memory")),
      damaged_(registry.AddCounter("collector_newest_damaged_blocks_total",
                                   "Stored blocks that cannot be decoded")),
      loads_(registry.AddCounter("collector_newest_loads_total",
                                 "How often the window was read anew")),
      blocks_(options_.max_bytes) {
  thread_ = std::jthread([this](std::stop_token stop) { Run(stop); });
}

void Follower::Stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

void Follower::Run(std::stop_token stop) {
  shared::SetThreadName("newest");
  shared::log::RateLimit warn_limit;
  // A load that fails is not begun again each second.
  shared::Backoff backoff({options_.poll_interval, kMaxPause},
                          static_cast<uint64_t>(clock_.Now().time_since_epoch().count()));
  while (!stop.stop_requested()) {
    std::chrono::milliseconds pause = options_.poll_interval;
    if (readiness_.Get()) {
      const std::lock_guard busy(busy_);
      if (const Result<void> followed = Follow(stop); followed) {
        backoff.Reset();
      } else {
        pause = std::max(pause, backoff.Next());
        uint64_t suppressed = 0;
        if (warn_limit.Allow(&suppressed)) {
          shared::log::Warn("newest blocks: {} ({} more such failures)", followed.error().message,
                            suppressed);
        }
      }
      Tell();
    }
    std::unique_lock lock(wait_mutex_);
    wait_.wait_for(lock, stop, pause, [] { return false; });
  }
}

bool Follower::CatchUp(shared::MonotonicTime deadline) {
  if (!blocks_.complete_from()) return false;
  const shared::MonotonicTime asked = std::chrono::steady_clock::now();
  std::unique_lock busy(busy_, std::defer_lock);
  if (!busy.try_lock_for(
          std::max(deadline - clock_.Monotonic(), shared::MonotonicTime::duration{})))
    return false;
  if (!loaded_) return false;
  // Another one looked while this one waited.
  if (looked_at_ >= asked) return true;
  return Poll().has_value();
}

Result<void> Follower::Follow(const std::stop_token& stop) {
  if (!connection_ || !connection_->IsOpen()) {
    loaded_ = false;
    shared::postgres::ConnectOptions own = options_.connect;
    // Of a partition that nobody analyzed yet a third would be expected to be new.
    own.settings.emplace_back("enable_seqscan", "off");
    ASSIGN_OR_RETURN(connection_, OpenReadSession(own, kConnectTimeout));
    connection_->SetDeadline(kDeadline);
  }
  if (loaded_ && std::chrono::steady_clock::now() - looked_at_ < kTooLong) return Poll();
  return Load(stop);
}

// What is committed while it reads is found by the first poll, which begins at the snapshot before.
Result<void> Follower::Load(const std::stop_token& stop) {
  loaded_ = false;
  blocks_.Clear();
  loads_.Increment();
  const auto begin = std::chrono::steady_clock::now();
  looked_at_ = begin;
  from_ = WindowBegin();
  ASSIGN_OR_RETURN(const Rows snapshot, connection_->Query(kSnapshotSql));
  snapshot_ = snapshot.Text(0, 0);
  ASSIGN_OR_RETURN(
      const Rows hosts,
      connection_->Query("/* pgvigil newest */ SELECT id FROM pgvigil.host ORDER BY 1"));
  std::vector<int64_t> some;
  for (size_t row = 0; row < hosts.size(); ++row) {
    some.push_back(hosts.Int(row, 0).value_or(0));
    if (some.size() < kHostsAtOnce && row + 1 < hosts.size()) continue;
    if (stop.stop_requested()) return {};
    RETURN_IF_ERROR(LoadHosts(some));
    some.clear();
  }
  RETURN_IF_ERROR(Poll());
  shared::log::Info("newest blocks: {} blocks in {} bytes, complete since {}, read in {} ms",
                    blocks_.usage().blocks, blocks_.usage().bytes, FormatTimestamp(from_),
                    std::chrono::duration_cast<std::chrono::milliseconds>(
                        std::chrono::steady_clock::now() - begin)
                        .count());
  return {};
}

Result<void> Follower::LoadHosts(const std::vector<int64_t>& hosts) {
  ArrayText ids;
  for (const int64_t host : hosts) ids.Add(host);
  ASSIGN_OR_RETURN(
      const Rows rows,
      connection_->QueryBinary(fmt::format("/* pgvigil newest */ SELECT {} FROM pgvigil.block"
                                           " WHERE host_id = ANY ($1::int4[]) AND {}",
                                           kColumns, WindowSql()),
                               {ids.Take()}));
  RETURN_IF_ERROR(Take(rows));
  from_ = blocks_.KeepFrom(from_);
  return {};
}

// The rows that the last look's snapshot did not see. A snapshot taken on a standby does not list
// the transactions under way, so there it only bounds them from below, and Take skips what it has.
// Rows of a restored dump may name transactions that this cluster will only have in years: no
// transaction of its own that is in the snapshot is above its xmax, and the load has read them.
Result<void> Follower::Poll() {
  const shared::MonotonicTime begin = std::chrono::steady_clock::now();
  const std::string xmin = snapshot_.substr(0, snapshot_.find(':'));
  Result<std::vector<Rows>> answers = PipelineKept(
      *connection_,
      {{{std::string(kSnapshotSql)}},
       {{fmt::format(
             "/* pgvigil newest */ SELECT {} FROM pgvigil.block WHERE txid >= $1::xid8"
             " AND txid < pg_snapshot_xmax(pg_current_snapshot())"
             " AND (pg_is_in_recovery() OR NOT pg_visible_in_snapshot(txid, $2::pg_snapshot))"
             " AND first_time >= $3::timestamptz AND last_time >= $4::timestamptz",
             kColumns),
         {xmin, snapshot_, FormatTimestamp(from_ - kBlockSpan), FormatTimestamp(from_)},
         true}}});
  Result<void> taken;
  if (answers) {
    taken = Take(answers->back());
  } else {
    taken = tl::make_unexpected(std::move(answers).error());
  }
  if (!taken) {
    loaded_ = false;
    blocks_.SetComplete(std::nullopt);
    return taken;
  }
  snapshot_ = answers->front().Text(0, 0);
  looked_at_ = begin;
  from_ = std::max(from_, WindowBegin());
  from_ = blocks_.KeepFrom(from_);
  loaded_ = true;
  blocks_.SetComplete(from_);
  return {};
}

// A little more than the window, so that a question about all of it still finds its begin here.
WallTime Follower::WindowBegin() const {
  return std::chrono::floor<std::chrono::minutes>(clock_.Now() - options_.window - 1min);
}

std::string Follower::WindowSql() const {
  return fmt::format("first_time >= '{}'::timestamptz AND last_time >= '{}'::timestamptz",
                     FormatTimestamp(from_ - kBlockSpan), FormatTimestamp(from_));
}

Result<void> Follower::Take(const Rows& rows) {
  ASSIGN_OR_RETURN(const LayoutsById layouts, LayoutsOf(rows));
  for (size_t row = 0; row < rows.size(); ++row) {
    const int64_t layout_id = rows.Int8(row, kLayout);
    const int64_t first_time = rows.UnixMicros(row, kFirstTime);
    if (blocks_.Has(layout_id, first_time)) continue;
    const auto layout = layouts.find(layout_id);
    const auto ticks = static_cast<uint32_t>(rows.Int2(row, kTicks));
    if (layout != layouts.end() &&
        decoder_.Decode(rows.Text(row, kData), layout->second->series, ticks, block_)) {
      blocks_.Add(layout->second, block_, first_time);
      taken_.Increment();
      continue;
    }
    // It decoded when it was stored. Memory is complete only after it: who asks for that time asks
    // PostgreSQL, and is told.
    damaged_.Increment();
    const WallTime last_time = FromUnixMicros(rows.UnixMicros(row, kLastTime));
    from_ = std::max<WallTime>(from_, std::chrono::ceil<std::chrono::seconds>(last_time + 1us));
  }
  return {};
}

Result<LayoutsById> Follower::LayoutsOf(const Rows& rows) {
  std::vector<int64_t> ids;
  for (size_t row = 0; row < rows.size(); ++row) ids.push_back(rows.Int8(row, kLayout));
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ReadLayouts(
      [this](std::string_view sql, const std::vector<shared::postgres::Parameter>& parameters) {
        return connection_->QueryBinary(sql, parameters);
      },
      layouts_, ids);
}

void Follower::Tell() {
  const Usage usage = blocks_.usage();
  const std::optional<WallTime> from = blocks_.complete_from();
  const auto seconds = [](WallTime time) {
    return std::chrono::duration<double>(time.time_since_epoch()).count();
  };
  bytes_.Set(static_cast<double>(usage.bytes));
  kept_blocks_.Set(static_cast<double>(usage.blocks));
  pages_.Set(static_cast<double>(usage.pages));
  complete_.Set(from ? 1 : 0);
  oldest_seconds_.Set(from ? seconds(*from) : 0);
  if (from) poll_seconds_.Set(seconds(clock_.Now()));
}

}  // namespace collector::storage::newest
