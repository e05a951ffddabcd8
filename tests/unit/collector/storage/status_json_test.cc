#include "collector/storage/status_json.h"

#include <gtest/gtest.h>

namespace collector::storage {
namespace {

TEST(StatusJson, HoldsWhatTheAgentSaid) {
  pgvigil::v1::AgentStatus status;
  EXPECT_EQ(StatusJson(status), R"({"capabilities":[],"dropped":[],"streams":[]})");
  auto* capability = status.add_capabilities();
  capability->set_name("logs:main");
  capability->set_state(pgvigil::v1::Capability::STATE_FAILED);
  capability->set_detail("a \"b\"");
  auto* dropped = status.add_dropped();
  dropped->set_stream(pgvigil::v1::STREAM_LOGS);
  dropped->set_reason("log_gap");
  dropped->set_items(3);
  dropped->set_bytes(120);
  auto* stream = status.add_streams();
  stream->set_stream(pgvigil::v1::STREAM_METRICS);
  stream->set_waiting_bytes(5);
  stream->set_oldest_waiting_unix_nano(1'767'225'600'000'000'001);
  EXPECT_EQ(
      StatusJson(status),
      R"({"capabilities":[{"name":"logs:main","state":"failed","detail":"a \"b\"","remedy":""}],)"
      R"("dropped":[{"stream":"logs","reason":"log_gap","items":3,"bytes":120}],)"
      R"("streams":[{"stream":"metrics","waiting_bytes":5,)"
      R"("oldest_waiting_unix_nano":"1767225600000000001"}]})");
}

}  // namespace
}  // namespace collector::storage
