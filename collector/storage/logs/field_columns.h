#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "collector/storage/logs/section_bytes.h"
#include "pgvigil/v1/logs.pb.h"
#include "shared/base/result.h"
#include "shared/wire/byte_reader.h"

// All fields of a segment's records but the bodies, before zstd. A record is taken apart by the
// fields of pgvigil.v1.LogRecord into numbers of its own (offset, length, time, pid, line_num,
// observed) and three parts, each in protobuf's encoding, that many records share:
//
//   session  database, user, application_name, client, session_id, backend_type, host_name, program
//   kind     severity_number, severity_text, sqlstate, truncated, sanitised
//   rest     everything else, fields of newer agents too
//
// A process is a pid with what of `session` it has. varint is LEB128, text is varint length and
// bytes, numbers are a NumberColumn. Format 2, which is written:
//
//   varint   lines
//   three dictionaries, of session, kind and rest: varint entries, numbers: their lengths, bytes
//   varint   processes
//   numbers  session of each process, in the order of their first lines
//   numbers  pid of each
//   numbers  process of each line: 0, the next that has had no line; else 1 + its number
//   numbers  kind of each line; likewise rest
//   numbers  offset of each line - end of the line before (0)
//   numbers  length - body's length - that of the process's line before (0, or the session's)
//   varint   unit: nanoseconds that all times are multiples of
//   numbers  time / unit
//   numbers  line_num - one more than that of the process's line before (0)
//   varint   readings: lines in a row that have the same `observed`
//   numbers  lines of each reading
//   numbers  observed - time of the first line
//
// Format 1, which is still read, had pid in `session`; difference is zigzag:
//
//   varint lines
//   three dictionaries, of session, kind and rest: varint entries, then each as text
//   varint unit: nanoseconds that all times are multiples of
//   text   number of the session of each line, varints; likewise kind; likewise rest
//   text   offset of each line, difference to the end of the line before (0)
//   text   length - body's length, difference to that of the session's line before (0)
//   text   time / unit, difference to that of the line before (0)
//   text   line_num, difference to one more than that of the session's line before (0)
//   text   observed, difference to that of the line before (0)
namespace collector::storage {

// One record, taken apart; views into what it was read from.
struct RecordParts {
  uint64_t offset = 0;
  uint64_t length = 0;
  uint64_t time = 0;
  uint64_t pid = 0;
  uint64_t line_num = 0;
  uint64_t observed = 0;
  std::string_view body;
  std::string session, kind, rest;
  size_t encoded_bytes = 0;  // of the record
};
// `record` in protobuf's encoding. kMalformed: not that.
shared::Result<RecordParts> TakeApart(std::string_view record);

// Format 2.
SectionBytes EncodeFields(const std::vector<RecordParts>& records);

// The fields of an encoded section. `content` must outlive it.
class FieldColumns {
 public:
  // kMalformed: lengths or numbers that contradict each other; a format that we do not know.
  static shared::Result<FieldColumns> Parse(int16_t format, std::string_view content,
                                            const std::vector<uint32_t>& body_sizes);

  [[nodiscard]] size_t lines() const { return lines_.size(); }
  [[nodiscard]] int64_t time_unix_nano(size_t line) const {
    return static_cast<int64_t>(lines_[line].time);
  }
  [[nodiscard]] uint64_t offset(size_t line) const { return lines_[line].offset; }
  // The whole record in protobuf's encoding.
  [[nodiscard]] std::string Encoded(size_t line, std::string_view body) const;
  // The whole record. kMalformed: a part that is no protobuf.
  [[nodiscard]] shared::Result<pgvigil::v1::LogRecord> Record(size_t line,
                                                              std::string_view body) const;

 private:
  using Reader = shared::wire::format::ByteReader;
  struct Line {
    uint64_t parts[3] = {};
    uint64_t offset = 0, length = 0, time = 0, pid = 0, line_num = 0, observed = 0;
  };

  shared::Result<void> Parse1(Reader& in, const std::vector<uint32_t>& body_sizes);
  shared::Result<void> Parse2(Reader& in, const std::vector<uint32_t>& body_sizes);
  shared::Result<void> TakeProcesses(Reader& in, std::vector<uint64_t>& of_line);

  std::vector<std::string_view> dictionaries_[3];
  std::vector<Line> lines_;
};

}  // namespace collector::storage
