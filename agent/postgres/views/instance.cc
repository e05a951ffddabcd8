#include "agent/postgres/views/view.h"

// The server as a whole: limits, start, recovery, last checkpoint.
namespace agent::postgres {
namespace {

using pipeline::Metric;
using shared::model::MetricKind;

// Ages are taken here from `now`, so that no SQL operator is needed.
constexpr std::string_view kSql = R"(/* pgvigil: instance */
SELECT extract(epoch FROM pg_catalog.clock_timestamp()) AS now,
       extract(epoch FROM pg_catalog.pg_postmaster_start_time()) AS start_time,
       extract(epoch FROM pg_catalog.pg_conf_load_time()) AS reload_time,
       pg_catalog.current_setting('server_version') AS version,
       pg_catalog.current_setting('cluster_name') AS cluster_name,
       pg_catalog.current_setting('max_connections') AS max_connections,
       pg_catalog.current_setting('superuser_reserved_connections') AS superuser_reserved,
       pg_catalog.current_setting('reserved_connections', true) AS role_reserved,
       (SELECT pg_catalog.count(*) FROM pg_catalog.pg_database AS d WHERE NOT d.datistemplate)
         AS databases,
       pg_catalog.pg_is_in_recovery() AS in_recovery,
       CASE WHEN pg_catalog.pg_is_in_recovery()
            THEN pg_catalog.pg_get_wal_replay_pause_state() END AS pause_state,
       extract(epoch FROM c.checkpoint_time) AS checkpoint_time,
       c.timeline_id
FROM pg_catalog.pg_control_checkpoint() AS c)";

constexpr Metric kUptime{"postgresql.uptime", "s", MetricKind::kGauge};
constexpr Metric kCheckpointAge{"postgresql.checkpoint.age", "s", MetricKind::kGauge};
constexpr Metric kPaused{"postgresql.recovery.paused", "1", MetricKind::kGauge};
constexpr Metric kBuild{"postgresql.instance.info", "1", MetricKind::kGauge};

constexpr Metric kReserved{"postgresql.connection.reserved", "{connection}", MetricKind::kGauge};
constexpr ColumnMetric kColumns[] = {
    {"start_time", {"postgresql.start_time", "s", MetricKind::kGauge}},
    {"reload_time", {"postgresql.config.reload_time", "s", MetricKind::kGauge}},
    {"max_connections", {"postgresql.connection.max", "{connections}", MetricKind::kGauge}},
    {"superuser_reserved", kReserved, {"type", "superuser"}},
    {"role_reserved", kReserved, {"type", "role"}},
    {"databases", {"postgresql.database.count", "{databases}", MetricKind::kUpDownCounter}},
    {"in_recovery", {"postgresql.recovery.in_recovery", "1", MetricKind::kGauge}},
    {"timeline_id", {"postgresql.timeline", "1", MetricKind::kGauge}},
};

void Add(const Table& table, pipeline::FrameBuilder& frame) {
  if (table.size() == 0) return;
  const Row row(table, 0);
  AddColumns(row, kColumns, {}, frame);
  const std::optional<double> now = row.Number("now");
  const auto add_age = [&](const Metric& metric, std::string_view column) {
    const std::optional<double> since = row.Number(column);
    if (now && since) frame.Add(metric, {}, *now - *since);
  };
  add_age(kUptime, "start_time");
  add_age(kCheckpointAge, "checkpoint_time");
  // "not paused", "pause requested", "paused"
  if (const auto state = row.Text("pause_state")) frame.Add(kPaused, {}, *state == "paused");
  frame.Add(kBuild,
            {{"postgresql.cluster.name", row.Text("cluster_name").value_or("")},
             {"postgresql.role", row.IsTrue("in_recovery") ? "standby" : "primary"},
             {"postgresql.version", row.Text("version").value_or("")}},
            1);
}

}  // namespace

const View kInstanceView{"instance", [](const InstanceIdentity&) { return kSql; }, &Add};

}  // namespace agent::postgres
