#include "agent/postgres/statements/text_memory.h"

#include <gtest/gtest.h>

namespace agent::postgres::statements {
namespace {

TEST(TextMemory, RemembersWhatItWasGiven) {
  TextMemory memory;
  EXPECT_FALSE(memory.Contains(1, 2));
  for (int64_t i = -5'000; i < 5'000; ++i) {
    memory.Insert(static_cast<uint32_t>(i & 3), i);
    memory.Insert(static_cast<uint32_t>(i & 3), i);
  }
  EXPECT_EQ(memory.size(), 10'000u);
  for (int64_t i = -5'000; i < 5'000; ++i) {
    EXPECT_TRUE(memory.Contains(static_cast<uint32_t>(i & 3), i));
    EXPECT_FALSE(memory.Contains(4, i));
  }
  memory.Clear();
  EXPECT_EQ(memory.size(), 0u);
  EXPECT_FALSE(memory.Contains(0, 0));
}

}  // namespace
}  // namespace agent::postgres::statements
