#include "agent/host/mountinfo.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/host/mount_selection.h"
#include "tests/unit/agent/host/series_text.h"

namespace agent::host {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(ParseMountinfo, ReadsAnyNumberOfOptionalFieldsAndUnescapes) {
  const auto mounts = ParseMountinfo(
      "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard\n"
      "28 27 0:50 /sub /mnt/a\\040b\\134c rw shared:1 master:2 - nfs4 nas:/x\\011y ro,vers=4.1\n"
      "29 27 0:51 / /ro ro,noatime unbindable - tmpfs tmpfs rw\n"
      "30 27 0:52 / /x\\09 rw - tmpfs tmpfs\n");
  ASSERT_TRUE(mounts) << mounts.error().message;
  ASSERT_EQ(mounts->size(), 4u);
  EXPECT_EQ((*mounts)[0].device_number, "254:0");
  EXPECT_EQ((*mounts)[0].source, "/dev/vda");
  EXPECT_FALSE((*mounts)[0].read_only);
  EXPECT_EQ((*mounts)[1].root, "/sub");
  EXPECT_EQ((*mounts)[1].mountpoint, "/mnt/a b\\c");
  EXPECT_EQ((*mounts)[1].source, "nas:/x\ty");
  EXPECT_TRUE((*mounts)[1].read_only);  // the file system
  EXPECT_TRUE((*mounts)[2].read_only);  // the mount
  EXPECT_EQ((*mounts)[3].mountpoint, "/x\\09");
}

TEST(ParseMountinfo, SaysWhereAMalformedFileIsWrong) {
  const auto expect_error = [](std::string_view text, std::string_view message) {
    const auto mounts = ParseMountinfo(text);
    ASSERT_FALSE(mounts) << text;
    EXPECT_EQ(mounts.error().message, message) << text;
  };
  expect_error("garbage\n", "line 1: no '-' after the optional fields");
  expect_error("27 1 254:0 / / rw - ext4 /dev/vda rw\n27 1 254:0 / / rw - ext4\n",
               "line 2: no type or source");
}

// "<mountpoint>", with "?" when it may hang and "!" when it is hidden.
std::vector<std::string> Selected(std::string_view host, std::string_view own,
                                  const std::vector<std::string>& ignored_types = {},
                                  const std::vector<std::string>& ignored_mountpoints = {}) {
  std::vector<std::string> out;
  for (const SelectedMount& selected :
       SelectMounts(ParseMountinfo(host).value(), ParseMountinfo(own).value(), ignored_types,
                    ignored_mountpoints)) {
    out.push_back(selected.mount.mountpoint + (selected.may_hang ? "?" : "") +
                  (selected.hidden ? "!" : ""));
  }
  return out;
}
std::vector<std::string> Selected(std::string_view host) {
  return Selected(host, host);
}

TEST(SelectMounts, CountsBindMountsOfOneDeviceOnce) {
  EXPECT_THAT(Selected("1 0 8:1 / / rw - ext4 a rw\n"
                       "2 1 8:2 /dir /bind rw - xfs b rw\n"
                       "3 1 8:2 / /var/lib/pgsql rw - xfs b rw\n"
                       "4 1 8:2 / /srv/a/longer/path rw - xfs b rw\n"),
              ElementsAre("/", "/var/lib/pgsql"));
}

TEST(SelectMounts, LeavesOutPseudoFileSystemsAndWhatIsIgnored) {
  constexpr std::string_view kMounts =
      "1 0 8:1 / / rw - ext4 a rw\n2 1 0:2 / /proc rw - proc proc rw\n"
      "3 1 0:3 / /net rw - autofs auto rw\n4 1 0:4 / /run/user/1 rw - tmpfs tmpfs rw\n"
      "5 1 0:5 / /var/lib/docker/x rw - overlay overlay rw\n6 1 0:6 / /s rw - fuse.sshfs h:/ rw\n";
  EXPECT_THAT(Selected(kMounts, kMounts, {"fuse.*"}, {"/run/*"}), ElementsAre("/"));
  EXPECT_THAT(Selected(kMounts), ElementsAre("/", "/run/user/1", "/s?"));
}

TEST(SelectMounts, KnowsWhichMountsMayHang) {
  EXPECT_THAT(Selected("1 0 8:1 / / rw - ext4 a rw\n2 1 0:9 / /mnt rw - nfs4 nas:/ rw\n"
                       "3 2 8:3 / /mnt/local rw - ext4 c rw\n4 1 8:4 / /mntlocal rw - xfs d rw\n"
                       "5 1 0:7 / /new rw - somefs e rw\n6 1 0:8 / /auto rw - autofs f rw\n"
                       "7 6 8:5 / /auto/x rw - ext4 g rw\n"),
              ElementsAre("/", "/mnt?", "/mnt/local?", "/mntlocal", "/new?", "/auto/x?"));
}

TEST(SelectMounts, TakesTheTopmostOfMountsOnOnePoint) {
  EXPECT_THAT(Selected("1 0 8:1 / / rw - rootfs rootfs rw\n2 1 8:2 / / rw - ext4 a rw\n"
                       "3 2 8:3 / /data rw - ext4 b rw\n4 3 8:4 / /data rw - xfs c rw\n"),
              ElementsAre("/", "/data"));
}

TEST(SelectMounts, SeesThroughProtectHomeAndProtectSystem) {
  constexpr std::string_view kHost =
      "1 0 8:1 / / rw - ext4 a rw\n2 1 8:2 / /home rw - xfs b rw\n3 1 8:3 / /gone rw - xfs c rw\n";
  constexpr std::string_view kOwn =
      "1 0 8:1 / / ro - ext4 a rw\n2 1 8:2 / /home rw - xfs b rw\n3 2 0:40 / /home ro - tmpfs t "
      "rw\n";
  EXPECT_THAT(Selected(kHost, kOwn), ElementsAre("/", "/home!", "/gone!"));
  EXPECT_FALSE(SelectMounts(ParseMountinfo(kHost).value(), ParseMountinfo(kOwn).value(), {}, {})[0]
                   .mount.read_only);
}

TEST(SelectMounts, PrefersABindMountThatIsSeenToAnOriginalThatIsNot) {
  EXPECT_THAT(
      Selected("1 0 8:1 / /home rw - ext4 a rw\n2 1 8:1 /pg /var/lib/pgsql rw - ext4 a rw\n",
               "2 1 8:1 /pg /var/lib/pgsql rw - ext4 a rw\n"),
      ElementsAre("/var/lib/pgsql"));
}

TEST(SelectMounts, OfNothingIsNothing) {
  EXPECT_THAT(Selected(""), IsEmpty());
}

}  // namespace
}  // namespace agent::host
