#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "agent/pipeline/frame.h"
#include "shared/base/result.h"

namespace agent::host {

// One line of /proc/diskstats (kernel Documentation/admin-guide/iostats.rst). Columns:
//    254       0 vda 59012 12105 3700882 40318 34349 14607 2041752 11177 0 19648 52400 7569 30
//    857592 792 1890 111 major minor name | reads merged sectors ms | writes merged sectors ms | in
//    flight, io ms, weighted ms
//                     | discards merged sectors ms (Linux 4.18) | flushes ms (Linux 5.5)
// A sector is 512 bytes, whatever the device says. Counters may step back: some are 32 bits wide.
struct Disk {
  std::string_view name;  // a view of the text that was parsed
  uint64_t reads = 0;
  uint64_t reads_merged = 0;
  uint64_t read_sectors = 0;
  uint64_t read_ms = 0;
  uint64_t writes = 0;
  uint64_t writes_merged = 0;
  uint64_t written_sectors = 0;
  uint64_t write_ms = 0;
  uint64_t in_flight = 0;
  uint64_t io_ms = 0;
  uint64_t weighted_io_ms = 0;
  std::optional<uint64_t> discards;
  std::optional<uint64_t> discarded_sectors;
  std::optional<uint64_t> discard_ms;
  std::optional<uint64_t> flushes;
  std::optional<uint64_t> flush_ms;
};

// Pure. Fills `out`, whose memory is reused. kMalformed: a line has fewer than 14 columns or one
// that is not a number; `out` is then not meaningful.
shared::Result<void> ParseDiskstats(std::string_view text, std::vector<Disk>& out);

// system.disk.* of one disk by system.device and disk.io.direction; discards, flushes, the queue
// and its time as system.linux.disk.*. The table is in diskstats.cc.
void Emit(const Disk& disk, pipeline::FrameBuilder& frame);

}  // namespace agent::host
