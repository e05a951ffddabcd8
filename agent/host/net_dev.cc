#include "agent/host/net_dev.h"

#include "shared/text/cursor.h"

namespace agent::host {
namespace {

using pipeline::Metric;
using shared::ErrorCode;
using shared::Fail;
using shared::model::MetricKind;
using shared::text::FieldCursor;
using shared::text::LineCursor;

constexpr Metric kIo{"system.network.io", "By", MetricKind::kCounter};
constexpr Metric kPackets{"system.network.packet.count", "{packet}", MetricKind::kCounter};
constexpr Metric kErrors{"system.network.errors", "{error}", MetricKind::kCounter};
constexpr Metric kDropped{"system.network.packet.dropped", "{packet}", MetricKind::kCounter};

constexpr size_t kHeadings = 2;

// bytes packets errs drop, and four columns that we leave out.
bool TakeDirection(FieldCursor& fields, NetInterface::Direction& out) {
  for (uint64_t* const column : {&out.bytes, &out.packets, &out.errors, &out.dropped}) {
    const std::optional<uint64_t> number = fields.TakeNumber<uint64_t>();
    if (!number) return false;
    *column = *number;
  }
  return fields.Skip(4);
}

}  // namespace

shared::Result<void> ParseNetDev(std::string_view text, std::vector<NetInterface>& out) {
  out.clear();
  for (LineCursor lines(text); lines.Next();) {
    const std::string_view line = lines.line();
    if (lines.number() <= kHeadings) {
      if (line.find('|') != std::string_view::npos) continue;
      return Fail(ErrorCode::kMalformed, "line {}: no heading", lines.number());
    }
    const size_t colon = line.rfind(':');  // the last one: an alias is named "eth0:1"
    if (colon == std::string_view::npos) {
      return Fail(ErrorCode::kMalformed, "line {}: no ':'", lines.number());
    }
    NetInterface& interface = out.emplace_back();
    interface.name = FieldCursor(line.substr(0, colon)).Take();
    FieldCursor fields(line.substr(colon + 1));
    if (!TakeDirection(fields, interface.received) || !TakeDirection(fields, interface.sent)) {
      return Fail(ErrorCode::kMalformed,
                  "line {}: interface '{}': a column is missing or no number", lines.number(),
                  interface.name);
    }
  }
  if (text.empty()) return Fail(ErrorCode::kMalformed, "the headings are missing");
  return {};
}

void Emit(const NetInterface& interface, pipeline::FrameBuilder& frame) {
  const auto add = [&](const Metric& metric, uint64_t NetInterface::Direction::*column) {
    frame.Add(metric,
              {{"network.interface.name", interface.name}, {"network.io.direction", "receive"}},
              static_cast<double>(interface.received.*column));
    frame.Add(metric,
              {{"network.interface.name", interface.name}, {"network.io.direction", "transmit"}},
              static_cast<double>(interface.sent.*column));
  };
  add(kIo, &NetInterface::Direction::bytes);
  add(kPackets, &NetInterface::Direction::packets);
  add(kErrors, &NetInterface::Direction::errors);
  add(kDropped, &NetInterface::Direction::dropped);
}

}  // namespace agent::host
