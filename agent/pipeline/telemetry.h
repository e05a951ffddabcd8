#pragma once

#include <functional>
#include <memory>
#include <variant>
#include <vector>

#include "pgvigil/v1/statements.pb.h"
#include "shared/base/clock.h"
#include "shared/concurrency/bounded_queue.h"
#include "shared/model/layout.h"

namespace agent::pipeline {

// The samples of one round of one source: one value for each series of the layout.
struct MetricRound {
  std::shared_ptr<const shared::model::Layout> layout;
  shared::WallTime time;
  std::vector<double> values;
};

// Statement deltas and the promise that goes with them: the batcher calls `before_append` with the
// incarnation and sequence that the batch is about to get, and appends to the spool only when it
// returned true. The source uses it to make its new baseline durable first, marked with that
// sequence, so that after a crash it can tell which of its two baselines goes with the spool
// (agent/postgres/statements/lineage.h). Runs on the batcher's thread.
struct StatementRound {
  pgvigil::v1::StatementInterval interval;
  std::function<bool(uint64_t incarnation, uint64_t sequence)> before_append;
};

struct TextRound {
  pgvigil::v1::StatementTexts texts;
};

// What sources hand to the batcher. Logs do not go through here: their file is their queue.
using Telemetry = std::variant<MetricRound, StatementRound, TextRound>;
using TelemetryQueue = shared::BoundedQueue<Telemetry>;

}  // namespace agent::pipeline
