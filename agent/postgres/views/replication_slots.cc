#include <array>

#include "agent/postgres/views/view.h"

// pg_replication_slots (PostgreSQL manual, 54.19): a slot that nobody reads keeps WAL until the
// disk is full, and its xmin keeps dead rows.
namespace agent::postgres {
namespace {

using pipeline::LabelView;
using pipeline::Metric;
using shared::model::MetricKind;

constexpr std::string_view kSql = R"(/* pgvigil: pg_replication_slots */
SELECT s.*, pg_catalog.pg_wal_lsn_diff(p.lsn, s.restart_lsn) AS retained_bytes,
       pg_catalog.age(s.xmin) AS xmin_age, pg_catalog.age(s.catalog_xmin) AS catalog_xmin_age,
       extract(epoch FROM pg_catalog.clock_timestamp()) AS now
FROM pg_catalog.pg_replication_slots AS s,
     (SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()
                  ELSE pg_catalog.pg_current_wal_lsn() END AS lsn) AS p
ORDER BY s.slot_name)";

// inactive_since came in 17; its age needs a number.
constexpr std::string_view kSqlFrom17 = R"(/* pgvigil: pg_replication_slots */
SELECT s.*, pg_catalog.pg_wal_lsn_diff(p.lsn, s.restart_lsn) AS retained_bytes,
       pg_catalog.age(s.xmin) AS xmin_age, pg_catalog.age(s.catalog_xmin) AS catalog_xmin_age,
       extract(epoch FROM pg_catalog.clock_timestamp()) AS now,
       extract(epoch FROM s.inactive_since) AS inactive_since_epoch
FROM pg_catalog.pg_replication_slots AS s,
     (SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()
                  ELSE pg_catalog.pg_current_wal_lsn() END AS lsn) AS p
ORDER BY s.slot_name)";

constexpr MetricKind kGauge = MetricKind::kGauge;
constexpr ColumnMetric kColumns[] = {
    {"active", {"postgresql.replication_slot.active", "1", kGauge}},
    {"retained_bytes", {"postgresql.replication_slot.retained.bytes", "By", kGauge}},
    {"safe_wal_size", {"postgresql.replication_slot.safe_wal.bytes", "By", kGauge}},
    {"xmin_age", {"postgresql.replication_slot.xmin.age", "{transaction}", kGauge}},
    {"catalog_xmin_age", {"postgresql.replication_slot.catalog_xmin.age", "{transaction}", kGauge}},
    {"failover", {"postgresql.replication_slot.failover", "1", kGauge}},
    {"synced", {"postgresql.replication_slot.synced", "1", kGauge}},
};
constexpr Metric kWalStatus{"postgresql.replication_slot.wal_status", "1", kGauge};
constexpr Metric kInvalid{"postgresql.replication_slot.invalidation_reason", "1", kGauge};
constexpr Metric kInactiveAge{"postgresql.replication_slot.inactive.age", "s", kGauge};

void Add(const Table& table, pipeline::FrameBuilder& frame) {
  for (size_t i = 0; i < table.size(); ++i) {
    const Row row(table, i);
    const LabelView name{"postgresql.replication_slot.name", row.Text("slot_name").value_or("")};
    const LabelView type{"postgresql.replication_slot.type", row.Text("slot_type").value_or("")};
    const std::array labels{name, type};
    AddColumns(row, kColumns, labels, frame);
    if (const auto status = row.Text("wal_status")) {  // reserved, extended, unreserved, lost
      frame.Add(kWalStatus, {name, type, {"status", *status}}, 1);
    }
    if (const auto reason = row.Text("invalidation_reason")) {
      frame.Add(kInvalid, {name, type, {"reason", *reason}}, 1);
    }
    const std::optional<double> now = row.Number("now");
    const std::optional<double> since = row.Number("inactive_since_epoch");
    if (now && since) frame.Add(kInactiveAge, labels, std::max(*now - *since, 0.0));
  }
}

}  // namespace

const View kReplicationSlotsView{"pg_replication_slots",
                                 [](const InstanceIdentity& identity) {
                                   return identity.server_version >= 170000 ? kSqlFrom17 : kSql;
                                 },
                                 &Add};

}  // namespace agent::postgres
