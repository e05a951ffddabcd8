#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "collector/access/tenant.h"
#include "pgvigil/v1/batch.pb.h"
#include "shared/base/result.h"

namespace collector::ingest {

// A batch that passed the checks of ingest/batch_check.h, on its way to durable storage.
struct AcceptedBatch {
  access::TenantId tenant;
  pgvigil::v1::Batch batch;
  std::string body;       // as it came: zstd frames; empty when it did not come by HTTP
  size_t cost_bytes = 0;  // decompressed size: what it takes of the queue's bound
  std::vector<pgvigil::v1::Refusal> refusals;  // parts that the checks left out
  // Not of an agent of ours: it has no incarnation and sequence, so that the store cannot tell one
  // that comes again; of a block that is stored already (same host, layout and time) it takes none.
  bool foreign = false;
};

// What ingest needs of storage.
class BatchStore {
 public:
  virtual ~BatchStore() = default;

  // Hands a batch over; `done` is called once, from any thread, when it is durable (COMMIT) or is
  // not: a reply to send, or
  //   kUnavailable        PostgreSQL is away, or the queue is full: 503 + Retry-After
  //   kResourceExhausted  too many requests of this agent wait: 429 + Retry-After
  //   kInvalidInput       the batch contradicts what is stored (two agents with one id): 400
  // False: the queue is full; `done` will not be called and `batch` is untouched.
  virtual bool Submit(AcceptedBatch& batch,
                      std::function<void(shared::Result<pgvigil::v1::BatchReply>)> done) = 0;
};

}  // namespace collector::ingest
