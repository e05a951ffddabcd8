#include "agent/identity/state_format.h"

#include <gtest/gtest.h>

#include "shared/base/file.h"
#include "shared/base/version.h"
#include "tests/support/temporary_directory.h"

namespace {

using agent::identity::ClaimState;
using tests::TemporaryDirectory;

void Write(const std::string& path, std::string_view content) {
  ASSERT_TRUE(shared::WriteFileDurably(path, content));
}

TEST(ClaimState, SaysWhoWroteTheDirectory) {
  const TemporaryDirectory directory;
  ASSERT_TRUE(ClaimState(directory.path()));
  EXPECT_EQ(shared::ReadFile(directory / "format"), "1\n");
  EXPECT_TRUE(ClaimState(directory.path()));
}

TEST(ClaimState, RefusesWhatANewerAgentWrote) {
  const TemporaryDirectory directory;
  Write(directory / "format", "2\n");
  const auto claimed = ClaimState(directory.path());
  ASSERT_FALSE(claimed);
  EXPECT_EQ(claimed.error().code, shared::ErrorCode::kInvalidInput);
  EXPECT_EQ(claimed.error().message,
            fmt::format("{} has state format 2, pgvigil-agent {} knows up to 1: install the newer "
                        "pgvigil-agent again, or move the directory away to start anew",
                        directory.path(), shared::kVersion));
  EXPECT_EQ(shared::ReadFile(directory / "format"), "2\n");
}

TEST(ClaimState, WritesADamagedNumberAnew) {
  const TemporaryDirectory directory;
  for (const std::string_view damaged : {"", "\n", "x\n", "99999999999999\n"}) {
    Write(directory / "format", damaged);
    EXPECT_TRUE(ClaimState(directory.path())) << damaged;
    EXPECT_EQ(shared::ReadFile(directory / "format"), "1\n");
  }
}

}  // namespace
