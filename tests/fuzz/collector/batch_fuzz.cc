#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "collector/ingest/batch_check.h"

// Any bytes that parse as a Batch are judged without a crash; what is left passes a second time
// without a further refusal.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using collector::ingest::CheckBatch;
  pgvigil::v1::Batch batch;
  if (!batch.ParseFromArray(data, static_cast<int>(size))) return 0;
  const collector::ingest::BatchLimits limits;
  const shared::WallTime now = shared::FromUnixNanos(1'767'225'600'000'000'000);
  if (!CheckBatch(batch, limits, now)) return 0;
  const auto again = CheckBatch(batch, limits, now);
  if (!again || !again->empty()) std::abort();
  return 0;
}
