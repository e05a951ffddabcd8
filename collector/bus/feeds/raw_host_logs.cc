#include "collector/bus/feeds/raw_host_logs.h"

#include "collector/bus/feeds/log_record_rules.h"
#include "opentelemetry/proto/logs/v1/logs.pb.h"

namespace collector::bus {
namespace {

using pgvigil::v1::LogChunk;
using shared::text::JsonWriter;
namespace otlp = opentelemetry::proto::logs::v1;

opentelemetry::proto::common::v1::AnyValue& AddAttribute(std::string_view key,
                                                         otlp::LogRecord& record) {
  opentelemetry::proto::common::v1::KeyValue& attribute = *record.add_attributes();
  attribute.set_key(std::string(key));
  return *attribute.mutable_value();
}

otlp::LogRecord ToOtlp(const LogChunk& chunk, const pgvigil::v1::LogRecord& record,
                       uint64_t created_unix_nano) {
  constexpr uint32_t kLargest = otlp::SEVERITY_NUMBER_FATAL4;
  otlp::LogRecord out;
  out.set_time_unix_nano(record.time_unix_nano());
  out.set_observed_time_unix_nano(record.observed_unix_nano() != 0 ? record.observed_unix_nano()
                                                                   : created_unix_nano);
  if (record.severity_number() <= kLargest) {
    out.set_severity_number(static_cast<otlp::SeverityNumber>(record.severity_number()));
  }
  out.set_severity_text(record.severity_text());
  out.mutable_body()->set_string_value(record.body());
  if (!record.host_name().empty()) {
    AddAttribute("host.name", out).set_string_value(record.host_name());
  }
  if (!record.program().empty()) {
    AddAttribute("syslog.program", out).set_string_value(record.program());
  }
  if (record.pid() != 0) AddAttribute("process.pid", out).set_int_value(record.pid());
  AddAttribute("log.file.path", out).set_string_value(chunk.file().path());
  AddAttribute("log.file.record_offset", out).set_int_value(static_cast<int64_t>(record.offset()));
  for (const pgvigil::v1::Attribute& attribute : record.attributes()) {
    AddAttribute(attribute.name(), out).set_string_value(attribute.value());
  }
  if (record.truncated()) AddAttribute("pgvigil.truncated", out).set_bool_value(true);
  if (record.sanitised()) AddAttribute("pgvigil.sanitised", out).set_bool_value(true);
  return out;
}

std::string EncodeRecord(OtlpEncoding encoding, const otlp::LogRecord& record) {
  if (encoding == OtlpEncoding::kProto) return record.SerializeAsString();
  JsonWriter json;
  json.BeginObject();
  json.Key("timeUnixNano").String(std::to_string(record.time_unix_nano()));
  json.Key("observedTimeUnixNano").String(std::to_string(record.observed_time_unix_nano()));
  json.Key("severityNumber").Signed(record.severity_number());
  json.Key("severityText").String(record.severity_text());
  json.Key("body").BeginObject();
  json.Key("stringValue").String(record.body().string_value()).EndObject();
  json.Key("attributes");
  WriteOtlpAttributes(record.attributes(), json);
  json.EndObject();
  return json.Take();
}

}  // namespace

RawHostLogsFeed::RawHostLogsFeed(const config::KafkaFeed& config)
    : topic_(config.topic), encoding_(OtlpEncodingOf(config.encoding)) {}

uint64_t RawHostLogsFeed::Encode(const ingest::AcceptedBatch& batch,
                                 const LayoutSource& /*layouts*/, size_t record_bytes,
                                 std::vector<FeedRecord>& out) const {
  if (batch.batch.logs().empty()) return 0;
  uint64_t lost = 0;
  const uint64_t created = batch.batch.created_unix_nano();
  OtlpRecords records(encoding_, OtlpSignal::kLogs, batch, record_bytes, out);
  for (const LogChunk& chunk : batch.batch.logs()) {
    if (IsPostgresLog(chunk)) continue;
    for (const pgvigil::v1::LogRecord& record : chunk.records()) {
      std::string item = EncodeRecord(encoding_, ToOtlp(chunk, record, created));
      if (item.size() > records.item_limit()) {
        const size_t text_bytes = records.item_limit() / kCutShare;
        item = EncodeRecord(encoding_, ToOtlp(chunk, CutTexts(record, text_bytes), created));
      }
      if (item.size() > records.item_limit()) {
        lost += 1;
      } else {
        records.Add(item, 1);
      }
    }
  }
  records.Close();
  return lost;
}

}  // namespace collector::bus
