#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "collector/storage/missing_ranges.h"

// Exactly once, as a decision table: what is stored of a stream against what a batch says. Pure.
namespace collector::storage {

// How far one life (incarnation) of a stream's sequence is stored.
struct StreamLife {
  uint64_t incarnation = 0;
  uint64_t sequence = 0;    // newest stored
  MissingRanges missing{};  // below it, not stored
  friend bool operator==(const StreamLife&, const StreamLife&) = default;
};

// A row of pgvigil.agent_stream, without its times. All 0: nothing was ever stored.
struct StreamPosition {
  uint64_t incarnation = 0;
  uint64_t sequence = 0;
  uint64_t batches = 0;
  uint64_t gaps = 0;  // numbers that are missing: fewer again when one comes late
  uint64_t duplicates = 0;
  MissingRanges missing{};  // of this incarnation
  // Earlier incarnations, ascending, of which batches may still come; and from which on we know.
  std::vector<StreamLife> older{};
  uint64_t oldest_incarnation = 0;
  uint64_t forgotten = 0;  // numbers given up since this was read, for want of room; not kept
  friend bool operator==(const StreamPosition&, const StreamPosition&) = default;
};

enum class Verdict {
  kStore,      // the next one, a later one, or one that was missing
  kDuplicate,  // stored before: acknowledge again, store nothing
  kOlderLife,  // of an older incarnation than the stored one, of which nothing can be said
};

// Whether batches of an older incarnation are taken. A sender that waits for its answer before it
// sends more has none on their way, so that they tell of two agents with one id; through Kafka they
// may arrive after their successors.
enum class OlderLives { kRefused, kTaken };

// The verdict, and `position` moved on accordingly.
//   same incarnation, sequence > stored   kStore; the numbers between become missing
//   same incarnation, sequence missing    kStore; it is missing no more
//   same incarnation, else                kDuplicate
//   higher incarnation                    kStore; a new life begins at 1
//   lower incarnation                     kOlderLife and unchanged when refused; when taken, as
//                                         above against what is stored of that incarnation, or
//                                         kOlderLife when that was forgotten
// At most 64 ranges of a life and 8 older lives are kept; the oldest are given up (`forgotten`).
Verdict Advance(StreamPosition& position, uint64_t incarnation, uint64_t sequence,
                OlderLives older = OlderLives::kRefused);

// `older` as a column of type int8[]: for each life incarnation, sequence, number of ranges, and
// the ranges (first, end).
std::vector<int64_t> FlatLives(std::span<const StreamLife> lives);
// What was kept so; reading ends where it is none of ours.
std::vector<StreamLife> LivesFromFlat(std::span<const int64_t> flat);

}  // namespace collector::storage
