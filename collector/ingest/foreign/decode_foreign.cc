#include "collector/ingest/foreign/decode_foreign.h"

#include <utility>

#include "collector/ingest/foreign/plain_json.h"
#include "collector/ingest/foreign/point_table.h"
#include "collector/ingest/refusals.h"

namespace collector::ingest::foreign {
namespace {

using shared::ErrorCode;
using shared::Fail;
using shared::Result;

constexpr int64_t kMostOffset = int64_t{1} << 43;  // 20 bits of the file offset number the records

}  // namespace

Result<ForeignDecoded> DecodeForeign(const ForeignRecord& record, ForeignEncoding encoding,
                                     ForeignSignal signal, const ForeignLimits& limits,
                                     shared::WallTime now) {
  if (record.offset < 0 || record.offset >= kMostOffset) {
    return Fail(ErrorCode::kInvalidInput, "offset {}: expected 0 to 2^43", record.offset);
  }
  if (record.value.size() > limits.value_bytes) {
    return Fail(ErrorCode::kResourceExhausted, "a record of {} bytes, at most {} are taken",
                record.value.size(), limits.value_bytes);
  }
  Refusals refusals;
  ForeignDecoded decoded;
  if (encoding != ForeignEncoding::kJson) {
    return Fail(ErrorCode::kInvalidInput, "OTLP: comes with the next commit");
  } else {
    if (signal != ForeignSignal::kMetrics) {
      return Fail(ErrorCode::kInvalidInput, "json: carries metrics only");
    }
    PointTable table(limits, now, refusals);
    if (Result<void> read = ReadPlainJson(record, limits, table, refusals); !read) {
      return tl::make_unexpected(std::move(read).error().With("json"));
    }
    decoded.batches = table.Take(record);
  }
  decoded.refusals = refusals.Take();
  return decoded;
}

}  // namespace collector::ingest::foreign
