#include <array>
#include <map>
#include <string>

#include "agent/postgres/views/view.h"

// pg_stat_activity (PostgreSQL manual, 28.2.3): how many backends are in which state, and how long
// the oldest of a database has been at it. The agent's own session is left out.
namespace agent::postgres {
namespace {

using pipeline::Metric;
using shared::model::MetricKind;

// Every database that takes connections is there, with a row of NULLs when nobody is connected:
// series that come and go with each session would cost more than their zeros.
constexpr std::string_view kSql = R"(/* pgvigil: pg_stat_activity */
SELECT d.datname, a.backend_type, a.state, a.backends,
       extract(epoch FROM pg_catalog.clock_timestamp()) AS now,
       extract(epoch FROM a.xact_start) AS xact_start,
       extract(epoch FROM a.query_start) AS query_start,
       extract(epoch FROM a.state_change) AS state_change
FROM (SELECT s.datid, s.backend_type, s.state, pg_catalog.count(*) AS backends,
             pg_catalog.min(s.xact_start) AS xact_start,
             pg_catalog.min(s.query_start) AS query_start,
             pg_catalog.min(s.state_change) AS state_change
      FROM pg_catalog.pg_stat_activity AS s
      WHERE s.pid OPERATOR(pg_catalog.<>) pg_catalog.pg_backend_pid()
      GROUP BY s.datid, s.backend_type, s.state) AS a
FULL JOIN (SELECT b.oid, b.datname FROM pg_catalog.pg_database AS b
           WHERE b.datallowconn AND NOT b.datistemplate) AS d
  ON d.oid OPERATOR(pg_catalog.=) a.datid
ORDER BY d.datname)";

constexpr Metric kBackends{"postgresql.backends", "1", MetricKind::kUpDownCounter};
constexpr Metric kOldestTransaction{"postgresql.backend.oldest.transaction.age", "s",
                                    MetricKind::kGauge};
constexpr Metric kOldestQuery{"postgresql.backend.oldest.query.age", "s", MetricKind::kGauge};
constexpr Metric kOldestIdle{"postgresql.backend.oldest.idle_in_transaction.age", "s",
                             MetricKind::kGauge};

// Always reported, also as zeros.
constexpr std::array<std::string_view, 4> kUsualStates = {"active", "idle", "idle in transaction",
                                                          "idle in transaction (aborted)"};

struct Database {
  std::map<std::string, double, std::less<>> states;  // of client backends
  double transaction_age = 0;
  double query_age = 0;
  double idle_age = 0;
};

double AgeOf(const Row& row, std::string_view column) {
  const std::optional<double> now = row.Number("now");
  const std::optional<double> since = row.Number(column);
  return now && since ? std::max(*now - *since, 0.0) : 0;
}

void TakeClients(const Row& row, Database& database) {
  // Who may not see other roles' sessions gets no state.
  const std::string_view state = row.Text("state").value_or("unknown");
  database.states[std::string(state)] += row.Number("backends").value_or(0);
  database.transaction_age = std::max(database.transaction_age, AgeOf(row, "xact_start"));
  if (state == "active")
    database.query_age = std::max(database.query_age, AgeOf(row, "query_start"));
  if (state.starts_with("idle in transaction")) {
    database.idle_age = std::max(database.idle_age, AgeOf(row, "state_change"));
  }
}

void Add(const Table& table, pipeline::FrameBuilder& frame) {
  std::map<std::string, Database, std::less<>> databases;
  std::map<std::string, double, std::less<>> servers;  // by backend_type
  for (size_t i = 0; i < table.size(); ++i) {
    const Row row(table, i);
    const std::string_view type = row.Text("backend_type").value_or("client backend");
    if (type != "client backend") {
      servers[std::string(type)] += row.Number("backends").value_or(0);
      continue;
    }
    Database& database = databases[std::string(row.Text("datname").value_or(""))];
    if (row.Number("backends")) TakeClients(row, database);
  }
  for (auto& [name, database] : databases) {
    for (const std::string_view state : kUsualStates)
      database.states.try_emplace(std::string(state));
    for (const auto& [state, count] : database.states) {
      frame.Add(kBackends,
                {{"db.namespace", name},
                 {"postgresql.backend_type", "client backend"},
                 {"postgresql.state", state}},
                count);
    }
    frame.Add(kOldestTransaction, {{"db.namespace", name}}, database.transaction_age);
    frame.Add(kOldestQuery, {{"db.namespace", name}}, database.query_age);
    frame.Add(kOldestIdle, {{"db.namespace", name}}, database.idle_age);
  }
  for (const std::string_view type : {"autovacuum worker", "parallel worker", "walsender"}) {
    servers.try_emplace(std::string(type));
  }
  for (const auto& [type, count] : servers) {
    frame.Add(kBackends, {{"postgresql.backend_type", type}}, count);
  }
}

}  // namespace

const View kActivityView{"pg_stat_activity", [](const InstanceIdentity&) { return kSql; }, &Add};

}  // namespace agent::postgres
