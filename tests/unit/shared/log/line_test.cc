#include "shared/log/line.h"

#include <gtest/gtest.h>

namespace shared::log {
namespace {

// 2026-11-21 08:00:00.007
const WallTime kTime{std::chrono::milliseconds(1'795'248'000'007)};

std::string Line(Format format, std::string_view message, bool journal = false) {
  return FormatLine(format, Level::kWarn, kTime, "kafka-consumer", message, journal);
}

TEST(FormatLine, WritesText) {
  EXPECT_EQ(Line(Format::kText, "all is \"well\""),
            "2026-11-21T08:00:00.007Z WARN all is \"well\"");
  EXPECT_EQ(Line(Format::kText, "all is well", true), "<4>all is well");
}

TEST(FormatLine, WritesLogfmt) {
  EXPECT_EQ(Line(Format::kLogfmt, R"(a "b" \c)"),
            "time=2026-11-21T08:00:00.007Z level=warn thread=kafka-consumer"
            R"( msg="a \"b\" \\c")");
  EXPECT_EQ(Line(Format::kLogfmt, "a", true),
            "<4>time=2026-11-21T08:00:00.007Z level=warn thread=kafka-consumer msg=\"a\"");
}

TEST(FormatLine, WritesJson) {
  EXPECT_EQ(Line(Format::kJson, "a \"b\"\nc"),
            R"({"time":"2026-11-21T08:00:00.007Z","level":"warn","thread":"kafka-consumer",)"
            R"("message":"a \"b\"\nc"})");
}

TEST(FormatLine, LetsNoMessageForgeALineOrAField) {
  for (const Format format : {Format::kText, Format::kLogfmt, Format::kJson}) {
    const std::string line = Line(format, "a\nlevel=error\r\"} msg=\"b");
    EXPECT_EQ(line.find('\n'), std::string::npos) << line;
    EXPECT_EQ(line.find('\r'), std::string::npos) << line;
  }
  EXPECT_EQ(Line(Format::kLogfmt, "x\" level=\"error\n").substr(62),
            R"( msg="x\" level=\"error\x0a")");
}

TEST(FormatLine, NamesEveryLevel) {
  const auto begin = [](Level level, bool journal) {
    return FormatLine(Format::kText, level, kTime, "", "", journal);
  };
  EXPECT_EQ(begin(Level::kDebug, true), "<7>");
  EXPECT_EQ(begin(Level::kInfo, true), "<6>");
  EXPECT_EQ(begin(Level::kError, true), "<3>");
  EXPECT_EQ(begin(Level::kDebug, false), "2026-11-21T08:00:00.007Z DEBUG ");
  EXPECT_EQ(begin(Level::kError, false), "2026-11-21T08:00:00.007Z ERROR ");
}

}  // namespace
}  // namespace shared::log
