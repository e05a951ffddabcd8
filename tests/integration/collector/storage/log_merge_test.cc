#include <fmt/format.h>

#include <atomic>
#include <random>
#include <thread>

#include "collector/storage/logs/log_filter.h"
#include "collector/storage/logs/log_merger.h"
#include "collector/storage/session.h"
#include "tests/integration/collector/storage/store_fixture.h"
#include "tests/support/log_lines.h"

namespace tests {
namespace {

using collector::api::LogPage;
using collector::api::LogQuery;
using collector::storage::LogMerger;
using collector::storage::LogMergerOptions;
using collector::storage::PartitionKeeper;
using pgvigil::v1::Batch;
using pgvigil::v1::LogRecord;
using shared::postgres::Connection;

constexpr int64_t kHour = 3600 * kSecond;

// One record that was stored, and where.
struct Stored {
  int agent = 0;
  std::string source;
  LogRecord record;
};

// The store's own maintenance is done when the clock does not move: a test decides when to merge.
class LogMergeTest : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    auto opened = collector::storage::OpenWriteSession(server_.Options("pgvigil"), "test");
    ASSERT_TRUE(opened) << opened.error().message;
    connection_.emplace(std::move(*opened));
  }

  // Sends `batches` chunks of random size of two agents' files, PostgreSQL's and syslog's, from an
  // hour before midnight on.
  void Fill(uint64_t seed, int batches) {
    if (sources_.empty()) {
      for (int agent = 1; agent <= 2; ++agent) {
        for (const auto source : {LogLines::Source::kPostgres, LogLines::Source::kSyslog}) {
          sources_.push_back(
              {agent, source == LogLines::Source::kPostgres,
               LogLines(source, seed + sources_.size(), kStart - kHour / 2, kHour / 4000)});
        }
      }
    }
    std::mt19937_64 random(seed);
    for (int i = 0; i < batches; ++i) {
      Source& source = sources_[random() % sources_.size()];
      Batch batch = AgentBatch(pgvigil::v1::STREAM_LOGS, source.agent, ++sequences_[source.agent]);
      const LogFileWriter writer(source.postgres ? 'p' : 's',
                                 source.postgres ? pgvigil::v1::LOG_FORMAT_POSTGRES_STDERR
                                                 : pgvigil::v1::LOG_FORMAT_SYSLOG_FILE);
      auto* chunk = writer.Begin(batch, source.lines.offset());
      const size_t lines = 1 + random() % 60;
      for (size_t line = 0; line < lines; ++line) {
        source.lines.Next(*chunk->add_records());
        truth_.push_back({source.agent, source.postgres ? "postgres" : "syslog",
                          chunk->records(chunk->records_size() - 1)});
      }
      chunk->set_end_offset(source.lines.offset());
      const auto reply = Submit(*store_, std::move(batch));
      ASSERT_TRUE(reply) << reply.error().message;
    }
  }

  // One round of a merger that has just started, as after a crash.
  Result<std::chrono::milliseconds> Merge(Connection& connection, size_t worth_bytes = 1) {
    LogMerger merger(partitions_, {.segment_bytes = 20'000, .worth_bytes = worth_bytes});
    return merger.Run(connection, clock_.Now() + std::chrono::hours(1), {});
  }
  void MergeAll() {
    while (true) {
      const auto pause = Merge(*connection_);
      ASSERT_TRUE(pause) << pause.error().message;
      if (pause->count() > 0) return;
    }
  }

  // What a question must answer, by looking at every line.
  std::vector<std::string> Expected(const LogQuery& query) {
    std::vector<std::tuple<uint64_t, int, std::string, uint64_t, std::string>> matches;
    for (const Stored& one : truth_) {
      const auto nanos = static_cast<int64_t>(one.record.time_unix_nano());
      if (nanos < shared::ToUnixNanos(query.range.from) ||
          nanos >= shared::ToUnixNanos(query.range.to) ||
          (query.host && *query.host != fmt::format("db-{}", one.agent)) ||
          (query.source && *query.source != one.source) ||
          !collector::storage::Matches(one.record, query)) {
        continue;
      }
      matches.emplace_back(one.record.time_unix_nano(), one.agent, one.source, one.record.offset(),
                           one.record.body());
    }
    std::vector<std::string> out;
    for (const auto& [time, agent, source, offset, body] : matches) {
      out.push_back(fmt::format("{} db-{} {} {} {}", time, agent, source, offset, body));
    }
    std::sort(out.begin(), out.end());
    return out;
  }

  // All pages of an answer, sorted for comparing; checks the order of times. `between` is called
  // after each page.
  template <typename Between>
  std::vector<std::string> Ask(LogQuery query, Between between) {
    std::vector<std::string> out;
    int64_t last = query.newest_first ? INT64_MAX : INT64_MIN;
    do {
      const Result<LogPage> page = store_->reader().Logs(Context(), query);
      EXPECT_TRUE(page) << page.error().message;
      if (!page) return out;
      for (const auto& row : page->rows) {
        EXPECT_TRUE(query.newest_first ? row.time_unix_nano <= last : row.time_unix_nano >= last);
        last = row.time_unix_nano;
        out.push_back(fmt::format("{} {} {} {} {}", row.time_unix_nano, row.host_name, row.source,
                                  row.offset, row.body));
      }
      query.cursor = page->next_cursor;
      between();
    } while (!query.cursor.empty());
    std::sort(out.begin(), out.end());
    return out;
  }

  // A question that some line of the truth may answer.
  LogQuery RandomQuery(std::mt19937_64& random) {
    LogQuery query;
    query.range = {shared::FromUnixNanos(kStart - kHour), shared::FromUnixNanos(kStart + kHour)};
    if (random() % 3 == 0) query.range.from += std::chrono::seconds(random() % 3600);
    if (random() % 3 == 0) query.range.to -= std::chrono::seconds(random() % 3600);
    query.newest_first = random() % 2 == 0;
    query.limit = random() % 4 == 0 ? 150 : 2000;
    const Stored& model = truth_[random() % truth_.size()];
    if (random() % 4 == 0) query.host = fmt::format("db-{}", model.agent);
    if (random() % 4 == 0) query.source = model.source;
    if (random() % 8 == 0) query.min_severity = 9;
    if (random() % 6 == 0) query.database = model.record.database();
    if (random() % 8 == 0 && !model.record.sqlstate().empty()) {
      query.sqlstate = model.record.sqlstate();
    }
    const std::string& body = model.record.body();
    const auto part = [&] {
      const size_t begin = random() % body.size();
      // On the borders of characters: all bodies are ASCII.
      return body.substr(begin, 1 + random() % 30);
    };
    if (random() % 2 == 0) query.contains = part();
    if (random() % 3 == 0) query.word = part();
    return query;
  }

  struct Source {
    int agent = 0;
    bool postgres = false;
    LogLines lines;
  };
  std::vector<Source> sources_;
  std::map<int, uint64_t> sequences_;
  std::vector<Stored> truth_;
  PartitionKeeper partitions_;
  std::optional<Connection> connection_;
};

TEST_F(LogMergeTest, AnswersTheSameWhateverHasBeenMerged) {
  constexpr uint64_t kSeed = 20260101;
  std::mt19937_64 random(kSeed);
  for (int round = 0; round < 4; ++round) {
    Fill(kSeed + static_cast<uint64_t>(round), 40);
    if (random() % 3 != 0) {
      ASSERT_TRUE(Merge(*connection_, random() % 2 == 0 ? 1 : 100'000));
    }
    for (int i = 0; i < 25; ++i) {
      const LogQuery query = RandomQuery(random);
      // Now and then records move while an answer is paged through.
      const bool merge_between = i % 10 == 0;
      const auto rows = Ask(query, [&] {
        if (merge_between) {
          ASSERT_TRUE(Merge(*connection_));
        }
      });
      ASSERT_EQ(rows, Expected(query))
          << "seed " << kSeed << " round " << round << " question " << i << " contains '"
          << query.contains.value_or("") << "' word '" << query.word.value_or("") << "'";
    }
  }
  MergeAll();
  EXPECT_EQ(StoreTest::Ask("SELECT count(*) FROM pgvigil.log_block"), "0");
  EXPECT_EQ(StoreTest::Ask("SELECT sum(lines) FROM pgvigil.log_segment"),
            std::to_string(truth_.size()));
}

TEST_F(LogMergeTest, LosesAndDoublesNothingWhenItIsKilled) {
  constexpr uint64_t kSeed = 7;
  std::mt19937_64 random(kSeed);
  Fill(kSeed, 60);
  int killed = 0;
  for (int round = 0; round < 25; ++round) {
    Fill(kSeed + static_cast<uint64_t>(round), 6);
    Connection victim = server_.Connect("pgvigil");
    std::atomic<bool> done{false};
    // Ends the backend somewhere within the round.
    std::thread killer([&, backend = victim.backend_pid(), wait = random() % 30] {
      const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(wait);
      while (std::chrono::steady_clock::now() < until && !done) std::this_thread::yield();
      server_.Execute(fmt::format("SELECT pg_terminate_backend({})", backend));
    });
    if (!Merge(victim)) killed += 1;
    done = true;
    killer.join();
    ASSERT_EQ(StoreTest::Ask("SELECT (SELECT coalesce(sum(lines), 0) FROM pgvigil.log_block) +"
                             " (SELECT coalesce(sum(lines), 0) FROM pgvigil.log_segment)"),
              std::to_string(truth_.size()))
        << "seed " << kSeed << " round " << round;
  }
  EXPECT_GT(killed, 0);
  MergeAll();
  LogQuery all;
  all.range = {shared::FromUnixNanos(kStart - kHour), shared::FromUnixNanos(kStart + kHour)};
  all.limit = 1000;
  EXPECT_EQ(Ask(all, [] {}), Expected(all));
  EXPECT_EQ(StoreTest::Ask("SELECT sum(lines) FROM pgvigil.log_pattern_minute"),
            std::to_string(truth_.size()));
}

TEST_F(LogMergeTest, LeavesABlockThatItCannotReadAndMergesTheRest) {
  Fill(3, 20);
  ASSERT_TRUE(connection_->Execute(
      "UPDATE pgvigil.log_block SET data = 'damaged' WHERE (first_time, file_id, begin_offset) ="
      " (SELECT first_time, file_id, begin_offset FROM pgvigil.log_block"
      "  ORDER BY first_time LIMIT 1)"));
  MergeAll();
  EXPECT_EQ(StoreTest::Ask("SELECT count(*) FROM pgvigil.log_block"), "1");
  EXPECT_NE(StoreTest::Ask("SELECT count(*) FROM pgvigil.log_segment"), "0");
}

TEST_F(LogMergeTest, CountsPatternsByMinute) {
  Fill(5, 80);
  collector::api::LogPatternQuery query;
  query.range = {shared::FromUnixNanos(kStart - kHour), shared::FromUnixNanos(kStart + kHour)};
  query.limit = 1000;
  const auto before = store_->reader().LogPatterns(Context(), query);
  ASSERT_TRUE(before) << before.error().message;
  EXPECT_EQ(before->uncounted_lines, truth_.size());
  EXPECT_TRUE(before->rows.empty());
  MergeAll();
  const auto page = store_->reader().LogPatterns(Context(), query);
  ASSERT_TRUE(page) << page.error().message;
  EXPECT_EQ(page->uncounted_lines, 0u);
  uint64_t lines = 0;
  for (const auto& row : page->rows) {
    lines += row.lines;
    // The lines of a pattern can be asked for; there may be more than were counted as it.
    LogQuery of_pattern;
    of_pattern.range = query.range;
    of_pattern.pattern = row.id;
    of_pattern.limit = 1000;
    EXPECT_GE(Ask(of_pattern, [] {}).size(), row.lines) << row.pattern;
    EXPECT_FALSE(row.example.empty());
    EXPECT_LE(row.first_seen, row.last_seen);
  }
  EXPECT_EQ(lines, truth_.size());
  EXPECT_EQ(page->rows[0].pattern.substr(0, 10), "level=<*> ");
  query.new_since = shared::FromUnixNanos(kStart + kHour);
  EXPECT_TRUE(store_->reader().LogPatterns(Context(), query)->rows.empty());
  query.new_since.reset();
  query.source = "postgres";
  const auto of_postgres = store_->reader().LogPatterns(Context(), query);
  ASSERT_TRUE(of_postgres && !of_postgres->rows.empty());
  for (const auto& row : of_postgres->rows) EXPECT_EQ(row.source, "postgres");
  EXPECT_TRUE(store_->reader().LogPatterns(Context(2), query)->rows.empty());
}

TEST_F(LogMergeTest, FindsTheSamePatternBeforeAndAfterMerging) {
  Fill(9, 40);
  MergeAll();
  const std::string pattern = StoreTest::Ask(
      "SELECT id FROM pgvigil.log_pattern WHERE template LIKE 'connection received%' LIMIT 1");
  ASSERT_FALSE(pattern.empty());
  Fill(10, 40);
  LogQuery query;
  query.range = {shared::FromUnixNanos(kStart - kHour), shared::FromUnixNanos(kStart + kHour)};
  query.pattern = std::stoi(pattern);
  query.limit = 1000;
  const auto before = Ask(query, [] {});
  EXPECT_GT(before.size(), 0u);
  MergeAll();
  EXPECT_EQ(Ask(query, [] {}), before);
  query.pattern = 1'000'000;
  const auto unknown = store_->reader().Logs(Context(), query);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().message, "pattern: there is no 1000000");
}

}  // namespace
}  // namespace tests
