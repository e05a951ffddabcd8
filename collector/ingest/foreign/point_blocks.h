#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "pgvigil/v1/batch.pb.h"
#include "shared/model/layout.h"
#include "shared/wire/block_codec.h"

namespace collector::ingest::foreign {

// One series with its points: times ascending, each once.
struct SeriesPoints {
  shared::model::Series series;
  std::vector<std::pair<int64_t, double>> points;  // unix nanoseconds, value
};

// Writes series that belong together (sorted by name and labels, each with a point) as layouts and
// blocks.
//
// They share a layout, whose ticks are their distinct times; a series without a point at a tick has
// the stale marker there. When that would hold more than eight values for each point, because the
// series keep different times, each series gets a layout of its own: what is written never grows
// beyond the points by more than that. Layouts end at 20,000 series; blocks at two hours (the
// store's limit), 4096 ticks and 256 Ki values.
void AppendBlocks(const shared::model::Labels& common, std::span<const SeriesPoints* const> series,
                  shared::wire::BlockEncoder& encoder, pgvigil::v1::Batch& batch);

}  // namespace collector::ingest::foreign
