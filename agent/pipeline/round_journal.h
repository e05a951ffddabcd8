#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "agent/pipeline/telemetry.h"
#include "shared/base/result.h"
#include "shared/base/unique_fd.h"
#include "shared/model/layout.h"

// One preallocated file. All numbers are little-endian.
//
//   journal = header entry*        ; entries from offset 64 up to the first that is not valid
//   header  = "PGVJRN01" generation:u64 incarnation:u64 sequence:u64 hash:u64
//             ; the rounds become batch `sequence` of `incarnation`; the hash is XXH3-64 of the
//             bytes before it
//   entry   = size:u32 kind:u32 hash:u64 body[size], then zeros up to a multiple of 8
//             ; hash: XXH3-64 of size, kind and body, seeded with the generation, so that entries
//             of the ; file's last use do not count
//   kind    = 1: body is a pgvigil.v1.Layout
//           | 2: body is layout_hash[16] time_unix_nano:i64 value:f64*
namespace agent::pipeline {

struct JournalContent {
  uint64_t generation = 0;
  uint64_t incarnation = 0;
  uint64_t sequence = 0;
  std::vector<MetricRound> rounds;
};

// Pure, for any bytes. nullopt: no valid header.
std::optional<JournalContent> ReadJournal(std::string_view bytes);

// Keeps the rounds that are gathered for the next metrics batch, so that the end of the process
// does not lose a minute of samples: what is appended survives it at once, a power cut only after
// Sync. One thread.
class RoundJournal {
 public:
  // Opens the file or makes it, with room for `capacity_bytes`. What it held is in `found`; it
  // counts no longer after the first Begin().
  static shared::Result<RoundJournal> Open(const std::string& path, uint64_t capacity_bytes,
                                           std::optional<JournalContent>& found);

  // Forgets all rounds. Those that follow will become this batch.
  shared::Result<void> Begin(uint64_t incarnation, uint64_t sequence);
  // kResourceExhausted: full. Close the batch, Begin() the next.
  shared::Result<void> Append(const MetricRound& round);
  // Writes to the medium what was appended since the last time, if anything.
  shared::Result<void> Sync();
  [[nodiscard]] bool dirty() const { return dirty_; }

 private:
  RoundJournal(shared::UniqueFd fd, std::string path, uint64_t capacity_bytes)
      : fd_(std::move(fd)), path_(std::move(path)), capacity_bytes_(capacity_bytes) {}
  shared::Result<void> AppendEntry(uint32_t kind, std::string_view body);
  shared::Result<void> Write(uint64_t offset, std::string_view bytes);

  shared::UniqueFd fd_;
  std::string path_;
  uint64_t capacity_bytes_;
  uint64_t generation_ = 0;
  uint64_t end_ = 0;
  bool dirty_ = false;
  std::unordered_set<shared::model::LayoutHash> layouts_;  // written in this generation
};

}  // namespace agent::pipeline
