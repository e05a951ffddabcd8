#include "collector/storage/store.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <functional>

#include "collector/storage/compaction/compaction.h"
#include "collector/storage/kafka_positions.h"
#include "collector/storage/lock_keys.h"
#include "collector/storage/logs/log_merger.h"
#include "collector/storage/migrations.h"
#include "collector/storage/reader.h"
#include "collector/storage/reader_role.h"
#include "collector/storage/retention/drop_guard.h"
#include "collector/storage/retention/freezer.h"
#include "collector/storage/rollups/rollups.h"
#include "collector/storage/session.h"
#include "collector/storage/statement_hours.h"
#include "shared/base/check.h"
#include "shared/concurrency/thread_name.h"
#include "shared/log/log.h"
#include "shared/text/hex.h"

namespace collector::storage {
namespace {

using pgvigil::v1::BatchReply;
using shared::ErrorCode;
using shared::Fail;
using shared::Result;
using shared::postgres::Connection;

WriterOptions OptionsOfOneWriter(const StoreOptions& options) {
  WriterOptions out;
  out.connect = options.connect;
  out.limits = options.limits;
  out.queue_bytes = options.queue_bytes / static_cast<size_t>(options.writers);
  out.group_batches = options.group_batches;
  out.group_bytes = std::max<size_t>(out.queue_bytes / 2, size_t{1} << 20);
  out.gather = options.gather;
  out.reconnect = options.reconnect;
  return out;
}

constexpr std::chrono::milliseconds kClaimDeadline{20'000};

// "collector1:4711".
std::string OwnerName() {
  std::array<char, 256> host{};
  if (gethostname(host.data(), host.size() - 1) != 0) host[0] = '?';
  return fmt::format("{}:{}", host.data(), getpid());
}

// What is kept in memory is read back from blocks after a restart, so it cannot reach back further
// than they are kept: a block's partition goes by its first sample, the last may be two hours
// later.
ReaderOptions ReaderOptionsOf(const StoreOptions& options) {
  ReaderOptions out;
  out.connect = options.connect;
  out.connections = options.readers;
  out.replica = options.replica;
  out.replica_max_lag = options.replica_max_lag;
  out.limits = options.limits;
  out.newest_window = options.newest_window;
  out.newest_bytes = options.newest_bytes;
  if (const auto kept = options.retention.policy.keep.find(std::string(kBlockTable.name));
      kept != options.retention.policy.keep.end()) {
    const auto whole = kept->second - std::chrono::minutes(5) -
                       std::chrono::ceil<std::chrono::seconds>(options.limits.block_span);
    out.newest_window = std::min<std::chrono::seconds>(out.newest_window, whole);
  }
  if (out.newest_window <= std::chrono::seconds::zero()) out.newest_bytes = 0;
  return out;
}

}  // namespace

Result<std::unique_ptr<Store>> Store::Open(StoreOptions options, const shared::Clock& clock,
                                           shared::metrics::Registry& registry) {
  if (options.writers < 1 || options.readers < 1 || options.group_batches < 1) {
    return Fail(ErrorCode::kInvalidInput,
                "store: {} writers, {} readers, {} batches a group: each must be at least 1",
                options.writers, options.readers, options.group_batches);
  }
  return std::unique_ptr<Store>(new Store(std::move(options), clock, registry));
}

Store::Store(StoreOptions options, const shared::Clock& clock, shared::metrics::Registry& registry)
    : options_(std::move(options)),
      clock_(clock),
      waiting_(std::make_shared<shared::Guarded<std::map<std::string, size_t>>>()),
      metrics_(registry),
      claims_("claims", options_.connect, options_.reconnect, clock, metrics_) {
  for (int i = 0; options_.writes && i < options_.writers; ++i) {
    const WriterOptions writer = OptionsOfOneWriter(options_);
    if (options_.consumes) {
      record_writers_.push_back(
          std::make_unique<RecordWriter>(i, writer, clock_, partitions_, readiness_, metrics_));
    } else {
      writers_.push_back(
          std::make_unique<Writer>(i, writer, clock_, partitions_, readiness_, metrics_));
    }
  }
  if (options_.reads) {
    IndexOptions index;
    index.connect = options_.connect;
    index_.emplace(index, clock_, readiness_, registry);
  }
  reader_ = std::make_unique<Reader>(ReaderOptionsOf(options_), clock_, readiness_, registry,
                                     index_ ? &*index_ : nullptr);
  upkeep_ = std::jthread([this](std::stop_token stop) { RunUpkeep(stop); });
  if (!options_.writes || !options_.maintains) return;
  MaintainerOptions maintenance;
  maintenance.connect = options_.connect;
  maintainer_.emplace(maintenance, Chores(registry), clock_, readiness_, registry);
}

// Compaction first: rollups are derived from what it wrote, and retention asks what both left.
std::vector<std::unique_ptr<Chore>> Store::Chores(shared::metrics::Registry& registry) {
  std::vector<std::unique_ptr<Chore>> chores;
  chores.push_back(std::make_unique<LogMerger>(partitions_));
  chores.push_back(std::make_unique<Compaction>(options_.compaction, partitions_, registry));
  chores.push_back(std::make_unique<Rollups>(options_.rollups, partitions_, registry));
  const auto& keep = options_.retention.policy.keep;
  const auto statements = keep.find(std::string(kStatementDeltaTable.name));
  chores.push_back(std::make_unique<StatementHours>(
      partitions_, statements == keep.end() ? options_.limits.rows_back : statements->second));
  chores.push_back(std::make_unique<Retention>(options_.retention, IsSafeToDrop, registry));
  chores.push_back(std::make_unique<Freezer>(registry));
  return chores;
}

Store::~Store() {
  Close();
}

void Store::Close() {
  if (maintainer_) maintainer_->Stop();
  for (const auto& writer : writers_) writer->Close();
  for (const auto& writer : record_writers_) writer->Close();
  for (const auto& writer : writers_) writer->Join();
  for (const auto& writer : record_writers_) writer->Join();
  upkeep_.request_stop();
  if (upkeep_.joinable()) upkeep_.join();
  if (index_) index_->Stop();
}

bool Store::Submit(ingest::AcceptedBatch& batch, std::function<void(Result<BatchReply>)> done) {
  if (writers_.empty()) {
    done(Fail(ErrorCode::kInternal, "this collector was not opened to store batches"));
    return true;
  }
  // The key keeps tenants apart; one agent that floods must not take the others' room.
  std::string key = fmt::format("{}/{}", batch.tenant.value, batch.batch.agent_id());
  const bool room = waiting_->With([&](std::map<std::string, size_t>& waiting) {
    size_t& count = waiting[key];
    if (count >= options_.batches_per_agent) return false;
    count += 1;
    return true;
  });
  if (!room) {
    done(Fail(ErrorCode::kResourceExhausted, "{} batches of agent {} wait already",
              options_.batches_per_agent, shared::text::ToUuid(batch.batch.agent_id())));
    return true;
  }
  const auto leave = [waiting = waiting_, key] {
    waiting->With([&](std::map<std::string, size_t>& counts) {
      const auto found = counts.find(key);
      if (found != counts.end() && --found->second == 0) counts.erase(found);
    });
  };
  PendingBatch pending;
  pending.accepted = std::move(batch);
  pending.done = [leave, done = std::move(done)](Result<BatchReply> reply) {
    leave();
    done(std::move(reply));
  };
  const size_t index = std::hash<std::string>()(key) % writers_.size();
  if (writers_[index]->Submit(pending)) return true;
  batch = std::move(pending.accepted);
  leave();
  return false;
}

Result<Connection*> Store::ClaimSession() {
  RETURN_IF_ERROR(readiness_.Get());
  bool is_new = false;
  ASSIGN_OR_RETURN(Connection* const connection, claims_.Get(is_new));
  if (is_new) {  // the consumer must come back to poll Kafka
    connection->SetDeadline(kClaimDeadline);
    RETURN_IF_ERROR(connection->Execute("SET lock_timeout = '2s'"));
  }
  return connection;
}

Result<std::vector<bus::Claim>> Store::ClaimPartitions(
    std::span<const bus::PartitionId> partitions) {
  ASSIGN_OR_RETURN(Connection* const connection, ClaimSession());
  return storage::ClaimPartitions(*connection, partitions, OwnerName());
}

Result<void> Store::MovePosition(bus::Lease& lease, int64_t next_offset, bus::Reposition why) {
  ASSIGN_OR_RETURN(Connection* const connection, ClaimSession());
  return storage::MovePosition(*connection, lease, next_offset, why);
}

bool Store::SubmitRecord(bus::PendingRecord& record,
                         std::chrono::steady_clock::time_point deadline) {
  CHECK(!record_writers_.empty());
  const size_t partition = std::hash<std::string>()(record.lease->topic()) +
                           static_cast<size_t>(record.lease->partition());
  return record_writers_[partition % record_writers_.size()]->Submit(record, deadline);
}

void Store::RunUpkeep(std::stop_token stop) {
  shared::SetThreadName("store-upkeep");
  std::optional<Connection> connection;
  bool migrated = false;
  shared::Backoff backoff(options_.reconnect,
                          static_cast<uint64_t>(clock_.Now().time_since_epoch().count()));
  shared::log::RateLimit warn_limit;
  while (!stop.stop_requested()) {
    const Result<void> done = Upkeep(connection, migrated);
    metrics_.ready.Set(readiness_.Get() ? 1 : 0);
    std::chrono::milliseconds pause = options_.upkeep_interval;
    uint64_t suppressed = 0;
    if (done) {
      backoff.Reset();
    } else {
      pause = std::min(pause, backoff.Next());
      if (warn_limit.Allow(&suppressed)) {
        shared::log::Warn("store: {} ({} more such failures)", done.error().message, suppressed);
      }
    }
    std::unique_lock lock(round_mutex_);
    round_.wait_for(lock, stop, pause, [] { return false; });
  }
}

// One round: connect, bring the schema up once, and make partitions ahead if no other collector is
// the one who does.
Result<void> Store::Upkeep(std::optional<Connection>& connection, bool& migrated) {
  if (!connection || !connection->IsOpen()) {
    connection.reset();
    Result<Connection> opened = OpenWriteSession(options_.connect, "upkeep");
    if (!opened) {
      if (!migrated) readiness_.Set(tl::make_unexpected(opened.error()));
      return tl::make_unexpected(std::move(opened).error());
    }
    connection = std::move(*opened);
  }
  if (!migrated) {
    if (Result<void> prepared = PrepareSchema(*connection); !prepared) {
      readiness_.Set(Fail(ErrorCode::kUnavailable, "schema: {}", prepared.error().message));
      return tl::make_unexpected(std::move(prepared).error().With("schema"));
    }
    migrated = true;
    readiness_.Set({});
    return {};
  }
  if (!options_.writes) return connection->Execute("SELECT 1");
  // One collector at a time; the lock goes with the round, so that a stuck collector cannot keep
  // it.
  ASSIGN_OR_RETURN(
      const shared::postgres::Rows owner,
      connection->Query("SELECT pg_try_advisory_lock($1)", {std::to_string(kUpkeepLock)}));
  if (owner.Bool(0, 0) != true) return {};
  Result<void> made = KeepPartitions(*connection);
  if (connection->IsOpen()) {
    (void)connection->Query("SELECT pg_advisory_unlock($1)", {std::to_string(kUpkeepLock)});
  }
  return made;
}

Result<void> Store::PrepareSchema(Connection& connection) {
  if (!options_.writes) return CheckSchema(connection, EmbeddedMigrations());
  // Another collector may be at it for longer than our usual patience.
  RETURN_IF_ERROR(connection.Execute("SET lock_timeout = 0; SET statement_timeout = 0"));
  ASSIGN_OR_RETURN(const int applied, Migrate(connection, EmbeddedMigrations()));
  ASSIGN_OR_RETURN(const std::string reader_role, GrantReader(connection));
  if (!reader_role.empty()) shared::log::Warn("store: {}", reader_role);
  RETURN_IF_ERROR(connection.Execute("SET lock_timeout = '10s'; SET statement_timeout = '60s'"));
  RETURN_IF_ERROR(KeepPartitions(connection));
  shared::log::Info("store is ready: {} migrations applied, {} known", applied,
                    EmbeddedMigrations().size());
  return {};
}

Result<void> Store::KeepPartitions(Connection& connection) {
  RETURN_IF_ERROR(partitions_.Reload(connection));
  return partitions_.CreateAhead(connection, clock_.Now(), options_.partitions_ahead);
}

}  // namespace collector::storage
