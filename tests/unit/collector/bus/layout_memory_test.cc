#include "collector/bus/layout_memory.h"

#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"

namespace collector::bus {
namespace {

using access::TenantId;
using std::chrono::seconds;

const std::string kAgent(16, 'a');

LayoutMemory::Layout MakeLayout(const std::string& hash, int series = 1) {
  auto layout = std::make_shared<pgvigil::v1::Layout>();
  layout->set_hash(hash);
  for (int i = 0; i < series; ++i) layout->add_series()->set_name("system.cpu.time");
  return layout;
}

TEST(LayoutMemory, KnowsALayoutOfItsTenantAndAgentOnly) {
  const tests::FakeClock clock;
  LayoutMemory memory({}, clock);
  memory.Remember(TenantId{1}, kAgent, MakeLayout("h1"));
  const LayoutMemory::Layout found = memory.Find(TenantId{1}, kAgent, "h1");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->series(0).name(), "system.cpu.time");
  EXPECT_FALSE(memory.Find(TenantId{1}, kAgent, "h2"));
  EXPECT_FALSE(memory.Find(TenantId{2}, kAgent, "h1"));
  EXPECT_FALSE(memory.Find(TenantId{1}, std::string(16, 'b'), "h1"));
}

TEST(LayoutMemory, ForgetsWhenTheTimeIsOverHoweverOftenALayoutIsUsed) {
  tests::FakeClock clock;
  LayoutMemory memory({.lifetime = seconds(100)}, clock);
  memory.Remember(TenantId{1}, kAgent, MakeLayout(std::string(16, '\0')));
  clock.Advance(seconds(99));
  EXPECT_TRUE(memory.Find(TenantId{1}, kAgent, std::string(16, '\0')));
  clock.Advance(seconds(1));
  EXPECT_FALSE(memory.Find(TenantId{1}, kAgent, std::string(16, '\0')));
  EXPECT_EQ(memory.bytes(), 0u);
}

TEST(LayoutMemory, LetsALayoutLiveOnWhenItIsSentAgain) {
  tests::FakeClock clock;
  LayoutMemory memory({.lifetime = seconds(100)}, clock);
  memory.Remember(TenantId{1}, kAgent, MakeLayout(std::string(16, '\0')));
  clock.Advance(seconds(60));
  memory.Remember(TenantId{1}, kAgent, MakeLayout(std::string(16, '\0')));
  clock.Advance(seconds(60));
  EXPECT_TRUE(memory.Find(TenantId{1}, kAgent, std::string(16, '\0')));
}

TEST(LayoutMemory, ForgetsTheLayoutsOfAFleetAtDifferentTimes) {
  tests::FakeClock clock;
  LayoutMemory memory({.lifetime = seconds(100)}, clock);
  memory.Remember(TenantId{1}, kAgent, MakeLayout("early\xff"));
  memory.Remember(TenantId{1}, kAgent, MakeLayout(std::string("late\0", 5)));
  clock.Advance(seconds(80));
  EXPECT_FALSE(memory.Find(TenantId{1}, kAgent, "early\xff"));
  EXPECT_TRUE(memory.Find(TenantId{1}, kAgent, std::string("late\0", 5)));
}

TEST(LayoutMemory, IsBoundedInBytesAndLetsTheLeastUsedGo) {
  const tests::FakeClock clock;
  LayoutMemory memory({.bytes = 20'000}, clock);
  memory.Remember(TenantId{1}, kAgent, MakeLayout("one", 100));
  memory.Remember(TenantId{1}, kAgent, MakeLayout("two", 100));
  EXPECT_TRUE(memory.Find(TenantId{1}, kAgent, "one"));
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(memory.Find(TenantId{1}, kAgent, "one"));
    memory.Remember(TenantId{1}, kAgent, MakeLayout("more" + std::to_string(i), 100));
    EXPECT_LE(memory.bytes(), 20'000u);
  }
  EXPECT_TRUE(memory.Find(TenantId{1}, kAgent, "one"));
  EXPECT_TRUE(memory.Find(TenantId{1}, kAgent, "more99"));
  EXPECT_FALSE(memory.Find(TenantId{1}, kAgent, "two"));
}

TEST(LayoutMemory, KeepsNoContentThatNobodyWants) {
  const tests::FakeClock clock;
  LayoutMemory memory({.keep_content = false}, clock);
  memory.Remember(TenantId{1}, kAgent, MakeLayout("h1", 20'000));
  const LayoutMemory::Layout found = memory.Find(TenantId{1}, kAgent, "h1");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->series_size(), 0);
  EXPECT_LT(memory.bytes(), 1'000u);
}

}  // namespace
}  // namespace collector::bus
