#include "agent/host/uptime.h"

#include "shared/text/cursor.h"

namespace agent::host {
namespace {

constexpr pipeline::Metric kUptime{"system.uptime", "s", shared::model::MetricKind::kGauge};

}  // namespace

shared::Result<double> ParseUptime(std::string_view text) {
  shared::text::FieldCursor fields(text.substr(0, text.find('\n')));
  const auto seconds = fields.TakeNumber<double>();
  if (!seconds) return shared::Fail(shared::ErrorCode::kMalformed, "line 1: no number");
  return *seconds;
}

void EmitUptime(double seconds, pipeline::FrameBuilder& frame) {
  frame.Add(kUptime, {}, seconds);
}

}  // namespace agent::host
