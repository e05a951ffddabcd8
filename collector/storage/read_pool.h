#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "collector/api/telemetry_reader.h"
#include "shared/base/clock.h"
#include "shared/postgres/connection.h"

namespace collector::storage {

class IndexKeeper;
class ReadPool;
class ReplicaWatch;

// A connection of the pool, and to which server.
struct PooledConnection {
  std::unique_ptr<shared::postgres::Connection> open;  // null: there is none any more
  bool to_replica = false;
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
  // All queries from now on see what the next one sees, until the session ends: for questions that
  // ask in pieces while rows move from table to table.
  shared::Result<void> HoldSnapshot();
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
  shared::Result<shared::postgres::Rows> Run(const shared::postgres::Statement& statement);
  shared::Result<shared::postgres::Rows> Ask(const shared::postgres::Statement& statement);

  ReadPool* pool_;
  PooledConnection connection_;
  // Lay idle until now: if the server was restarted meanwhile, the first query tells, and deserves
  // a second chance.
  bool idle_;
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
