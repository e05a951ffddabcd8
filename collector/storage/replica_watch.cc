#include "collector/storage/replica_watch.h"

#include "collector/storage/session.h"
#include "shared/concurrency/thread_name.h"
#include "shared/log/log.h"

namespace collector::storage {
namespace {

using shared::Result;
using shared::postgres::Connection;
using shared::postgres::ConnectOptions;
using shared::postgres::Rows;

constexpr std::chrono::milliseconds kDeadline{5'000};
constexpr size_t kMostSeen = 4'096;  // an hour and more

constexpr std::string_view kPrimarySql =
    "/* pgvigil replica */ SELECT system_identifier::text, CASE WHEN pg_is_in_recovery() THEN 0"
    " ELSE (pg_current_wal_lsn() - '0/0')::int8 END FROM pg_control_system()";
constexpr std::string_view kReplicaSql =
    "/* pgvigil replica */ SELECT system_identifier::text, pg_is_in_recovery(),"
    " coalesce(pg_last_wal_replay_lsn() - '0/0', 0)::int8 FROM pg_control_system()";

// On `connection`, which is opened when it is not open.
Result<Rows> Ask(std::optional<Connection>& connection, const ConnectOptions& options,
                 std::string_view sql) {
  if (!connection || !connection->IsOpen()) {
    connection.reset();
    ASSIGN_OR_RETURN(connection, OpenReadSession(options, kDeadline));
    connection->SetDeadline(kDeadline);
  }
  return connection->Query(sql);
}

}  // namespace

ReplicaWatch::ReplicaWatch(ReplicaOptions options, shared::metrics::Registry& registry)
    : options_(std::move(options)),
      registry_(registry),
      usable_gauge_(registry.AddGauge("collector_replica_usable",
                                      "1: questions are answered from the replica")),
      lag_gauge_(registry.AddGauge("collector_replica_lag_seconds",
                                   "How long ago the primary had written what the replica has")) {
  thread_ = std::jthread([this](std::stop_token stop) { Run(stop); });
}

ReplicaWatch::~ReplicaWatch() {
  thread_.request_stop();
  thread_.join();
}

void ReplicaWatch::ReportFailure() {
  failed_ = true;
  usable_ = false;
}

void ReplicaWatch::Run(std::stop_token stop) {
  shared::SetThreadName("replica");
  while (!stop.stop_requested()) {
    failed_ = false;
    Tell(Look());
    std::unique_lock lock(wait_mutex_);
    wait_.wait_for(lock, stop, options_.look_interval, [] { return false; });
  }
}

// The primary first: what it has written by then is what the replica is held against.
std::string_view ReplicaWatch::Look() {
  LookAtPrimary();
  const Result<Rows> rows = Ask(replica_, options_.replica, kReplicaSql);
  if (!rows || rows->size() == 0) return "away";
  if (!cluster_.empty() && rows->Text(0, 0) != cluster_) return "other_cluster";
  if (rows->Bool(0, 1) != true) return "not_standby";
  return IsRecent(rows->Int(0, 2).value_or(0)) ? "" : "lag";
}

void ReplicaWatch::LookAtPrimary() {
  const auto at = std::chrono::steady_clock::now();
  const Result<Rows> rows = Ask(primary_, options_.primary, kPrimarySql);
  if (!rows || rows->size() == 0) return;
  cluster_ = rows->Text(0, 0);
  const int64_t written = rows->Int(0, 1).value_or(0);
  if (!seen_.empty() && written == seen_.back().written) return;
  // So far behind that it does not matter where it was: what counts is when it passes here.
  if (seen_.size() == kMostSeen) seen_.clear();
  seen_.push_back({at, written});
}

bool ReplicaWatch::IsRecent(int64_t replayed) {
  const auto now = std::chrono::steady_clock::now();
  // Of what it has replayed only the newest matters.
  while (seen_.size() > 1 && seen_[1].written <= replayed) seen_.pop_front();
  const bool is_known = seen_.empty() || seen_.front().written <= replayed;
  // Where it is not yet; nowhere when it has all.
  const size_t missing = is_known ? 1 : 0;
  const auto lag = missing < seen_.size() ? now - seen_[missing].at
                                          : std::chrono::steady_clock::duration::zero();
  lag_gauge_.Set(std::chrono::duration<double>(lag).count());
  return is_known && lag <= options_.max_lag;
}

void ReplicaWatch::Tell(std::string_view reason) {
  const bool usable = reason.empty() && !failed_;
  usable_ = usable;
  usable_gauge_.Set(usable ? 1 : 0);
  if (reason == reason_) return;
  if (reason.empty()) {
    shared::log::Info("the replica answers questions");
  } else {
    registry_
        .AddCounter("collector_replica_fallbacks_total",
                    "How often questions went back to the primary",
                    {{"reason", std::string(reason)}})
        .Increment();
    shared::log::Warn("the primary answers questions, for the replica cannot: {}", reason);
  }
  reason_ = reason;
}

}  // namespace collector::storage
