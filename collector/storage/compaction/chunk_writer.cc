#include "collector/storage/compaction/chunk_writer.h"

#include <fmt/format.h>

#include "collector/storage/partition.h"

namespace collector::storage {

using shared::Result;
using shared::postgres::Connection;
using shared::postgres::CopyIn;
using shared::wire::Packing;

Result<void> ChunkWriter::Begin(Connection& connection, shared::WallTime window_start,
                                std::chrono::minutes span) {
  window_start_ = window_start;
  span_minutes_ = static_cast<int16_t>(span.count());
  totals_ = {};
  copy_.reset();
  const PartitionedTable& table =
      span == std::chrono::hours(1) ? kChunkHoursTable : kChunkMinutesTable;
  ASSIGN_OR_RETURN(
      CopyIn copy,
      CopyIn::Begin(connection,
                    fmt::format("COPY pgvigil.{} (family_id, window_start, span, host_id,"
                                " first_time, last_time, samples, generation, format, data)"
                                " FROM STDIN (FORMAT binary)",
                                table.name)));
  copy_.emplace(std::move(copy));
  return {};
}

MergeCounts ChunkWriter::Put(FamilyWork& work) {
  const MergeCounts counts = merger_.Merge(work.parts, groups_);
  data_.clear();
  // Ten minutes are soon part of an hour: not worth the time to make them small.
  const bool lasting = span_minutes_ == 60;
  encoder_.Encode(groups_, data_, lasting ? Packing::kZstd : Packing::kStored);
  copy_->BeginRow(10);
  copy_->Int8(work.family_id);
  copy_->Timestamptz(window_start_);
  copy_->Int2(span_minutes_);
  copy_->Int4(work.host_id);
  copy_->Timestamptz(shared::FromUnixNanos(counts.first_time));
  copy_->Timestamptz(shared::FromUnixNanos(counts.last_time));
  copy_->Int4(static_cast<int32_t>(counts.samples));
  copy_->Int2(work.generation);
  copy_->Int2(kChunkFormat);
  copy_->Bytea(data_);
  totals_.samples += counts.samples;
  totals_.chunks += 1;
  totals_.bytes += data_.size();
  totals_.left_out += counts.left_out;
  return counts;
}

Result<ChunkWriter::Totals> ChunkWriter::Finish() {
  RETURN_IF_ERROR(copy_->Finish());
  copy_.reset();
  return totals_;
}

}  // namespace collector::storage
