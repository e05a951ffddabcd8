#include "collector/storage/stream_position.h"

#include <algorithm>
#include <utility>

namespace collector::storage {
namespace {

constexpr size_t kMostRanges = 64;
constexpr size_t kMostLives = 8;
constexpr size_t kLifeHeader = 3;  // incarnation, sequence, number of ranges

// Within one life. The counters of `position` are the stream's.
Verdict AdvanceLife(StreamPosition& position, uint64_t& newest, MissingRanges& missing,
                    uint64_t sequence) {
  if (sequence > newest) {
    missing.Append(newest + 1, sequence);
    position.gaps += sequence - newest - 1;
    newest = sequence;
    position.forgotten += missing.ForgetBeyond(kMostRanges);
  } else if (missing.Remove(sequence, sequence + 1) > 0) {
    position.gaps -= std::min<uint64_t>(position.gaps, 1);
    position.forgotten += missing.ForgetBeyond(kMostRanges);  // one range may have become two
  } else {
    position.duplicates += 1;
    return Verdict::kDuplicate;
  }
  position.batches += 1;
  return Verdict::kStore;
}

void ForgetOldestLife(StreamPosition& position) {
  const StreamLife& oldest = position.older.front();
  for (const MissingRanges::Range& range : oldest.missing.ranges()) {
    position.forgotten += range.size();
  }
  position.oldest_incarnation = oldest.incarnation + 1;
  position.older.erase(position.older.begin());
}

Verdict AdvanceOlderLife(StreamPosition& position, uint64_t incarnation, uint64_t sequence) {
  if (incarnation < position.oldest_incarnation) return Verdict::kOlderLife;
  auto life = std::lower_bound(
      position.older.begin(), position.older.end(), incarnation,
      [](const StreamLife& one, uint64_t value) { return one.incarnation < value; });
  if (life == position.older.end() || life->incarnation != incarnation) {
    // A life of which nothing came before its successor did.
    if (position.older.size() >= kMostLives) {
      if (life == position.older.begin()) return Verdict::kOlderLife;
      const auto index = life - position.older.begin() - 1;
      ForgetOldestLife(position);
      life = position.older.begin() + index;
    }
    life = position.older.insert(life, StreamLife{incarnation, 0, {}});
  }
  return AdvanceLife(position, life->sequence, life->missing, sequence);
}

}  // namespace

Verdict Advance(StreamPosition& position, uint64_t incarnation, uint64_t sequence,
                OlderLives older) {
  if (incarnation < position.incarnation) {
    if (older == OlderLives::kRefused) return Verdict::kOlderLife;
    return AdvanceOlderLife(position, incarnation, sequence);
  }
  if (incarnation > position.incarnation) {
    if (position.incarnation > 0) {
      position.older.push_back({position.incarnation, position.sequence, position.missing});
      if (position.older.size() > kMostLives) ForgetOldestLife(position);
    }
    position.incarnation = incarnation;
    position.sequence = 0;
    position.missing = {};
  }
  return AdvanceLife(position, position.sequence, position.missing, sequence);
}

std::vector<int64_t> FlatLives(std::span<const StreamLife> lives) {
  std::vector<int64_t> flat;
  for (const StreamLife& life : lives) {
    flat.push_back(static_cast<int64_t>(life.incarnation));
    flat.push_back(static_cast<int64_t>(life.sequence));
    flat.push_back(static_cast<int64_t>(life.missing.ranges().size()));
    const std::vector<int64_t> ranges = life.missing.Flat();
    flat.insert(flat.end(), ranges.begin(), ranges.end());
  }
  return flat;
}

std::vector<StreamLife> LivesFromFlat(std::span<const int64_t> flat) {
  std::vector<StreamLife> lives;
  while (flat.size() >= kLifeHeader) {
    StreamLife life{static_cast<uint64_t>(flat[0]), static_cast<uint64_t>(flat[1]), {}};
    const auto ranges = static_cast<uint64_t>(flat[2]);
    if (flat[0] < 0 || flat[1] < 0 || ranges > (flat.size() - kLifeHeader) / 2) break;
    if (!lives.empty() && lives.back().incarnation >= life.incarnation) break;
    life.missing = MissingRanges::FromFlat(flat.subspan(kLifeHeader, ranges * 2));
    lives.push_back(std::move(life));
    flat = flat.subspan(kLifeHeader + ranges * 2);
  }
  return lives;
}

}  // namespace collector::storage
