#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pgvigil/v1/logs.pb.h"
#include "shared/base/result.h"

// All fields of a segment's records but the bodies, before zstd. A record is taken apart by the
// fields of pgvigil.v1.LogRecord into numbers of its own (offset, length, time, line_num,
// observed) and three parts, each in protobuf's encoding, that many records share:
//
//   session  pid, database, user, application_name, client, session_id, backend_type, host_name,
//            program
//   kind     severity_number, severity_text, sqlstate, truncated, sanitised
//   rest     everything else, fields of newer agents too
//
// varint is LEB128, text is varint length and bytes, difference is zigzag:
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
  uint64_t line_num = 0;
  uint64_t observed = 0;
  std::string_view body;
  std::string session, kind, rest;
  size_t encoded_bytes = 0;  // of the record
};
// `record` in protobuf's encoding. kMalformed: not that.
shared::Result<RecordParts> TakeApart(std::string_view record);

std::string EncodeFields(const std::vector<RecordParts>& records);

// The fields of an encoded section. `content` must outlive it.
class FieldColumns {
 public:
  // kMalformed: lengths or numbers that contradict each other.
  static shared::Result<FieldColumns> Parse(std::string_view content,
                                            const std::vector<uint32_t>& body_sizes);

  [[nodiscard]] size_t lines() const { return times_.size(); }
  [[nodiscard]] int64_t time_unix_nano(size_t line) const {
    return static_cast<int64_t>(times_[line]);
  }
  [[nodiscard]] uint64_t offset(size_t line) const { return offsets_[line]; }
  // The whole record in protobuf's encoding.
  [[nodiscard]] std::string Encoded(size_t line, std::string_view body) const;
  // The whole record. kMalformed: a part that is no protobuf.
  [[nodiscard]] shared::Result<pgvigil::v1::LogRecord> Record(size_t line,
                                                              std::string_view body) const;

 private:
  std::vector<std::string_view> dictionaries_[3];
  std::vector<uint64_t> parts_[3];
  std::vector<uint64_t> offsets_, lengths_, times_, line_nums_, observed_;
};

}  // namespace collector::storage
