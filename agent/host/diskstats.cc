#include "agent/host/diskstats.h"

#include "shared/text/cursor.h"

namespace agent::host {
namespace {

using pipeline::Metric;
using shared::ErrorCode;
using shared::Fail;
using shared::model::MetricKind;
using shared::text::FieldCursor;
using shared::text::LineCursor;

constexpr MetricKind kCounter = MetricKind::kCounter;
constexpr Metric kIo{"system.disk.io", "By", kCounter};
constexpr Metric kOperations{"system.disk.operations", "{operation}", kCounter};
constexpr Metric kOperationTime{"system.disk.operation_time", "s", kCounter};
constexpr Metric kMerged{"system.disk.merged", "{operation}", kCounter};
constexpr Metric kIoTime{"system.disk.io_time", "s", kCounter};
constexpr Metric kWeightedTime{"system.linux.disk.weighted_io_time", "s", kCounter};
constexpr Metric kInFlight{"system.linux.disk.in_flight", "{operation}",
                           MetricKind::kUpDownCounter};
constexpr Metric kDiscards{"system.linux.disk.discard.operations", "{operation}", kCounter};
constexpr Metric kDiscardIo{"system.linux.disk.discard.io", "By", kCounter};
constexpr Metric kDiscardTime{"system.linux.disk.discard.time", "s", kCounter};
constexpr Metric kFlushes{"system.linux.disk.flush.operations", "{operation}", kCounter};
constexpr Metric kFlushTime{"system.linux.disk.flush.time", "s", kCounter};

constexpr double kSectorBytes = 512;
constexpr double kMsPerSecond = 1000;

constexpr uint64_t Disk::*kColumns[] = {
    &Disk::reads,     &Disk::reads_merged,  &Disk::read_sectors,    &Disk::read_ms,
    &Disk::writes,    &Disk::writes_merged, &Disk::written_sectors, &Disk::write_ms,
    &Disk::in_flight, &Disk::io_ms,         &Disk::weighted_io_ms};
// Discards that were merged are of no use to us: the null member is skipped.
constexpr std::optional<uint64_t> Disk::*kLaterColumns[] = {
    &Disk::discards,   nullptr,        &Disk::discarded_sectors,
    &Disk::discard_ms, &Disk::flushes, &Disk::flush_ms};

shared::Result<Disk> ParseDisk(std::string_view line, size_t line_number) {
  FieldCursor fields(line);
  Disk out;
  fields.Skip(2);  // major and minor
  out.name = fields.Take();
  const auto malformed = [&] {
    return Fail(ErrorCode::kMalformed, "line {}: disk '{}': a column is missing or no number",
                line_number, out.name);
  };
  for (const auto column : kColumns) {
    const std::optional<uint64_t> number = fields.TakeNumber<uint64_t>();
    if (!number) return malformed();
    out.*column = *number;
  }
  for (const auto column : kLaterColumns) {
    if (fields.AtEnd()) break;
    const std::optional<uint64_t> number = fields.TakeNumber<uint64_t>();
    if (!number) return malformed();
    if (column != nullptr) out.*column = *number;
  }
  return out;
}

void AddDirections(const Metric& metric, std::string_view device, uint64_t read, uint64_t write,
                   double scale, pipeline::FrameBuilder& frame) {
  frame.Add(metric, {{"disk.io.direction", "read"}, {"system.device", device}},
            static_cast<double>(read) * scale);
  frame.Add(metric, {{"disk.io.direction", "write"}, {"system.device", device}},
            static_cast<double>(write) * scale);
}

}  // namespace

shared::Result<void> ParseDiskstats(std::string_view text, std::vector<Disk>& out) {
  out.clear();
  for (LineCursor lines(text); lines.Next();) {
    ASSIGN_OR_RETURN(const Disk disk, ParseDisk(lines.line(), lines.number()));
    out.push_back(disk);
  }
  return {};
}

void Emit(const Disk& disk, pipeline::FrameBuilder& frame) {
  AddDirections(kIo, disk.name, disk.read_sectors, disk.written_sectors, kSectorBytes, frame);
  AddDirections(kOperations, disk.name, disk.reads, disk.writes, 1, frame);
  AddDirections(kMerged, disk.name, disk.reads_merged, disk.writes_merged, 1, frame);
  frame.Add(kOperationTime, {{"disk.io.direction", "read"}, {"system.device", disk.name}},
            static_cast<double>(disk.read_ms) / kMsPerSecond);
  frame.Add(kOperationTime, {{"disk.io.direction", "write"}, {"system.device", disk.name}},
            static_cast<double>(disk.write_ms) / kMsPerSecond);
  const auto add = [&](const Metric& metric, std::optional<uint64_t> value, double divisor) {
    if (!value) return;
    frame.Add(metric, {{"system.device", disk.name}}, static_cast<double>(*value) / divisor);
  };
  add(kIoTime, disk.io_ms, kMsPerSecond);
  add(kWeightedTime, disk.weighted_io_ms, kMsPerSecond);
  add(kInFlight, disk.in_flight, 1);
  add(kDiscards, disk.discards, 1);
  add(kDiscardIo, disk.discarded_sectors, 1 / kSectorBytes);
  add(kDiscardTime, disk.discard_ms, kMsPerSecond);
  add(kFlushes, disk.flushes, 1);
  add(kFlushTime, disk.flush_ms, kMsPerSecond);
}

}  // namespace agent::host
