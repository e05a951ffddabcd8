#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "collector/bus/feed.h"
#include "collector/ingest/batch_store.h"
#include "opentelemetry/proto/common/v1/common.pb.h"
#include "shared/text/json_writer.h"

namespace collector::bus {

// OTLP in protobuf, or in JSON by OTLP's own rules: keys in lowerCamelCase, 64-bit integers as
// strings, enumerations as numbers, trace and span ids in hexadecimal.
// https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
enum class OtlpEncoding { kProto, kJson };
enum class OtlpSignal { kMetrics, kLogs };

// "otlp_json" → kJson, anything else → kProto: the configuration has let nothing else pass.
OtlpEncoding OtlpEncodingOf(std::string_view name);
// "application/x-protobuf" or "application/json".
std::string_view ContentType(OtlpEncoding encoding);

// Frames the items of one batch (encoded Metrics or LogRecords) as records, MetricsData or LogsData
// with one resource and one scope each:
//   {"resourceMetrics":[{"resource":{"attributes":[…]},"scopeMetrics":[{"scope":{"name":"pgvigil",
//    "version":"0.1.0"},"metrics":[items]}]}]}
// The resource has the attributes that the agent sent, and pgvigil.tenant.
class OtlpRecords {
 public:
  // `out` must outlive it and gets the records.
  OtlpRecords(OtlpEncoding encoding, OtlpSignal signal, const ingest::AcceptedBatch& batch,
              size_t record_bytes, std::vector<FeedRecord>& out);

  // Bytes of items that the open record still takes; 0: none.
  [[nodiscard]] size_t room() const { return record_bytes_ - std::min(record_bytes_, used()); }
  // Bytes of items that an empty record takes.
  [[nodiscard]] size_t item_limit() const {
    return record_bytes_ - std::min(record_bytes_, frame_);
  }
  // Bytes of all records, the open one included.
  [[nodiscard]] size_t total_bytes() const { return closed_bytes_ + used(); }

  // Adds an encoded Metric or LogRecord, to a new record if the open one has no room for it;
  // `count` of data points or log records are in it.
  void Add(std::string_view item, uint64_t count);
  // Closes the open record, if it has items.
  void Close();

 private:
  [[nodiscard]] size_t used() const { return frame_ + items_.size(); }
  [[nodiscard]] std::string FrameProto() const;
  [[nodiscard]] std::string FrameJson() const;

  const OtlpEncoding encoding_;
  const OtlpSignal signal_;
  const size_t record_bytes_;
  const std::string key_;
  std::string resource_;  // encoded
  std::string scope_;     // encoded
  size_t frame_ = 0;      // bytes of a record beside its items, at most
  std::string items_;
  uint64_t count_ = 0;
  size_t closed_bytes_ = 0;
  std::vector<FeedRecord>& out_;
};

// [{"key":"host.name","value":{"stringValue":"db1"}}]. Only what the feeds make: strings, booleans
// and whole numbers; any other value becomes {}, OTLP's empty value.
void WriteOtlpAttributes(const google::protobuf::RepeatedPtrField<
                             opentelemetry::proto::common::v1::KeyValue>& attributes,
                         shared::text::JsonWriter& json);

}  // namespace collector::bus
