#include "collector/storage/logs/log_filter.h"

#include <gtest/gtest.h>

namespace collector::storage {
namespace {

using api::LogQuery;
using pgvigil::v1::LogRecord;

TEST(EventsSuffice, WhenEveryMatchIsAnEvent) {
  LogQuery query;
  EXPECT_FALSE(EventsSuffice(query));
  query.min_severity = 12;
  EXPECT_FALSE(EventsSuffice(query));
  query.min_severity = 13;
  EXPECT_TRUE(EventsSuffice(query));
  query.min_severity = 0;
  query.sqlstate = "00000";
  EXPECT_FALSE(EventsSuffice(query));
  query.sqlstate = "40P01";
  EXPECT_TRUE(EventsSuffice(query));
}

TEST(SeverityMask, HasTheBitsFromTheMinimumOn) {
  EXPECT_EQ(SeverityMask(0), 0x1ffffffu);
  EXPECT_EQ(SeverityMask(1), 0x1fffffeu);
  EXPECT_EQ(SeverityMask(24), 0x1000000u);
  EXPECT_EQ(SeverityMask(25), 0u);
}

TEST(Matches, AllConditionsAtOnce) {
  LogRecord record;
  record.set_severity_number(9);
  record.set_body("connection received");
  record.set_database("shop");
  LogQuery query;
  EXPECT_TRUE(Matches(record, query));
  query.min_severity = 9;
  query.database = "shop";
  query.contains = "received";
  EXPECT_TRUE(Matches(record, query));
  query.contains = "Received";
  EXPECT_FALSE(Matches(record, query));
  query.contains.reset();
  query.database = "sho";
  EXPECT_FALSE(Matches(record, query));
  query.database.reset();
  query.min_severity = 10;
  EXPECT_FALSE(Matches(record, query));
  query.min_severity = 0;
  query.sqlstate = "00000";
  EXPECT_FALSE(Matches(record, query));
}

TEST(MayMatch, NeverRefusesABlockThatHasAMatch) {
  LogRecord record;
  record.set_body("needle in hay");
  record.set_sqlstate("00000");
  record.set_database("shop");
  const std::string content = record.SerializeAsString();
  LogQuery query;
  EXPECT_TRUE(MayMatch(content, query));
  query.contains = "needle in hay";
  query.sqlstate = "00000";
  query.database = "shop";
  EXPECT_TRUE(MayMatch(content, query));
  query.contains = "needles";
  EXPECT_FALSE(MayMatch(content, query));
}

TEST(LogFields, LeavesOutWhatTheLineDoesNotHave) {
  LogRecord record;
  EXPECT_TRUE(LogFields(record).empty());
  record.set_pid(4711);
  record.set_query_id(-1);
  record.set_program("sshd");
  auto* attribute = record.add_attributes();
  attribute->set_name("k");
  attribute->set_value("v");
  EXPECT_EQ(LogFields(record),
            (std::vector<std::pair<std::string, std::string>>{
                {"pid", "4711"}, {"query_id", "-1"}, {"program", "sshd"}, {"k", "v"}}));
}

}  // namespace
}  // namespace collector::storage
