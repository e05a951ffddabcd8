#pragma once

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "collector/ingest/batch_check.h"
#include "collector/ingest/foreign/decode_foreign.h"
#include "shared/wire/block_codec.h"
#include "shared/wire/layout_proto.h"

namespace tests {

// Decodes any bytes as both signals. What comes out must pass the checks of ingest and be readable:
// no layout, block or record that the store would have to refuse.
inline void FuzzForeign(const uint8_t* data, size_t size,
                        collector::ingest::foreign::ForeignEncoding encoding) {
  namespace foreign = collector::ingest::foreign;
  const shared::WallTime now = shared::FromUnixNanos(1'767'225'600'000'000'000);
  foreign::ForeignRecord record;
  record.value = std::string_view(reinterpret_cast<const char*>(data), size);  // NOLINT
  record.topic = "t";
  record.timestamp = now;
  foreign::ForeignLimits limits;
  limits.points = 2000;
  limits.log_records = 2000;
  limits.series_bytes = size_t{4} << 20;
  limits.log_bytes = size_t{4} << 20;
  for (const auto signal : {foreign::ForeignSignal::kMetrics, foreign::ForeignSignal::kLogs}) {
    auto decoded = foreign::DecodeForeign(record, encoding, signal, limits, now);
    if (!decoded) continue;
    for (pgvigil::v1::Batch& batch : decoded->batches) {
      const auto refusals = collector::ingest::CheckBatch(batch, {}, now);
      if (!refusals || !refusals->empty()) std::abort();
      for (const auto& layout : batch.layouts()) {
        if (!shared::wire::FromProto(layout)) std::abort();
      }
      shared::wire::BlockDecoder decoder;
      shared::model::Block block;
      for (const auto& proto : batch.blocks()) {
        if (!decoder.Decode(proto.payload(), proto.series(), proto.ticks(), block)) std::abort();
      }
      pgvigil::v1::Batch again;  // every string is UTF-8
      if (!again.ParseFromString(batch.SerializeAsString())) std::abort();
    }
    for (const auto& refusal : decoded->refusals) {
      pgvigil::v1::Refusal again;
      if (!again.ParseFromString(refusal.SerializeAsString())) std::abort();
    }
  }
}

}  // namespace tests
