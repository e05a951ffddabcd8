#include "collector/bus/batch_headers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/batch_builder.h"

namespace collector::bus {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

TEST(BatchHeaders, TellWhatTheBatchIsAndHowMuchIsInIt) {
  ingest::AcceptedBatch accepted;
  accepted.tenant = {5};
  accepted.batch = tests::MakeBatch(pgvigil::v1::STREAM_METRICS, 42);
  for (const uint32_t ticks : {10u, 2u}) {
    pgvigil::v1::MetricBlock* block = accepted.batch.add_blocks();
    block->set_ticks(ticks);
    block->set_series(500);
  }
  EXPECT_THAT(
      BatchHeaders(accepted),
      ElementsAre(Pair("schema", "pgvigil.v1.Batch"), Pair("version", "1"), Pair("tenant", "5"),
                  Pair("agent", "61616161-6161-6161-6161-616161616161"), Pair("incarnation", "7"),
                  Pair("stream", "metrics"), Pair("sequence", "42"), Pair("samples", "6000"),
                  Pair("records", "0"), Pair("deltas", "0")));
}

TEST(BatchHeaders, CountLogRecordsAndStatementDeltas) {
  ingest::AcceptedBatch accepted;
  accepted.batch = tests::MakeBatch(pgvigil::v1::STREAM_LOGS);
  for (int records : {3, 4}) {
    pgvigil::v1::LogChunk* chunk = accepted.batch.add_logs();
    for (int i = 0; i < records; ++i) chunk->add_records();
  }
  EXPECT_EQ(BatchHeaders(accepted)[8], (std::pair<std::string, std::string>("records", "7")));
  accepted.batch = tests::MakeBatch(pgvigil::v1::STREAM_STATEMENTS);
  accepted.batch.add_statements()->add_deltas();
  EXPECT_EQ(BatchHeaders(accepted)[9], (std::pair<std::string, std::string>("deltas", "1")));
}

}  // namespace
}  // namespace collector::bus
