#include "collector/storage/logs/field_columns.h"

#include <unordered_map>

#include "collector/storage/logs/varint.h"

namespace collector::storage {
namespace {

using pgvigil::v1::LogRecord;
using shared::ErrorCode;
using shared::Fail;
using shared::Result;
using shared::wire::format::ByteReader;

enum WireType : uint64_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

tl::unexpected<shared::Error> Malformed(std::string_view what) {
  return Fail(ErrorCode::kMalformed, "log segment: fields: {}", what);
}

std::string& PartOf(uint64_t field, RecordParts& parts) {
  switch (field) {
    case LogRecord::kPidFieldNumber:
    case LogRecord::kDatabaseFieldNumber:
    case LogRecord::kUserFieldNumber:
    case LogRecord::kApplicationNameFieldNumber:
    case LogRecord::kClientFieldNumber:
    case LogRecord::kSessionIdFieldNumber:
    case LogRecord::kBackendTypeFieldNumber:
    case LogRecord::kHostNameFieldNumber:
    case LogRecord::kProgramFieldNumber:
      return parts.session;
    case LogRecord::kSeverityNumberFieldNumber:
    case LogRecord::kSeverityTextFieldNumber:
    case LogRecord::kSqlstateFieldNumber:
    case LogRecord::kTruncatedFieldNumber:
    case LogRecord::kSanitisedFieldNumber:
      return parts.kind;
    default:
      return parts.rest;
  }
}

// The slot of a field that has a column of its own, if it also has the type that we know.
uint64_t* NumberOf(uint64_t tag, RecordParts& parts) {
  switch (tag) {
    case LogRecord::kOffsetFieldNumber << 3 | kFixed64:
      return &parts.offset;
    case LogRecord::kLengthFieldNumber << 3 | kVarint:
      return &parts.length;
    case LogRecord::kTimeUnixNanoFieldNumber << 3 | kFixed64:
      return &parts.time;
    case LogRecord::kLineNumFieldNumber << 3 | kVarint:
      return &parts.line_num;
    case LogRecord::kObservedUnixNanoFieldNumber << 3 | kFixed64:
      return &parts.observed;
    default:
      return nullptr;
  }
}

// Texts by number, each once.
class Dictionary {
 public:
  uint64_t Add(const std::string& text) {
    const auto [entry, added] = numbers_.try_emplace(text, numbers_.size());
    if (added) PutText(text, entries_);
    return entry->second;
  }
  void Put(std::string& out) const {
    PutVarint(numbers_.size(), out);
    out += entries_;
  }

 private:
  std::unordered_map<std::string, uint64_t> numbers_;
  std::string entries_;
};

// What all times are multiples of: logs have seconds, milliseconds or microseconds.
uint64_t UnitOf(const std::vector<RecordParts>& records) {
  uint64_t unit = 1'000'000'000;
  for (const RecordParts& record : records) {
    while (record.time % unit != 0) unit /= 1000;
  }
  return unit;
}

// What a session's lines are measured against; grows as sessions come.
struct Last {
  uint64_t overhead = 0;
  uint64_t line_num = 0;
};

void PutFixed64(int field, uint64_t value, std::string& out) {
  if (value == 0) return;
  PutVarint(static_cast<uint64_t>(field) << 3 | kFixed64, out);
  for (int shift = 0; shift < 64; shift += 8) out.push_back(static_cast<char>(value >> shift));
}

void PutNumber(int field, uint64_t value, std::string& out) {
  if (value == 0) return;
  PutVarint(static_cast<uint64_t>(field) << 3 | kVarint, out);
  PutVarint(value, out);
}

}  // namespace

Result<RecordParts> TakeApart(std::string_view record) {
  RecordParts out;
  out.encoded_bytes = record.size();
  ByteReader in(record);
  while (in.left() > 0) {
    const size_t begin = record.size() - in.left();
    const uint64_t tag = in.TakeVarint();
    uint64_t number = 0;
    std::string_view bytes;
    switch (tag & 7) {
      case kVarint:
        number = in.TakeVarint();
        break;
      case kFixed64:
        number = in.TakeLow(8);
        break;
      case kBytes:
        bytes = TakeText(in);
        break;
      case kFixed32:
        in.Take(4);
        break;
      default:
        return Malformed("a record with a wire type that protobuf no longer has");
    }
    if (in.failed()) return Malformed("a record that is cut short");
    if (uint64_t* const slot = NumberOf(tag, out)) {
      *slot = number;
    } else if (tag == (LogRecord::kBodyFieldNumber << 3 | kBytes)) {
      out.body = bytes;
    } else {
      PartOf(tag >> 3, out) += record.substr(begin, record.size() - in.left() - begin);
    }
  }
  // uint32 on the wire of a peer may be longer; protobuf keeps the low half.
  out.length = static_cast<uint32_t>(out.length);
  return out;
}

std::string EncodeFields(const std::vector<RecordParts>& records) {
  Dictionary dictionaries[3];
  std::string parts[3], offsets, lengths, times, line_nums, observed;
  const uint64_t unit = UnitOf(records);
  std::vector<Last> last;  // by session
  const RecordParts none;
  const RecordParts* before = &none;
  for (const RecordParts& record : records) {
    const std::string* const texts[3] = {&record.session, &record.kind, &record.rest};
    uint64_t numbers[3];
    for (size_t i = 0; i < 3; ++i) {
      numbers[i] = dictionaries[i].Add(*texts[i]);
      PutVarint(numbers[i], parts[i]);
    }
    if (numbers[0] == last.size()) last.emplace_back();
    Last& session = last[numbers[0]];
    PutDifference(record.offset, before->offset + before->length, offsets);
    const uint64_t overhead = record.length - record.body.size();
    PutDifference(overhead, session.overhead, lengths);
    PutDifference(record.time / unit, before->time / unit, times);
    PutDifference(record.line_num, session.line_num + 1, line_nums);
    PutDifference(record.observed, before->observed, observed);
    session = {overhead, record.line_num};
    before = &record;
  }
  std::string out;
  PutVarint(records.size(), out);
  for (const Dictionary& dictionary : dictionaries) dictionary.Put(out);
  PutVarint(unit, out);
  for (const std::string& column : parts) PutText(column, out);
  for (const std::string* column : {&offsets, &lengths, &times, &line_nums, &observed}) {
    PutText(*column, out);
  }
  return out;
}

Result<FieldColumns> FieldColumns::Parse(std::string_view content,
                                         const std::vector<uint32_t>& body_sizes) {
  FieldColumns out;
  ByteReader in(content);
  const uint64_t lines = in.TakeVarint();
  if (in.failed() || lines != body_sizes.size()) return Malformed("not as many as bodies");
  for (auto& dictionary : out.dictionaries_) {
    const uint64_t entries = in.TakeVarint();
    if (in.failed() || entries > in.left()) return Malformed("cut short");
    for (uint64_t i = 0; i < entries; ++i) dictionary.push_back(TakeText(in));
  }
  const uint64_t unit = in.TakeVarint();
  for (size_t i = 0; i < 3; ++i) {
    ByteReader column(TakeText(in));
    out.parts_[i].resize(lines);
    column.TakeVarints(out.parts_[i]);
    if (column.failed()) return Malformed("cut short");
    for (const uint64_t number : out.parts_[i]) {
      if (number >= out.dictionaries_[i].size()) return Malformed("a number of no entry");
    }
  }
  ByteReader offsets(TakeText(in)), lengths(TakeText(in)), times(TakeText(in));
  ByteReader line_nums(TakeText(in)), observed(TakeText(in));
  std::vector<Last> last(out.dictionaries_[0].size());
  uint64_t end = 0;
  uint64_t time = 0;
  uint64_t seen = 0;
  for (uint64_t line = 0; line < lines; ++line) {
    Last& session = last[out.parts_[0][line]];
    const uint64_t offset = TakeDifference(offsets, end);
    session.overhead = TakeDifference(lengths, session.overhead);
    session.line_num = TakeDifference(line_nums, session.line_num + 1);
    time = TakeDifference(times, time);
    seen = TakeDifference(observed, seen);
    const uint64_t length = session.overhead + body_sizes[line];
    end = offset + length;
    out.offsets_.push_back(offset);
    out.lengths_.push_back(length);
    out.times_.push_back(time * unit);
    out.line_nums_.push_back(session.line_num);
    out.observed_.push_back(seen);
  }
  if (in.failed() || offsets.failed() || lengths.failed() || times.failed() || line_nums.failed() ||
      observed.failed()) {
    return Malformed("cut short");
  }
  return out;
}

std::string FieldColumns::Encoded(size_t line, std::string_view body) const {
  std::string out;
  for (size_t i = 0; i < 3; ++i) out += dictionaries_[i][parts_[i][line]];
  PutFixed64(LogRecord::kOffsetFieldNumber, offsets_[line], out);
  PutNumber(LogRecord::kLengthFieldNumber, static_cast<uint32_t>(lengths_[line]), out);
  PutFixed64(LogRecord::kTimeUnixNanoFieldNumber, times_[line], out);
  PutNumber(LogRecord::kLineNumFieldNumber, line_nums_[line], out);
  PutFixed64(LogRecord::kObservedUnixNanoFieldNumber, observed_[line], out);
  PutVarint(LogRecord::kBodyFieldNumber << 3 | kBytes, out);
  PutText(body, out);
  return out;
}

Result<LogRecord> FieldColumns::Record(size_t line, std::string_view body) const {
  LogRecord record;
  if (!record.ParseFromString(Encoded(line, body))) return Malformed("a part that is no protobuf");
  return record;
}

}  // namespace collector::storage
