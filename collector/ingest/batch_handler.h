#pragma once

#include <map>

#include "collector/access/quotas.h"
#include "collector/http/server.h"
#include "collector/ingest/batch_check.h"
#include "collector/ingest/batch_store.h"
#include "shared/base/clock.h"
#include "shared/metrics/registry.h"
#include "shared/wire/zstd.h"

namespace collector::ingest {

struct BatchHandlerOptions {
  shared::wire::DecompressLimits decompress;
  BatchLimits limits;
};

// POST /v1/batches (proto/pgvigil/v1/batch.proto):
//   200 pgvigil.v1.BatchReply, after COMMIT    400 not a batch, or one that can never be stored
//   413 over a limit of bytes                  415 another content type or encoding
//   401, 403, 429 by the gate, before it comes here
//   429 samples or lines of a quota are used up, or one agent's requests wait already
//   503 PostgreSQL is away or the queue is full
// 429 and 503 carry Retry-After; nothing of such a batch was stored. Works on the HTTP threads,
// waits for nothing; the arguments must outlive it. Thread-safe.
class BatchHandler {
 public:
  // `quotas`: asked for what a batch takes; null: none.
  BatchHandler(BatchStore& store, const shared::Clock& clock, shared::metrics::Registry& registry,
               BatchHandlerOptions options, access::Quotas* quotas = nullptr);

  void Handle(http::Request request, http::Responder respond);

 private:
  shared::Result<AcceptedBatch> Accept(const http::Request& request);
  void Count(const AcceptedBatch& accepted, size_t body_bytes);

  BatchStore& store_;
  const shared::Clock& clock_;
  shared::metrics::Registry& registry_;
  const BatchHandlerOptions options_;
  access::Quotas* const quotas_;
  struct StreamCounters {
    shared::metrics::Counter batches;
    shared::metrics::Counter body_bytes;
    shared::metrics::Counter decompressed_bytes;
  };
  std::map<int, StreamCounters> by_stream_;  // constant after construction
};

}  // namespace collector::ingest
