#include "collector/storage/logs/log_segment.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <unordered_map>

#include "collector/storage/logs/token_bloom.h"

namespace collector::storage {
namespace {

using pgvigil::v1::LogRecord;
using shared::Result;
using shared::WallTime;

constexpr size_t kExampleBytes = 1024;
constexpr uint32_t kMostSevere = 24;
constexpr int64_t kNanosAMinute = 60'000'000'000;

// We wrote it: a megabyte of equal lines is small, and honest.
constexpr shared::wire::DecompressLimits kLimits{.ratio = 100'000};

int64_t NanosOf(const RecordParts& record) {
  return static_cast<int64_t>(record.time);
}

std::string Example(std::string_view body) {
  std::string_view cut = body.substr(0, kExampleBytes);
  // Not in the middle of a character.
  while (cut.size() < body.size() && !cut.empty() &&
         (static_cast<unsigned char>(body[cut.size()]) & 0xc0) == 0x80) {
    cut.remove_suffix(1);
  }
  return std::string(cut);
}

// Severities by `kind`, and the fields that the filter knows.
class Parts {
 public:
  explicit Parts(BloomBuilder& bloom) : bloom_(bloom) {}
  uint32_t SeverityOf(const RecordParts& record) {
    const auto [known, added] = severities_.try_emplace(record.kind, 0U);
    if (added) known->second = std::min(Parse(record.kind).severity_number(), kMostSevere);
    if (sessions_.try_emplace(record.session, true).second) Parse(record.session);
    return known->second;
  }

 private:
  LogRecord Parse(const std::string& part) {
    LogRecord record;
    if (!record.ParseFromString(part)) return {};
    if (!record.database().empty()) bloom_.AddField("database", record.database());
    if (!record.sqlstate().empty()) bloom_.AddField("sqlstate", record.sqlstate());
    return record;
  }
  BloomBuilder& bloom_;
  std::unordered_map<std::string, uint32_t> severities_;
  std::unordered_map<std::string, bool> sessions_;
};

// What stands in holes and in the tail of message `i`.
void AddVariableWords(const SplitBodies& bodies, size_t i, const LogTemplate& form,
                      BloomBuilder& bloom) {
  for (size_t word = 0; word < form.words.size(); ++word) {
    if (!form.words[word]) bloom.AddWord(bodies.word(i, word));
  }
  if (form.tail) ForEachWord(bodies.tail(i), [&](std::string_view word) { bloom.AddWord(word); });
}

}  // namespace

void SegmentBuilder::Add(RecordParts record) {
  SplitBody(record.body, words_);
  bodies_.Add(record.body, words_);
  nodes_.push_back(miner_.Add(record.body, words_));
  raw_bytes_ += record.encoded_bytes;
  records_.push_back(std::move(record));
}

LogSegment SegmentBuilder::Finish() {
  LogSegment out;
  BloomBuilder bloom;
  Parts parts(bloom);
  std::unordered_map<uint32_t, uint32_t> numbers;  // of the miner, and of this segment
  std::vector<LogTemplate> templates;
  std::vector<uint32_t> template_of;
  std::map<std::pair<int64_t, uint32_t>, int32_t> counts;
  for (size_t i = 0; i < records_.size(); ++i) {
    const RecordParts& record = records_[i];
    const WallTime time = shared::FromUnixNanos(NanosOf(record));
    if (i == 0) {
      out.begin_offset = record.offset;
      out.first_time = out.last_time = time;
    }
    const uint32_t severity = parts.SeverityOf(record);
    const auto [number, added] =
        numbers.try_emplace(nodes_[i], static_cast<uint32_t>(templates.size()));
    if (added) {
      templates.push_back(miner_.at(nodes_[i]));
      const std::string text = templates.back().Text();
      out.patterns.push_back(
          {text, TemplateHash(source_, text), severity, time, time, Example(record.body)});
    }
    SegmentPattern& pattern = out.patterns[number->second];
    pattern.severity_number = std::max(pattern.severity_number, severity);
    pattern.first_time = std::min(pattern.first_time, time);
    pattern.last_time = std::max(pattern.last_time, time);
    counts[{NanosOf(record) / kNanosAMinute, number->second}] += 1;
    AddVariableWords(bodies_, i, templates[number->second], bloom);
    template_of.push_back(number->second);
    out.first_time = std::min(out.first_time, time);
    out.last_time = std::max(out.last_time, time);
    out.severity_mask |= 1U << severity;
  }
  out.lines = static_cast<int32_t>(records_.size());
  out.raw_bytes = static_cast<int32_t>(raw_bytes_);
  for (const auto& [key, lines] : counts) out.counts.push_back({key.first, key.second, lines});
  out.bloom = bloom.Build();
  const SectionBytes bodies = EncodeBodies(bodies_, templates, template_of);
  compressor_.Append(bodies.bytes, bodies.cuts(), out.bodies);
  const SectionBytes fields = EncodeFields(records_);
  compressor_.Append(fields.bytes, fields.cuts(), out.fields);
  records_.clear();
  bodies_.Clear();
  nodes_.clear();
  raw_bytes_ = 0;
  miner_.Trim();
  return out;
}

Result<SegmentBodies> SegmentBodies::Open(int16_t format, std::string_view data) {
  SegmentBodies out;
  out.format_ = format;
  ASSIGN_OR_RETURN(std::string content, shared::wire::Decompress(data, kLimits));
  out.content_ = std::make_unique<const std::string>(std::move(content));
  ASSIGN_OR_RETURN(out.columns_, BodyColumns::Parse(format, *out.content_));
  return out;
}

Result<SegmentFields> SegmentFields::Open(int16_t format, std::string_view data,
                                          const BodyColumns::Bodies& bodies) {
  SegmentFields out;
  ASSIGN_OR_RETURN(std::string content, shared::wire::Decompress(data, kLimits));
  out.content_ = std::make_unique<const std::string>(std::move(content));
  std::vector<uint32_t> sizes;
  for (size_t i = 0; i < bodies.ends.size(); ++i) {
    sizes.push_back(static_cast<uint32_t>(bodies.at(i).size()));
  }
  ASSIGN_OR_RETURN(out.columns_, FieldColumns::Parse(format, *out.content_, sizes));
  return out;
}

}  // namespace collector::storage
