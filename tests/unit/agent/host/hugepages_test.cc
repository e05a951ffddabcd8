#include "agent/host/hugepages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/support/temporary_directory.h"
#include "tests/unit/agent/host/series_text.h"

namespace agent::host {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(ParseHugepageSize, TakesTheSizeOutOfTheName) {
  EXPECT_EQ(ParseHugepageSize("hugepages-2048kB").value(), 2'097'152u);
  EXPECT_EQ(ParseHugepageSize("hugepages-1048576kB").value(), 1'073'741'824u);
  for (const std::string_view name : {"", ".", "hugepages-kB", "hugepages-2MB", "hugepages-"}) {
    ASSERT_FALSE(ParseHugepageSize(name)) << name;
    EXPECT_EQ(ParseHugepageSize(name).error().message,
              fmt::format("'{}' is not a size of huge pages", name));
  }
}

TEST(Hugepages, SendsEverySizeAndSaysWhatItCannotRead) {
  const tests::TemporaryDirectory sys;
  const std::string size = sys / "kernel/mm/hugepages/hugepages-2048kB";
  std::filesystem::create_directories(size);
  std::ofstream(size + "/nr_hugepages") << "512\n";
  std::ofstream(size + "/free_hugepages") << "garbage\n";
  std::ofstream(size + "/resv_hugepages") << "40\n";
  std::ofstream(size + "/surplus_hugepages") << "0\n";
  Hugepages hugepages(sys.path());
  shared::Result<void> collected;
  EXPECT_THAT(
      tests::LinesOf([&](auto& frame) { collected = hugepages.Collect(frame); }),
      ElementsAre("system.linux.hugepages.limit{system.linux.hugepages.page_size=2097152} 512 "
                  "{page} updowncounter",
                  "system.linux.hugepages.reserved{system.linux.hugepages.page_size=2097152} 40 "
                  "{page} updowncounter",
                  "system.linux.hugepages.surplus{system.linux.hugepages.page_size=2097152} 0 "
                  "{page} updowncounter"));
  ASSERT_FALSE(collected);
  EXPECT_EQ(collected.error().message, size + "/free_hugepages: line 1: no number");
}

TEST(Hugepages, AreNoneWithoutTheDirectory) {
  Hugepages hugepages("/nonexistent");
  EXPECT_THAT(tests::LinesOf([&](auto& frame) { EXPECT_TRUE(hugepages.Collect(frame)); }),
              IsEmpty());
}

}  // namespace
}  // namespace agent::host
