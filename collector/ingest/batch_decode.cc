#include "collector/ingest/batch_decode.h"

#include <string>
#include <utility>

namespace collector::ingest {

shared::Result<pgvigil::v1::Batch> DecodeBatch(std::string_view body,
                                               const shared::wire::DecompressLimits& limits) {
  shared::Result<std::string> content = shared::wire::Decompress(body, limits);
  if (!content) return tl::make_unexpected(std::move(content).error().With("body"));
  pgvigil::v1::Batch batch;
  if (!batch.ParseFromString(*content)) {
    return shared::Fail(shared::ErrorCode::kMalformed,
                        "body: {} bytes that are not a pgvigil.v1.Batch (or a string in it is not "
                        "UTF-8)",
                        content->size());
  }
  return batch;
}

}  // namespace collector::ingest
