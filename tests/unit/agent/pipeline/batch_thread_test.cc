#include "agent/pipeline/batch_thread.h"

#include <gtest/gtest.h>

#include "tests/unit/agent/pipeline/builders.h"

namespace agent::pipeline {
namespace {

TEST(BatchThread, PutsEverythingIntoTheSpoolBeforeItStops) {
  const ScratchDirectory directory;
  const shared::SystemClock clock;
  FakeSink metrics;
  FakeSink statements;
  Drops drops;
  LayoutStore layouts = *LayoutStore::Open(directory.path, clock);
  Batcher batcher({}, BatcherParts{metrics, statements, layouts, drops, clock, nullptr, {}, {}});
  TelemetryQueue queue(1 << 20);
  BatchThread thread(queue, batcher);
  for (int64_t second = 1; second <= 500; ++second) {
    Telemetry round = RoundAt(LayoutOf({"a"}), second, {1});
    ASSERT_TRUE(queue.TryPush(round, 100));
  }
  queue.Close();
  EXPECT_TRUE(thread.Drain(clock.Monotonic() + std::chrono::seconds(30)));
  uint32_t ticks = 0;
  for (const pgvigil::v1::Batch& batch : metrics.batches) ticks += batch.blocks(0).ticks();
  EXPECT_EQ(ticks, 500u);
  EXPECT_EQ(metrics.synced, metrics.batches.size());
}

}  // namespace
}  // namespace agent::pipeline
