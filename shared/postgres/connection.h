#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.h"
#include "shared/base/secret.h"

// libpq behind values and Results. libpq-fe.h is included only in this folder.
namespace shared::postgres {

// Where and as whom to connect.
struct ConnectOptions {
  // libpq keywords and values, in order: {"host", "/run/postgresql"}, {"dbname", "postgres"}.
  std::vector<std::pair<std::string, std::string>> keywords{};
  Secret password{};  // not among the keywords, so that they can be printed
  std::string application_name = "pgvigil";
  std::chrono::milliseconds connect_timeout{5'000};
  // Set in the startup packet (libpq "options"), so that they beat what the database or the role
  // sets: {"search_path", "pg_catalog"}, {"statement_timeout", "5s"}.
  std::vector<std::pair<std::string, std::string>> settings{};
};

// The rows of one statement, in text or binary format as asked. Owns a PGresult; move-only.
class Rows {
 public:
  struct Impl;
  explicit Rows(std::unique_ptr<Impl> impl);
  ~Rows();
  Rows(Rows&&) noexcept;
  Rows& operator=(Rows&&) noexcept;

  [[nodiscard]] size_t size() const;
  [[nodiscard]] size_t columns() const;
  [[nodiscard]] std::string_view column_name(size_t column) const;
  // Index of the column with this name; nullopt when there is none (a view of another version).
  [[nodiscard]] std::optional<size_t> FindColumn(std::string_view name) const;

  [[nodiscard]] bool IsNull(size_t row, size_t column) const;
  // The bytes as the server sent them; "" for NULL. Valid while the Rows live.
  [[nodiscard]] std::string_view Text(size_t row, size_t column) const;
  // Text-format numbers and booleans; nullopt for NULL or what is no number.
  [[nodiscard]] std::optional<int64_t> Int(size_t row, size_t column) const;
  [[nodiscard]] std::optional<uint64_t> Unsigned(size_t row, size_t column) const;
  [[nodiscard]] std::optional<double> Double(size_t row, size_t column) const;
  [[nodiscard]] std::optional<bool> Bool(size_t row, size_t column) const;

  // Of a binary result (Connection::QueryBinary), by the column's type: int2, int4, int8 and, as
  // microseconds since 1970, timestamptz; 0 for NULL. The type is the caller's to know (CHECK of
  // the length). Text gives bytea as it is.
  [[nodiscard]] int16_t Int2(size_t row, size_t column) const;
  [[nodiscard]] int32_t Int4(size_t row, size_t column) const;
  [[nodiscard]] int64_t Int8(size_t row, size_t column) const;
  [[nodiscard]] int64_t UnixMicros(size_t row, size_t column) const;
  // Elements of an int8[] of one dimension without NULLs; none for what is not.
  [[nodiscard]] std::vector<int64_t> Int8Array(size_t row, size_t column) const;
  // The same of a float8[].
  [[nodiscard]] std::vector<double> Float8Array(size_t row, size_t column) const;

  // Rows affected by INSERT, UPDATE, DELETE, COPY; 0 for others.
  [[nodiscard]] uint64_t affected() const;

 private:
  std::unique_ptr<Impl> impl_;
};

// One statement parameter, text format; nullopt is NULL.
using Parameter = std::optional<std::string>;

// One statement of a pipeline.
struct Statement {
  std::string sql;
  std::vector<Parameter> parameters{};
  bool binary = false;  // the results' format; parameters are text
};

// One connection. One thread at a time; a CancelToken (cancel.h) may be used from another.
//
// Errors of every call: kUnavailable when the connection is lost (IsOpen() is false from then on),
// the server is starting up or shutting down, too many clients are connected, or the transaction
// lost against another and may be tried again (40001, 40P01); kTimeout for 57014
// (statement_timeout), 55P03 (lock_timeout) and a passed client deadline; kPermissionDenied for
// SQLSTATE classes 28 and 42501; kResourceExhausted for class 53 but 53300; kInvalidInput for the
// rest. The message has SQLSTATE, primary message, and detail, hint and context when present:
// "42P01 relation \"x\" does not exist (HINT: …)".
class Connection {
 public:
  // Connects within connect_timeout (looking up a host name takes what the resolver takes). The
  // client encoding is UTF-8. Messages: "connect: 28P01 password authentication failed for user
  // \"x\"", "connect: connection to server on socket … failed: …".
  static Result<Connection> Open(const ConnectOptions& options);
  ~Connection();
  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;

  [[nodiscard]] bool IsOpen() const;
  // server_version_num: 150018. 0 when closed.
  [[nodiscard]] int server_version() const;
  // PQparameterStatus: "TimeZone", "server_encoding" …; "" when the server did not say.
  [[nodiscard]] std::string_view ParameterStatus(std::string_view name) const;
  [[nodiscard]] int backend_pid() const;

  // Client-side deadline for each call from now on, beside the server's statement_timeout: when it
  // passes, the connection is closed and the call fails with kTimeout. Zero: wait for ever.
  void SetDeadline(std::chrono::milliseconds per_call);

  // One statement by the extended protocol, text format. A string that holds two statements is
  // refused by the server.
  Result<Rows> Query(std::string_view sql, const std::vector<Parameter>& parameters = {});
  // The same with results in binary format: bytea comes as it is, numbers by Rows::Int8 and its
  // like.
  Result<Rows> QueryBinary(std::string_view sql, const std::vector<Parameter>& parameters = {});
  // One or more statements without results by the simple protocol: BEGIN, SET, migrations.
  Result<void> Execute(std::string_view sql);
  // Sends all, then reads all, in one round trip (pipeline mode). Each statement has its own
  // result and its own implicit transaction: one that fails does not stop those after it.
  // The outer Result fails only when the connection is lost or a string holds a NUL.
  Result<std::vector<Result<Rows>>> Pipeline(const std::vector<Statement>& statements);
  // Several statements in one round trip and one transaction (one Sync): all or none. Fails with
  // the first error. May be called inside a transaction that Execute("BEGIN") opened.
  Result<std::vector<Rows>> PipelineAtomic(const std::vector<Statement>& statements);

  // Name of what libpq knows about the last failure's SQLSTATE: "23505"; "" when none.
  [[nodiscard]] std::string_view last_sqlstate() const;

  struct Impl;
  [[nodiscard]] Impl& impl() { return *impl_; }

 private:
  Result<Rows> Ask(const Statement& statement);
  explicit Connection(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// A BEGIN that rolls back unless Commit succeeds. The connection must outlive it.
class Transaction {
 public:
  static Result<Transaction> Begin(Connection& connection, std::string_view begin_sql = "BEGIN");
  ~Transaction();
  Transaction(Transaction&&) noexcept;
  Transaction& operator=(Transaction&&) = delete;
  // An error leaves it unknown whether the transaction is in when the connection was lost
  // meanwhile.
  Result<void> Commit();

 private:
  explicit Transaction(Connection& connection) : connection_(&connection) {}
  Connection* connection_;  // null: committed or moved from
};

// Makes a SQL identifier or a literal of a string: "a\"b" → "\"a\"\"b\"", 'it''s'.
std::string QuoteIdentifier(std::string_view name);
std::string QuoteLiteral(std::string_view text);

}  // namespace shared::postgres
