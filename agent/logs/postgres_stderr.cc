#include "agent/logs/postgres_stderr.h"

#include <limits>
#include <utility>

#include "agent/logs/severity.h"
#include "shared/text/cursor.h"

namespace agent::logs {
namespace {

using shared::text::ParseNumber;

void FillFields(const PrefixFields& fields, pgvigil::v1::LogRecord& record) {
  record.set_time_unix_nano(static_cast<uint64_t>(fields.time_unix_nano.value_or(0)));
  record.set_pid(ParseNumber<uint32_t>(fields.pid).value_or(0));
  AppendText(fields.database, *record.mutable_database(), record);
  AppendText(fields.user, *record.mutable_user(), record);
  AppendText(fields.application_name, *record.mutable_application_name(), record);
  AppendText(ClientName(fields.client_host, fields.client_port), *record.mutable_client(), record);
  AppendText(fields.backend_type, *record.mutable_backend_type(), record);
  record.set_query_id(ParseNumber<int64_t>(fields.query_id).value_or(0));
  record.set_session_id(std::string(fields.session_id));
  record.set_line_num(ParseNumber<uint64_t>(fields.line_num).value_or(0));
  if (fields.sqlstate != "00000") record.set_sqlstate(std::string(fields.sqlstate));
  const auto attribute = [&](std::string_view name, std::string_view value) {
    if (!value.empty() && value != "0") SetAttribute(name, value, record);
  };
  attribute("postgresql.vxid", fields.vxid);
  attribute("postgresql.txid", fields.txid);
  attribute("postgresql.leader_pid", fields.leader_pid);
  attribute("postgresql.ps", fields.command_tag);
  attribute("postgresql.session_start", fields.session_start);
}

}  // namespace

PostgresStderrParser::PostgresStderrParser(std::string_view log_line_prefix, TimeZone zone,
                                           const Redactor& redactor, size_t max_record_bytes)
    : prefix_(LinePrefix::Compile(log_line_prefix)),
      time_(std::move(zone)),
      redactor_(redactor),
      max_record_bytes_(max_record_bytes) {}

std::optional<uint64_t> PostgresStderrParser::open_record() const {
  if (!open_) return std::nullopt;
  return open_->offset();
}

void PostgresStderrParser::Add(const Line& line, pgvigil::v1::LogChunk& out) {
  if (line.text.empty() || line.text[0] == '\t') {
    if (open_) {
      Extend(line, line.text.substr(line.text.empty() ? 0 : 1), "\n");
    } else if (!line.text.empty()) {
      Begin(line, PrefixFields{});
      SetAttribute("pgvigil.continuation", "true", *open_);
      Extend(Line{}, line.text.substr(1), "");
    }
    return;
  }
  PrefixFields fields;
  if (!prefix_.Match(line.text, time_, fields)) {
    Flush(out);
    Begin(line, PrefixFields{});
    Extend(Line{}, line.text, "");
    return;
  }
  if (IsMessagePart(fields.word)) {
    const uint32_t pid = ParseNumber<uint32_t>(fields.pid).value_or(0);
    if (open_ && !open_is_unparsed_ && open_->pid() == pid) {
      BeginPart(fields.word);
      Extend(line, fields.message, "");
      return;
    }
    Flush(out);
    Begin(line, fields);
    SetAttribute("pgvigil.continuation", "true", *open_);
    BeginPart(fields.word);
    Extend(Line{}, fields.message, "");
    return;
  }
  Flush(out);
  Begin(line, fields);
  Extend(Line{}, fields.message, "");
}

void PostgresStderrParser::Begin(const Line& line, const PrefixFields& fields) {
  open_ = BeginRecord(line);
  open_is_unparsed_ = fields.word.empty();
  text_bytes_ = 0;
  FillFields(fields, *open_);
  AppendText(fields.word, *open_->mutable_severity_text(), *open_);
  open_->set_severity_number(PostgresSeverity(fields.word));
  part_ = open_->mutable_body();
}

void PostgresStderrParser::BeginPart(std::string_view word) {
  if (word == "DETAIL") part_ = open_->mutable_detail();
  if (word == "HINT") part_ = open_->mutable_hint();
  if (word == "CONTEXT") part_ = open_->mutable_context();
  if (word == "STATEMENT") part_ = open_->mutable_statement();
  if (word == "QUERY") part_ = &query_;
  if (word == "LOCATION") part_ = &location_;
  if (word == "BACKTRACE") part_ = &discarded_;
}

void PostgresStderrParser::Extend(const Line& line, std::string_view text,
                                  std::string_view separator) {
  const uint64_t length = uint64_t{open_->length()} + line.length;
  open_->set_length(
      static_cast<uint32_t>(std::min<uint64_t>(length, std::numeric_limits<uint32_t>::max())));
  if (line.cut) open_->set_truncated(true);
  const size_t room = max_record_bytes_ - std::min(max_record_bytes_, text_bytes_);
  if (text.size() + separator.size() > room) {
    open_->set_truncated(true);
    if (room <= separator.size()) return;
    text = text.substr(0, room - separator.size());
  }
  text_bytes_ += text.size() + separator.size();
  part_->append(separator);
  AppendText(text, *part_, *open_);
}

void PostgresStderrParser::Flush(pgvigil::v1::LogChunk& out) {
  if (!open_) return;
  redactor_.RedactPostgres(*open_);
  if (!query_.empty())
    SetAttribute("postgresql.internal_query", redactor_.Statement(query_), *open_);
  if (!location_.empty()) SetAttribute("postgresql.location", location_, *open_);
  query_.clear();
  location_.clear();
  discarded_.clear();
  if (open_is_unparsed_) out.set_unparsed_records(out.unparsed_records() + 1);
  *out.add_records() = std::move(*open_);
  open_.reset();
  part_ = nullptr;
}

}  // namespace agent::logs
