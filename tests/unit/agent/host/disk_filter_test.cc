#include "agent/host/disk_filter.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/temporary_directory.h"

namespace agent::host {
namespace {

TEST(DiskFilter, WantsWholeDevicesThatAreNotIgnored) {
  const tests::TemporaryDirectory sys;
  for (const std::string name : {"sda", "loop0", "cciss!c0d0"}) {
    std::filesystem::create_directories(sys / ("block/" + name));
  }
  DiskFilter filter(sys.path(), {"loop*"});
  for (int round = 0; round < 2; ++round) {
    EXPECT_TRUE(filter.Wants("sda"));
    EXPECT_FALSE(filter.Wants("sda1"));
    EXPECT_FALSE(filter.Wants("loop0"));
    EXPECT_TRUE(filter.Wants("cciss/c0d0"));
    EXPECT_FALSE(filter.Wants("cciss/c0d0p1"));
  }
}

TEST(DiskFilter, WantsEverythingWithoutSysfs) {
  DiskFilter filter("/nonexistent", {"loop*"});
  EXPECT_TRUE(filter.Wants("sda1"));
  EXPECT_FALSE(filter.Wants("loop0"));
}

}  // namespace
}  // namespace agent::host
