#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "agent/pipeline/frame.h"
#include "shared/base/result.h"

namespace agent::host {

// One reading of /proc/pressure/{cpu,memory,io,irq} (kernel Documentation/accounting/psi.rst; Linux
// 4.20, "irq" 6.1):
//   some avg10=0.49 avg60=3.30 avg300=1.68 total=19087533
//   full avg10=0.00 avg60=0.00 avg300=0.00 total=0
// The totals are microseconds of stall since boot. "cpu" has no "full" before 5.13, "irq" no
// "some".
struct Pressure {
  std::optional<uint64_t> some_total_us;
  std::optional<uint64_t> full_total_us;
};

// Pure. kMalformed: a line "some" or "full" without a total, or neither line.
shared::Result<Pressure> ParsePressure(std::string_view text);

enum class PressureOf { kCpu, kMemory, kIo, kIrq };

// system.{cpu,memory,io,irq}.linux.pressure.total by system.pressure.stall_type, in seconds.
void Emit(const Pressure& pressure, PressureOf resource, pipeline::FrameBuilder& frame);

}  // namespace agent::host
