#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "agent/pipeline/frame.h"
#include "shared/base/result.h"
#include "shared/text/cursor.h"

// The format that /proc/net/snmp and /proc/net/netstat share (proc_pid_net(5)): lines in pairs, the
// names of a protocol's counters, then their values.
//   Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens …
//   Tcp: 1 200 120000 -1 16 …
namespace agent::host {

// One counter that is wanted: where it is found, where its value goes, as what it is sent.
template <typename T>
struct ProtocolCounter {
  std::string_view protocol;  // "Tcp"
  std::string_view name;      // "ActiveOpens"
  std::optional<uint64_t> T::*slot;
  pipeline::Metric metric;
};

// Reads one pair of lines. kMalformed: fewer values than names, or a wanted value is no number.
template <typename T>
shared::Result<void> ParseProtocolPair(std::string_view protocol, std::string_view names_line,
                                       std::string_view values_line, size_t line,
                                       std::span<const ProtocolCounter<T>> counters, T& out) {
  shared::text::FieldCursor names(names_line);
  shared::text::FieldCursor values(values_line);
  for (std::string_view name = names.Take(); !name.empty(); name = names.Take()) {
    const std::string_view value = values.Take();
    if (value.empty()) {
      return shared::Fail(shared::ErrorCode::kMalformed, "line {}: {}: fewer values than names",
                          line, protocol);
    }
    for (const ProtocolCounter<T>& counter : counters) {
      if (counter.name != name || counter.protocol != protocol) continue;
      const auto number = shared::text::ParseNumber<uint64_t>(value);
      if (!number) {
        return shared::Fail(shared::ErrorCode::kMalformed, "line {}: {}: {}: no number", line,
                            protocol, name);
      }
      out.*counter.slot = *number;
      break;
    }
  }
  return {};
}

// Pure. Protocols without a wanted counter are skipped, so are unknown counters; wanted ones that
// the kernel does not print stay nullopt. kMalformed: lines that are no pair, and as above.
template <typename T>
shared::Result<T> ParseProtocolTable(std::string_view text,
                                     std::span<const ProtocolCounter<T>> counters) {
  T out;
  for (shared::text::LineCursor lines(text); lines.Next();) {
    shared::text::FieldCursor names(lines.line());
    const std::string_view protocol = names.TakeUntil(':');
    if (!lines.Next()) {
      return shared::Fail(shared::ErrorCode::kMalformed, "line {}: {}: no line of values",
                          lines.number(), protocol);
    }
    shared::text::FieldCursor values(lines.line());
    if (values.TakeUntil(':') != protocol) {
      return shared::Fail(shared::ErrorCode::kMalformed, "line {}: not the values of {}",
                          lines.number(), protocol);
    }
    bool wanted = false;
    for (const ProtocolCounter<T>& counter : counters) wanted |= counter.protocol == protocol;
    if (!wanted) continue;
    RETURN_IF_ERROR(
        ParseProtocolPair<T>(protocol, names.rest(), values.rest(), lines.number(), counters, out));
  }
  return out;
}

// Adds every counter that was found.
template <typename T>
void EmitProtocolTable(const T& table, std::span<const ProtocolCounter<T>> counters,
                       pipeline::FrameBuilder& frame) {
  for (const ProtocolCounter<T>& counter : counters) {
    const std::optional<uint64_t>& value = table.*counter.slot;
    if (value) frame.Add(counter.metric, {}, static_cast<double>(*value));
  }
}

}  // namespace agent::host
