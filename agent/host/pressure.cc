#include "agent/host/pressure.h"

#include "shared/text/cursor.h"

namespace agent::host {
namespace {

using pipeline::Metric;
using shared::ErrorCode;
using shared::Fail;
using shared::model::MetricKind;
using shared::text::FieldCursor;
using shared::text::LineCursor;

constexpr Metric kTotal[] = {{"system.cpu.linux.pressure.total", "s", MetricKind::kCounter},
                             {"system.memory.linux.pressure.total", "s", MetricKind::kCounter},
                             {"system.io.linux.pressure.total", "s", MetricKind::kCounter},
                             {"system.irq.linux.pressure.total", "s", MetricKind::kCounter}};

std::optional<uint64_t> TakeTotal(FieldCursor& fields) {
  constexpr std::string_view kKey = "total=";
  while (!fields.AtEnd()) {
    const std::string_view field = fields.Take();
    if (field.starts_with(kKey)) {
      return shared::text::ParseNumber<uint64_t>(field.substr(kKey.size()));
    }
  }
  return std::nullopt;
}

}  // namespace

shared::Result<Pressure> ParsePressure(std::string_view text) {
  Pressure out;
  for (LineCursor lines(text); lines.Next();) {
    FieldCursor fields(lines.line());
    const std::string_view type = fields.Take();
    if (type != "some" && type != "full") continue;
    const std::optional<uint64_t> total = TakeTotal(fields);
    if (!total) return Fail(ErrorCode::kMalformed, "line {}: {}: no total", lines.number(), type);
    (type == "some" ? out.some_total_us : out.full_total_us) = *total;
  }
  if (!out.some_total_us && !out.full_total_us) {
    return Fail(ErrorCode::kMalformed, "some and full are missing");
  }
  return out;
}

void Emit(const Pressure& pressure, PressureOf resource, pipeline::FrameBuilder& frame) {
  const Metric& metric = kTotal[static_cast<size_t>(resource)];
  const auto add = [&](std::string_view type, std::optional<uint64_t> total_us) {
    if (!total_us) return;
    frame.Add(metric, {{"system.pressure.stall_type", type}}, static_cast<double>(*total_us) / 1e6);
  };
  add("some", pressure.some_total_us);
  add("full", pressure.full_total_us);
}

}  // namespace agent::host
