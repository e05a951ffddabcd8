#include "shared/config/settings.h"

#include <gtest/gtest.h>

namespace shared::config {
namespace {

TEST(Settings, ArePrintedInColumnsWithTheirOrigins) {
  Settings settings;
  settings.Add("a.b", "\"10s\"", "x.toml:3");
  settings.Add("long.name", "true", "default");
  settings.Add("list", "\"" + std::string(70, 'x') + "\"", "x.toml:4");
  EXPECT_EQ(settings.ToText(),
            "a.b = \"10s\"                                                   # x.toml:3\n"
            "long.name = true                                              # default\n"
            "list = \"" +
                std::string(70, 'x') + "\"  # x.toml:4\n");
  EXPECT_EQ(settings.Find("long.name")->value, "true");
  EXPECT_EQ(settings.Find("other"), nullptr);
}

TEST(Settings, AreJsonForPrograms) {
  Settings settings;
  EXPECT_EQ(settings.ToJson(), "[]");
  settings.Add("a", "\"x\"", "default");
  settings.Add("b", "1", "f:1");
  EXPECT_EQ(settings.ToJson(), R"([{"key":"a","value":"\"x\"","origin":"default"},)"
                               R"({"key":"b","value":"1","origin":"f:1"}])");
}

TEST(QuoteToml, EscapesWhatTomlDemands) {
  EXPECT_EQ(QuoteToml("a\"b\\c\n\x01\x7f"), R"("a\"b\\c\n\u0001\u007f")");
}

}  // namespace
}  // namespace shared::config
