#include "agent/host/self.h"

namespace agent::host {
namespace {

using pipeline::Metric;
using shared::model::MetricKind;

constexpr Metric kCpu{"pgvigil.agent.process.cpu.time", "s", MetricKind::kCounter};
constexpr Metric kMemory{"pgvigil.agent.process.memory.usage", "By", MetricKind::kUpDownCounter};
constexpr Metric kThreads{"pgvigil.agent.process.thread.count", "{thread}",
                          MetricKind::kUpDownCounter};
constexpr double kTicksPerSecond = 100;  // USER_HZ

}  // namespace

void EmitSelf(const PidStat& self, uint64_t page_bytes, pipeline::FrameBuilder& frame) {
  frame.Add(kCpu, {{"cpu.mode", "user"}}, static_cast<double>(self.user_ticks) / kTicksPerSecond);
  frame.Add(kCpu, {{"cpu.mode", "system"}},
            static_cast<double>(self.system_ticks) / kTicksPerSecond);
  frame.Add(kMemory, {}, static_cast<double>(self.resident_pages * page_bytes));
  frame.Add(kThreads, {}, static_cast<double>(self.threads));
}

}  // namespace agent::host
