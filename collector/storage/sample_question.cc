#include "collector/storage/sample_question.h"

namespace collector::storage {

shared::Result<void> SampleQuestion::Check() const {
  RETURN_IF_ERROR(session.CheckDeadline());
  if (found.added() <= limits.samples) return {};
  return shared::Fail(shared::ErrorCode::kResourceExhausted,
                      "more than {} samples in {} series: ask for a shorter time or fewer series",
                      limits.samples, series);
}

}  // namespace collector::storage
