#include "agent/logs/file_identity.h"

#include <gtest/gtest.h>

#include "tests/unit/agent/logs/log_world.h"

namespace {

using agent::logs::FileKey;
using agent::logs::HashRange;
using agent::logs::MakeFileId;
using agent::logs::ReadFileStatus;
using agent::logs::ReadFirstLine;
using shared::UniqueFd;

UniqueFd Open(const std::string& path) {
  return UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
}

TEST(ReadFileStatus, TellsAReusedInodeFromTheFileBefore) {
  const tests::ScratchDirectory directory;
  std::set<std::pair<uint64_t, uint64_t>> seen;
  for (int i = 0; i < 50; ++i) {
    tests::AppendTo(directory / "x", "line\n");
    const UniqueFd fd = Open(directory / "x");
    const auto status = ReadFileStatus(fd.get(), "x");
    ASSERT_TRUE(status) << status.error().message;
    EXPECT_EQ(status->size, 5u);
    EXPECT_TRUE(seen.insert({status->key.inode, status->key.generation}).second) << "round " << i;
    std::filesystem::remove(directory / "x");
  }
}

TEST(ReadFileStatus, FollowsAFileThroughRenameAndUnlink) {
  const tests::ScratchDirectory directory;
  tests::AppendTo(directory / "x", "line\n");
  const UniqueFd fd = Open(directory / "x");
  const FileKey key = ReadFileStatus(fd.get(), "x")->key;
  std::filesystem::rename(directory / "x", directory / "y");
  EXPECT_EQ(ReadFileStatus(Open(directory / "y").get(), "y")->key, key);
  std::filesystem::remove(directory / "y");
  EXPECT_EQ(ReadFileStatus(fd.get(), "y")->key, key);
  EXPECT_EQ(ReadFileStatus(fd.get(), "y")->links, 0u);
}

TEST(ReadFileStatus, RefusesWhatIsNoRegularFile) {
  const UniqueFd fd = Open("/dev/null");
  const auto status = ReadFileStatus(fd.get(), "/dev/null");
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message, "/dev/null: not a regular file");
}

TEST(MakeFileId, StaysWhileTheFileGrowsAndChangesWithKeyFirstLineAndEpoch) {
  const tests::ScratchDirectory directory;
  tests::AppendTo(directory / "x", "no end yet");
  const UniqueFd fd = Open(directory / "x");
  EXPECT_EQ(ReadFirstLine(fd.get()), std::nullopt);
  tests::AppendTo(directory / "x", "\n");
  const std::string first = *ReadFirstLine(fd.get());
  EXPECT_EQ(first, "no end yet\n");
  tests::AppendTo(directory / "x", std::string(5000, 'z') + "\n");
  EXPECT_EQ(ReadFirstLine(fd.get()), first);

  const FileKey key{1, 2, 3};
  const std::string id = MakeFileId(key, first, 0);
  EXPECT_EQ(id.size(), 16u);
  EXPECT_EQ(MakeFileId(key, first, 0), id);
  EXPECT_NE(MakeFileId(key, first, 1), id);
  EXPECT_NE(MakeFileId(key, "other\n", 0), id);
  EXPECT_NE(MakeFileId({1, 2, 4}, first, 0), id);
  EXPECT_NE(MakeFileId({1, 3, 3}, first, 0), id);
}

TEST(ReadFirstLine, EndsAtTheLimitOfALongLine) {
  const tests::ScratchDirectory directory;
  tests::AppendTo(directory / "x", std::string(5000, 'z'));
  EXPECT_EQ(ReadFirstLine(Open(directory / "x").get()), std::string(1024, 'z'));
}

TEST(HashRange, SaysWhenTheBytesAreNotThere) {
  const tests::ScratchDirectory directory;
  tests::AppendTo(directory / "x", "0123456789");
  const UniqueFd fd = Open(directory / "x");
  EXPECT_NE(HashRange(fd.get(), 0, 10), std::nullopt);
  EXPECT_EQ(HashRange(fd.get(), 1, 10), std::nullopt);
  EXPECT_NE(HashRange(fd.get(), 0, 5), HashRange(fd.get(), 5, 5));
}

}  // namespace
