#include <array>

#include "agent/postgres/views/view.h"

// pg_stat_database (PostgreSQL manual, 28.2.17) and how near each database is to wraparound. The
// row of shared relations has no name and so no db.namespace.
namespace agent::postgres {
namespace {

using pipeline::Metric;
using shared::model::MetricKind;

constexpr std::string_view kSql = R"(/* pgvigil: pg_stat_database */
SELECT s.*, extract(epoch FROM s.stats_reset) AS stats_reset_epoch,
       extract(epoch FROM s.checksum_last_failure) AS checksum_last_failure_epoch,
       pg_catalog.age(d.datfrozenxid) AS xid_age, pg_catalog.mxid_age(d.datminmxid) AS mxid_age
FROM pg_catalog.pg_stat_database AS s
LEFT JOIN pg_catalog.pg_database AS d ON d.oid OPERATOR(pg_catalog.=) s.datid
ORDER BY s.datid)";

constexpr MetricKind kCounter = MetricKind::kCounter;
constexpr MetricKind kGauge = MetricKind::kGauge;
constexpr Metric kSessionTime{"postgresql.session.time", "s", kCounter};
constexpr Metric kSessionCount{"postgresql.session.count", "{session}", kCounter};
constexpr Metric kParallelWorkers{"postgresql.parallel.workers", "{worker}", kCounter};

constexpr double kMilliseconds = 0.001;
constexpr ColumnMetric kColumns[] = {
    {"xact_commit", {"postgresql.commits", "1", kCounter}},
    {"xact_rollback", {"postgresql.rollbacks", "1", kCounter}},
    {"deadlocks", {"postgresql.deadlocks", "{deadlock}", kCounter}},
    {"temp_files", {"postgresql.temp_files", "{temp_file}", kCounter}},
    {"temp_bytes", {"postgresql.temp.io", "By", kCounter}},
    {"blks_hit", {"postgresql.blks_hit", "{blks_hit}", kCounter}},
    {"blks_read", {"postgresql.blks_read", "{blks_read}", kCounter}},
    {"tup_returned", {"postgresql.tup_returned", "{tup_returned}", kCounter}},
    {"tup_fetched", {"postgresql.tup_fetched", "{tup_fetched}", kCounter}},
    {"tup_inserted", {"postgresql.tup_inserted", "{tup_inserted}", kCounter}},
    {"tup_updated", {"postgresql.tup_updated", "{tup_updated}", kCounter}},
    {"tup_deleted", {"postgresql.tup_deleted", "{tup_deleted}", kCounter}},
    {"blk_read_time", {"postgresql.block.read.time", "s", kCounter}, {}, kMilliseconds},
    {"blk_write_time", {"postgresql.block.write.time", "s", kCounter}, {}, kMilliseconds},
    {"session_time", kSessionTime, {"type", "total"}, kMilliseconds},
    {"active_time", kSessionTime, {"type", "active"}, kMilliseconds},
    {"idle_in_transaction_time", kSessionTime, {"type", "idle_in_transaction"}, kMilliseconds},
    {"sessions_abandoned", kSessionCount, {"end", "abandoned"}},
    {"sessions_fatal", kSessionCount, {"end", "fatal"}},
    {"sessions_killed", kSessionCount, {"end", "killed"}},
    {"parallel_workers_to_launch", kParallelWorkers, {"result", "planned"}},
    {"parallel_workers_launched", kParallelWorkers, {"result", "launched"}},
    {"checksum_failures", {"postgresql.checksum.failures", "{failure}", kCounter}},
    {"checksum_last_failure_epoch", {"postgresql.checksum.last_failure", "s", kGauge}},
    {"xid_age", {"postgresql.xid.age", "{transaction}", kGauge}},
    {"mxid_age", {"postgresql.mxid.age", "{transaction}", kGauge}},
    {"stats_reset_epoch",
     {"postgresql.stats.reset_time", "s", kGauge},
     {"view", "pg_stat_database"}},
};

constexpr Metric kWraparound{"postgresql.xid.wraparound.ratio", "1", kGauge};
// Where the server refuses new transaction ids: 3 million before 2^31 (access/transam/varsup.c).
constexpr double kRefusedAge = 2147483648.0 - 3e6;

void Add(const Table& table, pipeline::FrameBuilder& frame) {
  for (size_t i = 0; i < table.size(); ++i) {
    const Row row(table, i);
    std::array<pipeline::LabelView, 1> name;
    std::span<const pipeline::LabelView> labels;
    if (const auto datname = row.Text("datname")) {
      name[0] = {"db.namespace", *datname};
      labels = name;
    }
    AddColumns(row, kColumns, labels, frame);
    if (const auto age = row.Number("xid_age")) frame.Add(kWraparound, labels, *age / kRefusedAge);
    // `sessions` counts every end, and those that are still open.
    const auto sessions = row.Number("sessions");
    if (sessions && !labels.empty()) {
      const double other = row.Number("sessions_abandoned").value_or(0) +
                           row.Number("sessions_fatal").value_or(0) +
                           row.Number("sessions_killed").value_or(0);
      frame.Add(kSessionCount, {name[0], {"end", "normal_or_open"}}, *sessions - other);
    }
  }
}

}  // namespace

const View kDatabaseView{"pg_stat_database", [](const InstanceIdentity&) { return kSql; }, &Add};

}  // namespace agent::postgres
