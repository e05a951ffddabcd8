#include "agent/host/diagnosis.h"

#include <gtest/gtest.h>

namespace agent::host {
namespace {

using pgvigil::v1::Capability;
using shared::Error;
using shared::ErrorCode;

Problems After(const std::vector<Error>& errors) {
  Problems problems;
  problems.Begin();
  for (const Error& error : errors) problems.Note(error);
  problems.End();
  return problems;
}

const Error kFault{ErrorCode::kMalformed, "/proc/stat: line 1: no number"};
const Error kAbsent{ErrorCode::kNotFound, "open /proc/pressure/io: No such file or directory"};

TEST(DiagnoseHost, IsOkAlsoWhenTheKernelLacksAFile) {
  Capability found = DiagnoseHost({}, After({}), 200);
  EXPECT_EQ(found.name(), "host");
  EXPECT_EQ(found.state(), Capability::STATE_OK);
  EXPECT_EQ(found.detail(), "");
  found = DiagnoseHost({}, After({kAbsent}), 200);
  EXPECT_EQ(found.state(), Capability::STATE_OK);
  EXPECT_EQ(found.detail(),
            "not on this kernel: open /proc/pressure/io: No such file or directory");
}

TEST(DiagnoseHost, IsDegradedByAFault) {
  const Capability found = DiagnoseHost({}, After({kFault, kAbsent}), 150);
  EXPECT_EQ(found.state(), Capability::STATE_DEGRADED);
  EXPECT_EQ(found.detail(),
            "/proc/stat: line 1: no number; not on this kernel: open /proc/pressure/io: No such "
            "file or directory");
  EXPECT_EQ(found.remedy(), "");
}

TEST(DiagnoseHost, IsFailedWithoutAnySample) {
  const Capability found = DiagnoseHost({}, After({kAbsent}), 0);
  EXPECT_EQ(found.state(), Capability::STATE_FAILED);
  EXPECT_EQ(found.remedy(),
            "let /proc and /sys be mounted and readable: agent.proc_root, agent.sys_root");
}

}  // namespace
}  // namespace agent::host
