#include "collector/storage/stream_position.h"

namespace collector::storage {

Verdict Advance(StreamPosition& position, uint64_t incarnation, uint64_t sequence) {
  if (incarnation < position.incarnation) return Verdict::kOlderLife;
  const uint64_t stored = incarnation == position.incarnation ? position.sequence : 0;
  if (sequence <= stored) {
    position.duplicates += 1;
    return Verdict::kDuplicate;
  }
  position.gaps += sequence - stored - 1;
  position.incarnation = incarnation;
  position.sequence = sequence;
  position.batches += 1;
  return Verdict::kStore;
}

}  // namespace collector::storage
