#pragma once

#include <string>
#include <string_view>

#include "shared/base/clock.h"
#include "shared/log/log.h"

// How a line of the program's own log looks. Pure.
namespace shared::log {

// Without line break. Control characters in the message are escaped, so that no input forges a
// line:
//   kText      2026-11-21T08:00:00.123Z WARN kafka: all brokers are away
//   kLogfmt    time=2026-11-21T08:00:00.123Z level=warn thread=kafka-consumer msg="kafka: all …"
//   kJson      {"time":"2026-11-21T08:00:00.123Z","level":"warn","thread":"…","message":"kafka: all
//   …"}
// `journal`: systemd's priority comes first ("<4>"), and text has neither time nor level, which the
// journal has itself.
std::string FormatLine(Format format, Level level, WallTime time, std::string_view thread,
                       std::string_view message, bool journal);

}  // namespace shared::log
