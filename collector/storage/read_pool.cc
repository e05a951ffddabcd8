#include "collector/storage/read_pool.h"

#include <fmt/format.h>

#include <algorithm>

#include "collector/storage/replica_watch.h"
#include "collector/storage/session.h"

namespace collector::storage {
namespace {

using namespace std::chrono_literals;
using shared::ErrorCode;
using shared::Fail;
using shared::Result;
using shared::postgres::Connection;
using shared::postgres::Parameter;
using shared::postgres::Rows;
using std::chrono::milliseconds;

constexpr milliseconds kGrace = 500ms;  // for the server to say 57014 itself

milliseconds Left(const shared::Clock& clock, shared::MonotonicTime deadline) {
  return std::chrono::ceil<milliseconds>(deadline - clock.Monotonic());
}

}  // namespace

ReadSession::ReadSession(ReadPool& pool, PooledConnection connection, bool idle,
                         shared::MonotonicTime deadline)
    : pool_(&pool), connection_(std::move(connection)), idle_(idle), deadline_(deadline) {}

ReadSession::ReadSession(ReadSession&& other) noexcept
    : pool_(std::exchange(other.pool_, nullptr)),
      connection_(std::move(other.connection_)),
      idle_(other.idle_),
      holds_snapshot_(other.holds_snapshot_),
      in_transaction_(other.in_transaction_),
      deadline_(other.deadline_) {}

ReadSession::~ReadSession() {
  if (pool_ == nullptr) return;
  if (in_transaction_ && connection_.open->IsOpen()) {
    connection_.open->SetDeadline(kGrace);
    if (!connection_.open->Execute("ROLLBACK")) connection_.open.reset();
  }
  pool_->Return(std::move(connection_));
}

void ReadSession::HoldSnapshot() {
  holds_snapshot_ = true;
}

Result<void> ReadSession::CheckDeadline() const {
  if (pool_->clock_.Monotonic() < deadline_) return {};
  return Fail(ErrorCode::kTimeout, "no answer within the time limit");
}

shared::WallTime ReadSession::Now() const {
  return pool_->clock_.Now();
}

IndexKeeper* ReadSession::index() const {
  return pool_->index_;
}

Result<Rows> ReadSession::Query(std::string_view sql, const std::vector<Parameter>& parameters) {
  ASSIGN_OR_RETURN(std::vector<Rows> rows, Run({{{std::string(sql), parameters, false}, false}}));
  return std::move(rows.front());
}

Result<Rows> ReadSession::QueryBinary(std::string_view sql,
                                      const std::vector<Parameter>& parameters) {
  ASSIGN_OR_RETURN(std::vector<Rows> rows, Run({{{std::string(sql), parameters, true}, false}}));
  return std::move(rows.front());
}

Result<std::vector<Rows>> ReadSession::QueryAll(const std::vector<ReadStatement>& statements) {
  Statements out;
  std::vector<size_t> wanted;  // of `out`
  bool generic = false;
  const auto plan_generic = [&](bool now) {
    if (std::exchange(generic, now) == now) return;
    out.push_back(
        {{now ? "SET plan_cache_mode = force_generic_plan" : "SET plan_cache_mode = auto"}});
  };
  for (const ReadStatement& one : statements) {
    plan_generic(one.planning == Planning::kGeneric);
    wanted.push_back(out.size());
    out.push_back({{one.sql, one.parameters, true}, one.planning != Planning::kOnce});
  }
  // After an error the transaction, that of the pipeline or a longer one, takes it back.
  plan_generic(false);
  ASSIGN_OR_RETURN(std::vector<Rows> rows, Run(out));
  std::vector<Rows> answers;
  answers.reserve(wanted.size());
  for (const size_t i : wanted) answers.push_back(std::move(rows[i]));
  return answers;
}

Result<std::vector<Rows>> ReadSession::Run(const Statements& statements) {
  RETURN_IF_ERROR(CheckDeadline());
  const bool was_in_transaction = in_transaction_;
  Result<std::vector<Rows>> rows = Ask(statements);
  const bool was_idle = std::exchange(idle_, false);
  if (rows || was_in_transaction || !CheckDeadline()) return rows;
  const bool is_lost = !connection_.open->IsOpen();
  // A replica also ends what is in the way of its recovery, and leaves the connection open.
  const bool is_refused = connection_.to_replica && rows.error().code == ErrorCode::kUnavailable;
  if (!is_refused && !(is_lost && was_idle)) return rows;
  if (connection_.to_replica && is_lost) pool_->replica_->ReportFailure();
  ASSIGN_OR_RETURN(connection_,
                   is_refused ? pool_->OpenTo(false, deadline_) : pool_->Open(deadline_));
  in_transaction_ = false;
  return Ask(statements);
}

// Answers to `statements`, without those to what is sent before them.
Result<std::vector<Rows>> ReadSession::Ask(const Statements& statements) {
  const milliseconds left = std::max(Left(pool_->clock_, deadline_), 1ms);
  Connection& connection = *connection_.open;
  connection.SetDeadline(left + kGrace);
  Statements all{{{fmt::format("SET statement_timeout = {}", left.count())}, false}};
  if (holds_snapshot_ && !in_transaction_) {
    all.push_back({{"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"}});
    in_transaction_ = true;
  }
  const size_t before = all.size();
  all.insert(all.end(), statements.begin(), statements.end());
  ASSIGN_OR_RETURN(std::vector<Rows> results, PipelineKept(connection, all));
  results.erase(results.begin(), results.begin() + static_cast<std::ptrdiff_t>(before));
  return results;
}

Result<ReadSession> ReadPool::Lease(shared::MonotonicTime deadline) {
  PooledConnection connection;
  {
    std::unique_lock lock(mutex_);
    const auto patience = std::max(Left(clock_, deadline), 0ms);
    if (!returned_.wait_for(lock, patience, [&] { return free_ > 0; })) {
      return Fail(ErrorCode::kTimeout,
                  "all connections to PostgreSQL are busy with other questions");
    }
    free_ -= 1;
    // Those to the other server are of no use now.
    while (!idle_.empty() && idle_.back().to_replica != WantsReplica()) idle_.pop_back();
    if (!idle_.empty()) {
      connection = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  const bool idle = connection.open != nullptr;
  if (!idle) {
    Result<PooledConnection> opened = Open(deadline);
    if (!opened) {
      Return({});
      return tl::make_unexpected(std::move(opened).error());
    }
    connection = std::move(*opened);
  }
  return ReadSession(*this, std::move(connection), idle, deadline);
}

bool ReadPool::WantsReplica() const {
  return replica_ != nullptr && replica_->IsUsable();
}

Result<PooledConnection> ReadPool::Open(shared::MonotonicTime deadline) {
  if (WantsReplica()) {
    if (Result<PooledConnection> opened = OpenTo(true, deadline); opened) return opened;
    replica_->ReportFailure();
  }
  return OpenTo(false, deadline);
}

Result<PooledConnection> ReadPool::OpenTo(bool replica, shared::MonotonicTime deadline) {
  Result<Connection> opened = OpenReadSession(replica ? replica_->connect() : connect_,
                                              std::max(Left(clock_, deadline), 1ms));
  if (!opened) return tl::make_unexpected(std::move(opened).error().With("store"));
  return PooledConnection{std::make_unique<Connection>(std::move(*opened)), replica};
}

void ReadPool::Return(PooledConnection connection) {
  {
    const std::lock_guard lock(mutex_);
    free_ += 1;
    if (connection.open != nullptr && connection.open->IsOpen()) {
      idle_.push_back(std::move(connection));
    } else {
      // The server went away: its other connections went with it, and one fresh failure is enough.
      idle_.clear();
    }
  }
  returned_.notify_one();
}

}  // namespace collector::storage
