#include "shared/base/file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "tests/support/temporary_directory.h"

namespace shared {
namespace {

unsigned ModeOf(const std::string& path) {
  struct stat status {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 07777;
}

TEST(ReadFile, GivesBackEveryByte) {
  const tests::TemporaryDirectory directory;
  std::string content(100'000, '\0');
  for (size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i * 7 % 251);
  ASSERT_TRUE(WriteFileDurably(directory / "x", content));
  const Result<std::string> read = ReadFile(directory / "x");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_TRUE(*read == content);
}

TEST(ReadFile, TakesTheLimitAndNotAByteMore) {
  const tests::TemporaryDirectory directory;
  ASSERT_TRUE(WriteFileDurably(directory / "x", "12345"));
  EXPECT_EQ(ReadFile(directory / "x", 5).value_or(""), "12345");
  const Result<std::string> read = ReadFile(directory / "x", 4);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::kResourceExhausted);
  EXPECT_EQ(read.error().message, "read " + directory / "x" + ": larger than 4 bytes");
}

TEST(ReadFile, SaysWhatItCouldNotOpen) {
  const Result<std::string> read = ReadFile("/nonexistent/file");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(read.error().message, "open /nonexistent/file: No such file or directory");
  const Result<std::string> directory = ReadFile("/");
  ASSERT_FALSE(directory);
  EXPECT_EQ(directory.error().message, "read /: Is a directory");
}

TEST(WriteFileDurably, ReplacesTheContentAndLeavesNothingBeside) {
  const tests::TemporaryDirectory directory;
  ASSERT_TRUE(WriteFileDurably(directory / "x", "a longer content"));
  ASSERT_TRUE(WriteFileDurably(directory / "x", "short", 0640));
  EXPECT_EQ(ReadFile(directory / "x").value_or(""), "short");
  EXPECT_EQ(ModeOf(directory / "x"), 0640u);
  size_t entries = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(directory.path())) {
    entries += 1;
  }
  EXPECT_EQ(entries, 1u);
}

TEST(WriteFileDurably, GivesItsModeAlsoOverALeftover) {
  const tests::TemporaryDirectory directory;
  // What a crash between create and rename leaves, made by a version with another mode.
  ASSERT_TRUE(WriteFileDurably(directory / "x.tmp", "half", 0644));
  ASSERT_TRUE(WriteFileDurably(directory / "x", "geheim", 0600));
  EXPECT_EQ(ModeOf(directory / "x"), 0600u);
}

TEST(WriteFileDurably, WritesARelativePath) {
  const tests::TemporaryDirectory directory;
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(directory.path());
  EXPECT_TRUE(WriteFileDurably("relative", "x"));
  std::filesystem::current_path(before);
  EXPECT_EQ(ReadFile(directory / "relative").value_or(""), "x");
}

TEST(WriteFileDurably, KeepsTheOldContentWhenItFails) {
  const tests::TemporaryDirectory directory;
  ASSERT_TRUE(MakeDirectories(directory / "x"));  // a directory cannot be replaced by a file
  const Result<void> written = WriteFileDurably(directory / "x", "new");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().message,
            "rename " + directory / "x.tmp" + " to " + directory / "x" + ": Is a directory");
  EXPECT_EQ(WriteFileDurably("/nonexistent/x", "new").error().message,
            "create /nonexistent/x.tmp: No such file or directory");
}

TEST(MakeDirectories, MakesEachMissingOne) {
  const tests::TemporaryDirectory directory;
  ASSERT_TRUE(MakeDirectories(directory / "a/b//c/", 0750));
  EXPECT_TRUE(std::filesystem::is_directory(directory / "a/b/c"));
  EXPECT_EQ(ModeOf(directory / "a/b/c"), 0750u);
  EXPECT_TRUE(MakeDirectories(directory / "a/b/c", 0700));
  EXPECT_EQ(ModeOf(directory / "a/b/c"), 0750u);
}

TEST(MakeDirectories, SaysWhatIsInTheWay) {
  const tests::TemporaryDirectory directory;
  ASSERT_TRUE(WriteFileDurably(directory / "file", "x"));
  EXPECT_EQ(MakeDirectories(directory / "file/below").error().message,
            "mkdir " + directory / "file/below" + ": Not a directory");
  const Result<void> over = MakeDirectories(directory / "file");
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().message, "mkdir " + directory / "file" + ": Not a directory");
}

}  // namespace
}  // namespace shared
