#pragma once

#include <map>
#include <string>
#include <vector>

#include "collector/bus/feed.h"
#include "collector/ingest/batch_store.h"
#include "shared/model/block.h"
#include "shared/model/layout.h"
#include "shared/wire/block_codec.h"
#include "shared/wire/layout_proto.h"
#include "tests/support/batch_builder.h"

namespace tests {

// Layouts that a batch carries.
class BatchLayouts final : public collector::bus::LayoutSource {
 public:
  explicit BatchLayouts(const pgvigil::v1::Batch& batch) {
    for (const pgvigil::v1::Layout& layout : batch.layouts()) layouts_[layout.hash()] = &layout;
  }
  [[nodiscard]] const pgvigil::v1::Layout* Find(const std::string& hash) const override {
    const auto found = layouts_.find(hash);
    return found == layouts_.end() ? nullptr : found->second;
  }

 private:
  std::map<std::string, const pgvigil::v1::Layout*> layouts_;
};

// Of tenant 3, agent 61616161-…, host db1, made 2026-11-21T08:00:00Z.
inline collector::ingest::AcceptedBatch MakeAccepted(pgvigil::v1::Stream stream) {
  collector::ingest::AcceptedBatch out;
  out.tenant = collector::access::TenantId{3};
  out.batch = MakeBatch(stream);
  out.batch.set_created_unix_nano(1'795'248'000'000'000'000);
  return out;
}

// Adds a layout and a block of its values, series-major.
inline void AddBlock(const shared::model::Labels& common,
                     const std::vector<shared::model::Series>& series,
                     const std::vector<int64_t>& times, const std::vector<double>& values,
                     pgvigil::v1::Batch& batch) {
  shared::model::Layout layout{common, series, shared::model::ComputeHash(common, series)};
  *batch.add_layouts() = shared::wire::ToProto(layout);
  shared::model::Block block{times, values, static_cast<uint32_t>(series.size())};
  pgvigil::v1::MetricBlock& out = *batch.add_blocks();
  out.set_layout_hash(batch.layouts(batch.layouts_size() - 1).hash());
  out.set_first_unix_nano(static_cast<uint64_t>(times.front()));
  out.set_last_unix_nano(static_cast<uint64_t>(times.back()));
  out.set_ticks(static_cast<uint32_t>(times.size()));
  out.set_series(block.series);
  shared::wire::BlockEncoder().Encode(block, *out.mutable_payload());
}

}  // namespace tests
