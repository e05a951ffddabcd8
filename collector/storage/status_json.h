#pragma once

#include <string>

#include "pgvigil/v1/batch.pb.h"

namespace collector::storage {

// What pgvigil.agent.status holds:
//   {"capabilities":[{"name":"host","state":"ok","detail":"","remedy":""}],
//    "dropped":[{"stream":"logs","reason":"log_gap","items":3,"bytes":120}],
//    "streams":[{"stream":"metrics","waiting_bytes":0,"oldest_waiting_unix_nano":"0"}]}
std::string StatusJson(const pgvigil::v1::AgentStatus& status);

}  // namespace collector::storage
