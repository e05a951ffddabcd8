#include "agent/logs/checkpoint.h"

#include <gtest/gtest.h>

#include "shared/base/file.h"
#include "tests/unit/agent/logs/log_world.h"

namespace {

using agent::logs::Checkpoint;
using agent::logs::CheckpointState;
using agent::logs::DecodeSlot;
using agent::logs::EncodeSlot;
using agent::logs::FileEntry;
using agent::logs::kSlotBytes;
using agent::logs::ReadCheckpoint;

CheckpointState Sample(uint64_t offset) {
  CheckpointState state;
  state.last_incarnation = 42;
  state.sources.push_back({"postgres:main", -7, "postgresql-1.json"});
  FileEntry file;
  file.source = "postgres:main";
  file.path = "/log/postgresql-1.json";
  file.id = "0123456789abcdef";
  file.key = {259, 12, 99};
  file.epoch = 3;
  file.head_length = 1024;
  file.head_hash = ~uint64_t{0};
  file.offset = offset;
  file.tail_length = 64;
  file.tail_hash = 5;
  file.cut = 6;
  file.mtime_nanos = 1'767'225'600'000'000'001;
  file.done = true;
  state.files.push_back(file);
  state.files.push_back({"syslog", "/var/log/syslog", "", {}, 1});
  return state;
}

TEST(Checkpoint, ReadsBackWhatWasSaved) {
  const tests::ScratchDirectory directory;
  {
    shared::Result<Checkpoint> checkpoint = Checkpoint::Open(directory / "c");
    ASSERT_TRUE(checkpoint) << checkpoint.error().message;
    EXPECT_EQ(checkpoint->origin(), Checkpoint::Origin::kNew);
    for (uint64_t i = 100; i < 110; ++i) ASSERT_TRUE(checkpoint->Save(Sample(i)));
  }
  const shared::Result<Checkpoint> again = Checkpoint::Open(directory / "c");
  ASSERT_TRUE(again);
  EXPECT_EQ(again->origin(), Checkpoint::Origin::kLoaded);
  EXPECT_EQ(again->loaded(), Sample(109));
}

TEST(Checkpoint, FallsBackToTheSlotBeforeWhenTheNewestIsTorn) {
  const tests::ScratchDirectory directory;
  {
    shared::Result<Checkpoint> checkpoint = Checkpoint::Open(directory / "c");
    ASSERT_TRUE(checkpoint);
    ASSERT_TRUE(checkpoint->Save(Sample(100)));  // slot 0
    ASSERT_TRUE(checkpoint->Save(Sample(200)));  // slot 1
  }
  const std::string whole = *shared::ReadFile(directory / "c");
  for (size_t at = kSlotBytes; at < whole.size(); ++at) {
    std::string torn = whole;
    torn[at] = static_cast<char>(torn[at] ^ 0x10);
    ASSERT_TRUE(shared::WriteFileDurably(directory / "torn", torn));
    const shared::Result<Checkpoint> checkpoint = Checkpoint::Open(directory / "torn");
    ASSERT_TRUE(checkpoint);
    ASSERT_EQ(checkpoint->loaded(), Sample(100)) << "byte " << at;
    if (at > kSlotBytes + 40) at += 13;
  }
}

TEST(Checkpoint, StartsEmptyWithAnyBytesOnDisk) {
  const tests::ScratchDirectory directory;
  for (const std::string& bytes :
       {std::string("x"), std::string(kSlotBytes * 2, '\0'), std::string(kSlotBytes + 7, 'p')}) {
    ASSERT_TRUE(shared::WriteFileDurably(directory / "c", bytes));
    shared::Result<Checkpoint> checkpoint = Checkpoint::Open(directory / "c");
    ASSERT_TRUE(checkpoint);
    EXPECT_EQ(checkpoint->origin(), Checkpoint::Origin::kDamaged);
    EXPECT_EQ(checkpoint->loaded(), CheckpointState{});
    ASSERT_TRUE(checkpoint->Save(Sample(500)));
    EXPECT_EQ(Checkpoint::Open(directory / "c")->loaded(), Sample(500));
  }
}

TEST(DecodeSlot, RefusesEveryTruncation) {
  const std::string slot = *EncodeSlot(Sample(77), 9);
  ASSERT_TRUE(DecodeSlot(slot));
  EXPECT_EQ(DecodeSlot(slot)->generation, 9u);
  for (size_t size = 0; size < slot.size(); ++size) {
    const auto decoded = DecodeSlot(std::string_view(slot).substr(0, size));
    ASSERT_FALSE(decoded) << size;
    EXPECT_EQ(decoded.error().message, fmt::format("slot is cut at byte {}", size));
  }
}

TEST(EncodeSlot, SaysWhenThereAreTooManyFiles) {
  CheckpointState state;
  state.files.resize(10'000);
  const auto slot = EncodeSlot(state, 1);
  ASSERT_FALSE(slot);
  EXPECT_EQ(slot.error().message, "10000 files need 1010048 bytes, a slot has 524288");
}

TEST(ReadCheckpoint, SeesWhatWasSavedAndMakesNothing) {
  const tests::ScratchDirectory directory;
  const std::string path = directory / "c";
  const auto none = ReadCheckpoint(path);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().message, fmt::format("open {}: No such file or directory", path));
  shared::Result<Checkpoint> checkpoint = Checkpoint::Open(path);
  ASSERT_TRUE(checkpoint);
  const auto empty = ReadCheckpoint(path);
  ASSERT_FALSE(empty);
  EXPECT_EQ(empty.error().message, path + ": neither slot is readable");
  ASSERT_TRUE(checkpoint->Save(Sample(100)));
  ASSERT_TRUE(checkpoint->Save(Sample(200)));
  EXPECT_EQ(ReadCheckpoint(path).value_or(CheckpointState{}), Sample(200));
}

TEST(Checkpoint, SaysWhatItCannotOpen) {
  const auto checkpoint = Checkpoint::Open("/nonexistent/c");
  ASSERT_FALSE(checkpoint);
  EXPECT_EQ(checkpoint.error().message, "open /nonexistent/c: No such file or directory");
}

}  // namespace
