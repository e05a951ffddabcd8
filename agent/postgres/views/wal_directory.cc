#include "agent/postgres/views/view.h"

// pg_ls_waldir(), for pg_monitor: how much disk the WAL takes and how old its oldest file is. Reads
// the directory, so this is asked seldom.
namespace agent::postgres {
namespace {

using pipeline::Metric;
using shared::model::MetricKind;

constexpr std::string_view kSql = R"(/* pgvigil: wal directory */
SELECT pg_catalog.count(*) AS files, pg_catalog.sum(w.size) AS size,
       extract(epoch FROM pg_catalog.clock_timestamp()) AS now,
       extract(epoch FROM pg_catalog.min(w.modification)) AS oldest
FROM pg_catalog.pg_ls_waldir() AS w)";

constexpr ColumnMetric kColumns[] = {
    {"files", {"postgresql.wal.directory.files", "{file}", MetricKind::kGauge}},
    {"size", {"postgresql.wal.directory.size", "By", MetricKind::kGauge}},
};
constexpr Metric kAge{"postgresql.wal.age", "s", MetricKind::kGauge};

void Add(const Table& table, pipeline::FrameBuilder& frame) {
  if (table.size() == 0) return;
  const Row row(table, 0);
  AddColumns(row, kColumns, {}, frame);
  const std::optional<double> now = row.Number("now");
  const std::optional<double> oldest = row.Number("oldest");
  if (now && oldest) frame.Add(kAge, {}, std::max(*now - *oldest, 0.0));
}

}  // namespace

const View kWalDirectoryView{"wal directory", [](const InstanceIdentity&) { return kSql; }, &Add};

}  // namespace agent::postgres
