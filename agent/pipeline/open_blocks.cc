#include "agent/pipeline/open_blocks.h"

#include <algorithm>

namespace agent::pipeline {
namespace {

// What shared/wire/block_codec.h takes.
constexpr size_t kMostSeries = 20'000;
constexpr size_t kMostTicks = 4096;
constexpr size_t kMostValues = size_t{4} << 20;

}  // namespace

OpenBlocks::Added OpenBlocks::Add(const MetricRound& round) {
  const size_t series = round.layout->series.size();
  if (round.values.size() != series) return Added::kMalformed;
  if (series > kMostSeries) return Added::kTooLarge;
  if (series == 0) return Added::kYes;
  const int64_t time = shared::ToUnixNanos(round.time);
  Open* last = nullptr;
  for (Open& open : open_) {
    if (open.layout->hash != round.layout->hash) continue;
    if (std::binary_search(open.times.begin(), open.times.end(), time)) return Added::kRepeated;
    last = &open;
  }
  const bool fits = last != nullptr && time > last->times.back() &&
                    last->times.size() < kMostTicks && last->values.size() + series <= kMostValues;
  if (!fits) last = &open_.emplace_back(Open{round.layout, {}, {}});
  last->times.push_back(time);
  last->values.insert(last->values.end(), round.values.begin(), round.values.end());
  samples_ += series;
  return Added::kYes;
}

void OpenBlocks::Take(
    const std::function<void(const shared::model::Layout&, const shared::model::Block&)>& take) {
  for (Open& open : open_) {
    const size_t series = open.layout->series.size();
    const size_t ticks = open.times.size();
    block_.series = static_cast<uint32_t>(series);
    block_.times_unix_nano = std::move(open.times);
    block_.values.resize(series * ticks);
    for (size_t tick = 0; tick < ticks; ++tick) {
      for (size_t index = 0; index < series; ++index) {
        block_.values[index * ticks + tick] = open.values[tick * series + index];
      }
    }
    take(*open.layout, block_);
    open.values = {};
  }
  open_.clear();
  samples_ = 0;
  block_ = {};  // a minute's values are not worth holding until the next
}

}  // namespace agent::pipeline
