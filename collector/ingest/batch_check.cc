#include "collector/ingest/batch_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>

#include "collector/ingest/refusals.h"
#include "shared/text/utf8.h"

namespace collector::ingest {
namespace {

using pgvigil::v1::Batch;
using shared::ErrorCode;
using shared::Fail;
using shared::Result;

constexpr uint32_t kMaxTicks = 4096;
constexpr size_t kIdBytes = 16;

bool HasNul(std::string_view text) {
  return text.find('\0') != std::string_view::npos;
}

// A beginning of a hostile string that fits a message.
std::string Excerpt(std::string_view text) {
  return shared::text::CleanUtf8(text.substr(0, 80));
}

// Takes the elements for which `refuse` returns true out of a repeated field.
template <typename Repeated, typename Predicate>
void EraseIf(Repeated& repeated, Predicate refuse) {
  int kept = 0;
  for (int i = 0; i < repeated.size(); ++i) {
    if (refuse(*repeated.Mutable(i))) continue;
    if (kept != i) repeated.SwapElements(kept, i);
    kept += 1;
  }
  repeated.DeleteSubrange(kept, repeated.size() - kept);
}

class Checker {
 public:
  Checker(const BatchLimits& limits, shared::WallTime now)
      : limits_(limits),
        oldest_(static_cast<uint64_t>(shared::ToUnixNanos(limits.oldest))),
        newest_(static_cast<uint64_t>(shared::ToUnixNanos(now + limits.future_skew))) {}

  Result<void> Envelope(const Batch& batch);
  void Layouts(Batch& batch);
  void Blocks(Batch& batch);
  void Logs(Batch& batch);
  void Statements(Batch& batch);
  Refusals& refusals() { return refusals_; }

 private:
  bool TimeInRange(uint64_t unix_nano) const {
    return unix_nano >= oldest_ && unix_nano <= newest_;
  }
  // The reason why a label list cannot be stored, and which label; "" when it can.
  std::string_view LabelFault(
      const google::protobuf::RepeatedPtrField<pgvigil::v1::Attribute>& labels,
      std::string& example) const;
  std::string_view LayoutFault(const pgvigil::v1::Layout& layout, std::string& example) const;
  bool RefuseRecord(const pgvigil::v1::LogChunk& chunk, const pgvigil::v1::LogRecord& record,
                    uint64_t& next_offset);

  const BatchLimits& limits_;
  const uint64_t oldest_;
  const uint64_t newest_;
  Refusals refusals_;
};

Result<void> Checker::Envelope(const Batch& batch) {
  if (batch.agent_id().size() != kIdBytes) {
    return Fail(ErrorCode::kInvalidInput, "agent_id: {} bytes, expected {}",
                batch.agent_id().size(), kIdBytes);
  }
  if (batch.incarnation() == 0) return Fail(ErrorCode::kInvalidInput, "incarnation: must not be 0");
  if (batch.sequence() == 0) return Fail(ErrorCode::kInvalidInput, "sequence: must not be 0");
  const bool metrics = batch.layouts_size() + batch.blocks_size() > 0;
  const bool logs = batch.logs_size() > 0;
  const bool statements = batch.statements_size() + batch.texts_size() > 0;
  switch (batch.stream()) {
    case pgvigil::v1::STREAM_METRICS:
      if (logs || statements) break;
      return {};
    case pgvigil::v1::STREAM_LOGS:
      if (metrics || statements) break;
      return {};
    case pgvigil::v1::STREAM_STATEMENTS:
      if (metrics || logs) break;
      return {};
    default:
      return Fail(ErrorCode::kInvalidInput,
                  "stream: {}, expected 1 (metrics), 2 (logs) or 3 (statements)",
                  static_cast<int>(batch.stream()));
  }
  return Fail(ErrorCode::kInvalidInput, "stream {} carries data of another stream",
              static_cast<int>(batch.stream()));
}

std::string_view Checker::LabelFault(
    const google::protobuf::RepeatedPtrField<pgvigil::v1::Attribute>& labels,
    std::string& example) const {
  for (const pgvigil::v1::Attribute& label : labels) {
    std::string_view fault;
    if (label.name().empty() || label.name().size() > limits_.label_name_bytes ||
        label.value().size() > limits_.label_value_bytes) {
      fault = "label_limit";
    } else if (HasNul(label.name()) || HasNul(label.value())) {
      fault = "nul_byte";
    }
    if (!fault.empty()) {
      example = fmt::format("label '{}'", Excerpt(label.name()));
      return fault;
    }
  }
  return {};
}

std::string_view Checker::LayoutFault(const pgvigil::v1::Layout& layout,
                                      std::string& example) const {
  if (layout.hash().size() != kIdBytes) return "malformed_layout";
  if (static_cast<size_t>(layout.series_size()) > limits_.series_per_layout) {
    example = fmt::format("{} series, at most {}", layout.series_size(), limits_.series_per_layout);
    return "series_limit";
  }
  if (std::string_view fault = LabelFault(layout.common_labels(), example); !fault.empty()) {
    return fault;
  }
  for (const pgvigil::v1::Series& series : layout.series()) {
    std::string_view fault = LabelFault(series.labels(), example);
    const auto labels = static_cast<size_t>(series.labels_size() + layout.common_labels_size());
    if (fault.empty() && (labels > limits_.labels_per_series || series.name().empty() ||
                          series.name().size() > limits_.label_name_bytes ||
                          series.unit().size() > limits_.label_name_bytes)) {
      fault = "label_limit";
      example = fmt::format("{} labels, at most {}", labels, limits_.labels_per_series);
    }
    if (fault.empty() && (HasNul(series.name()) || HasNul(series.unit()))) fault = "nul_byte";
    if (!fault.empty()) {
      example = fmt::format("series '{}': {}", Excerpt(series.name()), example);
      return fault;
    }
  }
  return {};
}

void Checker::Layouts(Batch& batch) {
  std::set<std::string, std::less<>> refused_hashes;
  EraseIf(*batch.mutable_layouts(), [&](const pgvigil::v1::Layout& layout) {
    std::string example;
    const std::string_view fault = LayoutFault(layout, example);
    if (fault.empty()) return false;
    refusals_.Add(fault, static_cast<uint64_t>(layout.series_size()), example);
    refused_hashes.insert(layout.hash());
    return true;
  });
  if (refused_hashes.empty()) return;
  EraseIf(*batch.mutable_blocks(), [&](const pgvigil::v1::MetricBlock& block) {
    if (!refused_hashes.contains(block.layout_hash())) return false;
    refusals_.Add("refused_layout", uint64_t{block.ticks()} * block.series(),
                  "block of a layout that was refused");
    return true;
  });
}

void Checker::Blocks(Batch& batch) {
  EraseIf(*batch.mutable_blocks(), [&](const pgvigil::v1::MetricBlock& block) {
    const uint64_t samples = uint64_t{block.ticks()} * block.series();
    if (block.layout_hash().size() != kIdBytes || block.ticks() == 0 || block.ticks() > kMaxTicks ||
        block.series() == 0 || block.series() > limits_.series_per_layout ||
        block.first_unix_nano() > block.last_unix_nano()) {
      refusals_.Add("malformed_block", samples,
                    fmt::format("{} ticks, {} series, {} to {}", block.ticks(), block.series(),
                                block.first_unix_nano(), block.last_unix_nano()));
      return true;
    }
    if (!TimeInRange(block.first_unix_nano()) || !TimeInRange(block.last_unix_nano())) {
      refusals_.Add(
          "timestamp_out_of_range", samples,
          fmt::format("block of {} to {}", block.first_unix_nano(), block.last_unix_nano()));
      return true;
    }
    return false;
  });
}

// `next_offset`: one past the record before; records must ascend without overlap.
bool Checker::RefuseRecord(const pgvigil::v1::LogChunk& chunk, const pgvigil::v1::LogRecord& record,
                           uint64_t& next_offset) {
  const std::string example =
      fmt::format("{} at byte {}", Excerpt(chunk.file().path()), record.offset());
  const uint64_t end = record.offset() + record.length();
  if (record.offset() < next_offset || end < record.offset() || end > chunk.end_offset() ||
      (!record.sqlstate().empty() && record.sqlstate().size() != 5) ||
      record.severity_number() > 24) {
    refusals_.Add("malformed_log", 1, example);
    return true;
  }
  next_offset = end;
  if (!TimeInRange(record.time_unix_nano())) {
    refusals_.Add("timestamp_out_of_range", 1, example);
    return true;
  }
  const std::string* const texts[] = {
      &record.body(),         &record.severity_text(),    &record.sqlstate(), &record.database(),
      &record.user(),         &record.application_name(), &record.client(),   &record.session_id(),
      &record.backend_type(), &record.detail(),           &record.hint(),     &record.context(),
      &record.statement(),    &record.host_name(),        &record.program()};
  for (const std::string* text : texts) {
    if (text->size() > limits_.log_body_bytes) {
      refusals_.Add("text_limit", 1, example);
      return true;
    }
    if (HasNul(*text)) {
      refusals_.Add("nul_byte", 1, example);
      return true;
    }
  }
  std::string label;
  if (const std::string_view fault = LabelFault(record.attributes(), label); !fault.empty()) {
    refusals_.Add(fault, 1, example);
    return true;
  }
  return false;
}

void Checker::Logs(Batch& batch) {
  EraseIf(*batch.mutable_logs(), [&](pgvigil::v1::LogChunk& chunk) {
    if (chunk.file().id().size() != kIdBytes || chunk.begin_offset() > chunk.end_offset() ||
        HasNul(chunk.file().path()) || chunk.file().path().size() > limits_.label_value_bytes ||
        HasNul(chunk.instance().name())) {
      refusals_.Add("malformed_log", static_cast<uint64_t>(std::max(1, chunk.records_size())),
                    fmt::format("chunk of {}: bytes {} to {}", Excerpt(chunk.file().path()),
                                chunk.begin_offset(), chunk.end_offset()));
      return true;
    }
    uint64_t next_offset = chunk.begin_offset();
    EraseIf(*chunk.mutable_records(), [&](const pgvigil::v1::LogRecord& record) {
      return RefuseRecord(chunk, record, next_offset);
    });
    return false;
  });
}

void Checker::Statements(Batch& batch) {
  EraseIf(*batch.mutable_statements(), [&](pgvigil::v1::StatementInterval& interval) {
    const auto deltas = static_cast<uint64_t>(std::max(1, interval.deltas_size()));
    const std::string example =
        fmt::format("interval {} to {}", interval.start_unix_nano(), interval.end_unix_nano());
    if (interval.start_unix_nano() > interval.end_unix_nano() ||
        HasNul(interval.instance().name())) {
      refusals_.Add("malformed_statement", deltas, example);
      return true;
    }
    if (!TimeInRange(interval.start_unix_nano()) || !TimeInRange(interval.end_unix_nano())) {
      refusals_.Add("timestamp_out_of_range", deltas, example);
      return true;
    }
    const auto hostile = [&](const pgvigil::v1::NamedOid& named) {
      if (!HasNul(named.name()) && named.name().size() <= limits_.label_value_bytes) return false;
      refusals_.Add("nul_byte", 1, Excerpt(named.name()));
      return true;
    };
    EraseIf(*interval.mutable_databases(), hostile);
    EraseIf(*interval.mutable_roles(), hostile);
    return false;
  });
  for (pgvigil::v1::StatementTexts& texts : *batch.mutable_texts()) {
    EraseIf(*texts.mutable_texts(), [&](const pgvigil::v1::StatementText& text) {
      if (text.text().size() > limits_.statement_text_bytes) {
        refusals_.Add("text_limit", 1, Excerpt(text.text()));
        return true;
      }
      if (HasNul(text.text())) {
        refusals_.Add("nul_byte", 1, Excerpt(text.text()));
        return true;
      }
      return false;
    });
  }
}

}  // namespace

Result<std::vector<pgvigil::v1::Refusal>> CheckBatch(Batch& batch, const BatchLimits& limits,
                                                     shared::WallTime now) {
  Checker checker(limits, now);
  RETURN_IF_ERROR(checker.Envelope(batch));
  if (static_cast<size_t>(batch.resource().attributes_size()) > limits.resource_attributes) {
    return Fail(ErrorCode::kInvalidInput, "resource: {} attributes, at most {}",
                batch.resource().attributes_size(), limits.resource_attributes);
  }
  for (const pgvigil::v1::Attribute& attribute : batch.resource().attributes()) {
    if (attribute.name().empty() || attribute.name().size() > limits.label_name_bytes ||
        attribute.value().size() > limits.label_value_bytes || HasNul(attribute.name()) ||
        HasNul(attribute.value())) {
      return Fail(ErrorCode::kInvalidInput,
                  "resource: attribute '{}' is too long or has a NUL byte",
                  Excerpt(attribute.name()));
    }
  }
  checker.Layouts(batch);
  checker.Blocks(batch);
  checker.Logs(batch);
  checker.Statements(batch);
  return checker.refusals().Take();
}

}  // namespace collector::ingest
