#include "agent/postgres/views/view.h"

// pg_stat_wal_receiver (PostgreSQL manual, 28.2.5), on standbys: one row while the receiver runs,
// none while the primary is away, which is what matters.
namespace agent::postgres {
namespace {

using pipeline::Metric;
using shared::model::MetricKind;

constexpr std::string_view kSql = R"(/* pgvigil: pg_stat_wal_receiver */
SELECT w.status, w.received_tli, extract(epoch FROM pg_catalog.clock_timestamp()) AS now,
       extract(epoch FROM w.last_msg_receipt_time) AS last_message
FROM pg_catalog.pg_stat_wal_receiver AS w)";

constexpr Metric kConnected{"postgresql.wal_receiver.connected", "1", MetricKind::kGauge};
constexpr Metric kTimeline{"postgresql.wal_receiver.timeline", "1", MetricKind::kGauge};
constexpr Metric kMessageAge{"postgresql.wal_receiver.last_message.age", "s", MetricKind::kGauge};

void Add(const Table& table, pipeline::FrameBuilder& frame) {
  const bool running = table.size() > 0;
  const Row row(table, 0);
  frame.Add(kConnected, {}, running && row.Text("status") == "streaming");
  if (!running) return;
  AddIfPresent(kTimeline, {}, row.Number("received_tli"), frame);
  const std::optional<double> now = row.Number("now");
  const std::optional<double> last = row.Number("last_message");
  if (now && last) frame.Add(kMessageAge, {}, std::max(*now - *last, 0.0));
}

}  // namespace

const View kWalReceiverView{"pg_stat_wal_receiver",
                            [](const InstanceIdentity& identity) {
                              return identity.in_recovery ? kSql : std::string_view();
                            },
                            &Add};

}  // namespace agent::postgres
