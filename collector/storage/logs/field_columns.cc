#include "collector/storage/logs/field_columns.h"

#include <map>
#include <unordered_map>

#include "collector/storage/logs/number_column.h"
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
    case LogRecord::kPidFieldNumber << 3 | kVarint:
      return &parts.pid;
    case LogRecord::kLineNumFieldNumber << 3 | kVarint:
      return &parts.line_num;
    case LogRecord::kObservedUnixNanoFieldNumber << 3 | kFixed64:
      return &parts.observed;
    default:
      return nullptr;
  }
}

// Texts by number, each once; views into the records.
class Dictionary {
 public:
  uint64_t Add(std::string_view text) {
    const auto [entry, added] = numbers_.try_emplace(text, numbers_.size());
    if (added) {
      lengths_.push_back(text.size());
      entries_ += text;
    }
    return entry->second;
  }
  void Put(SectionBytes& out) const {
    PutVarint(lengths_.size(), out.bytes);
    PutNumbers(lengths_, out);
    out.AddColumn(entries_);
  }

 private:
  std::unordered_map<std::string_view, uint64_t> numbers_;
  std::vector<uint64_t> lengths_;
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

// What the lines of a process (format 1: of a session) are measured against.
struct Last {
  uint64_t overhead = 0;
  uint64_t line_num = 0;
};

// Processes by number, in the order of their first lines.
class Processes {
 public:
  // What stands for the process of a line.
  uint64_t Add(uint64_t session, uint64_t pid) {
    const auto [entry, added] = numbers_.try_emplace({session, pid}, numbers_.size() + 1);
    if (!added) return entry->second;
    sessions_.push_back(session);
    pids_.push_back(pid);
    return 0;
  }
  void Put(SectionBytes& out) const {
    PutVarint(pids_.size(), out.bytes);
    PutNumbers(sessions_, out);
    PutNumbers(pids_, out);
  }

 private:
  std::map<std::pair<uint64_t, uint64_t>, uint64_t> numbers_;
  std::vector<uint64_t> sessions_, pids_;
};

// Lines in a row that the agent read at once.
class Readings {
 public:
  void Add(const RecordParts& record) {
    if (lines_.empty() || record.observed != observed_) {
      lines_.push_back(0);
      after_.push_back(record.observed - record.time);
      observed_ = record.observed;
    }
    lines_.back() += 1;
  }
  void Put(SectionBytes& out) const {
    PutVarint(lines_.size(), out.bytes);
    PutNumbers(lines_, out);
    PutNumbers(after_, out);
  }

 private:
  uint64_t observed_ = 0;
  std::vector<uint64_t> lines_, after_;
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
  out.pid = static_cast<uint32_t>(out.pid);
  return out;
}

SectionBytes EncodeFields(const std::vector<RecordParts>& records) {
  Dictionary dictionaries[3];
  Processes processes;
  Readings readings;
  std::vector<uint64_t> of_process, kinds, rests, offsets, lengths, times, line_nums;
  std::vector<Last> last;           // by process
  std::vector<uint64_t> overheads;  // by session
  const uint64_t unit = UnitOf(records);
  uint64_t end = 0;
  for (const RecordParts& record : records) {
    const uint64_t session = dictionaries[0].Add(record.session);
    of_process.push_back(processes.Add(session, record.pid));
    kinds.push_back(dictionaries[1].Add(record.kind));
    rests.push_back(dictionaries[2].Add(record.rest));
    if (session == overheads.size()) overheads.push_back(0);
    if (of_process.back() == 0) last.push_back({overheads[session], 0});
    Last& before = of_process.back() == 0 ? last.back() : last[of_process.back() - 1];
    offsets.push_back(record.offset - end);
    const uint64_t overhead = record.length - record.body.size();
    lengths.push_back(overhead - before.overhead);
    times.push_back(record.time / unit);
    line_nums.push_back(record.line_num - (before.line_num + 1));
    readings.Add(record);
    end = record.offset + record.length;
    overheads[session] = overhead;
    before = {overhead, record.line_num};
  }
  SectionBytes out;
  PutVarint(records.size(), out.bytes);
  for (const Dictionary& dictionary : dictionaries) dictionary.Put(out);
  processes.Put(out);
  for (const auto* column : {&of_process, &kinds, &rests, &offsets, &lengths}) {
    PutNumbers(*column, out);
  }
  PutVarint(unit, out.bytes);
  PutNumbers(times, out);
  PutNumbers(line_nums, out);
  readings.Put(out);
  return out;
}

Result<FieldColumns> FieldColumns::Parse(int16_t format, std::string_view content,
                                         const std::vector<uint32_t>& body_sizes) {
  if (format != 1 && format != 2) {
    return Fail(ErrorCode::kMalformed, "log segment: format {}: this collector reads 1 and 2",
                format);
  }
  FieldColumns out;
  ByteReader in(content);
  const uint64_t lines = in.TakeVarint();
  if (in.failed() || lines != body_sizes.size()) return Malformed("not as many as bodies");
  out.lines_.resize(lines);
  RETURN_IF_ERROR(format == 1 ? out.Parse1(in, body_sizes) : out.Parse2(in, body_sizes));
  for (const Line& line : out.lines_) {
    for (size_t i = 0; i < 3; ++i) {
      if (line.parts[i] >= out.dictionaries_[i].size()) return Malformed("a number of no entry");
    }
  }
  return out;
}

Result<void> FieldColumns::Parse1(ByteReader& in, const std::vector<uint32_t>& body_sizes) {
  for (auto& dictionary : dictionaries_) {
    const uint64_t entries = in.TakeVarint();
    if (in.failed() || entries > in.left()) return Malformed("cut short");
    for (uint64_t i = 0; i < entries; ++i) dictionary.push_back(TakeText(in));
  }
  const uint64_t unit = in.TakeVarint();
  for (size_t i = 0; i < 3; ++i) {
    ByteReader column(TakeText(in));
    for (Line& line : lines_) line.parts[i] = column.TakeVarint();
    if (column.failed()) return Malformed("cut short");
  }
  ByteReader offsets(TakeText(in)), lengths(TakeText(in)), times(TakeText(in));
  ByteReader line_nums(TakeText(in)), observed(TakeText(in));
  std::vector<Last> last(dictionaries_[0].size());
  Line before;
  for (size_t i = 0; i < lines_.size(); ++i) {
    Line& line = lines_[i];
    if (line.parts[0] >= last.size()) return Malformed("a number of no entry");
    Last& session = last[line.parts[0]];
    line.offset = TakeDifference(offsets, before.offset + before.length);
    session.overhead = TakeDifference(lengths, session.overhead);
    line.length = session.overhead + body_sizes[i];
    session.line_num = TakeDifference(line_nums, session.line_num + 1);
    line.line_num = session.line_num;
    line.time = TakeDifference(times, before.time);
    line.observed = TakeDifference(observed, before.observed);
    before = line;
  }
  for (Line& line : lines_) line.time *= unit;
  if (in.failed() || offsets.failed() || lengths.failed() || times.failed() || line_nums.failed() ||
      observed.failed()) {
    return Malformed("cut short");
  }
  return {};
}

// Sets session and pid of every line; `of_line`: number of its process.
Result<void> FieldColumns::TakeProcesses(ByteReader& in, std::vector<uint64_t>& of_line) {
  const uint64_t processes = in.TakeVarint();
  if (processes > lines_.size()) return Malformed("more processes than lines");
  const std::vector<uint64_t> sessions = TakeNumbers(in, processes);
  const std::vector<uint64_t> pids = TakeNumbers(in, processes);
  of_line = TakeNumbers(in, lines_.size());
  if (in.failed()) return Malformed("cut short");
  uint64_t seen = 0;
  for (size_t i = 0; i < lines_.size(); ++i) {
    const uint64_t number = of_line[i] == 0 ? seen++ : of_line[i] - 1;
    if (number >= processes) return Malformed("a process that is not there");
    of_line[i] = number;
    lines_[i].parts[0] = sessions[number];
    lines_[i].pid = pids[number];
    if (sessions[number] >= dictionaries_[0].size()) return Malformed("a number of no entry");
  }
  return {};
}

Result<void> FieldColumns::Parse2(ByteReader& in, const std::vector<uint32_t>& body_sizes) {
  const size_t lines = lines_.size();
  for (auto& dictionary : dictionaries_) {
    const uint64_t entries = in.TakeVarint();
    if (in.failed() || entries > lines) return Malformed("cut short");
    for (const uint64_t length : TakeNumbers(in, entries)) dictionary.push_back(in.Take(length));
  }
  std::vector<uint64_t> of_line;
  RETURN_IF_ERROR(TakeProcesses(in, of_line));
  const std::vector<uint64_t> kinds = TakeNumbers(in, lines), rests = TakeNumbers(in, lines);
  const std::vector<uint64_t> offsets = TakeNumbers(in, lines), lengths = TakeNumbers(in, lines);
  const uint64_t unit = in.TakeVarint();
  const std::vector<uint64_t> times = TakeNumbers(in, lines), line_nums = TakeNumbers(in, lines);
  const uint64_t readings = in.TakeVarint();
  if (in.failed() || readings > lines) return Malformed("cut short");
  const std::vector<uint64_t> counts = TakeNumbers(in, readings);
  const std::vector<uint64_t> after = TakeNumbers(in, readings);
  if (in.failed()) return Malformed("cut short");
  struct Process {
    bool seen = false;
    Last last;
  };
  std::vector<Process> all(lines);
  std::vector<uint64_t> overheads(dictionaries_[0].size());
  uint64_t end = 0;
  size_t reading = 0;
  uint64_t left = 0;
  uint64_t observed = 0;
  for (size_t i = 0; i < lines; ++i) {
    Line& line = lines_[i];
    Process& process = all[of_line[i]];
    uint64_t& overhead = overheads[line.parts[0]];
    if (!process.seen) process = {true, {overhead, 0}};
    overhead = process.last.overhead + lengths[i];
    line.parts[1] = kinds[i];
    line.parts[2] = rests[i];
    line.offset = end + offsets[i];
    line.length = overhead + body_sizes[i];
    line.time = times[i] * unit;
    line.line_num = process.last.line_num + 1 + line_nums[i];
    process.last = {overhead, line.line_num};
    end = line.offset + line.length;
    if (left == 0) {
      if (reading == readings) return Malformed("a line that was never read");
      left = counts[reading];
      if (left == 0) return Malformed("a reading without lines");
      observed = line.time + after[reading];
      reading += 1;
    }
    left -= 1;
    line.observed = observed;
  }
  return {};
}

std::string FieldColumns::Encoded(size_t line, std::string_view body) const {
  std::string out;
  const Line& fields = lines_[line];
  for (size_t i = 0; i < 3; ++i) out += dictionaries_[i][fields.parts[i]];
  PutFixed64(LogRecord::kOffsetFieldNumber, fields.offset, out);
  PutNumber(LogRecord::kLengthFieldNumber, static_cast<uint32_t>(fields.length), out);
  PutFixed64(LogRecord::kTimeUnixNanoFieldNumber, fields.time, out);
  PutNumber(LogRecord::kPidFieldNumber, fields.pid, out);
  PutNumber(LogRecord::kLineNumFieldNumber, fields.line_num, out);
  PutFixed64(LogRecord::kObservedUnixNanoFieldNumber, fields.observed, out);
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
