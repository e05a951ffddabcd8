#include "collector/ingest/foreign/decode_foreign.h"

#include <string>
#include <utility>

#include "collector/ingest/foreign/otlp_json.h"
#include "collector/ingest/foreign/otlp_logs.h"
#include "collector/ingest/foreign/otlp_metrics.h"
#include "collector/ingest/foreign/otlp_proto_fault.h"
#include "collector/ingest/foreign/plain_json.h"
#include "collector/ingest/foreign/point_table.h"
#include "collector/ingest/refusals.h"

namespace collector::ingest::foreign {
namespace {

using shared::ErrorCode;
using shared::Fail;
using shared::Result;

constexpr int64_t kMostOffset = int64_t{1} << 43;  // 20 bits of the file offset number the records

// An OTLP message of the record's bytes. The encoding is not kJson.
template <typename Request>
Result<void> ParseOtlp(const ForeignRecord& record, ForeignEncoding encoding,
                       const ForeignLimits& limits, Refusals& refusals, Request& request) {
  if (encoding == ForeignEncoding::kOtlpJson) {
    Result<void> read = ReadOtlpJson(record.value, limits, refusals, request);
    if (!read) return tl::make_unexpected(std::move(read).error().With("otlp_json"));
    return {};
  }
  if (!request.ParseFromArray(record.value.data(), static_cast<int>(record.value.size()))) {
    std::string fault = FindProtoFault(record.value);
    if (fault.empty()) fault = "byte 0: another message, or a string in it is not UTF-8";
    return Fail(ErrorCode::kMalformed, "otlp_proto: {}", fault);
  }
  return {};
}

Result<void> DecodeMetrics(const ForeignRecord& record, ForeignEncoding encoding,
                           const ForeignLimits& limits, shared::WallTime now, Refusals& refusals,
                           ForeignDecoded& decoded) {
  PointTable table(limits, now, refusals);
  if (encoding == ForeignEncoding::kJson) {
    Result<void> read = ReadPlainJson(record, limits, table, refusals);
    if (!read) return tl::make_unexpected(std::move(read).error().With("json"));
  } else {
    opentelemetry::proto::collector::metrics::v1::ExportMetricsServiceRequest request;
    RETURN_IF_ERROR(ParseOtlp(record, encoding, limits, refusals, request));
    ReadOtlpMetrics(request, record, limits, table, refusals);
  }
  decoded.batches = table.Take(record);
  return {};
}

Result<void> DecodeLogs(const ForeignRecord& record, ForeignEncoding encoding,
                        const ForeignLimits& limits, shared::WallTime now, Refusals& refusals,
                        ForeignDecoded& decoded) {
  if (encoding == ForeignEncoding::kJson) {
    return Fail(ErrorCode::kInvalidInput, "json: carries metrics only");
  }
  opentelemetry::proto::collector::logs::v1::ExportLogsServiceRequest request;
  RETURN_IF_ERROR(ParseOtlp(record, encoding, limits, refusals, request));
  decoded.batches = ReadOtlpLogs(request, record, limits, now, refusals);
  return {};
}

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
  if (signal == ForeignSignal::kMetrics) {
    RETURN_IF_ERROR(DecodeMetrics(record, encoding, limits, now, refusals, decoded));
  } else {
    RETURN_IF_ERROR(DecodeLogs(record, encoding, limits, now, refusals, decoded));
  }
  decoded.refusals = refusals.Take();
  return decoded;
}

}  // namespace collector::ingest::foreign
