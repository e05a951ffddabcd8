#include "collector/bus/feeds/raw_logs.h"

#include "collector/bus/feeds/document.h"
#include "collector/bus/feeds/log_record_rules.h"
#include "collector/bus/feeds/rfc3339.h"
#include "shared/text/hex.h"

namespace collector::bus {
namespace {

using pgvigil::v1::LogChunk;
using pgvigil::v1::LogRecord;
using shared::text::JsonWriter;

struct TextField {
  std::string_view key;
  const std::string& (LogRecord::*value)() const;
};
constexpr TextField kTextFields[] = {
    {"sqlstate", &LogRecord::sqlstate},
    {"database", &LogRecord::database},
    {"user", &LogRecord::user},
    {"application_name", &LogRecord::application_name},
    {"client", &LogRecord::client},
    {"session_id", &LogRecord::session_id},
    {"backend_type", &LogRecord::backend_type},
    {"detail", &LogRecord::detail},
    {"hint", &LogRecord::hint},
    {"context", &LogRecord::context},
    {"statement", &LogRecord::statement},
};

void WriteBody(const LogRecord& record, JsonWriter& json) {
  json.BeginObject();
  json.Key("time").String(FormatRfc3339(record.time_unix_nano()));
  json.Key("severity_number").Unsigned(record.severity_number());
  json.Key("severity_text").String(record.severity_text());
  json.Key("message").String(record.body());
  for (const TextField& field : kTextFields) {
    const std::string& value = (record.*field.value)();
    if (!value.empty()) json.Key(field.key).String(value);
  }
  if (record.pid() != 0) json.Key("pid").Unsigned(record.pid());
  if (record.query_id() != 0) json.Key("queryid").String(std::to_string(record.query_id()));
  if (record.line_num() != 0) json.Key("line_num").Unsigned(record.line_num());
  if (!record.attributes().empty()) {
    json.Key("fields").BeginObject();
    WriteMembers(record.attributes(), json);
    json.EndObject();
  }
  if (record.truncated()) json.Key("truncated").Bool(true);
  if (record.sanitised()) json.Key("sanitised").Bool(true);
  json.EndObject();
}

std::string Encode(const DocumentHead& head, const LogChunk& chunk, const LogRecord& record,
                   uint64_t created_unix_nano) {
  JsonWriter json;
  head.Begin("postgresql.log",
             record.observed_unix_nano() != 0 ? record.observed_unix_nano() : created_unix_nano,
             json);
  json.Key("attributes").BeginObject();
  WriteInstance(chunk.instance(), json);
  json.Key("log.file.id").String(shared::text::ToHex(chunk.file().id()));
  json.Key("log.file.path").String(chunk.file().path());
  json.Key("log.file.record_offset").String(std::to_string(record.offset()));
  json.EndObject();
  json.Key("body");
  WriteBody(record, json);
  json.EndObject();
  return json.Take();
}

}  // namespace

uint64_t RawLogsFeed::Encode(const ingest::AcceptedBatch& batch, const LayoutSource& /*layouts*/,
                             size_t record_bytes, std::vector<FeedRecord>& out) const {
  if (batch.batch.logs().empty()) return 0;
  uint64_t lost = 0;
  const DocumentHead head("pgvigil.raw-logs.v1", batch);
  const uint64_t created = batch.batch.created_unix_nano();
  for (const LogChunk& chunk : batch.batch.logs()) {
    if (!IsPostgresLog(chunk)) continue;
    for (const LogRecord& record : chunk.records()) {
      std::string document = bus::Encode(head, chunk, record, created);
      if (document.size() > record_bytes) {
        document = bus::Encode(head, chunk, CutTexts(record, record_bytes / kCutShare), created);
      }
      if (document.size() > record_bytes) {
        lost += 1;
      } else {
        out.push_back({.key = head.key(), .value = std::move(document), .items = 1});
      }
    }
  }
  return lost;
}

}  // namespace collector::bus
