#include <array>

#include "agent/postgres/views/view.h"

// pg_stat_database_conflicts (PostgreSQL manual, 28.2.18): queries that a standby cancelled for
// recovery. Always zero on a primary, where it is not asked.
namespace agent::postgres {
namespace {

constexpr std::string_view kSql = R"(/* pgvigil: pg_stat_database_conflicts */
SELECT s.* FROM pg_catalog.pg_stat_database_conflicts AS s ORDER BY s.datid)";

constexpr pipeline::Metric kConflicts{"postgresql.query.conflicts", "{query}",
                                      shared::model::MetricKind::kCounter};
constexpr std::string_view kType = "postgresql.conflict.type";
constexpr ColumnMetric kColumns[] = {
    {"confl_tablespace", kConflicts, {kType, "tablespace"}},
    {"confl_lock", kConflicts, {kType, "lock"}},
    {"confl_snapshot", kConflicts, {kType, "snapshot"}},
    {"confl_bufferpin", kConflicts, {kType, "bufferpin"}},
    {"confl_deadlock", kConflicts, {kType, "deadlock"}},
    {"confl_active_logicalslot", kConflicts, {kType, "active_logicalslot"}},
};

void Add(const Table& table, pipeline::FrameBuilder& frame) {
  for (size_t i = 0; i < table.size(); ++i) {
    const Row row(table, i);
    const std::array<pipeline::LabelView, 1> labels{
        {{"db.namespace", row.Text("datname").value_or("")}}};
    AddColumns(row, kColumns, labels, frame);
  }
}

}  // namespace

const View kDatabaseConflictsView{"pg_stat_database_conflicts",
                                  [](const InstanceIdentity& identity) {
                                    return identity.in_recovery ? kSql : std::string_view();
                                  },
                                  &Add};

}  // namespace agent::postgres
