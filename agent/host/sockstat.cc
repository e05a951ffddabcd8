#include "agent/host/sockstat.h"

#include "agent/host/sock_diag.h"
#include "shared/text/cursor.h"

namespace agent::host {
namespace {

using pipeline::Metric;
using shared::ErrorCode;
using shared::Fail;
using shared::model::MetricKind;
using shared::text::FieldCursor;
using shared::text::LineCursor;

constexpr MetricKind kUpDown = MetricKind::kUpDownCounter;
constexpr Metric kSockets{"system.linux.socket.count", "{socket}", kUpDown};
constexpr Metric kTcpInUse{"system.linux.tcp.sockets.in_use", "{socket}", kUpDown};
constexpr Metric kTcpOrphaned{"system.linux.tcp.sockets.orphaned", "{socket}", kUpDown};
constexpr Metric kTcpAllocated{"system.linux.tcp.sockets.allocated", "{socket}", kUpDown};
constexpr Metric kTcpMemory{"system.linux.tcp.sockets.memory", "By", kUpDown};
constexpr Metric kUdpInUse{"system.linux.udp.sockets.in_use", "{socket}", kUpDown};
constexpr Metric kUdpMemory{"system.linux.udp.sockets.memory", "By", kUpDown};

struct Field {
  std::string_view protocol;
  std::string_view name;
  std::optional<uint64_t> Sockstat::*slot;
};
constexpr Field kFields[] = {
    {"sockets", "used", &Sockstat::sockets_used}, {"TCP", "inuse", &Sockstat::tcp_in_use},
    {"TCP", "orphan", &Sockstat::tcp_orphaned},   {"TCP", "tw", &Sockstat::tcp_time_wait},
    {"TCP", "alloc", &Sockstat::tcp_allocated},   {"TCP", "mem", &Sockstat::tcp_memory_pages},
    {"UDP", "inuse", &Sockstat::udp_in_use},      {"UDP", "mem", &Sockstat::udp_memory_pages},
    {"TCP6", "inuse", &Sockstat::tcp6_in_use},    {"UDP6", "inuse", &Sockstat::udp6_in_use}};

}  // namespace

shared::Result<void> ParseSockstat(std::string_view text, Sockstat& out) {
  for (LineCursor lines(text); lines.Next();) {
    FieldCursor fields(lines.line());
    const std::string_view protocol = fields.TakeUntil(':');
    while (!fields.AtEnd()) {
      const std::string_view name = fields.Take();
      const std::string_view value = fields.Take();
      for (const Field& field : kFields) {
        if (field.protocol != protocol || field.name != name) continue;
        const auto number = shared::text::ParseNumber<uint64_t>(value);
        if (!number) {
          return Fail(ErrorCode::kMalformed, "line {}: {}: {}: no number", lines.number(), protocol,
                      name);
        }
        out.*field.slot = *number;
      }
    }
  }
  return {};
}

void Emit(const Sockstat& sockstat, uint64_t page_bytes, pipeline::FrameBuilder& frame) {
  const auto add = [&](const Metric& metric, std::optional<uint64_t> value, uint64_t scale = 1) {
    if (value) frame.Add(metric, {}, static_cast<double>(*value * scale));
  };
  add(kSockets, sockstat.sockets_used);
  if (sockstat.tcp_in_use) {
    add(kTcpInUse, *sockstat.tcp_in_use + sockstat.tcp6_in_use.value_or(0));
  }
  add(kTcpOrphaned, sockstat.tcp_orphaned);
  add(kTcpAllocated, sockstat.tcp_allocated);
  add(kTcpMemory, sockstat.tcp_memory_pages, page_bytes);
  if (sockstat.udp_in_use) {
    add(kUdpInUse, *sockstat.udp_in_use + sockstat.udp6_in_use.value_or(0));
  }
  add(kUdpMemory, sockstat.udp_memory_pages, page_bytes);
  if (sockstat.tcp_time_wait) EmitConnections("time_wait", *sockstat.tcp_time_wait, frame);
}

}  // namespace agent::host
