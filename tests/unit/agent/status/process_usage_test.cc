#include "agent/status/process_usage.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

namespace agent::status {
namespace {

TEST(ReadProcessUsage, ReadsThisProcess) {
  const shared::Result<ProcessUsage> usage = ReadProcessUsage();
  ASSERT_TRUE(usage) << usage.error().message;
  rusage own{};
  ASSERT_EQ(::getrusage(RUSAGE_SELF, &own), 0);
  EXPECT_GT(usage->resident_bytes, uint64_t{1} << 20);
  // The kernel counts resident pages per CPU and adds them up now and then.
  EXPECT_LE(usage->resident_bytes, (static_cast<uint64_t>(own.ru_maxrss) << 10) + (1 << 20));
  EXPECT_GE(usage->cpu_seconds, 0);
  EXPECT_LE(usage->cpu_seconds, static_cast<double>(own.ru_utime.tv_sec + own.ru_stime.tv_sec) + 2);
}

}  // namespace
}  // namespace agent::status
