#include "shared/concurrency/thread_name.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <string>
#include <thread>

namespace shared {
namespace {

std::string NameAfterSetting(const char* name) {
  std::string out;
  std::jthread([&] {
    SetThreadName(name);
    char buffer[32] = {};
    pthread_getname_np(pthread_self(), buffer, sizeof buffer);
    out = buffer;
  }).join();
  return out;
}

TEST(SetThreadName, IsSeenByTheKernel) {
  EXPECT_EQ(NameAfterSetting("host"), "host");
}

TEST(SetThreadName, CutsWhatIsTooLong) {
  EXPECT_EQ(NameAfterSetting("postgres:a-very-long-name"), "postgres:a-very");
}

}  // namespace
}  // namespace shared
