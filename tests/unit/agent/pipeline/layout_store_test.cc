#include "agent/pipeline/layout_store.h"

#include <gtest/gtest.h>

#include "agent/pipeline/layout_message.h"
#include "shared/base/file.h"
#include "tests/support/fake_clock.h"
#include "tests/unit/agent/pipeline/builders.h"

namespace agent::pipeline {
namespace {

class LayoutStoreTest : public testing::Test {
 protected:
  static std::string HashOf(const shared::model::Layout& layout) {
    return ToMessage(layout).hash();
  }

  ScratchDirectory directory;
  tests::FakeClock clock;
  LayoutStore store = *LayoutStore::Open(directory.path + "/layouts", clock);
};

TEST_F(LayoutStoreTest, FindsALayoutAsAFrameOfItsOwn) {
  const auto layout = LayoutOf({"a", "b"});
  ASSERT_TRUE(store.Put(*layout));
  const std::optional<std::string> frame = store.Find(HashOf(*layout));
  ASSERT_TRUE(frame);
  pgvigil::v1::Batch batch;
  ASSERT_TRUE(batch.ParseFromString(shared::wire::Decompress(*frame).value()));
  ASSERT_EQ(batch.layouts_size(), 1);
  EXPECT_EQ(FromMessage(batch.layouts(0))->series, layout->series);
}

TEST_F(LayoutStoreTest, FindsNothingForAnUnknownHash) {
  EXPECT_EQ(store.Find(std::string(16, 'x')), std::nullopt);
  EXPECT_EQ(store.Find("../../etc/passwd"), std::nullopt);
  EXPECT_EQ(store.Find(""), std::nullopt);
}

TEST_F(LayoutStoreTest, DoesNotGiveOutADamagedLayout) {
  const auto layout = LayoutOf({"a"});
  ASSERT_TRUE(store.Put(*layout));
  const std::string path = fmt::format("{}/layouts/{}.zst", directory.path, ToHex(layout->hash));
  ASSERT_TRUE(shared::WriteFileDurably(path, "garbage"));
  EXPECT_EQ(store.Find(HashOf(*layout)), std::nullopt);
  ASSERT_TRUE(store.Put(*layout));
  EXPECT_TRUE(store.Find(HashOf(*layout)));
}

TEST_F(LayoutStoreTest, RemovesOnlyWhatNobodyUsedForLong) {
  const auto old = LayoutOf({"old"});
  const auto used = LayoutOf({"used"});
  ASSERT_TRUE(store.Put(*old));
  ASSERT_TRUE(store.Put(*used));
  clock.Advance(std::chrono::hours(20));
  store.Touch(used->hash);
  clock.Advance(std::chrono::hours(20));
  EXPECT_EQ(store.RemoveUnused(std::chrono::hours(30)), 1u);
  EXPECT_EQ(store.Find(HashOf(*old)), std::nullopt);
  EXPECT_TRUE(store.Find(HashOf(*used)));
}

}  // namespace
}  // namespace agent::pipeline
