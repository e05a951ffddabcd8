#include "agent/postgres/diagnosis.h"

#include <gtest/gtest.h>

namespace agent::postgres {
namespace {

using pgvigil::v1::Capability;
using shared::Error;
using shared::ErrorCode;

TEST(DiagnoseFailure, NamesTheCommandThatHelps) {
  SessionOptions options;
  options.host = "/run/postgresql";
  const auto expect_remedy = [&](const std::string& message, std::string_view remedy) {
    const Capability capability =
        DiagnoseFailure(options, Error{ErrorCode::kPermissionDenied, message});
    EXPECT_EQ(capability.name(), "postgres:main");
    EXPECT_EQ(capability.state(), Capability::STATE_FAILED);
    EXPECT_EQ(capability.detail(), message);
    EXPECT_EQ(capability.remedy(), remedy) << message;
  };
  expect_remedy(
      "connect: connection to server on socket \"/x\" failed: Connection refused",
      "check that PostgreSQL runs and that host \"/run/postgresql\" and port 5432 are its "
      "own");
  expect_remedy(
      "connect: connection to server on socket \"/x\" failed: No such file or directory",
      "check that PostgreSQL runs and that host \"/run/postgresql\" and port 5432 are its own; a "
      "socket in /tmp is hidden from the service by PrivateTmp: see pgvigil-agent.service(8)");
  expect_remedy("connect: 28000 Peer authentication failed for user \"pgvigil\"",
                "peer wants a system user called pgvigil: run the agent as that, or map its user "
                "in pg_ident.conf");
  expect_remedy("connect: 28000 role \"pgvigil\" does not exist",
                "CREATE ROLE \"pgvigil\" LOGIN; GRANT pg_monitor TO \"pgvigil\";");
  expect_remedy("connect: 28000 no pg_hba.conf entry for host \"[local]\"",
                "add to pg_hba.conf: local postgres pgvigil peer (or scram-sha-256), then SELECT "
                "pg_reload_conf();");
  expect_remedy("connect: 28P01 password authentication failed for user \"pgvigil\"",
                "set the password of role pgvigil in password_file; on the server: ALTER ROLE "
                "\"pgvigil\" PASSWORD '…';");
  expect_remedy("connect: connection to server failed: fe_sendauth: no password supplied",
                "set the password of role pgvigil in password_file; on the server: ALTER ROLE "
                "\"pgvigil\" PASSWORD '…';");
  expect_remedy("connect: 3D000 database \"postgres\" does not exist",
                "set database to one that exists: \"postgres\" does not");
  expect_remedy("connect: 42501 permission denied for database \"postgres\"",
                "GRANT CONNECT ON DATABASE \"postgres\" TO \"pgvigil\";");
  expect_remedy("connect: 53300 sorry, too many clients already",
                "raise max_connections, or close sessions that are not needed");
  expect_remedy("connect: 57P03 the database system is starting up",
                "wait: the server is starting up or shutting down");
  expect_remedy("role \"postgres\" is a superuser",
                "use a role of its own: CREATE ROLE \"pgvigil\" LOGIN; GRANT pg_monitor TO "
                "\"pgvigil\"; or set allow_superuser = true");
  expect_remedy(
      "search_path is public instead of pg_catalog: something between here and the "
      "server drops startup settings",
      "connect to the server itself, not through a pooler");
}

TEST(DiagnoseView, OffersTheGrantOnlyWhenItHelps) {
  const Capability denied = DiagnoseView(
      {}, "pg_stat_wal", Error{ErrorCode::kPermissionDenied, "42501 permission denied"});
  EXPECT_EQ(denied.state(), Capability::STATE_DEGRADED);
  EXPECT_EQ(denied.detail(), "pg_stat_wal: 42501 permission denied");
  EXPECT_EQ(denied.remedy(), "GRANT pg_monitor TO \"pgvigil\";");
  const Capability late =
      DiagnoseView({}, "database sizes", Error{ErrorCode::kTimeout, "57014 canceling statement"});
  EXPECT_EQ(late.detail(), "database sizes: 57014 canceling statement");
  EXPECT_EQ(late.remedy(), "");
}

TEST(DiagnoseSession, IsFineForAMonitor) {
  SessionFacts facts;
  facts.pg_monitor = true;
  EXPECT_EQ(DiagnoseSession({}, facts).state(), Capability::STATE_OK);
}

}  // namespace
}  // namespace agent::postgres
