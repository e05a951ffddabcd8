#pragma once

#include <string_view>

#include "pgvigil/v1/batch.pb.h"
#include "shared/base/result.h"
#include "shared/wire/zstd.h"

namespace collector::ingest {

// A request body (zstd frames of one pgvigil.v1.Batch) as a message. Pure. kMalformed: not zstd, or
// not a Batch; kResourceExhausted: a limit of `limits`; the messages say what and where.
shared::Result<pgvigil::v1::Batch> DecodeBatch(std::string_view body,
                                               const shared::wire::DecompressLimits& limits);

}  // namespace collector::ingest
