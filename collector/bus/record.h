#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "collector/bus/record_store.h"
#include "collector/config/collector_config.h"
#include "collector/ingest/batch_check.h"
#include "collector/ingest/foreign/foreign_limits.h"
#include "shared/base/clock.h"
#include "shared/wire/zstd.h"

namespace collector::bus {

// A record as Kafka delivered it.
struct ConsumedRecord {
  std::string topic;
  int32_t partition = 0;
  int64_t offset = 0;
  int64_t timestamp_ms = 0;  // since 1970; 0: it has none
  std::optional<std::string> key;
  std::string value;
  std::vector<std::pair<std::string, std::string>> headers;

  // The first header of that name; "" when there is none.
  [[nodiscard]] std::string_view Header(std::string_view name) const;
};

struct RecordLimits {
  shared::wire::DecompressLimits decompress;
  ingest::BatchLimits batch;
  ingest::foreign::ForeignLimits foreign;
};

// xxh3-64 of a record's value: tells whether the record at an offset is the one that was there.
int64_t AnchorOf(std::string_view value);

// Fills `out`: its batches, or the fault that keeps them from being read; and what headers say of
// tenant and agent. `source`: null for batches of our own agents (batch_headers.h), else how the
// topic's producer writes. `generation`: bus::Claim. Pure. Faults:
//   schema       the headers name no schema, another one, or a version that we do not know
//   undecodable  the value is not what the headers or the source promise
//   too_large    decompressed, or for what the source may send
//   refused      a batch that no collector of this version can store
void ReadRecord(const ConsumedRecord& record, const config::KafkaSource* source,
                uint64_t generation, const RecordLimits& limits, shared::WallTime now,
                PendingRecord& out);

}  // namespace collector::bus
