#include "collector/storage/logs/log_cursor.h"

#include <gtest/gtest.h>

#include <limits>

namespace collector::storage {
namespace {

TEST(LogCursor, GoesThereAndBack) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  for (const LogKey& key :
       {LogKey{0, 0, 0}, LogKey{1'767'225'600'000'000, 12, 3456}, LogKey{kMost, kMost, kMost}}) {
    EXPECT_EQ(ParseLogCursor(FormatLogCursor(key)), key);
  }
  EXPECT_EQ(FormatLogCursor({1'767'225'600'000'000, 12, 3456}), "1-1767225600000000-12-3456");
}

TEST(LogCursor, RefusesWhatIsNotOurs) {
  for (const char* text :
       {"", "1", "1-2", "1-2-3", "1-2-3-", "1-2-3-4-", "1-2-3-4-5", "2-2-3-4", "1--2-3-4",
        "1-2-3-x", "1-2-3-4 ", " 1-2-3-4", "1-2-3-9223372036854775808", "1-2-3-4'; DROP TABLE x"}) {
    EXPECT_EQ(ParseLogCursor(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace collector::storage
