#include "agent/host/proc_file.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "tests/support/count_allocations.h"
#include "tests/support/temporary_directory.h"

namespace agent::host {
namespace {

void Write(const std::string& path, std::string_view text) {
  std::ofstream(path) << text;
}

TEST(ProcFile, ReadsTheFileAnewEachTime) {
  const tests::TemporaryDirectory directory;
  Write(directory / "a", "one\n");
  ProcFile file(directory / "a");
  EXPECT_EQ(file.Read().value(), "one\n");
  Write(directory / "a", "two and more\n");
  EXPECT_EQ(file.Read().value(), "two and more\n");
  Write(directory / "a", "3");
  EXPECT_EQ(file.Read().value(), "3");
}

TEST(ProcFile, ReadsFilesOfAnySizeWhole) {
  const tests::TemporaryDirectory directory;
  for (const ProcFile::Records records : {ProcFile::Records::kShort, ProcFile::Records::kLong}) {
    for (const size_t size : {0u, 1u, 1023u, 1024u, 1025u, 3071u, 3072u, 4096u, 100'000u}) {
      std::string text;
      while (text.size() < size) text += fmt::format("{}\n", text.size());
      text.resize(size);
      Write(directory / "a", text);
      ProcFile file(directory / "a", records);
      EXPECT_EQ(file.Read().value(), text) << size;
      EXPECT_EQ(file.Read().value(), text) << size;
    }
  }
}

TEST(ProcFile, AllocatesNothingOnceTheBufferHasGrown) {
  ProcFile file("/proc/self/stat");
  ASSERT_TRUE(file.Read());
  const tests::AllocationCount count;
  ASSERT_TRUE(file.Read());
  EXPECT_EQ(count.Get(), 0u);
}

TEST(ProcFile, SaysWhatIsMissingAndLooksAgainOnEverySixtiethCall) {
  const tests::TemporaryDirectory directory;
  const std::string path = directory / "missing";
  ProcFile file(path);
  EXPECT_EQ(file.Read().error().message, "open " + path + ": No such file or directory");
  EXPECT_EQ(file.Read().error().code, shared::ErrorCode::kNotFound);
  Write(path, "here");
  const tests::AllocationCount count;
  for (int call = 2; call < 60; ++call) ASSERT_FALSE(file.Read()) << call;
  EXPECT_EQ(count.Get(), 0u);
  EXPECT_EQ(file.Read().value(), "here");
}

TEST(ProcFile, OpensAgainWhenTheKernelSaysThatTheFileIsGone) {
  const tests::TemporaryDirectory directory;
  const pid_t child = ::fork();
  if (child == 0) {
    ::pause();
    ::_exit(0);
  }
  const std::string path = directory / "stat";
  ASSERT_EQ(::symlink(fmt::format("/proc/{}/stat", child).c_str(), path.c_str()), 0);
  ProcFile file(path);
  EXPECT_EQ(file.Read().value().substr(0, file.Read()->find(' ')), std::to_string(child));
  ASSERT_EQ(::kill(child, SIGKILL), 0);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  ASSERT_EQ(::unlink(path.c_str()), 0);
  ASSERT_EQ(::symlink("/proc/self/stat", path.c_str()), 0);
  EXPECT_EQ(file.Read().value().substr(0, file.Read()->find(' ')), std::to_string(::getpid()));
}

TEST(ProcFile, SaysWhyAReadFails) {
  const tests::TemporaryDirectory directory;
  ProcFile file(directory.path());
  EXPECT_EQ(file.Read().error().message, "read " + directory.path() + ": Is a directory");
}

TEST(ProcFile, RefusesAFileWithoutEnd) {
  ProcFile file("/dev/zero");
  EXPECT_EQ(file.Read().error().message, "read /dev/zero: larger than 16777216 bytes");
}

TEST(ProcFile, LearnsFromTheKernelThatMountinfoHasNotChanged) {
  ProcFile file("/proc/self/mountinfo", ProcFile::Records::kLong);
  EXPECT_TRUE(file.PollChanged());
  ASSERT_TRUE(file.Read());
  static_cast<void>(file.PollChanged());
  EXPECT_FALSE(file.PollChanged());
}

TEST(ProcFile, TakesAnOrdinaryFileForChanged) {
  const tests::TemporaryDirectory directory;
  Write(directory / "a", "one");
  ProcFile file(directory / "a");
  ASSERT_TRUE(file.Read());
  EXPECT_TRUE(file.PollChanged());
}

}  // namespace
}  // namespace agent::host
