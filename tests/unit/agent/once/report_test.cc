#include "agent/once/report.h"

#include <gtest/gtest.h>

#include <bit>

#include "shared/model/block.h"

namespace agent::once {
namespace {

constexpr pipeline::Metric kTime{"system.cpu.time", "s", shared::model::MetricKind::kCounter};
constexpr pipeline::Metric kUptime{"system.uptime", "s", shared::model::MetricKind::kGauge};

Report Example() {
  Report report;
  pipeline::FrameBuilder frame(shared::model::Labels{{"server.port", "5432"}});
  frame.Begin();
  frame.Add(kTime, {{"cpu.mode", "us\"er"}}, 12.5);
  frame.Add(kUptime, {}, 3);
  AddRound(frame.End(), report);
  report.statements.push_back({"main", 318, 0});
  report.statements.push_back({"two", 4, 2});
  report.logs.push_back({"syslog", "/var/log/syslog", 20480, std::nullopt});
  report.logs.push_back({"main", "/srv/pg.log", 4096, 512});
  return report;
}

TEST(AddRound, PutsCommonLabelsAmongEachSeriesOwn) {
  const Report report = Example();
  ASSERT_EQ(report.metrics.size(), 2U);
  EXPECT_EQ(
      report.metrics[0],
      (Sample{"system.cpu.time", {{"cpu.mode", "us\"er"}, {"server.port", "5432"}}, 12.5, "s"}));
  EXPECT_EQ(report.metrics[1], (Sample{"system.uptime", {{"server.port", "5432"}}, 3, "s"}));
}

TEST(AddRound, LeavesStaleMarkersOut) {
  Report report;
  pipeline::FrameBuilder frame;
  frame.Begin();
  frame.Add(kUptime, {}, std::bit_cast<double>(shared::model::kStaleBits));
  AddRound(frame.End(), report);
  EXPECT_TRUE(report.metrics.empty());
}

TEST(RenderText, HasOneLineForEach) {
  EXPECT_EQ(RenderText(Example()),
            "system.cpu.time{cpu.mode=\"us\\\"er\",server.port=\"5432\"} 12.5 s\n"
            "system.uptime{server.port=\"5432\"} 3 s\n"
            "pg_stat_statements:main 318 entries\n"
            "pg_stat_statements:two 4 entries, 2 hidden\n"
            "logs:syslog /var/log/syslog 20480 bytes\n"
            "logs:main /srv/pg.log 4096 bytes, 512 behind\n");
}

TEST(RenderJson, IsOneDocument) {
  EXPECT_EQ(RenderJson(Example()),
            R"({"metrics":[{"name":"system.cpu.time",)"
            R"("labels":{"cpu.mode":"us\"er","server.port":"5432"},"value":12.5,"unit":"s"},)"
            R"({"name":"system.uptime","labels":{"server.port":"5432"},"value":3,"unit":"s"}],)"
            R"("statements":[{"target":"main","entries":318,"hidden":0},)"
            R"({"target":"two","entries":4,"hidden":2}],)"
            R"("logs":[{"log":"syslog","path":"/var/log/syslog","size_bytes":20480,)"
            R"("behind_bytes":null},{"log":"main","path":"/srv/pg.log","size_bytes":4096,)"
            R"("behind_bytes":512}]})"
            "\n");
  EXPECT_EQ(RenderJson({}), "{\"metrics\":[],\"statements\":[],\"logs\":[]}\n");
}

}  // namespace
}  // namespace agent::once
