#include "collector/storage/logs/log_segment.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <random>

#include "collector/storage/logs/log_needle.h"
#include "collector/storage/logs/token_bloom.h"
#include "tests/support/log_lines.h"

namespace collector::storage {
namespace {

using pgvigil::v1::LogRecord;
using tests::LogLines;

constexpr int64_t kStart = 1'767'225'600'000'000'000;  // 2026-01-01

std::string ReadFixture(const std::string& name) {
  std::ifstream file(PGVIGIL_FIXTURES "/logs/segment-1/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<LogRecord> MakeRecords(LogLines::Source source, uint64_t seed, size_t count) {
  LogLines lines(source, seed, kStart, 3'000'000);
  std::vector<LogRecord> out(count);
  for (LogRecord& record : out) lines.Next(record);
  return out;
}

LogSegment Build(const std::vector<LogRecord>& records, TemplateMiner& miner) {
  SegmentBuilder builder("postgres", miner);
  std::vector<std::string> encoded;
  encoded.reserve(records.size());
  for (const LogRecord& record : records) {
    encoded.push_back(record.SerializeAsString());
    auto parts = TakeApart(encoded.back());
    EXPECT_TRUE(parts) << parts.error().message;
    builder.Add(std::move(*parts));
  }
  return builder.Finish();
}

std::vector<LogRecord> Records(const LogSegment& segment, int16_t format = kLogSegmentFormat) {
  std::vector<LogRecord> out;
  const auto bodies = SegmentBodies::Open(format, segment.bodies);
  EXPECT_TRUE(bodies) << bodies.error().message;
  const auto text = bodies->columns().PutTogether();
  EXPECT_TRUE(text) << text.error().message;
  const auto fields = SegmentFields::Open(format, segment.fields, *text);
  EXPECT_TRUE(fields) << fields.error().message;
  for (size_t i = 0; i < fields->columns().lines(); ++i) {
    const auto record = fields->columns().Record(i, text->at(i));
    EXPECT_TRUE(record) << record.error().message;
    out.push_back(*record);
  }
  return out;
}

void ExpectSame(const std::vector<LogRecord>& back, const std::vector<LogRecord>& records) {
  ASSERT_EQ(back.size(), records.size());
  for (size_t i = 0; i < records.size(); ++i) {
    ASSERT_EQ(back[i].SerializeAsString(), records[i].SerializeAsString()) << i;
  }
}

TEST(LogSegment, GivesBackEveryFieldOfEveryRecord) {
  for (const auto source : {LogLines::Source::kPostgres, LogLines::Source::kSyslog}) {
    const std::vector<LogRecord> records = MakeRecords(source, 1, 2000);
    TemplateMiner miner;
    const LogSegment segment = Build(records, miner);
    ExpectSame(Records(segment), records);
    EXPECT_EQ(segment.lines, 2000);
    EXPECT_EQ(segment.begin_offset, 0u);
    int32_t counted = 0;
    for (const PatternCount& count : segment.counts) counted += count.lines;
    EXPECT_EQ(counted, 2000);
  }
}

TEST(LogSegment, GivesBackRecordsThatNoGeneratorThinksOf) {
  std::vector<LogRecord> records(9);
  records[1].set_body("a <*> b\n\tc");
  records[1].set_time_unix_nano(1);
  records[2].set_body(std::string("nul\0 and \x01", 10));
  records[2].set_offset(UINT64_MAX);
  records[2].set_length(UINT32_MAX);
  records[2].set_time_unix_nano(UINT64_MAX);
  records[3].set_line_num(UINT64_MAX);
  records[3].set_observed_unix_nano(7);
  records[4].set_body(std::string(100'000, 'x'));
  records[4].set_query_id(-1);
  records[5].set_truncated(true);
  records[5].set_context("c");
  records[6].add_attributes()->set_name("k");
  // A field of a newer agent.
  ASSERT_TRUE(records[7].ParseFromString("\x9a\x06\x03new"));
  records[8].set_body("duration: 1 ms  statement: SELECT\n$1");
  TemplateMiner miner;
  ExpectSame(Records(Build(records, miner)), records);
}

// What collectors before format 2 stored: 24 lines of PostgreSQL's, 16 of syslog's, two odd ones.
TEST(LogSegment, StillReadsFormat1) {
  LogSegment segment;
  segment.bodies = ReadFixture("bodies.zst");
  segment.fields = ReadFixture("fields.zst");
  pgvigil::v1::LogChunk chunk;
  ASSERT_TRUE(chunk.ParseFromString(ReadFixture("records.pb")));
  const std::vector<LogRecord> records(chunk.records().begin(), chunk.records().end());
  ASSERT_EQ(records.size(), 42u);
  ExpectSame(Records(segment, 1), records);
  const auto bodies = SegmentBodies::Open(1, segment.bodies);
  ASSERT_TRUE(bodies);
  EXPECT_TRUE(bodies->columns().MayContain("request_id"));
  EXPECT_FALSE(bodies->columns().MayContain("absent"));
  TemplateMiner miner;
  ExpectSame(Records(Build(records, miner)), records);
}

TEST(LogSegment, RefusesAFormatThatIsNotYet) {
  TemplateMiner miner;
  const LogSegment segment = Build(MakeRecords(LogLines::Source::kPostgres, 1, 3), miner);
  const auto bodies = SegmentBodies::Open(3, segment.bodies);
  ASSERT_FALSE(bodies);
  EXPECT_EQ(bodies.error().message, "log segment: format 3: this collector reads 1 and 2");
}

// Whatever part of a message is asked for: the segment is not left unread.
TEST(LogSegment, IsNeverPrunedWhenItHasAMatch) {
  constexpr uint64_t kSeed = 3;
  std::mt19937_64 random(kSeed);
  for (const auto source : {LogLines::Source::kPostgres, LogLines::Source::kSyslog}) {
    const std::vector<LogRecord> records = MakeRecords(source, kSeed, 300);
    TemplateMiner miner;
    const LogSegment segment = Build(records, miner);
    std::vector<LogTemplate> forms;
    for (const auto& pattern : segment.patterns) forms.push_back(*ParseTemplate(pattern.text));
    const auto has_word = [&](const std::string& word) {
      const uint64_t hash = BloomHash(word);
      const std::string_view slice =
          std::string_view(segment.bloom)
              .substr(BloomSliceAt(hash, segment.bloom.size()), kBloomSlice);
      if (BloomSliceHas(slice, hash)) return true;
      for (const LogTemplate& form : forms) {
        for (const auto& constant : form.words) {
          if (constant == word) return true;
        }
      }
      return false;
    };
    const auto bodies = SegmentBodies::Open(kLogSegmentFormat, segment.bodies);
    ASSERT_TRUE(bodies);
    for (int i = 0; i < 5000; ++i) {
      const std::string& body = records[random() % records.size()].body();
      const size_t begin = random() % body.size();
      const LogNeedle needle{body.substr(begin, 1 + random() % 40), random() % 2 == 0};
      if (!HasNeedle(body, needle)) continue;
      for (const std::string& word : WholeWords(needle)) {
        ASSERT_TRUE(has_word(word)) << "'" << needle.text << "' " << word << " in " << body;
      }
      ASSERT_TRUE(bodies->columns().MayContain(LongestPart(needle))) << needle.text;
    }
  }
}

TEST(LogSegment, PrunesNearlyAllThatIsNotThere) {
  TemplateMiner miner;
  const LogSegment segment = Build(MakeRecords(LogLines::Source::kSyslog, 1, 3000), miner);
  int seen = 0;
  for (int i = 0; i < 10'000; ++i) {
    const uint64_t hash = BloomHash(fmt::format("absent{}", i));
    const size_t at = BloomSliceAt(hash, segment.bloom.size());
    seen += BloomSliceHas(std::string_view(segment.bloom).substr(at, kBloomSlice), hash) ? 1 : 0;
  }
  EXPECT_LT(seen, 150);
}

TEST(LogSegment, IsRefusedWhenItIsCutAnywhere) {
  TemplateMiner miner;
  const std::vector<LogRecord> records = MakeRecords(LogLines::Source::kPostgres, 1, 20);
  const LogSegment segment = Build(records, miner);
  const std::string content = *shared::wire::Decompress(segment.bodies);
  for (size_t size = 0; size < content.size(); ++size) {
    const auto cut = BodyColumns::Parse(2, std::string_view(content).substr(0, size));
    EXPECT_FALSE(cut && cut->PutTogether()) << size;
  }
  const auto whole = BodyColumns::Parse(2, content);
  ASSERT_TRUE(whole);
  std::vector<uint32_t> sizes;
  for (const LogRecord& record : records) {
    sizes.push_back(static_cast<uint32_t>(record.body().size()));
  }
  const std::string fields = *shared::wire::Decompress(segment.fields);
  for (size_t size = 0; size < fields.size(); ++size) {
    EXPECT_FALSE(FieldColumns::Parse(2, std::string_view(fields).substr(0, size), sizes)) << size;
  }
  EXPECT_TRUE(FieldColumns::Parse(2, fields, sizes));
}

TEST(HasNeedle, KnowsWhereAWordEnds) {
  const auto has = [](std::string_view body, std::string needle) {
    return HasNeedle(body, {std::move(needle), true});
  };
  EXPECT_TRUE(has("port 42", "42"));
  EXPECT_FALSE(has("port 4242", "42"));
  EXPECT_TRUE(has("port 4242 42", "42"));
  EXPECT_TRUE(has("a-b", "-"));
  EXPECT_TRUE(has("a = b", "= b"));
  EXPECT_FALSE(has("a = bc", "= b"));
  EXPECT_FALSE(has("", "42"));
}

TEST(WholeWords, AreThoseThatTheNeedleBounds) {
  using Words = std::vector<std::string>;
  EXPECT_EQ(WholeWords({"lock on relation 16384 of", false}), (Words{"relation", "16384"}));
  EXPECT_EQ(WholeWords({"16384", false}), Words{});
  EXPECT_EQ(WholeWords({"16384", true}), Words{"16384"});
  EXPECT_EQ(WholeWords({" 16384 ", false}), Words{"16384"});
  EXPECT_EQ(LongestPart({"ab-cde", false}), "cde");
}

}  // namespace
}  // namespace collector::storage
