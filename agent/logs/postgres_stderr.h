#pragma once

#include <memory>
#include <string>

#include "agent/logs/line_prefix.h"
#include "agent/logs/record_parser.h"
#include "agent/logs/redact.h"
#include "agent/logs/time_zone.h"

namespace agent::logs {

// PostgreSQL's stderr format: log_line_prefix, "SEVERITY:  ", message; the parts of one message
// follow each other, each with the prefix, and further lines of a part begin with a tab:
//   2026-11-21 09:53:53.296 CET [10948] postgres@app/psql ERROR:  division by zero
//   2026-11-21 09:53:53.296 CET [10948] postgres@app/psql STATEMENT:  select 1
//   <tab>/ 0
// The server writes a message in one piece, and its logging collector puts pieces of different
// backends together again by pid. So a record is a run of lines: a severity line, then DETAIL,
// HINT, QUERY, CONTEXT, STATEMENT, LOCATION lines of the same pid, and the lines with a tab behind
// each.
//
// A part without its record in front (the file begins there, or the record was sent before because
// nothing came for long) is a record of its own with its word as severity_text and the attribute
// pgvigil.continuation = "true"; so is a run of tab lines. A line that is neither is what something
// else wrote to stderr, a library or an archive_command: a record of its own, unparsed.
//
// `max_record_bytes` bounds the text of one record; what is beyond is left out, `truncated` set.
class PostgresStderrParser final : public RecordParser {
 public:
  PostgresStderrParser(std::string_view log_line_prefix, TimeZone zone, const Redactor& redactor,
                       size_t max_record_bytes);

  void Add(const Line& line, pgvigil::v1::LogChunk& out) override;
  [[nodiscard]] std::optional<uint64_t> open_record() const override;
  void Flush(pgvigil::v1::LogChunk& out) override;

 private:
  void Begin(const Line& line, const PrefixFields& fields);
  void BeginPart(std::string_view word);
  void Extend(const Line& line, std::string_view text, std::string_view separator);

  const LinePrefix prefix_;
  PostgresTime time_;
  const Redactor& redactor_;
  const size_t max_record_bytes_;

  std::optional<pgvigil::v1::LogRecord> open_;
  std::string* part_ = nullptr;  // the field of *open_ that further lines go to; null: left out
  std::string query_;            // QUERY: of *open_
  std::string location_;         // LOCATION: of *open_
  std::string discarded_;        // BACKTRACE:
  bool open_is_unparsed_ = false;
  size_t text_bytes_ = 0;
};

}  // namespace agent::logs
