#include "agent/logs/tail_file.h"

#include <gtest/gtest.h>

#include "tests/unit/agent/logs/log_world.h"

namespace {

using agent::logs::Line;
using agent::logs::TailFile;

std::vector<std::string> Lines(TailFile& file, size_t budget = 4096) {
  std::vector<std::string> out;
  while (*file.Read(budget) == TailFile::Outcome::kRead) {
    Line line;
    while (file.NextLine(line)) {
      out.push_back(
          fmt::format("{}+{}:{}{}", line.offset, line.length, line.text, line.cut ? "…" : ""));
    }
  }
  return out;
}

using Strings = std::vector<std::string>;

TEST(TailFile, CutsLinesTheSameHoweverTheReadsFall) {
  const tests::ScratchDirectory directory;
  tests::AppendTo(directory / "x", "one\r\n\ntwo\n" + std::string(30, 'z') + "\nthr\ree\nrest");
  const Strings expected = {"0+5:one", "5+1:", "6+4:two", "10+31:" + std::string(16, 'z') + "…",
                            "41+7:thr\ree"};
  for (size_t budget = 1; budget < 60; ++budget) {
    TailFile file = *TailFile::Open(directory / "x", 16);
    EXPECT_EQ(Lines(file, budget), expected) << budget;
    EXPECT_EQ(file.line_offset(), 48u);
    EXPECT_TRUE(file.has_partial());
    EXPECT_EQ(file.cut_bytes(), 14u);
    Line line;
    ASSERT_TRUE(file.TakePartial(line));
    EXPECT_EQ(line.text, "rest");
    EXPECT_EQ(line.offset, 48u);
    EXPECT_FALSE(file.TakePartial(line));
  }
}

TEST(TailFile, KeepsALineUntilItsEndIsWritten) {
  const tests::ScratchDirectory directory;
  tests::AppendTo(directory / "x", "half");
  TailFile file = *TailFile::Open(directory / "x", 100);
  EXPECT_EQ(Lines(file), Strings{});
  tests::AppendTo(directory / "x", " and half\n");
  EXPECT_EQ(Lines(file), Strings{"0+14:half and half"});
}

TEST(TailFile, GoesOnFromAPosition) {
  const tests::ScratchDirectory directory;
  tests::AppendTo(directory / "x", "one\ntwo\nthree\n");
  TailFile file = *TailFile::Open(directory / "x", 100);
  ASSERT_TRUE(file.Seek(4));
  EXPECT_EQ(Lines(file), (Strings{"4+4:two", "8+6:three"}));
  const auto beyond = TailFile::Open(directory / "x", 100)->Seek(15);
  ASSERT_FALSE(beyond);
  EXPECT_EQ(beyond.error().message, directory / "x: shorter than 15 bytes");
}

TEST(TailFile, BreaksALineWhereAnEarlierLifeDid) {
  const tests::ScratchDirectory directory;
  tests::AppendTo(directory / "x", "one\ntwothree\n");
  for (size_t budget = 1; budget < 20; ++budget) {
    TailFile file = *TailFile::Open(directory / "x", 100);
    file.set_cut(7);
    EXPECT_EQ(Lines(file, budget), (Strings{"0+4:one", "4+3:two", "7+6:three"})) << budget;
  }
}

TEST(TailFile, SeesATruncationEvenWhenTheFileIsLongerThanBefore) {
  const tests::ScratchDirectory directory;
  tests::AppendTo(directory / "x", "some line that was there\n");
  TailFile file = *TailFile::Open(directory / "x", 100);
  EXPECT_EQ(Lines(file).size(), 1u);
  std::filesystem::resize_file(directory / "x", 0);
  tests::AppendTo(directory / "x", std::string(500, 'y') + "\n");
  EXPECT_EQ(*file.Read(100), TailFile::Outcome::kTruncated);
  TailFile again = *file.Reopen();
  EXPECT_EQ(Lines(again).size(), 1u);
}

TEST(TailFile, SaysWhatItCannotOpen) {
  const auto gone = TailFile::Open("/nonexistent/x", 100);
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().message, "open /nonexistent/x: No such file or directory");
  const auto directory = TailFile::Open("/tmp", 100);
  ASSERT_FALSE(directory);
  EXPECT_EQ(directory.error().message, "/tmp: not a regular file");
}

}  // namespace
