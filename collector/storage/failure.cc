#include "collector/storage/failure.h"

namespace collector::storage {

FailureKind ClassifyFailure(shared::ErrorCode code, std::string_view sqlstate) {
  if (sqlstate.empty()) {
    const bool ours =
        code == shared::ErrorCode::kInvalidInput || code == shared::ErrorCode::kMalformed;
    return ours ? FailureKind::kData : FailureKind::kAway;
  }
  if (sqlstate == "40001" || sqlstate == "40P01") return FailureKind::kRetryNow;
  if (sqlstate == "23514") return FailureKind::kPartitionGone;
  const std::string_view sql_class = sqlstate.substr(0, 2);
  if (sql_class == "21" || sql_class == "22" || sql_class == "23" || sql_class == "54") {
    return FailureKind::kData;
  }
  return FailureKind::kAway;
}

}  // namespace collector::storage
