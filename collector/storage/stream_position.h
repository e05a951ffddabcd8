#pragma once

#include <cstdint>

// Exactly once, as a decision table: what is stored of a stream against what a batch says. Pure.
namespace collector::storage {

// A row of pgvigil.agent_stream, without its times. All 0: nothing was ever stored.
struct StreamPosition {
  uint64_t incarnation = 0;
  uint64_t sequence = 0;
  uint64_t batches = 0;
  uint64_t gaps = 0;
  uint64_t duplicates = 0;
  friend bool operator==(const StreamPosition&, const StreamPosition&) = default;
};

enum class Verdict {
  kStore,      // the next one, or a later one: what lies between never came and is counted
  kDuplicate,  // stored before: acknowledge again, store nothing
  kOlderLife,  // an older incarnation than the stored one: two agents with one id
};

// The verdict, and `position` moved on accordingly.
//   same incarnation, sequence <= stored      kDuplicate
//   same incarnation, sequence == stored + 1  kStore
//   same incarnation, sequence > stored + 1   kStore; gaps += sequence - stored - 1
//   higher incarnation                        kStore; gaps += sequence - 1: a new life begins at 1
//   lower incarnation                         kOlderLife; position unchanged
Verdict Advance(StreamPosition& position, uint64_t incarnation, uint64_t sequence);

}  // namespace collector::storage
