#include "agent/logs/syslog.h"

#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"
#include "tests/unit/agent/logs/parse_lines.h"

namespace {

using agent::logs::Redactor;
using agent::logs::SyslogParser;
using agent::logs::TimeZone;

constexpr int64_t kCaptured = 1'795'253'149;  // 2026-11-21T09:25:49Z

pgvigil::v1::LogChunk Parse(std::string_view text, int64_t now = kCaptured + 60,
                            const char* zone = "UTC", bool allow_literals = true) {
  const tests::FakeClock clock(now * 1'000'000'000);
  const Redactor redactor(allow_literals);
  SyslogParser parser(*TimeZone::Load(zone), clock, redactor);
  return tests::ParseLines(parser, text);
}

TEST(Syslog, ReadsTheSameFromAllThreeFormsThatRsyslogWrites) {
  for (const char* file : {"traditional.log", "iso.log", "rfc5424.log"}) {
    const auto got = Parse(tests::Fixture(std::string("rsyslog-8.2302/") + file));
    ASSERT_EQ(got.records_size(), 5) << file;
    EXPECT_EQ(got.unparsed_records(), 0u) << file;
    for (const auto& record : got.records()) {
      EXPECT_EQ(record.time_unix_nano() / 1'000'000'000, static_cast<uint64_t>(kCaptured)) << file;
      EXPECT_EQ(record.host_name(), "db1") << file;
    }
    EXPECT_EQ(got.records(0).program(), "sshd");
    EXPECT_EQ(got.records(0).pid(), 1030u);
    EXPECT_EQ(got.records(0).body(), "Accepted publickey for root from 10.0.0.9 port 51234 ssh2");
    EXPECT_EQ(got.records(1).program(), "kernel");
    EXPECT_EQ(got.records(1).pid(), 0u);
    EXPECT_EQ(got.records(4).body(), "no tag: a line with umlauts äöü and#011tab") << file;
  }
  const auto with_priority = Parse(tests::Fixture("rsyslog-8.2302/rfc5424.log"));
  EXPECT_EQ(with_priority.records(1).severity_text(), "err");
  EXPECT_EQ(with_priority.records(1).severity_number(), 17u);
  EXPECT_EQ(tests::AttributeOf(with_priority.records(3), "syslog.facility"), "16");
}

TEST(Syslog, FindsTheYearThatTheLineDoesNotName) {
  const int64_t new_year = 1'798'761'600;  // 2027-01-01T00:00:00Z
  const auto time_of = [](std::string_view line, int64_t now, const char* zone) {
    return static_cast<int64_t>(Parse(line, now, zone).records(0).time_unix_nano() / 1'000'000'000);
  };
  EXPECT_EQ(time_of("Dec 31 23:59:58 h p: x\n", new_year + 5, "UTC"), new_year - 2);
  EXPECT_EQ(time_of("Jan  1 00:00:01 h p: x\n", new_year - 1800, "Europe/Berlin"), new_year - 3599);
  EXPECT_EQ(time_of("Feb 29 12:00:00 h p: x\n", new_year, "UTC"), 1'709'208'000);  // 2024
  EXPECT_EQ(time_of("Jul  1 12:00:00 h p: x\n", new_year, "Europe/Berlin"), 1'782'900'000);
}

TEST(Syslog, TakesStructuredDataAsAttributes) {
  const auto got = Parse(
      R"(<165>1 2026-11-21T09:25:49.003Z h app - ID47 [ex@1 a="1" b="q\"\]"][z c="3"] the message)"
      "\n");
  ASSERT_EQ(got.records_size(), 1);
  EXPECT_EQ(got.records(0).body(), "the message");
  EXPECT_EQ(tests::AttributeOf(got.records(0), "ex@1.b"), "q\"]");
  EXPECT_EQ(tests::AttributeOf(got.records(0), "z.c"), "3");
  EXPECT_EQ(tests::AttributeOf(got.records(0), "syslog.msgid"), "ID47");
}

TEST(Syslog, KeepsWhatItDoesNotUnderstand) {
  for (const std::string_view line :
       {"Foo 21 09:25:49 h p: x", "Nov 31 09:25:49 h p: x", "<999>Nov", "-- MARK --",
        "2026-13-21T09:25:49Z h p: x", "<34>1 2026-11-21T09:25:49Z h a - - [open x=\"y"}) {
    const auto got = Parse(std::string(line) + "\n");
    ASSERT_EQ(got.records_size(), 1) << line;
    EXPECT_EQ(got.unparsed_records(), 1u) << line;
    EXPECT_EQ(got.records(0).body(), line);
  }
}

TEST(Syslog, RedactsWhatPostgresqlSendsThere) {
  const auto got = Parse(
      "2026-11-21T09:25:49Z h postgres[7]: [5-1] LOG:  statement: select 'hunter2' from \"t\"\n"
      "2026-11-21T09:25:49Z h postgres[7]: [5-2] ERROR:  bad input: \"hunter2\"\n",
      kCaptured, "UTC", false);
  ASSERT_EQ(got.records_size(), 2);
  for (const auto& record : got.records()) {
    EXPECT_EQ(record.body().find("hunter2"), std::string::npos) << record.body();
  }
}

}  // namespace
