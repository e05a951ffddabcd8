#include <gtest/gtest.h>

#include <bit>
#include <chrono>
#include <cmath>
#include <limits>
#include <thread>

#include "shared/postgres/cancel.h"
#include "shared/postgres/connection.h"
#include "shared/postgres/copy.h"
#include "shared/postgres/kept.h"
#include "tests/support/postgres_server.h"

namespace shared::postgres {
namespace {

using std::chrono::milliseconds;

class PostgresTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    server_ = std::make_unique<tests::PostgresServer>(tests::PostgresServerOptions{
        .settings = {{"max_connections", "8"}, {"superuser_reserved_connections", "3"}},
        .hba = {"local closed all reject", "local all locked scram-sha-256",
                "local all all trust"}});
    server_->Execute("CREATE ROLE locked LOGIN PASSWORD 'right'");
    server_->Execute("CREATE ROLE plain LOGIN");
    server_->Execute("CREATE DATABASE closed");
  }
  static void TearDownTestSuite() { server_.reset(); }

  static void ExpectError(const Error& error, ErrorCode code, std::string_view message) {
    EXPECT_EQ(CodeName(error.code), CodeName(code)) << error.message;
    EXPECT_EQ(error.message, message);
  }
  static std::unique_ptr<tests::PostgresServer> server_;
};
std::unique_ptr<tests::PostgresServer> PostgresTest::server_;

using ConnectionOpen = PostgresTest;

TEST_F(ConnectionOpen, TellsWhoAnswered) {
  const Connection connection = server_->Connect();
  EXPECT_TRUE(connection.IsOpen());
  EXPECT_GE(connection.server_version(), 140000);
  EXPECT_EQ(connection.ParameterStatus("client_encoding"), "UTF8");
  EXPECT_EQ(connection.ParameterStatus("application_name"), "pgvigil-test");
  EXPECT_EQ(connection.ParameterStatus("nonsense"), "");
  EXPECT_GT(connection.backend_pid(), 0);
}

TEST_F(ConnectionOpen, SetsStartupSettingsThatBeatTheRoles) {
  server_->Execute("ALTER ROLE plain SET search_path = evil; ALTER ROLE plain SET jit = on");
  ConnectOptions options = server_->Options("postgres", "plain");
  options.settings = {{"search_path", "a b\\c, pg_catalog"}, {"statement_timeout", "1234ms"}};
  Result<Connection> connection = Connection::Open(options);
  server_->Execute("ALTER ROLE plain RESET search_path");
  // As it stands: a name with a space must be quoted, and is not.
  ASSERT_FALSE(connection);
  ExpectError(connection.error(), ErrorCode::kInvalidInput,
              "connect: 22023 invalid value for parameter \"search_path\": \"a b\\c, pg_catalog\" "
              "(DETAIL: List syntax is invalid.)");

  server_->Execute("ALTER ROLE plain SET search_path = evil");
  options.settings[0].second = "\"a b\\c\", pg_catalog";
  connection = Connection::Open(options);
  server_->Execute("ALTER ROLE plain RESET search_path");
  ASSERT_TRUE(connection) << connection.error().message;
  const Result<Rows> rows = connection->Query(
      "SELECT current_setting('search_path'), current_setting('statement_timeout')");
  ASSERT_TRUE(rows) << rows.error().message;
  EXPECT_EQ(rows->Text(0, 0), "\"a b\\c\", pg_catalog");
  EXPECT_EQ(rows->Text(0, 1), "1234ms");
}

TEST_F(ConnectionOpen, SaysWhyItWasRefused) {
  const auto expect_error = [](const ConnectOptions& options, ErrorCode code,
                               std::string_view message) {
    const Result<Connection> connection = Connection::Open(options);
    ASSERT_FALSE(connection) << message;
    ExpectError(connection.error(), code, message);
  };
  ConnectOptions wrong = server_->Options("postgres", "locked");
  wrong.password = Secret("wrong");
  expect_error(wrong, ErrorCode::kPermissionDenied,
               "connect: 28P01 password authentication failed for user \"locked\"");
  const std::string socket =
      server_->socket_directory() + "/.s.PGSQL." + std::to_string(server_->port());
  expect_error(server_->Options("postgres", "locked"), ErrorCode::kPermissionDenied,
               "connect: connection to server on socket \"" + socket +
                   "\" failed: fe_sendauth: no password supplied");
  expect_error(server_->Options("postgres", "nobody"), ErrorCode::kPermissionDenied,
               "connect: 28000 role \"nobody\" does not exist");
  expect_error(server_->Options("closed"), ErrorCode::kPermissionDenied,
               "connect: 28000 pg_hba.conf rejects connection for host \"[local]\", user "
               "\"postgres\", database \"closed\", no encryption");
  expect_error(server_->Options("absent"), ErrorCode::kInvalidInput,
               "connect: 3D000 database \"absent\" does not exist");
  expect_error({.keywords = {{"hots", "/tmp"}}}, ErrorCode::kInvalidInput,
               "connect: unknown keyword \"hots\"");
  expect_error({.keywords = {{"password", "x"}}}, ErrorCode::kInvalidInput,
               "connect: the password is not among the keywords");
  expect_error({.keywords = {{"host", "/tmp"}, {"sslmode", "maybe"}}}, ErrorCode::kInvalidInput,
               "connect: invalid sslmode value: \"maybe\"");
  expect_error({.keywords = {{"host", "/nowhere"}, {"port", "5432"}}}, ErrorCode::kUnavailable,
               "connect: connection to server on socket \"/nowhere/.s.PGSQL.5432\" failed: No such "
               "file or directory Is the server running locally and accepting connections on that "
               "socket?");
}

TEST_F(ConnectionOpen, CallsTooManyClientsUnavailable) {
  std::vector<Connection> taken;
  Error error;
  while (taken.size() < 9) {
    Result<Connection> next = Connection::Open(server_->Options("postgres", "plain"));
    if (!next) {
      error = next.error();
      break;
    }
    taken.push_back(std::move(*next));
  }
  ExpectError(
      error, ErrorCode::kUnavailable,
      "connect: 53300 remaining connection slots are reserved for non-replication superuser "
      "connections");
}

TEST(ConnectionOpenHung, GivesUpAtItsTimeout) {
  tests::PostgresServer server;
  server.Freeze();  // the kernel accepts, nobody answers
  ConnectOptions options = server.Options();
  options.connect_timeout = milliseconds(50);
  const Result<Connection> connection = Connection::Open(options);
  server.Thaw();
  ASSERT_FALSE(connection);
  EXPECT_EQ(connection.error().code, ErrorCode::kTimeout);
  EXPECT_EQ(connection.error().message, "connect: no answer within 50 ms");
}

using ConnectionQuery = PostgresTest;

TEST_F(ConnectionQuery, ReadsTextNumbersAndNull) {
  Connection connection = server_->Connect();
  const Result<Rows> rows = connection.Query(
      "SELECT $1::text AS words, $2::int8 AS number, 18446744073709551615::numeric AS big, "
      "'-Infinity'::float8 AS low, true AS yes, NULL AS nothing",
      {"\x27 \" \\ ä", "-7"});
  ASSERT_TRUE(rows) << rows.error().message;
  ASSERT_EQ(rows->size(), 1U);
  ASSERT_EQ(rows->columns(), 6U);
  EXPECT_EQ(rows->Text(0, *rows->FindColumn("words")), "\x27 \" \\ ä");
  EXPECT_EQ(rows->Int(0, 1), -7);
  EXPECT_EQ(rows->Unsigned(0, 1), std::nullopt);
  EXPECT_EQ(rows->Unsigned(0, 2), 18446744073709551615U);
  EXPECT_EQ(rows->Int(0, 2), std::nullopt);
  EXPECT_EQ(rows->Double(0, 3), -std::numeric_limits<double>::infinity());
  EXPECT_EQ(rows->Bool(0, 4), true);
  EXPECT_TRUE(rows->IsNull(0, 5));
  EXPECT_EQ(rows->Int(0, 5), std::nullopt);
  EXPECT_EQ(rows->FindColumn("WORDS"), std::nullopt);
  EXPECT_EQ(rows->affected(), 0U);
}

TEST_F(ConnectionQuery, ReadsBinaryResultsByType) {
  Connection connection = server_->Connect();
  const Result<Rows> rows = connection.QueryBinary(
      "SELECT (-2)::int2, (-70000)::int4, (-5000000000)::int8, '\\x00ff5c'::bytea,"
      " '1970-01-02 00:00:00.000001+00'::timestamptz, ARRAY[1, -5000000000]::int8[], '{}'::int8[],"
      " ARRAY[1, NULL]::int8[], NULL::int8, NULL::timestamptz, $1::int4",
      {"7"});
  ASSERT_TRUE(rows) << rows.error().message;
  EXPECT_EQ(rows->Int2(0, 0), -2);
  EXPECT_EQ(rows->Int4(0, 1), -70000);
  EXPECT_EQ(rows->Int8(0, 2), -5'000'000'000);
  EXPECT_EQ(rows->Text(0, 3), std::string_view("\x00\xff\x5c", 3));
  EXPECT_EQ(rows->UnixMicros(0, 4), 86'400'000'001);
  EXPECT_EQ(rows->Int8Array(0, 5), (std::vector<int64_t>{1, -5'000'000'000}));
  EXPECT_TRUE(rows->Int8Array(0, 6).empty());
  EXPECT_TRUE(rows->Int8Array(0, 7).empty());
  EXPECT_TRUE(rows->IsNull(0, 8));
  EXPECT_EQ(rows->Int8(0, 8), 0);
  EXPECT_EQ(rows->UnixMicros(0, 9), 0);
  EXPECT_EQ(rows->Int4(0, 10), 7);
}

TEST_F(ConnectionQuery, CountsRowsThatItChanged) {
  Connection connection = server_->Connect();
  ASSERT_TRUE(connection.Execute("CREATE TEMP TABLE t (a int)"));
  EXPECT_EQ(connection.Query("INSERT INTO t SELECT generate_series(1, 5)")->affected(), 5U);
  EXPECT_EQ(connection.Query("DELETE FROM t WHERE a > 3")->affected(), 2U);
  EXPECT_EQ(connection.Query("TABLE t")->affected(), 0U);
}

TEST_F(ConnectionQuery, TellsEachClassOfFailure) {
  Connection connection = server_->Connect();
  const auto expect_error = [&](std::string_view sql, ErrorCode code, std::string_view sqlstate,
                                std::string_view message) {
    const Result<Rows> rows = connection.Query(sql);
    ASSERT_FALSE(rows) << sql;
    ExpectError(rows.error(), code, message);
    EXPECT_EQ(connection.last_sqlstate(), sqlstate);
    EXPECT_TRUE(connection.IsOpen()) << sql;
  };
  expect_error("SELECT * FROM missing", ErrorCode::kInvalidInput, "42P01",
               "42P01 relation \"missing\" does not exist");
  expect_error("SELECT lenght('x')", ErrorCode::kInvalidInput, "42883",
               "42883 function lenght(unknown) does not exist (HINT: No function matches the given "
               "name and argument types. You might need to add explicit type casts.)");
  expect_error("SELECT 1; SELECT 2", ErrorCode::kInvalidInput, "42601",
               "42601 cannot insert multiple commands into a prepared statement");
  expect_error("SELECT 1/0", ErrorCode::kInvalidInput, "22012", "22012 division by zero");
  ASSERT_TRUE(connection.Execute("SET statement_timeout = '20ms'"));
  expect_error("SELECT pg_sleep(60)", ErrorCode::kTimeout, "57014",
               "57014 canceling statement due to statement timeout");
  ASSERT_TRUE(connection.Execute("SET statement_timeout = 0; SET ROLE plain"));
  expect_error("SELECT * FROM pg_authid", ErrorCode::kPermissionDenied, "42501",
               "42501 permission denied for table pg_authid");
  ASSERT_TRUE(connection.Execute("RESET ROLE"));
  expect_error(
      "DO $$BEGIN RAISE EXCEPTION 'full' USING ERRCODE = '53100', DETAIL = 'a\n\tb'; END$$",
      ErrorCode::kResourceExhausted, "53100",
      "53100 full (DETAIL: a b; CONTEXT: PL/pgSQL function inline_code_block line 1 at "
      "RAISE)");
  expect_error("DO $$BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '40001'; END$$",
               ErrorCode::kUnavailable, "40001",
               "40001 again (CONTEXT: PL/pgSQL function inline_code_block line 1 at RAISE)");
  EXPECT_TRUE(connection.Query("SELECT 1"));
  EXPECT_EQ(connection.last_sqlstate(), "");
}

TEST_F(ConnectionQuery, CallsALockTimeoutATimeout) {
  server_->Execute("CREATE TABLE contended ()");
  Connection holder = server_->Connect();
  ASSERT_TRUE(holder.Execute("BEGIN; LOCK contended"));
  Connection connection = server_->Connect();
  ASSERT_TRUE(connection.Execute("SET lock_timeout = '10ms'"));
  const Result<Rows> rows = connection.Query("SELECT * FROM contended");
  ASSERT_FALSE(rows);
  ExpectError(rows.error(), ErrorCode::kTimeout, "55P03 canceling statement due to lock timeout");
}

TEST_F(ConnectionQuery, RefusesWhatACStringWouldCut) {
  Connection connection = server_->Connect();
  using namespace std::string_literals;
  ExpectError(connection.Query("SELECT 1\0; DROP"s).error(), ErrorCode::kInvalidInput,
              "statement: NUL at byte 8");
  ExpectError(connection.Query("SELECT $1, $2", {"a", "b\0c"s}).error(), ErrorCode::kInvalidInput,
              "parameter $2: NUL at byte 1");
  EXPECT_TRUE(connection.Query("SELECT 1"));
}

TEST_F(ConnectionQuery, ClosesTheConnectionAtTheDeadline) {
  Connection connection = server_->Connect();
  connection.SetDeadline(milliseconds(30));
  const Result<Rows> rows = connection.Query("SELECT pg_sleep(60)");
  ASSERT_FALSE(rows);
  ExpectError(rows.error(), ErrorCode::kTimeout, "no answer within 30 ms");
  EXPECT_FALSE(connection.IsOpen());
  EXPECT_EQ(connection.server_version(), 0);
  ExpectError(connection.Query("SELECT 1").error(), ErrorCode::kUnavailable,
              "the connection is closed");
  server_->Execute(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
      "WHERE query LIKE 'SELECT pg_sleep%'");
}

TEST_F(ConnectionQuery, ClosesWhenTheBackendIsTerminated) {
  Connection connection = server_->Connect();
  const int pid = connection.backend_pid();
  server_->Execute(fmt::format("SELECT pg_terminate_backend({}, 10000)", pid));
  const Result<Rows> rows = connection.Query("SELECT 1");
  ASSERT_FALSE(rows);
  ExpectError(rows.error(), ErrorCode::kUnavailable,
              "57P01 terminating connection due to administrator command");
  EXPECT_FALSE(connection.IsOpen());
}

TEST_F(ConnectionQuery, RefusesCopy) {
  Connection connection = server_->Connect();
  ExpectError(connection.Query("COPY pg_class TO STDOUT").error(), ErrorCode::kInvalidInput,
              "COPY goes only through CopyIn; the connection is closed");
  EXPECT_FALSE(connection.IsOpen());
}

TEST(ConnectionQueryKilled, FailsWhenTheServerIsKilledUnderIt) {
  tests::PostgresServer server;
  Connection connection = server.Connect();
  Connection watcher = server.Connect();
  std::jthread killer([&] {
    // The kill must come while the query runs, not before.
    while (watcher.Query("SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep'")->size() ==
           0) {
    }
    server.Kill9();
  });
  const Result<Rows> rows = connection.Query("SELECT pg_sleep(60)");
  killer.join();
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(rows.error().message,
            "server closed the connection unexpectedly This probably means the server terminated "
            "abnormally before or while processing the request.");
  EXPECT_FALSE(connection.IsOpen());
  server.Start();
  EXPECT_TRUE(server.Connect().Query("SELECT 1"));
}

TEST_F(ConnectionQuery, StopsWhenCancelledFromAnotherThread) {
  Connection connection = server_->Connect();
  const Result<CancelToken> token = CancelToken::For(connection);
  ASSERT_TRUE(token);
  Connection watcher = server_->Connect();
  std::jthread canceller([&] {
    while (watcher.Query("SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep'")->size() ==
           0) {
    }
    EXPECT_TRUE(token->Cancel());
  });
  const Result<Rows> rows = connection.Query("SELECT pg_sleep(60)");
  ASSERT_FALSE(rows);
  ExpectError(rows.error(), ErrorCode::kTimeout, "57014 canceling statement due to user request");
  EXPECT_TRUE(connection.Query("SELECT 1"));
}

using ConnectionPipeline = PostgresTest;

TEST_F(ConnectionPipeline, KeepsTheOthersWhenOneFails) {
  Connection connection = server_->Connect();
  ASSERT_TRUE(connection.Execute("CREATE TEMP TABLE t (a int PRIMARY KEY)"));
  const Result<std::vector<Result<Rows>>> answers =
      connection.Pipeline({{"INSERT INTO t VALUES ($1)", {"1"}},
                           {"INSERT INTO t VALUES ($1)", {"1"}},
                           {"SELECT missing", {}},
                           {"SELECT count(*) FROM t", {}}});
  ASSERT_TRUE(answers) << answers.error().message;
  ASSERT_EQ(answers->size(), 4U);
  EXPECT_EQ((*answers)[0]->affected(), 1U);
  ExpectError(
      (*answers)[1].error(), ErrorCode::kInvalidInput,
      "23505 duplicate key value violates unique constraint \"t_pkey\" (DETAIL: Key (a)=(1) "
      "already exists.)");
  ExpectError((*answers)[2].error(), ErrorCode::kInvalidInput,
              "42703 column \"missing\" does not exist");
  EXPECT_EQ((*answers)[3]->Int(0, 0), 1);
  EXPECT_EQ(connection.last_sqlstate(), "23505");
  EXPECT_EQ(connection.Query("SELECT 5")->Int(0, 0), 5);
}

TEST_F(ConnectionPipeline, CarriesMoreThanTheSocketBuffersHold) {
  Connection connection = server_->Connect();
  std::vector<Statement> statements;
  for (int i = 0; i < 20; ++i) {
    statements.push_back({"SELECT $1::text", {std::string(500'000, static_cast<char>('a' + i))}});
  }
  const Result<std::vector<Result<Rows>>> answers = connection.Pipeline(statements);
  ASSERT_TRUE(answers) << answers.error().message;
  for (size_t i = 0; i < statements.size(); ++i) {
    EXPECT_EQ((*answers)[i]->Text(0, 0), *statements[i].parameters[0]) << i;
  }
}

TEST_F(ConnectionPipeline, AtomicallyStoresAllOrNothing) {
  Connection connection = server_->Connect();
  ASSERT_TRUE(connection.Execute("CREATE TEMP TABLE t (a int PRIMARY KEY)"));
  const Result<std::vector<Rows>> failed = connection.PipelineAtomic(
      {{"INSERT INTO t VALUES (1)", {}}, {"SELECT 1/0", {}}, {"INSERT INTO t VALUES (2)", {}}});
  ASSERT_FALSE(failed);
  ExpectError(failed.error(), ErrorCode::kInvalidInput, "22012 division by zero");
  EXPECT_EQ(connection.last_sqlstate(), "22012");
  EXPECT_EQ(connection.Query("SELECT count(*) FROM t")->Int(0, 0), 0);
  const Result<std::vector<Rows>> stored =
      connection.PipelineAtomic({{"INSERT INTO t VALUES (1)", {}}, {"SELECT count(*) FROM t", {}}});
  ASSERT_TRUE(stored) << stored.error().message;
  EXPECT_EQ((*stored)[1].Int(0, 0), 1);
  EXPECT_TRUE(connection.PipelineAtomic({})->empty());
}

TEST_F(ConnectionPipeline, PreparesAKeptStatementOnce) {
  Connection connection = server_->Connect();
  const KeptStatement kept{{"SELECT $1::int8 + 1", {"41"}, true}};
  for (int i = 0; i < 3; ++i) {
    const Result<std::vector<Rows>> answers =
        PipelineKept(connection, {{{"SELECT 7"}, false}, kept, kept});
    ASSERT_TRUE(answers) << answers.error().message;
    ASSERT_EQ(answers->size(), 3U);
    EXPECT_EQ((*answers)[0].Int(0, 0), 7);
    EXPECT_EQ((*answers)[1].Int8(0, 0), 42);
    EXPECT_EQ((*answers)[2].Int8(0, 0), 42);
  }
  EXPECT_EQ(connection.Query("SELECT count(*) FROM pg_prepared_statements")->Int(0, 0), 1);
}

TEST_F(ConnectionPipeline, TellsWhyAStatementCannotBeKept) {
  Connection connection = server_->Connect();
  const std::vector<KeptStatement> statements{{{"SELECT a FROM later"}}, {{"SELECT 1"}}};
  for (int i = 0; i < 2; ++i) {
    const Result<std::vector<Rows>> failed = PipelineKept(connection, statements);
    ASSERT_FALSE(failed);
    ExpectError(failed.error(), ErrorCode::kInvalidInput,
                "42P01 relation \"later\" does not exist");
    EXPECT_EQ(connection.last_sqlstate(), "42P01");
  }
  ASSERT_TRUE(connection.Execute("CREATE TEMP TABLE later AS SELECT 5 AS a"));
  const Result<std::vector<Rows>> answers = PipelineKept(connection, statements);
  ASSERT_TRUE(answers) << answers.error().message;
  EXPECT_EQ((*answers)[0].Int(0, 0), 5);
  EXPECT_EQ((*answers)[1].Int(0, 0), 1);
}

TEST_F(ConnectionPipeline, PreparesAnewWhatSomebodyForgot) {
  Connection connection = server_->Connect();
  ASSERT_TRUE(PipelineKept(connection, {{{"SELECT 1"}}}));
  ASSERT_TRUE(connection.Execute("DEALLOCATE ALL"));
  const Result<std::vector<Rows>> failed = PipelineKept(connection, {{{"SELECT 1"}}});
  ASSERT_FALSE(failed);
  EXPECT_EQ(connection.last_sqlstate(), "26000");
  EXPECT_TRUE(PipelineKept(connection, {{{"SELECT 1"}}}));
}

TEST_F(ConnectionPipeline, ObeysTheDeadline) {
  Connection connection = server_->Connect();
  connection.SetDeadline(milliseconds(30));
  const auto answers = connection.Pipeline({{"SELECT 1", {}}, {"SELECT pg_sleep(60)", {}}});
  ASSERT_FALSE(answers);
  ExpectError(answers.error(), ErrorCode::kTimeout, "no answer within 30 ms");
  EXPECT_FALSE(connection.IsOpen());
}

TEST_F(ConnectionPipeline, FailsAsAWholeWhenItsBackendIsTerminated) {
  Connection connection = server_->Connect();
  const auto answers = connection.Pipeline(
      {{"SELECT 1", {}}, {"SELECT pg_terminate_backend(pg_backend_pid())", {}}, {"SELECT 2", {}}});
  ASSERT_FALSE(answers);
  ExpectError(answers.error(), ErrorCode::kUnavailable,
              "57P01 terminating connection due to administrator command");
  EXPECT_FALSE(connection.IsOpen());
}

using TransactionTest = PostgresTest;

TEST_F(TransactionTest, RollsBackUnlessCommitted) {
  Connection connection = server_->Connect();
  ASSERT_TRUE(connection.Execute("CREATE TEMP TABLE t (a int)"));
  {
    const Result<Transaction> transaction = Transaction::Begin(connection);
    ASSERT_TRUE(transaction);
    ASSERT_TRUE(connection.Execute("INSERT INTO t VALUES (1)"));
  }
  EXPECT_EQ(connection.Query("TABLE t")->size(), 0U);
  Result<Transaction> transaction = Transaction::Begin(connection);
  ASSERT_TRUE(connection.Execute("INSERT INTO t VALUES (1)"));
  ASSERT_TRUE(transaction->Commit());
  EXPECT_EQ(connection.Query("TABLE t")->size(), 1U);
}

TEST_F(TransactionTest, DoesNotCallARolledBackCommitASuccess) {
  Connection connection = server_->Connect();
  Result<Transaction> transaction = Transaction::Begin(connection);
  ASSERT_FALSE(connection.Execute("SELECT missing"));
  const Result<void> committed = transaction->Commit();
  ASSERT_FALSE(committed);
  ExpectError(committed.error(), ErrorCode::kInvalidInput,
              "COMMIT: rolled back, for a statement of the transaction had failed");
  EXPECT_TRUE(connection.Query("SELECT 1"));
}

TEST_F(TransactionTest, TellsWhatCommitRefused) {
  Connection connection = server_->Connect();
  ASSERT_TRUE(
      connection.Execute("CREATE TEMP TABLE t (a int UNIQUE DEFERRABLE INITIALLY DEFERRED)"));
  Result<Transaction> transaction = Transaction::Begin(connection);
  ASSERT_TRUE(connection.Execute("INSERT INTO t VALUES (1), (1)"));
  const Result<void> committed = transaction->Commit();
  ASSERT_FALSE(committed);
  ExpectError(
      committed.error(), ErrorCode::kInvalidInput,
      "COMMIT: 23505 duplicate key value violates unique constraint \"t_a_key\" (DETAIL: Key "
      "(a)=(1) already exists.)");
}

using CopyInTest = PostgresTest;

TEST_F(CopyInTest, StoresEveryTypeAsItIs) {
  Connection connection = server_->Connect();
  ASSERT_TRUE(connection.Execute(
      "CREATE TEMP TABLE t (b bool, i2 int2, i4 int4, o oid, i8 int8, f float8, s text, j jsonb, "
      "x bytea, u uuid, ts timestamptz, a8 int8[], a4 int4[], n text)"));
  Result<CopyIn> copy = CopyIn::Begin(connection, "COPY t FROM STDIN (FORMAT binary)");
  ASSERT_TRUE(copy) << copy.error().message;
  const std::array<uint8_t, 16> uuid{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255};
  const auto put = [&](double value, WallTime time) {
    copy->BeginRow(14);
    copy->Bool(true);
    copy->Int2(-2);
    copy->Int4(std::numeric_limits<int32_t>::min());
    copy->Oid(4'294'967'295U);
    copy->Int8(std::numeric_limits<int64_t>::min());
    copy->Float8(value);
    copy->Text("tab\t ä");
    copy->Jsonb(R"({"a": [1, null]})");
    copy->Bytea(std::string_view("\0\xff", 2));
    copy->Uuid(uuid);
    copy->Timestamptz(time);
    copy->Int8Array(std::array<int64_t, 2>{-1, int64_t{1} << 40});
    copy->Int4Array({});
    copy->Null();
  };
  put(std::bit_cast<double>(uint64_t{0x7ff0000000000002}),
      FromUnixNanos(1'767'225'600'123'456'999));
  put(std::numeric_limits<double>::infinity(), FromUnixNanos(-1));
  put(-std::numeric_limits<double>::infinity(), FromUnixNanos(946'684'800'000'000'000));
  put(-0.0, FromUnixNanos(0));
  const Result<uint64_t> stored = copy->Finish();
  ASSERT_TRUE(stored) << stored.error().message;
  EXPECT_EQ(*stored, 4U);
  ASSERT_TRUE(connection.Execute("SET TimeZone = 'UTC'"));
  const Result<Rows> rows = connection.Query("SELECT *, float8send(f) FROM t");
  ASSERT_TRUE(rows) << rows.error().message;
  ASSERT_EQ(rows->size(), 4U);
  const std::vector<std::string_view> first{"t",
                                            "-2",
                                            "-2147483648",
                                            "4294967295",
                                            "-9223372036854775808",
                                            "NaN",
                                            "tab\t ä",
                                            R"({"a": [1, null]})",
                                            "\\x00ff",
                                            "00010203-0405-0607-0809-0a0b0c0d0eff",
                                            "2026-01-01 00:00:00.123456+00",
                                            "{-1,1099511627776}",
                                            "{}"};
  for (size_t column = 0; column < first.size(); ++column) {
    EXPECT_EQ(rows->Text(0, column), first[column]) << rows->column_name(column);
  }
  EXPECT_TRUE(rows->IsNull(0, 13));
  EXPECT_EQ(rows->Text(0, 14), "\\x7ff0000000000002");  // the NaN's payload survives
  EXPECT_EQ(rows->Text(1, 5), "Infinity");
  EXPECT_EQ(rows->Text(1, 10), "1969-12-31 23:59:59.999999+00");
  EXPECT_EQ(rows->Text(2, 5), "-Infinity");
  EXPECT_EQ(rows->Text(2, 10), "2000-01-01 00:00:00+00");
  EXPECT_EQ(rows->Text(3, 5), "-0");
  EXPECT_EQ(rows->Text(3, 10), "1970-01-01 00:00:00+00");
}

TEST_F(CopyInTest, SaysWhichRowWasRefused) {
  Connection connection = server_->Connect();
  ASSERT_TRUE(connection.Execute("CREATE TEMP TABLE t (a int CONSTRAINT low CHECK (a < 10))"));
  Result<CopyIn> copy = CopyIn::Begin(connection, "COPY t FROM STDIN (FORMAT binary)");
  ASSERT_TRUE(copy);
  for (const int value : {1, 2, 30, 4}) {
    copy->BeginRow(1);
    copy->Int4(value);
  }
  const Result<uint64_t> stored = copy->Finish();
  ASSERT_FALSE(stored);
  ExpectError(stored.error(), ErrorCode::kInvalidInput,
              "23514 new row for relation \"t\" violates check constraint \"low\" (DETAIL: Failing "
              "row contains (30).; CONTEXT: COPY t, line 3)");
  EXPECT_EQ(connection.last_sqlstate(), "23514");
  EXPECT_EQ(connection.Query("TABLE t")->size(), 0U);
}

TEST_F(CopyInTest, RefusesTextThatIsNoUtf8) {
  Connection connection = server_->Connect();
  ASSERT_TRUE(connection.Execute("CREATE TEMP TABLE t (a text)"));
  Result<CopyIn> copy = CopyIn::Begin(connection, "COPY t FROM STDIN (FORMAT binary)");
  copy->BeginRow(1);
  copy->Text("\xff");
  ExpectError(copy->Finish().error(), ErrorCode::kInvalidInput,
              "22021 invalid byte sequence for encoding \"UTF8\": 0xff (CONTEXT: COPY t, line 1, "
              "column a)");
}

TEST_F(CopyInTest, StoresNothingWhenLeft) {
  Connection connection = server_->Connect();
  ASSERT_TRUE(connection.Execute("CREATE TEMP TABLE t (a text)"));
  {
    Result<CopyIn> copy = CopyIn::Begin(connection, "COPY t FROM STDIN (FORMAT binary)");
    ASSERT_TRUE(copy);
    for (int row = 0; row < 100; ++row) {  // more than one buffer
      copy->BeginRow(1);
      copy->Text(std::string(10'000, 'x'));
    }
  }
  EXPECT_TRUE(connection.IsOpen());
  EXPECT_EQ(connection.Query("TABLE t")->size(), 0U);
}

TEST_F(CopyInTest, RefusesWhatIsNoBinaryCopy) {
  Connection connection = server_->Connect();
  ExpectError(CopyIn::Begin(connection, "COPY missing FROM STDIN (FORMAT binary)").error(),
              ErrorCode::kInvalidInput, "42P01 relation \"missing\" does not exist");
  EXPECT_TRUE(connection.Query("SELECT 1"));
  ExpectError(CopyIn::Begin(connection, "SELECT 1").error(), ErrorCode::kInvalidInput,
              "not a COPY … FROM STDIN (FORMAT binary); the connection is closed");
  EXPECT_FALSE(connection.IsOpen());
}

TEST_F(CopyInTest, TellsThatTheServerWentAway) {
  Connection connection = server_->Connect();
  ASSERT_TRUE(connection.Execute("CREATE TEMP TABLE t (a text)"));
  Result<CopyIn> copy = CopyIn::Begin(connection, "COPY t FROM STDIN (FORMAT binary)");
  ASSERT_TRUE(copy);
  server_->Execute(fmt::format("SELECT pg_terminate_backend({}, 10000)", connection.backend_pid()));
  for (int row = 0; row < 1000; ++row) {
    copy->BeginRow(1);
    copy->Text(std::string(10'000, 'x'));
  }
  const Result<uint64_t> stored = copy->Finish();
  ASSERT_FALSE(stored);
  EXPECT_EQ(stored.error().code, ErrorCode::kUnavailable) << stored.error().message;
  EXPECT_FALSE(connection.IsOpen());
}

TEST_F(CopyInTest, ObeysTheDeadline) {
  server_->Execute("CREATE TABLE slow (a int)");
  Connection connection = server_->Connect();
  Connection holder = server_->Connect();
  ASSERT_TRUE(holder.Execute("BEGIN; LOCK slow"));
  connection.SetDeadline(milliseconds(30));
  const Result<CopyIn> copy = CopyIn::Begin(connection, "COPY slow FROM STDIN (FORMAT binary)");
  ASSERT_FALSE(copy);
  ExpectError(copy.error(), ErrorCode::kTimeout, "no answer within 30 ms");
}

TEST_F(PostgresTest, QuotesSoThatTheServerReadsItBack) {
  Connection connection = server_->Connect();
  for (const bool conforming : {true, false}) {
    ASSERT_TRUE(connection.Execute(
        fmt::format("SET standard_conforming_strings = {}", conforming ? "on" : "off")));
    for (const std::string_view text : {"", "it's", "a\"b", "back\\slash'", "ä\n"}) {
      const Result<Rows> rows = connection.Query(fmt::format(
          "SELECT {} AS {}", QuoteLiteral(text), QuoteIdentifier("x" + std::string(text))));
      ASSERT_TRUE(rows) << text << ": " << rows.error().message;
      EXPECT_EQ(rows->Text(0, 0), text);
      EXPECT_EQ(rows->column_name(0), "x" + std::string(text));
    }
  }
}

}  // namespace
}  // namespace shared::postgres
