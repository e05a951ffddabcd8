#include "collector/ingest/foreign/otlp_logs.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "collector/ingest/foreign/envelope.h"
#include "collector/ingest/foreign/otlp_text.h"
#include "collector/ingest/foreign/source.h"
#include "shared/text/hex.h"
#include "shared/text/utf8.h"

namespace collector::ingest::foreign {
namespace {

namespace otlp = opentelemetry::proto::logs::v1;
using shared::model::Label;
using shared::model::Labels;

constexpr uint64_t kOffsetsPerRecord = uint64_t{1} << 20;
constexpr uint32_t kMostSeverity = 24;
constexpr size_t kSeverityTextBytes = 64;

uint64_t RecordCount(const otlp::ResourceLogs& resource) {
  uint64_t records = 0;
  for (const auto& scope : resource.scope_logs()) {
    records += static_cast<uint64_t>(scope.log_records_size());
  }
  return records;
}

class LogReader {
 public:
  LogReader(const ForeignRecord& record, const ForeignLimits& limits, shared::WallTime now,
            Refusals& refusals)
      : record_(record), limits_(limits), now_(now), refusals_(refusals) {}

  void Read(const otlp::ResourceLogs& resource);
  std::vector<pgvigil::v1::Batch> Take();

 private:
  void Refuse(std::string_view reason, uint64_t records, std::string example) {
    refusals_.Add(reason, records, std::move(example));
  }
  void Read(const otlp::LogRecord& in, const Labels& shared_labels, pgvigil::v1::LogChunk& chunk);
  bool ReadAttributes(const otlp::LogRecord& in, const Labels& shared_labels,
                      pgvigil::v1::LogRecord& out);
  // Cut and cleaned, as the flags of `out` then say.
  std::string Fitted(std::string_view text, size_t limit, pgvigil::v1::LogRecord& out) const;
  [[nodiscard]] std::string Example() const { return fmt::format("log record {}", index_); }

  const ForeignRecord& record_;
  const ForeignLimits& limits_;
  const shared::WallTime now_;
  Refusals& refusals_;
  uint64_t index_ = 0;  // of the log record at hand
  size_t bytes_ = 0;
  std::map<Labels, pgvigil::v1::LogChunk> chunks_;  // by host
};

std::string LogReader::Fitted(std::string_view text, size_t limit,
                              pgvigil::v1::LogRecord& out) const {
  const std::string_view cut = shared::text::TruncateUtf8(text, limit);
  if (cut.size() < text.size()) out.set_truncated(true);
  if (shared::text::IsCleanUtf8(cut)) return std::string(cut);
  out.set_sanitised(true);
  // A NUL grows to the three bytes of U+FFFD.
  return std::string(shared::text::TruncateUtf8(shared::text::CleanUtf8(cut), limit));
}

bool LogReader::ReadAttributes(const otlp::LogRecord& in, const Labels& shared_labels,
                               pgvigil::v1::LogRecord& out) {
  Labels labels;
  if (!AppendLabels(in.attributes(), limits_.nesting, labels)) return false;
  if (!in.trace_id().empty()) labels.push_back({"trace_id", shared::text::ToHex(in.trace_id())});
  if (!in.span_id().empty()) labels.push_back({"span_id", shared::text::ToHex(in.span_id())});
  if (!in.event_name().empty()) labels.push_back({"event.name", in.event_name()});
  labels.insert(labels.end(), shared_labels.begin(), shared_labels.end());
  std::stable_sort(labels.begin(), labels.end(),
                   [](const Label& left, const Label& right) { return left.name < right.name; });
  const std::string* previous = nullptr;
  for (const Label& label : labels) {
    if (previous != nullptr && *previous == label.name) continue;
    previous = &label.name;
    if (label.value.empty()) continue;
    if (label.name.empty() || label.name.size() > limits_.label_name_bytes ||
        static_cast<size_t>(out.attributes_size()) >= limits_.log_attributes) {
      Refuse("label_limit", 1, Example() + ": an attribute");
      continue;
    }
    pgvigil::v1::Attribute& attribute = *out.add_attributes();
    attribute.set_name(Fitted(label.name, limits_.label_name_bytes, out));
    attribute.set_value(Fitted(label.value, limits_.label_value_bytes, out));
  }
  return true;
}

void LogReader::Read(const otlp::LogRecord& in, const Labels& shared_labels,
                     pgvigil::v1::LogChunk& chunk) {
  if (index_ >= std::min<uint64_t>(limits_.log_records, kOffsetsPerRecord) ||
      bytes_ > limits_.log_bytes) {
    return Refuse("log_limit", 1, Example());
  }
  const auto severity = static_cast<uint32_t>(in.severity_number());
  if (severity > kMostSeverity) {
    return Refuse("malformed_log", 1, fmt::format("{}: severity {}", Example(), severity));
  }
  uint64_t time = in.time_unix_nano();
  if (time == 0) time = in.observed_time_unix_nano();
  if (time == 0) time = static_cast<uint64_t>(shared::ToUnixNanos(record_.timestamp));
  if (!limits_.TakesLog(time, now_)) {
    return Refuse("timestamp_out_of_range", 1, fmt::format("{} at {}", Example(), time));
  }
  pgvigil::v1::LogRecord out;
  out.set_offset(static_cast<uint64_t>(record_.offset) * kOffsetsPerRecord + index_);
  out.set_length(1);
  out.set_time_unix_nano(time);
  out.set_observed_unix_nano(in.observed_time_unix_nano());
  out.set_severity_number(severity);
  std::string body;
  if (!AppendText(in.body(), limits_.nesting, body) || !ReadAttributes(in, shared_labels, out)) {
    return Refuse("nesting_limit", 1, Example());
  }
  out.set_severity_text(Fitted(in.severity_text(), kSeverityTextBytes, out));
  out.set_body(Fitted(body, limits_.log_body_bytes, out));
  bytes_ += out.ByteSizeLong();
  *chunk.add_records() = std::move(out);
}

void LogReader::Read(const otlp::ResourceLogs& resource) {
  Source source;
  std::string example;
  const std::string_view fault =
      ReadSource(resource.resource().attributes(), record_.topic, limits_, source, example);
  if (!fault.empty()) {
    const uint64_t records = RecordCount(resource);
    index_ += records;
    return Refuse(fault, std::max(uint64_t{1}, records), example);
  }
  pgvigil::v1::LogChunk& chunk = chunks_[source.host];
  for (const auto& scope : resource.scope_logs()) {
    Labels shared_labels = source.common;
    if (!scope.scope().name().empty()) {
      shared_labels.push_back({"otel.scope.name", scope.scope().name()});
    }
    for (const auto& in : scope.log_records()) {
      Read(in, shared_labels, chunk);
      index_ += 1;
    }
  }
}

std::vector<pgvigil::v1::Batch> LogReader::Take() {
  std::vector<pgvigil::v1::Batch> batches;
  for (auto& [host, chunk] : chunks_) {
    if (chunk.records().empty()) continue;
    chunk.set_end_offset((static_cast<uint64_t>(record_.offset) + 1) * kOffsetsPerRecord);
    pgvigil::v1::LogFile& file = *chunk.mutable_file();
    file.set_id(PartitionFileId(record_));
    file.set_path(fmt::format("kafka:{}/{}", record_.topic, record_.partition));
    file.set_format(pgvigil::v1::LOG_FORMAT_OTLP);
    pgvigil::v1::Batch batch = MakeEnvelope(record_, host, pgvigil::v1::STREAM_LOGS);
    *batch.add_logs() = std::move(chunk);
    batches.push_back(std::move(batch));
  }
  return batches;
}

}  // namespace

std::vector<pgvigil::v1::Batch> ReadOtlpLogs(
    const opentelemetry::proto::collector::logs::v1::ExportLogsServiceRequest& request,
    const ForeignRecord& record, const ForeignLimits& limits, shared::WallTime now,
    Refusals& refusals) {
  LogReader reader(record, limits, now, refusals);
  for (const auto& resource : request.resource_logs()) reader.Read(resource);
  return reader.Take();
}

}  // namespace collector::ingest::foreign
