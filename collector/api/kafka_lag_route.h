#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "collector/http/server.h"

namespace collector::api {

// How far this process is behind a partition that the group gave it.
struct KafkaLagRow {
  std::string topic;
  int32_t partition = 0;
  int64_t next_offset = 0;
  int64_t high_watermark = 0;  // -1: not known yet
  int64_t lag = 0;             // records
  bool paused = false;         // its writer is busy, or it is blocked
  std::string blocked;         // why its next record can be neither stored nor buried; "": it can
};

// GET /api/pgvigil/v1/kafka/lag, in processes with the role store: theirs is the only live answer.
// `read` waits for nothing and must outlive the server.
void AddKafkaLagRoute(http::Server& server, std::function<std::vector<KafkaLagRow>()> read);

}  // namespace collector::api
