#include "collector/storage/logs/log_rows.h"

#include "collector/storage/sql_text.h"
#include "shared/postgres/copy.h"
#include "shared/text/utf8.h"

namespace collector::storage {
namespace {

using shared::Result;
using shared::postgres::Connection;
using shared::postgres::CopyIn;

// Agents clean their text; one that does not must not fail the COPY of others.
void PutText(CopyIn& copy, std::string_view text) {
  if (shared::text::IsCleanUtf8(text)) {
    copy.Text(text);
  } else {
    copy.Text(shared::text::CleanUtf8(text));
  }
}

void PutOptional(CopyIn& copy, std::string_view text) {
  if (text.empty()) {
    copy.Null();
  } else {
    PutText(copy, text);
  }
}

void PutOptional(CopyIn& copy, int64_t value) {
  if (value == 0) {
    copy.Null();
  } else {
    copy.Int8(value);
  }
}

void PutAttributes(CopyIn& copy, const pgvigil::v1::LogRecord& record) {
  if (record.attributes().empty()) {
    copy.Null();
    return;
  }
  shared::model::Labels labels;
  for (const auto& attribute : record.attributes()) {
    labels.push_back({attribute.name(), attribute.value()});
  }
  copy.Jsonb(LabelsJson(labels));
}

}  // namespace

Result<void> CopyLogBlocks(Connection& connection, std::span<const LogBlockRow> rows) {
  if (rows.empty()) return {};
  ASSIGN_OR_RETURN(
      CopyIn copy,
      CopyIn::Begin(connection,
                    "COPY pgvigil.log_block (host_id, file_id, begin_offset, first_time, last_time,"
                    " lines, severity_mask, raw_bytes, format, data) FROM STDIN (FORMAT binary)"));
  for (const LogBlockRow& row : rows) {
    copy.BeginRow(10);
    copy.Int4(row.host_id);
    copy.Int8(row.file_id);
    copy.Int8(static_cast<int64_t>(row.block.begin_offset));
    copy.Timestamptz(row.block.first_time);
    copy.Timestamptz(row.block.last_time);
    copy.Int4(row.block.lines);
    copy.Int4(static_cast<int32_t>(row.block.severity_mask));
    copy.Int4(row.block.raw_bytes);
    copy.Int2(kLogBlockFormat);
    copy.Bytea(row.block.data);
  }
  RETURN_IF_ERROR(copy.Finish());
  return {};
}

Result<void> CopyLogEvents(Connection& connection, std::span<const LogEventRow> rows) {
  if (rows.empty()) return {};
  ASSIGN_OR_RETURN(
      CopyIn copy,
      CopyIn::Begin(
          connection,
          "COPY pgvigil.log_event (time, time_unix_nano, host_id, file_id, file_offset,"
          " severity_number, severity_text, sqlstate, pid, database, username, application_name,"
          " client, query_id, session_id, line_num, backend_type, host_name, program, body, detail,"
          " hint, context, statement, truncated, sanitised, attributes)"
          " FROM STDIN (FORMAT binary)"));
  for (const LogEventRow& row : rows) {
    const pgvigil::v1::LogRecord& record = *row.record;
    const auto nanos = static_cast<int64_t>(record.time_unix_nano());
    copy.BeginRow(27);
    copy.Timestamptz(shared::FromUnixNanos(nanos));
    copy.Int8(nanos);
    copy.Int4(row.host_id);
    copy.Int8(row.file_id);
    copy.Int8(static_cast<int64_t>(record.offset()));
    copy.Int2(static_cast<int16_t>(record.severity_number()));
    PutText(copy, record.severity_text());
    PutOptional(copy, record.sqlstate());
    PutOptional(copy, int64_t{record.pid()});
    PutOptional(copy, record.database());
    PutOptional(copy, record.user());
    PutOptional(copy, record.application_name());
    PutOptional(copy, record.client());
    PutOptional(copy, int64_t{record.query_id()});
    PutOptional(copy, record.session_id());
    PutOptional(copy, static_cast<int64_t>(record.line_num()));
    PutOptional(copy, record.backend_type());
    PutOptional(copy, record.host_name());
    PutOptional(copy, record.program());
    PutText(copy, record.body());
    PutOptional(copy, record.detail());
    PutOptional(copy, record.hint());
    PutOptional(copy, record.context());
    PutOptional(copy, record.statement());
    copy.Bool(record.truncated());
    copy.Bool(record.sanitised());
    PutAttributes(copy, record);
  }
  RETURN_IF_ERROR(copy.Finish());
  return {};
}

}  // namespace collector::storage
