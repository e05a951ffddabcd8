#pragma once

#include <string>

#include "collector/ingest/foreign/foreign_record.h"
#include "pgvigil/v1/batch.pb.h"
#include "shared/model/labels.h"

namespace collector::ingest::foreign {

// An empty batch of `record` about `host`: who sent it (decode_foreign.h), and its resource.
pgvigil::v1::Batch MakeEnvelope(const ForeignRecord& record, const shared::model::Labels& host,
                                pgvigil::v1::Stream stream);

// The 16 bytes that stand for the log file of a partition: a hash of topic, its incarnation and
// partition.
std::string PartitionFileId(const ForeignRecord& record);

}  // namespace collector::ingest::foreign
