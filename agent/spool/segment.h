#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "agent/spool/files.h"
#include "agent/spool/format.h"

namespace agent::spool {

// One segment file that is in use. Constant once it is in the spool's list, but for `damaged`.
struct Segment {
  std::string path;
  std::shared_ptr<File> file;  // shared with a reader that is late when the file is used again
  uint64_t size = 0;           // of the file
  SegmentHeader header;
  bool damaged = false;  // a write or sync failed: remove the file instead of using it again

  [[nodiscard]] Name first() const { return {header.incarnation, header.first_sequence}; }
};

struct StoredRecord {
  RecordHeader header;
  std::string payload;
  bool intact = false;  // the payload is what was written
  [[nodiscard]] uint64_t items_after() const { return header.items_before + header.items; }
};

// Reading. A read error counts as damage: nullopt, logged by the caller that gives up the span.

// The header at `offset`, if a record that fits in the segment begins there.
std::optional<RecordHeader> ReadRecordHeader(const Segment& segment, uint64_t offset);
// The same with its payload.
std::optional<StoredRecord> ReadRecord(const Segment& segment, uint64_t offset);
// The offset of the first record header at or after `offset` and before `end`.
std::optional<uint64_t> FindRecord(const Segment& segment, uint64_t offset, uint64_t end);

// What the newest segment holds after a crash.
struct Tail {
  uint64_t offset = kFirstRecordOffset;  // behind the last record header that was found
  uint64_t last_sequence = 0;            // of the last intact record; first_sequence - 1: none
  uint64_t last_seen = 0;                // the same, also of damaged ones
  uint64_t items = 0;                    // items of all records up to there, also damaged ones
  bool clean = true;                     // nothing damaged in between or behind: append may go on
};
Tail ScanTail(const Segment& segment);

}  // namespace agent::spool
