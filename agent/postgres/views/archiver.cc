#include "agent/postgres/views/view.h"

// pg_stat_archiver (PostgreSQL manual, 28.2.12).
namespace agent::postgres {
namespace {

using pipeline::Metric;
using shared::model::MetricKind;

constexpr std::string_view kSql = R"(/* pgvigil: pg_stat_archiver */
SELECT a.archived_count, a.failed_count, extract(epoch FROM a.stats_reset) AS archiver_reset,
       extract(epoch FROM pg_catalog.clock_timestamp()) AS now,
       extract(epoch FROM a.last_archived_time) AS last_archived
FROM pg_catalog.pg_stat_archiver AS a)";

constexpr ColumnMetric kColumns[] = {
    {"archived_count", {"postgresql.wal.archive.archived", "{file}", MetricKind::kCounter}},
    {"failed_count", {"postgresql.wal.archive.failed", "{attempt}", MetricKind::kCounter}},
    {"archiver_reset",
     {"postgresql.stats.reset_time", "s", MetricKind::kGauge},
     {"view", "pg_stat_archiver"}},
};
constexpr Metric kLastAge{"postgresql.wal.archive.last_archive.age", "s", MetricKind::kGauge};

void Add(const Table& table, pipeline::FrameBuilder& frame) {
  if (table.size() == 0) return;
  const Row row(table, 0);
  AddColumns(row, kColumns, {}, frame);
  const std::optional<double> now = row.Number("now");
  const std::optional<double> last = row.Number("last_archived");
  if (now && last) frame.Add(kLastAge, {}, std::max(*now - *last, 0.0));
}

}  // namespace

const View kArchiverView{"pg_stat_archiver", [](const InstanceIdentity&) { return kSql; }, &Add};

}  // namespace agent::postgres
