#pragma once

#include <cstddef>
#include <vector>

#include "pgvigil/v1/batch.pb.h"
#include "shared/base/clock.h"
#include "shared/base/result.h"

namespace collector::ingest {

struct BatchLimits {
  size_t series_per_layout = 20'000;  // as the wire format has it; the store limits them by agent
  size_t labels_per_series = 40;      // common ones included
  size_t label_name_bytes = 255;
  size_t label_value_bytes = 4096;
  size_t resource_attributes = 64;
  size_t log_body_bytes = size_t{1} << 20;  // of each string of a record
  size_t statement_text_bytes = size_t{1} << 20;
  std::chrono::seconds future_skew{86'400};  // times further ahead are refused
  shared::WallTime oldest = shared::FromUnixNanos(946'684'800'000'000'000);  // 2000-01-01
};

// Judges a batch that decoded. An error (kInvalidInput) refuses it whole: its envelope is wrong,
// and no later attempt can be better. What is wrong with a part takes only that part out of
// `batch`; it is named in the returned refusals:
//   timestamp_out_of_range  a block, record or interval before `oldest` or beyond `future_skew`
//   label_limit             a layout with too many or too long labels, or an unnamed series
//   series_limit            a layout with more than series_per_layout series
//   malformed_layout        a layout whose hash is not 16 bytes
//   malformed_block         a block whose header contradicts itself
//   malformed_log           a chunk or record outside its byte range, a file without an id
//   malformed_statement     an interval that ends before it begins
//   text_limit              a string longer than its limit
//   nul_byte                a string with a NUL, which PostgreSQL cannot store
// A log chunk keeps its byte range when records are taken out of it: those bytes are accounted for.
shared::Result<std::vector<pgvigil::v1::Refusal>> CheckBatch(pgvigil::v1::Batch& batch,
                                                             const BatchLimits& limits,
                                                             shared::WallTime now);

}  // namespace collector::ingest
