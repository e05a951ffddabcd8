#include "agent/postgres/views/view.h"

// pg_database_size(): the server looks at every file of the database, so this is asked seldom.
namespace agent::postgres {
namespace {

constexpr std::string_view kSql = R"(/* pgvigil: database sizes */
SELECT d.datname,
       CASE WHEN pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE')
              OR pg_catalog.has_database_privilege(d.oid, 'CONNECT')
            THEN pg_catalog.pg_database_size(d.oid) END AS size
FROM pg_catalog.pg_database AS d
ORDER BY d.oid)";

constexpr pipeline::Metric kSize{"postgresql.db_size", "By",
                                 shared::model::MetricKind::kUpDownCounter};

void Add(const Table& table, pipeline::FrameBuilder& frame) {
  for (size_t i = 0; i < table.size(); ++i) {
    const Row row(table, i);
    const std::optional<double> size = row.Number("size");
    if (size) frame.Add(kSize, {{"db.namespace", row.Text("datname").value_or("")}}, *size);
  }
}

}  // namespace

const View kDatabaseSizeView{"database sizes", [](const InstanceIdentity&) { return kSql; }, &Add};

}  // namespace agent::postgres
