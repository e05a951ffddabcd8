#include "collector/bus/record.h"

#include <fmt/format.h>

#include <bit>
#include <charconv>

#include "collector/bus/batch_headers.h"
#include "collector/ingest/batch_decode.h"
#include "collector/ingest/foreign/decode_foreign.h"
#include "shared/text/hex.h"
#include "shared/wire/checksum.h"

namespace collector::bus {
namespace {

namespace foreign = ingest::foreign;
using shared::ErrorCode;
using shared::Result;

std::optional<int32_t> ParseTenant(std::string_view text) {
  int32_t tenant = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), tenant);
  if (error != std::errc() || end != text.data() + text.size() || tenant < 1) return std::nullopt;
  return tenant;
}

Fault FaultOf(shared::Error error) {
  const char* reason = "undecodable";
  if (error.code == ErrorCode::kResourceExhausted) reason = "too_large";
  if (error.code == ErrorCode::kInvalidInput) reason = "refused";
  return {reason, std::move(error.message)};
}

// nullopt: ours, and of a version that we know.
std::optional<Fault> SchemaFault(const ConsumedRecord& record) {
  const std::string_view schema = record.Header(kSchemaHeader);
  if (schema != kBatchSchema) {
    return Fault{"schema", fmt::format("header {}: '{}', expected '{}'", kSchemaHeader, schema,
                                       kBatchSchema)};
  }
  const std::string_view version = record.Header(kVersionHeader);
  if (version != kBatchVersion) {
    return Fault{"schema", fmt::format("header {}: '{}', this collector knows '{}'", kVersionHeader,
                                       version, kBatchVersion)};
  }
  return std::nullopt;
}

void ReadBatch(const ConsumedRecord& record, const RecordLimits& limits, shared::WallTime now,
               PendingRecord& out) {
  out.tenant = ParseTenant(record.Header(kTenantHeader));
  out.agent_id = shared::text::FromUuid(record.Header(kAgentHeader)).value_or("");
  out.fault = SchemaFault(record);
  if (out.fault) return;
  if (!out.tenant) {
    out.fault = Fault{"schema", fmt::format("header {}: '{}' is no tenant", kTenantHeader,
                                            record.Header(kTenantHeader))};
    return;
  }
  Result<pgvigil::v1::Batch> batch = ingest::DecodeBatch(record.value, limits.decompress);
  if (!batch) {
    out.fault = FaultOf(std::move(batch).error());
    return;
  }
  ingest::AcceptedBatch accepted;
  accepted.tenant.value = *out.tenant;
  accepted.batch = std::move(*batch);
  accepted.cost_bytes = accepted.batch.ByteSizeLong();
  Result<std::vector<pgvigil::v1::Refusal>> refusals =
      ingest::CheckBatch(accepted.batch, limits.batch, now);
  if (!refusals) {
    out.fault = FaultOf(std::move(refusals).error());
    return;
  }
  accepted.refusals = std::move(*refusals);
  out.agent_id = accepted.batch.agent_id();
  out.batches.push_back(std::move(accepted));
}

void ReadForeign(const ConsumedRecord& record, const config::KafkaSource& source,
                 uint64_t generation, const RecordLimits& limits, shared::WallTime now,
                 PendingRecord& out) {
  out.tenant = source.tenant;
  foreign::ForeignRecord in;
  in.value = record.value;
  in.topic = record.topic;
  in.partition = record.partition;
  in.offset = record.offset;
  in.incarnation = generation;
  in.timestamp = record.timestamp_ms > 0
                     ? shared::WallTime(std::chrono::milliseconds(record.timestamp_ms))
                     : now;
  auto encoding = foreign::ForeignEncoding::kOtlpProto;
  if (source.encoding == "otlp_json") encoding = foreign::ForeignEncoding::kOtlpJson;
  if (source.encoding == "json") encoding = foreign::ForeignEncoding::kJson;
  const auto signal =
      source.signal == "logs" ? foreign::ForeignSignal::kLogs : foreign::ForeignSignal::kMetrics;
  Result<foreign::ForeignDecoded> decoded =
      foreign::DecodeForeign(in, encoding, signal, limits.foreign, now);
  if (!decoded) {
    out.fault = FaultOf(std::move(decoded).error());
    return;
  }
  for (pgvigil::v1::Batch& batch : decoded->batches) {
    ingest::AcceptedBatch& accepted = out.batches.emplace_back();
    accepted.tenant.value = source.tenant;
    accepted.foreign = true;
    accepted.cost_bytes = batch.ByteSizeLong();
    accepted.batch = std::move(batch);
  }
  // They are of the record; the first batch's agent answers for them.
  if (!out.batches.empty()) out.batches.front().refusals = std::move(decoded->refusals);
}

}  // namespace

std::string_view ConsumedRecord::Header(std::string_view name) const {
  for (const auto& [header, text] : headers) {
    if (header == name) return text;
  }
  return {};
}

int64_t AnchorOf(std::string_view value) {
  return std::bit_cast<int64_t>(shared::wire::Checksum(value, 0));
}

void ReadRecord(const ConsumedRecord& record, const config::KafkaSource* source,
                uint64_t generation, const RecordLimits& limits, shared::WallTime now,
                PendingRecord& out) {
  out.offset = record.offset;
  out.anchor = AnchorOf(record.value);
  out.value_bytes = record.value.size();
  if (source != nullptr) {
    ReadForeign(record, *source, generation, limits, now, out);
  } else {
    ReadBatch(record, limits, now, out);
  }
  if (out.fault) out.batches.clear();
  out.cost_bytes = record.value.size();
  for (const ingest::AcceptedBatch& batch : out.batches) out.cost_bytes += batch.cost_bytes;
}

}  // namespace collector::bus
