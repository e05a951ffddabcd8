#include <array>

#include "agent/postgres/views/view.h"

// pg_stat_replication (PostgreSQL manual, 28.2.4): one row for each standby, backup or logical
// subscriber that streams from here. The time lags are NULL, and so absent, when the other side has
// caught up and nothing is written.
namespace agent::postgres {
namespace {

using pipeline::LabelView;
using pipeline::Metric;
using shared::model::MetricKind;

// What this server has to send: on a cascading standby, what it received.
constexpr std::string_view kSql = R"(/* pgvigil: pg_stat_replication */
SELECT r.application_name, coalesce(pg_catalog.host(r.client_addr), 'unix') AS client,
       r.state, r.sync_state,
       pg_catalog.pg_wal_lsn_diff(p.lsn, r.sent_lsn) AS sent_bytes,
       pg_catalog.pg_wal_lsn_diff(p.lsn, r.write_lsn) AS write_bytes,
       pg_catalog.pg_wal_lsn_diff(p.lsn, r.flush_lsn) AS flush_bytes,
       pg_catalog.pg_wal_lsn_diff(p.lsn, r.replay_lsn) AS replay_bytes,
       extract(epoch FROM r.write_lag) AS write_lag,
       extract(epoch FROM r.flush_lag) AS flush_lag,
       extract(epoch FROM r.replay_lag) AS replay_lag,
       extract(epoch FROM pg_catalog.clock_timestamp()) AS now,
       extract(epoch FROM r.reply_time) AS reply_time
FROM pg_catalog.pg_stat_replication AS r,
     (SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_receive_lsn()
                  ELSE pg_catalog.pg_current_wal_lsn() END AS lsn) AS p
ORDER BY r.pid)";

constexpr MetricKind kGauge = MetricKind::kGauge;
constexpr Metric kDelay{"postgresql.wal.delay", "s", kGauge};
constexpr Metric kStageDelay{"postgresql.replication.stage.data_delay", "By", kGauge};
constexpr ColumnMetric kColumns[] = {
    {"replay_bytes", {"postgresql.replication.data_delay", "By", kGauge}},
    {"sent_bytes", kStageDelay, {"operation", "send"}},
    {"write_bytes", kStageDelay, {"operation", "write"}},
    {"flush_bytes", kStageDelay, {"operation", "flush"}},
    {"write_lag", kDelay, {"operation", "write"}},
    {"flush_lag", kDelay, {"operation", "flush"}},
    {"replay_lag", kDelay, {"operation", "replay"}},
};
constexpr Metric kState{"postgresql.replication.state", "1", kGauge};
constexpr Metric kReplyAge{"postgresql.replication.reply.age", "s", kGauge};
constexpr Metric kClients{"postgresql.replication.clients", "{client}", kGauge};

void Add(const Table& table, pipeline::FrameBuilder& frame) {
  frame.Add(kClients, {}, static_cast<double>(table.size()));
  for (size_t i = 0; i < table.size(); ++i) {
    const Row row(table, i);
    const LabelView application{"postgresql.application_name",
                                row.Text("application_name").value_or("")};
    const LabelView client{"replication_client", row.Text("client").value_or("")};
    const std::array labels{application, client};
    AddColumns(row, kColumns, labels, frame);
    frame.Add(kState,
              {application,
               {"postgresql.replication.state", row.Text("state").value_or("")},
               {"postgresql.replication.sync_state", row.Text("sync_state").value_or("")},
               client},
              1);
    const std::optional<double> now = row.Number("now");
    const std::optional<double> reply = row.Number("reply_time");
    if (now && reply) frame.Add(kReplyAge, labels, std::max(*now - *reply, 0.0));
  }
}

}  // namespace

const View kReplicationView{"pg_stat_replication", [](const InstanceIdentity&) { return kSql; },
                            &Add};

}  // namespace agent::postgres
