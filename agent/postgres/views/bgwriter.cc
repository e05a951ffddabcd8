#include "agent/postgres/views/view.h"

// pg_stat_bgwriter, and from PostgreSQL 17 on pg_stat_checkpointer, which took over what the
// checkpointer does; what backends write themselves moved to pg_stat_io. The metrics stay the same.
namespace agent::postgres {
namespace {

using pipeline::Metric;
using shared::model::MetricKind;

constexpr std::string_view kSqlTo16 = R"(/* pgvigil: pg_stat_bgwriter */
SELECT b.*, extract(epoch FROM b.stats_reset) AS bgwriter_reset
FROM pg_catalog.pg_stat_bgwriter AS b)";

constexpr std::string_view kSqlFrom17 = R"(/* pgvigil: pg_stat_checkpointer */
SELECT c.*, b.buffers_clean, b.maxwritten_clean, b.buffers_alloc,
       extract(epoch FROM b.stats_reset) AS bgwriter_reset,
       extract(epoch FROM c.stats_reset) AS checkpointer_reset,
       io.backend_writes, io.backend_fsyncs
FROM pg_catalog.pg_stat_checkpointer AS c, pg_catalog.pg_stat_bgwriter AS b,
     (SELECT pg_catalog.sum(i.writes) AS backend_writes, pg_catalog.sum(i.fsyncs) AS backend_fsyncs
      FROM pg_catalog.pg_stat_io AS i
      WHERE i.object OPERATOR(pg_catalog.=) 'relation'
        AND i.backend_type OPERATOR(pg_catalog.<>)
            ALL (ARRAY['checkpointer', 'background writer']::pg_catalog.text[])) AS io)";

constexpr MetricKind kCounter = MetricKind::kCounter;
constexpr Metric kWrites{"postgresql.bgwriter.buffers.writes", "{buffers}", kCounter};
constexpr Metric kCheckpoints{"postgresql.bgwriter.checkpoint.count", "{checkpoints}", kCounter};
constexpr Metric kDuration{"postgresql.bgwriter.duration", "ms", kCounter};
constexpr Metric kRestartpoints{"postgresql.checkpointer.restartpoints", "{restartpoint}",
                                kCounter};
constexpr Metric kReset{"postgresql.stats.reset_time", "s", MetricKind::kGauge};

// The columns of both generations; a server has one of each pair.
constexpr ColumnMetric kColumns[] = {
    {"buffers_alloc", {"postgresql.bgwriter.buffers.allocated", "{buffers}", kCounter}},
    {"maxwritten_clean", {"postgresql.bgwriter.maxwritten", "1", kCounter}},
    {"buffers_clean", kWrites, {"source", "bgwriter"}},
    {"buffers_checkpoint", kWrites, {"source", "checkpoints"}},
    {"buffers_written", kWrites, {"source", "checkpoints"}},
    {"buffers_backend", kWrites, {"source", "backend"}},
    {"backend_writes", kWrites, {"source", "backend"}},
    {"buffers_backend_fsync", kWrites, {"source", "backend_fsync"}},
    {"backend_fsyncs", kWrites, {"source", "backend_fsync"}},
    {"checkpoints_timed", kCheckpoints, {"type", "scheduled"}},
    {"num_timed", kCheckpoints, {"type", "scheduled"}},
    {"checkpoints_req", kCheckpoints, {"type", "requested"}},
    {"num_requested", kCheckpoints, {"type", "requested"}},
    {"num_done", kCheckpoints, {"type", "done"}},
    {"checkpoint_write_time", kDuration, {"type", "write"}},
    {"write_time", kDuration, {"type", "write"}},
    {"checkpoint_sync_time", kDuration, {"type", "sync"}},
    {"sync_time", kDuration, {"type", "sync"}},
    {"restartpoints_timed", kRestartpoints, {"type", "timed"}},
    {"restartpoints_req", kRestartpoints, {"type", "requested"}},
    {"restartpoints_done", kRestartpoints, {"type", "done"}},
    {"slru_written", {"postgresql.checkpointer.slru_written", "{buffer}", kCounter}},
    {"bgwriter_reset", kReset, {"view", "pg_stat_bgwriter"}},
    {"checkpointer_reset", kReset, {"view", "pg_stat_checkpointer"}},
};

void Add(const Table& table, pipeline::FrameBuilder& frame) {
  if (table.size() > 0) AddColumns(Row(table, 0), kColumns, {}, frame);
}

}  // namespace

const View kBgwriterView{"pg_stat_bgwriter",
                         [](const InstanceIdentity& identity) {
                           return identity.server_version >= 170000 ? kSqlFrom17 : kSqlTo16;
                         },
                         &Add};

}  // namespace agent::postgres
