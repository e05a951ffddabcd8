#include "agent/spool/superblock_file.h"

#include <gtest/gtest.h>

#include "tests/support/faulty_files.h"

namespace agent::spool {
namespace {

Superblock WithIncarnation(uint64_t incarnation) {
  Superblock out;
  out.incarnation = incarnation;
  return out;
}

TEST(SuperblockFile, KeepsASyncedSuperblockThroughAnyPowerCutDuringLaterWrites) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    tests::FaultyFiles files(seed);
    SuperblockFile::Opened opened = SuperblockFile::Open(files, "/s");
    EXPECT_EQ(opened.found, std::nullopt);
    ASSERT_TRUE(opened.file.Write(WithIncarnation(100)));
    ASSERT_TRUE(opened.file.Sync());
    for (uint64_t later = 101; later <= 105; ++later) {
      ASSERT_TRUE(opened.file.Write(WithIncarnation(later)));
    }
    files.PowerCut();
    const SuperblockFile::Opened again = SuperblockFile::Open(files, "/s");
    ASSERT_TRUE(again.found) << "seed " << seed;
    EXPECT_GE(again.found->incarnation, 100u) << "seed " << seed;
  }
}

TEST(SuperblockFile, DoesNotBelieveASyncAfterAFailedOne) {
  tests::FaultyFiles files;
  SuperblockFile::Opened opened = SuperblockFile::Open(files, "/s");
  ASSERT_TRUE(opened.file.Write(WithIncarnation(100)));
  ASSERT_TRUE(opened.file.Sync());
  ASSERT_TRUE(opened.file.Write(WithIncarnation(101)));
  files.FailSyncs(1);
  EXPECT_FALSE(opened.file.Sync());
  EXPECT_TRUE(opened.file.Sync());
  files.PowerCut();
  EXPECT_EQ(SuperblockFile::Open(files, "/s").found->incarnation, 101u);
}

TEST(SuperblockFile, TakesTheNewerOfTwoValidSlots) {
  tests::FaultyFiles files;
  SuperblockFile::Opened opened = SuperblockFile::Open(files, "/s");
  for (uint64_t incarnation = 100; incarnation < 104; ++incarnation) {
    ASSERT_TRUE(opened.file.Write(WithIncarnation(incarnation)));
    ASSERT_TRUE(opened.file.Sync());
    EXPECT_EQ(SuperblockFile::Open(files, "/s").found->incarnation, incarnation);
  }
}

}  // namespace
}  // namespace agent::spool
