#include "agent/postgres/views/view.h"

// pg_stat_wal (PostgreSQL 14 and later; manual, 28.2.14). Writes and syncs left it in 18 for
// pg_stat_io, where their names stay the same here.
namespace agent::postgres {
namespace {

using pipeline::Metric;
using shared::model::MetricKind;

constexpr std::string_view kSqlTo17 = R"(/* pgvigil: pg_stat_wal */
SELECT w.*, extract(epoch FROM w.stats_reset) AS wal_reset FROM pg_catalog.pg_stat_wal AS w)";

constexpr std::string_view kSqlFrom18 = R"(/* pgvigil: pg_stat_wal */
SELECT w.*, extract(epoch FROM w.stats_reset) AS wal_reset,
       io.wal_write, io.wal_sync, io.wal_write_time, io.wal_sync_time
FROM pg_catalog.pg_stat_wal AS w,
     (SELECT pg_catalog.sum(i.writes) AS wal_write, pg_catalog.sum(i.fsyncs) AS wal_sync,
             pg_catalog.sum(i.write_time) AS wal_write_time,
             pg_catalog.sum(i.fsync_time) AS wal_sync_time
      FROM pg_catalog.pg_stat_io AS i
      WHERE i.object OPERATOR(pg_catalog.=) 'wal'
        AND i.context OPERATOR(pg_catalog.=) 'normal') AS io)";

constexpr MetricKind kCounter = MetricKind::kCounter;
constexpr ColumnMetric kColumns[] = {
    {"wal_records", {"postgresql.wal.records", "{record}", kCounter}},
    {"wal_fpi", {"postgresql.wal.full_page_images", "{image}", kCounter}},
    {"wal_fpi_bytes", {"postgresql.wal.full_page_images.bytes", "By", kCounter}},
    {"wal_bytes", {"postgresql.wal.bytes", "By", kCounter}},
    {"wal_buffers_full", {"postgresql.wal.buffers_full", "1", kCounter}},
    {"wal_write", {"postgresql.wal.writes", "{write}", kCounter}},
    {"wal_sync", {"postgresql.wal.syncs", "{sync}", kCounter}},
    {"wal_write_time", {"postgresql.wal.write.time", "s", kCounter}, {}, 0.001},
    {"wal_sync_time", {"postgresql.wal.sync.time", "s", kCounter}, {}, 0.001},
    {"wal_reset",
     {"postgresql.stats.reset_time", "s", MetricKind::kGauge},
     {"view", "pg_stat_wal"}},
};

void Add(const Table& table, pipeline::FrameBuilder& frame) {
  if (table.size() > 0) AddColumns(Row(table, 0), kColumns, {}, frame);
}

}  // namespace

const View kWalView{"pg_stat_wal",
                    [](const InstanceIdentity& identity) {
                      return identity.server_version >= 180000 ? kSqlFrom18 : kSqlTo17;
                    },
                    &Add};

}  // namespace agent::postgres
