#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "collector/api/telemetry_reader.h"
#include "shared/base/clock.h"
#include "shared/postgres/kept.h"

namespace collector::storage {

class IndexKeeper;
class ReadPool;
class ReplicaWatch;

// A connection of the pool, and to which server.
struct PooledConnection {
  std::unique_ptr<shared::postgres::Connection> open;  // null: there is none any more
  bool to_replica = false;
};

// How often PostgreSQL plans a statement. What is not kOnce is kept prepared by each connection:
// for texts that are always the same. On partitions that a question does not concern it then spends
// some hundred nanoseconds each, where planning takes tens of microseconds for each that it does.
enum class Planning {
  kOnce,     // each time, for its parameters
  kKept,     // until it finds that a plan for any parameters is no worse than such ones
  kGeneric,  // for any parameters, from the first time: locks all partitions of its tables
};

// One of a session's statements; results come in binary format.
struct ReadStatement {
  std::string sql;
  std::vector<shared::postgres::Parameter> parameters{};
  Planning planning = Planning::kKept;
};

// A connection on loan for one question, and the label index. Every query gets what is left until
// the question's deadline as statement_timeout, and a little more as the client's own.
class ReadSession {
 public:
  ~ReadSession();
  ReadSession(ReadSession&&) noexcept;
  ReadSession& operator=(ReadSession&&) = delete;

  // kTimeout: the deadline has passed, or passes while the query runs. kUnavailable: connection
  // lost.
  shared::Result<shared::postgres::Rows> Query(
      std::string_view sql, const std::vector<shared::postgres::Parameter>& parameters = {});
  // The same with results in binary format: the way to bytea and to many numbers.
  shared::Result<shared::postgres::Rows> QueryBinary(
      std::string_view sql, const std::vector<shared::postgres::Parameter>& parameters = {});
  // Several in one round trip, in this order; each sees what was committed before it began (unless
  // HoldSnapshot was called). Fails with the first error.
  shared::Result<std::vector<shared::postgres::Rows>> QueryAll(
      const std::vector<ReadStatement>& statements);
  // All queries from now on see what the next one sees, until the session ends: for questions that
  // ask in pieces while rows move from table to table. Asks nothing itself.
  void HoldSnapshot();
  // kTimeout once the deadline has passed: for loops that decode.
  [[nodiscard]] shared::Result<void> CheckDeadline() const;
  [[nodiscard]] shared::MonotonicTime deadline() const { return deadline_; }
  [[nodiscard]] shared::WallTime Now() const;
  // Null: this process has none.
  [[nodiscard]] IndexKeeper* index() const;

 private:
  friend class ReadPool;
  ReadSession(ReadPool& pool, PooledConnection connection, bool idle,
              shared::MonotonicTime deadline);
  using Statements = std::vector<shared::postgres::KeptStatement>;
  shared::Result<std::vector<shared::postgres::Rows>> Run(const Statements& statements);
  shared::Result<std::vector<shared::postgres::Rows>> Ask(const Statements& statements);

  ReadPool* pool_;
  PooledConnection connection_;
  // Lay idle until now: if the server was restarted meanwhile, the first query tells, and deserves
  // a second chance.
  bool idle_;
  bool holds_snapshot_ = false;  // asked for; begins with the next statement
  bool in_transaction_ = false;
  shared::MonotonicTime deadline_;
};

// Up to `size` read-only connections, opened when first needed, closed when broken. To the replica
// while it is usable, else to the primary; a question whose first statement finds the replica gone
// asks the primary. Thread-safe.
class ReadPool {
 public:
  // `index` and `replica` may be null.
  ReadPool(shared::postgres::ConnectOptions connect, int size, const shared::Clock& clock,
           IndexKeeper* index = nullptr, ReplicaWatch* replica = nullptr)
      : connect_(std::move(connect)),
        clock_(clock),
        index_(index),
        replica_(replica),
        free_(size) {}

  // Waits for a free connection, until the deadline. kTimeout: all were busy. kUnavailable:
  // PostgreSQL is away.
  shared::Result<ReadSession> Lease(shared::MonotonicTime deadline);

 private:
  friend class ReadSession;
  shared::Result<PooledConnection> Open(shared::MonotonicTime deadline);
  shared::Result<PooledConnection> OpenTo(bool replica, shared::MonotonicTime deadline);
  void Return(PooledConnection connection);
  [[nodiscard]] bool WantsReplica() const;

  const shared::postgres::ConnectOptions connect_;
  const shared::Clock& clock_;
  IndexKeeper* const index_;
  ReplicaWatch* const replica_;
  std::mutex mutex_;
  std::condition_variable returned_;
  // Under mutex_:
  int free_;  // how many more may be on loan
  std::vector<PooledConnection> idle_;
};

}  // namespace collector::storage
