#include "shared/text/prometheus.h"

#include <gtest/gtest.h>

namespace shared::text {
namespace {

TEST(AppendLabelValue, EscapesWhatWouldEndTheValueOrTheLine) {
  const auto expect = [](std::string_view text, std::string_view quoted) {
    std::string out = "a=";
    AppendLabelValue(text, out);
    EXPECT_EQ(out, "a=" + std::string(quoted));
  };
  expect("", "\"\"");
  expect("sda", "\"sda\"");
  expect("a\"b\\c\nd", R"("a\"b\\c\nd")");
  expect("tab\tstays", "\"tab\tstays\"");
  expect("\xff", "\"\xEF\xBF\xBD\"");
}

}  // namespace
}  // namespace shared::text
