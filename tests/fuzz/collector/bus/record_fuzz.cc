#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "collector/bus/record.h"
#include "shared/text/cursor.h"

namespace {

using collector::bus::ConsumedRecord;
using collector::bus::PendingRecord;

const shared::WallTime kNow = shared::FromUnixNanos(1'767'225'600'000'000'000);

// A record as Kafka could deliver it, of any bytes:
//   1 byte    bits 0 to 2: of an agent, or of which foreign producer; bit 4: the value is
//   compressed
//             first, so that mutations reach what is inside
//   headers   "name value\n"; an empty line ends them
//   value     the rest
ConsumedRecord RecordOf(std::string_view input, bool compressed) {
  ConsumedRecord record;
  record.topic = "t";
  record.partition = 3;
  record.offset = 17;
  record.timestamp_ms = 1'767'225'600'000;
  shared::text::LineCursor lines(input);
  size_t taken = 0;
  while (lines.Next()) {
    taken += lines.line().size() + 1;
    if (lines.line().empty()) break;
    const size_t space = lines.line().find(' ');
    record.headers.emplace_back(
        lines.line().substr(0, space),
        space == std::string_view::npos ? "" : lines.line().substr(space + 1));
  }
  const std::string_view value = input.substr(std::min(taken, input.size()));
  if (compressed) {
    shared::wire::Compressor().Append(value, record.value);
  } else {
    record.value = value;
  }
  return record;
}

PendingRecord Read(const ConsumedRecord& record, const collector::config::KafkaSource* source) {
  collector::bus::RecordLimits limits;
  limits.decompress.output_bytes = size_t{1} << 20;
  limits.foreign.points = 2000;
  limits.foreign.log_records = 2000;
  limits.foreign.series_bytes = size_t{4} << 20;
  limits.foreign.log_bytes = size_t{4} << 20;
  PendingRecord out;
  ReadRecord(record, source, 1, limits, kNow, out);
  return out;
}

bool IsKnownReason(std::string_view reason) {
  return reason == "schema" || reason == "undecodable" || reason == "too_large" ||
         reason == "refused";
}

}  // namespace

// Whatever Kafka delivers is batches that pass the checks of ingest, or a fault that says why not;
// the same record is read in the same way twice, for it may come twice.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  static const std::array<collector::config::KafkaSource, 5> kSources{{
      {"t", "otlp_proto", "metrics", 1},
      {"t", "otlp_proto", "logs", 1},
      {"t", "otlp_json", "metrics", 1},
      {"t", "otlp_json", "logs", 1},
      {"t", "json", "metrics", 1},
  }};
  const size_t kind = data[0] & 7U;
  const ConsumedRecord record =
      RecordOf({reinterpret_cast<const char*>(data + 1), size - 1}, (data[0] & 16U) != 0);
  const auto* const source = kind < kSources.size() ? &kSources.at(kind) : nullptr;
  PendingRecord first = Read(record, source);
  const PendingRecord second = Read(record, source);
  if (first.fault && (!IsKnownReason(first.fault->reason) || first.fault->message.empty() ||
                      !first.batches.empty())) {
    std::abort();
  }
  if (first.anchor != second.anchor || first.offset != record.offset ||
      first.cost_bytes < record.value.size() || first.batches.size() != second.batches.size() ||
      first.fault.has_value() != second.fault.has_value()) {
    std::abort();
  }
  for (size_t i = 0; i < first.batches.size(); ++i) {
    collector::ingest::AcceptedBatch& accepted = first.batches[i];
    if (accepted.tenant.value < 1 || accepted.foreign != (source != nullptr)) std::abort();
    if (accepted.batch.SerializeAsString() != second.batches[i].batch.SerializeAsString()) {
      std::abort();
    }
    const auto refusals = collector::ingest::CheckBatch(accepted.batch, {}, kNow);
    if (!refusals || !refusals->empty()) std::abort();
  }
  return 0;
}
