#include "agent/host/loadavg.h"

#include "shared/text/cursor.h"

namespace agent::host {
namespace {

using pipeline::Metric;
using shared::model::MetricKind;

constexpr Metric kOne{"system.cpu.load_average.1m", "{thread}", MetricKind::kGauge};
constexpr Metric kFive{"system.cpu.load_average.5m", "{thread}", MetricKind::kGauge};
constexpr Metric kFifteen{"system.cpu.load_average.15m", "{thread}", MetricKind::kGauge};
constexpr Metric kThreads{"system.linux.thread.count", "{thread}", MetricKind::kUpDownCounter};

}  // namespace

shared::Result<Loadavg> ParseLoadavg(std::string_view text) {
  shared::text::FieldCursor fields(text.substr(0, text.find('\n')));
  const auto one = fields.TakeNumber<double>();
  const auto five = fields.TakeNumber<double>();
  const auto fifteen = fields.TakeNumber<double>();
  fields.TakeUntil('/');
  const auto threads = fields.TakeNumber<uint64_t>();
  if (!one || !five || !fifteen || !threads) {
    return shared::Fail(shared::ErrorCode::kMalformed,
                        "line 1: not of the form \"0.41 0.20 0.07 1/95 10404\"");
  }
  return Loadavg{*one, *five, *fifteen, *threads};
}

void Emit(const Loadavg& loadavg, pipeline::FrameBuilder& frame) {
  frame.Add(kOne, {}, loadavg.one_minute);
  frame.Add(kFive, {}, loadavg.five_minutes);
  frame.Add(kFifteen, {}, loadavg.fifteen_minutes);
  frame.Add(kThreads, {}, static_cast<double>(loadavg.threads));
}

}  // namespace agent::host
