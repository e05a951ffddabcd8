#include "collector/storage/failure.h"

#include <gtest/gtest.h>

namespace collector::storage {
namespace {

using shared::ErrorCode;

TEST(ClassifyFailure, BySqlstate) {
  const struct {
    const char* sqlstate;
    FailureKind kind;
  } cases[] = {
      {"40001", FailureKind::kRetryNow},      {"40P01", FailureKind::kRetryNow},
      {"23514", FailureKind::kPartitionGone}, {"23505", FailureKind::kData},
      {"22021", FailureKind::kData},          {"21000", FailureKind::kData},
      {"54000", FailureKind::kData},          {"42P01", FailureKind::kAway},
      {"42501", FailureKind::kAway},          {"53100", FailureKind::kAway},
      {"57014", FailureKind::kAway},          {"57P03", FailureKind::kAway},
      {"XX000", FailureKind::kAway},          {"25006", FailureKind::kAway},
  };
  for (const auto& one : cases) {
    EXPECT_EQ(ClassifyFailure(ErrorCode::kInvalidInput, one.sqlstate), one.kind) << one.sqlstate;
  }
}

TEST(ClassifyFailure, WithoutSqlstateByCode) {
  EXPECT_EQ(ClassifyFailure(ErrorCode::kInvalidInput, ""), FailureKind::kData);
  EXPECT_EQ(ClassifyFailure(ErrorCode::kMalformed, ""), FailureKind::kData);
  EXPECT_EQ(ClassifyFailure(ErrorCode::kUnavailable, ""), FailureKind::kAway);
  EXPECT_EQ(ClassifyFailure(ErrorCode::kTimeout, ""), FailureKind::kAway);
  EXPECT_EQ(ClassifyFailure(ErrorCode::kInternal, ""), FailureKind::kAway);
}

}  // namespace
}  // namespace collector::storage
