#include "agent/postgres/statements/round.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "tests/unit/agent/postgres/statements/model_server.h"
#include "tests/unit/agent/postgres/statements/temporary_directory.h"

namespace agent::postgres::statements {
namespace {

// A poller and a batcher on threads of their own, the batcher losing every third round.
TEST(PushRound, MakesRoundsThatJoinWhileTheBatcherLosesSome) {
  TemporaryDirectory directory;
  const auto lineage = std::make_shared<Lineage>(directory.path(), ServerId{1, 5432});
  ModelServer server(10, 100, 1);
  pipeline::TelemetryQueue queue(size_t{8} << 10);
  const Key key{.dbid = 5, .userid = 10, .queryid = 7};
  server.Execute(key);
  const auto first = std::make_shared<const Reading>(server.Read());
  ASSERT_TRUE(lineage->Begin(first));

  std::vector<pgvigil::v1::StatementInterval> spool;
  std::jthread batcher([&](const std::stop_token& stop) {
    uint64_t rounds = 0;
    while (std::optional<pipeline::Telemetry> item = queue.Pop(stop)) {
      auto& round = std::get<pipeline::StatementRound>(*item);
      if (++rounds % 3 == 0) continue;
      if (round.before_append(9, spool.size() + 1)) spool.push_back(std::move(round.interval));
    }
  });
  for (int i = 0; i < 500; ++i) {
    server.Execute(key);
    const auto reading = std::make_shared<const Reading>(server.Read());
    const auto from = lineage->Head();
    PushRound(*lineage, from, reading, MakeInterval(*from, *reading), queue);
  }
  queue.Close();
  batcher.join();

  ASSERT_FALSE(spool.empty());
  auto end = static_cast<uint64_t>(shared::ToUnixNanos(first->epoch().server_time));
  for (const pgvigil::v1::StatementInterval& interval : spool) {
    ASSERT_EQ(interval.start_unix_nano(), end);
    end = interval.end_unix_nano();
  }
}

}  // namespace
}  // namespace agent::postgres::statements
