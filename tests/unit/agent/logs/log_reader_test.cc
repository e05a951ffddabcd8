#include "agent/logs/log_reader.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "agent/logs/log_source.h"
#include "tests/unit/agent/logs/log_world.h"
#include "tests/unit/agent/logs/parse_lines.h"

namespace {

using std::chrono::milliseconds;
using tests::AppendTo;
using tests::JsonLine;
using tests::LogWorld;
using tests::StderrLine;
using Strings = std::vector<std::string>;
namespace fs = std::filesystem;

class LogReaderTest : public ::testing::Test {
 protected:
  LogWorld world_;
};

TEST_F(LogReaderTest, NamesFileInstanceAndAgentInItsBatches) {
  AppendTo(world_.LogPath("postgresql-1.json"), JsonLine("hello"));
  world_.SetCurrent("postgresql-1.json");
  world_.Start();
  world_.Turns(6);
  const auto out = world_.reader_->queue().Next();
  ASSERT_TRUE(out);
  pgvigil::v1::Batch batch;
  ASSERT_TRUE(batch.ParseFromString(*shared::wire::Decompress(out->body)));
  EXPECT_EQ(batch.agent_id(), "0123456789abcdef");
  EXPECT_EQ(batch.stream(), pgvigil::v1::STREAM_LOGS);
  EXPECT_EQ(batch.sequence(), 1u);
  ASSERT_EQ(batch.logs_size(), 1);
  EXPECT_EQ(batch.logs(0).instance().name(), "main");
  EXPECT_EQ(batch.logs(0).instance().system_identifier(), 77u);
  EXPECT_EQ(batch.logs(0).file().path(), world_.LogPath("postgresql-1.json"));
  EXPECT_EQ(batch.logs(0).file().format(), pgvigil::v1::LOG_FORMAT_POSTGRES_JSON);
  EXPECT_EQ(batch.logs(0).begin_offset(), 0u);
  EXPECT_EQ(batch.logs(0).end_offset(), JsonLine("hello").size());
  EXPECT_EQ(batch.logs(0).records(0).body(), "hello");
  EXPECT_EQ(world_.CapabilityOf("logs:main").state(), pgvigil::v1::Capability::STATE_OK);
}

TEST_F(LogReaderTest, GivesTheSameFileTheSameIdWhenTheCheckpointIsLost) {
  AppendTo(world_.LogPath("postgresql-1.json"), JsonLine("one"));
  world_.SetCurrent("postgresql-1.json");
  world_.Start();
  world_.Run(milliseconds(1000));
  world_.Stop();
  fs::remove(world_.options_.state_directory + "/tail.checkpoint");
  AppendTo(world_.LogPath("postgresql-1.json"), JsonLine("two"));
  world_.Start();
  world_.Run(milliseconds(1000));
  EXPECT_EQ(world_.collector_.bodies(), (Strings{"one", "two"}));
  EXPECT_EQ(world_.collector_.positions().size(), 1u);
  EXPECT_EQ(world_.collector_.skipped(), 1u);
}

TEST_F(LogReaderTest, GrowsItsIncarnationEvenWhenTheClockStepsBack) {
  AppendTo(world_.LogPath("postgresql-1.json"), JsonLine("one"));
  world_.SetCurrent("postgresql-1.json");
  world_.Start();
  world_.Turns(6);
  const uint64_t first = world_.reader_->queue().Next()->incarnation;
  world_.Stop();
  world_.clock_.SetWall(shared::FromUnixNanos(1'000'000'000));
  world_.Start();
  world_.Turns(6);
  EXPECT_EQ(world_.reader_->queue().Next()->incarnation, first + 1);
}

TEST_F(LogReaderTest, ReadsFilesThatCameAndWentWhileItWasDown) {
  AppendTo(world_.LogPath("postgresql-0.json"), JsonLine("from before the first start"));
  AppendTo(world_.LogPath("postgresql-1.json"), JsonLine("one"));
  world_.SetCurrent("postgresql-1.json");
  world_.Start();
  world_.Run(milliseconds(1000));
  world_.Stop();
  AppendTo(world_.LogPath("postgresql-1.json"), JsonLine("two"));
  AppendTo(world_.LogPath("postgresql-2.json"), JsonLine("three"));
  AppendTo(world_.LogPath("postgresql-3.json"), JsonLine("four"));
  world_.SetCurrent("postgresql-3.json");
  world_.Start();
  world_.Run(milliseconds(1000));
  EXPECT_EQ(world_.collector_.bodies(), (Strings{"one", "two", "three", "four"}));
}

TEST_F(LogReaderTest, ReadsARenamedAndUnlinkedFileToItsEnd) {
  world_.follow_postgres_ = false;
  world_.options_.syslog_path = world_.LogPath("syslog");
  const auto line = [](std::string_view body) {
    return fmt::format("2026-01-01T00:00:00+00:00 h p: {}\n", body);
  };
  AppendTo(world_.LogPath("syslog"), line("one"));
  world_.Start();
  world_.Run(milliseconds(500));
  const shared::UniqueFd writer(::open(world_.LogPath("syslog").c_str(), O_WRONLY | O_APPEND));
  fs::rename(world_.LogPath("syslog"), world_.LogPath("syslog.1"));
  AppendTo(world_.LogPath("syslog"), line("three"));
  world_.Run(milliseconds(500));
  fs::remove(world_.LogPath("syslog.1"));
  world_.Run(milliseconds(3000));
  const std::string late = line("two, late, by the old descriptor") + "and a half";
  ASSERT_EQ(::write(writer.get(), late.data(), late.size()), static_cast<ssize_t>(late.size()));
  world_.Run(milliseconds(12'000));
  EXPECT_EQ(world_.collector_.bodies(),
            (Strings{"one", "three", "two, late, by the old descriptor", "and a half"}));
  EXPECT_TRUE(world_.DroppedItems().empty());
}

TEST_F(LogReaderTest, LosesNothingAtCopyTruncate) {
  world_.follow_postgres_ = false;
  world_.options_.syslog_path = world_.LogPath("syslog");
  const auto line = [](int i) {
    return fmt::format("2026-01-01T00:00:00+00:00 host program[4711]: number {}\n", i);
  };
  for (const bool crash : {false, true}) {
    const int base = crash ? 100 : 0;
    for (int i = 0; i < 10; ++i) AppendTo(world_.LogPath("syslog"), line(base + i));
    if (!crash) world_.Start();
    world_.Run(milliseconds(2000));
    if (crash) world_.Crash();
    for (int i = 10; i < 20; ++i)
      AppendTo(world_.LogPath("syslog"), line(base + i));  // not read yet
    fs::copy_file(world_.LogPath("syslog"), world_.LogPath(crash ? "syslog.2" : "syslog.1"));
    fs::resize_file(world_.LogPath("syslog"), 0);
    for (int i = 20; i < 30; ++i) AppendTo(world_.LogPath("syslog"), line(base + i));
    if (crash) world_.Start();
    world_.Run(milliseconds(15'000));
  }
  std::map<std::string, int> stored;
  for (const std::string& body : world_.collector_.bodies()) stored[body] += 1;
  EXPECT_EQ(stored.size(), 60u);
  for (const auto& [body, count] : stored) EXPECT_EQ(count, 1) << body;
}

TEST_F(LogReaderTest, ReadsATruncatedFileFromItsBeginning) {
  AppendTo(world_.LogPath("postgresql-1.json"), JsonLine("one") + JsonLine("two"));
  world_.SetCurrent("postgresql-1.json");
  world_.Start();
  world_.Run(milliseconds(500));
  fs::resize_file(world_.LogPath("postgresql-1.json"), 0);
  AppendTo(world_.LogPath("postgresql-1.json"), JsonLine("one"));  // the same first line again
  world_.Run(milliseconds(2000));
  EXPECT_EQ(world_.collector_.bodies(), (Strings{"one", "two", "one"}));
  EXPECT_EQ(world_.collector_.positions().size(), 2u);
}

TEST_F(LogReaderTest, BreaksARecordAgainWhereSilenceBrokeIt) {
  world_.settings_.log_destination = "stderr";
  AppendTo(world_.LogPath("postgresql-1.log"), StderrLine("one"));
  world_.SetCurrent("postgresql-1.log", "stderr");
  world_.Start();
  world_.Run(milliseconds(500));
  EXPECT_EQ(world_.collector_.records().size(), 0u);  // it may still grow
  world_.Turns(60);
  const auto batch = world_.reader_->queue().Next();
  ASSERT_TRUE(batch);
  world_.collector_.Store(*batch);  // and the answer is lost
  world_.Crash();
  AppendTo(world_.LogPath("postgresql-1.log"), "\tthe rest\n" + StderrLine("two"));
  world_.Start();
  world_.Run(milliseconds(4000));
  ASSERT_EQ(world_.collector_.records().size(), 3u);
  EXPECT_EQ(world_.collector_.bodies(), (Strings{"one", "the rest", "two"}));
  EXPECT_EQ(tests::AttributeOf(world_.collector_.records()[1], "pgvigil.continuation"), "true");
}

TEST_F(LogReaderTest, SkipsTheBulkOfAHugeFileAtTheFirstStartOnly) {
  world_.options_.files.first_start_limit = 4096;
  world_.options_.files.first_start_tail = 256;
  std::string text;
  for (int i = 0; i < 100; ++i) text += JsonLine(fmt::format("n{}", i));
  AppendTo(world_.LogPath("postgresql-1.json"), text);
  world_.SetCurrent("postgresql-1.json");
  world_.Start();
  world_.Run(milliseconds(500));
  EXPECT_EQ(world_.collector_.bodies(), (Strings{"n98", "n99"}));
  const auto dropped = world_.drops_.Snapshot();
  ASSERT_EQ(dropped.size(), 1u);
  EXPECT_EQ(dropped[0].reason(), "first_start");
  EXPECT_EQ(dropped[0].bytes(), text.size() - 2 * JsonLine("n98").size());
  world_.Stop();
  AppendTo(world_.LogPath("postgresql-2.json"), text);
  world_.SetCurrent("postgresql-2.json");
  world_.Start();
  world_.Run(milliseconds(2000));
  EXPECT_EQ(world_.collector_.records().size(), 102u);
}

TEST_F(LogReaderTest, CutsARecordThatIsTooLongAndGoesOn) {
  world_.options_.files.max_record_bytes = 1000;
  AppendTo(world_.LogPath("postgresql-1.json"),
           JsonLine(std::string(200'000, 'x')) + JsonLine("next"));
  world_.SetCurrent("postgresql-1.json");
  world_.Start();
  world_.Run(milliseconds(2000));
  ASSERT_EQ(world_.collector_.records().size(), 2u);
  const auto& cut = world_.collector_.records()[0];
  EXPECT_TRUE(cut.truncated());
  EXPECT_EQ(cut.severity_text(), "LOG");
  EXPECT_LT(cut.body().size(), 1000u);
  EXPECT_EQ(cut.length(), JsonLine(std::string(200'000, 'x')).size());
  EXPECT_EQ(world_.collector_.records()[1].body(), "next");
  EXPECT_EQ(world_.drops_.Snapshot()[0].reason(), "record_cut");
}

TEST_F(LogReaderTest, StopsReadingWhenTheQueueIsFull) {
  world_.options_.batch_bytes = 1000;
  world_.options_.queue_bytes = 2000;
  std::string text;
  for (int i = 0; i < 5000; ++i) text += JsonLine(fmt::format("n{}", i));
  AppendTo(world_.LogPath("postgresql-1.json"), text);
  world_.SetCurrent("postgresql-1.json");
  world_.options_.follow.turn_bytes = 1000;
  world_.Start();
  world_.Turns(200);
  EXPECT_LT(world_.reader_->queue().waiting_bytes(), 3000u);
  world_.Run(milliseconds(60'000));
  EXPECT_EQ(world_.collector_.records().size(), 5000u);
}

TEST_F(LogReaderTest, KeepsACopyOfARefusedBatchAndMovesOn) {
  world_.options_.quarantine_bytes = 400;
  AppendTo(world_.LogPath("postgresql-1.json"), JsonLine("poison"));
  world_.SetCurrent("postgresql-1.json");
  world_.Start();
  for (int i = 0; i < 5; ++i) {
    world_.Turns(8);
    const auto batch = world_.reader_->queue().Next();
    ASSERT_TRUE(batch);
    world_.reader_->queue().SetAside(batch->incarnation, batch->sequence, "malformed");
    AppendTo(world_.LogPath("postgresql-1.json"), JsonLine(fmt::format("next {}", i)));
  }
  uint64_t kept = 0;
  uint64_t files = 0;
  for (const auto& entry :
       fs::directory_iterator(world_.options_.state_directory + "/quarantine")) {
    kept += entry.file_size();
    files += 1;
  }
  EXPECT_LE(kept, 400u);
  EXPECT_GE(files, 1u);
  EXPECT_EQ(world_.DroppedItems()["refused"], 5u);
  world_.Run(milliseconds(500));
  EXPECT_EQ(world_.collector_.bodies(), Strings{"next 4"});
}

TEST_F(LogReaderTest, CountsAFileThatVanishedUnread) {
  AppendTo(world_.LogPath("postgresql-1.json"), JsonLine("one"));
  world_.SetCurrent("postgresql-1.json");
  world_.Start();
  world_.Turns(10);
  world_.Crash();
  fs::remove(world_.LogPath("postgresql-1.json"));
  AppendTo(world_.LogPath("postgresql-2.json"), JsonLine("two"));
  world_.SetCurrent("postgresql-2.json");
  world_.Start();
  world_.Run(milliseconds(500));
  EXPECT_EQ(world_.collector_.bodies(), Strings{"two"});
  EXPECT_EQ(world_.DroppedItems()["log_gap"], 1u);
}

TEST_F(LogReaderTest, ReadsBinaryGarbageWithoutHarm) {
  std::string garbage;
  for (int i = 0; i < 5000; ++i) garbage.push_back(static_cast<char>(i * 7919 >> 3));
  AppendTo(world_.LogPath("postgresql-1.json"), garbage + "\n" + JsonLine("after"));
  world_.SetCurrent("postgresql-1.json");
  world_.Start();
  world_.Run(milliseconds(500));
  ASSERT_FALSE(world_.collector_.records().empty());
  EXPECT_EQ(world_.collector_.records().back().body(), "after");
}

TEST_F(LogReaderTest, SaysWhyAndWhatHelpsWhenThereIsNothingToRead) {
  world_.settings_.log_destination = "csvlog";
  world_.Start();
  world_.Turns(1);
  EXPECT_EQ(world_.CapabilityOf("logs:main").state(), pgvigil::v1::Capability::STATE_FAILED);
  EXPECT_EQ(world_.CapabilityOf("logs:main").detail(),
            "log_destination = 'csvlog' is not one that the agent reads");
}

TEST_F(LogReaderTest, FollowsAChangeOfSettings) {
  AppendTo(world_.LogPath("postgresql-1.json"), JsonLine("json"));
  AppendTo(world_.LogPath("postgresql-1.log"), StderrLine("plain"));
  world_.SetCurrent("postgresql-1.json");
  world_.Start();
  world_.Run(milliseconds(500));
  world_.settings_.log_destination = "stderr";
  world_.settings_.log_line_prefix = "[%p] ";
  world_.SetCurrent("postgresql-2.log", "stderr");
  AppendTo(world_.LogPath("postgresql-2.log"), "[7] ERROR:  two\n");
  world_.reader_->SetPostgres(world_.identity_, world_.settings_);
  world_.Run(milliseconds(4000));
  EXPECT_EQ(world_.collector_.bodies().back(), "two");
  EXPECT_EQ(world_.collector_.records().back().severity_text(), "ERROR");
  EXPECT_EQ(world_.CapabilityOf("logs:main").detail(),
            "log_line_prefix = '[%p] ' has no time or no pid");
}

TEST(LogSource, ReadsOnItsThreadAndKeepsWhatWasAcknowledged) {
  LogWorld world;
  const shared::SystemClock clock;
  AppendTo(world.LogPath("postgresql-1.json"), JsonLine("one"));
  world.SetCurrent("postgresql-1.json");
  for (const char* next : {"two", "three"}) {
    auto source =
        agent::logs::LogSource::Open(world.options_, clock, world.drops_, world.capabilities_);
    ASSERT_TRUE(source) << source.error().message;
    std::promise<void> ready;
    std::atomic<bool> told = false;
    (*source)->outbox().SetReadyCallback([&] {
      if (!told.exchange(true)) ready.set_value();
    });
    (*source)->Start();
    (*source)->UpdatePostgres(world.identity_, world.settings_);
    ready.get_future().wait();
    const auto batch = (*source)->outbox().Next();
    ASSERT_TRUE(batch);
    world.collector_.Store(*batch);
    (*source)->Stop();
    (*source)->outbox().Acknowledge(batch->incarnation, batch->sequence);
    source->reset();
    AppendTo(world.LogPath("postgresql-1.json"), JsonLine(next));
  }
  EXPECT_EQ(world.collector_.bodies(), (Strings{"one", "two"}));
  EXPECT_EQ(world.collector_.skipped(), 0u);  // the position was durable
}

}  // namespace
