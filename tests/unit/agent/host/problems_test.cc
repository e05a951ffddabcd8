#include "agent/host/problems.h"

#include <gtest/gtest.h>

namespace agent::host {
namespace {

using shared::Error;
using shared::ErrorCode;

TEST(Problems, ShowsAChangeOnceAndForgetsWhatIsOver) {
  Problems problems;
  const auto round = [&](std::initializer_list<Error> errors) {
    problems.Begin();
    for (const Error& error : errors) problems.Note(error);
    return problems.End();
  };
  const Error fault{ErrorCode::kMalformed, "/proc/stat: line 1: cpu: no number"};
  const Error other{ErrorCode::kTimeout, "statfs /mnt: hangs"};
  const Error absent{ErrorCode::kNotFound, "open /proc/pressure/cpu: No such file or directory"};
  EXPECT_FALSE(round({}));
  EXPECT_TRUE(round({fault, absent}));
  EXPECT_FALSE(round({fault, absent, fault}));
  EXPECT_EQ(problems.faults(), fault.message);
  EXPECT_EQ(problems.absent(), absent.message);
  EXPECT_TRUE(round({fault, other}));
  EXPECT_EQ(problems.faults(), fault.message + "; " + other.message);
  EXPECT_EQ(problems.absent(), "");
  EXPECT_TRUE(round({}));
  EXPECT_EQ(problems.faults(), "");
  EXPECT_EQ(problems.faults_noted(), 5u);
}

}  // namespace
}  // namespace agent::host
