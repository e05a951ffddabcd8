#include "agent/postgres/views/view.h"

// Where the server is in its WAL, in bytes from 0/0: on a primary what it inserted, on a standby
// what it replayed. A standby also tells how far replay is behind what it received, and how old the
// newest replayed transaction is. That age grows on an idle primary too, so it is never read alone:
// beside it stand recovery.lag.bytes and wal_receiver.connected.
namespace agent::postgres {
namespace {

using pipeline::Metric;
using shared::model::MetricKind;

// CASE: each half's functions fail on the other kind of server, and a standby may be promoted
// between two rounds.
constexpr std::string_view kSql = R"(/* pgvigil: wal position */
SELECT extract(epoch FROM pg_catalog.clock_timestamp()) AS now,
       CASE WHEN NOT p.in_recovery
            THEN pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), '0/0')
            ELSE pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_last_wal_replay_lsn(), '0/0')
       END AS position,
       CASE WHEN p.in_recovery
            THEN pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_last_wal_receive_lsn(), '0/0')
       END AS received,
       CASE WHEN p.in_recovery
            THEN extract(epoch FROM pg_catalog.pg_last_xact_replay_timestamp())
       END AS replayed_at,
       CASE WHEN NOT p.in_recovery
            THEN pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), p.redo_lsn)
       END AS redo_distance
FROM (SELECT pg_catalog.pg_is_in_recovery() AS in_recovery, c.redo_lsn
      FROM pg_catalog.pg_control_checkpoint() AS c) AS p)";

constexpr Metric kPosition{"postgresql.wal.position", "By", MetricKind::kCounter};
constexpr Metric kLagBytes{"postgresql.recovery.lag.bytes", "By", MetricKind::kGauge};
constexpr Metric kLagTime{"postgresql.recovery.lag.time", "s", MetricKind::kGauge};
constexpr Metric kRedoDistance{"postgresql.checkpoint.redo.distance", "By", MetricKind::kGauge};

void Add(const Table& table, pipeline::FrameBuilder& frame) {
  if (table.size() == 0) return;
  const Row row(table, 0);
  const std::optional<double> position = row.Number("position");
  AddIfPresent(kPosition, {}, position, frame);
  AddIfPresent(kRedoDistance, {}, row.Number("redo_distance"), frame);
  // Replay may have come from the archive, beyond what was ever streamed.
  const std::optional<double> received = row.Number("received");
  if (received && position) frame.Add(kLagBytes, {}, std::max(*received - *position, 0.0));
  const std::optional<double> now = row.Number("now");
  const std::optional<double> replayed_at = row.Number("replayed_at");
  if (now && replayed_at) frame.Add(kLagTime, {}, std::max(*now - *replayed_at, 0.0));
}

}  // namespace

const View kWalPositionView{"wal position", [](const InstanceIdentity&) { return kSql; }, &Add};

}  // namespace agent::postgres
