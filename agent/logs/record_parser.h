#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "pgvigil/v1/logs.pb.h"

namespace agent::logs {

// One line of a file, as TailFile hands it out.
struct Line {
  uint64_t offset = 0;    // of its first byte in the file
  uint64_t length = 0;    // in the file, line end included
  std::string_view text;  // without the line end; valid until the next call of TailFile
  bool cut = false;       // the line was longer than the limit; `text` is its beginning
};

// Turns the lines of one file into records: one class per format. A parser that stitches keeps the
// record that may still grow. Never fails: what it does not understand becomes a record with an
// empty severity_text that holds the line, counted in LogChunk.unparsed_records. Strings leave it
// as valid UTF-8 without NUL (LogRecord.sanitised says that something was replaced).
//
// Where a record begins depends on its bytes and on nothing before them: whoever reads again from
// the beginning of any record gets the same records.
class RecordParser {
 public:
  virtual ~RecordParser() = default;

  // Takes the next line; appends the records that it completes to `out`.
  virtual void Add(const Line& line, pgvigil::v1::LogChunk& out) = 0;

  // First byte of the record that may still grow; nullopt: there is none.
  [[nodiscard]] virtual std::optional<uint64_t> open_record() const { return std::nullopt; }
  // Completes that record: nothing more is to come.
  virtual void Flush(pgvigil::v1::LogChunk& out) { static_cast<void>(out); }
};

// Appends `bytes` to a string field of `record` as clean UTF-8; notes whether something was
// replaced.
void AppendText(std::string_view bytes, std::string& field, pgvigil::v1::LogRecord& record);
void SetAttribute(std::string_view name, std::string_view value, pgvigil::v1::LogRecord& record);

// Starts a record of `line`.
pgvigil::v1::LogRecord BeginRecord(const Line& line);
// The record for a line that no format explains.
void AddUnparsed(const Line& line, pgvigil::v1::LogChunk& out);

// "10.0.0.7:51234", "[::1]:51234", "[local]": LogRecord.client. `port` may be empty.
std::string ClientName(std::string_view host, std::string_view port);

}  // namespace agent::logs
