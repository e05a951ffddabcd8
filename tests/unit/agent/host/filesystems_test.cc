#include "agent/host/filesystems.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>

#include "tests/support/temporary_directory.h"
#include "tests/unit/agent/host/series_text.h"

namespace agent::host {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A statfs whose answer for the paths in `stuck` waits until they are let go.
class FakeStatfs {
 public:
  shared::Result<FilesystemUsage> operator()(const std::string& path) const {
    std::unique_lock lock(state_->mutex);
    state_->calls.push_back(path);
    state_->changed.wait(
        lock, [&] { return !std::count(state_->stuck.begin(), state_->stuck.end(), path); });
    if (path == "/refused") return shared::FailErrno(EACCES, "statfs " + path);
    return FilesystemUsage{1024, 100, 40, 30, 10, 4};
  }
  void Stick(const std::string& path) {
    const std::lock_guard lock(state_->mutex);
    state_->stuck.push_back(path);
  }
  void LetGo() {
    {
      const std::lock_guard lock(state_->mutex);
      state_->stuck.clear();
    }
    state_->changed.notify_all();
  }
  [[nodiscard]] size_t CallsOf(const std::string& path) const {
    const std::lock_guard lock(state_->mutex);
    return static_cast<size_t>(std::count(state_->calls.begin(), state_->calls.end(), path));
  }

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<std::string> stuck;
    std::vector<std::string> calls;
  };
  // Shared with helper threads that outlive a test when it fails.
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

constexpr std::string_view kMounts =
    "1 0 8:1 / / rw - ext4 /dev/sda rw\n"
    "2 1 0:9 / /mnt rw - nfs4 nas:/ rw\n"
    "3 1 8:2 / /data rw - xfs /dev/sdb rw\n";

class FilesystemsTest : public testing::Test {
 protected:
  ~FilesystemsTest() override { statfs_.LetGo(); }

  void WriteMounts(std::string_view process, std::string_view text) {
    std::filesystem::create_directory(root_ / std::string(process));
    std::ofstream(root_ / std::string(process) + "/mountinfo") << text;
  }
  Filesystems Make(std::chrono::milliseconds deadline) {
    return Filesystems({root_.path(), {}, {}, statfs_, deadline});
  }
  // The mount points that have a limit.
  std::vector<std::string> Collect(Filesystems& filesystems) {
    frame_.Begin();
    problems_.Begin();
    filesystems.Collect(frame_, problems_);
    problems_.End();
    std::vector<std::string> out;
    const auto round = frame_.End();
    for (const auto& series : round.layout->series) {
      if (series.name == "system.filesystem.limit") out.push_back(series.labels[2].value);
    }
    return out;
  }

  tests::TemporaryDirectory root_;
  FakeStatfs statfs_;
  pipeline::FrameBuilder frame_;
  Problems problems_;
};

TEST_F(FilesystemsTest, SendsBytesAndInodesOfEachMount) {
  WriteMounts("self", "1 0 8:1 / / ro - ext4 /dev/sda rw\n");
  Filesystems filesystems = Make(10s);
  frame_.Begin();
  filesystems.Collect(frame_, problems_);
  const std::string base =
      "system.device=/dev/sda,system.filesystem.mode=ro,system.filesystem.mountpoint=/,";
  const auto usage = [&](std::string_view state, int bytes) {
    return fmt::format(
        "system.filesystem.usage{{{}system.filesystem.state={},system.filesystem.type=ext4}} {} By "
        "updowncounter",
        base, state, bytes);
  };
  const auto inodes = [&](std::string_view state, int count) {
    return fmt::format(
        "system.linux.filesystem.inodes.usage{{{}system.filesystem.state={},"
        "system.filesystem.type=ext4}} {} {{inode}} updowncounter",
        base, state, count);
  };
  EXPECT_THAT(tests::SeriesLines(frame_.End()),
              ElementsAre(usage("used", 61440), usage("free", 30720), usage("reserved", 10240),
                          fmt::format("system.filesystem.limit{{{}system.filesystem.type=ext4}} "
                                      "102400 By updowncounter",
                                      base),
                          inodes("used", 6), inodes("free", 4)));
}

TEST_F(FilesystemsTest, AMountThatHangsIsLeftAloneWhileTheOthersGoOn) {
  WriteMounts("self", kMounts);
  statfs_.Stick("/mnt");
  Filesystems filesystems = Make(5ms);
  for (int round = 0; round < 3; ++round) {
    EXPECT_THAT(Collect(filesystems), ElementsAre("/", "/data")) << round;
    EXPECT_EQ(problems_.faults(), "statfs /mnt: hangs, left alone until it returns");
  }
  EXPECT_LE(statfs_.CallsOf("/mnt"), 1u);  // the helper may not have come to it yet
  EXPECT_EQ(statfs_.CallsOf("/data"), 3u);
}

TEST_F(FilesystemsTest, AMountThatHasComeBackIsMeasuredAgain) {
  WriteMounts("self", kMounts);
  statfs_.Stick("/mnt");
  Filesystems filesystems = Make(100ms);
  EXPECT_THAT(Collect(filesystems), ElementsAre("/", "/data"));
  statfs_.LetGo();
  const auto give_up = std::chrono::steady_clock::now() + 20s;
  std::vector<std::string> got;
  while (got.size() < 3 && std::chrono::steady_clock::now() < give_up) {
    got = Collect(filesystems);
    std::this_thread::yield();
  }
  EXPECT_THAT(got, ElementsAre("/", "/mnt", "/data"));
  EXPECT_EQ(problems_.faults(), "");
}

TEST_F(FilesystemsTest, FourMountsMayHangBeforeOthersAreNotTried) {
  std::string mounts = "1 0 8:1 / / rw - ext4 /dev/sda rw\n";
  for (int i = 0; i < 5; ++i) {
    mounts += fmt::format("{} 1 0:{} / /n{} rw - nfs4 nas:/{} rw\n", i + 2, i + 20, i, i);
    statfs_.Stick(fmt::format("/n{}", i));
  }
  WriteMounts("self", mounts);
  Filesystems filesystems = Make(5ms);
  for (int round = 0; round < 2; ++round) {
    EXPECT_THAT(Collect(filesystems), ElementsAre("/"));
    EXPECT_THAT(problems_.faults(), HasSubstr("statfs /n3: hangs, left alone until it returns"));
    EXPECT_THAT(problems_.faults(), HasSubstr("statfs /n4: not tried while 4 other mounts hang"));
  }
  EXPECT_EQ(statfs_.CallsOf("/n4"), 0u);
}

TEST_F(FilesystemsTest, GoesAwayWithoutWaitingForACallThatHangs) {
  WriteMounts("self", kMounts);
  statfs_.Stick("/mnt");
  {
    Filesystems filesystems = Make(5ms);
    Collect(filesystems);
  }
  SUCCEED();  // to get here is the claim
}

TEST_F(FilesystemsTest, ReadsTheMountsOfProcessOneBeforeItsOwn) {
  WriteMounts("1", "1 0 8:1 / / rw - ext4 /dev/sda rw\n2 1 8:2 / /home rw - xfs /dev/sdb rw\n");
  WriteMounts("self", "1 0 8:1 / / ro - ext4 /dev/sda rw\n2 1 0:44 / /home ro - tmpfs tmpfs ro\n");
  Filesystems filesystems = Make(10s);
  EXPECT_THAT(Collect(filesystems), ElementsAre("/"));
  EXPECT_EQ(problems_.faults(), "/home: hidden from the agent by its mount namespace");
  EXPECT_EQ(statfs_.CallsOf("/home"), 0u);
}

TEST_F(FilesystemsTest, FollowsMountsThatComeAndGo) {
  WriteMounts("self", kMounts);
  Filesystems filesystems = Make(10s);
  EXPECT_THAT(Collect(filesystems), ElementsAre("/", "/mnt", "/data"));
  WriteMounts("self", "1 0 8:1 / / rw - ext4 /dev/sda rw\n9 1 8:9 / /new rw - ext4 /dev/sdc rw\n");
  EXPECT_THAT(Collect(filesystems), ElementsAre("/", "/new"));
}

TEST_F(FilesystemsTest, NamesTheFileOrTheMountThatIsWrong) {
  Filesystems nothing = Make(10s);
  EXPECT_THAT(Collect(nothing), ElementsAre());
  EXPECT_EQ(problems_.absent(),
            "open " + root_.path() + "/self/mountinfo: No such file or directory");
  WriteMounts("self", "garbage\n");
  Filesystems garbage = Make(10s);
  EXPECT_THAT(Collect(garbage), ElementsAre());
  EXPECT_EQ(problems_.faults(),
            root_.path() + "/self/mountinfo: line 1: no '-' after the optional fields");
  WriteMounts("self", "1 0 8:1 / /refused rw - ext4 a rw\n2 0 8:2 / /b rw - ext4 b rw\n");
  EXPECT_THAT(Collect(garbage), ElementsAre("/b"));
  EXPECT_EQ(problems_.faults(), "statfs /refused: Permission denied");
}

TEST(CallStatfs, MeasuresARealFileSystem) {
  const auto usage = CallStatfs("/");
  ASSERT_TRUE(usage) << usage.error().message;
  EXPECT_GT(usage->blocks, 0u);
  EXPECT_GE(usage->block_bytes, 512u);
  EXPECT_GE(usage->blocks, usage->blocks_free);
  EXPECT_EQ(CallStatfs("/nonexistent").error().message,
            "statfs /nonexistent: No such file or directory");
}

}  // namespace
}  // namespace agent::host
